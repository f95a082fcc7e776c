/** Which mailbox provider is behind a domain: by a table for the well-known, by what was looked up for the others. */
import { domainOf } from './mail/address.ts'
import { hostOfDomain, hostOfExchanges } from './mail/hosts.ts'
import type { MailDns } from './send/dns.ts'

/** The mailbox provider that a domain's MX name; null: nobody we know; undefined: no answer. */
export type LookUp = (domain: string) => Promise<string | null | undefined>

/** By the MX that DNS names. */
export function byMx({ exchangers }: Pick<MailDns, 'exchangers'>): LookUp {
  return async (domain) => {
    const found = await exchangers(domain)
    if (found.kind === 'unanswered') return undefined
    return found.kind === 'hosts' ? hostOfExchanges(found.hosts) : null
  }
}

const goodFor = 3_600_000
/** A domain whose MX could not be had is asked about again after this. */
const askAgain = 60_000
const mostKept = 10_000
const atOnce = 16

interface Found {
  host: string | null
  until: number
}

export class Hosts {
  readonly #lookUp: LookUp
  readonly #clock: () => number
  readonly #found = new Map<string, Found>()
  readonly #asking = new Map<string, Promise<string | null>>()

  constructor(lookUp: LookUp, clock: () => number) {
    this.#lookUp = lookUp
    this.#clock = clock
  }

  /** What is known already; null when nothing is. Asks nobody. */
  known(domain: string): string | null {
    return hostOfDomain(domain) ?? this.#found.get(domain)?.host ?? null
  }

  /** Whose mailbox an address is, as far as that is known: the provider, or its own domain. Asks nobody. */
  of(email: string): string {
    const domain = domainOf(email)
    return this.known(domain) ?? domain
  }

  /** Looks it up where that was not done lately. */
  async find(domain: string): Promise<string | null> {
    const known = hostOfDomain(domain)
    if (known !== null) return known
    const found = this.#found.get(domain)
    if (found && found.until > this.#clock()) return found.host
    let asking = this.#asking.get(domain)
    if (!asking) {
      asking = this.#ask(domain).finally(() => this.#asking.delete(domain))
      this.#asking.set(domain, asking)
    }
    return asking
  }

  /** Has it looked up for the next time; nobody waits for that. */
  ask(domain: string): void {
    if (this.#asking.size < atOnce) this.find(domain).catch(() => {})
  }

  async #ask(domain: string): Promise<string | null> {
    const host = await this.#lookUp(domain).catch(() => undefined)
    this.#found.delete(domain)
    this.#found.set(domain, {
      host: host ?? null,
      until: this.#clock() + (host === undefined ? askAgain : goodFor),
    })
    if (this.#found.size > mostKept) this.#found.delete(this.#found.keys().next().value!)
    return host ?? null
  }
}
