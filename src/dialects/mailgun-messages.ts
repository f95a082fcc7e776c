/** Mailgun's `messages`: a form read into one message, or into a copy for each recipient where it has `recipient-variables`. */
import {
  type Asked,
  given,
  type Sending,
  type StoredTemplate,
  Untranslatable,
  type Wanted,
  wrongField,
} from '../mail/dialect.ts'
import type { Mailbox } from '../mail/message.ts'
import { base64 } from '../mail/signature.ts'
import { orRefused } from './expression.ts'
import {
  type Fill,
  type Form,
  fieldName,
  formOf,
  mailboxes,
  newMessageId,
  type Options,
  optionsOf,
  sendingOf,
  templates,
  variablesIn,
} from './mailgun-form.ts'
import { languages, senderOf, storedTemplate, written } from './stored.ts'

const mostCopies = 1000
/** All copies of a batch together, in bytes of the request: each is kept by itself. */
const mostInCopies = 256 * 1024 * 1024

const messageFields = [
  'from',
  'to',
  'cc',
  'bcc',
  'subject',
  'text',
  'html',
  'attachment',
  'inline',
  'recipient-variables',
  'template',
]

/** `messages`: one message, or with `recipient-variables` one for each recipient. */
export async function readMessages(asked: Asked): Promise<Sending> {
  const form = await formOf(asked)
  const options = optionsOf(form, messageFields, asked.at)
  const id = await newMessageId(asked)
  const template = templateIn(form, asked, options)
  for (const field of template?.from === undefined ? ['from', 'to'] : ['to']) {
    if (!form.one(field)) throw wrongField(field, `${field} parameter is missing`, 400)
  }
  const key = asked.headers['idempotency-key']
  const attachments = await attachmentsOf(form)
  const written = (fill: Fill, messageId: string, to: Mailbox[]): Wanted => ({
    json: letter(form, fill, { messageId, to, attachments, options, template }),
    field: fieldName,
  })
  const to = mailboxes(form, 'to')
  const variables = form.one('recipient-variables')
  if (variables === undefined) {
    const wanted = written((text) => text, id, to)
    return { messages: [key === undefined ? wanted : { ...wanted, key }], ...sendingOf(options) }
  }
  const each = [...new Map(to.map((mailbox) => [mailbox.email, mailbox])).values()]
  if (each.length > mostCopies) throw wrongField('to', `to parameter has more than ${mostCopies} recipients`, 400)
  const length = asked.body.length + (template?.text?.length ?? 0) + (template?.html?.length ?? 0)
  if (each.length * length > mostInCopies) {
    const detail = 'So many copies of so large a message are not taken at once: name fewer recipients in a request.'
    throw new Untranslatable({ status: 413, code: 'too_large', detail })
  }
  const values = variablesOf(variables)
  const messages = each.map((mailbox, copy) => {
    const wanted = written(filling(mailbox.email, values), copyId(id, copy), [mailbox])
    return key === undefined ? wanted : { ...wanted, key: `${key}#${copy}` }
  })
  return { messages, ...sendingOf(options) }
}

/** The template that a message names. */
function templateIn(form: Form, asked: Asked, { ignored }: Options): StoredTemplate | null {
  const id = form.one('template')
  if (id === undefined || id === '') return null
  const template = storedTemplate(asked, id)
  if (template === null) throw wrongField('template', templates, 400)
  if (form.one('html')) ignored.push('html')
  if (form.one('text') && template.text !== undefined) ignored.push('text')
  if (form.is('t:text') && template.text === undefined) ignored.push('t:text')
  return template
}

/** Values stand in `t:variables`; those of `v:` and `h:X-Mailgun-Variables` are values as well. Recipients' own are put into them first. */
function fromTemplate(template: StoredTemplate, form: Form, fill: Fill) {
  const header = form.under('h:').find(([name]) => name.toLowerCase() === 'x-mailgun-variables')
  const values = {
    ...(header ? objectIn(`h:${header[0]}`, header[1][0]!) : {}),
    ...Object.fromEntries(form.under('v:').map(([name, values]) => [name, values[0]])),
    ...objectIn('t:variables', form.one('t:variables') || '{}'),
  }
  const filled = JSON.parse(JSON.stringify(values), (_, value) => (typeof value === 'string' ? fill(value) : value))
  return orRefused(
    () => written(template, filled, languages.handlebars.write),
    (reason) => wrongField('template', `template cannot be filled in: ${reason}`, 400),
  )
}

/** Each copy of a batch has a Message-ID of its own, which tells that of the batch. */
function copyId(id: string, copy: number): string {
  return id.replace('@', `.${copy}@`)
}

/** By address, lower-case. */
function variablesOf(text: string): Map<string, Record<string, unknown>> {
  const read = Object.entries(objectIn('recipient-variables', text))
  return new Map(read.map(([email, values]) => [email.toLowerCase(), Object(values)]))
}

function objectIn(field: string, text: string): Record<string, unknown> {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    read = null
  }
  if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read as Record<string, unknown>
  throw wrongField(field, `${field} parameter is not a JSON object`, 400)
}

/** Puts a recipient's values in: as they are, nothing escaped. What there is no value for stays as it is written. */
function filling(email: string, values: ReadonlyMap<string, Record<string, unknown>>): Fill {
  const own = values.get(email.toLowerCase()) ?? {}
  return (text) =>
    text.replace(/%recipient(?:\.([^%\s]{1,128}))?%/g, (whole, name: string | undefined) => {
      if (name === undefined) return email
      if (!Object.hasOwn(own, name)) return whole
      const value = own[name]
      return typeof value === 'string' ? value : JSON.stringify(value)
    })
}

interface Shared {
  messageId: string
  to: Mailbox[]
  attachments: unknown[]
  options: Options
  template: StoredTemplate | null
}

function letter(
  form: Form,
  fill: Fill,
  { messageId, to, attachments, options, template }: Shared,
): Record<string, unknown> {
  const [from = template ? senderOf(template) : undefined, ...others] = mailboxes(form, 'from', fill)
  if (from === undefined || others.length > 0) {
    throw wrongField('from', 'from parameter is not a valid address. please check documentation', 400)
  }
  const said = template === null ? null : fromTemplate(template, form, fill)
  const { headers, replyTo, tags, metadata } = headersOf(form, fill, options)
  const { sendAt, expireAt } = options
  return given({
    from,
    to,
    cc: mailboxes(form, 'cc', fill),
    bcc: mailboxes(form, 'bcc', fill),
    replyTo,
    subject: fill(form.one('subject') || said?.subject || '').replace(/\r?\n/g, ' '),
    text: bodyOf('text', said?.text ?? form.one('text'), fill),
    html: bodyOf('html', said === null ? form.one('html') : said.html, fill),
    headers: { 'Message-ID': `<${messageId}>`, ...headers },
    attachments,
    tags: [...new Set([...options.tags, ...tags])],
    metadata: {
      ...metadata,
      ...Object.fromEntries(form.under('v:').map(([name, values]) => [name, fill(values[0]!)])),
    },
    sendAt: sendAt === undefined ? undefined : new Date(sendAt).toISOString(),
    expireAt: expireAt === undefined ? undefined : new Date(expireAt).toISOString(),
  })
}

/** Links to the vendor's own pages, which are not here. */
const ownLinks = /%(?:tag_|mailing_list_)?unsubscribe_(?:url|email)%/

/** Forms write every end of a line as CRLF. */
function bodyOf(field: string, text: string | undefined, fill: Fill): string | undefined {
  if (text === undefined || text === '') return undefined
  const filled = fill(text).replace(/\r\n/g, '\n')
  const link = ownLinks.exec(filled)?.[0]
  if (link !== undefined) throw wrongField(field, `There is no page behind ${link} here.`, 400)
  return filled
}

interface Headers {
  headers: Record<string, string>
  replyTo: Mailbox[]
  tags: string[]
  metadata: Record<string, string>
}

const ownField = /^(?:from|to|cc|bcc|subject|content-type)$/

/** The custom headers, without those that say something to Mailgun. */
function headersOf(form: Form, fill: Fill, { ignored }: Options): Headers {
  const read: Headers = { headers: {}, replyTo: [], tags: [], metadata: {} }
  for (const [name, values] of form.under('h:')) {
    const lower = name.toLowerCase()
    if (ownField.test(lower)) throw wrongField(`h:${name}`, 'This header has a parameter of its own.', 400)
    if (lower === 'reply-to') read.replyTo = mailboxes(form, `h:${name}`, fill)
    else if (lower === 'x-mailgun-tag') read.tags.push(...values.map(fill))
    else if (lower === 'x-mailgun-variables') Object.assign(read.metadata, variablesIn(`h:${name}`, fill(values[0]!)))
    // From is who wrote it, and who sends is said by whoever delivers.
    else if (lower === 'sender' || lower.startsWith('x-mailgun-')) ignored.push(`h:${name}`)
    else {
      if (values.length > 1) throw wrongField(`h:${name}`, 'A header is taken once.', 400)
      const value = lower === 'list-unsubscribe' ? withoutOwnLinks(fill(values[0]!)) : fill(values[0]!)
      if (value === '') ignored.push(`h:${name}`)
      else read.headers[lower === 'message-id' ? 'Message-ID' : name] = value
    }
  }
  return read
}

/** Without the addresses that Mailgun would put in for its own handling. */
function withoutOwnLinks(value: string): string {
  return value
    .split(',')
    .filter((link) => !ownLinks.test(link))
    .map((link) => link.trim())
    .join(', ')
}

async function attachmentsOf(form: Form): Promise<unknown[]> {
  for (const field of ['attachment', 'inline']) {
    if (form.texts.has(field)) throw wrongField(field, 'An attachment is a file with a name.', 400)
  }
  const files = ['attachment', 'inline'].flatMap((field) =>
    (form.files.get(field) ?? []).map((file) => ({ field, file })),
  )
  return Promise.all(
    files.map(async ({ field, file }) => ({
      filename: file.name.split(/[/\\]/).at(-1) || 'attachment',
      content: base64(new Uint8Array(await file.arrayBuffer())),
      // Its own client says this of everything; the name says more.
      ...(file.type === '' || file.type === 'application/octet-stream' ? {} : { contentType: file.type }),
      // The name is the Content-ID, and there is no other.
      ...(field === 'inline' ? { contentId: file.name, inline: true } : { inline: false }),
    })),
  )
}
