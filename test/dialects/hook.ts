/** A webhook in a vendor's words: what it is told of a mail, and events as our own track knows them, to be told by hand. */
import type { MailEvent } from '../../src/mail/event.ts'
import type { Message } from '../../src/mail/message.ts'
import { eventually, type Waypost } from '../support/waypost.ts'
import { type Posted, webhookTarget } from '../support/webhook-target.ts'

/** Config with which a webhook may lie on this machine. */
export const hooksHere = { more: 'webhooks: { allowPrivate: true }' }

export interface Hook {
  url: string
  /** What adding it answered: the secret, by the vendor's name for it. */
  added: Record<string, string>
  /** The first call with these words in it. */
  told(words: string): Promise<Posted>
}

/** Adds a webhook in a dialect and runs a story with it. */
export async function hooked(gateway: Waypost, dialect: string, story: (hook: Hook) => Promise<void>): Promise<void> {
  const target = await webhookTarget()
  try {
    const url = `${target.url}hook?from=us`
    const { body: added } = await gateway.post('/v1/webhooks', { url, dialect })
    await story({
      url,
      added,
      told: (words) => eventually(() => target.posted.find(({ body }) => body.includes(words)), `${words} is told`),
    })
  } finally {
    await target.close()
  }
}

export const sentMessage: Message = {
  id: 'msg_01kxqmv2f0d5p8s3w6z9c2e4g7',
  tenant: '',
  type: 'transactional',
  priority: 'normal',
  via: 'http',
  returnPath: 'ann@example.com',
  from: { email: 'ann@example.com', name: 'Ann' },
  subject: 'Hi',
  messageId: '<msg_01kxqmv2f0d5p8s3w6z9c2e4g7@example.com>',
  acceptedAt: Date.UTC(2027, 0, 31, 9, 30),
  sendAt: null,
  expireAt: Date.UTC(2027, 1, 3),
  form: 'parts',
  size: 100,
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

/** An event of that message. */
export function eventOf(type: MailEvent['type'], detail: string | null = null): MailEvent {
  return {
    id: 'evt_01kxqmv2f0d5p8s3w6z9c2e4g7',
    type,
    at: Date.UTC(2027, 0, 31, 9, 31),
    messageId: sentMessage.id,
    recipient: 'bob@example.org',
    provider: 'other',
    providerMessageId: 'x',
    detail,
  }
}
