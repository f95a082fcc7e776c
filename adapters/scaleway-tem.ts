/**
 * Scaleway Transactional Email, over its HTTP API: one id a recipient, small mail, no inline images. Events come through a topic of
 * its Topics and Events, which speaks as Amazon SNS does.
 * https://www.scaleway.com/en/developers/api/transactional-email/ and
 * https://www.scaleway.com/en/docs/transactional-email/reference-content/webhook-events-payloads/
 * Unverified: whether spaces count for the ten characters that a subject and a body must have; whether a Message-ID of ours would
 * be kept (none is sent). That the certificate descends from Scaleway's own authority is not checked: it must come over HTTPS from
 * the place where Scaleway keeps it.
 * Of `identity` unverified: whether a domain covers those below it (none is taken to).
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  refusedRecipients,
  rejected,
  retryAfter,
} from '../src/mail/answer.ts'
import { bareType, emailAndName, partsOf, postJson, under } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import { asciiMailbox } from '../src/mail/compose.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordByStatus, wordOnNone } from '../src/mail/identity.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { baseUrl, credential, smtpSettings } from '../src/mail/settings.ts'
import { fromTopic, type Topics, topicAnswer, topicMessage } from '../src/mail/sns.ts'
import {
  type HookCall,
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
  secretKey: credential('The secret key of an API key with the permission TransactionalEmailEmailFullAccess'),
  projectId: credential('The id of the project that the From domain belongs to'),
  topicArns: z
    .array(z.string().regex(/^arn:scw:[a-z]+:[a-z0-9-]+:.+$/, 'must be the ARN of a topic at Scaleway'))
    .min(1)
    .optional()
    .describe('For events in: the ARNs of the topics that may tell us of mail'),
}
const options = z.strictObject({
  ...common,
  region: z
    .string()
    .regex(/^[a-z]{2}-[a-z]{3}$/, 'must be a region such as fr-par')
    .default('fr-par')
    .describe('The region; the service is in one alone'),
  baseUrl: baseUrl('https://api.scaleway.com'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ topicArns?: string[] | undefined }> = {
  tells: ['accepted', 'delivered', 'deferred', 'bounced', 'suppressed'],
  secrets: ['topicArns'],
  setup:
    'Transactional Email, Webhooks: a webhook with every event to a topic, and an HTTPS subscription of that topic',
  verify: (call, options, fetch) => fromTopic(call, topics(options), fetch),
  answer: (call, options, fetch) => topicAnswer(call, topics(options), fetch),
  read,
}

/** Certificates of every region are in this one bucket. */
function topics({ topicArns = [] }: { topicArns?: string[] | undefined }): Topics {
  return {
    arns: topicArns,
    certificateAt: (url) => url.hostname === 'messaging.s3.fr-par.scw.cloud' && url.pathname.endsWith('.pem'),
    confirmedAt: (url) => /^sns\.mnq\.[a-z]{2}-[a-z]{3}\.scaleway\.com$/.test(url.hostname),
  }
}

/** The header that bears our id, and comes back with events. */
const mark = 'X-Waypost'

export default adapter<Options>({
  name: 'scaleway-tem',
  title: 'Scaleway Transactional Email, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 2_000_000,
    // As an account begins; Scaleway raises it on request.
    maxRecipients: 10,
    attachments: true,
    inline: false,
    headersRefused: ['x-waypost'],
    maxTags: 0,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  /** Blocklists are kept by domain. Mailboxes that were full are on them for a while only, and left out. */
  async identity(domain, options, fetch) {
    const query = new URLSearchParams({ name: domain, project_id: options.projectId })
    const url = under(options.baseUrl, `${root(options)}/domains?${query}`)
    const found = listOf(object(await ask(fetch, url, { 'x-auth-token': options.secretKey }))?.domains)
    const one = found.find(({ name }) => text(name) === domain)
    return one ? wordByStatus(domain, one.status, 'checked') : wordOnNone(domain, null)
  },
  async *suppressions(options, fetch) {
    for await (const domain of listed(options, fetch, 'domains', { project_id: options.projectId })) {
      for await (const entry of listed(options, fetch, 'blocklists', { domain_id: text(domain.id) ?? '' })) {
        const email = text(entry.email)
        if (email === null || (entry.type === 'mailbox_full' && entry.custom !== true)) continue
        yield { email, reason: entry.custom === true ? 'manual' : 'bounce', at: instant(entry.created_at) }
      }
    }
  },
  smtp: overSmtp({
    name: 'scaleway-tem',
    title: 'Scaleway Transactional Email, over SMTP',
    options: z.strictObject({ ...common, ...smtpSettings('smtp.tem.scaleway.com') }),
    features: { maxBytes: 50_000_000, maxRecipients: 10 },
    login: ({ projectId, secretKey }) => ({ user: projectId, pass: secretKey }),
    headers: ({ message }) => [[mark, message.id]],
    webhook,
  }),
})

function root({ region }: Options): string {
  return `/transactional-email/v1alpha1/regions/${region}`
}

function request(handoff: Handoff, options: Options): HttpRequest {
  const headers = { 'x-auth-token': options.secretKey }
  return postJson(options.baseUrl, `${root(options)}/emails`, headers, email(handoff, options))
}

function email(handoff: Handoff, { projectId }: Options): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const replyTo = parts.replyTo.map(asciiMailbox).join(', ')
  const headers: (readonly [string, string])[] = [
    ...parts.headers,
    ...(replyTo === '' ? [] : [['Reply-To', replyTo] as const]),
    [mark, handoff.message.id],
  ]
  return {
    project_id: projectId,
    from: emailAndName(parts.from),
    to: to.map(emailAndName),
    ...(cc.length > 0 ? { cc: cc.map(emailAndName) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(emailAndName) } : {}),
    subject: longEnough(parts.subject),
    ...(parts.html ? { html: longEnough(parts.html) } : {}),
    ...(parts.text || !parts.html ? { text: longEnough(parts.text ?? '') } : {}),
    additional_headers: headers.map(([key, value]) => ({ key, value })),
    ...(parts.attachments.length > 0
      ? {
          attachments: parts.attachments.map(({ filename, contentType, content }) => ({
            name: filename,
            type: bareType(contentType),
            content,
          })),
        }
      : {}),
  }
}

/** Subjects and bodies below ten characters are refused. */
function longEnough(words: string): string {
  return words.padEnd(10)
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const body = jsonObject(answer)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  if (answer.status < 300) return results(handoff, answer, body)
  const type = text(body?.type)
  const message = text(body?.message)
  if (type === null && message === null) return all(byStatus(answer, null))
  const details = Array.isArray(body?.details) ? body.details.map(object).filter((one) => one !== null) : []
  const words = details.map((one) => line(one.argument_name, one.reason, one.help_message, one.resource))
  const said = diagnostic(`${answer.status}/${type ?? ''}`, line(message, ...words) ?? type ?? '')
  switch (type) {
    case 'invalid_arguments': {
      const about = details.map((one) => text(one.argument_name) ?? '')
      if (about.some((name) => /^(to|cc|bcc|rcpt)\b/.test(name))) {
        return refusedRecipients(handoff.recipients, addressesIn(said.reason), said)
      }
      return all(rejected('message', said))
    }
    case 'denied_authentication':
    case 'permissions_denied':
    case 'not_found':
      return all(rejected('account', said))
    case 'quotas_exceeded':
      return all(deferred('account', said, retryAfter(answer.headers)))
    case 'precondition_failed':
      return all(rejected('identity', said))
    case 'too_many_requests':
    case 'transient_state':
      return all(deferred('provider', said, retryAfter(answer.headers)))
    default: {
      const outcome = answer.status === 412 ? rejected('identity', said) : byStatus(answer, message ?? type)
      return all(outcome.kind === 'accepted' ? outcome : { ...outcome, diagnostic: said })
    }
  }
}

/** One mail a recipient, under an id of its own. */
function results(handoff: Handoff, answer: HttpAnswer, body: Record<string, unknown> | null): Outcomes {
  const emails = Array.isArray(body?.emails) ? body.emails.map(object) : []
  return new Map(
    handoff.recipients.map(({ email }): [string, Outcome] => {
      const ours = emails.find(
        (one) => (text(one?.mail_rcpt) ?? text(one?.rcpt_to))?.toLowerCase() === email.toLowerCase(),
      )
      const id = text(ours?.id)
      if (!ours || id === null) return [email, byStatus(answer, null)]
      if (ours.status === 'failed' && Array.isArray(ours.flags) && ours.flags.includes('blocklisted')) {
        return [email, rejected('recipient', diagnostic('200/blocklisted', line(ours.status_details) ?? 'blocklisted'))]
      }
      return [email, { kind: 'accepted', providerMessageId: id }]
    }),
  )
}

/** Every entry of a list of Scaleway's, page by page. */
async function* listed(
  options: Options,
  fetch: Fetch,
  name: 'domains' | 'blocklists',
  filter: Record<string, string>,
): AsyncGenerator<Record<string, unknown>> {
  for (let page = 1, seen = 0, total = 1; seen < total; page++) {
    const query = new URLSearchParams({ ...filter, page: String(page), page_size: '100' })
    const url = `${options.baseUrl.replace(/\/+$/, '')}${root(options)}/${name}?${query}`
    const answer = await fetch(url, { headers: { 'x-auth-token': options.secretKey } })
    const body = jsonObject({ body: await answer.text() })
    const entries = body?.[name]
    if (!answer.ok || !Array.isArray(entries)) throw new Error(`Scaleway answered ${answer.status} for its ${name}`)
    for (const entry of entries) yield object(entry) ?? {}
    seen += entries.length
    // An empty page ends it, whatever the count says.
    total = entries.length === 0 ? 0 : Number(body?.total_count)
  }
}

const types: Record<string, ProviderEventType> = {
  email_queued: 'accepted',
  email_deferred: 'deferred',
  email_delivered: 'delivered',
  email_dropped: 'bounced',
  email_mailbox_not_found: 'bounced',
  // What the far end said of the mail, not a person who complained.
  email_spam: 'bounced',
  email_blocklisted: 'suppressed',
}

function read(call: HookCall): ProviderEvent[] {
  const { message } = topicMessage(call)
  const name = text(message?.type) ?? ''
  const type = types[name]
  const recipient = text(message?.email_to)
  // Nobody would mean everyone.
  if (message === null || type === undefined || recipient === null) return []
  const said = text(message.email_response_message) ?? text(message.email_error)
  return [
    {
      type,
      at: instant(message.created_at),
      recipient,
      messageId: marked(message.email_headers),
      providerMessageId: text(message.email_id),
      key: keyOf(message.id),
      ...(type === 'bounced' ? { bounce: kindOfBounce(name, message.email_response_code, said) } : {}),
      detail: line(type === 'delivered' ? null : message.email_response_code, said, message.blocklist_reason),
    },
  ]
}

/** There is an event of its own for a mailbox that does not exist: every other is in doubt. */
function kindOfBounce(name: string, code: unknown, said: string | null): 'hard' | 'soft' | 'block' {
  if (name === 'email_mailbox_not_found') return 'hard'
  if (name === 'email_spam') return 'block'
  return bounceOf(said, String(code).startsWith('4') ? 'soft' : 'block')
}

/** Our id, where the mail bore one alone. */
function marked(headers: unknown): string | null {
  const values = (Array.isArray(headers) ? headers.map(object) : [])
    .filter((header) => text(header?.key)?.toLowerCase() === mark.toLowerCase())
    .map((header) => ourId(header?.value))
  return values.length === 1 ? values[0]! : null
}
