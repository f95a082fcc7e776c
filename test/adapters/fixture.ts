/** What the data of one vendor looks like, and the mail that the tests hand over. */
import type { Adapter, Content, Handoff } from '../../src/mail/adapter.ts'
import { compose } from '../../src/mail/compose.ts'
import type { Fetch } from '../../src/mail/fetch.ts'
import type { Message, Parts, Recipient } from '../../src/mail/message.ts'
import type { Outcome } from '../../src/mail/outcome.ts'
import type { HookCall, ProviderEvent } from '../../src/mail/webhook.ts'
import type { FakeVendor, Reply, Taken } from '../support/fake-vendors/vendor.ts'

/** Answers that every vendor is asked for. */
export const everyVendor = ['throttled', 'credential', 'credit', 'recipient', 'identity'] as const
export type About = (typeof everyVendor)[number]

/** What the vendor says, and what that means: `deferred/provider 2000`, with the wait in milliseconds where one is asked. */
export type Case = Reply & {
  says: string
  /** Too many calls; a wrong key; no credit left; an address that it refuses; a From that is not set up there. */
  about?: About
  /** For everyone of a call to Ann and Bob. */
  all?: string
  ann?: string
  bob?: string
  /** For Ann when the call was to her alone; the same as above where it is left out. */
  lone?: string
}

interface Common {
  // biome-ignore lint/suspicious/noExplicitAny: each vendor has options of its own
  adapter: Adapter<any>
  /** Where it has a webhook. */
  hooks?: HookData
  /** Where it is an SMTP preset, or has one beside its API. */
  smtp?: SmtpData
}

/** A vendor called over HTTP. */
export interface VendorData extends Common {
  vendor(): Promise<FakeVendor>
  /** What a config would say of it, with the desk's credentials. */
  options(baseUrl: string): unknown
  secret: string
  cases: Case[]
  /** Of `everyVendor`, what this one has no answer for, and how that is known. */
  silent?: Partial<Record<About, string>>
  /** Who the letter is to, where a call does not take two: Ann alone. Ann and Bob otherwise. */
  people?: string[]
  /** Asserts that the vendor got all of `letter` (as `fitting` gives it), for the message that `handoff` makes. */
  faithful(taken: Taken): void
  /** Sends the same mail through the vendor's official SDK. */
  sdk?(baseUrl: string): Promise<unknown>
  /** What of a request is to be valid by `openapi/<name>.json`; the body as JSON otherwise. */
  openapi?(taken: Taken): unknown
}

/** A vendor that speaks SMTP alone. */
export interface SmtpVendorData extends Common {
  smtp: SmtpData
}

export type Fixture = VendorData | SmtpVendorData

export interface SmtpData {
  /** What a config would say beside `host` and `port`. */
  options: Record<string, unknown>
  /** Where it connects when those are not said. */
  server: [host: string, port: number]
  /** Whom it logs in as; null where it need not. */
  user: string | null
  /** Headers that it adds for `message`. */
  headers?: Record<string, string>
}

export interface HookData {
  /** Options beside those for sending, with secrets under which `call` is genuine. */
  options: Record<string, unknown>
  /** A call as the vendor makes it. `body` is one of the cases'. `at`: when it is made and signed; around `hookTime` unless said. */
  call(body: unknown, at?: number): HookCall | Promise<HookCall>
  /** The same call as others would make it: each must be refused. */
  forgeries(genuine: HookCall): { how: string; forged: HookCall }[] | Promise<{ how: string; forged: HookCall }[]>
  /** What proves it stands in the body, so that it is genuine without any header. */
  signedInBody?: boolean
  cases: { says: string; body: unknown; events: Omit<ProviderEvent, 'key'>[] }[]
  /** For what checking has to fetch. */
  fetch?: Fetch
}

/** A call that bears JSON. */
export function jsonCall(body: unknown, headers: Record<string, string> = {}, query = ''): HookCall {
  return {
    method: 'POST',
    url: `https://mail.example.com/hooks/it${query}`,
    query: new URLSearchParams(query),
    headers: { 'content-type': 'application/json', ...headers },
    body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
    at: hookTime,
  }
}

/** The secret of vendors that sign nothing, and their calls. */
export const hookSecret = 'a-secret-of-our-own'
export const addressHooks: Pick<HookData, 'options' | 'call' | 'forgeries'> = {
  options: { webhookSecret: hookSecret },
  call: (body) => jsonCall(body, {}, `?secret=${hookSecret}`),
  forgeries: (genuine) =>
    ['', '?secret=', '?secret=a-secret-of-our-owm', `?secret=${hookSecret}x`].map((query) => ({
      how: `the address with ${query || 'nothing'}`,
      forged: { ...genuine, query: new URLSearchParams(query) },
    })),
}

/** When calls come: 2026-11-25, 12:00 UTC. */
export const hookTime = Date.UTC(2026, 10, 25, 12)

/** Forgeries of a call whose signature is over its body and over when it was made. */
export function tampered(genuine: HookCall, late = 3_600_000): { how: string; forged: HookCall }[] {
  const flipped = Uint8Array.from(genuine.body)
  flipped[flipped.length >> 1]! ^= 1
  return [
    { how: 'a bit of the body is another', forged: { ...genuine, body: flipped } },
    { how: 'it comes too late', forged: { ...genuine, at: genuine.at + late } },
  ]
}

/** An event with what most say nothing of filled in. */
export function told(event: Partial<ProviderEvent> & Pick<ProviderEvent, 'type'>): Omit<ProviderEvent, 'key'> {
  return { at: null, recipient: null, messageId: null, providerMessageId: null, detail: null, ...event }
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

/** The letter without what the vendor cannot carry, which the gateway would not hand to it. */
export function fitting({ adapter: { features } }: Pick<Common, 'adapter'>): Content {
  const refused = (name: string) =>
    features.headersRefused.some((rule) => (typeof rule === 'string' ? rule === name : rule.test(name)))
  const attachments = letter.attachments.filter(({ inline }) => features.attachments && (features.inline || !inline))
  const headers = letter.headers.filter(([name]) => !refused(name.toLowerCase()))
  const replyTo = letter.replyTo.slice(0, features.maxReplyTo)
  return { form: 'parts', parts: { ...letter, replyTo, attachments, headers } }
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

/** The handoff with its content in a form that the adapter takes, as the gateway would have made it. */
export async function asTaken({ adapter }: Pick<Common, 'adapter'>, what: Handoff): Promise<Handoff> {
  const { content } = what
  if (content.form === 'raw' || adapter.features.forms.includes('parts')) return what
  const raw = await compose(what.message, content.parts)
  async function* stream() {
    yield raw
  }
  return { ...what, content: { form: 'raw', size: raw.length, bytes: async () => raw, stream } }
}

/** An outcome in a word: `accepted abc`, `deferred/provider 2000`, `rejected/recipient 5.7.1`, `unknown`. */
export function inWords(outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case 'accepted':
      return `accepted ${outcome.providerMessageId}`
    case 'deferred':
      return `deferred/${outcome.cause}${outcome.retryAfter === undefined ? '' : ` ${outcome.retryAfter}`}`
    case 'rejected':
      return `rejected/${outcome.cause}${outcome.diagnostic.status === undefined ? '' : ` ${outcome.diagnostic.status}`}`
    default:
      return outcome?.kind ?? 'nothing'
  }
}

/** A body in JSON, for a case. */
export function says(body: unknown): { headers: Record<string, string>; body: string } {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
