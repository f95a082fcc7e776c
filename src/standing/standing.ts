/** How every configured provider stands right now: its breaker, its limits, its health, and what operators said. */
import { domainOf } from '../mail/address.ts'
import type { Message, Priority } from '../mail/message.ts'
import type { Outcomes } from '../mail/outcome.ts'
import { type LimitView, type Provider, type ProviderView, sameSettings } from '../mail/provider.ts'
import type { Comer } from '../queue/line.ts'
import { closedBy, longest, type Quota } from '../queue/quota.ts'
import { type Kind, type Met, Quotas, type SharedLimits } from '../queue/quotas.ts'
import type { Budget } from '../route/budget.ts'
import { Cells } from '../route/cells.ts'
import { Delivered, type SavedDelivered } from '../route/delivered.ts'
import { unmeasured } from '../route/health.ts'
import { Overdue } from '../route/overdue.ts'
import type { Standing } from '../route/plan.ts'
import { unit } from '../route/price.ts'
import { createBreaker, type SavedBreaker } from '../send/breaker.ts'
import { Rejections } from '../send/rejections.ts'
import type { News } from '../track/inbound.ts'
import { hostsKey, Learnt, type LearntParts, type SavedHosts } from './learnt.ts'
import { closedTo, type Live, roomAt, shutAtHost, takesLastResort, tellsDeliveries, viewOf } from './live.ts'
import { isBlock, judged, openShaping, understood } from './replies.ts'
import { refusal, Spending } from './spending.ts'
import { Stats } from './stats.ts'
import { dueAgain, type Waiter } from './waiting.ts'

/** Our own network gets this long to come back before anything is tried again. */
const networkPause = 5_000
/** What goes to a provider in one call: mail of a type and a tenant, to these addresses. */
export interface Load extends Kind {
  to: readonly string[]
}

/** A probe at a mailbox host has this long to tell: an answer, or an event from a vendor that says nothing of hosts when it answers. */
const probeTime = 2 * 60_000

/** What holds over all providers together. */
type Shared = SharedLimits & { budgets?: readonly Budget[] }

export class Standings {
  readonly #parts: LearntParts
  readonly #learnt: Learnt
  /** What mail costs, and what of it was paid. */
  readonly spending: Spending
  readonly stats: Stats
  #live = new Map<string, Live>()
  readonly #quotas = new Quotas()
  #networkDownUntil = 0

  private constructor(parts: LearntParts) {
    this.#parts = parts
    this.#learnt = new Learnt(parts)
    this.spending = new Spending(parts.store)
    this.stats = new Stats(parts.store, parts.hosts)
  }

  /** Takes up what an earlier process left in the store: breakers, sick hosts, drained providers, today's counts. */
  static async open(
    parts: LearntParts,
    providers: readonly Provider[],
    shared: Shared = { types: {}, tenants: {} },
  ): Promise<Standings> {
    const standings = new Standings(parts)
    await standings.configure(providers, shared)
    return standings
  }

  /** Takes over a new set of providers, of limits and of budgets; those whose settings did not change keep all they have. */
  async configure(providers: readonly Provider[], shared: Shared = { types: {}, tenants: {} }): Promise<void> {
    const { store, clock } = this.#parts
    await this.#parts.identities?.configure(providers)
    await this.spending.configure(providers, shared.budgets ?? [], clock())
    await this.#quotas.configure(store, providers, shared, clock())
    const before = this.#live
    const live = new Map<string, Live>()
    for (const provider of providers) {
      const old = before.get(provider.name)
      const drained = (await store.state(`drained:${provider.name}`)) === true
      // The very same object, for calls under way still count on it.
      live.set(
        provider.name,
        old && sameSettings(old.provider, provider) ? old : await this.#fresh(provider, drained, old !== undefined),
      )
    }
    this.#live = live
    for (const [name, { breaker }] of before) if (live.get(name)?.breaker !== breaker) breaker.close()
  }

  /** @param changed by a reload: why its breaker opened under the old settings, such as a wrong credential, says nothing of these */
  async #fresh(provider: Provider, drained: boolean, changed: boolean): Promise<Live> {
    const { store, clock, dice } = this.#parts
    const { name } = provider
    const keys = { breaker: `breaker:${name}`, cells: hostsKey(name) }
    if (changed) for (const key of Object.values(keys)) await store.setState(key, null)
    const saved = (await store.state(keys.breaker)) as SavedBreaker | null
    const told = (await store.state(keys.cells)) as SavedHosts | null
    const counted = (await store.state(deliveredKey(name))) as SavedDelivered | null
    return {
      provider,
      // A breaker that cannot be saved still works; the store reports its own troubles.
      breaker: createBreaker(
        provider.breaker,
        clock,
        saved,
        (state) => {
          const { reason, openUntil, closedAt } = state
          const what = closedAt === undefined ? 'open' : 'close'
          const turn = provider.breaker.observe ? (`would ${what}` as const) : what === 'open' ? 'open' : 'closed'
          this.#parts.turned(name, turn, what === 'open' ? { reason, until: openUntil } : null)
          store.setState(keys.breaker, state).catch(() => {})
        },
        dice,
      ),
      allowance: this.#quotas.provider(name),
      atHosts: this.#quotas.hosts(name),
      health: unmeasured,
      meter: this.spending.meter(name),
      cells: new Cells(told?.cells),
      overdue: new Overdue(told?.tells),
      delivered: new Delivered(counted, (state) => void store.setState(deliveredKey(name), state).catch(() => {})),
      deferred: new Set(),
      shaping: await openShaping(provider, this.#parts),
      drained,
      throttledUntil: 0,
      unusable: false,
      rejections: provider.adapter.send.kind === 'mx' ? null : new Rejections(),
      notReady: new Map(),
      identity: this.#parts.identities?.of(name) ?? null,
      inFlight: 0,
      lastResorts: 0,
      room: roomAt(provider, clock),
    }
  }

  provider(name: string): Provider | undefined {
    return this.#live.get(name)?.provider
  }

  /** What planning may know, for one recipient of a message. */
  forMessage(
    message: Comer & Pick<Message, 'from' | 'type' | 'tenant' | 'size'>,
    recipient: string,
    now: number,
  ): ReadonlyMap<string, Standing> {
    const from = domainOf(message.from.email)
    const domain = domainOf(recipient)
    const host = this.#parts.hosts.known(domain) ?? domain
    const standings = new Map<string, Standing>()
    const shut =
      this.#networkDownUntil > now
        ? { reason: 'our own network does not answer', until: this.#networkDownUntil }
        : longest(this.#quotas.shared(message).flatMap((quota) => closedBy(quota, message, now) ?? []))
    const budgets = this.spending.budgetsOf(message)
    let anySick = false
    for (const [name, live] of this.#live) {
      const { provider, breaker, cells, health, meter } = live
      const price = meter.figures(message.size, now)
      const closed =
        shut ??
        closedTo(live, from, now) ??
        refusal(budgets, name, price.costPerThousand * (unit / 1_000), now) ??
        live.shaping?.closed(host, message.tenant, now) ??
        live.room.crowded(message, now) ??
        shutAtHost(live, host, message, now)
      const { observe } = provider.breaker
      const sick = observe ? null : cells.at(host, now)
      anySick ||= cells.anySick
      const share = breaker.share()
      const delivered = live.delivered.at(host, now)
      const standing: Standing = {
        provider,
        ...price,
        latencyMs: health.latencyMs,
        ...cells.success(host, message.type, health.success, now),
        probing: !observe && breaker.state() === 'half-open',
      }
      if (closed) standing.closed = closed
      if (sick) standing.sick = sick
      if (delivered) standing.delivered = delivered
      if (share < 1 && !observe) standing.share = share
      standings.set(name, standing)
    }
    // Who is behind a domain matters only while some host is ill; then the next mail there knows.
    if (anySick && host === domain) this.#parts.hosts.ask(domain)
    return standings
  }

  /** When mail that nobody takes now is due again. */
  wait(waiter: Waiter, dice: number): number {
    const providers = waiter.providers.flatMap((name) => this.#live.get(name) ?? [])
    const { clock, hosts } = this.#parts
    return dueAgain(waiter, providers, {
      now: clock(),
      networkDownUntil: this.#networkDownUntil,
      dice,
      shared: this.#quotas.shared(waiter.message),
      hosts: this.#quotas.countsHosts ? [...new Set(waiter.to.map((email) => hosts.of(email)))] : [],
    })
  }

  /** Of the recipients of a call those that it may be made for now, by all limits that they meet, in their order. */
  fitting(name: string, { type, tenant, to }: Load, now: number): string[] {
    return this.#quotas.fitting(name, { type, tenant }, to, (email) => this.#parts.hosts.of(email), now)
  }

  /**
   * Counts recipients that go to a provider at this very moment.
   * @returns what was taken of limits; why they may not go, and then they are not counted
   * @param asked it is asked of what it may have taken, which no sick host keeps away
   * @param lastResort nobody else is left: what only its breaker or a sick host keeps away goes all the same
   */
  take(
    name: string,
    load: Load,
    now: number,
    { asked = false, lastResort = false }: { asked?: boolean; lastResort?: boolean } = {},
  ): Met | string {
    const live = this.#live.get(name)
    if (!live) return 'is not in the config any more'
    // It may have been drained while this waited for room.
    if (live.drained) return 'drained by an operator'
    const to = load.to.map((email) => this.#parts.hosts.of(email))
    const met = this.#quotas.met(name, load, to, now)
    const refused = met.refusal(now)
    if (refused) return refused.reason
    if (!live.breaker.allows() && !(lastResort && takesLastResort(live))) return 'its breaker opened'
    const hosts = new Set(asked ? [] : to)
    const passed = lastResort || live.provider.breaker.observe
    if (!passed) {
      for (const host of hosts) {
        const cell = live.cells.at(host, now)
        if (cell?.say === 'shut') return cell.words
      }
    }
    const shaped = live.shaping?.goes(hosts, load.tenant, load.to.length, now) ?? null
    if (shaped !== null) return shaped
    for (const host of hosts) live.cells.goes(host, now, now + probeTime)
    met.take(now)
    return met
  }

  /** What mail of a type and a tenant meets wherever it goes. */
  shared(kind: Kind): readonly Quota[] {
    return this.#quotas.shared(kind)
  }

  /** Whether planning must know whose mailbox a recipient is, for some limit is kept by that. */
  get countsHosts(): boolean {
    return this.#quotas.countsHosts
  }

  /**
   * Takes a place for one more call, waiting for a connection where a relay has a bounded number; answers what to call when it has
   * ended. Waiting here, before the attempt is on record, costs neither its deadline nor doubt about what was sent. Null: no room.
   */
  enter(
    name: string,
    { priority, domain, within }: { priority: Priority; domain: string; within: number | null },
  ): Promise<(() => void) | null> {
    const live = this.#live.get(name)
    return live ? live.room.enter(priority, domain, within) : Promise.resolve(() => {})
  }

  /**
   * Makes a call through the provider's breaker and learns from it. Null: the breaker opened, or a reload took the provider away,
   * since it was asked; nothing was sent.
   */
  async call(
    name: string,
    message: Pick<Message, 'id' | 'type' | 'from' | 'tenant'>,
    action: () => Promise<Outcomes>,
    { lastResort = false }: { lastResort?: boolean } = {},
  ): Promise<Outcomes | null> {
    const live = this.#live.get(name)
    if (!live) return null
    const began = this.#parts.clock()
    const despite = lastResort && !live.breaker.allows()
    live.inFlight++
    if (despite) live.lastResorts++
    try {
      const called = await live.breaker.call(async () => understood(live, message, await action(), this.#parts), {
        judge: (outcomes) => judged(live, outcomes, this.#parts.clock()),
        despite,
      })
      if (!called) return null
      const { outcomes, verdict } = called
      const ended = this.#parts.clock()
      if (verdict.kind === 'network') this.#networkDownUntil = ended + networkPause
      else this.#learnt.answered(live, verdict, message, outcomes, ended - began)
      return outcomes
    } finally {
      live.inFlight--
      if (despite) live.lastResorts--
    }
  }

  /** Whether a shaping rule knows what was told of mail to a recipient for a block. */
  blocks(name: string, recipient: string, words: string): boolean {
    const live = this.#live.get(name)
    return live !== undefined && isBlock(live, recipient, words, this.#parts.hosts)
  }

  /** Whether its refusals of recipients are believed. */
  believes(name: string): boolean {
    return this.#live.get(name)?.rejections?.doubted !== true
  }

  /** Whether it can tell of deliveries, and has. */
  tells(name: string): boolean {
    const live = this.#live.get(name)
    return live !== undefined && tellsDeliveries(live)
  }

  /** What a vendor told of mail that it had taken. */
  heard(name: string, news: News): void {
    const live = this.#live.get(name)
    if (live) this.#learnt.heard(live, news)
    this.stats.heard(name, news, this.#parts.clock())
  }

  /** False for no such provider. */
  async drain(name: string, drained: boolean): Promise<boolean> {
    const live = this.#live.get(name)
    if (!live) return false
    await this.#parts.store.setState(`drained:${name}`, drained)
    live.drained = drained
    this.#parts.turned(name, drained ? 'drained' : 'resumed', null)
    return true
  }

  /** How much is used of every limit. */
  limits(): LimitView[] {
    return this.#quotas.views(this.#parts.clock())
  }

  views(): ProviderView[] {
    const now = this.#parts.clock()
    return [...this.#live.values()].map((live) => viewOf(live, now))
  }

  close(): void {
    this.#parts.identities?.close()
    for (const { breaker } of this.#live.values()) breaker.close()
  }
}

const deliveredKey = (provider: string) => `delivered:${provider}`
