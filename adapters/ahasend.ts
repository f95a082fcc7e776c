/**
 * AhaSend, version 2 of its API: JSON over HTTP, with an idempotency key that it honours for a day. Always the call for
 * conversations: it shows who else a mail is for, and takes what looks like {{a variable}} for what it is.
 * https://ahasend.com/docs/api-reference/messages/create-conversation, …/errors, …/idempotency and …/webhooks
 * Its events bring back nothing of ours: they are joined by the Message-ID that it made, and said in its answer.
 * Unverified: the largest mail over HTTP (20 MB are said of SMTP); whether SMTP keeps our Message-ID.
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
  byRecipient,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  onList,
  refusedRecipients,
  rejected,
  retryAfter,
} from '../src/mail/answer.ts'
import { emailAndName, headerObject, partsOf, postJson, under } from '../src/mail/asking.ts'
import { type Bounce, bounceOf } from '../src/mail/bounce.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordOn, wordOnNone } from '../src/mail/identity.ts'
import type { Message, Parts } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { headerTags, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, askIfThere, listOf, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { baseUrl, credential, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { standardWebhook } from '../src/mail/signature.ts'
import type { SuppressionReason } from '../src/mail/suppression.ts'
import {
  bareId,
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  object,
  ourIdIn,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const common = {
  sandbox: z.boolean().default(false).describe('Takes mail and tells of it, but delivers none'),
  webhookSecret: webhookSecret('the secret of the webhook: aha-whsec-…'),
}
const options = z.strictObject({
  apiKey: credential('An API key of version 2 that may send: aha-sk-…'),
  accountId: z.uuid().describe('The id of the account, as its settings show it'),
  ...common,
  baseUrl: baseUrl('https://api.ahasend.com'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['accepted', 'deferred', 'delivered', 'bounced', 'suppressed', 'opened', 'clicked'],
  secrets: ['webhookSecret'],
  setup: 'Webhooks, Add Webhook: choose every event of messages',
  // The key is the secret as it is written, its prefix included.
  verify: (call, { webhookSecret = '' }) => standardWebhook(call, new TextEncoder().encode(webhookSecret)),
  read,
}

export default adapter<Options>({
  name: 'ahasend',
  title: 'AhaSend, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 20_000_000,
    maxRecipients: 50,
    attachments: true,
    inline: true,
    // They steer AhaSend, which is this adapter's to do.
    headersRefused: [/^ahasend-/],
    // One of ten is ours.
    maxTags: 9,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: { by: 'Idempotency-Key', window: 24 * 3_600_000, replay: 'the first answer, unless it was a 5xx' },
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  /** By our id, which is a tag of its own. Each recipient has a message of their own there, or none. */
  async reconcile(handoff, options, fetch) {
    const { id } = handoff.message
    const url = `${account(options)}/messages?${new URLSearchParams({ tags: id, limit: '100' })}`
    const found = object(await ask(fetch, url, credentials(options)))
    const ours = listOf(found?.data).filter(({ tags }) => Array.isArray(tags) && tags.includes(id))
    if (ours.length === 0) return 'absent'
    const rows = ours.map(({ recipient, message_id }) => ({ email: recipient, id: bareId(message_id) }))
    const others = diagnostic(200, 'AhaSend has the mail for others only')
    return byRecipient(handoff, rows, { kind: 'unknown', diagnostic: others })
  },
  async identity(domain, options, fetch) {
    const found = object(await askIfThere(fetch, `${account(options)}/domains/${domain}`, credentials(options)))
    return found ? wordOn(domain, found.dns_valid, 'its DNS is not valid') : wordOnNone(domain, null)
  },
  suppressions,
  smtp: overSmtp({
    name: 'ahasend',
    title: 'AhaSend, over SMTP',
    options: z.strictObject({
      username: credential('The user name of an SMTP credential'),
      password: credential('Its password'),
      ...common,
      ...smtpSettings('send.ahasend.com'),
    }),
    features: { maxBytes: 20_000_000, maxRecipients: 50, maxTags: 9 },
    login: ({ username, password }) => ({ user: username, pass: password }),
    headers: ({ message }, { sandbox }) => [
      ['AhaSend-Tags', headerTags(tags(message))],
      ...(sandbox ? [['AhaSend-Sandbox', 'true'] as const] : []),
    ],
    webhook,
  }),
})

function account({ baseUrl, accountId }: Options): string {
  return under(baseUrl, `/v2/accounts/${accountId}`)
}

function credentials({ apiKey }: Options): Record<string, string> {
  return { authorization: `Bearer ${apiKey}` }
}

function request(handoff: Handoff, options: Options): HttpRequest {
  const headers = { ...credentials(options), 'idempotency-key': handoff.idempotencyKey }
  return postJson(account(options), '/messages/conversation', headers, conversation(handoff, options))
}

function conversation(handoff: Handoff, { sandbox }: Options): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const [replyTo, ...more] = parts.replyTo
  const headers = {
    ...headerObject(parts.headers),
    // The field takes one.
    ...(more.length > 0 ? { 'Reply-To': formatMailboxes(parts.replyTo) } : {}),
  }
  return {
    from: emailAndName(parts.from),
    to: to.map(emailAndName),
    ...(cc.length > 0 ? { cc: cc.map(emailAndName) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(emailAndName) } : {}),
    ...(replyTo && more.length === 0 ? { reply_to: emailAndName(replyTo) } : {}),
    subject: parts.subject || ' ',
    ...(parts.html ? { html_content: parts.html } : {}),
    ...(parts.text || !parts.html ? { text_content: parts.text || ' ' } : {}),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    tags: tags(handoff.message),
    ...(parts.attachments.length > 0 ? { attachments: parts.attachments.map(upload) } : {}),
    ...(sandbox ? { sandbox } : {}),
  }
}

/** Our id, by which a mail is found there, and the message's own: sixty-four characters at most. */
function tags(message: Message): string[] {
  return [message.id, ...message.tags.slice(0, 9).map((tag) => tag.slice(0, 64))]
}

function upload(file: Parts['attachments'][number]): Record<string, unknown> {
  const inline = file.inline && file.contentId
  return {
    base64: true,
    data: file.content,
    content_type: file.contentType,
    file_name: file.filename,
    content_disposition: inline ? 'inline' : 'attachment',
    // Without the brackets it is no inline image.
    ...(inline ? { content_id: `<${file.contentId}>` } : {}),
  }
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  if (answer.status < 300) {
    const list: unknown[] = Array.isArray(body?.data) ? body.data : []
    return new Map(handoff.recipients.map(({ email }) => [email, result(answer, list.map(object), email)]))
  }
  const message = text(body?.message)
  if (message === null) return all(byStatus(answer, null))
  const said = diagnostic(answer.status, message)
  // There are no codes: the words are all that tells whose fault a refusal is.
  switch (answer.status) {
    case 400:
    case 403:
      if (/\bdomain\b/i.test(message)) return all(rejected('identity', said))
      if (answer.status === 403 || !aboutRecipients.test(message)) return all(byStatus(answer, message))
      return refusedRecipients(handoff.recipients, addressesIn(message), said)
    case 409:
      // The first call with this key is still being answered.
      return all(deferred('provider', said, retryAfter(answer.headers)))
    default:
      return all(byStatus(answer, message))
  }
}

const aboutRecipients = /recipient|\b(to|cc|bcc)\b.*(address|email)|(address|email).*\b(to|cc|bcc)\b/i

function result(answer: HttpAnswer, list: readonly (Record<string, unknown> | null)[], email: string): Outcome {
  const found = list.find((one) => text(object(one?.recipient)?.email)?.toLowerCase() === email.toLowerCase())
  const status = text(found?.status)
  const providerMessageId = bareId(found?.id)
  if ((status === 'queued' || status === 'scheduled') && providerMessageId !== null) {
    return { kind: 'accepted', providerMessageId }
  }
  if (status !== 'error' && status !== 'failed') return byStatus(answer, null)
  const words = text(found?.error) ?? 'refused without a reason'
  const said = diagnostic(`${answer.status}/${status}`, words)
  if (/suppress/i.test(words)) return rejected('recipient', onList(said))
  return rejected(/recipient|address|email/i.test(words) ? 'recipient' : 'message', said)
}

/** Those that are there for some days, after a bounce, are given like those that stay. */
async function* suppressions(options: Options, fetch: Fetch): AsyncIterable<VendorSuppression> {
  let after: string | null = ''
  while (after !== null) {
    const query = new URLSearchParams({ limit: '100', ...(after === '' ? {} : { after }) })
    const url = `${account(options)}/suppressions?${query}`
    const page = object(await ask(fetch, url, credentials(options)))
    for (const { email, reason, created_at } of listOf(page?.data)) {
      yield* suppression(email, reasonIn(text(reason) ?? ''), created_at)
    }
    const pagination = object(page?.pagination)
    after = pagination?.has_more === true ? text(pagination.next_cursor) : null
  }
}

/** A sentence, for there is no code. */
function reasonIn(words: string): SuppressionReason {
  if (/complain|spam/i.test(words)) return 'complaint'
  if (/unsubscri/i.test(words)) return 'unsubscribe'
  return /bounce|fail|reject|deliver/i.test(words) ? 'bounce' : 'manual'
}

const types: Record<string, ProviderEventType> = {
  'message.reception': 'accepted',
  'message.transient_error': 'deferred',
  'message.delivered': 'delivered',
  'message.bounced': 'bounced',
  'message.failed': 'bounced',
  'message.suppressed': 'suppressed',
  'message.opened': 'opened',
  'message.clicked': 'clicked',
}

/** One event a call. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const type = types[text(event.type) ?? '']
    const data = object(event.data)
    if (type === undefined || data === null) return []
    const attempt = object(data.delivery_attempt)
    return [
      {
        type,
        at: instant(event.timestamp),
        recipient: text(data.recipient),
        messageId: ourIdIn(data.message_id_header),
        providerMessageId: bareId(data.message_id_header),
        key: keyOf(call.headers['webhook-id'], event.type, data.recipient),
        ...(type === 'bounced' ? { bounce: bounce(attempt) } : {}),
        detail: line(attempt?.classification, attempt?.response, data.url, data.is_bot === true ? 'by a bot' : null),
      },
    ]
  })
}

const hard = new Set(['InvalidRecipient', 'BadDomain'])
const block = new Set([
  'PolicyRelated',
  'AuthenticationFailed',
  'InvalidSender',
  'SpamBlock',
  'SpamContent',
  'SpamRelated',
])

/** By its own class, else by the enhanced status (RFC 3463); older calls say neither. */
function bounce(attempt: Record<string, unknown> | null): Bounce {
  const kind = text(attempt?.classification)
  if (kind === null || kind === 'Uncategorized') return bounceOf(text(attempt?.enhanced_status_code))
  if (hard.has(kind)) return 'hard'
  return block.has(kind) ? 'block' : 'soft'
}
