/** A provider: a configured account with a vendor. Several may share an adapter. */
import type { Adapter } from './adapter.ts'
import type { IdentityVerdict } from './identity.ts'

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

/** What it charges, in whichever money: months are those of UTC. */
export interface Cost {
  /** The fee, paid whatever goes. */
  monthly: number
  /** What its mail costs a month at least: below that a message adds nothing to the bill. */
  commitment: number
  /** By the month's recipients, each at the price of the tier that they fall into. Rising; the last is `Infinity`. */
  tiers: readonly { upTo: number; perThousand: number }[]
  /** For each 1,024^3 bytes of messages, once for each recipient. */
  perGigabyte: number
}

export interface Provider {
  /** Its name in the config. */
  name: string
  adapter: Adapter
  /** The adapter's own settings, as its schema parsed them. Holds secrets: never log, never show. */
  options: unknown
  cost: Cost
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
  /** Whose own account it is, and then nobody else's. Null: everybody's. */
  tenants: string[] | null
  /** From domains that it is for: each itself or, as `*.example.com`, all below it. Null: any. */
  domains: string[] | null
  /** How it is looked after that it may send for From domains; null: not. */
  identity: IdentityCare | null
  /** What is done about it at a mailbox host when its replies say so. */
  shaping: readonly ShapingRule[]
}

export interface IdentityCare {
  /** Mail from a domain that is found not ready goes elsewhere, or waits; else it is only told of. */
  require: boolean
  /** Selectors of its DKIM keys, at the From domain or above it. */
  dkim: string[]
  /** What the SPF record of the From domain must include. */
  spf: string | null
  /** DNS servers as `ip` or `ip:port`; empty for the system's. */
  resolver: string[]
}

/** Providers hold plain data and an adapter; two with the same settings may share everything learnt about them. */
export function sameSettings(a: Provider, b: Provider): boolean {
  return a.adapter === b.adapter && JSON.stringify({ ...a, adapter: null }) === JSON.stringify({ ...b, adapter: null })
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

/** How a provider's month (UTC) stands. */
export interface MonthView {
  /** The fee, and what this month's mail comes to by now. */
  spent: number
  /** What the month comes to if its mail goes on as it did; null on its first day, which says too little. */
  forecast: number | null
  /** Recipients that still cost nothing; null where none ever do. */
  freeLeft: number | null
}

/** How a budget is in its month or its day, for those who operate the gateway. */
export interface BudgetView {
  name: string
  per: 'month' | 'day'
  limit: number
  spent: number
  /** The highest share passed of those that are told of, 1 when nothing is left for the next message; 0: none yet. */
  level: number
  /** When it begins anew. */
  until: number
}

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

/** How much is used of a limit, and whose it is. */
export interface LimitView extends LimitUse {
  of: 'provider' | 'type' | 'tenant'
  name: string
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
  /** Shaping rules at work. */
  shaped: Shaped[]
  labels: string[]
  /** Whose own account it is, and for which From domains; null: everybody's, any. */
  tenants: string[] | null
  domains: string[] | null
  /** What is known of the From domains of its mail; null where nobody looks after it. */
  identity: IdentityVerdict[] | null
  /** What one recipient more costs now, per 1,000; its mail's size aside. */
  costPerThousand: number
  /** What this month costs there; null where nothing does. */
  month: MonthView | null
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
