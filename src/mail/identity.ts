/** Whether a provider may send for a From domain: what was found out about it, and what follows. */

/** `unknown`: nobody could be asked, or nobody answered; that keeps no mail away. */
export type IdentityState = 'ready' | 'not ready' | 'unknown'

/** One thing found out. */
export interface IdentityFinding {
  /** Who says so: the vendor itself, or DNS. */
  about: 'vendor' | 'dkim' | 'spf' | 'dmarc'
  state: IdentityState
  /** In words, with the names that were asked for. */
  detail: string
  /** What would mend it; absent where there is nothing to mend, or nobody knows. */
  mend?: string
}

/** What a vendor says of a domain when it is asked. */
export type IdentityAnswer = Pick<IdentityFinding, 'state' | 'detail' | 'mend'>

/** What is held of a provider and a From domain. */
export interface IdentityVerdict {
  domain: string
  state: IdentityState
  /** In words; empty where it is ready. */
  reason: string
  /** When it was found out. */
  at: number
}

/**
 * One word for all that was found: not ready where anything definite speaks against it, ready where somebody says so and nobody
 * denies it. That DMARC asks for nothing says nothing of the provider.
 */
export function stateOf(findings: readonly IdentityFinding[]): IdentityState {
  if (findings.some(({ state }) => state === 'not ready')) return 'not ready'
  return findings.some(({ about, state }) => about !== 'dmarc' && state === 'ready') ? 'ready' : 'unknown'
}

/** Why it is as it is, in one line; empty where it is ready. */
export function reasonOf(findings: readonly IdentityFinding[]): string {
  const state = stateOf(findings)
  if (state === 'ready') return ''
  return findings
    .filter((finding) => finding.state === state)
    .map(({ detail }) => detail)
    .join('; ')
}

/**
 * A vendor's word on a domain that its account has.
 * @param verified true or false; anything else is no word
 * @param why what it says where it is not ready
 */
export function wordOn(domain: string, verified: unknown, why: string): IdentityAnswer {
  if (verified === true) return { state: 'ready', detail: `the vendor has ${domain} verified` }
  if (verified !== false) return { state: 'unknown', detail: `the vendor does not say whether ${domain} is verified` }
  const mend = 'publish the DNS records that the vendor shows for it, and have it verify them there'
  return { state: 'not ready', detail: `the vendor has not verified ${domain} (${why})`, mend }
}

/** The same by the name of a status. @param good the one that is ready */
export function wordByStatus(domain: string, status: unknown, good: string): IdentityAnswer {
  return wordOn(domain, typeof status === 'string' ? status === good : null, String(status))
}

/**
 * The word of a vendor whose account has no such domain.
 * @param besides how mail may leave from there all the same, so that this says nothing for certain; null: not at all
 */
export function wordOnNone(domain: string, besides: string | null): IdentityAnswer {
  const detail = `the vendor's account has no domain ${domain}`
  if (besides !== null) return { state: 'unknown', detail: `${detail}; ${besides}` }
  return { state: 'not ready', detail, mend: 'add it there, and publish the DNS records that the vendor shows' }
}
