/** Amazon SES: what its calls mean in our words. */
import { type Asked, given, objects, Untranslatable, type Wanted, wrongField } from '../mail/dialect.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import type { Mailbox } from '../mail/message.ts'
import { fromBase64 } from '../mail/signature.ts'
import { orRefused } from './expression.ts'
import { handlebars } from './handlebars.ts'
import { storedTemplate, type Values, type Write, written } from './stored.ts'

interface Text {
  Data?: unknown
}

export interface Content {
  Simple?: {
    Subject?: Text
    Body?: { Text?: Text; Html?: Text }
    Headers?: unknown
    Attachments?: unknown
  }
  Raw?: { Data?: unknown }
  Template?: Template
}

export interface Template {
  TemplateName?: unknown
  TemplateArn?: unknown
  TemplateContent?: { Subject?: unknown; Text?: unknown; Html?: unknown }
  TemplateData?: unknown
  Headers?: unknown
  Attachments?: unknown
}

export interface Destination {
  ToAddresses?: unknown
  CcAddresses?: unknown
  BccAddresses?: unknown
}

/** What a mail says, whatever the call; addresses and tags aside. */
export type Said = { raw: Uint8Array } | { parts: Record<string, unknown> }

export function refuse(field: string, detail: string): Untranslatable {
  return wrongField(field, detail, 400)
}

export function contentOf(content: Content | undefined, ignored: string[], asked: Asked): Said {
  if (content?.Raw) return { raw: rawOf(content.Raw.Data, 'Content.Raw.Data') }
  if (content?.Template) return merged(content.Template, {}, ignored, asked)
  const simple = content?.Simple
  if (!simple) throw refuse('Content', 'It is Simple, Raw or Template.')
  return {
    parts: {
      subject: simple.Subject?.Data,
      text: simple.Body?.Text?.Data,
      html: simple.Body?.Html?.Data,
      headers: named('Content.Simple.Headers', simple.Headers),
      attachments: attachmentsOf(simple.Attachments, ignored),
    },
  }
}

export function rawOf(data: unknown, field: string): Uint8Array {
  const bytes = typeof data === 'string' ? fromBase64(data) : null
  if (bytes === null || bytes.length === 0) throw refuse(field, 'It is not base64.')
  return bytes
}

/** Lists of Name and Value as one object; later ones win. */
function named(field: string, ...lists: unknown[]): Record<string, string> {
  const all = lists.flatMap((list) => objects(list, () => refuse(field, 'It is a list of Name and Value.')))
  return Object.fromEntries(all.map(({ Name, Value }) => [String(Name), String(Value)]))
}

function attachmentsOf(list: unknown, ignored: string[]) {
  const all = objects(list, () => refuse('Content.Simple.Attachments', 'It is a list.'))
  return all.map((one) => attachment(one, ignored))
}

function attachment(
  { RawContent, FileName, ContentType, ContentDisposition, ContentId, ...rest }: Record<string, unknown>,
  ignored: string[],
) {
  if (rest.ContentDescription !== undefined) ignored.push('ContentDescription')
  return given({
    filename: FileName,
    content: RawContent,
    contentType: ContentType,
    contentId: typeof ContentId === 'string' ? ContentId.replace(/^<(.*)>$/, '$1') : undefined,
    inline: ContentDisposition === undefined ? undefined : ContentDisposition === 'INLINE',
  })
}

interface Replaced {
  ReplacementHeaders?: unknown
  ReplacementEmailContent?: { ReplacementTemplate?: { ReplacementTemplateData?: string } }
}

/** A template, in the call or stored, with the values of one entry over its own. */
export function merged(template: Template, entry: Replaced, ignored: string[], asked: Asked): Said {
  const { TemplateName, TemplateArn, TemplateContent, TemplateData, Headers, Attachments } = template
  const values = {
    ...valuesIn(TemplateData, 'TemplateData'),
    ...valuesIn(entry.ReplacementEmailContent?.ReplacementTemplate?.ReplacementTemplateData, 'ReplacementTemplateData'),
  }
  return {
    parts: {
      ...(TemplateContent
        ? filledParts(TemplateContent, values)
        : stored(
            TemplateName ??
              String(TemplateArn ?? '')
                .split('/')
                .at(-1),
            values,
            asked,
          )),
      headers: named('Headers', Headers, entry.ReplacementHeaders),
      attachments: attachmentsOf(Attachments, ignored),
    },
  }
}

function valuesIn(data: unknown, field: string): Record<string, unknown> {
  if (data === undefined || data === null || data === '') return {}
  try {
    const values = JSON.parse(String(data))
    if (typeof values === 'object' && values !== null) return values
  } catch {}
  throw refuse(field, 'It is not a JSON object.')
}

function filledParts({ Subject, Text, Html }: NonNullable<Template['TemplateContent']>, values: Values) {
  return { subject: filled(Subject, values), text: filled(Text, values), html: filled(Html, values) }
}

const missing = (path: string) => refuse('TemplateData', `Attribute '${path}' is not present in the rendering data.`)

/** Stored templates are Handlebars, not escaped either; there, too, a value that is not there keeps the mail from going out. */
const bare: Write = (source, values) => handlebars(source, values, false, { missing })

function stored(name: unknown, values: Values, asked: Asked) {
  const template = storedTemplate(asked, name)
  if (template === null) {
    const detail = `Template ${name} does not exist: it is not kept here. Send TemplateContent.`
    throw new Untranslatable({ status: 404, code: 'not_found', detail })
  }
  return orRefused(
    () => written(template, values, bare),
    (reason) => refuse('TemplateData', reason),
  )
}

/** `{{x}}` and `{{a.b}}`, not escaped for html: SES leaves that to who sends. A value that is not there is an error, as there. */
function filled(template: unknown, values: Values): unknown {
  if (typeof template !== 'string') return template
  return template.replace(/\{\{\{?\s*([^{}]*?)\s*\}\}\}?/g, (_, path: string) => {
    if (!/^[\w.-]+$/.test(path)) {
      throw refuse('TemplateContent', `{{${path}}}: a template in the call has simple substitutions only.`)
    }
    let value: unknown = values
    for (const name of path.split('.')) {
      const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
      if (!inside) throw missing(path)
      value = (value as Record<string, unknown>)[name]
    }
    return typeof value === 'object' ? JSON.stringify(value) : String(value)
  })
}

interface Envelope {
  from: unknown
  destination: Destination | null | undefined
  replyTo: unknown
  /** Lists of them. */
  tags: unknown[]
}

/** Our fields by the vendor's names. */
const names: Record<string, string> = {
  from: 'FromEmailAddress',
  to: 'Destination.ToAddresses',
  cc: 'Destination.CcAddresses',
  bcc: 'Destination.BccAddresses',
  replyTo: 'ReplyToAddresses',
  subject: 'Content.Simple.Subject',
  text: 'Content.Simple.Body',
  html: 'Content.Simple.Body',
  headers: 'Content.Simple.Headers',
  attachments: 'Content.Simple.Attachments',
  metadata: 'EmailTags',
}

export function message(said: Said, { from, destination, replyTo, tags }: Envelope): Wanted {
  const metadata = named('EmailTags', ...tags)
  const field = (pointer: string) => names[pointer.split('/')[1]!] ?? pointer.slice(1)
  const sender = from === undefined || from === null ? undefined : mailbox(from, 'FromEmailAddress')
  const to = mailboxes(destination?.ToAddresses, 'Destination.ToAddresses')
  const cc = mailboxes(destination?.CcAddresses, 'Destination.CcAddresses')
  const bcc = mailboxes(destination?.BccAddresses, 'Destination.BccAddresses')
  if ('parts' in said) {
    if (sender === undefined) throw refuse('FromEmailAddress', 'It is required.')
    const people = given({ from: sender, to, cc, bcc, replyTo: mailboxes(replyTo, 'ReplyToAddresses') })
    return { field, json: given({ ...people, ...given(said.parts), metadata }) }
  }
  const envelope = [to, cc, bcc].flatMap((list) => list ?? []).map(({ email }) => email)
  return {
    field,
    raw: said.raw,
    metadata,
    ...(sender === undefined ? {} : { from: sender.email }),
    ...(envelope.length === 0 ? {} : { to: envelope }),
  }
}

function mailboxes(list: unknown, field: string): Mailbox[] | undefined {
  if (list === undefined || list === null) return undefined
  if (!Array.isArray(list)) throw refuse(field, 'It is a list of addresses.')
  return list.map((text, index) => mailbox(text, `${field}.${index}`))
}

/** Names come as encoded words: addresses are 7-bit there. */
function mailbox(text: unknown, field: string): Mailbox {
  const read = typeof text === 'string' ? everyMailboxIn(text) : null
  if (read?.length !== 1) throw refuse(field, 'Illegal address.')
  return read[0]!
}
