/**
 * SparkPost (Bird): JSON over HTTP, a transmission a call. Every recipient gets a copy of its own, in which `header_to` and a CC
 * header say who else it is for. No idempotency key; an event of ours under its metadata tells that a call was taken.
 * https://developers.sparkpost.com/api/transmissions and https://support.sparkpost.com/docs/tech-resources/extended-error-codes
 * Unverified: that a Message-ID of ours is kept; how long a tag may be; several addresses in `reply_to`.
 * Of `identity` unverified: that `compliance_status` is always told.
 */
import { z } from 'zod'
import {
  adapter,
  type Handoff,
  type HttpAnswer,
  type HttpRequest,
  type VendorSuppression,
} from '../src/mail/adapter.ts'
import { formatMailboxes, octets } from '../src/mail/address.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  onList,
  refusedRecipients,
  rejected,
  retryAfter,
  withWords,
} from '../src/mail/answer.ts'
import { emailAndName, headerObject, isInline, partsOf, postJson, under } from '../src/mail/asking.ts'
import { bounceByClass } from '../src/mail/bounce.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordOn, wordOnNone } from '../src/mail/identity.ts'
import type { Attachment, Message } from '../src/mail/message.ts'
import { type Diagnostic, diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { headerJson, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, askIfThere, listOf, objectsIn, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, credential, notBoth, otherBaseUrl, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import type { SuppressionReason } from '../src/mail/suppression.ts'
import {
  type HookCall,
  hookObjects,
  instant,
  line,
  object,
  ourId,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const hosts = { us: 'https://api.sparkpost.com', eu: 'https://api.eu.sparkpost.com' }

const common = {
  apiKey: credential('An API key that may use Transmissions, or Send via SMTP'),
  subaccount: z.int().min(0).optional().describe('The number of the subaccount to send as'),
  webhookSecret: addressSecret,
}
const options = z
  .strictObject({
    ...common,
    region: z.enum(['us', 'eu']).optional().describe('Where the account lives: us or eu'),
    ipPool: z.string().min(1).optional().describe('The id of the IP pool to send from'),
    baseUrl: otherBaseUrl,
  })
  .refine(...notBoth)
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
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
  setup: 'Webhooks, Create Webhook: choose all message, engagement, generation and unsubscribe events',
  ...bySecretInAddress,
  read,
}

export default adapter<Options>({
  name: 'sparkpost',
  title: 'SparkPost, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 20_000_000,
    maxRecipients: 1000,
    attachments: true,
    inline: true,
    // They steer SparkPost, which is this adapter's to do.
    headersRefused: [/^x-msys-/],
    maxTags: 10,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  /** Kept for ten days. Any event of these recipients that bears our id tells that the call was taken. */
  async reconcile(handoff, options, fetch) {
    const query = new URLSearchParams({
      recipients: handoff.recipients
        .map(({ email }) => email)
        .slice(0, 50)
        .join(','),
      from: `${new Date(handoff.message.acceptedAt).toISOString().slice(0, 19)}Z`,
      per_page: '100',
    })
    const found = object(await ask(fetch, `${api(options)}/events/message?${query}`, credentials(options)))
    const events = listOf(found?.results)
    const ours = events.find((event) => object(event.rcpt_meta)?.waypost === handoff.message.id)
    const id = text(ours?.transmission_id)
    if (id !== null) return everyone(handoff, { kind: 'accepted', providerMessageId: id })
    if (events.length >= 100) throw new TypeError('more events than were looked at')
    return 'absent'
  },
  async identity(domain, options, fetch) {
    const answer = object(await askIfThere(fetch, `${api(options)}/sending-domains/${domain}`, credentials(options)))
    if (answer === null) return wordOnNone(domain, null)
    const status = object(object(answer.results)?.status) ?? {}
    const { ownership_verified: owned, dkim_status: dkim, compliance_status: compliance } = status
    const isReady = typeof owned === 'boolean' ? owned && dkim === 'valid' && compliance === 'valid' : null
    return wordOn(domain, isReady, `owned: ${owned}, DKIM: ${dkim}, compliance: ${compliance}`)
  },
  suppressions,
  smtp: overSmtp({
    name: 'sparkpost',
    title: 'SparkPost, over SMTP',
    options: z.strictObject({ ...common, ...smtpSettings('smtp.sparkpostmail.com') }),
    features: { maxBytes: 20_000_000, maxRecipients: 1000, maxTags: 10 },
    login: ({ apiKey, subaccount }) => ({
      user: subaccount === undefined ? 'SMTP_Injection' : `SMTP_Injection:X-MSYS-SUBACCOUNT=${subaccount}`,
      pass: apiKey,
    }),
    headers: ({ message }) => [
      [
        'X-MSYS-API',
        headerJson({
          metadata: metadata(message),
          ...(message.tags.length > 0 ? { tags: message.tags } : {}),
          options: { transactional: transactional(message) },
        }),
      ],
    ],
    webhook,
  }),
})

function api(options: Options): string {
  return under(options.baseUrl ?? hosts[options.region ?? 'us'], '/api/v1')
}

function credentials({ apiKey, subaccount }: Options): Record<string, string> {
  return {
    authorization: apiKey,
    ...(subaccount === undefined ? {} : { 'x-msys-subaccount': String(subaccount) }),
  }
}

function request(handoff: Handoff, options: Options): HttpRequest {
  // Which recipients were refused is said only when asked for, up to a number.
  const path = `/transmissions?num_rcpt_errors=${handoff.recipients.length}`
  return postJson(api(options), path, credentials(options), transmission(handoff, options))
}

function transmission(handoff: Handoff, options: Options): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { message } = handoff
  const { to, cc, bcc } = roles(handoff, parts)
  // A lone addressee is its own To.
  const first =
    to.length === 1 ? [emailAndName(to[0]!)] : to.map(({ email }) => ({ email, header_to: formatMailboxes(to) }))
  const others = [...cc, ...bcc].map(({ email }) => ({ email, header_to: formatMailboxes(to) }))
  // Inline images are refused where there is no HTML.
  const inline = parts.html ? parts.attachments.filter(isInline) : []
  const attached = parts.attachments.filter((file) => !parts.html || !isInline(file))
  return {
    options: {
      transactional: transactional(message),
      // What looks like {{a variable}} is the sender's own text.
      perform_substitutions: false,
      ...(options.ipPool === undefined ? {} : { ip_pool: options.ipPool }),
    },
    recipients: [...first, ...others].map((address) => ({
      address,
      ...(message.tags.length > 0 ? { tags: message.tags } : {}),
    })),
    metadata: metadata(message),
    content: {
      from: emailAndName(parts.from),
      subject: parts.subject || ' ',
      ...(parts.replyTo.length > 0 ? { reply_to: formatMailboxes(parts.replyTo) } : {}),
      ...(parts.html ? { html: parts.html } : {}),
      ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
      headers: {
        ...headerObject(parts.headers),
        'Message-ID': message.messageId,
        ...(cc.length > 0 ? { CC: formatMailboxes(cc) } : {}),
      },
      ...(attached.length > 0 ? { attachments: attached.map((file) => upload(file, file.filename)) } : {}),
      // The name becomes the Content-ID.
      ...(inline.length > 0 ? { inline_images: inline.map((file) => upload(file, file.contentId)) } : {}),
    },
  }
}

/** What is not is kept from everyone who ever unsubscribed, and gets a List-Unsubscribe of SparkPost's own. */
function transactional({ type }: Message): boolean {
  return type !== 'marketing'
}

/** A thousand bytes of JSON come back with events: our id, and what fits of the message's own. */
function metadata(message: Message): Record<string, string> {
  const fits: Record<string, string> = { waypost: message.id }
  for (const [key, value] of Object.entries(message.metadata)) {
    if (key !== 'waypost' && octets(JSON.stringify({ ...fits, [key]: value })) <= 1000) fits[key] = value
  }
  return fits
}

function upload(file: Attachment, name: string): { name: string; type: string; data: string } {
  return { name, type: file.contentType, data: file.content }
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  const results = object(body?.results)
  if (answer.status < 300) {
    const id = typeof results?.id === 'string' && results.id !== '' ? results.id : null
    return id === null ? all(byStatus(answer, null)) : taken(handoff, id, results!)
  }
  const error = Array.isArray(body?.errors) ? object(body.errors[0]) : null
  if (error === null) return all(answer.status === 420 ? overLimit(answer, null) : byStatus(answer, null))
  const code = text(error.code)
  const words = line(error.message, error.description) ?? ''
  const said = diagnostic(code === null ? answer.status : `${answer.status}/${code}`, words)
  if (answer.status === 420) return all(overLimit(answer, said))
  switch (code) {
    case '1300':
      // Not one of the others was sent to: "invalid recipient address: ann@example" refuses the whole call.
      if (!/invalid recipient address/i.test(words)) return all(rejected('message', said))
      return refusedRecipients(handoff.recipients, addressesIn(words), said)
    case '1502':
      return all(deferred('provider', said, retryAfter(answer.headers)))
    // Suppressed, where it was the only recipient; no valid recipient at all, whatever was wrong with each.
    case '1902':
    case '5002':
      return refusedRecipients(handoff.recipients, addressesIn(words), onList(said))
    case '7000':
    case '7001':
      return all(rejected('identity', said))
    case null:
      if (/sending domain/i.test(words)) return all(rejected('identity', said))
      break
  }
  return all(withWords(byStatus(answer, words), said))
}

/** 420 is the vendor's own: the hour's, the day's or the month's mails are used up. */
function overLimit(answer: HttpAnswer, said: Diagnostic | null): Outcome {
  return deferred('account', said ?? diagnostic(420, 'a sending limit is reached'), retryAfter(answer.headers))
}

/** Some may have been refused all the same; each that is named in an error was. */
function taken(handoff: Handoff, id: string, results: Record<string, unknown>): Outcomes {
  const accepted: Outcome = { kind: 'accepted', providerMessageId: id }
  const refused = Number(results.total_rejected_recipients ?? 0)
  if (!(refused > 0)) return everyone(handoff, accepted)
  const errors = Array.isArray(results.rcpt_to_errors) ? results.rcpt_to_errors.map(object) : []
  const words = line(...errors.flatMap((error) => [error?.message, error?.description])) ?? ''
  const said = diagnostic(`200/${text(errors[0]?.code) ?? ''}`, words)
  const named = new Set(addressesIn(words).map((email) => email.toLowerCase()))
  if (results.total_accepted_recipients === 0) return refusedRecipients(handoff.recipients, [...named], said)
  const ours = handoff.recipients.filter(({ email }) => named.has(email.toLowerCase()))
  // Somebody else was refused, and nobody says who.
  const rest: Outcome = ours.length >= refused ? accepted : { kind: 'unknown', diagnostic: said }
  return new Map(
    handoff.recipients.map((recipient) => [
      recipient.email,
      ours.includes(recipient) ? rejected('recipient', said) : rest,
    ]),
  )
}

const sources: Record<string, SuppressionReason> = {
  'Spam Complaint': 'complaint',
  'List Unsubscribe': 'unsubscribe',
  'Unsubscribe Link': 'unsubscribe',
  'Bounce Rule': 'bounce',
}

/** A page leads to the next by a cursor, which is asked for where the first was, wherever its link points. */
async function* suppressions(options: Options, fetch: Fetch): AsyncIterable<VendorSuppression> {
  let cursor: string | null = 'initial'
  while (cursor !== null) {
    const query = new URLSearchParams({ cursor, per_page: '1000' })
    const url = `${api(options)}/suppression-list?${query}`
    const page = object(await ask(fetch, url, credentials(options)))
    const entries = listOf(page?.results)
    for (const { recipient, source, created, updated } of entries) {
      yield* suppression(recipient, sources[text(source) ?? ''] ?? 'manual', created ?? updated)
    }
    const next = text(objectsIn(page?.links).find(({ rel }) => rel === 'next')?.href)
    const following: string | null = next === null ? null : (URL.parse(next, url)?.searchParams.get('cursor') ?? null)
    cursor = entries.length === 0 || following === cursor ? null : following
  }
}

const types: Record<string, ProviderEventType> = {
  injection: 'accepted',
  delay: 'deferred',
  delivery: 'delivered',
  bounce: 'bounced',
  out_of_band: 'bounced',
  spam_complaint: 'complained',
  policy_rejection: 'rejected',
  generation_rejection: 'rejected',
  generation_failure: 'rejected',
  open: 'opened',
  initial_open: 'opened',
  amp_open: 'opened',
  click: 'clicked',
  amp_click: 'clicked',
  list_unsubscribe: 'unsubscribed',
  link_unsubscribe: 'unsubscribed',
}

/** Classes of answers that are no bounce: an auto-reply, somebody who asks for more mail. */
const noBounce = new Set(['60', '80'])

/** A batch of `{msys: {message_event: {…}}}`; `{msys: {}}` is a test. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap(({ msys }) =>
    Object.values(object(msys) ?? {}).flatMap((value) => {
      const event = object(value)
      const said = types[text(event?.type) ?? '']
      const key = text(event?.event_id)
      if (event === null || said === undefined || key === null) return []
      const kind = text(event.bounce_class) ?? ''
      if (said === 'bounced' && noBounce.has(kind)) return []
      const type = kindOf(said, kind, line(event.raw_reason, event.reason) ?? '')
      return [
        {
          type,
          at: instant(event.timestamp),
          recipient: text(event.raw_rcpt_to) ?? text(event.rcpt_to),
          messageId: ourId(object(event.rcpt_meta)?.waypost),
          providerMessageId: text(event.transmission_id),
          key,
          ...(type === 'bounced' ? { bounce: bounceByClass(kind) } : {}),
          detail: line(event.raw_reason ?? event.reason, event.target_link_url),
        },
      ]
    }),
  )
}

function kindOf(said: ProviderEventType, kind: string, reason: string): ProviderEventType {
  // A bounce of class 90 is somebody asking by mail for no more.
  if (said === 'bounced' && kind === '90') return 'unsubscribed'
  // "recipient address suppressed due to customer policy" has the code and class of every other refusal.
  return said === 'rejected' && /address (was )?suppressed/i.test(reason) ? 'suppressed' : said
}
