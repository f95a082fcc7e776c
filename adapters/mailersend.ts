/**
 * MailerSend: JSON over HTTP; what it took is in a header of its answer. Our id goes along as a tag. Text between two curly
 * brackets is a variable there, in mail without a template too.
 * https://developers.mailersend.com/api/v1/email, …/general (error codes), …/webhooks and …/smtp-relay
 * Unverified: webhooks of version 2; what tags may hold; whether list_unsubscribe is in every plan, so it is not sent. By SMTP it
 * says 450 to what it will never take, and is asked again until the mail's time is over.
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
import { domainOf } from '../src/mail/address.ts'
import {
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
import { emailAndName, partsOf, postJson, under } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf, objectsIn, suppression } from '../src/mail/question.ts'
import { recipientAt, roles } from '../src/mail/roles.ts'
import { baseUrl, credential, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { hex, hmac, same } from '../src/mail/signature.ts'
import type { SuppressionReason } from '../src/mail/suppression.ts'
import {
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  object,
  ourIdAmong,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const secret = webhookSecret('the signing secret of the webhook')
const options = z.strictObject({
  apiKey: credential('An API token of the account or of one domain, with full access to email: mlsn.…'),
  webhookSecret: secret,
  baseUrl: baseUrl('https://api.mailersend.com'),
})
type Options = z.infer<typeof options>

/** The published secret under which MailerSend signs the call that tries an address out, and nothing else. */
const testSecret = 'test_Am3L1GuOIc4blLUuHqAPxxwkZaJyEk8G'

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['accepted', 'deferred', 'delivered', 'bounced', 'complained', 'opened', 'clicked', 'unsubscribed'],
  secrets: ['webhookSecret'],
  setup: 'Domain, Webhooks: version 1, every activity.* event but the two unique ones, which tell the same again',
  async verify(call, { webhookSecret = '' }) {
    const signed = async (key: string) =>
      key !== '' && same(call.headers.signature ?? '', hex(await hmac('SHA-256', key, call.body)))
    return (await signed(webhookSecret)) || ((await signed(testSecret)) && isTest(call))
  },
  read,
}

export default adapter<Options>({
  name: 'mailersend',
  title: 'MailerSend, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 25_000_000,
    // 50 to, but 10 cc and 10 bcc.
    maxRecipients: 10,
    maxReplyTo: 1,
    attachments: true,
    inline: true,
    // Custom headers are for one plan alone; these two have fields of their own.
    headersRefused: [/^(?!(in-reply-to|references)$)/],
    // Five, and one is ours.
    maxTags: 4,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  /** A search by tag, which wants to know the domain's id. */
  async reconcile({ message, recipients }, options, fetch) {
    const query = new URLSearchParams({
      domain_id: await domainId(domainOf(message.from.email), options, fetch),
      date_from: String(Math.floor((message.sendAt ?? message.acceptedAt) / 1000)),
      date_to: String(Math.ceil(Date.now() / 1000)),
      tag: message.id,
    })
    const rows = objectsIn(object(await get(options, fetch, `/v1/emails?${query}`))?.data)
    const ours = rows.find(({ tags }) => Array.isArray(tags) && tags.includes(message.id))
    const id = text(ours?.message_id)
    return id === null ? 'absent' : everyone({ recipients }, { kind: 'accepted', providerMessageId: id })
  },
  suppressions,
  smtp: overSmtp({
    name: 'mailersend',
    title: 'MailerSend, over SMTP',
    options: z.strictObject({
      username: credential('The username of an SMTP user: MS_…@…'),
      password: credential('The password of that SMTP user'),
      webhookSecret: secret,
      ...smtpSettings('smtp.mailersend.net'),
    }),
    features: { maxBytes: 25_000_000, maxRecipients: 10, maxTags: 4 },
    login: ({ username, password }) => ({ user: username, pass: password }),
    headers: ({ message }) => [
      [
        'X-MailerSend-Tags',
        [...message.tags.slice(0, 4).map((tag) => tag.replaceAll(',', ' ')), message.id].join(', '),
      ],
    ],
    webhook,
  }),
})

function authorization({ apiKey }: Options): Record<string, string> {
  return { authorization: `Bearer ${apiKey}` }
}

function get(options: Options, fetch: Fetch, path: string): Promise<unknown> {
  return ask(fetch, under(options.baseUrl) + path, authorization(options))
}

function request(handoff: Handoff, options: Options): HttpRequest {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const header = (wanted: string) => parts.headers.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const ids = (value = '') => value.match(/[^<>\s]+/g) ?? []
  const [answered] = ids(header('in-reply-to'))
  const references = ids(header('references'))
  return postJson(options.baseUrl, '/v1/email', authorization(options), {
    from: emailAndName(parts.from),
    to: to.map(emailAndName),
    ...(cc.length > 0 ? { cc: cc.map(emailAndName) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(emailAndName) } : {}),
    ...(parts.replyTo[0] ? { reply_to: emailAndName(parts.replyTo[0]) } : {}),
    subject: parts.subject || ' ',
    ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
    ...(parts.html ? { html: parts.html } : {}),
    ...(answered ? { in_reply_to: answered } : {}),
    ...(references.length > 0 ? { references } : {}),
    tags: [...handoff.message.tags.slice(0, 4), handoff.message.id],
    ...(parts.attachments.length > 0
      ? {
          attachments: parts.attachments.map(({ filename, content, inline, contentId }) => ({
            content,
            filename,
            ...(inline && contentId ? { disposition: 'inline', id: contentId } : { disposition: 'attachment' }),
          })),
        }
      : {}),
  })
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const { status } = answer
  const body = jsonObject(answer)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const message = text(body?.message)
  if (status < 300) return taken(handoff, answer)
  if (message === null) return all(byStatus(answer, null))
  const errors = Object.entries(object(body?.errors) ?? {}).map(([field, said]) => ({
    field,
    code: codeIn(String(said)),
  }))
  const code = codeIn(message) ?? errors.find((error) => error.code)?.code ?? null
  const said = diagnostic(code ? `${status}/${code}` : status, message)
  const codes = new Set([code, ...errors.map((error) => error.code)])
  if (codes.has('MS42207')) return all(rejected('identity', said))
  // The plan, the day or the trial is used up.
  if (['MS42204', 'MS42222', 'MS42225', 'MS42901'].some((one) => codes.has(one))) {
    return all(deferred('account', said, retryAfter(answer.headers)))
  }
  if (code === 'MS42208') {
    const named = errors
      .map(({ field }) => /^(to|cc|bcc)\.(\d+)\b/.exec(field) ?? [])
      .map(([, list, place]) => recipientAt(handoff, list, place))
    const people = named.filter((email) => email !== null)
    if (people.length > 0 && people.length === named.length) return refusedRecipients(handoff.recipients, people, said)
    return all(rejected('message', said))
  }
  // 421: under maintenance.
  const meant = byStatus({ ...answer, status: status === 421 ? 503 : status }, message)
  return all(withWords(meant, said))
}

/** A success: the id in a header, or nobody it would send to. Whom it suppresses it names in a warning. */
function taken(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const id = text(answer.headers['x-message-id'])
  const warnings = objectsIn(jsonObject(answer)?.warnings)
  const suppressed = new Map<string, string[]>()
  for (const person of warnings.flatMap(({ recipients }) => objectsIn(recipients))) {
    const reasons = [person.reasons ?? person.reason].flat().map(String)
    suppressed.set(text(person.email)?.toLowerCase() ?? '', reasons)
  }
  const nobody = warnings.some(({ type }) => type === 'ALL_SUPPRESSED')
  const all = onList(
    diagnostic(`${answer.status}/ALL_SUPPRESSED`, 'every recipient is suppressed, so nothing was sent'),
  )
  const unnamed = (email: string): Outcome => {
    if (nobody) return refusedRecipients(handoff.recipients, [], all).get(email)!
    return id === null ? byStatus(answer, null) : { kind: 'accepted', providerMessageId: id }
  }
  return new Map(
    handoff.recipients.map(({ email }) => {
      const reasons = suppressed.get(email.toLowerCase())
      if (reasons === undefined) return [email, unnamed(email)]
      const said = diagnostic(`${answer.status}/suppressed`, `suppressed: ${reasons.join(', ')}`)
      // On hold is three days, after five soft bounces.
      const held = reasons.length > 0 && reasons.every((reason) => reason === 'on_hold')
      if (held) return [email, deferred('recipient', said)]
      return [email, rejected('recipient', reasons.includes('hard_bounced') ? said : onList(said))]
    }),
  )
}

/** The code at the end of a text: `The to.0.email must be valid. #MS42208`. */
function codeIn(said: string): string | null {
  return /#(MS\d{4,6})\b/.exec(said)?.[1] ?? null
}

const types: Record<string, ProviderEventType> = {
  'activity.sent': 'accepted',
  'activity.deferred': 'deferred',
  'activity.delivered': 'delivered',
  'activity.hard_bounced': 'bounced',
  'activity.soft_bounced': 'bounced',
  'activity.spam_complaint': 'complained',
  'activity.opened': 'opened',
  'activity.opened_unique': 'opened',
  'activity.clicked': 'clicked',
  'activity.clicked_unique': 'clicked',
  'activity.unsubscribed': 'unsubscribed',
}

function isTest(call: HookCall): boolean {
  return jsonObject({ body: new TextDecoder().decode(call.body) })?.type === 'webhook.test'
}

function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const name = text(event.type) ?? ''
    const type = types[name]
    const data = object(event.data)
    const email = object(data?.email)
    const id = text(object(email?.message)?.id)
    const messageId = ourIdAmong(email?.tags)
    if (type === undefined || data === null || (id === null && messageId === null)) return []
    const recipient = text(object(email?.recipient)?.email)
    const morph = object(data.morph)
    const hard = name === 'activity.hard_bounced'
    return [
      {
        type,
        at: instant(data.created_at) ?? instant(event.created_at),
        recipient,
        messageId,
        providerMessageId: id,
        key: keyOf(text(data.id) ?? keyOf(id, recipient, name, data.created_at)),
        ...(type === 'bounced' ? { bounce: hard ? bounceOf(text(morph?.reason), 'hard') : ('soft' as const) } : {}),
        detail: line(morph?.readable_reason, morph?.reason, morph?.url),
      },
    ]
  })
}

async function domainId(name: string, options: Options, fetch: Fetch): Promise<string> {
  for await (const domain of pages(options, fetch, '/v1/domains')) {
    const id = text(domain.id)
    if (domain.name === name && id !== null) return id
  }
  throw new Error(`it knows no domain ${name}`)
}

const lists: Record<string, SuppressionReason> = {
  'hard-bounces': 'bounce',
  'spam-complaints': 'complaint',
  unsubscribes: 'unsubscribe',
  blocklist: 'manual',
}

/** Its four lasting lists, of which the last has patterns too: those are no addresses. On hold passes by itself. */
async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  for (const [list, reason] of Object.entries(lists)) {
    for await (const entry of pages(options, fetch, `/v1/suppressions/${list}`)) {
      const exact = entry.type === 'exact' ? text(entry.pattern) : null
      const email = text(object(entry.recipient)?.email) ?? exact
      yield* suppression(email, reason, entry.created_at)
    }
  }
}

async function* pages(options: Options, fetch: Fetch, path: string): AsyncGenerator<Record<string, unknown>> {
  const limit = 100
  for (let page = 1; ; page++) {
    const rows = listOf(object(await get(options, fetch, `${path}?limit=${limit}&page=${page}`))?.data)
    yield* rows
    if (rows.length < limit) return
  }
}
