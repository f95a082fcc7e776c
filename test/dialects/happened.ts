/** An event and its message, for the words in which a dialect tells them. */
import { type EventType, eventTypes, type MailEvent } from '../../src/mail/event.ts'
import type { Message } from '../../src/mail/message.ts'

const id = '01k0000000abcdefghjkmnpqrs'

export const message: Message = {
  id: `msg_${id}`,
  tenant: 'acme',
  type: 'transactional',
  priority: 'normal',
  via: 'http',
  returnPath: 'ann@example.com',
  from: { email: 'ann@example.com', name: 'Ann' },
  subject: 'Hi',
  messageId: `<msg_${id}@example.com>`,
  acceptedAt: Date.UTC(2026, 10, 26, 9),
  sendAt: null,
  expireAt: Date.UTC(2026, 10, 27, 9),
  form: 'parts',
  size: 1000,
  headers: [],
  attachments: 0,
  inline: 0,
  rawOnly: false,
  eightBit: false,
  smtpUtf8: false,
  hidden: [],
  tags: ['spring'],
  metadata: { order: '17' },
  provider: null,
  dsn: {},
}

export function happened(type: EventType, detail: string | null = null): MailEvent {
  return {
    id: `evt_${id}`,
    type,
    at: Date.UTC(2026, 10, 26, 10),
    messageId: message.id,
    recipient: type === 'accepted' ? null : 'bob@example.org',
    provider: 'main',
    providerMessageId: 'v-1',
    detail,
  }
}

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
