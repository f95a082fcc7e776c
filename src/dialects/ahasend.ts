/**
 * AhaSend's API v2: https://ahasend.com/docs/api-reference/messages/create-message. `messages` makes a mail for each recipient, with
 * MiniJinja in subject, bodies and headers; `conversation` one for all, without. Its ids are `<uuid@domain>`, made of ours; the
 * Message-ID of the mail is another. Its sandbox checks and sends nothing here. Values are not escaped: its documents tell clients to.
 * Unverified: the words of `status` in GET, and what it does with fields that it does not know (here: taken, and told as ignored).
 */
import { canonicalOrNull, domainOf } from '../mail/address.ts'
import {
  type Asked,
  bearer,
  type Dialect,
  type Done,
  given,
  idOfUuid,
  jsonBody,
  type Known,
  type NewSecret,
  nothing,
  type Reply,
  type Sending,
  type Told,
  type Trouble,
  Untranslatable,
  uuidOf,
  type Wanted,
} from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import type { Message } from '../mail/message.ts'
import { base64, hmac } from '../mail/signature.ts'
import { orRefused, textOf } from './expression.ts'
import { rendered } from './jinja.ts'
import { bounceKind, clicked, randomHex, reason, seconds } from './telling.ts'

const messages = '/v2/accounts/{account}/messages'

export default {
  name: 'ahasend',
  key: bearer,
  routes: [
    { method: 'POST', path: messages, does: { kind: 'send', read: readEach, answer } },
    { method: 'POST', path: `${messages}/conversation`, does: { kind: 'send', read: readConversation, answer } },
    { method: 'POST', path: `${messages}/template`, does: { kind: 'send', read: noTemplate, answer } },
    { method: 'GET', path: `${messages}/{id}`, does: { kind: 'show', id: idIn, answer: shown } },
    { method: 'DELETE', path: `${messages}/{id}/cancel`, does: { kind: 'cancel', id: idIn, answer: canceled } },
    {
      method: 'GET',
      path: '/v2/ping',
      does: { kind: 'say', answer: () => ({ status: 200, body: { message: 'pong' } }) },
    },
  ],
  tells: { secret, call },
  refused,
} satisfies Dialect

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent; what we make of it is checked by our own API
type Json = any

/** Whom an answer names, and in which of the messages they are. */
interface Planned extends Sending {
  people: { recipient: Json; of: number }[]
  schedule?: Json
}

function noTemplate(): Sending {
  throw new Untranslatable({ status: 404, code: 'not_found', detail: 'template not found: they are not kept here' })
}

/** What both kinds of calls have; the rest (tracking, retention, an AMP part) is taken, and nothing is done with it. */
const shared = 'from reply_to subject text_content html_content attachments headers tags sandbox schedule'.split(' ')

function readEach(asked: Asked): Planned {
  const body = bodyOf(asked)
  const list: Json[] = listIn(body, 'recipients', 100)
  if (list.length === 0) throw wrong('recipients', 'recipients is required')
  const ignored = ignoredIn(body, ['recipients', 'substitutions'])
  return {
    messages: list.map((recipient, index) => {
      const { substitutions, ...mailbox } = typeof recipient === 'object' && recipient !== null ? recipient : {}
      const values = { ...body.substitutions, ...substitutions }
      const field = (pointer: string) => fieldOf(pointer).replace(/^to\[0\]/, `recipients[${index}]`)
      return wanted(asked, body, { to: [mailbox] }, { index, field, values, ignored })
    }),
    people: list.map((recipient, of) => ({ recipient, of })),
    together: true,
    dry: body.sandbox === true,
    ignored,
    schedule: body.schedule,
  }
}

function readConversation(asked: Asked): Planned {
  const body = bodyOf(asked)
  const [to, cc, bcc] = ['to', 'cc', 'bcc'].map((field) => listIn(body, field, 50))
  if (to!.length === 0) throw wrong('to', 'to is required')
  const people = [to!, cc!, bcc!].flat()
  if (people.length > 50) throw wrong('to', 'the combined to, cc, and bcc recipient count must not exceed 50')
  const ignored = ignoredIn(body, ['to', 'cc', 'bcc'])
  return {
    messages: [wanted(asked, body, { to, cc, bcc }, { index: 0, field: fieldOf, values: null, ignored })],
    people: people.map((recipient) => ({ recipient, of: 0 })),
    together: true,
    dry: body.sandbox === true,
    ignored,
    schedule: body.schedule,
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** @throws Untranslatable for an account that has no such name */
function bodyOf(asked: Asked): Json {
  if (!uuid.test(asked.params.account ?? '')) throw wrong('account_id', 'invalid account_id')
  return jsonBody(asked)
}

function listIn(body: Json, field: string, most: number): Json[] {
  const list = body[field] ?? []
  if (!Array.isArray(list)) throw wrong(field, `${field} is a list`)
  if (list.length > most) throw wrong(field, `${field} must not have more than ${most} entries`)
  return list
}

function ignoredIn(body: Json, own: string[]): string[] {
  return Object.entries(body)
    .filter(([field, value]) => value != null && !shared.includes(field) && !own.includes(field))
    .map(([field]) => field)
}

interface Around {
  index: number
  field: NonNullable<Wanted['field']>
  /** What is put for names in braces; null where nothing is. */
  values: Json
  ignored: string[]
}

function wanted(asked: Asked, body: Json, people: Record<string, unknown>, around: Around): Wanted {
  const { values, ignored } = around
  const merge = (text: unknown, field: string) => (values === null ? text : merged(text, values, field))
  if (body.from == null) throw wrong('from', 'from is required')
  if (!body.text_content && !body.html_content) {
    throw wrong('text_content', 'either text_content or html_content is required')
  }
  const key = asked.headers['idempotency-key']
  const { headers, replyTo } = headersIn(body, merge, ignored)
  return {
    ...(key === undefined ? {} : { key: `${key}#${around.index}` }),
    field: around.field,
    json: given({
      from: body.from,
      ...people,
      replyTo,
      subject: merge(body.subject, 'subject'),
      text: body.text_content ? merge(body.text_content, 'text_content') : undefined,
      html: body.html_content ? merge(body.html_content, 'html_content') : undefined,
      headers,
      attachments: listIn(body, 'attachments', 100).map(attachment),
      tags: body.tags,
      sendAt: body.schedule?.first_attempt,
      expireAt: body.schedule?.expires,
    }),
  }
}

function headersIn(body: Json, merge: (text: unknown, field: string) => unknown, ignored: string[]) {
  const given = body.headers ?? {}
  if (typeof given !== 'object' || (Array.isArray(given) && !nothing(given)))
    throw wrong('headers', 'headers is an object')
  const headers: Record<string, unknown> = {}
  let replyTo: unknown = body.reply_to ?? undefined
  for (const [name, value] of Object.entries(given)) {
    const field = `headers.${name}`
    const said = merge(value, field)
    if (name.toLowerCase() === 'message-id') ignored.push(field)
    else if (name.toLowerCase() !== 'reply-to') headers[name] = said
    else if (replyTo !== undefined) throw wrong(field, 'reply-to header cannot be provided if reply_to is provided')
    else replyTo = everyMailboxIn(String(said)) ?? said
  }
  return { replyTo, headers: Object.keys(headers).length > 0 ? headers : undefined }
}

/** Its data is text unless it says that it is base64; without angle brackets a content id means nothing there. */
function attachment(file: Json): Json {
  const { base64: coded, data, content_type, file_name, content_disposition, content_id } = file ?? {}
  const contentId = /^<(.+)>$/.exec(String(content_id ?? ''))?.[1]
  return {
    filename: file_name ?? '',
    content: coded === true ? (data ?? '') : base64(new TextEncoder().encode(textOf(data))),
    ...(content_type == null ? {} : { contentType: content_type }),
    ...(contentId === undefined ? {} : { contentId }),
    ...(contentId !== undefined && content_disposition !== 'attachment' ? { inline: true } : { inline: false }),
  }
}

function merged(template: unknown, values: Json, field: string): unknown {
  if (typeof template !== 'string') return template
  const language = {
    root: (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined),
    // Of MiniJinja's own: only what is not there at all has a default.
    filters: { default: (value: unknown, [other]: readonly unknown[]) => (value === undefined ? other : value) },
  }
  return orRefused(
    () => rendered(template, language, false),
    (reason) => wrong(field, `${field}: ${reason}`),
  )
}

const names: Record<string, string> = {
  replyTo: 'reply_to',
  text: 'text_content',
  html: 'html_content',
  sendAt: 'schedule.first_attempt',
  expireAt: 'schedule.expires',
  filename: 'file_name',
  content: 'data',
  contentType: 'content_type',
  contentId: 'content_id',
}

function fieldOf(pointer: string): string {
  const [first = '', ...rest] = pointer.slice(1).split('/')
  const steps = rest.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${names[step] ?? step}`))
  return (names[first] ?? first) + steps.join('')
}

function answer(done: readonly Done[], _asked: Asked, sending: Sending): Reply {
  const { people, schedule } = sending as Planned
  const data = people.map(({ recipient, of }) => {
    const one = done[of]!
    const wanted = sending.messages[of]!
    const from = 'json' in wanted ? (wanted.json.from as Json) : null
    const taken = one.kind === 'taken'
    const status = schedule?.first_attempt == null ? 'queued' : 'scheduled'
    return {
      object: 'message',
      id: taken ? idFor(one.id, textOf(from?.email)) : null,
      recipient,
      status: taken ? status : 'error',
      error: taken ? null : one.trouble.detail,
      ...(schedule == null ? {} : { schedule }),
    }
  })
  const replayed = done.some((one) => one.kind === 'taken' && one.replayed)
  return { status: 202, headers: { 'idempotent-replayed': String(replayed) }, body: { object: 'list', data } }
}

function idFor(id: string, from: string): string {
  return `<${uuidOf(id)}@${domainOf(canonicalOrNull(from) ?? '')}>`
}

/** From `<uuid@domain>`, or the UUID alone. */
function idIn({ params }: Asked): string | null {
  return idOfUuid((params.id ?? '').replace(/^<|[@>].*$/g, ''))
}

function canceled(): Reply {
  return { status: 200, body: { message: 'message cancelled' } }
}

function shown({ message, recipients, events }: Known, { params }: Asked): Reply {
  const count = (type: MailEvent['type']) => events.filter((event) => event.type === type).length
  const last = (type: MailEvent['type']) => {
    const found = events.findLast((event) => event.type === type)
    return found === undefined ? null : iso(found.at)
  }
  const attempts = events.filter(({ type }) => ['sent', 'deferred', 'delivered', 'bounced', 'rejected'].includes(type))
  return {
    status: 200,
    body: {
      object: 'message',
      id: uuidOf(message.id),
      account_id: params.account,
      domain_id: '00000000-0000-0000-0000-000000000000',
      created_at: iso(message.acceptedAt),
      updated_at: iso(events.at(-1)?.at ?? message.acceptedAt),
      sent_at: last('sent'),
      delivered_at: last('delivered'),
      retain_until: iso(message.expireAt),
      direction: 'outbound',
      is_bounce_notification: false,
      message_id: idFor(message.id, message.from.email),
      subject: message.subject,
      tags: message.tags,
      sender: message.from.email,
      recipient: recipients[0]?.email ?? '',
      status: recipients[0]?.status ?? 'queued',
      num_attempts: attempts.length,
      delivery_attempts: attempts.map(({ at, type, detail }) => ({ time: iso(at), log: detail ?? '', status: type })),
      click_count: count('clicked'),
      open_count: count('opened'),
      content: null,
      content_parsed: null,
    },
  }
}

const told: Partial<Record<MailEvent['type'], string>> = {
  sent: 'message.reception',
  deferred: 'message.transient_error',
  delivered: 'message.delivered',
  bounced: 'message.bounced',
  rejected: 'message.failed',
  expired: 'message.failed',
  suppressed: 'message.suppressed',
  opened: 'message.opened',
  clicked: 'message.clicked',
}

function secret(): NewSecret {
  const secret = `aha-whsec-${randomHex(32)}`
  return { secret, shown: { secret } }
}

/** Laid out as Standard Webhooks have it, but that the key is the secret as it is written. Signed anew at every try. */
async function call(event: MailEvent, message: Message, secret: string, now: number): Promise<Told | null> {
  const type = told[event.type]
  if (type === undefined || event.recipient === null) return null
  const body = JSON.stringify({
    type,
    webhook_id: '00000000-0000-0000-0000-000000000000',
    timestamp: iso(event.at),
    data: data(type, event, message),
  })
  const at = String(seconds(now))
  const signature = base64(await hmac('SHA-256', secret, `${event.id}.${at}.${body}`))
  return {
    headers: {
      'content-type': 'application/json',
      'webhook-id': event.id,
      'webhook-timestamp': at,
      'webhook-signature': `v1,${signature}`,
    },
    body,
  }
}

const classes = { hard: 'InvalidRecipient', soft: 'QuotaIssues', block: 'PolicyRelated' }

function data(type: string, event: MailEvent, message: Message): Record<string, unknown> {
  const failed = type === 'message.failed' || type === 'message.bounced' || type === 'message.transient_error'
  const [, enhanced] = /\b([245]\.\d{1,3}\.\d{1,3})\b/.exec(event.detail ?? '') ?? []
  const [, code] = /\b([245]\d\d)\b/.exec(event.detail ?? '') ?? []
  return {
    account_id: '00000000-0000-0000-0000-000000000000',
    event: `on_${type.slice('message.'.length)}`,
    from: message.from.email,
    recipient: event.recipient,
    subject: message.subject,
    message_id_header: idFor(message.id, message.from.email),
    id: uuidOf(message.id).replaceAll('-', ''),
    ...(failed
      ? {
          delivery_attempt: given({
            classification: event.type === 'bounced' ? classes[bounceKind(event)] : 'Uncategorized',
            smtp_code: code === undefined ? undefined : Number(code),
            enhanced_status_code: enhanced,
            response: reason(event),
          }),
        }
      : {}),
    ...(event.type === 'clicked' ? { url: clicked(event) } : {}),
    ...(event.type === 'clicked' || event.type === 'opened' ? { is_bot: /\bbot\b/.test(event.detail ?? '') } : {}),
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

function wrong(field: string, detail: string): Untranslatable {
  return new Untranslatable({ status: 400, detail, errors: [{ field, detail }] })
}

const said: Record<string, [status: number, message?: string]> = {
  malformed: [400, 'invalid request body'],
  scope: [403, 'insufficient permissions for the required scope'],
  from_not_allowed: [403, 'sender domain not found in api key scopes'],
  not_found: [404],
  method: [405],
  in_flight: [409, 'A request with this idempotency key is already in progress'],
  too_late: [400, 'message is not scheduled any more'],
  too_large: [413],
  media_type: [415],
  idempotency_reused: [422, 'idempotency key was already used with a different request payload'],
  rate: [429, 'Too many requests, rate limited.'],
}

/** There are no codes there: what is wrong is in the words. */
function refused({ code, status, detail, errors: [first], retryAfter }: Trouble, asked: Asked): Reply {
  const words = first && !detail.includes(first.field) ? `${first.field}: ${detail}` : detail
  const missing = bearer(asked) === null ? 'Missing or malformed bearer token' : 'Invalid API key'
  const [http, message] = code === 'unauthorized' ? [401, missing] : (said[code] ?? [status < 500 ? 400 : status])
  const wait = retryAfter ?? (code === 'in_flight' ? 1 : undefined)
  return {
    status: http,
    headers: {
      ...(wait === undefined ? {} : { 'retry-after': String(wait) }),
      ...(code === 'in_flight' ? { 'idempotent-replayed': 'false' } : {}),
    },
    body: { message: message ?? words },
  }
}
