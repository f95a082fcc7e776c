/**
 * Mandrill (Mailchimp Transactional): JSON over HTTP with the key in the body, and an answer of its own for each recipient. No
 * idempotency key. Its search finds metadata only where the account has been set up for that, so an unknown is looked for by its
 * recipients, and told by the metadata that stand in what is found.
 * https://mailchimp.com/developer/transactional/api/messages/send-new-message/, …/api/messages/search-messages-by-date/ and
 * https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/
 * Unverified: that a Message-ID of ours is kept; the largest message, and how many recipients one may have; that metadata which the
 * account does not index stand in what is found (where they do not, there is no telling); how soon mail can be found.
 * Of `identity` unverified: whether a domain covers those below it (none is taken to).
 */
import { z } from 'zod'
import {
  adapter,
  type Handoff,
  type HttpAnswer,
  type HttpRequest,
  type VendorSuppression,
} from '../src/mail/adapter.ts'
import { formatMailboxes } from '../src/mail/address.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonList,
  jsonObject,
  onList,
  refusedRecipients,
  rejected,
  retryAfter,
  withWords,
} from '../src/mail/answer.ts'
import { bareType, emailAndName, headerObject, isInline, partsOf, postJson, under } from '../src/mail/asking.ts'
import { type Bounce, bounceByClass } from '../src/mail/bounce.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordOn, wordOnNone } from '../src/mail/identity.ts'
import type { Attachment, Message } from '../src/mail/message.ts'
import { type Diagnostic, diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { headerTags, metadataJson, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { baseUrl, credential, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { base64, hmac, same } from '../src/mail/signature.ts'
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
  UnreadableHook,
  utc,
  type Webhook,
} from '../src/mail/webhook.ts'

const common = {
  apiKey: credential('An API key: Settings, SMTP & API Info'),
  subaccount: z.string().min(1).optional().describe('The id of the subaccount to send as'),
  ipPool: z.string().min(1).optional().describe('The name of the dedicated IP pool to send from'),
  webhookSecret: webhookSecret('the key of the webhook, as the list of webhooks shows it'),
  webhookUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('For events in: the address exactly as the webhook has it, where a proxy makes us see another'),
}
const options = z.strictObject({ ...common, baseUrl: baseUrl('https://mandrillapp.com') })
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined; webhookUrl?: string | undefined }> = {
  tells: [
    'accepted',
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
  setup: 'Settings, Webhooks, Add a Webhook: choose every event of messages',
  async verify(call, { webhookSecret = '', webhookUrl = call.url }) {
    // Whether anyone is there, which says nothing and is not signed.
    if (call.method === 'HEAD') return true
    const fields = new URLSearchParams(new TextDecoder().decode(call.body))
    const signed =
      webhookUrl +
      [...fields]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flat()
        .join('')
    const given = call.headers['x-mandrill-signature'] ?? ''
    // While a webhook is made it has no key yet, and no events.
    const keys = fields.get('mandrill_events') === '[]' ? [webhookSecret, 'test-webhook'] : [webhookSecret]
    for (const key of keys) if (key !== '' && same(given, base64(await hmac('SHA-1', key, signed)))) return true
    return false
  },
  read,
  answer: ({ method }) => (method === 'HEAD' ? { status: 200 } : null),
}

export default adapter<Options>({
  name: 'mandrill',
  title: 'Mandrill (Mailchimp Transactional), over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 25_000_000,
    maxRecipients: 1000,
    attachments: true,
    inline: true,
    // They steer Mandrill, which is this adapter's to do.
    headersRefused: [/^x-mc-/],
    // A hundred are counted in a whole account.
    maxTags: 100,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  reconcile,
  // Not by senders/check-domain, which adds the domain to the account.
  async identity(domain, { baseUrl, apiKey }, fetch) {
    const all = listOf(await ask(fetch, under(baseUrl, '/api/1.4/senders/domains'), {}, { key: apiKey }))
    const found = all.find((one) => text(one.domain)?.toLowerCase() === domain)
    if (!found) return wordOnNone(domain, null)
    return wordOn(domain, found.valid_signing, 'it may not sign')
  },
  suppressions,
  smtp: overSmtp({
    name: 'mandrill',
    title: 'Mandrill (Mailchimp Transactional), over SMTP',
    options: z.strictObject({ ...common, ...smtpSettings('smtp.mandrillapp.com') }),
    features: { maxBytes: 25_000_000, maxRecipients: 1000, maxTags: 100 },
    // Any user will do.
    login: ({ apiKey }) => ({ user: 'waypost', pass: apiKey }),
    headers: (handoff, { subaccount, ipPool }) => [
      ['X-MC-Metadata', metadataJson(handoff)],
      // Otherwise each copy says that it is for its recipient alone.
      ['X-MC-PreserveRecipients', 'true'],
      ...tagsIn(handoff.message),
      ...(subaccount === undefined ? [] : [['X-MC-Subaccount', subaccount] as const]),
      ...(ipPool === undefined ? [] : [['X-MC-IpPool', ipPool] as const]),
    ],
    webhook,
  }),
})

function tagsIn(message: Message): (readonly [string, string])[] {
  const list = headerTags(tags(message))
  return list === '' ? [] : [['X-MC-Tags', list]]
}

function request(handoff: Handoff, options: Options): HttpRequest {
  return postJson(
    options.baseUrl,
    '/api/1.4/messages/send',
    {},
    {
      key: options.apiKey,
      message: {
        ...mail(handoff),
        ...(options.subaccount === undefined ? {} : { subaccount: options.subaccount }),
      },
      ...(options.ipPool === undefined ? {} : { ip_pool: options.ipPool }),
    },
  )
}

function mail(handoff: Handoff): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { message } = handoff
  const { to, cc, bcc } = roles(handoff, parts)
  const inline = parts.attachments.filter(isImage)
  const attached = parts.attachments.filter((file) => !isImage(file))
  return {
    from_email: parts.from.email,
    ...(parts.from.name ? { from_name: parts.from.name } : {}),
    to: Object.entries({ to, cc, bcc }).flatMap(([type, people]) =>
      people.map((mailbox) => ({ ...emailAndName(mailbox), type })),
    ),
    preserve_recipients: true,
    subject: parts.subject,
    ...(parts.html ? { html: parts.html } : {}),
    ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
    // What looks like *|A TAG|* is the sender's own text.
    merge: false,
    headers: {
      ...headerObject(parts.headers),
      'Message-ID': message.messageId,
      ...(parts.replyTo.length > 0 ? { 'Reply-To': formatMailboxes(parts.replyTo) } : {}),
    },
    ...(message.priority === 'high' ? { important: true } : {}),
    ...(message.tags.length > 0 ? { tags: tags(message) } : {}),
    metadata: { ...message.metadata, waypost: message.id },
    ...(attached.length > 0 ? { attachments: attached.map((file) => upload(file, file.filename)) } : {}),
    // The name becomes the Content-ID.
    ...(inline.length > 0 ? { images: inline.map((file) => upload(file, file.contentId!)) } : {}),
  }
}

/** Fifty characters at most, and an underscore first is for Mandrill itself. */
function tags({ tags }: Message): string[] {
  return tags.map((tag) => tag.replace(/^_+/, '').slice(0, 50)).filter((tag) => tag !== '')
}

/** Nothing but an image goes inline. */
function isImage(file: Attachment): boolean {
  return isInline(file) && /^image\//i.test(file.contentType)
}

function upload(file: Attachment, name: string): { type: string; name: string; content: string } {
  return { type: bareType(file.contentType), name, content: file.content }
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  if (answer.status < 300) {
    const results = jsonList(answer)
    if (results === null) return all(byStatus(answer, null))
    return new Map(handoff.recipients.map(({ email }) => [email, result(answer, results, email)]))
  }
  const body = jsonObject(answer)
  const name = text(body?.name)
  if (name === null) return all(byStatus(answer, null))
  const message = text(body?.message) ?? ''
  const said = diagnostic(`${answer.status}/${name}`, message)
  // The oldest version of the API answers 500 to everything: the name says more than the status.
  switch (name) {
    case 'Invalid_Key':
    case 'PaymentRequired':
    case 'Unknown_Subaccount':
      return all(rejected('account', said))
    case 'ValidationError':
      // `Validation error: {"message":{"to":[{"email":"…"}]}}`
      if (/"to"\s*:/.test(message)) return refusedRecipients(handoff.recipients, addressesIn(message), said)
      return all(rejected('message', said))
    case 'RequestLimitExceeded':
      return all(deferred('provider', said, retryAfter(answer.headers)))
    case 'ServiceUnavailable':
      return all(
        /suspend/i.test(message) ? rejected('account', said) : deferred('provider', said, retryAfter(answer.headers)),
      )
    default:
      return all(withWords(byStatus(answer, message), said))
  }
}

/** Mandrill's own list has the address. */
const suppressed = new Set(['hard-bounce', 'soft-bounce', 'spam', 'unsub', 'custom'])

function result(answer: HttpAnswer, results: readonly Record<string, unknown>[], email: string): Outcome {
  const found = results.find((entry) => text(entry.email)?.toLowerCase() === email.toLowerCase())
  const status = text(found?.status)
  const id = text(found?._id)
  if (status === 'sent' || status === 'queued' || status === 'scheduled') {
    // Queued for lack of quota, too, is taken: it goes out once there is some.
    return id === null ? byStatus(answer, null) : { kind: 'accepted', providerMessageId: id }
  }
  const reason = text(found?.reject_reason) ?? ''
  const said: Diagnostic = diagnostic(`${answer.status}/${status}`, line(status, reason, found?.queued_reason) ?? '')
  if (status === 'invalid') return rejected('recipient', said)
  if (status !== 'rejected') return byStatus(answer, null)
  // There for some days only, and not because the mailbox does not exist: another way may reach it.
  if (reason === 'soft-bounce') return rejected('host', said)
  if (reason === 'hard-bounce' || reason === 'invalid') return rejected('recipient', said)
  if (suppressed.has(reason)) return rejected('recipient', onList(said))
  if (reason === 'invalid-sender' || reason === 'unsigned') return rejected('identity', said)
  return rejected(reason === 'test-mode-limit' ? 'account' : 'message', said)
}

/** As many as one answer has. */
const mostFound = 1000

/** Mail of these recipients that bears our id; mail of others has another id, or is older than ours. */
async function reconcile(
  { message, recipients }: Omit<Handoff, 'content'>,
  options: Options,
  fetch: Fetch,
): Promise<Outcomes | 'absent'> {
  const since = (message.sendAt ?? message.acceptedAt) - clockSkew
  const results: Record<string, unknown>[] = []
  let untold = false
  for (let at = 0; at < recipients.length; at += 50) {
    const people = new Set(recipients.slice(at, at + 50).map(({ email }) => email.toLowerCase()))
    const rows = await search([...people], since, options, fetch)
    const theirs = rows.filter(({ email }) => people.has(text(email)?.toLowerCase() ?? ''))
    results.push(...theirs.filter(({ metadata }) => object(metadata)?.waypost === message.id).map(asAnswered))
    // Ours may be on the next page, or one that came since and does not say whose it is.
    untold ||= rows.length >= mostFound
    untold ||= theirs.some(({ metadata, ts }) => text(object(metadata)?.waypost) === null && !isBefore(ts, since))
  }
  if (results.length === 0) {
    if (untold) throw new Error('the search does not say which of these is ours')
    return 'absent'
  }
  const answer = { status: 200, headers: {}, body: '' }
  return new Map(recipients.map(({ email }) => [email, result(answer, results, email)]))
}

const clockSkew = 5 * 60_000

function isBefore(seconds: unknown, time: number): boolean {
  const at = instant(seconds)
  return at !== null && at < time
}

/**
 * A phrase is looked for in all that is indexed, and `full_email` is the recipient as a whole. A day's margin, for it is not said
 * whose days these are.
 */
async function search(people: string[], since: number, { baseUrl, apiKey }: Options, fetch: Fetch) {
  const terms = people.map((email) => JSON.stringify(email)).map((phrase) => `${phrase} OR full_email:${phrase}`)
  const body = {
    key: apiKey,
    query: terms.join(' OR '),
    date_from: new Date(since - 86_400_000).toISOString().slice(0, 10),
    limit: mostFound,
  }
  return listOf(await ask(fetch, under(baseUrl, '/api/1.4/messages/search'), {}, body))
}

/** What was found, in the words of the answer that was lost. */
function asAnswered({ email, _id, state, reject }: Record<string, unknown>): Record<string, unknown> {
  return { email, _id, status: state === 'rejected' ? state : 'sent', reject_reason: object(reject)?.reason }
}

const reasons: Record<string, SuppressionReason> = {
  'hard-bounce': 'bounce',
  spam: 'complaint',
  unsub: 'unsubscribe',
  custom: 'manual',
}

/** A thousand come, without a way to ask for the next. Who bounced softly is there for some days only, and left out. */
async function* suppressions({ baseUrl, apiKey }: Options, fetch: Fetch): AsyncIterable<VendorSuppression> {
  const entries = listOf(await ask(fetch, under(baseUrl, '/api/1.4/rejects/list'), {}, { key: apiKey }))
  for (const entry of entries) {
    const reason = reasons[text(entry.reason) ?? '']
    if (reason) yield* suppression(entry.email, reason, utc(entry.created_at))
  }
  if (entries.length >= 1000) throw new Error('Mandrill tells of 1,000 suppressions at most: export the rest there.')
}

const types: Record<string, ProviderEventType> = {
  send: 'accepted',
  deferral: 'deferred',
  delivered: 'delivered',
  hard_bounce: 'bounced',
  soft_bounce: 'bounced',
  reject: 'rejected',
  spam: 'complained',
  open: 'opened',
  click: 'clicked',
  unsub: 'unsubscribed',
}

/** A form with a list of events in JSON. Changes of its lists and of inbound mail are none. */
function read(call: HookCall): ProviderEvent[] {
  if (call.method === 'HEAD') return []
  const list = new URLSearchParams(hookText(call)).get('mandrill_events')
  if (list === null) throw new UnreadableHook('the form has no mandrill_events')
  return hookObjects({ body: new TextEncoder().encode(list) }).flatMap((event) => {
    const name = text(event.event) ?? ''
    const said = types[name]
    const msg = object(event.msg)
    if (said === undefined || msg === null) return []
    const id = text(msg._id) ?? text(event._id)
    const reason = text(object(msg.reject)?.reason) ?? text(object(event.reject)?.reason)
    const type = said === 'rejected' && suppressed.has(reason ?? '') ? 'suppressed' : said
    return [
      {
        type,
        at: instant(event.ts),
        recipient: text(msg.email),
        messageId: ourId(object(msg.metadata)?.waypost),
        providerMessageId: id,
        key: keyOf(name, id, event.ts, text(event.url)?.slice(0, 300)),
        ...(type === 'bounced' ? { bounce: bounceOf(name, text(msg.bgtools_code)) } : {}),
        detail: line(msg.bounce_description, msg.diag, reason, event.url),
      },
    ]
  })
}

function bounceOf(name: string, code: string | null): Bounce {
  const byCode = code === null ? 'hard' : bounceByClass(code)
  return name === 'hard_bounce' || byCode !== 'hard' ? byCode : 'soft'
}
