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
  /**
   * How many failures open the breaker, for how many milliseconds at first, how many probes must go well before mail returns, and
   * whether it only says what it would do.
   */
  breaker: { failures: number; open: number; probes: number; observe: boolean }
  labels: string[]
  /** What is done about it at a mailbox host when its replies say so. */
  shaping: readonly ShapingRule[]
}

/** What is done about a provider at a mailbox host when its replies say so. */
export interface ShapingRule {
  name: string
  /** Short names or domains; none: each host by itself. */
  hosts: readonly string[]
  /** A reply in which this is found (RE2), or more than a share of the last so many deferred or blocked. */
  when: { reply: string } | { share: number; of: number }
  /** Nothing goes there, of this tenant, or both; or mail goes at a part of the pace that it had. */
  does: { suspend: readonly ('host' | 'tenant')[] } | { slow: number }
  /** Milliseconds. */
  for: number
}

/** A shaping rule at work. */
export interface Shaped {
  rule: string
  /** Null: at every host; of every tenant. */
  host: string | null
  tenant: string | null
  until: number
  /** What was said or counted: hostile text. */
  why: string
  /** Milliseconds between two recipients while it is slowed; null when it is suspended. */
  interval: number | null
}

export const providerStates = ['ready', 'draining', 'open', 'probing', 'returning', 'limited'] as const
type ProviderState = (typeof providerStates)[number]

/** A mailbox host that defers or blocks what comes from a provider. */
export interface SickHost {
  /** Its short name, or the domain where we know no better. */
  host: string
  /** `shut`: passed over until then; `probing`: one mail at a time finds out. */
  state: 'shut' | 'probing'
  until: number
  /** Of the answers when it fell ill, those that were deferrals and blocks. */
  bad: number
  of: number
  /** Share of the answers of late that were good. */
  success: number
  /** How often it fell ill again soon after it had been well. */
  repeats: number
}

/** A provider and how it is, for those who operate the gateway. */
export interface ProviderView {
  name: string
  adapter: string
  /**
   * `ready`; `draining`: takes nothing new; `open`: its breaker is open; `probing`: half-open; `returning`: closed again, and mail
   * comes back in steps; `limited`: at its limit.
   */
  state: ProviderState
  /** With `observe`: what its breaker would be, were it let. */
  observed: 'open' | 'probing' | 'returning' | null
  /** When an open breaker lets a probe through. */
  openUntil: number | null
  /** Why it opened, in the vendor's words: hostile text. */
  reason: string | null
  /** The part of mail that its breaker lets go there: 0 to 1. */
  share: number
  /** How often its breaker opened again soon after it had closed. */
  repeats: number
  /** Mailbox hosts at which it is passed over for now. */
  hosts: SickHost[]
  /** Shaping rules at work. */
  shaped: Shaped[]
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
