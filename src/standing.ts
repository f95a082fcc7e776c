/** How every configured provider stands right now: its breaker, its limits, its health, and what operators said. */

import { domainOf, suppressionKey } from './mail/address.ts'
import type { Message } from './mail/message.ts'
import type { Outcomes } from './mail/outcome.ts'
import type { HookView, Provider, ProviderView } from './mail/provider.ts'
import { type Allowance, createAllowance, dayOf } from './queue/limits.ts'
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
  /** Calls that may be made at once; those that wait for one to end. */
  room: number
  queue: (() => void)[]
}

/** A vendor's word that a From domain is not verified there holds this long; then it is asked again. */
const identityMemory = 10 * 60_000
/** Our own network gets this long to come back before anything is tried again. */
const networkPause = 5_000
/** While the one probe of a half-open breaker is under way. */
const probePause = 1_000

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
    const before = this.#live
    const live = new Map<string, Live>()
    for (const provider of providers) {
      const old = before.get(provider.name)
      const drained = (await this.#store.state(`drained:${provider.name}`)) === true
      // The very same object, for calls under way still count on it.
      live.set(
        provider.name,
        old && sameSettings(old.provider, provider)
          ? old
          : await this.#fresh(provider, usage, drained, old !== undefined),
      )
    }
    this.#live = live
    for (const [name, { breaker }] of before) if (live.get(name)?.breaker !== breaker) breaker.close()
  }

  /** @param changed by a reload: why its breaker opened under the old settings, such as a wrong credential, says nothing of these */
  async #fresh(provider: Provider, usage: Record<string, number>, drained: boolean, changed: boolean): Promise<Live> {
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
      allowance: createAllowance(provider.limits, usage[provider.name] ?? 0, this.#clock()),
      health: unmeasured,
      drained,
      throttledUntil: 0,
      rejections: provider.adapter.send.kind === 'mx' ? null : new Rejections(),
      notReady: new Map(),
      inFlight: 0,
      room: roomAt(provider),
      queue: [],
    }
  }

  provider(name: string): Provider | undefined {
    return this.#live.get(name)?.provider
  }

  /** What planning may know, for one message. */
  forMessage(message: Pick<Message, 'from'>, now: number): ReadonlyMap<string, Standing> {
    const domain = domainOf(message.from.email)
    const standings = new Map<string, Standing>()
    for (const [name, live] of this.#live) {
      const closed = this.#closed(live, domain, now)
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

  /** Whether `count` recipients may go to a provider at this very moment; when they may, they are counted. */
  take(name: string, count: number, now: number): boolean {
    const live = this.#live.get(name)
    if (!live?.breaker.allows() || live.allowance.refusal(count, now)) return false
    live.allowance.take(count, now)
    return true
  }

  /**
   * Waits until one more call may be made at a relay with a bounded number of connections; answers what to call when it has ended.
   * Waiting here, before the attempt is on record, costs neither its deadline nor doubt about what was sent.
   */
  async enter(name: string): Promise<() => void> {
    const live = this.#live.get(name)
    if (!live) return () => {}
    if (live.room > 0) live.room--
    else await new Promise<void>((resolve) => void live.queue.push(resolve))
    return () => {
      const next = live.queue.shift()
      if (next) next()
      else live.room++
    }
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

function roomAt({ adapter, options }: Provider): number {
  return adapter.send.kind === 'smtp' ? adapter.send.target(options).connections : Number.POSITIVE_INFINITY
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
