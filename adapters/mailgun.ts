/**
 * Mailgun, through its own SDK: raw mail by the `.mime` endpoint with its envelope, parts by the form fields. No idempotency key;
 * our own Message-ID is kept, and later found among the events.
 * https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages and …/user-manual/webhooks/webhook-payloads
 * Unverified: 402 and 413; `bounce-type`, which is not read for that reason; that a call made again is signed anew.
 * Of `identity` unverified: the names of a domain's states other than `active`; that a key for one domain may ask.
 */
import Mailgun from 'mailgun.js'
import type { Interfaces, MailgunMessageData } from 'mailgun.js/definitions'
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type VendorSuppression } from '../src/mail/adapter.ts'
import { formatMailbox, formatMailboxes } from '../src/mail/address.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  refusedRecipients,
  rejected,
  retryAfter,
  wait,
} from '../src/mail/answer.ts'
import { isInline, under } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordByStatus, wordOnNone } from '../src/mail/identity.ts'
import type { Message, Parts } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { metadataJson, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, askIfThere, listOf, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { credential, hostName, notBoth, otherBaseUrl, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { hex, hmac, same, timely } from '../src/mail/signature.ts'
import {
  bareId,
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  object,
  ourId,
  type ProviderEvent,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const hosts = { us: 'https://api.mailgun.net', eu: 'https://api.eu.mailgun.net' }

const common = {
  webhookSigningKey: webhookSecret("the account's HTTP webhook signing key, which is not the API key"),
}
const options = z
  .strictObject({
    apiKey: credential("The account's API key, or a sending key of the domain"),
    domain: z
      .string()
      .regex(/^[A-Za-z0-9.-]+$/)
      .describe('The sending domain as Mailgun knows it: mg.example.com'),
    region: z.enum(['us', 'eu']).optional().describe('Where the domain lives: us or eu'),
    ...common,
    baseUrl: otherBaseUrl,
  })
  .refine(...notBoth)
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSigningKey?: string | undefined }> = {
  tells: [
    'accepted',
    'delivered',
    'deferred',
    'bounced',
    'suppressed',
    'rejected',
    'opened',
    'clicked',
    'unsubscribed',
    'complained',
  ],
  secrets: ['webhookSigningKey'],
  setup: 'Webhooks of the domain: add the address for every event type',
  verify,
  read,
}

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
    const messageId = bareId(handoff.message.messageId)!
    const query = { 'message-id': messageId, limit: 300 }
    const answer = await client(options, fetch).request.query('get', `/v3/${options.domain}/events`, query)
    const items: unknown = answer.body?.items
    if (!Array.isArray(items)) throw new TypeError('no list of events')
    const known = new Set(handoff.recipients.map(({ email }) => email.toLowerCase()))
    const ours = items.some(
      (event: { recipient?: unknown; event?: unknown } | null) =>
        event?.event !== 'rejected' && known.has(String(event?.recipient).toLowerCase()),
    )
    return ours ? everyone(handoff, { kind: 'accepted', providerMessageId: messageId }) : 'absent'
  },
  webhook,
  // From may be of any domain: what must be ready is the one that signs and gets bounces, which is the account's.
  async identity(_domain, options, fetch) {
    const url = `${base(options)}/v4/domains/${options.domain}`
    const found = object(await askIfThere(fetch, url, authorization(options)))
    if (found === null) return wordOnNone(options.domain, null)
    return wordByStatus(options.domain, object(found.domain)?.state, 'active')
  },
  suppressions,
  smtp: overSmtp({
    name: 'mailgun',
    title: 'Mailgun, over SMTP',
    options: z.strictObject({
      user: credential('An SMTP credential of the domain: postmaster@mg.example.com'),
      pass: credential('Its password, which is not the API key'),
      ...common,
      ...smtpSettings('smtp.mailgun.org'),
      host: hostName.default('smtp.mailgun.org').describe('The server; domains in the EU have smtp.eu.mailgun.org'),
    }),
    features: { maxBytes: 25_000_000, maxRecipients: 1000, maxTags: 10, headersRefused: [/^x-mailgun-/] },
    login: ({ user, pass }) => ({ user, pass }),
    headers: (handoff) => [
      ['X-Mailgun-Variables', metadataJson(handoff)],
      // A header is ASCII.
      ...handoff.message.tags.filter((tag) => /^[ -~]+$/.test(tag)).map((tag) => ['X-Mailgun-Tag', tag] as const),
    ],
    webhook,
  }),
})

/**
 * The SDK's client with its request provider replaced: its own follows redirects with the mail in hand, has no limit on the
 * answer, calls a reset a 400 and cannot be stopped.
 */
function client(options: Options, fetch: Fetch): Interfaces.IMailgunClient {
  const sdk = new Mailgun(FormData).client({
    username: 'api',
    key: options.apiKey,
    url: base(options),
  })
  const provider: Interfaces.IRequestProvider = {
    async makeRequest(url, method, asked) {
      const { data, params } = asked as { data?: FormData; params?: URLSearchParams }
      const address = new URL(url)
      for (const [name, value] of params ?? []) address.searchParams.set(name, value)
      const answer = await fetch(address, { method, headers: authorization(options), ...(data ? { body: data } : {}) })
      return { status: answer.status, body: await answer.json() }
    },
    setSubAccountHeader() {},
    resetSubAccountHeader() {},
  }
  sdk.request.requestProvider = provider
  return sdk
}

function base({ baseUrl, region }: Options): string {
  return under(baseUrl ?? hosts[region ?? 'us'])
}

function authorization({ apiKey }: Options) {
  return { authorization: `Basic ${Buffer.from(`api:${apiKey}`).toString('base64')}` }
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
  if (parts.replyTo.length > 0) fields['h:Reply-To'] = [formatMailboxes(parts.replyTo)]
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

function upload(file: Parts['attachments'][number], name: string): File {
  return new File([Buffer.from(file.content, 'base64')], name, { type: file.contentType })
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  if (answer.status < 300) {
    // Answers write the Message-ID with angle brackets, events without.
    const id = bareId(body?.id)
    if (id !== null) return all({ kind: 'accepted', providerMessageId: id })
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

/** The signature is over a time and a token, and stands in the body beside the event. */
async function verify(call: HookCall, { webhookSigningKey }: { webhookSigningKey?: string | undefined }) {
  let signature: Record<string, unknown> | null | undefined
  try {
    signature = object(hookObjects(call)[0]?.signature)
  } catch {
    return false
  }
  const [time, token, given] = [text(signature?.timestamp), text(signature?.token), text(signature?.signature)]
  if (!webhookSigningKey || time === null || token === null || given === null || !timely(time, call.at)) return false
  return same(given, hex(await hmac('SHA-256', webhookSigningKey, time + token)))
}

/** One event a call. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((envelope) => {
    const event = object(envelope['event-data'])
    const what = event && meaning(event)
    if (!event || !what) return []
    const headers = object(object(event.message)?.headers)
    const status = object(event['delivery-status'])
    return {
      ...what,
      at: instant(event.timestamp),
      // Mail that was rejected has no recipient yet.
      recipient: text(event.recipient) ?? addressesIn(text(headers?.to) ?? '')[0] ?? null,
      messageId: ourId(object(event['user-variables'])?.waypost),
      providerMessageId: bareId(headers?.['message-id']),
      // An id is of its day alone, and the token of a call is another when it is made again.
      key: keyOf(event.id, event.event, event.timestamp, event.recipient),
      detail: line(
        event.reason,
        status?.code,
        status?.message,
        status?.description,
        object(event.reject)?.reason,
        event.url,
      ),
    }
  })
}

function meaning(event: Record<string, unknown>): Pick<ProviderEvent, 'type' | 'bounce'> | undefined {
  switch (event.event) {
    case 'accepted':
    case 'delivered':
    case 'opened':
    case 'clicked':
    case 'unsubscribed':
    case 'complained':
    case 'rejected':
      return { type: event.event }
    case 'blocked':
      return { type: 'rejected' }
    case 'failed':
      return event.severity === 'temporary' ? { type: 'deferred' } : failed(event)
  }
}

/** Mailgun's own codes: 605, 606 and 607 for an address on its lists, 625 for a list of bad quality, 602 for too many tries. */
function failed(event: Record<string, unknown>): Pick<ProviderEvent, 'type' | 'bounce'> {
  const status = object(event['delivery-status'])
  const code = Number(status?.code)
  if (/^suppress-/.test(text(event.reason) ?? '') || [605, 606, 607].includes(code)) return { type: 'suppressed' }
  if (code === 625) return { type: 'rejected' }
  if (event.reason === 'old' || code === 602) return { type: 'bounced', bounce: 'soft' }
  return { type: 'bounced', bounce: bounceOf(text(status?.['enhanced-code'])) }
}

/** The domain's lists. An unsubscription from some tags leaves the rest of our mail welcome. */
async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  const lists = [
    ['bounces', 'bounce'],
    ['complaints', 'complaint'],
    ['unsubscribes', 'unsubscribe'],
  ] as const
  for (const [list, reason] of lists) {
    for await (const entry of entries(`${base(options)}/v3/${options.domain}/${list}`, authorization(options), fetch)) {
      const tags = Array.isArray(entry.tags) ? entry.tags : []
      if (tags.length === 0 || tags.includes('*')) yield* suppression(entry.address, reason, entry.created_at)
    }
  }
}

/** A page says where the next is; the last is followed by an empty one. */
async function* entries(address: string, headers: Record<string, string>, fetch: Fetch) {
  let query = '?limit=1000'
  for (const seen = new Set<string>(); !seen.has(query); ) {
    seen.add(query)
    const page = object(await ask(fetch, address + query, headers))
    const items = listOf(page?.items)
    yield* items
    const next = text(object(page?.paging)?.next)
    if (items.length === 0 || next === null || !URL.canParse(next)) return
    // Only what it says of the page: our credentials go where we were told to go.
    query = new URL(next).search
  }
}
