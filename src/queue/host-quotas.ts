/** What one provider may be given at each mailbox host, by its limits and while it warms up. */
import { hostNames } from '../mail/hosts.ts'
import type { Limits, LimitUse, Warmup, WarmupView } from '../mail/provider.ts'
import { type Before, Limited } from './limits.ts'
import { Line } from './line.ts'
import type { LimitedQuota, Quota } from './quota.ts'
import { Ramp, type SavedRamp } from './warmup.ts'

/** What is kept of a provider that warms up: by host, or all of it under an empty name. */
export type SavedRamps = Readonly<Record<string, SavedRamp>>

/** What a provider's settings say of hosts. */
export interface HostSettings {
  hosts: Readonly<Record<string, Limits>>
  warmup: Warmup | null
}

interface RampQuota extends Quota {
  allowance: Ramp
}

/** So many hosts are kept before those that lie idle are forgotten. */
const many = 10_000
const nothing: readonly Quota[] = []
/** Hosts that are not known by name warm up together. */
const others = 'other hosts'

export class HostQuotas {
  readonly #provider: string
  readonly #before: (what: string) => Before | null
  readonly #saved: SavedRamps
  readonly #save: (saved: SavedRamps) => void
  /** By host; `others`: for each host that is not named. */
  #limits: ReadonlyMap<string, Limits> = new Map()
  #warmup: Warmup | null = null
  readonly #limited = new Map<string, LimitedQuota>()
  readonly #ramps = new Map<string, RampQuota>()
  /** What mail to a host meets, put together once. */
  readonly #met = new Map<string, readonly Quota[]>()
  /** When they are looked through for those that lie idle. */
  #full = many

  /**
   * @param before what was counted under a name before we started
   * @param saved how far it was warm
   * @param save told of what is worth keeping, when that changes
   */
  constructor(
    provider: string,
    before: (what: string) => Before | null,
    { saved, save }: { saved: SavedRamps; save: (saved: SavedRamps) => void },
  ) {
    this.#provider = provider
    this.#before = before
    this.#saved = saved
    this.#save = save
  }

  /** Takes over other settings; what went to a host stays counted. */
  configure({ hosts, warmup }: HostSettings): void {
    this.#limits = new Map(Object.entries(hosts))
    this.#warmup = warmup
    this.#met.clear()
    for (const [host, { allowance }] of this.#limited) {
      const limits = this.#limitsAt(host)
      if (limits) allowance.limit(limits)
      else this.#limited.delete(host)
    }
    // What was begun shows before the first mail.
    if (warmup) for (const host of Object.keys(this.#saved)) this.#ramp(host)
  }

  /** Whether it matters whose mailbox a recipient is. */
  get asksHost(): boolean {
    return this.#limits.size > 0 || this.#warmup?.per === 'host'
  }

  /** What mail to a host meets. */
  at(host: string, now: number): readonly Quota[] {
    const known = this.#met.get(host)
    if (known) return known
    const limited = this.#limitedAt(host, now)
    const ramp = this.#warmup && this.#ramp(this.#warmup.per === 'provider' ? '' : hostNames.has(host) ? host : others)
    if (!limited && !ramp) return nothing
    const met = [limited, ramp].filter((quota) => quota !== null)
    // Of hosts that are strangers there may be any number: only those with limits of their own are kept.
    if (limited || hostNames.has(host)) this.#met.set(host, met)
    return met
  }

  /** Somebody at a host complained of its mail, or the host deferred or blocked it; `undone`: and took it after all. */
  sign(host: string, what: Parameters<Ramp['sign']>[0]): void {
    if (this.#warmup === null) return
    const ramp = this.#ramps.get('') ?? this.#ramps.get(hostNames.has(host) ? host : others)
    ramp?.allowance.sign(what)
  }

  /** Used of limits, at hosts to which mail went of late. */
  uses(now: number): LimitUse[] {
    return [...this.#limited].flatMap(([host, { allowance }]) =>
      allowance.uses(now).flatMap((use) => (use.used > 0 ? { host, ...use } : [])),
    )
  }

  /** How far it is warm. */
  ramps(now: number): WarmupView[] {
    if (this.#warmup === null) return []
    return [...this.#ramps.values()].flatMap(({ allowance }) => allowance.view(now) ?? [])
  }

  #limitsAt(host: string): Limits | undefined {
    return this.#limits.get(host) ?? this.#limits.get('others')
  }

  #limitedAt(host: string, now: number): LimitedQuota | null {
    const known = this.#limited.get(host)
    if (known) return known
    const limits = this.#limitsAt(host)
    if (!limits) return null
    if (this.#limited.size >= this.#full) this.#forgetIdle(now)
    const what = `${this.#provider}@${host}`
    const options = { now, before: this.#before(what), forGood: false, words: { where: ` at ${host}` } }
    const quota = { name: `its limit at ${host}`, allowance: new Limited(what, limits, options), line: new Line() }
    this.#limited.set(host, quota)
    return quota
  }

  #ramp(host: string): RampQuota {
    const known = this.#ramps.get(host)
    if (known) return known
    const what = `warmup:${this.#provider}@${host}`
    const saved = Object.hasOwn(this.#saved, host) ? this.#saved[host]! : null
    const allowance = new Ramp(what, {
      warmup: () => this.#warmup!,
      host: host === '' ? null : host,
      saved,
      before: this.#before(what),
      changed: () => this.#save(this.#toSave()),
    })
    const quota = { name: host === '' ? 'its warm-up' : `its warm-up at ${host}`, allowance, line: new Line() }
    this.#ramps.set(host, quota)
    return quota
  }

  #toSave(): SavedRamps {
    const now = [...this.#ramps].flatMap(([host, { allowance }]) => {
      const saved = allowance.saved()
      return saved ? [[host, saved] as const] : []
    })
    return { ...this.#saved, ...Object.fromEntries(now) }
  }

  #forgetIdle(now: number): void {
    for (const [host, { allowance }] of this.#limited) {
      if (!allowance.idle(now)) continue
      this.#limited.delete(host)
      this.#met.delete(host)
    }
    this.#full = Math.max(many, 2 * this.#limited.size)
  }
}
