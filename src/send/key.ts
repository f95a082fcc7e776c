/** The key that tells a vendor that a call is made again. */
import { hash } from 'node:crypto'
import type { Message, Recipient } from '../mail/message.ts'

/** The same for every attempt of the same recipients at the same provider, and for no other. */
export function idempotencyKey(
  message: Pick<Message, 'id'>,
  provider: string,
  recipients: readonly Recipient[],
): string {
  const emails = recipients.map(({ email }) => email).sort()
  return hash('sha256', [message.id, provider, ...emails].join('\n'))
}
