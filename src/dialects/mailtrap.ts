/**
 * Mailtrap: https://docs.mailtrap.io/developers/email-sending. Every recipient has an id of its own; its ids follow from ours and the
 * address. The bulk stream is the same here. Mail into a test inbox is checked, and not sent. Templates are those of the config.
 * Unverified: that unknown fields are ignored there; the texts of most errors; the category of a bounce in its events.
 */
import {
  type Asked,
  bearer,
  type Dialect,
  type Done,
  given,
  jsonBody,
  type NewSecret,
  type Reply,
  type Route,
  type Sending,
  type Told,
  type Trouble,
  Untranslatable,
  uuidOf,
  type Wanted,
  wrongField,
} from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import type { Message } from '../mail/message.ts'
import { hex, hmac } from '../mail/signature.ts'
import { orRefused } from './expression.ts'
import { checking, languages, storedTemplate, written } from './stored.ts'
import { bounceKind, clicked, reason } from './telling.ts'

const mostInBatch = 500

export default {
  name: 'mailtrap',
  key: (asked) => bearer(asked) ?? asked.headers['api-token'] ?? null,
  routes: [
    ...['/api/send', '/api/send/{inbox}'].map(
      (path): Route => ({ method: 'POST', path, does: { kind: 'send', read: readOne, answer: answerOne } }),
    ),
    ...['/api/batch', '/api/batch/{inbox}'].map(
      (path): Route => ({ method: 'POST', path, does: { kind: 'send', read: readBatch, answer: answerBatch } }),
    ),
  ],
  tells: { secret, call },
  wrongTemplate: checking(languages.handlebars.check),
  refused,
} satisfies Dialect

// biome-ignore lint/suspicious/noExplicitAny: JSON as the client wrote it; our own check of the message comes after
type Json = any

function readOne(asked: Asked): Sending {
  const ignored: string[] = []
  const message = wanted(untemplated(jsonBody(asked), asked), ignored, asked.headers['idempotency-key'])
  return { messages: [message], dry: 'inbox' in asked.params, ignored }
}

/** What a request has it has instead of what stands in `base`, as a whole. */
function readBatch(asked: Asked): Sending {
  const { base = {}, requests, ...rest }: Json = jsonBody(asked)
  if (typeof base !== 'object') throw wrongField('base', 'is not an object')
  if (!Array.isArray(requests) || requests.length === 0) throw wrongField('requests', 'is required')
  if (requests.length > mostInBatch) throw wrongField('requests', `has more than ${mostInBatch} messages`)
  const ignored = Object.keys(rest)
  const key = asked.headers['idempotency-key']
  return {
    dry: 'inbox' in asked.params,
    ignored,
    messages: requests.map((request, index): Wanted => {
      try {
        if (typeof request !== 'object' || request === null) throw wrongField(`requests.${index}`, 'is not an object')
        return wanted(untemplated({ ...base, ...request }, asked), ignored, key && `${key}#${index}`)
      } catch (error) {
        if (error instanceof Untranslatable) return { refused: error.trouble }
        throw error
      }
    }),
  }
}

/** What a message says that names a template: all but who and to whom. */
function untemplated({ template_uuid: id, template_variables: values, ...mail }: Json, asked: Asked): Json {
  if (id == null) {
    if (values == null) return mail
    throw wrongField('template_variables', 'is taken with template_uuid only')
  }
  const template = storedTemplate(asked, id)
  if (template === null) throw wrongField('template_uuid', 'is not kept here: send text or html')
  const own = ['subject', 'text', 'html'].find((name) => mail[name] != null)
  if (own !== undefined) throw wrongField(own, 'is not allowed with template_uuid')
  const { subject, text, html } = orRefused(
    () => written(template, Object(values ?? {}), languages.handlebars.write),
    (reason) => wrongField('template_variables', reason),
  )
  return { ...mail, from: mail.from ?? template.from, subject, text, html }
}

function wanted(mail: Json, ignored: string[], key: string | undefined): Wanted {
  const {
    from,
    to,
    cc,
    bcc,
    reply_to,
    subject,
    text,
    html,
    headers,
    attachments,
    category,
    custom_variables,
    ...rest
  } = mail
  ignored.push(...Object.keys(rest).filter((name) => rest[name] != null))
  if (subject == null || subject === '') throw wrongField('subject', 'is required')
  if (from == null) throw wrongField('from', 'is required')
  const { replyTo = reply_to, others } = splitHeaders(headers)
  return {
    ...(key === undefined ? {} : { key }),
    field: (pointer) => {
      const [name = '', ...more] = pointer.slice(1).split('/')
      return [fields[name] ?? name, ...more.map((step) => attachmentFields[step] ?? step)].join('.')
    },
    json: given({
      from: mailbox(from),
      to: mailboxes(to),
      cc: mailboxes(cc),
      bcc: mailboxes(bcc),
      replyTo: Array.isArray(replyTo) ? replyTo : mailbox(replyTo),
      subject,
      text: text || undefined,
      html: html || undefined,
      headers: others,
      attachments: Array.isArray(attachments) ? attachments.map(attachment) : attachments,
      tags: category == null || category === '' ? undefined : [category],
      metadata: variables(custom_variables),
    }),
  }
}

const fields: Record<string, string> = {
  replyTo: 'reply_to',
  tags: 'category',
  metadata: 'custom_variables',
}
const attachmentFields: Record<string, string> = { contentType: 'type', contentId: 'content_id' }

/** Several to reply to stand in a header, for the field takes one. */
function splitHeaders(headers: Json): { replyTo?: unknown[]; others: unknown } {
  if (typeof headers !== 'object' || headers === null) return { others: headers }
  const name = Object.keys(headers).find((name) => name.toLowerCase() === 'reply-to')
  if (name === undefined) return { others: headers }
  const { [name]: value, ...others } = headers
  const replyTo = everyMailboxIn(String(value))
  if (replyTo === null) throw wrongField(`headers.${name}`, 'is not a list of addresses')
  return { replyTo, others }
}

function mailbox(one: Json): unknown {
  return typeof one === 'object' && one !== null ? given({ email: one.email, name: one.name }) : one
}

function mailboxes(all: unknown): unknown {
  return Array.isArray(all) ? all.map(mailbox) : all
}

function attachment(one: Json): unknown {
  if (typeof one !== 'object' || one === null) return one
  const { content, filename, type, disposition, content_id } = one
  return given({
    filename,
    content: typeof content === 'string' ? content.replace(/\s+/g, '') : content,
    contentType: type || undefined,
    contentId: content_id || undefined,
    inline: disposition === 'inline',
  })
}

function variables(given: Json): unknown {
  if (typeof given !== 'object' || given === null) return given
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, typeof value === 'object' ? value : String(value)]),
  )
}

function answerOne([done]: readonly Done[], asked: Asked): Reply {
  return done!.kind === 'taken'
    ? { status: 200, body: { success: true, message_ids: idsOf(done!) } }
    : refused(done!.trouble, asked)
}

/** That it succeeded means that it was understood; each message has its own answer. */
function answerBatch(done: readonly Done[]): Reply {
  const responses = done.map((one) =>
    one.kind === 'taken'
      ? { success: true, message_ids: idsOf(one) }
      : { success: false, errors: complaints(one.trouble) },
  )
  return { status: 200, body: { success: true, responses } }
}

/** One a recipient, in the order of to, cc and bcc; one alone for what was only checked. */
function idsOf({ id, recipients }: Extract<Done, { kind: 'taken' }>): string[] {
  return recipients.length === 0 ? [uuidOf(id)] : recipients.map(({ email }) => idFor(id, email))
}

/** The id of a message for one of its recipients: ours, its last 64 bits mixed with those of the address (FNV-1a). */
function idFor(id: string, email: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(email)) {
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  }
  const bits = uuidOf(id).replaceAll('-', '')
  const low = (BigInt(`0x${bits.slice(16)}`) ^ hash).toString(16).padStart(16, '0')
  return (bits.slice(0, 16) + low).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Our events in its words; what it has none for is not told. */
const told: Partial<Record<MailEvent['type'], string>> = {
  deferred: 'soft bounce',
  delivered: 'delivery',
  bounced: 'bounce',
  expired: 'bounce',
  complained: 'spam',
  opened: 'open',
  clicked: 'click',
  unsubscribed: 'unsubscribe',
  suppressed: 'reject',
  rejected: 'reject',
}

/** 32 hex digits, which sign as the text that they are. */
function secret(): NewSecret {
  const secret = hex(crypto.getRandomValues(new Uint8Array(16)))
  return { secret, shown: { signing_secret: secret } }
}

/** The same at every try: nothing in it is about when it was made. */
async function call(event: MailEvent, message: Message, secret: string): Promise<Told | null> {
  const type = told[event.type]
  const detail = event.detail ?? ''
  // That an address came onto the list is no event of the mail there.
  if (type === undefined || event.recipient === null || (event.type === 'suppressed' && / told by /.test(detail))) {
    return null
  }
  const body = JSON.stringify({
    events: [
      {
        event: type,
        event_id: uuidOf(event.id),
        message_id: idFor(message.id, event.recipient),
        email: event.recipient,
        timestamp: Math.floor(event.at / 1000),
        sending_stream: 'transactional',
        sending_domain_name: message.from.email.split('@').at(-1),
        ...(message.tags[0] === undefined ? {} : { category: message.tags[0] }),
        custom_variables: message.metadata,
        ...why(type, event),
      },
    ],
  })
  const signature = hex(await hmac('SHA-256', secret, body))
  return { headers: { 'content-type': 'application/json', 'mailtrap-signature': signature }, body }
}

function why(type: string, event: MailEvent): Record<string, unknown> {
  switch (type) {
    case 'bounce':
    case 'soft bounce': {
      const response = reason(event)
      const category = event.type === 'bounced' && bounceKind(event) === 'hard' ? 'badrecipient' : 'other'
      const code = /^([245]\d\d)\b/.exec(response)?.[1]
      return {
        response,
        ...(code === undefined ? {} : { response_code: Number(code) }),
        bounce_category: type === 'bounce' ? category : 'transientfail',
      }
    }
    case 'reject':
      return { reason: reason(event) }
    case 'click':
      return { url: clicked(event), ip: '', user_agent: '' }
    case 'open':
      return { ip: '', user_agent: '' }
  }
  return {}
}

function refused(trouble: Trouble, _asked: Asked): Reply {
  const retry = trouble.retryAfter === undefined ? {} : { headers: { 'retry-after': String(trouble.retryAfter) } }
  const status = trouble.status === 422 ? 400 : trouble.status
  return { status, ...retry, body: { success: false, errors: complaints(trouble) } }
}

function complaints({ code, detail, errors }: Trouble): string[] {
  if (code === 'unauthorized') return ['Unauthorized']
  if (errors.length === 0) return [detail]
  return errors.map(({ field, detail }) => {
    if (field === 'text') return 'must specify either text or html body'
    return field === 'to' ? `'to' is required: ${detail}` : `'${field}' ${detail}`
  })
}
