/** Who goes to a provider together, in one call. */
import { exposes } from './mail/adapter.ts'
import type { Message, Recipient } from './mail/message.ts'
import type { Provider } from './mail/provider.ts'
import type { Load, Standings } from './standing.ts'

/** What a call for these recipients counts for in limits. */
export function loadOf({ type, tenant }: Message, recipients: readonly Recipient[]): Load {
  return { type, tenant, to: recipients.map(({ email }) => email) }
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
