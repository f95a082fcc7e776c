/**
 * How SendGrid's call to send is read: a message for each personalization, which merges over what stands at the top, with its
 * substitutions filled in.
 */
import {
  type Asked,
  given,
  jsonBody,
  type Sending,
  type StoredTemplate,
  Untranslatable,
  type Wanted,
  wrongField,
} from '../mail/dialect.ts'
import { orRefused } from './expression.ts'
import { languages, senderOf, storedTemplate, written } from './stored.ts'

/** Personalizations. */
const most = 1000
/** Characters that one call may become: every personalization has its own copy of the bodies and attachments. */
const mostText = 256 * 1024 * 1024
const mostFields = 500

// biome-ignore lint/suspicious/noExplicitAny: JSON as the client wrote it; our own check of the message comes after
type Json = any

const mailFields =
  'personalizations from reply_to reply_to_list subject content attachments headers categories custom_args sections send_at template_id asm batch_id ip_pool_name mail_settings tracking_settings'.split(
    ' ',
  )
const personalizationFields =
  'to cc bcc from subject headers substitutions dynamic_template_data custom_args send_at'.split(' ')

/** The messages that a call asks for. @throws Untranslatable */
export function read(asked: Asked): Sending {
  const mail: Json = jsonBody(asked)
  const ignored = Object.keys(mail).filter((name) => !mailFields.includes(name))
  if (mail.ip_pool_name !== undefined) ignored.push('ip_pool_name')
  if (asked.headers['on-behalf-of'] !== undefined) ignored.push('on-behalf-of')
  const template = templateIn(mail, asked)
  refuseWhatIsNotKept(mail, template)
  const { dry, footer } = mailSettings(mail.mail_settings, ignored)
  for (const name of Object.keys(mail.tracking_settings ?? {})) ignored.push(`tracking_settings.${name}`)
  const personalizations = list(mail.personalizations, 'personalizations')
  if (personalizations.length === 0) {
    throw wrongField(
      'personalizations',
      'The personalizations field is required and must have at least one personalization.',
    )
  }
  if (personalizations.length > most) {
    throw wrongField('personalizations', `There are more than ${most} personalizations.`)
  }
  const bodies = template === null ? content(mail.content, ignored) : {}
  if (template !== null) ignored.push(...['content', 'sections'].filter((field) => mail[field] != null))
  const attachments = list(mail.attachments, 'attachments').map(attachment)
  const budget = { left: mostText }
  const key = asked.headers['idempotency-key']
  return {
    together: true,
    grouped: true,
    dry,
    ignored,
    messages: personalizations.map((one, index): Wanted => {
      const own: Json = object(one, `personalizations.${index}`)
      for (const name of Object.keys(own)) {
        if (!personalizationFields.includes(name)) ignored.push(`personalizations.${name}`)
      }
      const said = template === null ? bodies : fromTemplate(template, own, index)
      if (template === null && own.dynamic_template_data !== undefined) {
        throw wrongField(`personalizations.${index}.dynamic_template_data`, 'It needs a template_id.')
      }
      onlyOnce(own, index)
      for (const { content } of attachments) spend(budget, String(content).length)
      const filled = filling(
        few(texts(own.substitutions, `personalizations.${index}.substitutions`), `personalizations.${index}`),
        template === null ? few(texts(mail.sections, 'sections'), 'sections') : {},
        budget,
      )
      const fill = (value: unknown) => (typeof value === 'string' ? filled(value) : value)
      const headers = { ...texts(mail.headers, 'headers'), ...texts(own.headers, `personalizations.${index}.headers`) }
      const replyTo = mail.reply_to == null ? mail.reply_to_list : [mail.reply_to]
      return {
        ...(key === undefined ? {} : { key: personalizations.length === 1 ? key : `${key}#${index}` }),
        field: (pointer) => fieldOf(pointer, mail, own, index),
        json: given({
          from: mailbox(own.from ?? mail.from ?? (template && senderOf(template))),
          to: mailboxes(own.to),
          cc: mailboxes(own.cc),
          bcc: mailboxes(own.bcc),
          replyTo: mailboxes(replyTo)?.map((one: Json) => given({ email: fill(one.email), name: fill(one.name) })),
          subject: fill(said.subject ?? own.subject ?? mail.subject),
          text: fill(withFooter(said.text, footer?.text)),
          html: fill(withFooter(said.html, footer?.html)),
          headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, filled(value)])),
          attachments,
          tags: mail.categories,
          metadata: {
            ...texts(mail.custom_args, 'custom_args'),
            ...texts(own.custom_args, `personalizations.${index}.custom_args`),
          },
          sendAt: instant(own.send_at ?? mail.send_at, asked.at),
        }),
      }
    }),
  }
}

/** The template that a call names. */
function templateIn({ template_id: id }: Json, asked: Asked): StoredTemplate | null {
  if (id === undefined || id === null || id === '') return null
  const template = storedTemplate(asked, id)
  if (template === null) throw wrongField('template_id', 'The template is not kept here: send content.')
  return template
}

interface Said {
  subject?: string | undefined
  text?: string | undefined
  html?: string | undefined
}

/** What a dynamic template says for a personalization. Its subject comes before that of the call, as there. */
function fromTemplate(template: StoredTemplate, own: Json, index: number): Said {
  const at = `personalizations.${index}`
  if (own.substitutions != null && Object.keys(own.substitutions).length > 0) {
    throw wrongField(`${at}.substitutions`, 'Substitutions may not be used with dynamic templating')
  }
  const data = object(own.dynamic_template_data ?? {}, `${at}.dynamic_template_data`)
  return orRefused(
    () => written(template, data, languages.handlebars.write),
    (reason) => wrongField('template_id', `The template cannot be filled in: ${reason}`),
  )
}

/** What would need something of the account that is not here. */
function refuseWhatIsNotKept(mail: Json, template: StoredTemplate | null): void {
  if (mail.asm !== undefined) throw wrongField('asm', 'Unsubscribe groups are not kept here.')
  if (mail.batch_id !== undefined) throw wrongField('batch_id', 'Batches are not kept here.')
  if (mail.reply_to !== undefined && mail.reply_to_list !== undefined) {
    throw wrongField('reply_to_list', 'Use either reply_to or reply_to_list, not both.')
  }
  const named = (one: Json) => typeof one?.subject === 'string' && one.subject !== ''
  if (
    template?.subject === undefined &&
    !named(mail) &&
    !list(mail.personalizations, 'personalizations').every(named)
  ) {
    throw wrongField(
      'subject',
      'The subject is required. You can get around this requirement if every personalization has a subject defined.',
    )
  }
}

function mailSettings(settings: Json, ignored: string[]): { dry: boolean; footer: { text?: string; html?: string } } {
  let dry = false
  let footer = {}
  for (const [name, setting] of Object.entries<Json>(settings ?? {})) {
    if (setting?.enable !== true) continue
    if (name === 'sandbox_mode') dry = true
    else if (name === 'footer') footer = setting
    else if (name.startsWith('bypass_')) {
      throw wrongField(`mail_settings.${name}`, 'Suppressed addresses get no mail: there is no way around the list.')
    } else if (name === 'bcc') throw wrongField('mail_settings.bcc', "Use the personalizations' bcc.")
    else ignored.push(`mail_settings.${name}`)
  }
  return { dry, footer }
}

function withFooter(body: string | undefined, footer: unknown): string | undefined {
  if (body === undefined || typeof footer !== 'string' || footer === '') return body
  const end = body.toLowerCase().lastIndexOf('</body>')
  return end === -1 ? `${body}\n${footer}` : body.slice(0, end) + footer + body.slice(end)
}

function content(given: Json, ignored: string[]): Said {
  const parts = list(given, 'content')
  if (parts.length === 0) {
    throw wrongField(
      'content',
      'The content parameter is required. There must be at least one defined content block. We typically suggest both text/plain and text/html blocks are included, but only one block is required.',
    )
  }
  const bodies: Said = {}
  for (const [index, part] of parts.entries()) {
    const { type, value } = object(part, `content.${index}`)
    if (typeof value !== 'string' || value === '') {
      throw wrongField(`content.${index}.value`, 'The content value must be a string at least one character in length.')
    }
    const name = String(type).split(';')[0]!.trim().toLowerCase()
    const form = ({ 'text/plain': 'text', 'text/html': 'html' } as const)[name]
    // It stands beside a html body that says the same.
    if (name === 'text/x-amp-html') ignored.push(`content.${index}`)
    else if (form === undefined) {
      throw wrongField(`content.${index}.type`, 'Bodies are text/plain and text/html: send others as attachments.')
    } else if (bodies[form] !== undefined) throw wrongField(`content.${index}.type`, `There are two of ${name}.`)
    else bodies[form] = value
  }
  return bodies
}

function attachment(one: unknown, index: number): Record<string, unknown> {
  // The SDK's typings say `contentId`, and so it goes out.
  const {
    content,
    filename,
    type,
    disposition,
    content_id,
    contentId = content_id,
  } = object(one, `attachments.${index}`)
  const inline = disposition === 'inline'
  if (inline && !contentId) {
    throw wrongField(
      `attachments.${index}.content_id`,
      "The content_id parameter is required if disposition = 'inline'.",
    )
  }
  return {
    ...given({ filename, contentType: type || undefined, contentId: contentId || undefined }),
    content: typeof content === 'string' ? content.replace(/\s+/g, '') : content,
    inline,
  }
}

/** Within a personalization an address stands once. */
function onlyOnce(own: Json, index: number): void {
  const seen = new Set<string>()
  for (const role of ['to', 'cc', 'bcc']) {
    for (const one of list(own[role], `personalizations.${index}.${role}`)) {
      const email = String((one as Json)?.email).toLowerCase()
      if (seen.has(email)) {
        throw wrongField(
          'personalizations',
          `Each email address in the personalization block should be unique between to, cc, and bcc. We found the first duplicate instance of [${email}] in the personalizations.${index}.${role} field.`,
        )
      }
      seen.add(email)
    }
  }
  if (list(own.to, `personalizations.${index}.to`).length === 0) {
    throw wrongField(
      `personalizations.${index}.to`,
      'The to array is required for all personalization objects, and must have at least one email object with a valid email address.',
    )
  }
}

/** Unix seconds; what has gone by is sent at once, as there. */
function instant(value: unknown, now: number): string | undefined {
  if (value === undefined || value === null) return undefined
  const at = Number(value) * 1000
  if (!Number.isInteger(value) || Number.isNaN(new Date(at).getTime()))
    throw wrongField('send_at', 'The send_at field is a unix timestamp.')
  return at <= now ? undefined : new Date(at).toISOString()
}

function mailbox(one: Json): unknown {
  if (typeof one !== 'object' || one === null) return one
  return given({ email: one.email, name: one.name })
}

function mailboxes(all: unknown): unknown[] | undefined {
  return Array.isArray(all) ? all.map(mailbox) : undefined
}

function list(value: unknown, field: string): unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrongField(field, `Invalid type. Expected: array, given: ${kindOf(value)}.`)
  return value
}

function object(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw wrongField(field, `Invalid type. Expected: object, given: ${kindOf(value)}.`)
}

/** An object of strings. */
function texts(value: unknown, field: string): Record<string, string> {
  if (value === undefined || value === null) return {}
  for (const [name, text] of Object.entries(object(value, field))) {
    if (typeof text !== 'string')
      throw wrongField(`${field}.${name}`, `Invalid type. Expected: string, given: ${kindOf(text)}.`)
  }
  return value as Record<string, string>
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

const attachmentFields: Record<string, string> = { contentType: 'type', contentId: 'content_id' }

/** `/to/0/email` is `personalizations.3.to.0.email`. */
function fieldOf(pointer: string, mail: Json, own: Json, index: number): string {
  const [name = '', ...rest] = pointer.slice(1).split('/')
  const under = (field: string, mine: unknown) =>
    [...(mine === undefined ? [] : [`personalizations.${index}`]), field].join('.')
  switch (name) {
    case 'to':
    case 'cc':
    case 'bcc':
      return ['personalizations', index, name, ...rest].join('.')
    case 'from':
      return `${under('from', own.from)}.email`
    case 'replyTo':
      return mail.reply_to_list === undefined ? 'reply_to.email' : ['reply_to_list', ...rest].join('.')
    case 'subject':
      return under('subject', own.subject)
    case 'text':
    case 'html':
      return 'content'
    case 'headers':
      return [under('headers', own.headers?.[rest[0] ?? '']), ...rest].join('.')
    case 'metadata':
      return [under('custom_args', own.custom_args?.[rest[0] ?? '']), ...rest].join('.')
    case 'tags':
      return ['categories', ...rest].join('.')
    case 'attachments':
      return [name, ...rest.map((step) => attachmentFields[step] ?? step)].join('.')
    case 'sendAt':
      return under('send_at', own.send_at)
  }
  return [name, ...rest].join('.')
}

interface Budget {
  left: number
}

function spend(budget: Budget, characters: number): void {
  budget.left -= characters
  if (budget.left >= 0) return
  throw new Untranslatable({
    status: 413,
    code: 'too_large',
    detail: 'With a copy for each personalization this is too much for one call.',
  })
}

/**
 * Fills in what stands literally under the keys, which have their own delimiters (`-name-`, `{{name}}`). A value may hold keys of
 * sections, and a section keys of substitutions; what comes out of that is not looked at again. Nothing is escaped.
 */
function filling(
  substitutions: Record<string, string>,
  sections: Record<string, string>,
  budget: Budget,
): (text: string) => string {
  const values = swapping(substitutions, budget)
  const full = Object.fromEntries(Object.entries(sections).map(([key, text]) => [key, values(text)]))
  const inValues = swapping(full, budget)
  const all = Object.fromEntries(Object.entries(substitutions).map(([key, value]) => [key, inValues(value)]))
  const fill = swapping({ ...full, ...all }, budget)
  return (text) => {
    spend(budget, text.length)
    return fill(text)
  }
}

/** So many that looking for them in every body takes no time that matters. */
function few(fields: Record<string, string>, field: string): Record<string, string> {
  if (Object.keys(fields).length > mostFields) {
    throw wrongField(field, `There are more than ${mostFields} substitutions.`)
  }
  return fields
}

/** In one pass, the longest key first. */
function swapping(fields: Record<string, string>, budget: Budget): (text: string) => string {
  const keys = Object.keys(fields)
    .filter((key) => key !== '')
    .toSorted((a, b) => b.length - a.length)
  if (keys.length === 0) return (text) => text
  const any = new RegExp(keys.map((key) => key.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g')
  return (text) =>
    text.replace(any, (key) => {
      const value = fields[key]!
      spend(budget, value.length)
      return value
    })
}
