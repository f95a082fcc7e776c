/**
 * Resend: JSON over HTTP, with an idempotency key that it honours for a day, so that an unknown can be asked again safely.
 * https://resend.com/docs/api-reference/emails/send-email and …/errors
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import { formatMailbox } from '../src/mail/address.ts'
import { addressesIn, byStatus, deferred, jsonObject, refusedRecipients, rejected, wait } from '../src/mail/answer.ts'
import type { Message, Parts } from '../src/mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { roles } from '../src/mail/roles.ts'

const options = z.strictObject({
  apiKey: z.string().min(1).describe('An API key with sending access: re_…'),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .default('https://api.resend.com')
    .describe('Where the API is'),
})
type Options = z.infer<typeof options>

export default adapter<Options>({
  name: 'resend',
  title: 'Resend, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    // After base64, which is how parts are measured.
    maxBytes: 40_000_000,
    // Documented for `to` alone.
    maxRecipients: 50,
    attachments: true,
    inline: true,
    headersRefused: [],
    // No number is published for it; SES, which is underneath, takes 50.
    maxTags: 49,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotencyWindow: 24 * 3_600_000,
  },
  send: { kind: 'http', request, outcomes },
})

function request(handoff: Handoff, options: Options): HttpRequest {
  if (handoff.content.form !== 'parts') throw new TypeError('resend takes parts')
  return {
    method: 'POST',
    url: `${options.baseUrl.replace(/\/+$/, '')}/emails`,
    headers: {
      authorization: `Bearer ${options.apiKey}`,
      'content-type': 'application/json',
      'idempotency-key': handoff.idempotencyKey,
      // Without one Resend answers 403.
      'user-agent': 'waypost',
    },
    body: JSON.stringify(email(handoff, handoff.content.parts)),
  }
}

function email(handoff: Handoff, parts: Parts): Record<string, unknown> {
  const { to, cc, bcc } = roles(handoff, parts)
  const headers: Record<string, string> = {}
  // An object holds a name once; a header given twice becomes one with both values.
  for (const [name, value] of parts.headers) headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  headers['Message-ID'] = handoff.message.messageId
  return {
    from: formatMailbox(parts.from),
    to: to.map(formatMailbox),
    ...(cc.length > 0 ? { cc: cc.map(formatMailbox) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(formatMailbox) } : {}),
    ...(parts.replyTo.length > 0 ? { reply_to: parts.replyTo.map(formatMailbox) } : {}),
    // A subject is required, and an empty one is none.
    subject: parts.subject || ' ',
    ...(parts.html ? { html: parts.html } : {}),
    ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
    headers,
    tags: tags(handoff.message),
    ...(parts.attachments.length > 0
      ? {
          attachments: parts.attachments.map((attachment) => ({
            filename: attachment.filename,
            content: attachment.content,
            content_type: attachment.contentType,
            ...(attachment.inline && attachment.contentId ? { content_id: attachment.contentId } : {}),
          })),
        }
      : {}),
  }
}

/** Pairs of ASCII letters, digits, `_` and `-`: our id, by which a later event is joined, and the message's tags. */
function tags(message: Message): { name: string; value: string }[] {
  return [
    { name: 'waypost', value: message.id },
    ...message.tags.map((tag, index) => ({
      name: index === 0 ? 'tag' : `tag_${index + 1}`,
      value: tag.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 256) || '_',
    })),
  ]
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const body = jsonObject(answer)
  const all = (outcome: Outcome) =>
    forAll(
      handoff.recipients.map((recipient) => recipient.email),
      outcome,
    )
  if (answer.status < 300 && typeof body?.id === 'string') {
    return all({ kind: 'accepted', providerMessageId: body.id })
  }
  const name = typeof body?.name === 'string' ? body.name : null
  const message = typeof body?.message === 'string' ? body.message : ''
  if (name === null) return all(byStatus(answer, null))
  const said = diagnostic(`${answer.status}/${name}`, message)
  if (invalidInput.has(name)) {
    if (notReady.test(message)) return all(rejected('identity', said))
    // "Invalid `to` field. The email address needs to follow the `email@example.com` format."
    if (/[`'"](to|cc|bcc)[`'"]/.test(message)) return refusedRecipients(handoff.recipients, addressesIn(message), said)
    return all(answer.status === 403 ? rejected('identity', said) : rejected('message', said))
  }
  switch (name) {
    case 'invalid_from_address':
      return all(rejected('identity', said))
    case 'invalid_api_key':
    case 'missing_api_key':
    case 'restricted_api_key':
      return all(rejected('account', said))
    case 'daily_quota_exceeded':
    case 'monthly_quota_exceeded':
      return all(deferred('account', said, waitAsked(answer)))
    case 'rate_limit_exceeded':
      return all(deferred('provider', said, waitAsked(answer)))
    case 'concurrent_idempotent_requests':
      return all(deferred('provider', said, 1_000))
    default:
      return all(withWords(byStatus(answer, message), said))
  }
}

const invalidInput = new Set(['validation_error', 'missing_required_field', 'invalid_parameter'])
const notReady = /domain is not verified|verify (a|your) domain|testing emails/i

function waitAsked({ headers }: HttpAnswer): number | undefined {
  const seconds = Number(headers['retry-after'] ?? headers['ratelimit-reset'] ?? Number.NaN)
  return Number.isNaN(seconds) ? undefined : wait(seconds * 1000)
}

function withWords(outcome: Outcome, said: ReturnType<typeof diagnostic>): Outcome {
  return outcome.kind === 'accepted' ? outcome : { ...outcome, diagnostic: said }
}
