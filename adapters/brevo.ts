/**
 * Brevo: JSON over HTTP. Our id goes along as a tag, by which a search finds the mail, and in `X-Mailin-custom`, which comes back
 * with every event (and which the recipient sees). A key makes a second call a refused one.
 * https://developers.brevo.com/reference/send-transac-email, …/docs/transactional-webhooks and …/docs/heterogenous-versions-batch-emails
 * Unverified: the limits of size, recipients and tags of one mail; whether a call that was refused uses the key up; whether
 * headers that begin otherwise than with X- are carried, so none are sent; SMTP's ports 465 and 2525.
 * Of `identity` unverified: what it answers of a domain that it does not have, taken to be 404.
 */
import { z } from 'zod'
import {
  adapter,
  type Handoff,
  type HttpAnswer,
  type HttpRequest,
  type VendorSuppression,
} from '../src/mail/adapter.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  refusedRecipients,
  rejected,
  waitAsked,
  withWords,
} from '../src/mail/answer.ts'
import { encodedWord, headerObject, partsOf, postJson, under } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordOn, wordOnNone } from '../src/mail/identity.ts'
import type { Mailbox } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { metadataJson, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, askIfThere, byOffset, objectsIn, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, baseUrl, credential, sandbox, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import type { SuppressionReason } from '../src/mail/suppression.ts'
import {
  bareId,
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  object,
  ourId,
  ourIdAmong,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const options = z.strictObject({
  apiKey: credential('An API key of version 3: xkeysib-…'),
  webhookSecret: addressSecret,
  sandbox,
  baseUrl: baseUrl('https://api.brevo.com'),
})
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
  setup: 'Transactional, Settings, Webhook: choose every event',
  ...bySecretInAddress,
  read,
}

export default adapter<Options>({
  name: 'brevo',
  title: 'Brevo, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 20_000_000,
    // Documented for one version of a batch.
    maxRecipients: 99,
    maxReplyTo: 1,
    attachments: true,
    inline: false,
    // "Standard email headers are not supported"; the others steer Brevo, which is this adapter's to do.
    headersRefused: [/^(?!x-)/, /^x-mailin-/, /^x-sib-/],
    maxTags: 9,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    // Half an hour by the guide, a quarter by the changelog.
    idempotency: {
      by: 'idempotencyKey among the headers in the body',
      window: 15 * 60_000,
      replay: 'that it is a duplicate',
    },
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  async reconcile({ message, recipients }, options, fetch) {
    const limit = 100
    const query = new URLSearchParams({ email: recipients[0]!.email, limit: String(limit), sort: 'desc' })
    const url = `${under(options.baseUrl)}/v3/smtp/emails?${query}`
    const mails = objectsIn(object(await ask(fetch, url, keyHeader(options)))?.transactionalEmails)
    const ours = mails.find(({ tags }) => Array.isArray(tags) && tags.includes(message.id))
    const id = bareId(ours?.messageId)
    if (id !== null) return everyone({ recipients }, { kind: 'accepted', providerMessageId: id })
    if (ours || mails.length >= limit) throw new Error('more mail to this recipient than one page shows')
    return 'absent'
  },
  async identity(domain, options, fetch) {
    const found = object(
      await askIfThere(fetch, `${under(options.baseUrl)}/v3/senders/domains/${domain}`, keyHeader(options)),
    )
    if (found === null) return wordOnNone(domain, 'single senders of it may be verified')
    return wordOn(domain, found.authenticated, found.verified === true ? 'verified, not authenticated' : 'not verified')
  },
  suppressions,
  smtp: overSmtp({
    name: 'brevo',
    title: 'Brevo, over SMTP',
    options: z.strictObject({
      smtpLogin: credential('The login shown under SMTP & API, SMTP: an address'),
      smtpKey: credential('An SMTP key (not the API key): xsmtpsib-…'),
      webhookSecret: addressSecret,
      ...smtpSettings('smtp-relay.brevo.com'),
    }),
    features: { maxBytes: 20_000_000, maxRecipients: 99, maxTags: 1 },
    login: ({ smtpLogin, smtpKey }) => ({ user: smtpLogin, pass: smtpKey }),
    headers: (handoff) => [
      ['X-Mailin-custom', metadataJson(handoff)],
      ...handoff.message.tags.map((tag) => ['X-Mailin-Tag', tag] as const),
    ],
    webhook,
  }),
})

function keyHeader({ apiKey }: Options): Record<string, string> {
  return { 'api-key': apiKey }
}

function request(handoff: Handoff, options: Options): HttpRequest {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const { message } = handoff
  return postJson(options.baseUrl, '/v3/smtp/email', keyHeader(options), {
    sender: person(parts.from),
    to: to.map(person),
    ...(cc.length > 0 ? { cc: cc.map(person) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(person) } : {}),
    ...(parts.replyTo[0] ? { replyTo: person(parts.replyTo[0]) } : {}),
    subject: parts.subject || ' ',
    ...(parts.html ? { htmlContent: parts.html } : {}),
    ...(parts.text || !parts.html ? { textContent: parts.text || ' ' } : {}),
    headers: {
      ...headerObject(parts.headers),
      'X-Mailin-custom': metadataJson(handoff),
      ...(options.sandbox ? { 'X-Sib-Sandbox': 'drop' } : {}),
      idempotencyKey: asUuid(handoff.idempotencyKey),
    },
    tags: [...message.tags, message.id],
    ...(parts.attachments.length > 0
      ? { attachment: parts.attachments.map(({ filename, content }) => ({ name: filename, content })) }
      : {}),
  })
}

/** Brevo drops a name that has both a comma and a letter beyond ASCII, unless it is encoded; 70 characters are the most. */
function person({ email, name = '' }: Mailbox): { email: string; name?: string } {
  const short = name.slice(0, 70)
  if (short === '') return { email }
  if (!short.includes(',') || !/[^\u0000-\u007f]/.test(short)) return { email, name: short }
  const encoded = encodedWord(short)
  return { email, name: encoded !== null && encoded.length <= 70 ? encoded : short.replaceAll(',', ' ') }
}

/** The key as the UUID that Brevo wants, of its first 32 hexadecimal digits. */
function asUuid(key: string): string {
  const digits = key.replace(/[^0-9a-f]/gi, '').padEnd(32, '0')
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20, 32),
  ].join('-')
}

const notReady =
  /sender (you used )?.*(not valid|not verified|invalid)|valid(ate)? (your )?sender|authenticate your domain/i
const account = new Set([
  'unauthorized',
  'not_enough_credits',
  'permission_denied',
  'account_under_validation',
  'method_not_allowed',
  'not_acceptable',
])

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const body = jsonObject(answer)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  if (answer.status < 300) {
    const id = bareId(body?.messageId)
    return all(id === null ? byStatus(answer, null) : { kind: 'accepted', providerMessageId: id })
  }
  const code = text(body?.code)
  const message = text(body?.message) ?? ''
  if (answer.status === 429) {
    const said = diagnostic(`429/${code ?? ''}`, message || 'too many requests')
    return all(deferred('provider', said, waitAsked(answer.headers, 'x-sib-ratelimit-reset')))
  }
  if (code === null) return all(byStatus(answer, null))
  const said = diagnostic(`${answer.status}/${code}`, message)
  if (account.has(code)) return all(rejected('account', said))
  // The key is known: a call with it came before. What became of that one this does not say.
  if (code === 'duplicate_request' || code === 'duplicate_parameter') return all({ kind: 'unknown', diagnostic: said })
  if (answer.status === 400 && notReady.test(message)) return all(rejected('identity', said))
  // "email is not valid in to"
  if (answer.status === 400 && /\b(in|of) (to|cc|bcc)\b/i.test(message)) {
    return refusedRecipients(handoff.recipients, addressesIn(message), said)
  }
  return all(withWords(byStatus(answer, message), said))
}

const types: Record<string, ProviderEventType> = {
  request: 'accepted',
  deferred: 'deferred',
  delivered: 'delivered',
  hard_bounce: 'bounced',
  soft_bounce: 'bounced',
  invalid_email: 'bounced',
  error: 'rejected',
  blocked: 'suppressed',
  spam: 'complained',
  complaint: 'complained',
  unique_opened: 'opened',
  opened: 'opened',
  unique_proxy_open: 'opened',
  proxy_open: 'opened',
  click: 'clicked',
  unsubscribe: 'unsubscribed',
  unsubscribed: 'unsubscribed',
}

/** One event a call, or a list of them. `ts_epoch` is the one time that is UTC. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const name = text(event.event) ?? ''
    const type = types[name]
    const id = bareId(event['message-id'])
    const messageId = planted(event)
    if (type === undefined || (id === null && messageId === null)) return []
    return [
      {
        type,
        at: instant(event.ts_epoch),
        recipient: text(event.email),
        messageId,
        providerMessageId: id,
        key: keyOf(id, event.email, name, event.ts_epoch, event.link),
        ...(type === 'bounced'
          ? { bounce: name === 'soft_bounce' ? ('soft' as const) : bounceOf(text(event.reason), 'hard') }
          : {}),
        detail: line(event.reason, event.link, name.includes('proxy') ? 'by a proxy' : null),
      },
    ]
  })
}

/** Our id: in the custom header, or among the tags. */
function planted(event: Record<string, unknown>): string | null {
  const custom = ourId(jsonObject({ body: text(event['X-Mailin-custom']) ?? '' })?.waypost)
  return custom ?? ourIdAmong(event.tags)
}

const reasons: Record<string, SuppressionReason> = {
  hardBounce: 'bounce',
  contactFlaggedAsSpam: 'complaint',
  unsubscribedViaMA: 'unsubscribe',
  unsubscribedViaEmail: 'unsubscribe',
  unsubscribedViaApi: 'unsubscribe',
  adminBlocked: 'manual',
}

async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  const url = `${under(options.baseUrl)}/v3/smtp/blockedContacts`
  const page = async (query: string) => {
    const answer = object(await ask(fetch, `${url}?${query}`, keyHeader(options)))
    return answer?.count === 0 ? [] : answer?.contacts
  }
  for await (const { email, reason, blockedAt } of byOffset(100, page)) {
    yield* suppression(email, reasons[text(object(reason)?.code) ?? ''] ?? 'manual', blockedAt)
  }
}
