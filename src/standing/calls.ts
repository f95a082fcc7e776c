/** Who goes to a provider together, in one call, and what that takes of limits. */
import { exposes } from '../mail/adapter.ts'
import type { Message, Recipient } from '../mail/message.ts'
import type { Outcomes } from '../mail/outcome.ts'
import type { Provider } from '../mail/provider.ts'
import type { Quota } from '../queue/quota.ts'
import type { Count } from '../store/store.ts'
import type { Load, Standings } from './standing.ts'

/** What a call for these recipients counts for in limits. */
export function loadOf({ type, tenant }: Message, recipients: readonly Recipient[]): Load {
  return { type, tenant, to: recipients.map(({ email }) => email) }
}

/** What a call took of limits that all providers share. */
export interface Taken {
  at: number
  /** What the store counts of it. */
  counts: readonly Count[]
  shared: readonly Quota[]
}

const none: readonly Count[] = []

/** What is counted for one reason and for another. */
export function together(some: readonly Count[], others: readonly Count[]): readonly Count[] {
  return others.length === 0 ? some : [...some, ...others]
}

/** Recipients that a provider did not take and that go again are counted then, and not twice. Answers what the store gives back. */
export function giveBack({ at, shared }: Pick<Taken, 'at' | 'shared'>, outcomes: Outcomes): readonly Count[] {
  if (shared.length === 0) return none
  const again = [...outcomes.values()].filter(
    ({ kind, ...more }) =>
      kind === 'deferred' ||
      (kind === 'rejected' && 'cause' in more && more.cause !== 'recipient' && more.cause !== 'message'),
  ).length
  if (again === 0) return none
  return shared.flatMap(({ allowance }) => {
    allowance.giveBack(again, at)
    return allowance.counts(-again, at)
  })
}

/** Recipients that cannot go to a provider in one call, in the parts in which they go on; null when they can, or none of them can go now. */
export function apart(
  standings: Standings,
  message: Message,
  provider: Provider,
  recipients: Recipient[],
  now: number,
): Recipient[][] | null {
  if (exposes(provider.adapter.features, message, recipients)) return recipients.map((recipient) => [recipient])
  const fitting = new Set(standings.fitting(provider.name, loadOf(message, recipients), now))
  const those = recipients.filter(({ email }) => fitting.has(email))
  if (those.length === 0 || those.length === recipients.length) return null
  return [those, recipients.filter(({ email }) => !fitting.has(email))]
}
