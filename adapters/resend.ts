/**
 * Resend: JSON over HTTP, with an idempotency key that it honours for a day, so that an unknown can be asked again safely.
 * https://resend.com/docs/api-reference/emails/send-email, …/errors and https://resend.com/docs/webhooks
 * Unverified: SMTP's ports 2465 and 2587; whether tags can be set by SMTP.
 * Of `identity` unverified: that an account lists domains in lower case.
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import { formatMailbox } from '../src/mail/address.ts'
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
import { headerObject, partsOf, postJson, under } from '../src/mail/asking.ts'
import { type Bounce, bounceOf } from '../src/mail/bounce.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { type IdentityAnswer, wordByStatus, wordOnNone } from '../src/mail/identity.ts'
import type { Message } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { baseUrl, credential, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { standardSecret, standardWebhook } from '../src/mail/signature.ts'
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

const common = {
  apiKey: credential('An API key with sending access: re_…'),
  webhookSecret: webhookSecret('the signing secret of the webhook: whsec_…'),
}
const options = z.strictObject({ ...common, baseUrl: baseUrl('https://api.resend.com') })
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['accepted', 'delivered', 'deferred', 'bounced', 'complained', 'opened', 'clicked', 'rejected', 'suppressed'],
  secrets: ['webhookSecret'],
  setup: 'Webhooks, Add Webhook: choose every email.* event',
  verify: (call, { webhookSecret = '' }) => standardWebhook(call, standardSecret(webhookSecret)),
  read,
}

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
    idempotency: { by: 'Idempotency-Key', window: 24 * 3_600_000, replay: 'the first answer' },
  },
  send: { kind: 'http', request, outcomes },
  identity,
  webhook,
  smtp: overSmtp({
    name: 'resend',
    title: 'Resend, over SMTP',
    options: z.strictObject({ ...common, ...smtpSettings('smtp.resend.com') }),
    features: { maxBytes: 40_000_000, maxRecipients: 50 },
    login: ({ apiKey }) => ({ user: 'resend', pass: apiKey }),
    webhook,
  }),
})

function request(handoff: Handoff, options: Options): HttpRequest {
  const headers = {
    authorization: `Bearer ${options.apiKey}`,
    'idempotency-key': handoff.idempotencyKey,
    // Without one Resend answers 403.
    'user-agent': 'waypost',
  }
  return postJson(options.baseUrl, '/emails', headers, email(handoff))
}

function email(handoff: Handoff): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
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
    headers: { ...headerObject(parts.headers), 'Message-ID': handoff.message.messageId },
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

/** Its list of domains comes in pages. A key that may only send may not ask. */
async function identity(domain: string, { apiKey, baseUrl }: Options, fetch: Fetch): Promise<IdentityAnswer> {
  for (let after = ''; ; ) {
    const url = under(baseUrl, `/domains?limit=100${after}`)
    const page = object(await ask(fetch, url, { authorization: `Bearer ${apiKey}` }))
    const domains = listOf(page?.data)
    const found = domains.find(({ name }) => text(name)?.toLowerCase() === domain)
    if (found) return wordByStatus(domain, found.status, 'verified')
    const last = text(domains.at(-1)?.id)
    if (page?.has_more !== true || last === null) return wordOnNone(domain, null)
    after = `&after=${encodeURIComponent(last)}`
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
  const all = (outcome: Outcome) => everyone(handoff, outcome)
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
      return all(deferred('account', said, waitAsked(answer.headers, 'ratelimit-reset')))
    case 'rate_limit_exceeded':
      return all(deferred('provider', said, waitAsked(answer.headers, 'ratelimit-reset')))
    case 'concurrent_idempotent_requests':
      return all(deferred('provider', said, 1_000))
    default:
      return all(withWords(byStatus(answer, message), said))
  }
}

const invalidInput = new Set(['validation_error', 'missing_required_field', 'invalid_parameter'])
const notReady = /domain is not verified|verify (a|your) domain|testing emails/i

const types: Record<string, ProviderEventType> = {
  'email.sent': 'accepted',
  'email.delivered': 'delivered',
  'email.delivery_delayed': 'deferred',
  'email.bounced': 'bounced',
  'email.complained': 'complained',
  'email.opened': 'opened',
  'email.clicked': 'clicked',
  'email.failed': 'rejected',
  'email.suppressed': 'suppressed',
}

/** One event a call; `data.to` names everyone it is about. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const type = types[text(event.type) ?? '']
    const data = object(event.data)
    if (type === undefined || data === null) return []
    const bounce = object(data.bounce)
    const to = Array.isArray(data.to) ? data.to : [data.to]
    return to.map((recipient) => ({
      type,
      at: instant(object(data.click)?.timestamp) ?? instant(event.created_at),
      recipient: text(recipient),
      messageId: ourId(object(data.tags)?.waypost),
      providerMessageId: text(data.email_id),
      key: keyOf(call.headers['svix-id'] ?? call.headers['webhook-id'], recipient),
      ...(type === 'bounced' ? { bounce: kindOf(bounce) } : {}),
      detail: line(
        bounce?.subType,
        bounce?.message,
        object(data.failed)?.reason,
        object(data.suppressed)?.message,
        object(data.click)?.link,
      ),
    }))
  })
}

/** "Permanent" is every refusal for good, so that the reply has the first word. */
function kindOf(bounce: Record<string, unknown> | null): Bounce {
  if (bounce?.type !== 'Permanent') return 'soft'
  return bounceOf(line(...[bounce.diagnosticCode].flat()), 'hard')
}
