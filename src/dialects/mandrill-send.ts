/**
 * What a call to Mandrill's `messages/send`, `send-template` and `send-raw` asks for. Unless its recipients are to be shown to each other,
 * each has a mail of their own, with merge fields and metadata of their own; an address that is none is an entry in the answer.
 * Unverified: that recipients are shown when one of them is a cc and nothing is said of it; that a merge tag without a value stays.
 */
import { canonicalOrNull } from '../mail/address.ts'
import {
  type Asked,
  given,
  jsonBody,
  type Sending,
  type StoredTemplate,
  Untranslatable,
  type Wanted,
} from '../mail/dialect.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import { orRefused } from './expression.ts'
import { handlebars } from './handlebars.ts'
import { withRegions } from './mandrill-regions.ts'
import { mergeTags } from './merge-tags.ts'
import { languages, senderOf, storedTemplate } from './stored.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent; what we make of it is checked by our own API
type Json = any

/** What is wanted, and which recipient is in which of the messages; null for an address that is none. */
export interface Planned extends Sending {
  entries: { email: string; of: number | null }[]
  async: boolean
  scheduled: boolean
}

/** A wrong field, in the words in which Mandrill tells it. */
export function invalid(field: string, detail: string): Untranslatable {
  return new Untranslatable({ status: 400, code: 'invalid', detail, errors: [{ field, detail }] })
}

const steers =
  'track_opens track_clicks important auto_text auto_html inline_css url_strip_qs view_content_link tracking_domain signing_domain return_path_domain subaccount google_analytics_domains google_analytics_campaign'
/** Taken, and nothing is done with it here. */
const unused = new Set(steers.split(' '))

const known = new Set(
  `from_email from_name to subject html text headers preserve_recipients bcc_address merge merge_language global_merge_vars merge_vars tags metadata recipient_metadata attachments images ${steers}`.split(
    ' ',
  ),
)

export function readSend(asked: Asked): Planned {
  return planned(jsonBody(asked), null, asked)
}

/** `send-template` and `send-mc-template`: `message` without its html, which is the template's. */
export function readTemplate(asked: Asked): Planned {
  const { template_name: name, mc_template_id: id, template_content: content, ...body }: Json = jsonBody(asked)
  const template = storedTemplate(asked, name, id)
  if (template === null) {
    const detail = `No such template "${name ?? id}": it is not kept here.`
    throw new Untranslatable({ status: 404, code: 'unknown_template', detail })
  }
  if (content != null && !Array.isArray(content)) throw invalid('template_content', 'Please enter an array')
  const regions = new Map<string, string>()
  for (const one of content ?? []) regions.set(String(one?.name), String(one?.content ?? ''))
  const { html, unused } = withRegions(template.html, regions)
  const message = typeof body.message === 'object' && body.message !== null ? body.message : {}
  const sender = senderOf(template)
  const whole = {
    ...message,
    ...(message.from_email || !sender ? {} : { from_email: sender.email, from_name: message.from_name || sender.name }),
    subject: message.subject || template.subject,
    html,
    text: message.text || template.text,
  }
  const sending = planned({ ...body, message: whole }, template, asked)
  const ignored = [...(message.html ? ['message.html'] : []), ...unused.map((region) => `template_content.${region}`)]
  return { ...sending, ignored: [...(sending.ignored ?? []), ...ignored] }
}

/** @param template of which the message is; null for what has no template */
function planned(body: Json, template: StoredTemplate | null, asked: Asked): Planned {
  const { message } = body
  if (typeof message !== 'object' || message === null) throw invalid('message', 'Please enter an array')
  const ignored = Object.entries(message)
    .filter(([field, value]) => !known.has(field) || (unused.has(field) && value != null && value !== ''))
    .map(([field]) => `message.${field}`)
  if (body.ip_pool != null && body.ip_pool !== '') ignored.push('ip_pool')
  const people = recipientsOf(message)
  const good = people.filter(({ email }) => canonicalOrNull(email) !== null)
  const own = has(message.merge_vars) || has(message.recipient_metadata)
  const together = message.preserve_recipients ?? (!own && people.some(({ type }) => type === 'cc'))
  if (together && own && theOne(people) === null) {
    const field = has(message.merge_vars) ? 'merge_vars' : 'recipient_metadata'
    throw invalid(
      `message.${field}`,
      'Recipients who are shown to each other share one mail: set preserve_recipients to false.',
    )
  }
  const at = sendAt(body.send_at, asked.at)
  const key = asked.headers['idempotency-key']
  const keyed = (index: number) => (key === undefined ? {} : { key: `${key}#${index}` })
  const one = (list: Person[], index: number): Wanted => ({
    ...keyed(index),
    field: fieldOf,
    json: given({ ...letter(message, list, template), sendAt: at === null ? undefined : new Date(at).toISOString() }),
  })
  const messages = together
    ? good.length > 0
      ? [one(good, 0)]
      : []
    : good.map((person, index) => one([{ ...person, type: 'to' }], index))
  let next = 0
  const entries = people.map((person) => ({
    email: person.email,
    of: good.includes(person) ? (together ? 0 : next++) : null,
  }))
  return { messages, entries, ignored, async: body.async === true || people.length > 10, scheduled: at !== null }
}

interface Person {
  email: string
  name?: string
  type: 'to' | 'cc' | 'bcc'
}

function recipientsOf({ to }: Json): Person[] {
  if (!Array.isArray(to) || to.length === 0) throw invalid('message.to', 'Please enter at least one recipient')
  return to.map((person: Json, index) => {
    const { email, name, type } = person ?? {}
    if (typeof email !== 'string') throw invalid(`message.to[${index}].email`, 'Please enter a value')
    if (type != null && !['to', 'cc', 'bcc'].includes(type)) throw invalid(`message.to[${index}].type`, 'Unknown type')
    return { email, ...(name ? { name: String(name) } : {}), type: type ?? 'to' }
  })
}

/** Whose merge fields and metadata a mail has: its only recipient's, or the only one in To, of whose mail the others have copies. */
function theOne(people: Person[]): Person | null {
  const to = people.length === 1 ? people : people.filter(({ type }) => type === 'to')
  return to.length === 1 ? to[0]! : null
}

/** Those in one mail. */
function letter(message: Json, people: Person[], template: StoredTemplate | null): Record<string, unknown> {
  const who = theOne(people)
  const mine = (list: Json) => (Array.isArray(list) && who ? list.filter((one) => same(one?.rcpt, who.email)) : [])
  const vars = [message.global_merge_vars ?? [], ...mine(message.merge_vars).map(({ vars }) => vars ?? [])].flat()
  const merge = merging(message, vars, who, template)
  const metadata = Object.assign({}, message.metadata, ...mine(message.recipient_metadata).map(({ values }) => values))
  const of = (type: Person['type']) =>
    people.filter((one) => one.type === type).map(({ type: _, ...mailbox }) => mailbox)
  const { replyTo, headers } = headersOf(message.headers ?? {})
  return {
    from: given({ email: message.from_email ?? '', name: message.from_name || undefined }),
    to: of('to'),
    cc: of('cc'),
    bcc: [...of('bcc'), ...(message.bcc_address ? [{ email: message.bcc_address }] : [])],
    replyTo,
    subject: merge(message.subject ?? '', 'subject', false),
    html: message.html ? merge(message.html, 'html', true) : undefined,
    text: message.text || !message.html ? merge(message.text ?? '', 'text', false) : undefined,
    headers,
    attachments: filesOf(message),
    tags: message.tags,
    metadata: Object.keys(metadata).length > 0 ? texts(metadata) : undefined,
  }
}

function has(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0
}

function same(rcpt: unknown, email: string): boolean {
  return typeof rcpt === 'string' && rcpt.toLowerCase() === email.toLowerCase()
}

type Merge = (template: unknown, field: string, html: boolean) => unknown

/** What turns templates into text: nothing at all unless fields or `merge` are given, or the template is a stored one. */
function merging(message: Json, vars: Json[], who: Person | null, stored: StoredTemplate | null): Merge {
  const merges = message.merge || has(message.merge_vars) || has(message.global_merge_vars) || stored !== null
  if (!merges) return (template) => template
  const pairs = vars.map((one): [string, unknown] => [String(one?.name), one?.content])
  const tags = new Map<string, unknown>([
    ...(who ? [['email', who.email] as const] : []),
    ...pairs.map(([name, content]) => [name.toLowerCase(), content] as const),
  ])
  return (template, field, html) => {
    if (typeof template !== 'string') return template
    return orRefused(
      () => {
        const values = Object.fromEntries(pairs)
        if (stored?.language !== undefined) return languages[stored.language].write(template, values, html)
        return message.merge_language === 'handlebars' ? handlebars(template, values, html) : mergeTags(template, tags)
      },
      (reason) => invalid(`message.${field}`, reason),
    )
  }
}

/** Reply-To stands among the headers there. */
function headersOf(given: Json): { replyTo?: unknown; headers?: Record<string, string> } {
  if (typeof given !== 'object' || Array.isArray(given)) {
    if (has(given)) throw invalid('message.headers', 'Please enter an object')
    return {}
  }
  const headers: Record<string, string> = {}
  let replyTo: unknown
  for (const [name, value] of Object.entries(given)) {
    if (name.toLowerCase() !== 'reply-to') headers[name] = String(value)
    else replyTo = everyMailboxIn(String(value)) ?? String(value)
  }
  return { ...(replyTo === undefined ? {} : { replyTo }), ...(Object.keys(headers).length > 0 ? { headers } : {}) }
}

function filesOf({ attachments, images }: Json): Json[] {
  const list = (files: Json, field: string): Json[] => {
    if (files != null && !Array.isArray(files)) throw invalid(`message.${field}`, 'Please enter an array')
    return files ?? []
  }
  const file = (one: Json) => ({ ...(one?.type ? { contentType: one.type } : {}), content: unfolded(one?.content) })
  return [
    ...list(attachments, 'attachments').map((one: Json) => ({ filename: one?.name || 'attachment', ...file(one) })),
    ...list(images, 'images').map((one: Json) => ({
      filename: one?.name ?? '',
      ...file(one),
      contentId: one?.name,
      inline: true,
    })),
  ]
}

/** Base64 comes with line ends from some languages. */
function unfolded(content: unknown): unknown {
  return typeof content === 'string' ? content.replace(/\s+/g, '') : content
}

/** Metadata may be of any kind there; here it is text. */
function texts(metadata: Record<string, unknown>): Record<string, string> {
  const entries = Object.entries(metadata).filter(([, value]) => value !== null)
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : String(value)]),
  )
}

/** `YYYY-MM-DD HH:MM:SS` in UTC, or RFC 3339; what has gone by means at once. */
export function sendAt(value: unknown, now: number): number | null {
  if (value == null || value === '') return null
  const text = String(value).trim()
  const at = Date.parse(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text) ? `${text.replace(' ', 'T')}Z` : text)
  if (Number.isNaN(at)) throw invalid('send_at', 'Please enter a valid date')
  return at <= now ? null : at
}

const names: Record<string, string> = { from: 'from_email', to: 'to', cc: 'to', bcc: 'to', replyTo: 'headers.Reply-To' }

function fieldOf(pointer: string): string {
  const [first = '', ...rest] = pointer.slice(1).split('/')
  if (first === 'sendAt') return 'send_at'
  return `message.${[names[first] ?? first, ...(first in names ? [] : rest)].join('.')}`
}

const controlHeader = /^X-MC-([A-Za-z]+):([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)\r?\n/gim

/** Raw mail; what its `X-MC-` headers say of tags and metadata is done, and those headers stay here. */
export function readRaw(asked: Asked): Planned {
  const body: Json = jsonBody(asked)
  if (typeof body.raw_message !== 'string' || body.raw_message === '') {
    throw invalid('raw_message', 'Please enter a value')
  }
  const ignored = ['from_name', 'ip_pool', 'return_path_domain'].filter((field) => body[field])
  const end = /\r?\n\r?\n/.exec(body.raw_message)?.index ?? body.raw_message.length
  const tags: string[] = []
  let metadata: Record<string, string> = {}
  // The line end before the empty line is the last header's own.
  const head = `${body.raw_message.slice(0, end)}\n`.replace(
    controlHeader,
    (_: string, name: string, folded: string) => {
      const value = folded.replace(/\r?\n[ \t]+/g, ' ').trim()
      if (name.toLowerCase() === 'tags') tags.push(...value.split(',').map((tag) => tag.trim()))
      else if (name.toLowerCase() === 'metadata') metadata = { ...metadata, ...metadataIn(value) }
      else ignored.push(`X-MC-${name}`)
      return ''
    },
  )
  const at = sendAt(body.send_at, asked.at)
  const list: unknown[] | undefined = Array.isArray(body.to) && body.to.length > 0 ? body.to : undefined
  const people = list?.map((one) => String((one as Json)?.email ?? one))
  const good = people?.filter((email) => canonicalOrNull(email) !== null)
  const key = asked.headers['idempotency-key']
  const wanted: Wanted = {
    ...(key === undefined ? {} : { key }),
    field: (pointer) => (pointer.startsWith('/to') ? 'to' : pointer === '/from' ? 'from_email' : 'raw_message'),
    raw: new TextEncoder().encode(head.slice(0, -1) + body.raw_message.slice(end)),
    ...(body.from_email ? { from: String(body.from_email) } : {}),
    ...(good ? { to: good } : {}),
    tags: tags.filter((tag) => tag !== ''),
    metadata,
    ...(at === null ? {} : { sendAt: at }),
  }
  return {
    messages: good?.length === 0 ? [] : [wanted],
    // Without a list it is for those in its headers, whom the answer names.
    entries: (people ?? []).map((email) => ({ email, of: good!.includes(email) ? 0 : null })),
    ignored,
    async: body.async === true || (people?.length ?? 0) > 10,
    scheduled: at !== null,
  }
}

function metadataIn(value: string): Record<string, string> {
  try {
    const object: unknown = JSON.parse(value)
    if (typeof object === 'object' && object !== null && !Array.isArray(object))
      return texts(object as Record<string, unknown>)
  } catch {
    // Below.
  }
  throw invalid('raw_message', 'X-MC-Metadata is not a JSON object.')
}
