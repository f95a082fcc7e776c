/**
 * All limits that are kept. Mail that goes to a provider meets the provider's own; perhaps one of its type and one of its tenant, which
 * count over all providers together; and perhaps one of the provider at the recipient's mailbox host. What is not configured is not
 * there. Looking and taking are one step on one thread, and what is taken is in the store before anything leaves: so none is passed by
 * parallel calls, by a restart, or by a kill.
 */
import type { Message } from '../mail/message.ts'
import { spanOf } from '../mail/period.ts'
import type { Limits, LimitUse, LimitView, Warmup } from '../mail/provider.ts'
import type { Count, Store } from '../store/store.ts'
import { HostQuotas, type SavedRamps } from './host-quotas.ts'
import { type Allowance, type Before, countsMinutes, Limited, type Refusal, type Use } from './limits.ts'
import { Line } from './line.ts'
import type { LimitedQuota, Quota } from './quota.ts'
import type { Gone } from './window.ts'

/** The limits of a config that several providers share, by type and by tenant. */
export interface SharedLimits {
  types: Readonly<Record<string, { limits: Limits | null }>>
  tenants: Readonly<Record<string, { limits: Limits | null }>>
}

/** A provider's own limits, and those at mailbox hosts. */
export interface LimitedProvider {
  name: string
  limits: Limits & { hosts?: Readonly<Record<string, Limits>> }
  warmup?: Warmup
}

/** Whose mail it is and of which type. */
export type Kind = Pick<Message, 'type' | 'tenant'>

const hour = 3_600_000
const minute = 60_000

export class Quotas {
  #providers = new Map<string, Limited>()
  #hosts = new Map<string, HostQuotas>()
  #types = new Map<string, LimitedQuota>()
  #tenants = new Map<string, LimitedQuota>()
  #before = new Map<string, Before>()
  #asksHost = false

  /** Takes over the limits of a config. What was there before goes on counting, also under other limits. */
  async configure(
    store: Pick<Store, 'usage' | 'minutesSince' | 'state' | 'setState'>,
    providers: readonly LimitedProvider[],
    shared: SharedLimits,
    now: number,
  ): Promise<void> {
    const all = [
      ...providers.flatMap(({ limits }) => [limits, ...Object.values(limits.hosts ?? {})]),
      ...[...Object.values(shared.types), ...Object.values(shared.tenants)].flatMap(({ limits }) => limits ?? []),
    ]
    this.#before = await usedBefore(store, all, now)
    const limited = (what: string, limits: Limits, old: Limited | undefined, who = '') => {
      old?.limit(limits)
      return old ?? new Limited(what, limits, { now, before: this.#before.get(what) ?? null, words: { who } })
    }
    this.#providers = new Map(
      providers.map(({ name, limits }) => [name, limited(name, limits, this.#providers.get(name))]),
    )
    this.#hosts = await this.#hostsOf(store, providers)
    this.#asksHost = [...this.#hosts.values()].some(({ asksHost }) => asksHost)
    const quotas = (kind: string, given: SharedLimits['types'], old: ReadonlyMap<string, LimitedQuota>) =>
      new Map(
        Object.entries(given).flatMap(([name, { limits }]): [string, LimitedQuota][] => {
          if (limits === null) return []
          const known = old.get(name)
          const allowance = limited(`${kind}:${name}`, limits, known?.allowance, `${kind} ${name} is `)
          return [[name, known ?? { name: `the limit of ${kind} ${name}`, allowance, line: new Line() }]]
        }),
      )
    this.#types = quotas('type', shared.types, this.#types)
    this.#tenants = quotas('tenant', shared.tenants, this.#tenants)
  }

  async #hostsOf(
    store: Pick<Store, 'state' | 'setState'>,
    providers: readonly LimitedProvider[],
  ): Promise<Map<string, HostQuotas>> {
    const all = new Map<string, HostQuotas>()
    for (const { name, limits, warmup = null } of providers) {
      if (!limits.hosts && !warmup) continue
      const key = `warmup:${name}`
      const hosts =
        this.#hosts.get(name) ??
        new HostQuotas(name, (what) => this.#before.get(what) ?? null, {
          saved: ((await store.state(key)) as SavedRamps | null) ?? {},
          // What a day allows is counted with each mail; should this be lost, a day is not counted.
          save: (saved) => void store.setState(key, saved).catch(() => {}),
        })
      hosts.configure({ hosts: limits.hosts ?? {}, warmup })
      all.set(name, hosts)
    }
    return all
  }

  /** What a provider may be given altogether. @throws for one that is not in the config */
  provider(name: string): Limited {
    return this.#providers.get(name)!
  }

  /** And at mailbox hosts; null where it has no such limits. */
  hosts(name: string): HostQuotas | null {
    return this.#hosts.get(name) ?? null
  }

  /** How much is used of each; of a provider's at mailbox hosts, where mail went of late. */
  views(now: number): LimitView[] {
    const views = (of: LimitView['of'], all: ReadonlyMap<string, { uses(now: number): (Use | LimitUse)[] }>) =>
      [...all].flatMap(([name, limits]) => limits.uses(now).map((use) => ({ of, name, host: null, ...use })))
    const allowances = (quotas: ReadonlyMap<string, LimitedQuota>) =>
      new Map([...quotas].map(([name, { allowance }]) => [name, allowance]))
    return [
      ...views('type', allowances(this.#types)),
      ...views('tenant', allowances(this.#tenants)),
      ...views('provider', this.#providers),
      ...views('provider', this.#hosts),
    ]
  }

  /** Whether some limit asks whose mailbox a recipient is. */
  get countsHosts(): boolean {
    return this.#asksHost
  }

  /** What mail of a type and a tenant meets wherever it goes. */
  shared({ type, tenant }: Kind): Quota[] {
    if (this.#types.size === 0 && this.#tenants.size === 0) return none
    return [this.#types.get(type), this.#tenants.get(tenant)].filter((quota) => quota !== undefined)
  }

  /** What goes to a provider all at once meets, and with how many recipients each. @param hosts of the recipients */
  met(provider: string, kind: Kind, hosts: readonly string[], now: number): Met {
    const met: [Allowance, number][] = []
    const own = this.#providers.get(provider)
    if (own) met.push([own, hosts.length])
    for (const { allowance } of this.shared(kind)) met.push([allowance, hosts.length])
    const there = this.#hosts.get(provider)
    if (!there) return new Met(met)
    const counts = new Map<Allowance, number>()
    for (const host of hosts) {
      for (const { allowance } of there.at(host, now)) counts.set(allowance, (counts.get(allowance) ?? 0) + 1)
    }
    return new Met([...met, ...counts])
  }

  /** Of addresses those to which mail may go now, in their order: those that come first go first. */
  fitting(
    provider: string,
    kind: Kind,
    to: readonly string[],
    hostOf: (email: string) => string,
    now: number,
  ): string[] {
    const own = this.#providers.get(provider)
    const there = this.#hosts.get(provider)
    const all = [...(own ? [own] : []), ...this.shared(kind).map(({ allowance }) => allowance)]
    const room = Math.min(...all.map((allowance) => allowance.room(now)))
    if (!there) return to.slice(0, room)
    const left = new Map<Allowance, number>()
    const fits = (email: string) => {
      const met = there.at(hostOf(email), now).map(({ allowance }) => allowance)
      if (met.some((allowance) => (left.get(allowance) ?? allowance.room(now)) < 1)) return false
      for (const allowance of met) left.set(allowance, (left.get(allowance) ?? allowance.room(now)) - 1)
      return true
    }
    return to.filter(fits).slice(0, room)
  }
}

const none: Quota[] = []

/** Allowances that one call meets, and with how many recipients each. */
export class Met {
  readonly #met: readonly [Allowance, number][]

  constructor(met: readonly [Allowance, number][]) {
    this.#met = met
  }

  /** Why the call may not go; null when it may. */
  refusal(now: number): Refusal | null {
    for (const [allowance, count] of this.#met) {
      const refused = allowance.refusal(count, now)
      if (refused) return refused
    }
    return null
  }

  take(now: number): void {
    for (const [allowance, count] of this.#met) allowance.take(count, now)
  }

  /** What the store counts with it. */
  counts(at: number): Count[] {
    const [first, ...others] = this.#met
    if (first && others.length === 0) return first[0].counts(first[1], at)
    return this.#met.flatMap(([allowance, count]) => allowance.counts(count, at))
  }
}

/** What the store counted for such limits, by name. */
async function usedBefore(
  store: Pick<Store, 'usage' | 'minutesSince'>,
  limits: readonly Limits[],
  now: number,
): Promise<Map<string, Before>> {
  const used = new Map<string, Before & { minutes: Gone[] }>()
  const of = (what: string) => {
    const known = used.get(what) ?? { at: now, day: 0, month: 0, minutes: [] }
    used.set(what, known)
    return known
  }
  for (const [what, amount] of Object.entries(await store.usage(spanOf('day', now)))) of(what).day = amount
  if (limits.some(({ perDay }) => perDay !== null)) {
    for (const [what, amount] of Object.entries(await store.usage(`${spanOf('day', now)}T`))) of(what).day = amount
  }
  if (limits.some(({ perMonth }) => perMonth !== null)) {
    for (const [what, amount] of Object.entries(await store.usage(spanOf('month', now)))) of(what).month = amount
  }
  if (!limits.some(countsMinutes)) return used
  const first = new Date(now - hour).toISOString().slice(0, 16)
  for (const { span, what, amount } of await store.minutesSince(first)) {
    of(what).minutes.push({ at: Date.parse(`${span}:00Z`) + minute, count: amount })
  }
  return used
}
