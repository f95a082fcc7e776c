/**
 * Elastic Email: its API v4, JSON over HTTP. No idempotency key; inline images have no Content-ID there, and our own Message-ID is
 * not sent, for nothing says that it would be kept. An unknown cannot be asked about: `/events` is searched by time, channel or its
 * own transaction, and tells neither the postback nor a header, so nothing in it says which mail is ours.
 * https://elasticemail.com/developers/api-documentation/rest-api and https://help.elasticemail.com/en/articles/4804685-notification-settings
 * Unverified: the words of its errors (there are no codes); how many recipients a call may have;
 * what its newer webhooks sign, so that the address bears the secret.
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
import { formatMailbox } from '../src/mail/address.ts'
import { addressesIn, byStatus, everyone, jsonObject, refusedRecipients, rejected } from '../src/mail/answer.ts'
import { headerObject, partsOf, postJson, under } from '../src/mail/asking.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordOn, wordOnNone } from '../src/mail/identity.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { ask, askIfThere, byOffset, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, baseUrl, credential, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
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
  utc,
  type Webhook,
} from '../src/mail/webhook.ts'

const common = { webhookSecret: addressSecret }
const options = z.strictObject({
  apiKey: credential('An API key with access level SendHttp; ViewSuppressions too, for its suppressions'),
  ...common,
  baseUrl: baseUrl('https://api.elasticemail.com'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['delivered', 'bounced', 'rejected', 'opened', 'clicked', 'complained', 'unsubscribed'],
  setup: 'Settings, Notifications: choose every event',
  ...bySecretInAddress,
  read,
  // The address is tried by a GET that tells nothing, which must be answered 200.
  answer: (call) => (call.method !== 'POST' && !fieldsOf(call.query).has('status') ? { status: 200 } : null),
}

// They steer Elastic Email, which is this adapter's to do.
const headersRefused = [/^x-elasticemail-/]

export default adapter<Options>({
  name: 'elasticemail',
  title: 'Elastic Email, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 20_000_000,
    // No number is published for it.
    maxRecipients: 50,
    maxReplyTo: 1,
    attachments: true,
    inline: false,
    headersRefused,
    // The name of a channel.
    maxTags: 1,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  // Needs a key with ViewSettings.
  async identity(domain, options, fetch) {
    const found = object(
      await askIfThere(fetch, under(options.baseUrl, `/v4/domains/${domain}`), authorization(options)),
    )
    if (found === null) return wordOnNone(domain, 'single senders of it may be verified')
    const { Spf: spf, Dkim: dkim } = found
    return wordOn(domain, typeof dkim === 'boolean' ? dkim && spf === true : null, `SPF: ${spf}, DKIM: ${dkim}`)
  },
  suppressions,
  smtp: overSmtp({
    name: 'elasticemail',
    title: 'Elastic Email, over SMTP',
    options: z.strictObject({
      user: credential("The account's address, or the name of an SMTP credential"),
      pass: credential('An API key with SMTP access, or the password of the SMTP credential'),
      ...common,
      ...smtpSettings('smtp.elasticemail.com', 2525),
    }),
    features: { maxBytes: 20_000_000, maxRecipients: 50, headersRefused },
    login: ({ user, pass }) => ({ user, pass }),
    // Read only where custom headers are enabled for the account.
    headers: ({ message }) => [['X-ElasticEmail-Postback', message.id]],
    webhook,
  }),
})

function request(handoff: Handoff, options: Options): HttpRequest {
  return postJson(options.baseUrl, '/v4/emails/transactional', authorization(options), email(handoff))
}

function authorization({ apiKey }: Options) {
  return { 'x-elasticemail-apikey': apiKey }
}

function email(handoff: Handoff): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const body = (ContentType: string, Content: string) => ({ ContentType, Content, Charset: 'utf-8' })
  const [tag] = handoff.message.tags
  return {
    Recipients: {
      To: to.map(formatMailbox),
      ...(cc.length > 0 ? { CC: cc.map(formatMailbox) } : {}),
      ...(bcc.length > 0 ? { BCC: bcc.map(formatMailbox) } : {}),
    },
    Content: {
      From: formatMailbox(parts.from),
      ...(parts.replyTo[0] ? { ReplyTo: formatMailbox(parts.replyTo[0]) } : {}),
      Subject: parts.subject || ' ',
      Body: [
        ...(parts.html ? [body('HTML', parts.html)] : []),
        ...(parts.text || !parts.html ? [body('PlainText', parts.text || ' ')] : []),
      ],
      Headers: headerObject(parts.headers),
      // Comes back with every event.
      Postback: handoff.message.id,
      ...(parts.attachments.length > 0
        ? {
            Attachments: parts.attachments.map(({ filename, content, contentType }) => ({
              BinaryContent: content,
              Name: filename,
              ContentType: contentType,
            })),
          }
        : {}),
    },
    ...(tag === undefined ? {} : { Options: { ChannelName: tag } }),
  }
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  if (answer.status < 300) {
    const id = typeof body?.MessageID === 'string' ? body.MessageID : body?.TransactionID
    return all(typeof id === 'string' ? { kind: 'accepted', providerMessageId: id } : byStatus(answer, null))
  }
  const message = typeof body?.Error === 'string' ? body.Error : null
  if (answer.status !== 400 || message === null) return all(byStatus(answer, message))
  const said = diagnostic(400, message)
  if (/credit|balance|payment|\b(daily|monthly|sending|account|plan)\b.*\blimit|suspended|pilot/i.test(message))
    return all(rejected('account', said))
  if (/\b(from|sender|domain)\b.*\b(verif|valid|allowed|permi)/i.test(message)) return all(rejected('identity', said))
  const named = addressesIn(message)
  const ours = handoff.recipients.some(({ email }) => named.some((one) => one.toLowerCase() === email.toLowerCase()))
  if (ours || /\b(recipients?|to|cc|bcc)\b.*\binvalid|invalid\b.*\b(recipients?|to|cc|bcc)\b/i.test(message)) {
    return refusedRecipients(handoff.recipients, named, said)
  }
  return all(rejected('message', said))
}

const types: Record<string, ProviderEventType> = {
  sent: 'delivered',
  opened: 'opened',
  clicked: 'clicked',
  error: 'bounced',
  abusereport: 'complained',
  unsubscribed: 'unsubscribed',
}

/** What an error means by its category; `soft` where it is not here. */
const categories: Record<string, Pick<ProviderEvent, 'type' | 'bounce'>> = {
  nomailbox: { type: 'bounced', bounce: 'hard' },
  blacklisted: { type: 'bounced', bounce: 'block' },
  spam: { type: 'bounced', bounce: 'block' },
  contentfilter: { type: 'bounced', bounce: 'block' },
  spfproblem: { type: 'bounced', bounce: 'block' },
  whitelistingproblem: { type: 'bounced', bounce: 'block' },
  manualcancel: { type: 'rejected' },
  notdeliveredcancelled: { type: 'rejected' },
  ignore: { type: 'rejected' },
}

/** One event a call: in the address, as a form, or as a flat JSON object, by the kind of webhook. */
function read(call: HookCall): ProviderEvent[] {
  return callFields(call).flatMap((fields) => {
    const type = types[fields.get('status')?.toLowerCase() ?? '']
    if (type === undefined) return []
    const category = fields.get('category')
    const error = categories[category?.toLowerCase() ?? ''] ?? { type, bounce: 'soft' }
    const id = text(fields.get('messageid'))
    const [to, date, target] = [text(fields.get('to')), fields.get('date'), fields.get('target')]
    return {
      ...(type === 'bounced' ? error : { type }),
      at: utc(date),
      recipient: to,
      messageId: ourId(fields.get('postback')),
      providerMessageId: id,
      key: keyOf(type, id ?? fields.get('transaction'), to, date, target),
      detail: line(type === 'bounced' || type === 'complained' ? category : null, target),
    }
  })
}

/** Names are compared without case. */
function callFields(call: HookCall): Map<string, string>[] {
  if (call.method !== 'POST') return [fieldsOf(call.query)]
  if (call.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return [fieldsOf(new URLSearchParams(hookText(call)))]
  }
  return hookObjects(call).map((event) =>
    fieldsOf(Object.entries(event).map(([name, value]) => [name, text(value) ?? ''])),
  )
}

function fieldsOf(pairs: Iterable<[string, string]>): Map<string, string> {
  return new Map(Array.from(pairs, ([name, value]) => [name.toLowerCase(), value]))
}

async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  const lists = [
    ['bounces', 'bounce'],
    ['complaints', 'complaint'],
    ['unsubscribes', 'unsubscribe'],
  ] as const
  for (const [list, reason] of lists) {
    const address = under(options.baseUrl, `/v4/suppressions/${list}`)
    const entries = byOffset(100, (query) => ask(fetch, `${address}?${query}`, authorization(options)))
    for await (const entry of entries) yield* suppression(entry.Email, reason, utc(entry.DateUpdated))
  }
}
