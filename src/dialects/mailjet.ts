/**
 * Mailjet's Send API v3.1: https://dev.mailjet.com/email/guides/send-api-v31/. Good and bad messages of one call stand side by side,
 * and one bad one makes the call a 400. Each recipient has a number beyond 2^53, written as it is; the UUID is the mail's. The secret
 * key is the key; the public one may be anything. Templates are those of the config; the older API is refused.
 * Unverified: which code it has for every mistake, that values are not escaped for HTML, and how objects in Globals go together with
 * those of a message (here: headers and variables are joined).
 */
import {
  type Asked,
  basic,
  type Dialect,
  type Done,
  given,
  jsonBody,
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
import type { Message } from '../mail/message.ts'
import { base64 } from '../mail/signature.ts'
import { orRefused, TemplateError } from './expression.ts'
import { checkJinja, type Language, rendered } from './jinja.ts'
import { checking, senderOf, storedTemplate, written } from './stored.ts'
import { bounceKind, clicked, randomHex, reason, seconds } from './telling.ts'

const mostMessages = 50
const mostRecipients = 50

export default {
  name: 'mailjet',
  key: (asked) => basic(asked)?.password ?? null,
  routes: [
    { method: 'POST', path: '/v3.1/send', does: { kind: 'send', read, answer } },
    { method: 'POST', path: '/v3/send', does: { kind: 'send', read: older, answer } },
  ],
  tells: { secret, call },
  wrongTemplate: checking((source) => checkJinja(source, languageOf({}))),
  refused,
} satisfies Dialect

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent; what we make of it is checked by our own API
type Json = any

function older(): Sending {
  throw new Untranslatable({
    status: 400,
    code: 'mj-0002',
    detail: 'Send API v3 is not spoken here: send to /v3.1/send, in Node with { version: "v3.1" }.',
  })
}

function read(asked: Asked): Sending {
  const {
    Messages: list,
    Globals: globals,
    SandboxMode: sandbox,
    AdvanceErrorHandling: _,
    ...rest
  } = jsonBody(asked) as Json
  const unknown = Object.keys(rest)[0]
  if (unknown !== undefined) throw wrong(unknown, `Unknown property ${unknown}.`)
  if (globals != null && typeof globals !== 'object') throw wrong('Globals', 'Type mismatch.')
  if (!Array.isArray(list) || list.length === 0) throw wrong('Messages', 'Missing mandatory property.', 'mj-0003')
  if (list.length > mostMessages) throw wrong('Messages', `At most ${mostMessages} messages in one call.`)
  const ignored: string[] = []
  const key = asked.headers['idempotency-key']
  const messages = list.map((message, index): Wanted => {
    try {
      if (typeof message !== 'object' || message === null) throw wrong('', 'Type mismatch.')
      return wanted(untemplated(under(globals ?? {}, message), ignored, asked), key && `${key}#${index}`, ignored)
    } catch (error) {
      if (error instanceof Untranslatable) return { refused: error.trouble }
      throw error
    }
  })
  return { messages, dry: sandbox === true, ignored }
}

/** A message with what all have in common beneath it. */
function under(globals: Json, message: Json): Json {
  const joined = (field: string) =>
    globals[field] && message[field] ? { [field]: { ...globals[field], ...message[field] } } : {}
  return { ...globals, ...message, ...joined('Headers'), ...joined('Variables') }
}

/**
 * A message with what the template that it names says: sender and subject unless it has its own, and the bodies. One in another
 * language has its values at once; Mailjet's own are read like what stands in a message.
 */
function untemplated(mail: Json, ignored: string[], asked: Asked): Json {
  const { TemplateID, ...rest } = mail
  if (TemplateID == null) return rest
  const template = storedTemplate(asked, TemplateID)
  if (template === null) throw wrong('TemplateID', 'Template not found: it is not kept here.', 'send-0010')
  ignored.push(...['TextPart', 'HTMLPart'].filter((field) => mail[field]))
  const sender = senderOf(template)
  const From = mail.From ?? (sender && given({ Email: sender.email, Name: sender.name }))
  const { subject, html, text } = merging('TemplateID', () =>
    written(template, mail.Variables ?? {}, (source) => source),
  )
  const TemplateLanguage = template.language === undefined ? mail.TemplateLanguage : false
  return { ...rest, From, Subject: mail.Subject || subject, HTMLPart: html, TextPart: text, TemplateLanguage }
}

/** Taken, and nothing is done with it here. */
const unused = 'Sender Priority TrackOpens TrackClicks URLTags MonitoringCategory TemplateErrorReporting'.split(' ')

const known = new Set(
  'From To Cc Bcc ReplyTo Subject TextPart HTMLPart Headers Attachments InlinedAttachments CustomID EventPayload CustomCampaign DeduplicateCampaign TemplateID TemplateLanguage TemplateErrorDeliver Variables'
    .split(' ')
    .concat(unused),
)

function wanted(mail: Json, key: string | undefined, ignored: string[]): Wanted {
  const unknown = Object.keys(mail).find((field) => !known.has(field))
  if (unknown !== undefined) throw wrong(unknown, `Unknown property ${unknown}.`)
  if (mail.DeduplicateCampaign === true) throw wrong('DeduplicateCampaign', 'Campaigns are not kept here.')
  if (mail.From == null) throw wrong('From', 'Missing mandatory property.', 'mj-0003')
  if (!Array.isArray(mail.To) || mail.To.length === 0) throw wrong('To', 'Missing mandatory property.', 'mj-0003')
  if (!mail.TextPart && !mail.HTMLPart) {
    throw wrong('TextPart', 'At least "HTMLPart", "TextPart" or "TemplateID" must be provided.', 'send-0003')
  }
  if ([mail.To, mail.Cc, mail.Bcc].flat().filter((one) => one != null).length > mostRecipients) {
    throw wrong('To', `At most ${mostRecipients} recipients in one message.`)
  }
  ignored.push(...unused.filter((field) => mail[field] != null && mail[field] !== 'account_default'))
  const [attached, inlined] = [filesIn(mail, 'Attachments'), filesIn(mail, 'InlinedAttachments')]
  const people = (list: Json) => (Array.isArray(list) ? list.map(person) : list)
  const metadata = given({ CustomID: mail.CustomID || undefined, EventPayload: mail.EventPayload || undefined })
  return {
    ...(key === undefined ? {} : { key }),
    field: (pointer) => fieldOf(pointer, attached.length),
    json: given({
      from: person(mail.From),
      to: people(mail.To),
      cc: people(mail.Cc),
      bcc: people(mail.Bcc),
      replyTo: mail.ReplyTo == null ? undefined : person(mail.ReplyTo),
      subject: merged(mail, 'Subject'),
      text: mail.TextPart ? merged(mail, 'TextPart') : undefined,
      html: mail.HTMLPart ? merged(mail, 'HTMLPart') : undefined,
      headers: nothing(mail.Headers) ? undefined : mail.Headers,
      attachments: [...attached.map(attachment), ...inlined.map((file) => ({ ...attachment(file), inline: true }))],
      tags: mail.CustomCampaign ? [mail.CustomCampaign] : undefined,
      metadata: Object.keys(metadata).length > 0 ? metadata : undefined,
    }),
  }
}

function person(one: Json): Json {
  if (typeof one !== 'object' || one === null) return one
  const { Email: email, Name: name, ...rest } = one
  return { email, ...(name ? { name } : {}), ...rest }
}

function filesIn(mail: Json, field: string): Json[] {
  const list = mail[field] ?? []
  if (!Array.isArray(list) || list.some((file) => file === null)) throw wrong(field, 'Type mismatch.')
  return list
}

function attachment({ ContentType, Filename, Base64Content, ContentID, ...rest }: Json): Json {
  return given({
    filename: Filename ?? '',
    contentType: ContentType,
    content: Base64Content ?? '',
    contentId: ContentID,
    ...rest,
  })
}

/** `{{var:name:"default"}}` when the template language is on; `[[var:name]]` whenever there are variables. */
function merged(mail: Json, field: string): unknown {
  const template = mail[field]
  if (typeof template !== 'string') return template
  const language = languageOf(mail.Variables ?? {})
  return merging(field, () => {
    const square = mail.Variables
      ? template.replace(/\[\[(\s*var:[^\][]*)\]\]/g, (_, name: string) => rendered(`{{${name}}}`, language, false))
      : template
    return mail.TemplateLanguage === true ? rendered(square, language, false) : square
  })
}

function languageOf(variables: unknown): Language {
  return {
    reads: (expression: string) =>
      expression
        .trim()
        .replace(
          /^var:([\w.]+)\s*:(?!\s*["'])([^|"]*)$/,
          (_, name: string, other: string) => `var.${name} | default:"${other.trim()}"`,
        )
        .replace(/^var:([\w.]+)\s*:\s*(["'].*)$/s, 'var.$1 | default:$2')
        .replace(/\bvar:(?=[A-Za-z_])/g, 'var.'),
    root(name: string) {
      if (name === 'var') return variables
      throw new TemplateError(`\`${name}\` is not known here: only var: is.`)
    },
  }
}

function merging<T>(field: string, write: () => T): T {
  return orRefused(write, (reason) => wrong(field, reason))
}

const names: Record<string, string> = {
  from: 'From',
  to: 'To',
  cc: 'Cc',
  bcc: 'Bcc',
  replyTo: 'ReplyTo',
  subject: 'Subject',
  text: 'TextPart',
  html: 'HTMLPart',
  headers: 'Headers',
  tags: 'CustomCampaign',
  email: 'Email',
  name: 'Name',
  filename: 'Filename',
  content: 'Base64Content',
  contentType: 'ContentType',
  contentId: 'ContentID',
}

/** @param files how many attachments stand before the inlined ones */
function fieldOf(pointer: string, files: number): string {
  const [first = '', ...rest] = pointer.slice(1).split('/')
  if (first === 'metadata') return rest[0] ?? 'EventPayload'
  const at = Number(rest[0])
  if (first === 'attachments' && !Number.isNaN(at)) {
    const list = at < files ? `Attachments[${at}]` : `InlinedAttachments[${at - files}]`
    return [list, ...rest.slice(1).map((step) => names[step] ?? step)].join('.')
  }
  const steps = rest.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${names[step] ?? step}`))
  return (names[first] ?? first) + (first === 'tags' ? '' : steps.join(''))
}

function answer(done: readonly Done[], asked: Asked, { messages, dry }: Sending): Reply {
  const troubles = done.flatMap((one) => (one.kind === 'refused' ? [one.trouble] : []))
  const [first] = troubles
  // What holds for all of them is no message's fault.
  if (first && troubles.length === done.length && (first.status >= 429 || first.code === 'too_large'))
    return refused(first)
  const body = done.map((one, index) => {
    if (one.kind === 'refused') return { Status: 'error', Errors: [errorOf(one.trouble)] }
    const wanted = messages[index]!
    const { to, cc, bcc, metadata } = ('json' in wanted ? wanted.json : {}) as Json
    const ids = ({ email }: { email: string }) =>
      dry
        ? { Email: email, MessageUUID: '', MessageID: '0', MessageHref: '' }
        : {
            Email: email,
            MessageUUID: uuidOf(one.id),
            MessageID: numberOf(one.id, email),
            MessageHref: `${asked.origin}/v1/messages/${one.id}`,
          }
    const list = (people: Json) => (people ?? []).map(ids)
    return { Status: 'success', CustomID: metadata?.CustomID ?? '', To: list(to), Cc: list(cc), Bcc: list(bcc) }
  })
  return { status: first ? 400 : 200, headers: json, body: withNumbers({ Messages: body }) }
}

const json = { 'content-type': 'application/json' }

/** Message ids as the numbers that they are, which JSON has and JavaScript has not. */
function withNumbers(body: unknown): string {
  return JSON.stringify(body).replace(/"MessageID":"(\d+)"/g, '"MessageID":$1')
}

/** The number of a mail for one recipient: FNV-1a over both, of the size of Mailjet's own. */
function numberOf(id: string, email: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(`${id} ${email.toLowerCase()}`)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return String((1n << 59n) + (hash >> 5n))
}

/** Mailjet signs nothing: whoever hears it asks for a user and a password. */
function secret(): NewSecret {
  const password = randomHex(24)
  return { secret: password, shown: { username: 'waypost', password } }
}

function call(event: MailEvent, message: Message, password: string): Told | null {
  const said = told(event)
  if (said === null || event.recipient === null) return null
  const number = numberOf(message.id, event.recipient)
  const body = {
    time: seconds(event.at),
    MessageID: number,
    Message_GUID: uuidOf(message.id),
    email: event.recipient,
    mj_campaign_id: 0,
    mj_contact_id: 0,
    customcampaign: message.tags[0] ?? '',
    CustomID: message.metadata.CustomID ?? '',
    Payload: message.metadata.EventPayload ?? '',
    ...(event.type === 'delivered' ? { mj_message_id: number } : {}),
    ...said,
  }
  return {
    headers: { ...json, authorization: `Basic ${base64(new TextEncoder().encode(`waypost:${password}`))}` },
    body: withNumbers(body),
  }
}

/** What is its own in an event: `sent` there is what we call delivered, and what waits is not told. */
function told(event: MailEvent): Record<string, unknown> | null {
  const client = { ip: '', geo: '', agent: '' }
  const kind = bounceKind(event)
  switch (event.type) {
    case 'delivered':
      return { event: 'sent', smtp_reply: reason(event) }
    case 'bounced':
      return {
        event: 'bounce',
        blocked: kind === 'block',
        hard_bounce: kind === 'hard',
        ...faults[kind],
        comment: reason(event),
      }
    case 'expired':
      return { event: 'bounce', blocked: false, hard_bounce: false, ...faults.soft, comment: reason(event) }
    case 'suppressed':
      return { event: 'blocked', error_related_to: 'mailjet', error: 'preblocked', comment: reason(event) }
    case 'rejected':
      return { event: 'blocked', error_related_to: 'system', error: 'system issue', comment: reason(event) }
    case 'opened':
      return { event: 'open', ...client }
    case 'clicked':
      return { event: 'click', url: clicked(event), ...client }
    case 'complained':
      return { event: 'spam', source: '' }
    case 'unsubscribed':
      return { event: 'unsub', mj_list_id: 0, ...client }
    default:
      return null
  }
}

const faults = {
  hard: { error_related_to: 'recipient', error: 'user unknown' },
  soft: { error_related_to: 'system', error: 'system issue' },
  block: { error_related_to: 'spam', error: 'sender blocked' },
}

/** A wrong property, under Mailjet's code. */
function wrong(field: string, detail: string, code = 'mj-0004'): Untranslatable {
  return new Untranslatable({ status: 400, code, detail, errors: [{ field, detail }] })
}

const codes: Record<string, [status: number, code: string]> = {
  malformed: [400, 'mj-0002'],
  unauthorized: [401, 'mj-0001'],
  scope: [403, 'mj-0001'],
  from_not_allowed: [403, 'send-0008'],
  not_found: [404, 'mj-0001'],
  method: [405, 'mj-0001'],
  too_large: [413, 'mj-0001'],
  media_type: [415, 'mj-0001'],
  rate: [429, 'mj-0001'],
  invalid_address: [400, 'mj-0013'],
}

const unauthorized =
  'API key authentication/authorization failure. You may be unauthorized to access the API or your API key may be expired.'

function errorOf({ status, code, detail, errors }: Trouble): Record<string, unknown> {
  const header = errors[0]?.field.startsWith('Headers.')
  const [http, its] = /^(?:mj|send)-\d/.test(code)
    ? [status, code]
    : (codes[code] ?? (status < 500 ? [400, header ? 'send-0011' : 'mj-0004'] : [status, 'mj-0001']))
  return {
    ErrorIdentifier: crypto.randomUUID(),
    ErrorCode: its,
    StatusCode: http,
    ErrorMessage: code === 'unauthorized' ? unauthorized : detail,
    ...(errors.length > 0 ? { ErrorRelatedTo: errors.map(({ field }) => field) } : {}),
  }
}

function refused(trouble: Trouble): Reply {
  const body = errorOf(trouble)
  const wait = trouble.retryAfter
  return {
    status: Number(body.StatusCode),
    ...(wait === undefined ? {} : { headers: { 'retry-after': String(wait) } }),
    body,
  }
}
