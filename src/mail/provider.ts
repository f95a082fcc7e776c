/** A provider: a configured account with a vendor. Several may share an adapter. */
import type { Adapter } from './adapter.ts'

/** Recipients that may go in a time; null: as many as come. Days and months are those of UTC. */
export interface Limits {
  perSecond: number | null
  perMinute: number | null
  perHour: number | null
  perDay: number | null
  perMonth: number | null
}

/** How an account comes to be trusted: with so much mail on its first day, and more on each day on which it sends. */
export interface Warmup {
  /** Recipients on the first sending day. */
  start: number
  /** What each sending day adds: 0.4 for 40 %. */
  growth: number
  /** Counted at each mailbox host, or altogether. */
  per: 'host' | 'provider'
  /** When a day would allow so many, it is warm. */
  until: number
}

export interface Provider {
  /** Its name in the config. */
  name: string
  adapter: Adapter
  /** The adapter's own settings, as its schema parsed them. Holds secrets: never log, never show. */
  options: unknown
  cost: { perThousand: number }
  /** At its limit a provider is passed over for the next; with no next, mail waits. */
  limits: Limits & {
    /** Calls under way at once. */
    inFlight: number
    /** What each mailbox host is given, by its name or its domain; `others`: each that is not named. */
    hosts?: Readonly<Record<string, Limits>>
  }
  /** While it warms up; absent: it is warm. */
  warmup?: Warmup
  /** Milliseconds for a whole answer. */
  timeout: number
  /**
   * How many failures open the breaker, for how many milliseconds at first, how many probes must go well before mail returns, and
   * whether it only says what it would do.
   */
  breaker: { failures: number; open: number; probes: number; observe: boolean }
  labels: string[]
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

/** So much of a limit is used. */
export interface LimitUse {
  /** The mailbox host that it holds for; null: for all mail. */
  host: string | null
  per: 'second' | 'minute' | 'hour' | 'day' | 'month'
  used: number
  limit: number
}

/** How far a provider is warm. */
export interface WarmupView {
  /** The mailbox host; null where all count together. */
  host: string | null
  /** Which sending day this is, or the next to come. */
  day: number
  /** Recipients today, and how many it may have. */
  used: number
  limit: number
  /** Bad signs came in today: the next sending day gets no more than this. */
  paused: boolean
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
  labels: string[]
  costPerThousand: number
  /** Recipients handed to it today (UTC), and its limits. */
  sentToday: number
  perDay: number | null
  perSecond: number | null
  /** All of its limits; of those at mailbox hosts, where mail went of late. */
  limits: LimitUse[]
  /** Where it is still warming up; a host shows from its first mail on. */
  warmup: WarmupView[]
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
