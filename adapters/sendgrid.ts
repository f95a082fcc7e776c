/**
 * SendGrid, through its own SDK. No idempotency key and no per-recipient answers; suppressed recipients are accepted and dropped
 * later. What became of an unknown is asked of its Email Activity, a product of its own: an account without it is refused, and
 * there is no telling.
 * https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send, …/for-developers/tracking-events/event and
 * …/for-developers/sending-email/getting-started-email-activity-api
 * Unverified: the EU's SMTP host; some of the reasons for which mail is dropped; that a call made again is signed anew; how a query
 * names one of the unique arguments (the reference has `unique_args` without a name, clients in use have the name in brackets).
 * Of `identity` unverified: whether a domain that is authenticated covers those below it (none is taken to).
 */
import sendgrid from '@sendgrid/mail'
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type VendorSuppression } from '../src/mail/adapter.ts'
import {
  byRecipient,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  refusedRecipients,
  rejected,
  retryAfter,
  wait,
} from '../src/mail/answer.ts'
import { bareType, emailAndName, headerObject, partsOf, under } from '../src/mail/asking.ts'
import { type Bounce, bounceOf } from '../src/mail/bounce.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordOn, wordOnNone } from '../src/mail/identity.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { headerJson, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, byOffset, listOf, suppression } from '../src/mail/question.ts'
import { recipientAt, roles } from '../src/mail/roles.ts'
import { credential, hostName, notBoth, otherBaseUrl, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { ecdsa, joined, timely } from '../src/mail/signature.ts'
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

// The SDK's types name only its global instance, which is one account for the whole process.
const { MailService } = sendgrid as unknown as { MailService: new () => typeof sendgrid }

/** It repeats a failed call for a day; whether it signs it anew is not said. */
const repeated = 26 * 3_600_000

const hosts = { global: 'https://api.sendgrid.com', eu: 'https://api.eu.sendgrid.com' }

const common = {
  apiKey: credential('An API key with the Mail Send permission: SG.…'),
  webhookPublicKey: webhookSecret('the verification key of the signed event webhook, in base64 or as PEM'),
}
const options = z
  .strictObject({
    ...common,
    apiKey: credential('An API key with the Mail Send permission: SG.…; Email Activity too, where the account has it'),
    region: z
      .enum(['global', 'eu'])
      .optional()
      .describe('Where mail is processed; eu needs an EU subuser and its own key'),
    baseUrl: otherBaseUrl,
  })
  .refine(...notBoth)
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookPublicKey?: string | undefined }> = {
  tells: [
    'accepted',
    'deferred',
    'delivered',
    'bounced',
    'suppressed',
    'rejected',
    'opened',
    'clicked',
    'complained',
    'unsubscribed',
  ],
  secrets: ['webhookPublicKey'],
  setup: 'Mail Settings, Event Webhooks: choose every event, and turn the signed event webhook on',
  verify(call, { webhookPublicKey = '' }) {
    const time = call.headers['x-twilio-email-event-webhook-timestamp']
    const signature = call.headers['x-twilio-email-event-webhook-signature'] ?? ''
    return timely(time, call.at, repeated) && ecdsa(webhookPublicKey, signature, joined(`${time}`, call.body))
  },
  read,
}

export default adapter<Options>({
  name: 'sendgrid',
  title: 'SendGrid, through its own SDK',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 30_000_000,
    maxRecipients: 1000,
    attachments: true,
    inline: true,
    headersRefused: ['x-sg-id', 'x-sg-eid'],
    maxTags: 10,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: {
    kind: 'sdk',
    call(handoff, options, fetch) {
      const mail = new MailService()
      mail.setClient(client(options, fetch) as unknown as Parameters<typeof mail.setClient>[0])
      return mail.send(email(handoff))
    },
    outcomes,
  },
  webhook,
  reconcile,
  async identity(domain, options, fetch) {
    const url = `${base(options)}/v3/whitelabel/domains?${new URLSearchParams({ domain, limit: '50' })}`
    const found = listOf(await ask(fetch, url, authorization(options))).filter((one) => text(one.domain) === domain)
    if (found.length === 0) return wordOnNone(domain, 'single senders of it may be verified')
    const best = found.find(({ valid }) => valid === true) ?? found[0]!
    return wordOn(domain, best.valid, 'its DNS records are not valid')
  },
  suppressions,
  smtp: overSmtp({
    name: 'sendgrid',
    title: 'SendGrid, over SMTP',
    options: z.strictObject({
      ...common,
      ...smtpSettings('smtp.sendgrid.net'),
      host: hostName.default('smtp.sendgrid.net').describe('The server; EU subusers have smtp.eu.sendgrid.net'),
    }),
    features: {
      maxBytes: 30_000_000,
      maxRecipients: 1000,
      maxTags: 10,
      headersRefused: ['x-sg-id', 'x-sg-eid', 'x-smtpapi'],
    },
    // Literally so, for everyone.
    login: ({ apiKey }) => ({ user: 'apikey', pass: apiKey }),
    headers: ({ message: { id, tags, metadata } }) => [
      ['X-SMTPAPI', headerJson({ unique_args: { ...metadata, waypost: id }, category: categories(tags) })],
    ],
    webhook,
  }),
})

/**
 * What the SDK calls the API with, in place of its axios client: that one follows redirects, and sends the mail's own headers
 * as headers of the request, so that a mail with `On-Behalf-Of` or `Authorization` would speak for another account.
 */
function client(options: Options, fetch: Fetch) {
  return {
    request: (asked: { method: string; url: string; body: unknown }) =>
      fetch(base(options) + asked.url, {
        method: asked.method,
        headers: { ...authorization(options), 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(asked.body),
      }),
  }
}

function base({ baseUrl, region }: Options): string {
  return under(baseUrl ?? hosts[region ?? 'global'])
}

function authorization({ apiKey }: Options) {
  return { authorization: `Bearer ${apiKey}` }
}

function email(handoff: Handoff): Parameters<typeof sendgrid.send>[0] {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const { id, messageId, tags, metadata } = handoff.message
  const content = [
    { type: 'text/plain', value: parts.text ?? '' },
    { type: 'text/html', value: parts.html ?? '' },
  ].filter((part) => part.value !== '')
  return {
    from: emailAndName(parts.from),
    personalizations: [
      {
        to: to.map(emailAndName),
        ...(cc.length > 0 ? { cc: cc.map(emailAndName) } : {}),
        ...(bcc.length > 0 ? { bcc: bcc.map(emailAndName) } : {}),
      },
    ],
    ...(parts.replyTo.length > 0 ? { replyToList: parts.replyTo.map(emailAndName) } : {}),
    // Neither an empty subject nor an empty body is taken.
    subject: parts.subject || ' ',
    content: (content.length > 0 ? content : [{ type: 'text/plain', value: ' ' }]) as [{ type: string; value: string }],
    headers: { ...headerObject(parts.headers), 'Message-ID': messageId },
    categories: categories(tags),
    customArgs: { ...metadata, waypost: id },
    attachments: parts.attachments.map((attachment) => ({
      content: attachment.content,
      filename: attachment.filename,
      // Parameters are refused.
      type: bareType(attachment.contentType),
      disposition: attachment.inline ? 'inline' : 'attachment',
      // As the API spells it: the SDK renames no key within a list.
      ...(attachment.contentId ? { content_id: attachment.contentId } : {}),
    })),
  }
}

/** Each once, as it must be. */
function categories(tags: readonly string[]): string[] {
  return [...new Set(tags.map((tag) => tag.slice(0, 255)))]
}

interface Complaint {
  message: string
  field: string | null
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  if (answer.status === 202) {
    return all({ kind: 'accepted', providerMessageId: answer.headers['x-message-id'] ?? '' })
  }
  const complaints = complaintsIn(answer)
  if (complaints === null) return all(byStatus(answer, null))
  const words = complaints.map(({ message, field }) => (field === null ? message : `${field}: ${message}`)).join('; ')
  const said = diagnostic(answer.status, words)
  if (answer.status === 400) {
    const fields = complaints.map(({ field }) => field ?? '')
    if (fields.length > 0 && fields.every((field) => recipientField.test(field))) {
      return refusedRecipients(handoff.recipients, culprits(handoff, fields), said)
    }
    return all(/credits exceeded/i.test(words) ? rejected('account', said) : rejected('message', said))
  }
  if (
    answer.status === 403 &&
    complaints.some(({ field, message }) => field === 'from' || /sender identity/i.test(message))
  ) {
    return all(rejected('identity', said))
  }
  if (answer.status === 429) return all(deferred('provider', said, retryAfter(answer.headers) ?? untilReset(answer)))
  return all(byStatus(answer, words))
}

function complaintsIn(answer: HttpAnswer): Complaint[] | null {
  const errors = jsonObject(answer)?.errors
  if (!Array.isArray(errors)) return null
  return errors.map((error: { message?: unknown; field?: unknown } | null) => ({
    message: typeof error?.message === 'string' ? error.message : '',
    field: typeof error?.field === 'string' ? error.field : null,
  }))
}

/** `personalizations.0.to.3.email` */
const recipientField = /^personalizations\.0\.(to|cc|bcc)\.(\d+)(\.|$)/

/** Whose place in our own request the fields name. */
function culprits(handoff: Handoff, fields: readonly string[]): string[] {
  const named = fields.map((field) => recipientField.exec(field) ?? [])
  return named.map(([, list, place]) => recipientAt(handoff, list, place)).filter((email) => email !== null)
}

/** `X-RateLimit-Reset` is a time in unix seconds. */
function untilReset({ headers }: HttpAnswer): number | undefined {
  const at = Number(headers['x-ratelimit-reset'] ?? Number.NaN) * 1000
  const sent = Date.parse(headers.date ?? '')
  return Number.isNaN(at) ? undefined : wait(at - (Number.isNaN(sent) ? Date.now() : sent))
}

const types: Record<string, ProviderEventType> = {
  processed: 'accepted',
  deferred: 'deferred',
  delivered: 'delivered',
  bounce: 'bounced',
  dropped: 'rejected',
  open: 'opened',
  click: 'clicked',
  spamreport: 'complained',
  unsubscribe: 'unsubscribed',
  group_unsubscribe: 'unsubscribed',
}

/** Why mail is dropped when an address is on one of the account's lists. */
const listReason = /^(Bounced|Unsubscribed|Spam Reporting) Address|^Invalid$/i

/** Many events a call, of many messages. Our custom arguments stand among the event's own fields. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const known = types[text(event.event) ?? '']
    if (known === undefined) return []
    const onList = event.event === 'dropped' && listReason.test(text(event.reason) ?? '')
    return {
      type: onList ? 'suppressed' : known,
      at: instant(event.timestamp),
      recipient: text(event.email),
      messageId: ourId(event.waypost),
      providerMessageId: messageIdOf(event.sg_message_id),
      key: keyOf(text(event.sg_event_id) ?? keyOf(event.event, event.sg_message_id, event.email, event.timestamp)),
      ...(known === 'bounced' ? { bounce: bounce(event) } : {}),
      detail: line(event.reason, event.response, event.url),
    }
  })
}

/** `X-Message-Id` is what stands before the first dot; some dropped mail has none of it. */
function messageIdOf(value: unknown): string | null {
  const [id = ''] = (text(value) ?? '').split('.')
  return id === '' || id.startsWith('filter') ? null : id
}

/**
 * By SendGrid's own class where it gives one. Type `blocked` is about the message or its sender, and puts nobody on a list.
 * https://www.twilio.com/docs/sendgrid/ui/analytics-and-reporting/bounce-and-block-classifications
 */
function bounce(event: Record<string, unknown>): Bounce {
  const blocked = event.type === 'blocked'
  switch (text(event.bounce_classification)) {
    case 'Invalid Address':
      return blocked ? 'soft' : 'hard'
    case 'Mailbox Unavailable':
    case 'Technical':
    case 'Technical Failure':
      return 'soft'
    case 'Content':
    case 'Reputation':
    case 'Frequency or Volume Too High':
      return 'block'
  }
  return blocked ? 'block' : bounceOf(line(event.status, event.reason))
}

/** As many as one answer has. */
const mostMails = 1000

/**
 * Asks for the mails with our id among their arguments: one for each recipient. One that was handed over in another call has its
 * own, so each is looked for by its address.
 */
async function reconcile(
  { message, recipients }: Omit<Handoff, 'content'>,
  options: Options,
  fetch: Fetch,
): Promise<Outcomes | 'absent'> {
  // "For Regional (EU) subusers, no data will be generated for this service": its empty list would say nothing.
  if (base(options) === hosts.eu) throw new Error('SendGrid keeps no Email Activity of the EU')
  const query = new URLSearchParams({
    query: `(unique_args['waypost']="${message.id}")`,
    limit: String(mostMails),
  })
  const answer = object(await ask(fetch, `${base(options)}/v3/messages?${query}`, authorization(options)))
  const mails = listOf(answer?.messages)
  const rows = mails.map(({ to_email, msg_id }) => ({ email: to_email, id: messageIdOf(msg_id) ?? '' }))
  const shown = new Set(rows.map(({ email }) => text(email)?.toLowerCase()))
  if (!recipients.some(({ email }) => shown.has(email.toLowerCase()))) {
    if (mails.length >= mostMails) throw new Error('the search has more than one page')
    return 'absent'
  }
  const missing = diagnostic('search', 'the search does not show this recipient')
  return byRecipient({ recipients }, rows, { kind: 'unknown', diagnostic: missing })
}

/** Those that were blocked are left out: SendGrid goes on mailing them. */
async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  const lists = [
    ['bounces', 'bounce'],
    ['invalid_emails', 'bounce'],
    ['spam_reports', 'complaint'],
    ['unsubscribes', 'unsubscribe'],
  ] as const
  for (const [list, reason] of lists) {
    const address = `${base(options)}/v3/suppression/${list}`
    const entries = byOffset(500, (query) => ask(fetch, `${address}?${query}`, authorization(options)))
    for await (const entry of entries) yield* suppression(entry.email, reason, entry.created)
  }
}
