/**
 * Resend: https://resend.com/docs/api-reference/emails/send-email. Its ids are UUIDs; its Node SDK never throws and reads `name` and
 * `message` of every error. Templates are those of the config; topics are refused; tracking is a setting of the domain there, and none here.
 */
import { formatMailbox } from '../mail/address.ts'
import {
  type Asked,
  bearer,
  type Dialect,
  type Done,
  given,
  idOfUuid,
  jsonBody,
  jsonValue,
  type Known,
  type NewSecret,
  type Reply,
  type Sending,
  type Told,
  type Trouble,
  Untranslatable,
  uuidOf,
  type Wanted,
  wrongField,
} from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import type { Message } from '../mail/message.ts'
import { base64, hmac, standardSecret } from '../mail/signature.ts'
import { orRefused } from './expression.ts'
import { checkHandlebars, handlebars } from './handlebars.ts'
import { checking, storedTemplate, type Write, written } from './stored.ts'

const mostInBatch = 100

export default {
  name: 'resend',
  key: bearer,
  routes: [
    { method: 'POST', path: '/emails', does: { kind: 'send', read: readOne, answer: answerOne } },
    { method: 'POST', path: '/emails/batch', does: { kind: 'send', read: readBatch, answer: answerBatch } },
    { method: 'GET', path: '/emails/{id}', does: { kind: 'show', id: idIn, answer: shown } },
    { method: 'PATCH', path: '/emails/{id}', does: { kind: 'reschedule', id: idIn, sendAt, answer: named } },
    { method: 'POST', path: '/emails/{id}/cancel', does: { kind: 'cancel', id: idIn, answer: named } },
  ],
  tells: { secret, call },
  wrongTemplate: checking(checkHandlebars),
  refused,
} satisfies Dialect

function readOne(asked: Asked): Sending {
  const key = asked.headers['idempotency-key']
  return { messages: [wanted(untemplated(jsonBody(asked), asked), key)] }
}

function readBatch(asked: Asked): Sending {
  const list = jsonValue(asked.body)
  if (!Array.isArray(list)) throw wrongField('body', 'The batch is a list of emails.')
  if (list.length === 0 || list.length > mostInBatch)
    throw wrongField('body', `A batch has 1 to ${mostInBatch} emails.`)
  const key = asked.headers['idempotency-key']
  return {
    together: asked.headers['x-batch-validation'] !== 'permissive',
    messages: list.map((email: unknown, index) => {
      try {
        if (typeof email !== 'object' || email === null) throw wrongField(`${index}`, 'An email is an object.')
        return wanted(untemplated(email as Record<string, unknown>, asked), key && `${key}#${index}`)
      } catch (error) {
        if (error instanceof Untranslatable) return { refused: error.trouble }
        throw error
      }
    }),
  }
}

/** Fields that steer what we do not have. */
const untranslated: Record<string, string> = {
  topic_id: 'Topics are not kept here.',
}

const missing = (name: string) => wrongField('template', `There is no value for the variable \`${name}\`.`)

/** `{{{NAME}}}`; without a value a variable needs a fallback there, and nothing has one here. */
const variables: Write = (source, values, html) => handlebars(source, values, html, { as: 'mustache', missing })

/** What an email says that names a template: sender and subject unless it has its own, and the bodies. */
function untemplated({ template: named, ...email }: Record<string, unknown>, asked: Asked): Record<string, unknown> {
  if (named === undefined || named === null) return email
  const { id, variables: values } = Object(named)
  const template = storedTemplate(asked, id)
  if (template === null) throw wrongField('template', 'The template is not kept here: send html or text.')
  const own = ['html', 'text'].find((field) => email[field] != null)
  if (own !== undefined) throw wrongField(own, 'With a template there is no html and no text.')
  const { subject, html, text } = orRefused(
    () => written(template, Object(values), variables),
    (reason) => wrongField('template', reason),
  )
  return { ...email, ...given({ from: email.from ?? template.from, subject: email.subject ?? subject, html, text }) }
}

function wanted(email: Record<string, unknown>, key: string | undefined): Wanted {
  const { from, to, cc, bcc, reply_to, subject, html, text, headers, attachments, tags, scheduled_at, ...rest } = email
  for (const field of Object.keys(rest)) {
    throw wrongField(field, untranslated[field] ?? `There is no field \`${field}\`.`)
  }
  const labels = Array.isArray(tags) ? (tags as { name?: unknown; value?: unknown }[]) : []
  return {
    ...(key === undefined ? {} : { key }),
    field: (pointer) =>
      pointer.slice(1).replace('replyTo', 'reply_to').replace('sendAt', 'scheduled_at').split('/')[0]!,
    json: given({
      from,
      to,
      cc,
      bcc,
      replyTo: reply_to,
      subject,
      html,
      text,
      headers,
      attachments: Array.isArray(attachments) ? attachments.map(attachment) : attachments,
      // Each is a pair: kept whole, so that its events tell it again.
      metadata:
        tags === undefined
          ? undefined
          : Object.fromEntries(labels.map(({ name, value }) => [String(name), String(value)])),
      tags: tags === undefined ? undefined : labels.map(({ value }) => String(value)),
      sendAt: scheduled_at === undefined ? undefined : instant(scheduled_at),
    }),
  }
}

function attachment(given: {
  content?: unknown
  filename?: unknown
  content_type?: unknown
  content_id?: unknown
  path?: unknown
}) {
  if (given?.path !== undefined) {
    throw wrongField('attachments', 'Attachments are not fetched from addresses: send their content in base64.')
  }
  const content = Array.isArray(given?.content) ? bytesInBase64(given.content) : given?.content
  return {
    filename: given?.filename ?? 'attachment',
    content,
    ...(given?.content_type === undefined ? {} : { contentType: given.content_type }),
    ...(given?.content_id === undefined ? {} : { contentId: given.content_id }),
  }
}

/** A list of numbers is taken as well, which is what a buffer is in JSON. */
function bytesInBase64(bytes: unknown[]): string {
  return btoa(bytes.map((byte) => String.fromCharCode(Number(byte) & 255)).join(''))
}

/** ISO 8601 is taken; times in words are not. */
function instant(value: unknown): string {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isNaN(at)) throw wrongField('scheduled_at', 'Invalid `scheduled_at`: it is taken in ISO 8601.')
  return new Date(at).toISOString()
}

function sendAt(asked: Asked): number {
  return Date.parse(instant(jsonBody(asked).scheduled_at))
}

function idIn({ params }: Asked): string | null {
  return idOfUuid(params.id ?? '')
}

function answerOne([done]: readonly Done[], asked: Asked): Reply {
  return done!.kind === 'taken' ? { status: 200, body: { id: uuidOf(done!.id) } } : refused(done!.trouble, asked)
}

function answerBatch(done: readonly Done[]): Reply {
  const data = done.flatMap((one) => (one.kind === 'taken' ? [{ id: uuidOf(one.id) }] : []))
  const errors = done.flatMap((one, index) =>
    one.kind === 'refused' ? [{ index, message: message(one.trouble) }] : [],
  )
  return { status: 200, body: { data, ...(errors.length > 0 ? { errors } : {}) } }
}

function named({ message }: Known): Reply {
  return { status: 200, body: { object: 'email', id: uuidOf(message.id) } }
}

/** The latest of these that happened is what the email is. */
const lastEvents: Record<string, string> = {
  accepted: 'queued',
  sent: 'sent',
  deferred: 'delivery_delayed',
  delivered: 'delivered',
  bounced: 'bounced',
  complained: 'complained',
  opened: 'opened',
  clicked: 'clicked',
  suppressed: 'suppressed',
  canceled: 'canceled',
  expired: 'failed',
  rejected: 'failed',
}

function shown({ message, recipients, events }: Known): Reply {
  const last = events.findLast(({ type }) => type in lastEvents)
  return {
    status: 200,
    body: {
      object: 'email',
      id: uuidOf(message.id),
      from: formatMailbox(message.from),
      to: recipients.filter(({ index }) => !message.hidden.includes(index)).map(({ email }) => email),
      bcc: recipients.filter(({ index }) => message.hidden.includes(index)).map(({ email }) => email),
      subject: message.subject,
      created_at: iso(message.acceptedAt),
      scheduled_at: message.sendAt === null ? null : iso(message.sendAt),
      last_event:
        message.sendAt !== null && last?.type === 'accepted' ? 'scheduled' : lastEvents[last?.type ?? 'accepted'],
    },
  }
}

/** Our events in its words; what it has none for is not told. */
const told: Partial<Record<MailEvent['type'], string>> = {
  sent: 'email.sent',
  deferred: 'email.delivery_delayed',
  delivered: 'email.delivered',
  bounced: 'email.bounced',
  complained: 'email.complained',
  opened: 'email.opened',
  clicked: 'email.clicked',
  suppressed: 'email.suppressed',
  rejected: 'email.failed',
  expired: 'email.failed',
}

function secret(): NewSecret {
  const secret = `whsec_${base64(crypto.getRandomValues(new Uint8Array(24)))}`
  return { secret, shown: { secret } }
}

/** One event for each recipient, who alone stands in `to`. Signed anew at every try, under the same id. */
async function call(event: MailEvent, message: Message, secret: string, now: number): Promise<Told | null> {
  const type = told[event.type]
  if (type === undefined || event.recipient === null) return null
  const body = JSON.stringify({ type, created_at: iso(event.at), data: data(event, message) })
  const seconds = String(Math.floor(now / 1000))
  const signed = await hmac('SHA-256', standardSecret(secret)!, `${event.id}.${seconds}.${body}`)
  const signature = `v1,${base64(signed)}`
  // Under Svix's own names and the standard's: its clients look for either.
  const headers = Object.fromEntries(
    ['svix', 'webhook'].flatMap((prefix) => [
      [`${prefix}-id`, event.id],
      [`${prefix}-timestamp`, seconds],
      [`${prefix}-signature`, signature],
    ]),
  )
  return { headers: { 'content-type': 'application/json', ...headers }, body }
}

function data(event: MailEvent, message: Message): Record<string, unknown> {
  const detail = event.detail ?? ''
  return {
    email_id: uuidOf(message.id),
    created_at: iso(message.acceptedAt),
    message_id: message.messageId,
    from: formatMailbox(message.from),
    to: [event.recipient],
    subject: message.subject,
    tags: message.metadata,
    ...(event.type === 'bounced'
      ? { bounce: { type: detail.startsWith('soft') ? 'Transient' : 'Permanent', subType: 'General', message: detail } }
      : {}),
    ...(event.type === 'clicked'
      ? { click: { link: detail, timestamp: iso(event.at), ipAddress: '', userAgent: '' } }
      : {}),
    ...(event.type === 'rejected' || event.type === 'expired' ? { failed: { reason: detail } } : {}),
    ...(event.type === 'suppressed' ? { suppressed: { type: 'OnAccountSuppressionList', message: detail } } : {}),
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

const names: Record<string, [status: number, name: string]> = {
  malformed: [400, 'validation_error'],
  scope: [401, 'restricted_api_key'],
  from_not_allowed: [403, 'validation_error'],
  not_found: [404, 'not_found'],
  method: [405, 'method_not_allowed'],
  in_flight: [409, 'concurrent_idempotent_requests'],
  idempotency_reused: [409, 'invalid_idempotent_request'],
  rate: [429, 'rate_limit_exceeded'],
}

function refused(trouble: Trouble, asked: Asked): Reply {
  const [status, name] = nameOf(trouble, asked)
  const retry = trouble.retryAfter === undefined ? {} : { headers: { 'retry-after': String(trouble.retryAfter) } }
  return { status, ...retry, body: { statusCode: status, name, message: message(trouble) } }
}

function nameOf({ code, status, errors }: Trouble, asked: Asked): [number, string] {
  if (code === 'unauthorized') return bearer(asked) === null ? [401, 'missing_api_key'] : [403, 'invalid_api_key']
  if (errors.some(({ field }) => field === 'from')) return [422, 'invalid_from_address']
  return names[code] ?? (status < 500 ? [422, 'validation_error'] : [status, 'application_error'])
}

function message({ detail, errors: [first] }: Trouble): string {
  return first === undefined ? detail : `Invalid \`${first.field}\` field. ${first.detail}`
}
