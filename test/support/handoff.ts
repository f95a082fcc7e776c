/** A handoff of raw mail, for tests of what sends it. */
import type { Handoff } from '../../src/mail/adapter.ts'
import type { Message, Recipient } from '../../src/mail/message.ts'

export interface RawMail {
  from?: string
  to?: string[]
  raw?: string | Uint8Array
  signal?: AbortSignal
  message?: Partial<Message>
  dsn?: Record<string, Recipient['dsn']>
  /** Replaces reading the content as a stream. */
  stream?: () => AsyncIterable<Uint8Array>
  size?: number
}

export const letter =
  'From: Ann <ann@example.com>\r\nTo: bob@example.net\r\nSubject: hello\r\nMessage-ID: <1@example.com>\r\n' +
  'Date: Wed, 25 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nhello\r\n'

export function rawHandoff(mail: RawMail = {}): Handoff {
  const bytes = typeof mail.raw === 'string' || mail.raw === undefined ? Buffer.from(mail.raw ?? letter) : mail.raw
  const from = mail.from ?? 'ann@example.com'
  const message: Message = {
    id: 'msg_test',
    tenant: '',
    type: 'transactional',
    priority: 'normal',
    via: 'smtp',
    returnPath: from,
    from: { email: 'ann@example.com' },
    subject: 'hello',
    messageId: '<1@example.com>',
    acceptedAt: 0,
    sendAt: null,
    expireAt: 86_400_000,
    form: 'raw',
    size: bytes.length,
    headers: [],
    attachments: 0,
    inline: 0,
    rawOnly: false,
    eightBit: bytes.some((byte) => byte > 127),
    smtpUtf8: false,
    hidden: [],
    tags: [],
    metadata: {},
    provider: null,
    dsn: {},
    ...mail.message,
  }
  const recipients: Recipient[] = (mail.to ?? ['bob@example.net']).map((email, index) => ({
    index,
    email,
    status: 'sending',
    provider: null,
    providerMessageId: null,
    dsn: mail.dsn?.[email] ?? {},
  }))
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
  }
  return {
    message,
    recipients,
    content: {
      form: 'raw',
      size: mail.size ?? bytes.length,
      bytes: async () => bytes,
      stream: mail.stream ?? pieces,
    },
    idempotencyKey: 'key',
    signal: mail.signal ?? new AbortController().signal,
    timeout: 30_000,
  }
}
