/**
 * Mailtrap: JSON over HTTP, by the stream's own host or into a sandbox's inbox. Every recipient gets an id of their own. Our id
 * goes along as a custom variable, which comes back with every event and stands in the logs. Errors have no codes.
 * https://docs.mailtrap.io/developers (github.com/mailtrap/mailtrap-openapi) and …/email-api-smtp/advanced/webhooks
 * Unverified: whether a Message-ID of ours is kept, so none is sent; what a message too large, or a plan that is used up, is
 * answered; what is said of an address that it refuses. Names of files beyond ASCII arrive garbled there.
 */
import { z } from 'zod'
import {
  adapter,
  type Fetch,
  type Handoff,
  type HttpAnswer,
  type HttpRequest,
  type VendorSuppression,
} from '../src/mail/adapter.ts'
import { formatMailbox } from '../src/mail/address.ts'
import {
  addressesIn,
  byRecipient,
  byStatus,
  everyone,
  jsonObject,
  refusedRecipients,
  rejected,
  withWords,
} from '../src/mail/answer.ts'
import { emailAndName, encodedWord, headerObject, partsOf, postJson, under } from '../src/mail/asking.ts'
import { type Bounce, bounceOf } from '../src/mail/bounce.ts'
import type { Mailbox, Message } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { metadataJson, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf, objectsIn, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { credential, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { hex, hmac, same } from '../src/mail/signature.ts'
import type { SuppressionReason } from '../src/mail/suppression.ts'
import {
  type HookCall,
  hookObjects,
  hookText,
  instant,
  keyOf,
  line,
  object,
  ourId,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const hosts = { transactional: 'https://send.api.mailtrap.io', bulk: 'https://bulk.api.mailtrap.io' }
const sandboxHost = 'https://sandbox.api.mailtrap.io'
/** Where logs and suppressions are asked for. */
const accountHost = 'https://mailtrap.io'

const common = {
  apiKey: credential('An API token with access to the sending domain'),
  webhookSecret: webhookSecret('the signing secret of the webhook: 32 hexadecimal digits'),
}
const options = z
  .strictObject({
    ...common,
    stream: z.enum(['transactional', 'bulk']).optional().describe('The sending stream. Default: transactional'),
    sandboxInbox: z
      .int()
      .positive()
      .optional()
      .describe('The id of a sandbox inbox: mail lands there and goes to nobody'),
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('Where the API is, instead of the hosts of the stream, the sandbox and the account'),
  })
  .refine(({ stream, baseUrl, sandboxInbox }) => stream === undefined || !(baseUrl ?? sandboxInbox), {
    path: ['stream'],
    message: 'stream does nothing beside baseUrl or sandboxInbox: leave one out',
  })
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: [
    'deferred',
    'delivered',
    'bounced',
    'rejected',
    'suppressed',
    'complained',
    'opened',
    'clicked',
    'unsubscribed',
  ],
  secrets: ['webhookSecret'],
  setup: 'Settings, Webhooks: the stream and the domain, every event, JSON or JSON Lines',
  async verify(call, { webhookSecret = '' }) {
    const given = call.headers['mailtrap-signature'] ?? ''
    return webhookSecret !== '' && same(given, hex(await hmac('SHA-256', webhookSecret, call.body)))
  },
  read,
}

const features = { maxBytes: 10_000_000, maxRecipients: 1_000, maxTags: 1 }

export default adapter<Options>({
  name: 'mailtrap',
  title: 'Mailtrap, over its HTTP API',
  options,
  features: {
    ...features,
    forms: ['parts'],
    attachments: true,
    inline: true,
    // They steer Mailtrap, which is this adapter's to do.
    headersRefused: ['message-id', /^x-mt-/],
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  reconcile,
  suppressions,
  smtp: overSmtp({
    name: 'mailtrap',
    title: 'Mailtrap, over SMTP',
    options: z.strictObject({ ...common, ...smtpSettings('live.smtp.mailtrap.io') }),
    features,
    login: ({ apiKey }) => ({ user: 'api', pass: apiKey }),
    headers: ({ message }) => [
      ['X-MT-Custom-Variables', variables(message)],
      ...message.tags.map((tag) => ['X-MT-Category', tag] as const),
    ],
    webhook,
  }),
})

function authorization({ apiKey }: Options): Record<string, string> {
  // Its edge may turn away who names no user agent.
  return { authorization: `Bearer ${apiKey}`, 'user-agent': 'waypost' }
}

function request(handoff: Handoff, options: Options): HttpRequest {
  const { stream = 'transactional', sandboxInbox, baseUrl } = options
  const host = baseUrl ?? (sandboxInbox === undefined ? hosts[stream] : sandboxHost)
  const path = sandboxInbox === undefined ? '/api/send' : `/api/send/${sandboxInbox}`
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const [replyTo, ...more] = parts.replyTo
  const headers = headerObject(parts.headers)
  if (more.length > 0) headers['Reply-To'] = parts.replyTo.map(inAscii).join(', ')
  return postJson(host, path, authorization(options), {
    from: emailAndName(parts.from),
    to: to.map(emailAndName),
    ...(cc.length > 0 ? { cc: cc.map(emailAndName) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(emailAndName) } : {}),
    ...(replyTo && more.length === 0 ? { reply_to: emailAndName(replyTo) } : {}),
    subject: parts.subject || ' ',
    ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
    ...(parts.html ? { html: parts.html } : {}),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(handoff.message.tags[0] ? { category: handoff.message.tags[0].slice(0, 255) } : {}),
    custom_variables: JSON.parse(variables(handoff.message)),
    ...(parts.attachments.length > 0
      ? {
          attachments: parts.attachments.map(({ filename, content, contentType, inline, contentId }) => ({
            filename: filename || 'attachment',
            content,
            type: contentType,
            ...(inline && contentId ? { disposition: 'inline', content_id: contentId } : { disposition: 'attachment' }),
          })),
        }
      : {}),
  })
}

/** For a header, which Mailtrap does not encode; without the name where that does not fit in one word. */
function inAscii({ email, name = '' }: Mailbox): string {
  if (!/[^\u0000-\u007f]/.test(name)) return formatMailbox({ email, name })
  const word = encodedWord(name)
  return word === null ? email : `${word} <${email}>`
}

/** Our id, and as much of the metadata as the 1,000 bytes hold that custom variables may have. */
function variables(message: Message): string {
  let metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(message.metadata)) {
    const longer = { ...metadata, [name]: value }
    if (metadataJson({ message: { ...message, metadata: longer } }).length <= 1_000) metadata = longer
  }
  return metadataJson({ message: { ...message, metadata } })
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const { status } = answer
  const body = jsonObject(answer)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const list: unknown[] = Array.isArray(body?.message_ids) ? body.message_ids : []
  const ids = list.map(text).filter((id) => id !== null)
  if (status < 300 && body?.success === true && ids.length > 0) return taken(handoff, ids)
  const words = [body?.errors ?? body?.error].flat().filter((said) => typeof said === 'string')
  if (body === null || words.length === 0) return all(byStatus(answer, null))
  const message = words.join('; ')
  const said = diagnostic(status, message)
  if (status < 300) return all(body.success === false ? rejected('message', said) : byStatus(answer, message))
  // "'From' header does not match the sender's domain."
  if (
    [400, 403, 422].includes(status) &&
    /sender's domain|domain .*(not|isn't) verified|verify .*domain/i.test(message)
  ) {
    return all(rejected('identity', said))
  }
  // Each of its words is about an address that it refuses, and not that one is missing.
  if (
    [400, 422].includes(status) &&
    words.every((word) => /'(to|cc|bcc)'.*(invalid|not valid|malformed)/i.test(word))
  ) {
    return refusedRecipients(handoff.recipients, addressesIn(message), said)
  }
  return all(withWords(byStatus(answer, message), said))
}

/** An id for each of to, cc and bcc, in that order; a sandbox gives one for all. */
function taken(handoff: Handoff, ids: readonly string[]): Outcomes {
  const { to, cc, bcc } = roles(handoff, partsOf(handoff))
  const order = [...to, ...cc, ...bcc].map(({ email }) => email)
  return new Map(
    handoff.recipients.map(({ email }) => {
      const own = ids.length === order.length ? ids[order.indexOf(email)] : undefined
      return [email, { kind: 'accepted', providerMessageId: own ?? ids[0]! }]
    }),
  )
}

const types: Record<string, ProviderEventType> = {
  delivery: 'delivered',
  'soft bounce': 'deferred',
  bounce: 'bounced',
  suspension: 'deferred',
  reject: 'rejected',
  spam: 'complained',
  open: 'opened',
  click: 'clicked',
  unsubscribe: 'unsubscribed',
}
const unwanted = new Set('badsender block content spam spam_gmail relayfail verifyfail serverpolicy'.split(' '))

/** Many events a call: in a list, or one a line. */
function read(call: HookCall): ProviderEvent[] {
  return eventsOf(call).flatMap((event) => {
    const name = text(event.event) ?? ''
    const reason = text(event.reason)
    const id = text(event.message_id)
    const messageId = ourId(object(event.custom_variables)?.waypost)
    let type = types[name]
    if (type === undefined || (id === null && messageId === null)) return []
    if (name === 'reject' && /suppression list/i.test(reason ?? '')) type = 'suppressed'
    return [
      {
        type,
        at: instant(event.timestamp),
        recipient: text(event.email),
        messageId,
        providerMessageId: id,
        key: keyOf(text(event.event_id) ?? keyOf(id, name, event.email, event.timestamp, event.url)),
        ...(type === 'bounced' ? { bounce: bounce(event) } : {}),
        detail: line(reason, event.response, event.bounce_category, event.url),
      },
    ]
  })
}

/** https://docs.mailtrap.io/email-api-smtp/analytics/bounce-categorization */
function bounce(event: Record<string, unknown>): Bounce {
  const category = text(event.bounce_category)?.toLowerCase()
  if (category === undefined) return bounceOf(text(event.response), 'hard')
  if (category === 'badrecipient') return 'hard'
  return unwanted.has(category) ? 'block' : 'soft'
}

function eventsOf(call: HookCall): Record<string, unknown>[] {
  const lines = hookText(call).trim().split(/\r?\n/)
  const encoder = new TextEncoder()
  const given =
    lines.length > 1 && lines.every((text) => jsonObject({ body: text }) !== null)
      ? lines.flatMap((text) => hookObjects({ body: encoder.encode(text) }))
      : hookObjects(call)
  return given.flatMap((one) => (Array.isArray(one.events) ? objectsIn(one.events) : [one]))
}

/** Looks in the logs, which have a row a recipient, for mail to these people with our id. */
async function reconcile(
  { message, recipients }: Omit<Handoff, 'content'>,
  options: Options,
  fetch: Fetch,
): Promise<Outcomes | 'absent'> {
  const rows: Logged[] = []
  for (let at = 0; at < recipients.length; at += 20) {
    const emails = recipients.slice(at, at + 20).map(({ email }) => email)
    rows.push(...(await logged(message, emails, options, fetch)))
  }
  if (rows.length === 0) return 'absent'
  const missing = diagnostic('logs', 'the logs do not show this recipient')
  return byRecipient({ recipients }, rows, { kind: 'unknown', diagnostic: missing })
}

interface Logged {
  email: string | null
  id: string | null
}

/** Of one page: the newest. */
async function logged(message: Message, emails: string[], options: Options, fetch: Fetch): Promise<Logged[]> {
  const query = new URLSearchParams({
    'filters[sent_after]': new Date(message.sendAt ?? message.acceptedAt).toISOString(),
    'filters[to][operator]': 'ci_equal',
  })
  for (const email of emails) query.append('filters[to][value][]', email)
  const url = `${under(options.baseUrl ?? accountHost)}/api/email_logs?${query}`
  const page = object(await ask(fetch, url, authorization(options)))
  const ours = objectsIn(page?.messages).filter((row) => object(row.custom_variables)?.waypost === message.id)
  if (ours.length === 0 && text(page?.next_page_cursor) !== null) throw new Error('the logs have more than one page')
  return ours.map((row) => ({ email: text(row.to), id: text(row.message_id) }))
}

const reasons: Record<string, SuppressionReason> = {
  'hard bounce': 'bounce',
  'spam complaint': 'complaint',
  unsubscription: 'unsubscribe',
  'manual import': 'manual',
}

async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  const url = `${under(options.baseUrl ?? accountHost)}/api/suppressions`
  for (let last: string | null = null; ; ) {
    const rows = listOf(await ask(fetch, last === null ? url : `${url}?last_id=${last}`, authorization(options)))
    for (const row of rows) yield* suppression(row.email, reasons[text(row.type) ?? ''] ?? 'manual', row.created_at)
    const next = text(rows.at(-1)?.id)
    // A page that ends as the one before it would come again for ever.
    if (next === null || next === last) return
    last = next
  }
}
