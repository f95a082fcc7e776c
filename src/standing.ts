/** How every configured provider stands right now: its breaker, its limits, its health, and what operators said. */

import type { Hosts } from './hosts.ts'
import { closedTo, type Live, mayTell, roomAt, takesLastResort, tellsDeliveries, viewOf } from './live.ts'
import { domainOf } from './mail/address.ts'
import type { Message, Priority } from './mail/message.ts'
import { cutShort, type Outcomes } from './mail/outcome.ts'
import type { Provider, ProviderView } from './mail/provider.ts'
import { countsMinutes, createAllowance, dayOf, lastHour, type Used } from './queue/limits.ts'
import { heardOf, isBlock, judged, openShaping, told, understood } from './replies.ts'
import { type Became, Cells, type SavedCells } from './route/cells.ts'
import { Delivered, type SavedDelivered } from './route/delivered.ts'
import { observe, unmeasured } from './route/health.ts'
import type { RegexEngine } from './route/match.ts'
import { Overdue } from './route/overdue.ts'
import type { Standing } from './route/plan.ts'
import { createBreaker, judge, type SavedBreaker, type Verdict } from './send/breaker.ts'
import { Rejections } from './send/rejections.ts'
import type { Store } from './store/store.ts'
import type { News } from './track/inbound.ts'
import type { Turn } from './turns.ts'
import { dueAgain, type Waiter } from './waiting.ts'

/** A vendor's word that a From domain is not verified there holds this long; then it is asked again. */
const identityMemory = 10 * 60_000
/** Our own network gets this long to come back before anything is tried again. */
const networkPause = 5_000
/** A probe at a mailbox host has this long to tell: an answer, or an event from a vendor that says nothing of hosts when it answers. */
const probeTime = 2 * 60_000
/** Mail whose deferral was told, remembered for each provider. */
const mostDeferred = 1_000

export interface StandingParts {
  store: Store
  clock: () => number
  /** In [0, 1). */
  dice: () => number
  hosts: Hosts
  turned: Turn
  /** For shaping rules. */
  regex: RegexEngine
}

export class Standings {
  readonly #parts: StandingParts
  #live = new Map<string, Live>()
  #networkDownUntil = 0

  private constructor(parts: StandingParts) {
    this.#parts = parts
  }

  /** Takes up what an earlier process left in the store: breakers, sick hosts, drained providers, today's counts. */
  static async open(parts: StandingParts, providers: readonly Provider[]): Promise<Standings> {
    const standings = new Standings(parts)
    await standings.configure(providers)
    return standings
  }

  /** Takes over a new set of providers; those whose settings did not change keep all they have. */
  async configure(providers: readonly Provider[]): Promise<void> {
    const { store, clock } = this.#parts
    const now = clock()
    const usage = await store.usage(dayOf(now))
    const minutes = providers.some(({ limits }) => countsMinutes(limits)) ? await lastHour(store, now) : null
    const before = this.#live
    const live = new Map<string, Live>()
    for (const provider of providers) {
      const old = before.get(provider.name)
      const drained = (await store.state(`drained:${provider.name}`)) === true
      // The very same object, for calls under way still count on it.
      live.set(
        provider.name,
        old && sameSettings(old.provider, provider)
          ? old
          : await this.#fresh(
              provider,
              { today: usage[provider.name] ?? 0, lastHour: minutes?.get(provider.name) ?? [] },
              drained,
              old !== undefined,
            ),
      )
    }
    this.#live = live
    for (const [name, { breaker }] of before) if (live.get(name)?.breaker !== breaker) breaker.close()
  }

  /** @param changed by a reload: why its breaker opened under the old settings, such as a wrong credential, says nothing of these */
  async #fresh(
    provider: Provider,
    used: { today: number; lastHour: Used[] },
    drained: boolean,
    changed: boolean,
  ): Promise<Live> {
    const { store, clock, dice } = this.#parts
    const { name } = provider
    const keys = { breaker: `breaker:${name}`, cells: cellsKey(name) }
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
      allowance: createAllowance(provider.limits, used.today, clock(), used.lastHour),
      health: unmeasured,
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
    message: Pick<Message, 'id' | 'tenant' | 'from' | 'type' | 'priority'>,
    recipient: string,
    now: number,
  ): ReadonlyMap<string, Standing> {
    const from = domainOf(message.from.email)
    const domain = domainOf(recipient)
    const host = this.#parts.hosts.known(domain) ?? domain
    const standings = new Map<string, Standing>()
    let anySick = false
    for (const [name, live] of this.#live) {
      const { provider, breaker, cells, health } = live
      const closed =
        this.#networkDownUntil > now
          ? { reason: 'our own network does not answer', until: this.#networkDownUntil }
          : (closedTo(live, from, now) ??
            live.shaping?.closed(host, message.tenant, now) ??
            live.room.crowded(message.id, message.priority, now))
      const { observe } = provider.breaker
      const sick = observe ? null : cells.at(host, now)
      anySick ||= cells.anySick
      const share = breaker.share()
      const delivered = live.delivered.at(host, now)
      standings.set(name, {
        provider,
        costPerThousand: provider.cost.perThousand,
        latencyMs: health.latencyMs,
        ...cells.success(host, message.type, health.success, now),
        probing: !observe && breaker.state() === 'half-open',
        ...(closed ? { closed } : {}),
        ...(sick ? { sick } : {}),
        ...(delivered ? { delivered } : {}),
        ...(share < 1 && !observe ? { share } : {}),
      })
    }
    // Who is behind a domain matters only while some host is ill; then the next mail there knows.
    if (anySick && host === domain) this.#parts.hosts.ask(domain)
    return standings
  }

  /** When mail that nobody takes now is due again. */
  wait(waiter: Waiter, dice: number): number {
    const providers = waiter.providers.flatMap((name) => this.#live.get(name) ?? [])
    return dueAgain(waiter, providers, { now: this.#parts.clock(), networkDownUntil: this.#networkDownUntil, dice })
  }

  /**
   * Counts recipients that go to a provider at this very moment; why they may not, and then they are not counted.
   * @param to their addresses: the hosts that they may be the probe of; whose mail it is matters to shaping rules
   * @param lastResort nobody else is left: what only its breaker or a sick host keeps away goes all the same
   */
  take(
    name: string,
    count: number,
    now: number,
    {
      to = [],
      tenant = '',
      lastResort = false,
    }: { to?: readonly string[]; tenant?: string; lastResort?: boolean } = {},
  ): string | null {
    const live = this.#live.get(name)
    if (!live) return 'is not in the config any more'
    // It may have been drained while this waited for room.
    if (live.drained) return 'drained by an operator'
    const refused = live.allowance.refusal(count, now)
    if (refused) return refused.reason
    if (!live.breaker.allows() && !(lastResort && takesLastResort(live))) return 'its breaker opened'
    const hosts = new Set(to.map((email) => this.#hostOf(email)))
    const passed = lastResort || live.provider.breaker.observe
    if (!passed) {
      const sick = [...hosts].map((host) => live.cells.at(host, now)).find((cell) => cell?.say === 'shut')
      if (sick) return sick.words
    }
    const shaped = live.shaping?.goes(hosts, tenant, count, now) ?? null
    if (shaped !== null) return shaped
    for (const host of hosts) live.cells.goes(host, now, now + probeTime)
    live.allowance.take(count, now)
    return null
  }

  #hostOf(email: string): string {
    const domain = domainOf(email)
    return this.#parts.hosts.known(domain) ?? domain
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
      this.#learn(live, verdict, message, outcomes, this.#parts.clock() - began)
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

  #learn(
    live: Live,
    verdict: Verdict,
    message: Pick<Message, 'id' | 'type' | 'from'>,
    outcomes: Outcomes,
    latencyMs: number,
  ): void {
    const now = this.#parts.clock()
    if (verdict.kind === 'network') {
      this.#networkDownUntil = now + networkPause
      return
    }
    if (verdict.kind === 'throttled') live.throttledUntil = now + verdict.wait
    // Its answers are what is measured here: one that accepts and does not deliver is still better than none.
    const answered = verdict.kind === 'fault' ? judge(outcomes).kind : verdict.kind
    const good = answered === 'good' || answered === 'throttled'
    live.health = observe(live.health, { good, latencyMs: good ? latencyMs : null })
    live.unusable = verdict.kind === 'account' || (live.unusable && !good)
    for (const [email, outcome] of outcomes) {
      if ('diagnostic' in outcome && outcome.diagnostic.code === cutShort) continue
      if ('cause' in outcome && outcome.cause === 'identity') {
        live.notReady.set(domainOf(message.from.email), now + identityMemory)
      }
      if (outcome.kind === 'accepted' && live.provider.adapter.webhook)
        live.overdue.accepted(keyOf(message.id, email), now)
      if (mayTell(live.provider)) live.delivered.answered(keyOf(message.id, email), this.#hostOf(email), outcome, now)
      // A vendor that tells of deliveries says nothing of the host by taking mail.
      if (outcome.kind === 'delivered' || (outcome.kind === 'accepted' && !live.overdue.tells)) {
        this.#delivered(live, keyOf(message.id, email), email, message.type)
      } else if ('cause' in outcome && outcome.cause === 'host') {
        remember(live.deferred, keyOf(message.id, email))
        this.#note(live, email, message.type, 'bad')
      }
    }
  }

  /** What a vendor told of mail that it had taken. */
  heard(name: string, { messageId, recipient, mailType, type, bounce, tenant, words }: News): void {
    const live = this.#live.get(name)
    if (!live) return
    if (words !== null) heardOf(live, { type, tenant, email: recipient, reply: words }, this.#parts)
    const key = keyOf(messageId, recipient)
    live.delivered.heard(key, this.#hostOf(recipient), { type, bounce }, this.#parts.clock())
    // Of one that tells of no deliveries, that it took the mail was counted as good.
    const bad = live.overdue.tells ? 'bad' : 'spoiled'
    if (type === 'deferred') {
      // However often it tries in vain, it is one mail.
      if (live.deferred.has(key)) return
      remember(live.deferred, key)
      this.#note(live, recipient, mailType, bad)
      return
    }
    if (type === 'accepted' || type === 'opened' || type === 'clicked') return
    if (type === 'delivered') this.#delivered(live, key, recipient, mailType)
    else if (!live.deferred.delete(key) && bounce === 'block') this.#note(live, recipient, mailType, bad)
    const { tells } = live.overdue
    live.overdue.ended(key, this.#parts.clock(), type === 'delivered')
    if (live.overdue.tells !== tells) this.#save(live)
  }

  /** What was deferred first and then went well, as by greylisting, is not held against anybody. */
  #delivered(live: Live, key: string, recipient: string, type: string): void {
    this.#note(live, recipient, type, live.deferred.delete(key) ? 'undone' : 'good')
  }

  #save({ provider, cells, overdue }: Live): void {
    const state: SavedHosts = { tells: overdue.tells, cells: cells.saved() }
    this.#parts.store.setState(cellsKey(provider.name), state).catch(() => {})
  }

  /** Counts what became of mail at the host of a recipient. Only for bad news is it worth finding out whose the domain is. */
  #note(live: Live, recipient: string, type: string, what: Became): void {
    const { hosts, clock, dice, turned } = this.#parts
    const domain = domainOf(recipient)
    const count = (host: string) => {
      told(live, live.shaping?.note(host, what, clock()) ?? null, this.#parts)
      const turn = live.cells.note(host, type, what, { now: clock(), die: dice() })
      if (turn === null) return
      const { name } = live.provider
      const sick = live.cells.at(host, clock())
      turned(name, turn, { reason: sick?.words ?? `well again at ${host}`, until: sick?.until ?? null })
      this.#save(live)
    }
    const known = hosts.known(domain)
    if (known !== null || what === 'good' || what === 'undone') count(known ?? domain)
    else
      hosts.find(domain).then(
        (host) => count(host ?? domain),
        () => {},
      )
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

  views(): ProviderView[] {
    const now = this.#parts.clock()
    return [...this.#live.values()].map((live) => viewOf(live, now))
  }

  close(): void {
    for (const { breaker } of this.#live.values()) breaker.close()
  }
}

/** What is worth keeping over a restart of how it does at hosts. */
interface SavedHosts {
  /** It has told of deliveries. */
  tells: boolean
  cells: SavedCells
}

const deliveredKey = (provider: string) => `delivered:${provider}`
const cellsKey = (provider: string) => `cells:${provider}`

function remember(deferred: Set<string>, key: string): void {
  deferred.add(key)
  if (deferred.size > mostDeferred) deferred.delete(deferred.values().next().value!)
}

/** One mail to one recipient. */
const keyOf = (messageId: string, recipient: string) => `${messageId} ${recipient}`

/** Providers hold plain data and an adapter; two with the same settings may share everything learnt about them. */
function sameSettings(a: Provider, b: Provider): boolean {
  return a.adapter === b.adapter && JSON.stringify({ ...a, adapter: null }) === JSON.stringify({ ...b, adapter: null })
}
