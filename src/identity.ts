/**
 * Which providers may send for which From domains, as far as it was found out. Mail looks at what is known, which is a map, and
 * never waits: a domain that nothing is known of is asked about in the background, and until then keeps no mail away.
 */
import { type IdentityFinding, type IdentityState, type IdentityVerdict, reasonOf, stateOf } from './mail/identity.ts'
import { type Provider, sameSettings } from './mail/provider.ts'
import { isOf } from './route/fit.ts'
import type { Store } from './store/store.ts'
import type { Turn } from './turns.ts'

/** How long each word holds before it is asked for again; what mail waits for, and what nobody could tell, sooner. */
const goodFor: Record<IdentityState, number> = { ready: 3_600_000, 'not ready': 600_000, unknown: 300_000 }
/** A word that could not be confirmed for so long is none any more. */
const lastWordStands = 2 * 3_600_000
/** A domain that no mail came from for so long is forgotten. */
const forgetAfter = 7 * 86_400_000
const mostDomains = 1_000
const lookEvery = 2_000
const atOnce = 4

export interface IdentityParts {
  store: Pick<Store, 'state' | 'setState'>
  clock: () => number
  /** In [0, 1). */
  dice: () => number
  find: (provider: Provider, domain: string) => Promise<IdentityFinding[]>
  /** Loads what finding needs: long work for this thread, better done while nothing else is under way. */
  prepare: () => Promise<unknown>
  turned: Turn
}

interface Known extends IdentityVerdict {
  /** When it is asked about again. */
  due: number
  /** When mail last came from it. */
  met: number
}

/** One provider's leave to send. */
export class Identity {
  readonly provider: Provider
  readonly known = new Map<string, Known>()
  readonly #require: boolean

  constructor(provider: Provider, saved: readonly Known[]) {
    this.provider = provider
    this.#require = provider.identity?.require === true
    // What was known stands, and is asked about anew: the config or DNS may have changed meanwhile.
    for (const one of saved) this.known.set(one.domain, { ...one, due: 0 })
  }

  /** Why mail from a domain is kept away, and until when at least; null when it is not. */
  refusal(domain: string, now: number): { reason: string; until: number } | null {
    const known = this.known.get(domain)
    if (!known) {
      if (this.#concerns(domain) && this.known.size < mostDomains)
        this.known.set(domain, { domain, state: 'unknown', reason: 'not asked yet', at: now, due: now, met: now })
      return null
    }
    known.met = now
    if (!this.#require || known.state !== 'not ready') return null
    return { reason: `may not send for ${domain} yet: ${known.reason}`, until: Math.max(known.due, now + lookEvery) }
  }

  /** Mail from a domain that the account is not for never comes here. */
  #concerns(domain: string): boolean {
    const { domains } = this.provider
    return domain !== '' && (domains?.some((one) => isOf(one, domain)) ?? true)
  }

  /** The vendor refused mail from a domain: it is asked about soon. */
  doubt(domain: string): void {
    const known = this.known.get(domain)
    if (known) known.due = 0
  }

  verdicts(): IdentityVerdict[] {
    return [...this.known.values()].map(({ domain, state, reason, at }) => ({ domain, state, reason, at }))
  }
}

export class Identities {
  readonly #parts: IdentityParts
  #all = new Map<string, Identity>()
  #asking = new Set<Known>()
  #timer: NodeJS.Timeout | undefined

  constructor(parts: IdentityParts) {
    this.#parts = parts
  }

  /** Takes over a new set of providers; what is known of those whose settings did not change stays. */
  async configure(providers: readonly Provider[]): Promise<void> {
    const { store } = this.#parts
    const before = this.#all
    const all = new Map<string, Identity>()
    for (const provider of providers) {
      if (provider.identity === null) continue
      const { name } = provider
      const old = before.get(name)
      if (old && sameSettings(old.provider, provider)) all.set(name, old)
      else {
        const saved = old ? null : ((await store.state(key(name))) as Known[] | null)
        all.set(name, new Identity(provider, saved ?? []))
      }
    }
    this.#all = all
    if (all.size === 0) return this.close()
    await this.#parts.prepare()
    this.#timer ??= setInterval(() => this.#look(), lookEvery).unref()
  }

  /** Null where nobody looks after it. */
  of(provider: string): Identity | null {
    return this.#all.get(provider) ?? null
  }

  /** Asks about what is due. */
  #look(): void {
    const now = this.#parts.clock()
    for (const identity of this.#all.values()) {
      for (const known of identity.known.values()) {
        if (now - known.met >= forgetAfter) identity.known.delete(known.domain)
        else if (known.due <= now && !this.#asking.has(known) && this.#asking.size < atOnce)
          void this.#ask(identity, known)
      }
    }
  }

  async #ask({ provider, known: all }: Identity, known: Known): Promise<void> {
    const { find, clock, dice, turned, store } = this.#parts
    this.#asking.add(known)
    const findings = await find(provider, known.domain).catch(() => [])
    this.#asking.delete(known)
    const was = known.state
    const state = stateOf(findings)
    const now = clock()
    // A question without an answer leaves the last word standing, for a time.
    if (state !== 'unknown' || was === 'unknown' || now - known.at > lastWordStands)
      Object.assign(known, { state, reason: reasonOf(findings), at: now })
    known.due = now + Math.round(goodFor[state] * (0.75 + 0.5 * dice()))
    if (known.state === was) return
    const { domain, reason, due } = known
    if (known.state === 'not ready')
      turned(provider.name, 'not verified', { reason: `${domain}: ${reason}`, until: due })
    else turned(provider.name, 'verified', { reason: domain, until: null })
    store.setState(key(provider.name), [...all.values()]).catch(() => {})
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

const key = (provider: string) => `identity:${provider}`
