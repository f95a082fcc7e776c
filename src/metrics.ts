/** What Prometheus sees at `/metrics`. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ProviderView } from './gateway.ts'
import type { Priority } from './mail/message.ts'
import type { Outcomes } from './mail/outcome.ts'
import type { NewEvent } from './store/store.ts'

export interface MetricsSources {
  depth: () => Promise<Record<Priority, number>>
  providers: () => ProviderView[]
}

export interface Metrics {
  events(events: readonly NewEvent[]): void
  attempt(provider: string, outcomes: Outcomes, latencyMs: number): void
  text(): Promise<string>
}

const states = ['ready', 'draining', 'open', 'probing', 'limited'] as const

/** A registry of its own, so that two gateways in one process (tests) do not share counts. */
export function createMetrics({ depth, providers }: MetricsSources): Metrics {
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
  const seconds = new Histogram({
    name: 'waypost_attempt_seconds',
    help: 'Time from handing over to the answer',
    labelNames: ['provider'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  new Gauge({
    name: 'waypost_queue_deliveries',
    help: 'Deliveries that wait or are under way, by priority',
    labelNames: ['priority'],
    registers,
    async collect() {
      for (const [priority, count] of Object.entries(await depth())) this.set({ priority }, count)
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
        for (const each of states) this.set({ provider: name, state: each }, each === state ? 1 : 0)
      }
    },
  })
  return {
    events(happened) {
      for (const { type, provider } of happened) events.inc({ type, provider: provider ?? '' })
    },
    attempt(provider, outcomes, latencyMs) {
      seconds.observe({ provider }, latencyMs / 1000)
      for (const outcome of outcomes.values()) {
        attempts.inc({ provider, outcome: outcome.kind, cause: 'cause' in outcome ? outcome.cause : '' })
      }
    },
    text: () => registry.metrics(),
  }
}
