/** How MailerSend's calls to send are read: what becomes a message, and what is filled in for whom. */
import {
  type Asked,
  given,
  jsonBody,
  jsonValue,
  objects,
  type Sending,
  type StoredTemplate,
  Untranslatable,
  type Wanted,
  wrongField,
} from '../mail/dialect.ts'
import { orRefused } from './expression.ts'
import { type Language, rendered } from './jinja.ts'
import { languages, senderOf, storedTemplate } from './stored.ts'

/** Emails of a bulk call, and recipients of an email. */
const most = { bulk: 500, to: 50 }
/** Characters that one call may become: each recipient with a mail of his own has a copy of the bodies and attachments. */
const mostText = 256 * 1024 * 1024

// biome-ignore lint/suspicious/noExplicitAny: JSON as the client wrote it; our own check of the message comes after
type Json = any

/** @throws Untranslatable */
export function readOne(asked: Asked): Sending {
  const ignored: string[] = []
  const messages = mails(jsonBody(asked), '', ignored, asked)
  return { together: true, grouped: true, ignored, messages: underKeys(messages, asked) }
}

/** There each email is checked after the answer; here all of them before it, and one that is wrong refuses the call. @throws Untranslatable */
export function readBulk(asked: Asked): Sending {
  const list = jsonValue(asked.body)
  if (!Array.isArray(list) || list.length === 0 || list.length > most.bulk) {
    throw new Untranslatable({ status: 422, detail: `A bulk call is a list of 1 to ${most.bulk} emails. #MS42229` })
  }
  const ignored: string[] = []
  const emails = list.map((email: unknown, index) => {
    if (typeof email !== 'object' || email === null) throw wrongField(`${index}`, 'It is not an object.')
    return mails(email, `${index}.`, ignored, asked)
  })
  spare(emails.flat())
  return {
    together: true,
    grouped: emails.flatMap((messages, index) => messages.map(() => index)),
    ignored,
    messages: underKeys(emails.flat(), asked),
  }
}

function underKeys(messages: Wanted[], { headers }: Asked): Wanted[] {
  const key = headers['idempotency-key']
  if (key === undefined) return messages
  return messages.map((one, index) => ({ ...one, key: messages.length === 1 ? key : `${key}#${index}` }))
}

function spare(messages: readonly Wanted[]): void {
  let left = mostText
  for (const message of messages) {
    const { text, html, attachments }: Json = 'json' in message ? message.json : {}
    left -= String(text ?? '').length + String(html ?? '').length
    for (const { content } of attachments ?? []) left -= String(content).length
  }
  if (left >= 0) return
  const detail = 'With a mail for each recipient this is too much for one call. #MS42206'
  throw new Untranslatable({ status: 413, code: 'too_large', detail })
}

const known =
  'from to cc bcc reply_to subject text html attachments tags personalization variables send_at headers in_reply_to references list_unsubscribe precedence_bulk settings template_id rcpt_to'.split(
    ' ',
  )

/** The messages of one email: one, or one for each of To where they do not get the same. @param at what stands before its fields: `3.` */
function mails(asks: Json, at: string, ignored: string[], asked: Asked): Wanted[] {
  const wrong = (field: string, detail: string) => wrongField(at + field, detail)
  const template = templateIn(asks, asked, wrong)
  const email = template === null ? asks : untemplated(asks, template, ignored)
  ignored.push(...Object.keys(email).filter((name) => !known.includes(name) && email[name] != null))
  for (const name of Object.keys(email.settings ?? {})) ignored.push(`settings.${name}`)
  if (email.rcpt_to?.length > 0) throw wrong('rcpt_to', 'Name the recipients in to, cc and bcc.')
  for (const name of ['from', 'to', 'subject']) {
    if (email[name] == null || email[name] === '' || email[name].length === 0) {
      throw wrong(name, `The ${at}${name} field is required. #MS42209`)
    }
  }
  const { to } = email
  if (!Array.isArray(to)) throw wrong('to', `The ${at}to must be an array.`)
  if (to.length > most.to) throw wrong('to', `The ${at}to must not have more than ${most.to} items. #MS42205`)
  const values = fieldValues(email, template, wrong)
  const headers = headersOf(email, wrong)
  const attachments = Array.isArray(email.attachments) ? email.attachments.map(attachment) : email.attachments
  const split = values !== null && to.length > 1 && new Set(to.map((one) => JSON.stringify(values(one)))).size > 1
  const each = split ? to.map((one: Json, index: number) => ({ to: [one], index })) : [{ to, index: 0 }]
  const messages = each.map(({ to, index }: { to: Json[]; index: number }): Wanted => {
    const fill = (field: string, html: boolean) =>
      values === null
        ? email[field]
        : filled(email[field], values(to[0]), html, (detail) => wrong(template ? 'template_id' : field, detail))
    const first = index === 0
    return {
      field: (pointer) => at + fieldOf(pointer, index),
      json: given({
        from: mailbox(email.from),
        to: to.map(mailbox),
        cc: first ? mailboxes(email.cc) : undefined,
        bcc: first ? mailboxes(email.bcc) : undefined,
        replyTo: email.reply_to?.email ? mailbox(email.reply_to) : undefined,
        subject: fill('subject', false),
        text: fill('text', false) || undefined,
        html: fill('html', true) || undefined,
        headers,
        attachments,
        tags: email.tags,
        sendAt: instant(email.send_at, asked.at, wrong),
      }),
    }
  })
  spare(messages)
  return messages
}

type Wrong = (field: string, detail: string) => Untranslatable

/** The template that an email names. */
function templateIn({ template_id: id }: Json, asked: Asked, wrong: Wrong): StoredTemplate | null {
  if (!id) return null
  const template = storedTemplate(asked, id)
  if (template === null) throw wrong('template_id', 'The template is not kept here: send html or text.')
  return template
}

/** An email with what its template says: sender and subject unless it has its own, and the bodies. */
function untemplated(email: Json, template: StoredTemplate, ignored: string[]): Json {
  ignored.push(...['html', 'text'].filter((field) => email[field]))
  const { html, text, subject } = template
  return { ...email, from: email.from ?? senderOf(template), subject: email.subject || subject, html, text }
}

/** What there is to fill in for a recipient; null where nothing is filled in at all. */
function fieldValues(email: Json, template: StoredTemplate | null, wrong: Wrong): ((one: Json) => Values) | null {
  const lists = (field: string, of: Json) => objects(of, () => wrong(field, `The ${field} must be an array.`))
  const personalization = lists('personalization', email.personalization)
  const variables = lists('variables', email.variables)
  if (personalization.length === 0 && variables.length === 0 && template === null) return null
  const addresses = new Set(
    [email.to, email.cc, email.bcc].flatMap((list) => (Array.isArray(list) ? list : [])).map(key),
  )
  const byAddress = new Map<string, Values>()
  const entry = (one: Json, field: string) => {
    if (!addresses.has(key(one))) throw wrong(`${field}.email`, `The ${field}.email is not a recipient. #MS42217`)
    const found = byAddress.get(key(one)) ?? { data: {}, simple: {} }
    byAddress.set(key(one), found)
    return found
  }
  for (const [index, one] of personalization.entries()) {
    Object.assign(entry(one, `personalization.${index}`).data, one.data)
  }
  for (const [index, one] of variables.entries()) {
    const { simple } = entry(one, `variables.${index}`)
    for (const { var: name, value } of lists(`variables.${index}.substitutions`, one.substitutions))
      simple[String(name)] = String(value ?? '')
  }
  const write = template?.language === undefined ? twig : languages[template.language].write
  const templates = template !== null || personalization.length > 0 ? { write } : {}
  return (one) => ({ ...(byAddress.get(key(one)) ?? { data: {}, simple: {} }), ...templates })
}

interface Values {
  /** For `{{ name }}` and the rest of Twig. */
  data: Record<string, unknown>
  /** For `{$name}`. */
  simple: Record<string, string>
  /** Absent where `{$name}` is all that is filled in. */
  write?: typeof twig
}

function key(one: Json): string {
  return String(one?.email).toLowerCase()
}

function filled(text: unknown, values: Values, html: boolean, wrong: (detail: string) => Untranslatable): unknown {
  if (typeof text !== 'string') return text
  const plain = text.replace(/\{\$([A-Za-z]\w*)\}/g, (whole, name) =>
    Object.hasOwn(values.simple, name) ? values.simple[name]! : whole,
  )
  const { write, data } = values
  if (!write) return plain
  return orRefused(
    () => write(plain, data, html),
    (reason) => wrong(`${reason} #MS42213`),
  )
}

const keys = (value: unknown) => (typeof value === 'object' && value !== null ? Object.keys(value) : [])

export function twigOf(data: Record<string, unknown>): Language {
  return { root: (name) => (Object.hasOwn(data, name) ? data[name] : undefined), filters: { keys } }
}

function twig(source: string, data: Record<string, unknown>, html: boolean): string {
  return rendered(source, twigOf(data), html)
}

function headersOf(email: Json, wrong: Wrong): Record<string, unknown> {
  const headers: Record<string, unknown> = {}
  if (email.headers != null && !Array.isArray(email.headers)) throw wrong('headers', 'The headers must be an array.')
  for (const one of email.headers ?? []) headers[String(one?.name)] = one?.value
  const id = (text: unknown) => `<${String(text).replace(/^<|>$/g, '')}>`
  if (email.in_reply_to) headers['In-Reply-To'] = id(email.in_reply_to)
  if (email.references?.length > 0) headers.References = [email.references].flat().map(id).join(' ')
  if (email.list_unsubscribe) {
    const value = String(email.list_unsubscribe)
    headers['List-Unsubscribe'] = value.startsWith('<') ? value : `<${value}>`
  }
  if (email.precedence_bulk === true) headers.Precedence = 'bulk'
  return headers
}

function mailbox(one: Json): unknown {
  return typeof one === 'object' && one !== null ? given({ email: one.email, name: one.name }) : one
}

function mailboxes(all: unknown): unknown {
  return Array.isArray(all) ? all.map(mailbox) : all
}

/** Its type goes by the name, as there. */
function attachment(one: Json): unknown {
  if (typeof one !== 'object' || one === null) return one
  const { content, filename, disposition, id } = one
  return given({
    filename,
    content: typeof content === 'string' ? content.replace(/\s+/g, '') : content,
    contentId: id || undefined,
    inline: disposition === 'inline',
  })
}

/** Unix seconds. */
function instant(value: unknown, now: number, wrong: Wrong): string | undefined {
  if (value == null) return undefined
  const at = Number(value) * 1000
  if (!Number.isInteger(at) || Number.isNaN(new Date(at).getTime()) || at < now - 60_000) {
    throw wrong('send_at', 'The send_at must be a unix time from now on. #MS42218')
  }
  return at <= now ? undefined : new Date(at).toISOString()
}

const names: Record<string, string> = { replyTo: 'reply_to', sendAt: 'send_at', contentId: 'id' }

/** `/to/0/email` is `to.0.email`; a mail for one of To alone has him in the first place. */
function fieldOf(pointer: string, index: number): string {
  const steps = pointer.slice(1).split('/')
  if (steps[0] === 'to' && steps[1] === '0') steps[1] = String(index)
  if (steps[0] === 'replyTo') return 'reply_to.email'
  return steps.map((step) => names[step] ?? step).join('.')
}
