/** What the data of one vendor looks like, and the mail that the tests hand over. */
import type { Adapter, Content, Handoff } from '../../src/mail/adapter.ts'
import type { Message, Parts, Recipient } from '../../src/mail/message.ts'
import type { Outcome } from '../../src/mail/outcome.ts'
import type { FakeVendor, Reply, Taken } from '../support/fake-vendors/vendor.ts'

/** What the vendor says, and what that means: `deferred/provider 2000`, with the wait in milliseconds where one is asked. */
export type Case = Reply & {
  says: string
  /** For everyone of a call to Ann and Bob. */
  all?: string
  ann?: string
  bob?: string
  /** For Ann when the call was to her alone; the same as above where it is left out. */
  lone?: string
}

export interface VendorData {
  // biome-ignore lint/suspicious/noExplicitAny: each vendor has options of its own
  adapter: Adapter<any>
  vendor(): Promise<FakeVendor>
  options(baseUrl: string): unknown
  secret: string
  cases: Case[]
  /** Asserts that the vendor got all of `letter`, for the message that `handoff` makes. */
  faithful(taken: Taken): void
}

export const letter: Parts = {
  from: { email: 'sender@example.com', name: 'Sender, Inc.' },
  to: [{ email: 'ann@example.com', name: 'Ann "A" Ärger' }],
  cc: [{ email: 'bob@example.com', name: 'Bob' }],
  replyTo: [{ email: 'help@example.com', name: 'Help' }, { email: 'desk@example.com' }],
  subject: 'Grüße – 你好',
  text: 'Hello Ann,\nsee you 🌻',
  html: '<p>Hello Ann <img src="cid:logo"></p>',
  headers: [
    ['X-Order', '17'],
    ['List-Unsubscribe', '<https://example.com/u>'],
  ],
  attachments: [
    {
      filename: 'räport.pdf',
      contentType: 'application/pdf',
      inline: false,
      content: Buffer.from('%PDF-1.4 fake').toString('base64'),
    },
    {
      filename: 'logo.png',
      contentType: 'image/png',
      contentId: 'logo',
      inline: true,
      content: Buffer.from([137, 80, 78, 71, 0, 255]).toString('base64'),
    },
  ],
}

export const message: Message = {
  id: 'msg_01jdtest000000000000000000',
  tenant: '',
  type: 'transactional',
  priority: 'normal',
  via: 'http',
  returnPath: 'bounces@example.com',
  from: letter.from,
  subject: letter.subject,
  messageId: '<msg_01jdtest000000000000000000@example.com>',
  acceptedAt: Date.UTC(2026, 10, 25),
  sendAt: null,
  expireAt: Date.UTC(2026, 10, 26),
  form: 'parts',
  size: 1000,
  headers: letter.headers,
  attachments: 1,
  inline: 1,
  rawOnly: false,
  eightBit: true,
  smtpUtf8: false,
  hidden: [],
  tags: ['welcome'],
  metadata: { order: '17' },
  provider: null,
  dsn: {},
}

export function recipients(...emails: string[]): Recipient[] {
  return emails.map((email, index) => ({
    index,
    email,
    status: 'sending',
    provider: null,
    providerMessageId: null,
    dsn: {},
  }))
}

/** The letter to Ann and Bob, unless told otherwise. */
export function handoff(
  emails: string[] = ['ann@example.com', 'bob@example.com'],
  content: Content = { form: 'parts', parts: letter },
  timeout = 20_000,
): Handoff {
  return {
    message,
    recipients: recipients(...emails),
    content,
    idempotencyKey: crypto.randomUUID(),
    signal: AbortSignal.timeout(timeout),
    timeout,
  }
}

/** An outcome in a word: `accepted abc`, `deferred/provider 2000`, `unknown`. */
export function inWords(outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case 'accepted':
      return `accepted ${outcome.providerMessageId}`
    case 'deferred':
      return `deferred/${outcome.cause}${outcome.retryAfter === undefined ? '' : ` ${outcome.retryAfter}`}`
    case 'rejected':
      return `rejected/${outcome.cause}`
    default:
      return outcome?.kind ?? 'nothing'
  }
}

/** A body in JSON, for a case. */
export function says(body: unknown): { headers: Record<string, string>; body: string } {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
