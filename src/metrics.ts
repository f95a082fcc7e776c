/** What Prometheus sees at `/metrics`. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Alert } from './alert.ts'
import type { Priority } from './mail/message.ts'
import { type MoveView, moveStates } from './mail/move.ts'
import type { Outcomes } from './mail/outcome.ts'
import { type BudgetView, type ProviderView, providerStates } from './mail/provider.ts'
import { isKnown } from './route/cells.ts'
import type { NewEvent } from './store/store.ts'

export interface MetricsSources {
  depth: () => Promise<Record<Priority, number>>
  /** When the oldest message that waits was accepted. */
  oldest: () => Promise<number | null>
  /** Deliveries held because their fate is unknown. */
  unknowns: () => Promise<number>
  clock: () => number
  /** Whether the config file, as it stands, is the one in force. */
  configCurrent: () => boolean
  providers: () => ProviderView[]
  moves: () => MoveView[]
  budgets: () => BudgetView[]
}

export interface Metrics {
  events(events: readonly NewEvent[]): void
  /** Recipients canceled by hand. */
  canceled(recipients: number): void
  attempt(provider: string, outcomes: Outcomes, latencyMs: number): void
  /** A call from a vendor: what became of its events, or why it was refused. */
  hook(provider: string, what: Record<'fresh' | 'known' | 'parked', number> | { refused: string }): void
  /** Webhooks told, by what came of it. */
  notices(result: string, count: number): void
  /** A recipient's mail went on, or was found to have been taken, though this provider may have, or had, taken it too. */
  twice(certainty: 'possible' | 'confirmed', provider: string): void
  alert(alert: Pick<Alert, 'kind' | 'provider'>): void
  text(): Promise<string>
}

/** A registry of its own, so that two gateways in one process (tests) do not share counts. */
export function createMetrics(sources: MetricsSources): Metrics {
  const { depth, oldest, clock, providers, moves } = sources
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const events = new Counter({
    name: 'waypost_events_total',
    help: 'Events by type: accepted counts messages, the others recipients',
    labelNames: ['type', 'provider'],
    registers,
  })
  const attempts = new Counter({
    name: 'waypost_attempts_total',
    help: 'Recipients attempted, by provider, outcome and cause',
    labelNames: ['provider', 'outcome', 'cause'],
    registers,
  })
  const hooks = new Counter({
    name: 'waypost_hook_events_total',
    help: 'What vendors told us: events that were new, known before or parked, and calls that were refused (forged, unreadable, nobody)',
    labelNames: ['provider', 'result'],
    registers,
  })
  const duplicates = {
    possible: new Counter({
      name: 'waypost_possible_duplicates_total',
      help: 'Recipients whose mail was sent on though this provider may have taken it',
      labelNames: ['provider'],
      registers,
    }),
    confirmed: new Counter({
      name: 'waypost_confirmed_duplicates_total',
      help: 'Recipients whose mail this provider took, as it told later, and another took as well',
      labelNames: ['provider'],
      registers,
    }),
  }
  const alerts = new Counter({
    name: 'waypost_alerts_total',
    help: 'What operators were told loudly',
    labelNames: ['kind', 'provider'],
    registers,
  })
  const seconds = new Histogram({
    name: 'waypost_attempt_seconds',
    help: 'Time from handing over to the answer',
    labelNames: ['provider'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const notices = new Counter({
    name: 'waypost_notices_total',
    help: 'Calls to webhooks by result: taken, failed (told again later), given_up, gone (410); and events dropped for their age',
    labelNames: ['result'],
    registers,
  })
  new Gauge({
    name: 'waypost_queue_deliveries',
    help: 'Deliveries that wait, are held or are under way, by priority',
    labelNames: ['priority'],
    registers,
    async collect() {
      for (const [priority, count] of Object.entries(await depth())) this.set({ priority }, count)
    },
  })
  new Gauge({
    name: 'waypost_unknown_held',
    help: 'Deliveries held because nobody knows whether a provider took them',
    registers,
    async collect() {
      this.set(await sources.unknowns())
    },
  })
  new Gauge({
    name: 'waypost_queue_oldest_seconds',
    help: 'Age of the oldest message that still waits, held and scheduled ones aside; 0 when none does',
    registers,
    async collect() {
      const since = await oldest()
      this.set(since === null ? 0 : Math.max(0, clock() - since) / 1000)
    },
  })
  new Gauge({
    name: 'waypost_config_current',
    help: '1 while the config file, as it stands, is in force; 0 when it was changed and could not be taken over',
    registers,
    collect() {
      this.set(sources.configCurrent() ? 1 : 0)
    },
  })
  new Gauge({
    name: 'waypost_provider_in_flight',
    help: 'Calls to a provider under way',
    labelNames: ['provider'],
    registers,
    collect() {
      this.reset()
      for (const { name, inFlight } of providers()) this.set({ provider: name }, inFlight)
    },
  })
  new Gauge({
    name: 'waypost_provider_state',
    help: '1 for the state a provider is in',
    labelNames: ['provider', 'state'],
    registers,
    collect() {
      this.reset()
      for (const { name, state } of providers()) {
        for (const each of providerStates) this.set({ provider: name, state: each }, each === state ? 1 : 0)
      }
    },
  })
  new Gauge({
    name: 'waypost_provider_share',
    help: 'The part of mail that the breaker of a provider lets go there: 0 while it is open, in steps up to 1 as mail comes back',
    labelNames: ['provider'],
    registers,
    collect() {
      this.reset()
      for (const { name, share } of providers()) this.set({ provider: name }, share)
    },
  })
  new Gauge({
    name: 'waypost_provider_observed',
    help: '1 while a breaker that only observes would keep mail away',
    labelNames: ['provider'],
    registers,
    collect() {
      this.reset()
      for (const { name, observed } of providers()) this.set({ provider: name }, observed === null ? 0 : 1)
    },
  })
  new Gauge({
    name: 'waypost_provider_host_success',
    help: 'Share of good answers at the mailbox hosts where a provider is passed over, of those known by name',
    labelNames: ['provider', 'host'],
    registers,
    collect() {
      this.reset()
      for (const { name, hosts } of providers()) {
        for (const { host, success } of hosts) if (isKnown(host)) this.set({ provider: name, host }, success)
      }
    },
  })
  new Gauge({
    name: 'waypost_move_share',
    help: 'The part of mail that a move sends the new way, by the rule that moves; 0 once it went back',
    labelNames: ['rule'],
    registers,
    collect() {
      this.reset()
      for (const { rule, share } of moves()) this.set({ rule }, share)
    },
  })
  new Gauge({
    name: 'waypost_move_state',
    help: '1 for the state a move is in',
    labelNames: ['rule', 'state'],
    registers,
    collect() {
      this.reset()
      for (const { rule, state } of moves()) {
        for (const each of moveStates) this.set({ rule, state: each }, each === state ? 1 : 0)
      }
    },
  })
  new Gauge({
    name: 'waypost_spend',
    help: 'What this month (UTC) costs at a provider by now, its fee included; money as the config has it',
    labelNames: ['provider'],
    registers,
    collect() {
      this.reset()
      for (const { name, month } of providers()) if (month) this.set({ provider: name }, month.spent)
    },
  })
  new Gauge({
    name: 'waypost_budget_used',
    help: 'The share of a budget that is spent this month or day (UTC)',
    labelNames: ['budget', 'per'],
    registers,
    collect() {
      this.reset()
      for (const { name, per, spent, limit } of sources.budgets()) this.set({ budget: name, per }, spent / limit)
    },
  })
  return {
    events(happened) {
      for (const { type, provider } of happened) events.inc({ type, provider: provider ?? '' })
    },
    canceled: (recipients) => events.inc({ type: 'canceled', provider: '' }, recipients),
    attempt(provider, outcomes, latencyMs) {
      seconds.observe({ provider }, latencyMs / 1000)
      for (const outcome of outcomes.values()) {
        attempts.inc({ provider, outcome: outcome.kind, cause: 'cause' in outcome ? outcome.cause : '' })
      }
    },
    hook(provider, what) {
      if ('refused' in what) return hooks.inc({ provider, result: what.refused })
      for (const [result, count] of Object.entries(what)) if (count > 0) hooks.inc({ provider, result }, count)
    },
    notices: (result, count) => notices.inc({ result }, count),
    twice: (certainty, provider) => duplicates[certainty].inc({ provider }),
    alert: ({ kind, provider = '' }) => alerts.inc({ kind, provider }),
    text: () => registry.metrics(),
  }
}
