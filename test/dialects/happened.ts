/** What can happen to a mail, for the words in which a dialect tells it. */
import { type EventType, eventTypes } from '../../src/mail/event.ts'

/** Every type of event once, and how what failed can be told. */
export const everything: [type: EventType, detail: string | null][] = [
  ...eventTypes.map((type) => [type, null] as [EventType, null]),
  ['bounced', 'hard bounce: 550 5.1.1 no such user'],
  ['bounced', 'soft bounce: mailbox full'],
  ['bounced', 'block bounce: 554 5.7.1 spam'],
  ['deferred', '451 4.7.1 greylisted'],
  ['suppressed', 'on the suppression list'],
  ['suppressed', 'complaint told by main'],
  ['clicked', 'https://example.com/a'],
]
