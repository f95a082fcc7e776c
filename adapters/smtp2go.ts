/**
 * SMTP2GO: JSON over HTTP. It has no tags and no metadata, but searches by headers and hands them back with events, so our id
 * and the tags are headers. What failed stands within a 200, in words. Its `email/mime` mails whom the headers name and nobody
 * else, so mail goes as parts.
 * https://developers.smtp2go.com/reference/send-standard-email, …/docs/webhooks-overview and …/docs/powerful-search-for-sent-email
 * Unverified: whether a Message-ID of ours would stand beside its own, so none is sent; the list of error codes; the form of an
 * event's time; the name of the field that has a click's address.
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
import { formatMailbox, formatMailboxes } from '../src/mail/address.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  onList,
  refusedRecipients,
  rejected,
  waitAsked,
  withWords,
} from '../src/mail/answer.ts'
import { isInline, partsOf, postJson, under } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import type { Attachment, Header, Message } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf, objectsIn, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, credential, notBoth, otherBaseUrl, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import type { SuppressionReason } from '../src/mail/suppression.ts'
import {
  type HookCall,
  hookObjects,
  hookText,
  keyOf,
  line,
  object,
  ourId,
  type ProviderEvent,
  type ProviderEventType,
  text,
  UnreadableHook,
  utc,
  type Webhook,
} from '../src/mail/webhook.ts'

const hosts = {
  global: 'https://api.smtp2go.com',
  us: 'https://us-api.smtp2go.com',
  eu: 'https://eu-api.smtp2go.com',
  au: 'https://au-api.smtp2go.com',
}

const options = z
  .strictObject({
    apiKey: credential('An API key with permission for email/send: api-…; email/search and suppression/view help too'),
    webhookSecret: addressSecret,
    region: z
      .enum(['global', 'us', 'eu', 'au'])
      .optional()
      .describe('Where mail is taken. Default: global, the nearest'),
    baseUrl: otherBaseUrl,
  })
  .refine(...notBoth)
type Options = z.infer<typeof options>

/** The header with our id; its name must be among those that the webhook hands back. */
const idHeader = 'X-Waypost-Id'

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: [
    'accepted',
    'delivered',
    'bounced',
    'rejected',
    'suppressed',
    'complained',
    'opened',
    'clicked',
    'unsubscribed',
  ],
  setup: `Settings, Webhooks: every email event, and ${idHeader} among the custom headers`,
  ...bySecretInAddress,
  read,
}

export default adapter<Options>({
  name: 'smtp2go',
  title: 'SMTP2GO, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 50_000_000,
    maxRecipients: 100,
    attachments: true,
    inline: true,
    headersRefused: ['content-type', 'content-transfer-encoding', 'mime-version', 'message-id'],
    // As many as one header line holds.
    maxTags: 10,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  /** A search by our header, which shows mail some two minutes after it was taken. */
  async reconcile({ message, recipients }, options, fetch) {
    const body = {
      start_date: new Date(message.sendAt ?? message.acceptedAt).toISOString(),
      end_date: new Date(Date.now() + 60_000).toISOString(),
      filter_query: `headers:'${idHeader}: ${message.id}'`,
      headers: [idHeader],
    }
    const found = await ask(fetch, `${api(options)}/v3/email/search`, keyHeader(options), body)
    const rows = objectsIn(object(object(found)?.data)?.emails)
    const ours = rows.find(({ headers }) => JSON.stringify(headers ?? null).includes(message.id))
    const id = text(ours?.email_id)
    if (id !== null) return everyone({ recipients }, { kind: 'accepted', providerMessageId: id })
    if (rows.length > 0) throw new Error('the search does not say which of these is ours')
    return 'absent'
  },
  suppressions,
  smtp: overSmtp({
    name: 'smtp2go',
    title: 'SMTP2GO, over SMTP',
    options: z.strictObject({
      username: credential('The username of an SMTP user'),
      password: credential('The password of that SMTP user (not the API key)'),
      webhookSecret: addressSecret,
      ...smtpSettings('mail.smtp2go.com'),
    }),
    features: { maxBytes: 50_000_000, maxRecipients: 100, maxTags: 10 },
    login: ({ username, password }) => ({ user: username, pass: password }),
    headers: ({ message }) => ours(message),
    webhook,
  }),
})

function api({ baseUrl, region = 'global' }: Options): string {
  return under(baseUrl ?? hosts[region])
}

function keyHeader({ apiKey }: Options): Record<string, string> {
  return { 'x-smtp2go-api-key': apiKey }
}

function ours({ id, tags }: Message): Header[] {
  return [[idHeader, id], ...(tags.length > 0 ? [['X-Waypost-Tags', tags.join(', ')] as const] : [])]
}

function request(handoff: Handoff, options: Options): HttpRequest {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const replyTo: Header[] = parts.replyTo.length > 0 ? [['Reply-To', formatMailboxes(parts.replyTo)] as const] : []
  const headers = [...replyTo, ...parts.headers, ...ours(handoff.message)]
  const files = parts.attachments.filter((attachment) => !isInline(attachment))
  const inlines = parts.attachments.filter(isInline)
  return postJson(api(options), '/v3/email/send', keyHeader(options), {
    sender: formatMailbox(parts.from),
    to: to.map(formatMailbox),
    ...(cc.length > 0 ? { cc: cc.map(formatMailbox) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(formatMailbox) } : {}),
    subject: parts.subject || ' ',
    ...(parts.text || !parts.html ? { text_body: parts.text || ' ' } : {}),
    ...(parts.html ? { html_body: parts.html } : {}),
    custom_headers: headers.map(([header, value]) => ({ header, value })),
    ...(files.length > 0 ? { attachments: files.map((one) => file(one, one.filename || 'attachment')) } : {}),
    // The file's name is its Content-ID.
    ...(inlines.length > 0 ? { inlines: inlines.map((one) => file(one, one.contentId)) } : {}),
    // Said, for the default is to change, and without it the answer tells no failure.
    fastaccept: false,
  })
}

function file({ content, contentType }: Attachment, filename: string) {
  return { filename, fileblob: content, mimetype: contentType }
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const { status } = answer
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  const data = object(body?.data) ?? body
  if (status < 300) return taken(handoff, answer, data ?? {})
  const words = text(data?.error)
  if (data === null || words === null) return all(byStatus(answer, null))
  const code = text(data.error_code)?.replace(/^E_ApiResponseCodes\./, '')
  const said = diagnostic(code ? `${status}/${code}` : status, words)
  if (code === 'ENDPOINT_PERMISSION_DENIED') return all(rejected('account', said))
  if (status === 429 || code === 'REQ_LIMIT_EXCEEDED') {
    // Too many calls from one address shut it out for a minute at least.
    return all(deferred('provider', said, waitAsked(answer.headers, 'x-ratelimit-reset') ?? 60_000))
  }
  const wrong = object(data.field_validation_errors)
  if (status === 400 && ['to', 'cc', 'bcc'].includes(text(wrong?.fieldname) ?? '')) {
    return refusedRecipients(handoff.recipients, addressesIn(`${words} ${text(wrong?.message) ?? ''}`), said)
  }
  if (status === 400 && aboutSender.test(words)) return all(rejected('identity', said))
  return all(withWords(byStatus(answer, words), said))
}

const aboutSender = /\b(verif|sender|from address|not allowed to send)/i

/** A 200: with an id, or with what failed in words, which name the address that they are about. */
function taken(handoff: Handoff, answer: HttpAnswer, data: Record<string, unknown>): Outcomes {
  const id = text(data.email_id)
  const failures: unknown[] = Array.isArray(data.failures) ? data.failures : []
  const failed = failures.length > 0 || Number(data.failed ?? 0) > 0
  if (!failed) {
    return everyone(handoff, id === null ? byStatus(answer, null) : { kind: 'accepted', providerMessageId: id })
  }
  const words = failures.map(String).join('; ')
  const failure = diagnostic(`${answer.status}/failed`, words || 'it failed, and it does not say why')
  const said = suppressedBefore.test(words) ? onList(failure) : failure
  const named = new Set(addressesIn(words).map((address) => address.toLowerCase()))
  const people = handoff.recipients.map(({ email }) => email).filter((email) => named.has(email.toLowerCase()))
  // Some of its mail failed, and some went.
  if (id !== null && people.length > 0) {
    return new Map(
      handoff.recipients.map(({ email }) => [
        email,
        people.includes(email) ? rejected('recipient', said) : { kind: 'accepted', providerMessageId: id },
      ]),
    )
  }
  if (people.length > 0) return refusedRecipients(handoff.recipients, people, said)
  const sender = named.has(handoff.message.from.email.toLowerCase())
  return everyone(handoff, rejected(sender || aboutSender.test(words) ? 'identity' : 'message', said))
}

const types: Record<string, ProviderEventType> = {
  processed: 'accepted',
  delivered: 'delivered',
  bounce: 'bounced',
  reject: 'rejected',
  spam: 'complained',
  open: 'opened',
  click: 'clicked',
  unsubscribe: 'unsubscribed',
}

/** A reject says why in words alone: the recipient bounced, complained or unsubscribed before, or the sender is not verified. */
const suppressedBefore = /suppress|block|previous|bounced|complain|unsubscribed/i

/** One event a call: as a form, or in JSON where the webhook is set up so. Names of headers come in any case. */
function read(call: HookCall): ProviderEvent[] {
  return fieldsOf(call).flatMap((given) => {
    const event = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]))
    const name = text(event.event) ?? ''
    const why = line(event.message, event.context) ?? ''
    const type = name === 'reject' && suppressedBefore.test(why) ? 'suppressed' : types[name]
    const id = text(event.email_id)
    const messageId = ourId(event[idHeader.toLowerCase()])
    if (type === undefined || (id === null && messageId === null)) return []
    return [
      {
        type,
        at: utc(event.time),
        recipient: text(event.rcpt),
        messageId,
        providerMessageId: id,
        key: keyOf(id, name, event.rcpt, event.time, event.url),
        ...(type === 'bounced'
          ? { bounce: event.bounce === 'hard' ? bounceOf(text(event.message), 'hard') : ('soft' as const) }
          : {}),
        detail: line(event.message, event.context, event.url ?? event.link),
      },
    ]
  })
}

function fieldsOf(call: HookCall): Record<string, unknown>[] {
  const body = hookText(call)
  if (/^\s*[[{]/.test(body)) return hookObjects(call)
  const form = new URLSearchParams(body)
  if (!form.has('event')) throw new UnreadableHook('the body is neither JSON nor a form with an event')
  return [Object.fromEntries(form)]
}

const reasons: Record<string, SuppressionReason> = { bounce: 'bounce', spam: 'complaint', unsubscribe: 'unsubscribe' }

/** Whole domains are on its list too: those are no addresses. */
async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  const asked = { start_date: '2000-01-01', end_date: new Date(Date.now() + 86_400_000).toISOString() }
  let token: string | null = null
  do {
    const body = { ...asked, ...(token === null ? {} : { continue_token: token }) }
    const page = object(object(await ask(fetch, `${api(options)}/v3/suppression/view`, keyHeader(options), body))?.data)
    for (const entry of listOf(page?.results)) {
      const email = text(entry.email_address)
      const reason = reasons[text(entry.reason) ?? ''] ?? 'manual'
      if (email?.includes('@')) yield* suppression(email, reason, utc(entry.timestamp))
    }
    token = text(page?.continue_token)
  } while (token !== null)
}
