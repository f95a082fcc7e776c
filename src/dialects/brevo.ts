/**
 * Brevo: https://developers.brevo.com/reference/send-transac-email. Its ids are Message-IDs in angle brackets, and ours are what the
 * mail bears. `{{ params.x }}` is merged always; what is known of contacts there is not known here. Templates are those of the
 * config.
 * Kinder than Brevo: a second call under the same key is the first answer again; text alone will do.
 * Unverified: what it does with fields that it does not know (here: taken, and told as ignored), and how `params` of a version and of
 * the call go together (here: the version's win).
 */
import { canonicalOrNull, domainOf } from '../mail/address.ts'
import {
  type Asked,
  bearer,
  type Dialect,
  type Done,
  given,
  jsonBody,
  type Known,
  type NewSecret,
  nothing,
  type Reply,
  type Sending,
  type Told,
  type Trouble,
  Untranslatable,
  type Wanted,
} from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import type { Message } from '../mail/message.ts'
import { orRefused, TemplateError } from './expression.ts'
import { checkJinja, type Language, rendered } from './jinja.ts'
import { checking, senderOf, storedTemplate, type Values, written } from './stored.ts'
import { bounceKind, clicked, randomHex, reason, seconds, spacedTime } from './telling.ts'

const mostVersions = 1000
const mostRecipients = 2000

export default {
  name: 'brevo',
  key: (asked) => asked.headers['api-key'] ?? bearer(asked),
  routes: [
    { method: 'POST', path: '/v3/smtp/email', does: { kind: 'send', read, answer } },
    {
      method: 'DELETE',
      path: '/v3/smtp/email/{id}',
      does: { kind: 'cancel', id: idIn, answer: () => ({ status: 204 }) },
    },
    { method: 'GET', path: '/v3/smtp/emailStatus/{id}', does: { kind: 'show', id: idIn, answer: shown } },
    { method: 'GET', path: '/v3/account', does: { kind: 'say', answer: account } },
  ],
  tells: { secret, call },
  wrongTemplate: checking((source) => checkJinja(source, paramsIn({}))),
  refused,
} satisfies Dialect

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent; what we make of it is checked by our own API
type Json = any

const fields = new Set(
  'sender to cc bcc replyTo subject htmlContent textContent attachment headers tags params messageVersions scheduledAt templateId'.split(
    ' ',
  ),
)

function read(asked: Asked): Sending {
  const body: Json = jsonBody(asked)
  const ignored = Object.keys(body).filter((field) => !fields.has(field))
  const versions: Json[] | undefined = body.messageVersions
  if (versions !== undefined && (!Array.isArray(versions) || versions.length === 0 || versions.length > mostVersions)) {
    throw wrong('messageVersions', `messageVersions is not valid: a list of 1 to ${mostVersions}.`)
  }
  const named = (versions ?? [body]).flatMap((one) => [one?.to, one?.cc, one?.bcc].flat()).filter((one) => one != null)
  if (named.length > mostRecipients) throw wrong('to', `At most ${mostRecipients} recipients in one call.`)
  const { key = asked.headers['idempotency-key'], dry } = steeringIn(body.headers, [])
  const messages = versions?.map((version, index) => {
    const prefix = `messageVersions[${index}].`
    if (typeof version !== 'object' || version === null) throw wrong(prefix, 'A version is an object.')
    ignored.push(...Object.keys(version).filter((field) => !fields.has(field)))
    const params = { ...body.params, ...version.params }
    const headers = { ...body.headers, ...version.headers }
    const whole = { ...body, to: undefined, ...version, params, headers }
    return wanted(whole, prefix, key && `${key}#${index}`, ignored, asked)
  })
  return { messages: messages ?? [wanted(body, '', key, ignored, asked)], together: true, dry, ignored }
}

interface Steering {
  headers: Record<string, unknown>
  metadata?: Record<string, string>
  tags: string[]
  key?: string
  dry: boolean
}

/** What Brevo's clients put among the headers of the mail, though it is for Brevo. */
function steeringIn(given: Json, ignored: string[]): Steering {
  const steering: Steering = { headers: {}, tags: [], dry: false }
  if (given == null || nothing(given)) return steering
  if (typeof given !== 'object' || Array.isArray(given)) throw wrong('headers', 'headers is not valid.')
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string') throw wrong(`headers.${name}`, 'The value of a header is text.')
    switch (name.toLowerCase()) {
      case 'x-mailin-custom':
        steering.metadata = metadataIn(value)
        break
      case 'x-mailin-tag':
        steering.tags.push(value)
        break
      case 'x-sib-sandbox':
        steering.dry = value === 'drop'
        break
      case 'idempotency-key':
      case 'idempotencykey':
        steering.key = value
        break
      case 'sender.ip':
        ignored.push('headers.sender.ip')
        break
      default:
        steering.headers[name] = value
    }
  }
  return steering
}

const custom = 'X-Mailin-custom'

/** An object of texts is metadata; anything else is kept as it came, so that events can tell it again. */
function metadataIn(value: string): Record<string, string> {
  try {
    const object: unknown = JSON.parse(value)
    const entries =
      typeof object === 'object' && object !== null && !Array.isArray(object) ? Object.entries(object) : []
    if (entries.length > 0 && entries.every(([, one]) => typeof one === 'string')) return Object.fromEntries(entries)
  } catch {
    // It need not be JSON.
  }
  return { [custom]: value }
}

function customOf({ metadata }: Message): Record<string, string> {
  if (Object.keys(metadata).length === 0) return {}
  return { [custom]: metadata[custom] ?? JSON.stringify(metadata) }
}

/** What a mail says that names a template: sender and subject unless it has its own, and the bodies, as there. */
function untemplated(mail: Json, prefix: string, ignored: string[], asked: Asked): Json {
  const template = storedTemplate(asked, mail.templateId)
  if (template === null) {
    throw wrong(`${prefix}templateId`, `${prefix}templateId is not valid: the template is not kept here.`)
  }
  ignored.push(...['htmlContent', 'textContent'].filter((field) => mail[field]))
  const own = (source: string, { params }: Values, html: boolean) => rendered(source, paramsIn(params), html)
  const said = merged(() => written(template, { params: mail.params ?? {} }, own), `${prefix}templateId`)
  return {
    ...(mail.sender == null ? { sender: senderOf(template) } : {}),
    ...(mail.subject ? {} : { subject: said.subject }),
    htmlContent: said.html,
    textContent: said.text,
  }
}

function wanted(asks: Json, prefix: string, key: string | undefined, ignored: string[], asked: Asked): Wanted {
  const stored = asks.templateId == null ? null : untemplated(asks, prefix, ignored, asked)
  const mail = { ...asks, ...stored }
  if (mail.sender?.id != null) throw wrong(`${prefix}sender.id`, 'Senders are not kept here: say sender.email.')
  const missing = (field: string) => wrong(prefix + field, `${prefix}${field} is missing`, 'missing_parameter')
  if (mail.sender?.email == null) throw missing('sender')
  if (!Array.isArray(mail.to) || mail.to.length === 0) throw missing('to')
  if (mail.subject == null || mail.subject === '') throw missing('subject')
  if (!mail.htmlContent && !mail.textContent) throw missing('htmlContent')
  const merge = (field: string, html: boolean) => {
    const source = mail[field]
    // What a template says has its values already.
    if (typeof source !== 'string' || (stored !== null && field in stored)) return source
    return merged(() => rendered(source, paramsIn(mail.params), html), prefix + field)
  }
  const people = (list: unknown) => (Array.isArray(list) ? list.map((one) => person(one, ignored)) : list)
  const { headers, metadata, tags } = steeringIn(mail.headers, ignored)
  return {
    ...(key === undefined ? {} : { key }),
    field: (pointer) => prefix + fieldOf(pointer),
    json: given({
      from: person(mail.sender, ignored),
      to: people(mail.to),
      cc: people(mail.cc),
      bcc: people(mail.bcc),
      replyTo: mail.replyTo == null ? undefined : person(mail.replyTo, ignored),
      subject: merge('subject', false),
      html: mail.htmlContent ? merge('htmlContent', true) : undefined,
      text: mail.textContent ? merge('textContent', false) : undefined,
      headers: Object.keys(headers).length > 0 ? headers : undefined,
      attachments: Array.isArray(mail.attachment) ? mail.attachment.map(attachment) : mail.attachment,
      tags: tags.length > 0 ? [mail.tags ?? [], tags].flat() : mail.tags,
      metadata,
      sendAt: mail.scheduledAt,
    }),
  }
}

function person(one: Json, ignored: string[]): Json {
  if (typeof one !== 'object' || one === null) return one
  const { contactPixelTrackingConsent, ...rest } = one
  if (contactPixelTrackingConsent !== undefined) ignored.push('contactPixelTrackingConsent')
  return given(rest)
}

function attachment(file: Json): Json {
  if (file?.url != null) {
    throw wrong('attachment', 'attachment.url is not valid: send the content of attachments in base64.')
  }
  return { filename: file?.name ?? '', content: file?.content ?? '' }
}

/** @throws Untranslatable for what a template asks for that is not here, such as a contact's attributes */
function merged<T>(write: () => T, field: string): T {
  return orRefused(write, (reason) => wrong(field, `${field} is not valid: ${reason}`))
}

function paramsIn(params: unknown): Language {
  return {
    root(name) {
      if (name === 'params') return params ?? {}
      throw new TemplateError(`\`${name}\` is not known here: only params are.`)
    },
  }
}

const names: Record<string, string> = {
  from: 'sender',
  html: 'htmlContent',
  text: 'textContent',
  attachments: 'attachment',
  sendAt: 'scheduledAt',
  metadata: `headers.${custom}`,
}

function fieldOf(pointer: string): string {
  const [first = '', ...more] = pointer.slice(1).split('/')
  const rest = more
    .map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step === 'filename' ? 'name' : step}`))
    .join('')
  return (names[first] ?? first) + (first === 'metadata' ? '' : rest)
}

function answer(done: readonly Done[], _asked: Asked, { messages, dry }: Sending): Reply {
  const ids = done.map((one, index) => (one.kind === 'taken' ? idOf(one.id, messages[index]!) : ''))
  const jsons = messages.map((one) => ('json' in one ? one.json : {}))
  const scheduled = !dry && jsons.some(({ sendAt }) => sendAt !== undefined)
  const versions = messages.length > 1 || messages[0]?.field?.('/to').startsWith('messageVersions')
  return { status: scheduled ? 202 : 201, body: versions ? { messageIds: ids } : { messageId: ids[0] } }
}

/** The Message-ID that the mail bears. */
function idOf(id: string, wanted: Wanted): string {
  const { from, headers } = 'json' in wanted ? (wanted.json as Json) : {}
  const own = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'message-id')
  return own ? String(own[1]) : `<${id}@${domainOf(canonicalOrNull(String(from?.email)) ?? '')}>`
}

/** Ours, from a Message-ID of ours. */
function idIn({ params }: Asked): string | null {
  return /msg_[0-9a-z]{26}/.exec(params.id ?? '')?.[0] ?? null
}

function shown({ message, recipients }: Known): Reply {
  const waits = recipients.some(({ status }) => status === 'queued' || status === 'scheduled' || status === 'deferred')
  const status = waits ? 'queued' : recipients.some((one) => one.status === 'sending') ? 'inProgress' : 'processed'
  return {
    status: 200,
    body: { createdAt: iso(message.acceptedAt), scheduledAt: iso(message.sendAt ?? message.acceptedAt), status },
  }
}

/** Whose key it is is nobody's business; that it is one is what is asked. */
function account(): Reply {
  return {
    status: 200,
    body: {
      organization_id: 'waypost',
      user_id: 0,
      enterprise: false,
      companyName: 'Waypost',
      email: 'waypost@localhost',
      firstName: '',
      lastName: '',
      plan: [],
      relay: { enabled: true, data: { userName: '', relay: '', port: 587 } },
    },
  }
}

/** Our events in its words; it has others for the same. */
function eventName(event: MailEvent): string | null {
  switch (event.type) {
    case 'sent':
      return 'request'
    case 'bounced':
      return bounceKind(event) === 'hard' ? 'hard_bounce' : 'soft_bounce'
    case 'complained':
      return 'spam'
    case 'clicked':
      return 'click'
    case 'unsubscribed':
      return 'unsubscribed'
    case 'suppressed':
      return 'blocked'
    case 'rejected':
    case 'expired':
      return 'error'
    case 'deferred':
    case 'delivered':
    case 'opened':
      return event.type
    default:
      return null
  }
}

/** Brevo signs nothing: a token of its owner's own stands with every call. */
function secret(): NewSecret {
  const token = randomHex(24)
  return { secret: token, shown: { token } }
}

function call(event: MailEvent, message: Message, token: string, now: number): Told | null {
  const name = eventName(event)
  if (name === null || event.recipient === null) return null
  const body = {
    event: name,
    email: event.recipient,
    id: 0,
    date: spacedTime(event.at),
    ts: seconds(now),
    'message-id': message.messageId,
    ts_event: seconds(event.at),
    ts_epoch: event.at,
    subject: message.subject,
    ...(message.tags.length > 0 ? { tag: JSON.stringify(message.tags), tags: message.tags } : {}),
    ...customOf(message),
    ...(event.type === 'clicked' ? { link: clicked(event) } : {}),
    ...(reason(event) !== '' && event.type !== 'clicked' ? { reason: reason(event) } : {}),
  }
  return {
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

/** A wrong field, under Brevo's code. */
function wrong(field: string, detail: string, code = 'invalid_parameter'): Untranslatable {
  return new Untranslatable({ status: 400, code, detail, errors: [{ field, detail }] })
}

const codes: Record<string, [status: number, code: string]> = {
  missing_parameter: [400, 'missing_parameter'],
  malformed: [400, 'bad_request'],
  unauthorized: [401, 'unauthorized'],
  scope: [403, 'permission_denied'],
  from_not_allowed: [400, 'invalid_parameter'],
  not_found: [404, 'document_not_found'],
  method: [405, 'method_not_allowed'],
  in_flight: [400, 'duplicate_request'],
  idempotency_reused: [400, 'duplicate_parameter'],
  too_late: [400, 'invalid_parameter'],
  too_large: [413, 'out_of_range'],
  media_type: [406, 'not_acceptable'],
  rate: [429, 'too_many_requests'],
}

function refused({ status, code, detail, errors: [first], retryAfter }: Trouble): Reply {
  const [asIts, its] = codes[code] ?? (status < 500 ? [400, 'invalid_parameter'] : [status, 'internal_error'])
  const wait = retryAfter ?? (asIts === 429 || asIts >= 500 ? 5 : undefined)
  const message = code === 'unauthorized' ? 'Key not found' : (first?.detail ?? detail)
  return {
    status: asIts,
    ...(wait === undefined ? {} : { headers: { 'retry-after': String(wait), 'x-sib-ratelimit-reset': String(wait) } }),
    // Our own words do not name the field; Brevo's do.
    body: { code: its, message: first && !message.includes(first.field) ? `${first.field}: ${message}` : message },
  }
}
