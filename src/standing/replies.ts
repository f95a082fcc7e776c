/** How a provider's answers are to be understood, beyond what its adapter read: whether they are believed, and what rules make of them. */
import type { Hosts } from '../hosts.ts'
import { domainOf, suppressionKey } from '../mail/address.ts'
import type { Message } from '../mail/message.ts'
import type { Outcome, Outcomes } from '../mail/outcome.ts'
import type { Provider, Shaped } from '../mail/provider.ts'
import type { ProviderEventType } from '../mail/webhook.ts'
import type { RegexEngine } from '../route/match.ts'
import { concerns, type SavedShaping, Shaping } from '../route/shaping.ts'
import { judge, type Verdict } from '../send/breaker.ts'
import type { Store } from '../store/store.ts'
import type { Turn } from '../turns.ts'
import type { Live } from './live.ts'

interface RepliesParts {
  store: Pick<Store, 'setState' | 'unsuppress'>
  clock: () => number
  hosts: Hosts
  turned: Turn
}

/**
 * A block message that a shaping rule knows is the host's word about this path, and nobody's who was to get the mail. What a
 * provider in trouble says of recipients is not believed, and what it said just before is taken back.
 */
export function understood(
  live: Live,
  { tenant }: Pick<Message, 'tenant'>,
  answered: Outcomes,
  parts: RepliesParts,
): Outcomes | Promise<Outcomes> {
  if (live.shaping === null) return believed(live, tenant, answered, parts)
  return shaped(live, tenant, answered, parts).then((outcomes) => believed(live, tenant, outcomes, parts))
}

function believed(live: Live, tenant: string, outcomes: Outcomes, parts: RepliesParts): Outcomes {
  const { provider, rejections } = live
  if (!rejections) return outcomes
  const doubted = rejections.doubted
  const read = rejections.read(tenant, outcomes, parts.clock())
  if (rejections.doubted !== doubted) parts.turned(provider.name, doubted ? 'believed' : 'doubted', null)
  for (const { tenant, email } of read.absolved) {
    parts.store.unsuppress(tenant, [suppressionKey(email)], { source: provider.name }).catch(() => {})
  }
  return read.outcomes
}

async function shaped(live: Live, tenant: string, outcomes: Outcomes, parts: RepliesParts): Promise<Outcomes> {
  const read: Outcomes = new Map()
  for (const [email, outcome] of outcomes) {
    const blocked = isNo(outcome) && (await suspends(live, { tenant, email, reply: reply(outcome) }, parts))
    read.set(email, blocked ? { kind: 'deferred', cause: 'host', diagnostic: outcome.diagnostic } : outcome)
  }
  return read
}

type No = Extract<Outcome, { kind: 'deferred' | 'rejected' }>

/** What our own network did is no reply. */
function isNo(outcome: Outcome): outcome is No {
  return (outcome.kind === 'deferred' || outcome.kind === 'rejected') && outcome.cause !== 'network'
}

function reply({ diagnostic: { code, status, reason } }: No): string {
  return [code, status, reason].filter(Boolean).join(' ')
}

/** Suspends a provider by the rules that ask for this reply to mail of a tenant. False when none does. */
async function suspends(
  live: Live,
  { tenant, email, reply }: { tenant: string; email: string; reply: string },
  parts: RepliesParts,
): Promise<boolean> {
  const asked = live.shaping?.asked(reply) ?? []
  if (asked.length === 0) return false
  const domain = domainOf(email)
  const host = (await parts.hosts.find(domain).catch(() => null)) ?? domain
  const rules = asked.filter((rule) => concerns(rule, host))
  const now = parts.clock()
  for (const rule of rules) told(live, live.shaping!.suspend(rule, { host, tenant, reply }, now), parts)
  return rules.length > 0
}

/** Whether a rule asks for this reply, as far as is known whose the mailbox is. Asks nobody. */
export function isBlock(live: Live, email: string, reply: string, hosts: Hosts): boolean {
  const host = hosts.of(email)
  return live.shaping?.asked(reply).some((rule) => concerns(rule, host)) ?? false
}

/** Events in whose words there may be a block message. */
const saysNo: ReadonlySet<ProviderEventType> = new Set(['deferred', 'bounced', 'rejected'])

/** What a vendor told later, in words: the same as if it had answered so. */
export function heardOf(
  live: Live,
  { type, ...said }: { type: ProviderEventType; tenant: string; email: string; reply: string },
  parts: RepliesParts,
): void {
  if (live.shaping && saysNo.has(type)) void suspends(live, said, parts)
}

/** What an answer says of the provider: that it accepts mail is nothing to its credit while it does not deliver what it accepted. */
export function judged(live: Live, outcomes: Outcomes, now: number): Verdict {
  const verdict = judge(outcomes)
  if (verdict.kind !== 'good' || ![...outcomes.values()].some(({ kind }) => kind === 'accepted')) return verdict
  const reason = live.overdue.fault(now)
  return reason === null ? verdict : { kind: 'fault', reason }
}

/** Tells of a rule that begins to work, and keeps it over a restart. */
export function told(
  { provider: { name }, shaping }: Live,
  began: Shaped | null,
  { store, clock, turned }: Pick<RepliesParts, 'store' | 'clock' | 'turned'>,
): void {
  if (!shaping || !began) return
  const { interval, host, rule, why, until } = began
  const where = host === null ? '' : ` at ${host}`
  turned(name, interval === null ? 'suspended' : 'slowed', { reason: `rule ${rule}${where}: ${why}`, until })
  store.setState(shapingKey(name), shaping.saved(clock())).catch(() => {})
}

/** Takes up the rules that an earlier process left at work. Null where the config has none for this provider. */
export async function openShaping(
  { name, shaping }: Provider,
  { store, regex }: { store: Pick<Store, 'state'>; regex: RegexEngine },
): Promise<Shaping | null> {
  if (shaping.length === 0) return null
  const saved = (await store.state(shapingKey(name))) as SavedShaping | null
  return new Shaping(shaping, regex, saved ?? [])
}

const shapingKey = (provider: string) => `shaping:${provider}`
