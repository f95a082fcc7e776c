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
