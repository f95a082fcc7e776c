/** How every configured provider stands right now: its breaker, its limits, its health, and what operators said. */

import { domainOf, suppressionKey } from './mail/address.ts'
import type { Message, Priority } from './mail/message.ts'
import type { Outcomes } from './mail/outcome.ts'
import type { HookView, Provider, ProviderView } from './mail/provider.ts'
import { type Allowance, createAllowance, dayOf, minutesBefore, type Used } from './queue/limits.ts'
import { Room } from './queue/room.ts'
import { type Health, observe, unmeasured } from './route/health.ts'
import type { Standing } from './route/plan.ts'
import { type Breaker, createBreaker, type SavedBreaker, type Verdict } from './send/breaker.ts'
import { Rejections } from './send/rejections.ts'
import type { Store } from './store/store.ts'

/** All of a provider that changes while the process runs. */
interface Live {
  provider: Provider
  breaker: Breaker
  allowance: Allowance
  health: Health
  drained: boolean
  throttledUntil: number
  /** Its word about recipients. A recipient's own MX has the last one, and is not asked about others. */
  rejections: Rejections | null
  /** From domains that it said are not verified there, and until when to believe it. */
  notReady: Map<string, number>
  inFlight: number
  room: Room
}

/** A vendor's word that a From domain is not verified there holds this long; then it is asked again. */
const identityMemory = 10 * 60_000
/** Our own network gets this long to come back before anything is tried again. */
const networkPause = 5_000
/** While the one probe of a half-open breaker is under way. */
const probePause = 1_000

/** Milliseconds between two that wait for the same opening, at least: so fast a backlog comes back. */
const backlogPace = 1
/** Where all places are taken, and calls end. */
const fullPause = 100
/** A little slower than the limit, so that who has waited finds room. */
const limitPace = 1.02
/** While there was no room where none was seen to lack: doubled each time, up to the most. */
const noRoomPause = { first: 250, most: 15_000 }
/** What is to wait, and where. */
export interface Waiter {
  message: Pick<Message, 'id' | 'from' | 'priority'>
  recipients: number
  /** Who might have taken it. */
  providers: readonly string[]
  /** How often in a row it waited before. */
  waits: number
  /** When somebody may take it, as far as is known. */
  openAt: number
}

/** Told when a provider goes out of use or comes back. */
export type Turn = (
  provider: string,
  what: 'open' | 'closed' | 'drained' | 'resumed' | 'doubted' | 'believed',
  breaker: SavedBreaker | null,
) => void

export class Standings {
  readonly #store: Store
  readonly #clock: () => number
  readonly #turned: Turn
  #live = new Map<string, Live>()
  #networkDownUntil = 0
  /** Providers that have told of a delivery. */
  readonly #telling = new Set<string>()

  private constructor(store: Store, clock: () => number, turned: Turn) {
    this.#store = store
    this.#clock = clock
    this.#turned = turned
  }

  /** Takes up what an earlier process left in the store: open breakers, drained providers, today's counts. */
  static async open(
    store: Store,
    clock: () => number,
    providers: readonly Provider[],
    turned: Turn = () => {},
  ): Promise<Standings> {
    const standings = new Standings(store, clock, turned)
    await standings.configure(providers)
    return standings
  }

  /** Takes over a new set of providers; those whose settings did not change keep all they have. */
  async configure(providers: readonly Provider[]): Promise<void> {
    const usage = await this.#store.usage(dayOf(this.#clock()))
    const lastHour = await this.#lastHour(providers)
    const before = this.#live
    const live = new Map<string, Live>()
    for (const provider of providers) {
      const old = before.get(provider.name)
      if ((await this.#store.state(`tells:${provider.name}`)) === true) this.#telling.add(provider.name)
      const drained = (await this.#store.state(`drained:${provider.name}`)) === true
      // The very same object, for calls under way still count on it.
      live.set(
        provider.name,
        old && sameSettings(old.provider, provider)
          ? old
          : await this.#fresh(provider, usage, lastHour.get(provider.name) ?? [], drained, old !== undefined),
      )
    }
    this.#live = live
    for (const [name, { breaker }] of before) if (live.get(name)?.breaker !== breaker) breaker.close()
  }

  /** @param changed by a reload: why its breaker opened under the old settings, such as a wrong credential, says nothing of these */
  async #fresh(
    provider: Provider,
    usage: Record<string, number>,
    lastHour: readonly Used[],
    drained: boolean,
    changed: boolean,
  ): Promise<Live> {
    const key = `breaker:${provider.name}`
    if (changed) await this.#store.setState(key, null)
    const saved = (await this.#store.state(key)) as SavedBreaker | null
    return {
      provider,
      // A breaker that cannot be saved still works; the store reports its own troubles.
      breaker: createBreaker(provider.breaker, this.#clock, saved, (state) => {
        this.#turned(provider.name, state === null ? 'closed' : 'open', state)
        this.#store.setState(key, state).catch(() => {})
      }),
      allowance: createAllowance(provider.limits, usage[provider.name] ?? 0, this.#clock(), lastHour),
      health: unmeasured,
      drained,
      throttledUntil: 0,
      rejections: provider.adapter.send.kind === 'mx' ? null : new Rejections(),
      notReady: new Map(),
      inFlight: 0,
      room: new Room({
        // What is kept here cannot hang.
        inFlight: provider.adapter.send.kind === 'keep' ? Number.POSITIVE_INFINITY : provider.limits.inFlight,
        connections: connectionsTo(provider),
        byHost: provider.adapter.send.kind === 'mx',
        clock: this.#clock,
      }),
    }
  }

  /** What went in the last hour, for those whose limits ask for it. */
  async #lastHour(providers: readonly Provider[]): Promise<Map<string, Used[]>> {
    const used = new Map<string, Used[]>()
    if (!providers.some(countsMinutes)) return used
    for (const { minute, end } of minutesBefore(this.#clock())) {
      for (const [name, count] of Object.entries(await this.#store.usage(minute))) {
        used.set(name, [...(used.get(name) ?? []), { at: end, count }])
      }
    }
    return used
  }

  provider(name: string): Provider | undefined {
    return this.#live.get(name)?.provider
  }

  /** What planning may know, for one message. */
  forMessage(message: Pick<Message, 'id' | 'from' | 'priority'>, now: number): ReadonlyMap<string, Standing> {
    const domain = domainOf(message.from.email)
    const standings = new Map<string, Standing>()
    for (const [name, live] of this.#live) {
      const closed = this.#closed(live, domain, now) ?? live.room.crowded(message.id, message.priority, now)
      standings.set(name, {
        provider: live.provider,
        costPerThousand: live.provider.cost.perThousand,
        latencyMs: live.health.latencyMs,
        success: live.health.success,
        probing: live.breaker.state() === 'half-open',
        ...(closed ? { closed } : {}),
      })
    }
    return standings
  }

  #closed(live: Live, domain: string, now: number): Standing['closed'] | null {
    const { breaker } = live
    if (live.drained) return { reason: 'drained by an operator', until: null }
    if (this.#networkDownUntil > now)
      return { reason: 'our own network does not answer', until: this.#networkDownUntil }
    if (breaker.state() === 'open') {
      const until = breaker.openUntil()
      const when = until === null ? '' : ` until ${new Date(until).toISOString()}`
      return { reason: `its breaker is open${when}: ${breaker.reason()}`, until }
    }
    if (!breaker.allows())
      return { reason: 'its breaker is half-open, and a probe is under way', until: now + probePause }
    if (live.throttledUntil > now) return { reason: 'asked us to slow down', until: live.throttledUntil }
    const notReady = live.notReady.get(domain) ?? 0
    if (notReady > now) return { reason: `says that ${domain} is not verified there`, until: notReady }
    return live.allowance.refusal(1, now)
  }

  /** When mail that nobody takes now is due again: in line, where it waits for what can be foreseen. */
  wait({ message, recipients, providers, waits, openAt }: Waiter, dice: number): number {
    const now = this.#clock()
    const domain = domainOf(message.from.email)
    let first: { live: Live; until: number } | null = null
    for (const name of providers) {
      const live = this.#live.get(name)
      const closed = live && (this.#closed(live, domain, now) ?? live.room.crowded(message.id, message.priority, now))
      const until = closed ? closed.until : live?.room.isFull(message.priority) ? now + fullPause : null
      if (live && until && (first === null || until < first.until)) first = { live, until }
    }
    if (first === null) {
      // Drained, or there was no room for a moment.
      const pause = Math.min(noRoomPause.first * 2 ** Math.min(waits, 10), noRoomPause.most)
      return Math.max(openAt, now + Math.round(pause * (0.5 + 0.5 * dice)))
    }
    const { live, until: opens } = first
    const pace = Math.max(live.allowance.pace * limitPace, backlogPace)
    const { id: messageId, priority } = message
    return live.room.line.join({ messageId, priority, recipients, openAt: opens, pace, now })
  }

  /** Counts recipients that go to a provider at this very moment; why they may not, and then they are not counted. */
  take(name: string, count: number, now: number): string | null {
    const live = this.#live.get(name)
    if (!live) return 'is not in the config any more'
    // It may have been drained while this waited for room.
    if (live.drained) return 'drained by an operator'
    if (!live.breaker.allows()) return 'its breaker opened'
    const refused = live.allowance.refusal(count, now)
    if (refused) return refused.reason
    live.allowance.take(count, now)
    return null
  }

  /**
   * Takes a place for one more call, waiting for a connection where a relay has a bounded number; answers what to call when it has
   * ended. Waiting here, before the attempt is on record, costs neither its deadline nor doubt about what was sent. Null: no room.
   */
  async enter(
    name: string,
    { priority, domain, within }: { priority: Priority; domain: string; within: number | null },
  ): Promise<(() => void) | null> {
    const live = this.#live.get(name)
    return live ? live.room.enter(priority, domain, within) : () => {}
  }

  /**
   * Makes a call through the provider's breaker and learns from it. Null: the breaker opened, or a reload took the provider away,
   * since it was asked; nothing was sent.
   */
  async call(
    name: string,
    message: Pick<Message, 'from' | 'tenant'>,
    action: () => Promise<Outcomes>,
  ): Promise<Outcomes | null> {
    const live = this.#live.get(name)
    if (!live) return null
    const began = this.#clock()
    live.inFlight++
    try {
      const called = await live.breaker.call(async () => this.#understood(live, message, await action()))
      if (!called) return null
      const { outcomes, verdict } = called
      this.#learn(live, verdict, message, outcomes, this.#clock() - began)
      return outcomes
    } finally {
      live.inFlight--
    }
  }

  /** What a provider in trouble says of recipients is not believed, and what it said just before is taken back. */
  #understood({ provider, rejections }: Live, { tenant }: Pick<Message, 'tenant'>, outcomes: Outcomes): Outcomes {
    if (!rejections) return outcomes
    const doubted = rejections.doubted
    const read = rejections.read(tenant, outcomes)
    if (rejections.doubted !== doubted) this.#turned(provider.name, doubted ? 'believed' : 'doubted', null)
    for (const { tenant, email } of read.absolved) {
      this.#store.unsuppress(tenant, [suppressionKey(email)], { source: provider.name }).catch(() => {})
    }
    return read.outcomes
  }

  /** A provider told of a delivery: from now on one that it does not tell of says something. */
  toldDelivery(name: string): void {
    if (this.#telling.has(name) || !this.#live.has(name)) return
    this.#telling.add(name)
    this.#store.setState(`tells:${name}`, true).catch(() => {})
  }

  /** Whether it can tell of deliveries, and has. */
  tells(name: string): boolean {
    const provider = this.#live.get(name)?.provider
    const hook = provider && this.#telling.has(name) ? hookOf(provider) : null
    return hook !== null && hook.missing.length === 0
  }

  /** Whether its refusals of recipients are believed. */
  believes(name: string): boolean {
    return this.#live.get(name)?.rejections?.doubted !== true
  }

  #learn(live: Live, verdict: Verdict, message: Pick<Message, 'from'>, outcomes: Outcomes, latencyMs: number): void {
    const now = this.#clock()
    if (verdict.kind === 'network') {
      this.#networkDownUntil = now + networkPause
      return
    }
    if (verdict.kind === 'throttled') live.throttledUntil = now + verdict.wait
    const good = verdict.kind === 'good' || verdict.kind === 'throttled'
    live.health = observe(live.health, { good, latencyMs: good ? latencyMs : null })
    for (const outcome of outcomes.values()) {
      if ('cause' in outcome && outcome.cause === 'identity') {
        live.notReady.set(domainOf(message.from.email), now + identityMemory)
      }
    }
  }

  /** False for no such provider. */
  async drain(name: string, drained: boolean): Promise<boolean> {
    const live = this.#live.get(name)
    if (!live) return false
    await this.#store.setState(`drained:${name}`, drained)
    live.drained = drained
    this.#turned(name, drained ? 'drained' : 'resumed', null)
    return true
  }

  views(): ProviderView[] {
    const now = this.#clock()
    return [...this.#live.values()].map((live) => {
      const { provider, breaker } = live
      const limited = live.throttledUntil > now ? live.throttledUntil : live.allowance.refusal(1, now)?.until
      const closed = breaker.state()
      return {
        name: provider.name,
        adapter: provider.adapter.name,
        state: live.drained
          ? 'draining'
          : closed === 'open'
            ? 'open'
            : closed === 'half-open'
              ? 'probing'
              : limited
                ? 'limited'
                : 'ready',
        openUntil: breaker.openUntil(),
        reason: breaker.reason(),
        labels: provider.labels,
        costPerThousand: provider.cost.perThousand,
        sentToday: live.allowance.usedToday(now),
        perDay: provider.limits.perDay,
        perSecond: provider.limits.perSecond,
        success: live.health.success,
        latencyMs: live.health.latencyMs,
        inFlight: live.inFlight,
        hook: hookOf(provider),
      }
    })
  }

  close(): void {
    for (const { breaker } of this.#live.values()) breaker.close()
  }
}

function connectionsTo({ adapter, options }: Provider): number {
  return adapter.send.kind === 'smtp' ? adapter.send.target(options).connections : Number.POSITIVE_INFINITY
}

/** Whether attempts there are counted by the minute, too. */
export function countsMinutes({ limits }: Pick<Provider, 'limits'>): boolean {
  return limits.perMinute !== null || limits.perHour !== null
}

function hookOf({ name, adapter, options }: Provider): HookView | null {
  const { webhook } = adapter
  if (!webhook) return null
  const missing = webhook.secrets.filter((secret) => (options as Record<string, unknown>)[secret] === undefined)
  const path = `/hooks/${encodeURIComponent(name)}`
  return { path, secretInAddress: webhook.inAddress === true, missing, setup: webhook.setup }
}

/** Providers hold plain data and an adapter; two with the same settings may share everything learnt about them. */
function sameSettings(a: Provider, b: Provider): boolean {
  return a.adapter === b.adapter && JSON.stringify({ ...a, adapter: null }) === JSON.stringify({ ...b, adapter: null })
}
