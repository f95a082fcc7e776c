/** What one provider may be given at each mailbox host. */
import type { Limits } from '../mail/provider.ts'
import { type Before, Limited } from './limits.ts'
import { Line } from './line.ts'
import type { LimitedQuota, Quota } from './quotas.ts'

/** So many hosts are kept before those that lie idle are forgotten. */
const many = 10_000
const nothing: Quota[] = []

export class HostQuotas {
  readonly #provider: string
  readonly #before: (what: string) => Before | null
  /** By host; `others`: for each host that is not named. */
  #limits = new Map<string, Limits>()
  readonly #hosts = new Map<string, LimitedQuota[]>()
  /** When they are looked through for those that lie idle. */
  #full = many

  /** @param before what was counted under a name before we started */
  constructor(provider: string, before: (what: string) => Before | null) {
    this.#provider = provider
    this.#before = before
  }

  /** Takes over other limits; what went to a host stays counted. */
  limit(limits: Readonly<Record<string, Limits>>, now: number): void {
    this.#limits = new Map(Object.entries(limits))
    for (const [host, [quota]] of this.#hosts) {
      const own = this.#of(host)
      if (quota && own) quota.allowance.limit(own)
      else this.#hosts.delete(host)
    }
    this.#forgetIdle(now)
  }

  /** What mail to a host meets. */
  at(host: string, now: number): readonly Quota[] {
    const known = this.#hosts.get(host)
    if (known) return known
    const limits = this.#of(host)
    if (!limits) return nothing
    if (this.#hosts.size >= this.#full) this.#forgetIdle(now)
    const what = `${this.#provider}@${host}`
    const options = { now, before: this.#before(what), forGood: false, words: { where: ` at ${host}` } }
    const allowance = new Limited(what, limits, options)
    const quotas = [{ name: `its limit at ${host}`, allowance, line: new Line() }]
    this.#hosts.set(host, quotas)
    return quotas
  }

  #of(host: string): Limits | undefined {
    return this.#limits.get(host) ?? this.#limits.get('others')
  }

  #forgetIdle(now: number): void {
    for (const [host, quotas] of this.#hosts) {
      if (quotas.every(({ allowance }) => allowance.idle(now))) this.#hosts.delete(host)
    }
    this.#full = Math.max(many, 2 * this.#hosts.size)
  }
}
