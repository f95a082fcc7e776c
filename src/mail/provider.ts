/** A provider: a configured account with a vendor. Several may share an adapter. */
import type { Adapter } from './adapter.ts'

export interface Provider {
  /** Its name in the config. */
  name: string
  adapter: Adapter
  /** The adapter's own settings, as its schema parsed them. Holds secrets: never log, never show. */
  options: unknown
  cost: { perThousand: number }
  /** Null: no limit. At its limit a provider is passed over for the next; with no next, mail waits. */
  limits: {
    perSecond: number | null
    perMinute: number | null
    perHour: number | null
    perDay: number | null
    /** Calls under way at once. */
    inFlight: number
  }
  /** Milliseconds for a whole answer. */
  timeout: number
  /** How many failures open the breaker, for how many milliseconds, and how many probes may go at once when half-open. */
  breaker: { failures: number; open: number; probes: number }
  labels: string[]
}

/** A provider and how it is, for those who operate the gateway. */
export interface ProviderView {
  name: string
  adapter: string
  /** `ready`; `draining`: takes nothing new; `open`: its breaker is open; `probing`: half-open; `limited`: at its limit. */
  state: 'ready' | 'draining' | 'open' | 'probing' | 'limited'
  /** When an open breaker lets a probe through. */
  openUntil: number | null
  /** Why it opened, in the vendor's words: hostile text. */
  reason: string | null
  labels: string[]
  costPerThousand: number
  /** Recipients handed to it today (UTC), and its limits. */
  sentToday: number
  perDay: number | null
  perSecond: number | null
  /** Recent answers: share that were not its fault, and the usual latency. Null before the first. */
  success: number | null
  latencyMs: number | null
  inFlight: number
  /** Where its vendor sends events; null when it sends none. */
  hook: HookView | null
}

/** What its vendor's setup page is told. */
export interface HookView {
  /** Under the gateway's address: `/hooks/relay-eu`. */
  path: string
  /** The address must bear `?secret=…`, for the vendor signs nothing. */
  secretInAddress: boolean
  /** Settings that are still missing; until then every call is refused. */
  missing: string[]
  setup: string
}
