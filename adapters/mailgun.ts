/**
 * Mailgun, through its own SDK: raw mail by the `.mime` endpoint with its envelope, parts by the form fields. No idempotency key;
 * our own Message-ID is kept, and later found among the events.
 * https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages
 */
import Mailgun from 'mailgun.js'
import type { Interfaces, MailgunMessageData } from 'mailgun.js/definitions'
import { z } from 'zod'
import { adapter, type Fetch, type Handoff, type HttpAnswer } from '../src/mail/adapter.ts'
import { formatMailbox } from '../src/mail/address.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  jsonObject,
  refusedRecipients,
  rejected,
  retryAfter,
  wait,
} from '../src/mail/answer.ts'
import type { Message, Parts } from '../src/mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { roles } from '../src/mail/roles.ts'

const hosts = { us: 'https://api.mailgun.net', eu: 'https://api.eu.mailgun.net' }

const options = z
  .strictObject({
    apiKey: z.string().min(1).describe("The account's API key, or a sending key of the domain"),
    domain: z
      .string()
      .regex(/^[A-Za-z0-9.-]+$/)
      .describe('The sending domain as Mailgun knows it: mg.example.com'),
    region: z.enum(['us', 'eu']).optional().describe('Where the domain lives: us or eu'),
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("Where the API is, instead of the region's host"),
  })
  .refine((value) => value.region === undefined || value.baseUrl === undefined, {
    path: ['region'],
    message: 'region does nothing beside baseUrl: leave one out',
  })
type Options = z.infer<typeof options>

export default adapter<Options>({
  name: 'mailgun',
  title: 'Mailgun, through its own SDK',
  options,
  features: {
    forms: ['raw', 'parts'],
    maxBytes: 25_000_000,
    maxRecipients: 1000,
    attachments: true,
    inline: true,
    // They steer Mailgun, which is this adapter's to do.
    headersRefused: [/^x-mailgun-/],
    maxTags: 10,
    metadata: true,
    addressing: { raw: 'envelope', parts: 'headers' },
    returnPath: 'domain',
    smtpUtf8: false,
    idempotency: null,
  },
  send: {
    kind: 'sdk',
    async call(handoff, options, fetch) {
      const { content } = handoff
      const data = content.form === 'raw' ? await mime(handoff, content.bytes) : form(handoff, content.parts)
      return client(options, fetch).messages.create(options.domain, data)
    },
    outcomes,
  },
  /** Any event of one of these recipients under our Message-ID tells that the call was taken. Kept for three days or more. */
  async reconcile(handoff, options, fetch) {
    const messageId = bare(handoff.message.messageId)
    const emails = handoff.recipients.map((recipient) => recipient.email)
    const query = { 'message-id': messageId, limit: 300 }
    const answer = await client(options, fetch).request.query('get', `/v3/${options.domain}/events`, query)
    const items: unknown = answer.body?.items
    if (!Array.isArray(items)) throw new TypeError('no list of events')
    const known = new Set(emails.map((email) => email.toLowerCase()))
    const ours = items.some(
      (event: { recipient?: unknown; event?: unknown } | null) =>
        event?.event !== 'rejected' && known.has(String(event?.recipient).toLowerCase()),
    )
    return ours ? forAll(emails, { kind: 'accepted', providerMessageId: messageId }) : 'absent'
  },
})

/**
 * The SDK's client with its request provider replaced: its own follows redirects with the mail in hand, has no limit on the
 * answer, calls a reset a 400 and cannot be stopped.
 */
function client(options: Options, fetch: Fetch): Interfaces.IMailgunClient {
  const sdk = new Mailgun(FormData).client({
    username: 'api',
    key: options.apiKey,
    url: options.baseUrl ?? hosts[options.region ?? 'us'],
  })
  const authorization = `Basic ${Buffer.from(`api:${options.apiKey}`).toString('base64')}`
  const provider: Interfaces.IRequestProvider = {
    async makeRequest(url, method, asked) {
      const { data, params } = asked as { data?: FormData; params?: URLSearchParams }
      const address = new URL(url)
      for (const [name, value] of params ?? []) address.searchParams.set(name, value)
      const answer = await fetch(address, { method, headers: { authorization }, ...(data ? { body: data } : {}) })
      return { status: answer.status, body: await answer.json() }
    },
    setSubAccountHeader() {},
    resetSubAccountHeader() {},
  }
  sdk.request.requestProvider = provider
  return sdk
}

async function mime(handoff: Handoff, bytes: () => Promise<Uint8Array>): Promise<MailgunMessageData> {
  return {
    to: handoff.recipients.map((recipient) => recipient.email),
    message: Buffer.from(await bytes()),
    ...marks(handoff.message),
  }
}

function form(handoff: Handoff, parts: Parts): MailgunMessageData {
  const { to, cc, bcc } = roles(handoff, parts)
  const files = (inline: boolean) => parts.attachments.filter((file) => isInline(file) === inline)
  return {
    from: formatMailbox(parts.from),
    to: to.map(formatMailbox),
    ...(cc.length > 0 ? { cc: cc.map(formatMailbox) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(formatMailbox) } : {}),
    // The SDK leaves out empty fields, and neither subject nor bodies may be missing.
    subject: parts.subject || ' ',
    ...(parts.html ? { html: parts.html } : {}),
    ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
    ...headers(parts),
    'h:Message-Id': handoff.message.messageId,
    ...marks(handoff.message),
    attachment: files(false).map((file) => upload(file, file.filename)),
    // The file name becomes the Content-ID.
    inline: files(true).map((file) => upload(file, file.contentId!)),
  } as MailgunMessageData
}

function headers(parts: Parts): Record<string, string[]> {
  const fields: Record<string, string[]> = {}
  for (const [name, value] of parts.headers) fields[`h:${name}`] = [...(fields[`h:${name}`] ?? []), value]
  if (parts.replyTo.length > 0) fields['h:Reply-To'] = [parts.replyTo.map(formatMailbox).join(', ')]
  return fields
}

/** Tags, metadata and our id: by it a later event is joined. */
function marks(message: Message): Record<string, string | string[]> {
  const variables = Object.entries(message.metadata).map(([key, value]) => [`v:${key}`, value])
  return {
    ...Object.fromEntries(variables),
    'v:waypost': message.id,
    ...(message.tags.length > 0 ? { 'o:tag': message.tags } : {}),
  }
}

function isInline(file: Parts['attachments'][number]): boolean {
  return file.inline && file.contentId !== undefined && file.contentId !== ''
}

function upload(file: Parts['attachments'][number], name: string): File {
  return new File([Buffer.from(file.content, 'base64')], name, { type: file.contentType })
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) =>
    forAll(
      handoff.recipients.map((recipient) => recipient.email),
      outcome,
    )
  const body = jsonObject(answer)
  if (answer.status < 300) {
    if (typeof body?.id === 'string') return all({ kind: 'accepted', providerMessageId: bare(body.id) })
    // What the API says at a path that is none.
    if (answer.body.includes('Mailgun Magnificent API')) return all(rejected('account', diagnostic(200, answer.body)))
    return all(byStatus(answer, null))
  }
  // A 401 is the plain word Forbidden.
  const message = typeof body?.message === 'string' ? body.message : answer.status === 401 ? answer.body : null
  if (message === null) return all(byStatus(answer, null))
  const said = diagnostic(answer.status, message)
  const seconds = /try again after (\d+) seconds?/i.exec(message)?.[1]
  // "Domain x is not allowed to send: …-per-sec limit exceeded, try again after 120 seconds" is about the rate, not the domain.
  if (answer.status === 429 || (answer.status === 400 && seconds !== undefined)) {
    const asked = retryAfter(answer.headers) ?? (seconds === undefined ? undefined : wait(Number(seconds) * 1000))
    return all(deferred('provider', said, asked))
  }
  if (answer.status === 400) {
    if (/is not allowed to send/i.test(message)) return all(rejected('account', said))
    if (/^'?(to|cc|bcc)'? parameter is not a valid address/i.test(message)) {
      return refusedRecipients(handoff.recipients, addressesIn(message), said)
    }
    return all(rejected('message', said))
  }
  return all(byStatus(answer, message))
}

/** Answers write the Message-ID with angle brackets, events without. */
function bare(messageId: string): string {
  return messageId.replace(/^<|>$/g, '')
}
