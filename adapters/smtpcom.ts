/**
 * SMTP.com: API v4, over JSON, by one of the account's channels.
 * https://www.smtp.com/resources/api-documentation/ (MessagesApi, CallbacksApi)
 * Unverified: port 587; the labels of callbacks other than delivery, bounce and complaint; what 429 looks like; whether several
 * mailboxes in an overriding Reply-To are kept; the log's paging limit.
 */
import { z } from 'zod'
import { adapter, type Fetch, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import { formatMailboxes } from '../src/mail/address.ts'
import { addressesIn, byStatus, everyone, jsonObject, refusedRecipients, rejected } from '../src/mail/answer.ts'
import { bareType, partsOf, postJson, under } from '../src/mail/asking.ts'
import { type Bounce, bounceOf } from '../src/mail/bounce.ts'
import type { Mailbox, Message, Parts } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { metadataJson, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, baseUrl, credential, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import {
  type HookCall,
  hookObjects,
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

const options = z.strictObject({
  apiKey: credential('An API key of the account'),
  channel: z.string().trim().min(1).describe('The channel to send by, by its name; once called sender'),
  webhookSecret: addressSecret,
  baseUrl: baseUrl('https://api.smtp.com'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['accepted', 'deferred', 'delivered', 'bounced', 'complained', 'unsubscribed', 'opened', 'clicked'],
  setup:
    'Callbacks of the channel: one for each event, medium http, with &event= and the event’s name behind the address',
  ...bySecretInAddress,
  read,
}

const limits = { maxBytes: 10_000_000, maxRecipients: 1000 }

export default adapter<Options>({
  name: 'smtpcom',
  title: 'SMTP.com, over its HTTP API',
  options,
  features: {
    // It takes MIME too, as a JSON text, which cannot carry every byte that raw mail may have.
    forms: ['parts'],
    ...limits,
    attachments: true,
    inline: true,
    // It steers SMTP.com, which is this adapter's to do.
    headersRefused: ['x-smtpapi'],
    maxTags: Number.POSITIVE_INFINITY,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  reconcile,
  webhook,
  smtp: overSmtp({
    name: 'smtpcom',
    title: 'SMTP.com, over SMTP',
    options: z.strictObject({
      user: z
        .string()
        .min(1)
        .optional()
        .describe('The SMTP user of the channel; not where our address is allowed there'),
      pass: z.string().min(1).optional().describe('Its password'),
      webhookSecret: addressSecret,
      ...smtpSettings('send.smtp.com', 2525),
    }),
    features: limits,
    login: ({ user, pass }) => (user === undefined ? null : { user, pass: pass ?? '' }),
    headers: ({ message }) => [['X-SMTPAPI', smtpApi(message)]],
    webhook,
  }),
})

function request(handoff: Handoff, { apiKey, baseUrl, channel }: Options): HttpRequest {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const [replyTo, ...more] = parts.replyTo
  const list = (name: string, mailboxes: Mailbox[]) => (mailboxes.length > 0 ? { [name]: mailboxes.map(person) } : {})
  return postJson(
    baseUrl,
    '/v4/messages',
    { authorization: `Bearer ${apiKey}` },
    {
      channel,
      originator: {
        from: person(parts.from),
        ...(replyTo !== undefined && more.length === 0 ? { reply_to: person(replyTo) } : {}),
      },
      recipients: { ...list('to', to), ...list('cc', cc), ...list('bcc', bcc) },
      subject: parts.subject || ' ',
      body: {
        parts: [
          ...(parts.text || !parts.html ? [part('text/plain', parts.text || ' ')] : []),
          ...(parts.html ? [part('text/html', parts.html)] : []),
        ],
        ...(parts.attachments.length > 0 ? { attachments: attachments(parts) } : {}),
      },
      custom_headers: customHeaders(parts, handoff.message),
    },
  )
}

function person({ email, name }: Mailbox): { address: string; name?: string } {
  return name ? { name, address: email } : { address: email }
}

function part(type: string, content: string) {
  return { type, charset: 'UTF-8', content }
}

function attachments({ attachments }: Parts) {
  return attachments.map(({ filename, contentType, content, contentId, inline }) => ({
    type: bareType(contentType),
    disposition: inline ? 'inline' : 'attachment',
    filename,
    ...(inline && contentId ? { cid: contentId } : {}),
    encoding: 'base64',
    content,
  }))
}

/** A list of values for a header that is given twice. They override what SMTP.com writes, so that a second Reply-To has its place. */
function customHeaders({ headers, replyTo }: Parts, message: Message): Record<string, string | string[]> {
  const all = new Map<string, { name: string; values: string[] }>()
  for (const [name, value] of headers) {
    const known = all.get(name.toLowerCase())
    if (known) known.values.push(value)
    else all.set(name.toLowerCase(), { name, values: [value] })
  }
  return {
    ...Object.fromEntries(
      [...all.values()].map(({ name, values }) => [name, values.length === 1 ? values[0]! : values]),
    ),
    ...(replyTo.length > 1 ? { 'Reply-To': formatMailboxes(replyTo) } : {}),
    'Message-ID': message.messageId,
    'X-SMTPAPI': smtpApi(message),
  }
}

/** What callbacks say themselves: ours would stand in its place, for they bring it back among their own fields. */
const ofCallbacks = new Set(
  'id event_label event_code tracking_id sender_id mail_from rcpt_to subject time_started time_finished time_received time_sent resp_code resp_class resp_msg tries status feedback_type user_agent'.split(
    ' ',
  ),
)

/** Our message id, the metadata and the tags, as every callback brings them back. */
function smtpApi(message: Message): string {
  const tags = message.tags.map((tag, index) => [index === 0 ? 'tag' : `tag_${index + 1}`, tag])
  const own = Object.entries(message.metadata).filter(([name]) => !ofCallbacks.has(name))
  return `{"unique_args":${metadataJson({ message: { ...message, metadata: Object.fromEntries([...tags, ...own]) } })}}`
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  const data = object(body?.data)
  if (answer.status < 300 && body?.status === 'success') {
    // Some answers have the id within a sentence alone.
    const id = text(data?.msg_id) ?? /msg_id:\s*(\S+)/.exec(text(data?.message) ?? '')?.[1]
    return all(id ? { kind: 'accepted', providerMessageId: id } : byStatus(answer, 'no msg_id'))
  }
  if (body?.status !== 'fail' && body?.status !== 'error') return all(byStatus(answer, null))
  const found = errors(data?.errors ?? data)
  const words = line(...found.map(({ key, words }) => `${key}: ${words}`)) ?? text(body.message) ?? ''
  // Every refusal of a mail is 400, without codes: which field it names is all there is.
  if (answer.status !== 400) return all(byStatus(answer, words))
  const said = diagnostic(`400/${found.map(({ key }) => key).join(',')}`, words)
  const names = (pattern: RegExp) =>
    found.some(({ key, words }) => pattern.test(key) || (key === '' && pattern.test(words)))
  if (found.some(({ key, words }) => /channel/i.test(`${key} ${words}`))) return all(rejected('account', said))
  if (names(/recipient|\b(to|cc|bcc|rcpt_to)\b/i))
    return refusedRecipients(handoff.recipients, addressesIn(words), said)
  if (names(/originator|\bfrom\b/i) && !names(/reply_to/i)) return all(rejected('identity', said))
  return all(rejected('message', said))
}

/** The errors by the field they name: an object, or a list of objects or texts. */
function errors(value: unknown): { key: string; words: string }[] {
  if (Array.isArray(value)) return value.flatMap(errors)
  const fields = object(value)
  if (fields === null) return text(value) === null ? [] : [{ key: '', words: text(value)! }]
  return Object.entries(fields).map(([key, words]) => ({ key, words: text(words) ?? JSON.stringify(words) }))
}

const page = 100

/** Reads the channel's log since the mail was due for one with our id to someone of this call. */
async function reconcile(
  { message, recipients }: Omit<Handoff, 'content'>,
  { apiKey, baseUrl, channel }: Options,
  fetch: Fetch,
): Promise<Outcomes | 'absent'> {
  const start = String(Math.floor((message.sendAt ?? message.acceptedAt) / 1000))
  const emails = new Set(recipients.map(({ email }) => email.toLowerCase()))
  for (let offset = 0; ; offset += page) {
    const query = new URLSearchParams({ channel, start, limit: String(page), offset: String(offset) })
    const log = object(await ask(fetch, under(baseUrl, `/v4/messages?${query}`), { authorization: `Bearer ${apiKey}` }))
    const items = listOf(object(log?.data)?.items)
    const ours = items.find(
      (item) =>
        object(item.smtp_vars)?.waypost === message.id &&
        emails.has(text(object(item.msg_data)?.rcpt_to)?.toLowerCase() ?? ''),
    )
    const id = text(ours?.msg_id)
    if (id !== null) return everyone({ recipients }, { kind: 'accepted', providerMessageId: id })
    if (items.length < page) return 'absent'
  }
}

/** By how its label begins, or the name the callback was set up for. */
const types: [string, ProviderEventType][] = [
  ['deliver', 'delivered'],
  ['bounce', 'bounced'],
  ['hard_bounce', 'bounced'],
  ['fail', 'bounced'],
  ['complain', 'complained'],
  ['open', 'opened'],
  ['click', 'clicked'],
  ['unsub', 'unsubscribed'],
  ['queue', 'deferred'],
  ['receiv', 'accepted'],
]
/** Of older payloads. */
const labels: Record<string, string> = { 101: 'bounce', 102: 'complaint', 103: 'delivery', 107: 'open', 108: 'click' }
const bounces: Record<string, Bounce> = { hard_bounced: 'hard', bounceback: 'soft' }

/** A list of up to a thousand events a call. */
function read(call: HookCall): ProviderEvent[] {
  const asked = call.query.get('event') ?? ''
  return hookObjects(call).flatMap((event) => {
    const label = text(event.event_label) ?? labels[text(event.event_code) ?? ''] ?? asked
    const named = types.find(([begins]) => label.toLowerCase().startsWith(begins))?.[1]
    if (named === undefined) return []
    const type = named === 'complained' && text(event.feedback_type) === 'remove' ? 'unsubscribed' : named
    const said = reply(event)
    const at =
      instant(event.time_finished) ??
      instant(event.time_sent) ??
      instant(event.time_received) ??
      instant(event.time_started)
    return {
      type,
      at,
      recipient: text(event.rcpt_to),
      messageId: ourId(event.waypost),
      providerMessageId: text(event.tracking_id),
      key: text(event.id) ? keyOf(event.id, type) : keyOf(event.tracking_id, event.rcpt_to, type, at),
      ...(type === 'bounced' ? { bounce: bounceOf(said, bounces[asked]) } : {}),
      detail: said,
    }
  })
}

/** Code and words of the recipient's server; its words may begin with the code already. */
function reply({ resp_code, resp_msg }: Record<string, unknown>): string | null {
  const code = text(resp_code)
  const words = text(resp_msg)
  return code !== null && words?.startsWith(code) ? words : line(code, words)
}
