/** Whom raw mail shows as its sender, and whether the key may. */
import { everyMailboxIn } from '../mail/headers.ts'
import type { Header } from '../mail/message.ts'
import { maySendFrom, type Sender } from './auth.ts'
import { Refusal } from './refusals.ts'

/**
 * A key that is bound to domains must show, in every From and Sender field, only mailboxes of those; an entry that we cannot
 * read is one that a receiver might. @throws Refusal
 */
export function checkHeaderFrom(sender: Sender, fields: readonly Header[]): void {
  if (sender.from.length === 0) return
  const shown = fields
    .filter(([name]) => /^(?:from|sender)$/i.test(name))
    .map(([, value]) => everyMailboxIn(value) ?? [])
  if (shown.length === 0 || shown.some((mailboxes) => mailboxes.length === 0)) {
    throw new Refusal('from_not_allowed', 'This key is bound to domains, and a From or Sender cannot be read whole.')
  }
  const other = shown.flat().find((mailbox) => !maySendFrom(sender, mailbox.email))
  if (other) throw new Refusal('from_not_allowed', `This key may not send from ${other.email}.`)
}
