/** One configured provider with all of it that changes while the process runs, and what that says to mail and to people. */
import type { Identity } from '../identity.ts'
import type { HookView, Provider, ProviderView } from '../mail/provider.ts'
import type { HostQuotas } from '../queue/host-quotas.ts'
import type { Limited, Refusal } from '../queue/limits.ts'
import type { Comer } from '../queue/line.ts'
import { closedBy, longest } from '../queue/quota.ts'
import { Room } from '../queue/room.ts'
import type { Cells } from '../route/cells.ts'
import type { Delivered } from '../route/delivered.ts'
import type { Health } from '../route/health.ts'
import type { Meter } from '../route/meter.ts'
import type { Overdue } from '../route/overdue.ts'
import type { Standing } from '../route/plan.ts'
import type { Shaping } from '../route/shaping.ts'
import type { Breaker } from '../send/breaker.ts'
import type { Rejections } from '../send/rejections.ts'

export interface Live {
  provider: Provider
  breaker: Breaker
  allowance: Limited
  /** What it may be given at each mailbox host; null where nothing says so. */
  atHosts: HostQuotas | null
  health: Health
  /** What it has taken this month, and what more costs. */
  meter: Meter
  /** How it does at each mailbox host. */
  cells: Cells
  /** Whether what it accepts is delivered. */
  overdue: Overdue
  /** What becomes of what it accepts, in figures. */
  delivered: Delivered
  /** Mail of which it told a deferral and nothing better yet. */
  deferred: Set<string>
  /** Rules about its replies; null where the config has none. */
  shaping: Shaping | null
  drained: boolean
  throttledUntil: number
  /** What opened its breaker was the account: no mail is tried there for want of another provider. */
  unusable: boolean
  /** Its word about recipients. A recipient's own MX has the last one, and is not asked about others. */
  rejections: Rejections | null
  /** From domains that it said are not verified there, and until when to believe it. */
  notReady: Map<string, number>
  /** What was found out about From domains; null where nobody looks after it. */
  identity: Identity | null
  inFlight: number
  /** Calls under way that its breaker would not allow, made because nobody else was left. */
  lastResorts: number
  /** For calls under way, and the line of mail that waits. */
  room: Room
}

/** While the one probe of a half-open breaker is under way. */
const probePause = 1_000
/** Calls at once to a provider that is shut and better than none; who finds no room looks again after a while. */
const mostLastResorts = 10
const lastResortPause = 5_000
/** A provider of whose recent answers fewer were good is as good as none. */
const leastSuccess = 0.2

/** Whether its breaker keeps mail away. One that only observes never does. */
function shut({ provider, breaker }: Live): 'open' | 'probing' | null {
  if (provider.breaker.observe) return null
  return breaker.state() === 'open' ? 'open' : breaker.allows() ? null : 'probing'
}

/** How good it is as the last resort, when only its breaker keeps mail away; null when that is not good enough. */
function asLastResort({ health: { success }, unusable }: Live): number | null {
  return unusable || success === null || success < leastSuccess ? null : success
}

/** Whether one more call may be made although its breaker would not have it, for want of another provider. */
export function takesLastResort(live: Live): boolean {
  return asLastResort(live) !== null && live.lastResorts < mostLastResorts
}

/** Whether it takes nothing but a probe, and mail can but wait until its breaker closes. */
export function awaitsProbe(live: Live): boolean {
  return !live.drained && shut(live) !== null && asLastResort(live) === null
}

/** Why no mail from this domain (null: from any) may go there now, in the order of weight; null when it may. */
export function closedTo(live: Live, from: string | null, now: number): Standing['closed'] | null {
  if (live.drained) return { reason: 'drained by an operator', until: null }
  const notReady = from === null ? 0 : (live.notReady.get(from) ?? 0)
  const refusal =
    live.throttledUntil > now
      ? { reason: 'asked us to slow down', until: live.throttledUntil }
      : notReady > now
        ? { reason: `says that ${from} is not verified there`, until: notReady }
        : ((from === null ? null : live.identity?.refusal(from, now)) ?? live.allowance.refusal(1, now))
  const how = shut(live)
  if (how === null) return refusal
  const until = how === 'open' ? live.breaker.openUntil()! : now + probePause
  const when = new Date(until).toISOString()
  const reason =
    how === 'open'
      ? `its breaker is open until ${when}: ${live.breaker.reason()}`
      : 'its breaker is half-open, and a probe is under way'
  const success = refusal ? null : asLastResort(live)
  if (success === null) return { reason, until }
  if (takesLastResort(live)) return { reason, until, lastResort: success }
  return { reason, until: Math.min(until, now + lastResortPause) }
}

/** Why mail to a mailbox host must wait or go elsewhere, by what it may be given there; null when it need not. */
export function shutAtHost({ atHosts }: Live, host: string, message: Comer, now: number): Refusal | null {
  if (atHosts === null) return null
  return longest(atHosts.at(host, now).flatMap((quota) => closedBy(quota, message, now) ?? []))
}

export function roomAt({ adapter, options, limits }: Provider, clock: () => number): Room {
  const { send } = adapter
  return new Room({
    // What is kept here cannot hang.
    inFlight: send.kind === 'keep' ? Number.POSITIVE_INFINITY : limits.inFlight,
    connections: send.kind === 'smtp' ? send.target(options).connections : Number.POSITIVE_INFINITY,
    byHost: send.kind === 'mx',
    clock,
  })
}

/** How it is, for those who operate the gateway. */
export function viewOf(live: Live, now: number): ProviderView {
  const { provider, breaker } = live
  const limited = live.throttledUntil > now || live.allowance.refusal(1, now) !== null
  const state = breaker.state()
  const share = breaker.share()
  const moved = state === 'open' ? 'open' : state === 'half-open' ? 'probing' : share < 1 ? 'returning' : null
  const { observe } = provider.breaker
  const kept = observe ? null : moved
  return {
    name: provider.name,
    adapter: provider.adapter.name,
    state: live.drained
      ? 'draining'
      : kept === 'open' || kept === 'probing'
        ? kept
        : limited
          ? 'limited'
          : (kept ?? 'ready'),
    observed: observe ? moved : null,
    openUntil: breaker.openUntil(),
    reason: breaker.reason(),
    share: kept === null ? 1 : kept === 'returning' ? share : 0,
    repeats: breaker.repeats(),
    hosts: live.cells.sick(now),
    shaped: live.shaping?.view(now) ?? [],
    labels: provider.labels,
    tenants: provider.tenants,
    domains: provider.domains,
    identity: live.identity?.verdicts() ?? null,
    costPerThousand: live.meter.figures(0, now).costPerThousand,
    month: live.meter.view(now),
    sentToday: live.allowance.usedToday(now),
    perDay: provider.limits.perDay,
    perSecond: provider.limits.perSecond,
    limits: [...live.allowance.uses(now).map((use) => ({ host: null, ...use })), ...(live.atHosts?.uses(now) ?? [])],
    warmup: live.atHosts?.ramps(now) ?? [],
    success: live.health.success,
    latencyMs: live.health.latencyMs,
    inFlight: live.inFlight,
    hook: hookOf(provider),
  }
}

/** Whether it can tell of deliveries, and has. */
export function tellsDeliveries({ provider, overdue }: Live): boolean {
  return overdue.tells && hookOf(provider)?.missing.length === 0
}

function hookOf({ name, adapter, options }: Provider): HookView | null {
  const { webhook } = adapter
  if (!webhook) return null
  const missing = webhook.secrets.filter((secret) => (options as Record<string, unknown>)[secret] === undefined)
  const path = `/hooks/${encodeURIComponent(name)}`
  return { path, secretInAddress: webhook.inAddress === true, missing, setup: webhook.setup }
}

/** What becomes of mail there may come to be known. */
export function mayTell({ adapter }: Provider): boolean {
  return adapter.webhook !== undefined || adapter.send.kind === 'mx'
}
