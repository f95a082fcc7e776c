/** SparkPost's transmissions read into messages: content once, merged for each recipient, and one message for all who see the same. */
import {
  type Asked,
  given,
  jsonBody,
  type Sending,
  type TemplateLanguage,
  Untranslatable,
  type Wanted,
  wrongField,
} from '../mail/dialect.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import type { Mailbox } from '../mail/message.ts'
import { rawMessages } from './sparkpost-raw.ts'
import { type Common, type Person, person, record } from './sparkpost-recipients.ts'
import { type Budget, budget, type Data, type Form, type Template, template } from './sparkpost-template.ts'
import { missing, notHere, troubleOf } from './sparkpost-trouble.ts'
import { languages, senderOf, storedTemplate } from './stored.ts'

const mostRecipients = 10_000
/** Copies that are made of one transmission. */
const mostCopies = 1000
/** All of them together, in bytes of the request: each is kept by itself. */
const mostInCopies = 256 * 1024 * 1024

interface Options {
  sendAt: number | undefined
  dry: boolean
  substitutes: boolean
  /** Of a stored template, where it is not SparkPost's own. */
  language: TemplateLanguage | undefined
}

export async function readTransmission(asked: Asked): Promise<Sending> {
  const {
    options: givenOptions,
    recipients,
    content: givenContent,
    campaign_id: campaign,
    metadata: givenMetadata,
    substitution_data: givenSubstitutions,
    return_path: returnPath,
    ...rest
  } = jsonBody(asked)
  const ignored = Object.keys(rest)
  if (returnPath !== undefined) ignored.push('return_path')
  const { content, language } = contentOf(record(givenContent, 'content'), asked)
  const options = { ...optionsOf(record(givenOptions, 'options'), asked.at, ignored), language }
  if (Object.keys(content).length === 0) throw missing('content', 'content object or template_id required')
  const metadata = record(givenMetadata, 'metadata')
  const common: Common = {
    tags: typeof campaign === 'string' && campaign !== '' ? [campaign] : [],
    // Among the metadata, so that events tell it from the tags.
    metadata: typeof campaign === 'string' && campaign !== '' ? { ...metadata, campaign_id: campaign } : metadata,
    substitutions: record(givenSubstitutions, 'substitution_data'),
    sender: typeof returnPath === 'string' ? returnPath : addressOf(content.from),
  }
  const list = listOf(recipients)
  if (list.length > mostRecipients) throw tooMany()
  const people = list.map((one, index) => person(one, index, common))
  const good = people.filter((one): one is Person => 'email' in one)
  ignored.push(...good.flatMap((one) => one.ignored))
  const messages = await messagesFor(content, good, options, asked, ignored)
  if (messages.length > mostCopies || messages.length * asked.body.length > mostInCopies) throw tooMany()
  const key = asked.headers['idempotency-key']
  const refused = people.filter((one): one is Exclude<typeof one, Person> => 'refused' in one)
  const all: Wanted[] = [...messages, ...refused]
  return {
    messages: key === undefined ? all : all.map((wanted, index) => ({ ...wanted, key: `${key}#${index}` })),
    grouped: true,
    dry: options.dry,
    ignored,
  }
}

/** What a transmission says: by itself, or by the template that it names. */
function contentOf(
  { template_id: id, ab_test_id: test, ...content }: Record<string, unknown>,
  asked: Asked,
): { content: Record<string, unknown>; language: TemplateLanguage | undefined } {
  if (test !== undefined) throw notHere('ab_test_id', test)
  if (id === undefined) return { content, language: undefined }
  const template = storedTemplate(asked, id)
  if (template === null) throw notHere('template_id', id)
  const { subject, text, html, language } = template
  return { content: { from: senderOf(template), ...content, ...given({ subject, text, html }) }, language }
}

function optionsOf(given: Record<string, unknown>, at: number, ignored: string[]): Omit<Options, 'language'> {
  const { start_time: start, sandbox, perform_substitutions: substitutes, skip_suppression: skips, ...rest } = given
  if (skips === true) throw wrongField('options.skip_suppression', 'Nobody is sent what they do not want here.')
  for (const [option, value] of Object.entries(rest)) {
    // Transactional is what mail is here unless it says otherwise.
    if (option !== 'transactional' || value !== true) ignored.push(`options.${option}`)
  }
  let sendAt: number | undefined
  if (start !== undefined && start !== null && start !== 'now') {
    sendAt = typeof start === 'string' ? Date.parse(start) : Number.NaN
    if (Number.isNaN(sendAt))
      throw wrongField('options.start_time', 'start_time is a time such as 2027-01-31T09:30:00+01:00')
  }
  return {
    sendAt: sendAt !== undefined && sendAt > at ? sendAt : undefined,
    dry: sandbox === true,
    substitutes: substitutes !== false,
  }
}

function tooMany(): Untranslatable {
  const detail = `So many copies are not taken at once: at most ${mostCopies}, and fewer of large messages.`
  return new Untranslatable({ status: 413, code: 'too_large', detail })
}

function listOf(recipients: unknown): unknown[] {
  if (Array.isArray(recipients) && recipients.length > 0) return recipients
  const { list_id: list } = record(Array.isArray(recipients) ? {} : recipients, 'recipients')
  if (list !== undefined) throw notHere('list_id', list)
  throw missing('recipients', 'recipients or list_id required')
}

function addressOf(from: unknown): string {
  const email = typeof from === 'string' ? everyMailboxIn(from)?.[0]?.email : record(from, 'content.from').email
  return typeof email === 'string' ? email : ''
}

async function messagesFor(
  content: Record<string, unknown>,
  people: readonly Person[],
  options: Options,
  asked: Asked,
  ignored: string[],
): Promise<Wanted[]> {
  const { email_rfc822: raw, ...inline } = content
  if (raw === undefined) return inlineMessages(inline, people, options, ignored)
  if (typeof raw !== 'string') throw wrongField('content.email_rfc822', 'content.email_rfc822 is a string')
  ignored.push(...Object.keys(inline).map((field) => `content.${field}`))
  return rawMessages(raw, people, options, asked.at)
}

/** Content whose templates are read, waiting for values. */
type Letter = (data: Data, budget: Budget) => Rendered

interface Rendered {
  from: unknown
  subject: string
  text: string | undefined
  html: string | undefined
  replyTo: Mailbox[]
  cc: Mailbox[]
  headers: Record<string, string>
}

function inlineMessages(
  content: Record<string, unknown>,
  people: readonly Person[],
  options: Options,
  ignored: string[],
): Wanted[] {
  const { attachments, inline_images: images, ...written } = content
  const letter = letterOf(written, options, ignored)
  const files = [...filesOf(attachments, 'attachments'), ...filesOf(images, 'inline_images')]
  const spend = budget()
  // Those who are shown the same To may be of one message.
  const groups = Map.groupBy(people, ({ to }) =>
    to
      .map(({ email }) => email)
      .sort()
      .join(' '),
  )
  return [...groups.values()].flatMap((alike) => {
    const rendered = alike.map((one): { one: Person; content: Rendered } | Wanted => {
      try {
        return { one, content: letter(one.data, spend) }
      } catch (error) {
        return { refused: troubleOf(error) }
      }
    })
    const fine = rendered.filter((one) => 'one' in one)
    const same = alike.length === 1 ? [fine] : [...Map.groupBy(fine, sameness).values()]
    return [
      ...same
        .filter((group) => group.length > 0)
        .map((group) =>
          message(
            group[0]!,
            group.map(({ one }) => one),
            files,
            options,
          ),
        ),
      ...rendered.filter((one) => 'refused' in one),
    ]
  })
}

function sameness({ one, content }: { one: Person; content: Rendered }): string {
  return JSON.stringify([content, one.tags, one.metadata])
}

/** One message for these, who are to, cc or bcc of it as its To and CC name them. */
function message(
  { one, content }: { one: Person; content: Rendered },
  members: readonly Person[],
  attachments: unknown[],
  { sendAt }: Options,
): Wanted {
  const { from, subject, text, html, replyTo, cc, headers } = content
  const emails = [...new Set(members.map(({ email }) => email))]
  const shown = new Set([...one.to, ...cc].map(({ email }) => email))
  return {
    json: given({
      from,
      to: one.to,
      cc,
      bcc: emails.filter((email) => !shown.has(email)),
      replyTo,
      subject,
      text,
      html,
      headers,
      attachments,
      tags: one.tags,
      metadata: one.metadata,
      sendAt: sendAt === undefined ? undefined : new Date(sendAt).toISOString(),
    }),
    // Others who are shown get a copy of their own.
    to: emails,
    field: fieldName,
  }
}

function fieldName(pointer: string): string {
  const [field = '', ...rest] = pointer.slice(1).split('/')
  const known: Record<string, string> = {
    to: 'recipients',
    bcc: 'recipients',
    cc: 'content.headers.CC',
    replyTo: 'content.reply_to',
    sendAt: 'options.start_time',
    tags: 'tags',
    metadata: 'metadata',
  }
  return known[field] ?? ['content', field, ...rest].join('.')
}

function letterOf(content: Record<string, unknown>, { substitutes, language }: Options, ignored: string[]): Letter {
  const { from, subject, text, html, reply_to: replyTo, headers: givenHeaders, ...rest } = content
  ignored.push(...Object.keys(rest).map((field) => `content.${field}`))
  if (from === undefined) throw missing('content.from', 'content.from is a required field')
  if (subject === undefined) throw missing('content.subject', 'subject is a required field')
  if (text === undefined && html === undefined) {
    throw missing('content', "At a minimum, at least one of 'html' or 'text' must be specified")
  }
  const headers = Object.entries(record(givenHeaders, 'content.headers'))
  try {
    // What stands in the headers is filled in also where the bodies are left alone.
    const header = (value: unknown, field: string) =>
      templateOf(value, field, 'header', true, field === 'content.subject' ? language : undefined)
    const body = (value: unknown, field: string, form: Form) =>
      value === undefined || value === null ? undefined : templateOf(value, field, form, substitutes, language)
    const sender = typeof from === 'string' ? { email: from } : record(from, 'content.from')
    const read = {
      email: header(sender.email ?? '', 'content.from'),
      name: sender.name === undefined ? undefined : header(sender.name, 'content.from.name'),
      subject: header(subject, 'content.subject'),
      replyTo: header(replyTo ?? '', 'content.reply_to'),
      text: body(text, 'content.text', 'text'),
      html: body(html, 'content.html', 'html'),
      headers: headers.map(([name, value]) => [name, header(value, `content.headers.${name}`)] as const),
    }
    return (data, budget) => {
      const filled = read.headers.map(([name, value]) => [name, value(data, budget)] as const)
      const cc = filled.find(([name]) => name.toLowerCase() === 'cc')?.[1] ?? ''
      const email = read.email(data, budget)
      return {
        from: read.name === undefined ? email : { email, name: read.name(data, budget) },
        subject: read.subject(data, budget).replace(/[\r\n]+/g, ' '),
        text: read.text?.(data, budget),
        html: read.html?.(data, budget),
        replyTo: mailboxes(read.replyTo(data, budget), 'content.reply_to'),
        cc: mailboxes(cc, 'content.headers.CC'),
        headers: Object.fromEntries(filled.filter(([name]) => name.toLowerCase() !== 'cc')),
      }
    }
  } catch (error) {
    throw new Untranslatable(troubleOf(error))
  }
}

function templateOf(
  value: unknown,
  field: string,
  form: Form,
  substitutes: boolean,
  language: TemplateLanguage | undefined,
): Template {
  if (typeof value !== 'string') throw wrongField(field, `${field} is a string`)
  if (!substitutes) return () => value
  return language === undefined
    ? template(value, form)
    : (data) => languages[language].write(value, data, form === 'html')
}

function mailboxes(text: string, field: string): Mailbox[] {
  const read = everyMailboxIn(text)
  if (read) return read
  throw wrongField(field, `${field} is not a list of addresses`)
}

function filesOf(files: unknown, field: string): unknown[] {
  if (files === undefined || files === null) return []
  if (!Array.isArray(files)) throw wrongField(`content.${field}`, `content.${field} is a list`)
  return files.map((file, index) => {
    const { name, type, data, ...rest } = record(file, `content.${field}[${index}]`)
    for (const [what, value] of Object.entries({ name, type, data })) {
      if (typeof value !== 'string') throw missing(`content.${field}[${index}].${what}`, `${what} is a required field`)
    }
    for (const what of Object.keys(rest)) {
      throw wrongField(`content.${field}[${index}].${what}`, 'There is no such field: files are sent with the request')
    }
    const inline = field === 'inline_images'
    return {
      filename: String(name).split(/[/\\]/).at(-1) || 'attachment',
      contentType: type,
      content: data,
      inline,
      ...(inline ? { contentId: name } : {}),
    }
  })
}
