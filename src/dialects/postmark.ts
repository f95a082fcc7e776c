/**
 * Postmark: https://postmarkapp.com/developer/api/email-api. Every no is `{ErrorCode, Message}`, and a suppressed recipient is one, in
 * words that its SDKs take apart. A message stream is a type of mail here. Templates are those of the config; tracking is not done.
 * Unverified: the HTTP status with 701 and 407, the wording of most messages, and how far `../` leads in Mustachio.
 */
import { formatMailbox } from '../mail/address.ts'
import {
  type Asked,
  type Dialect,
  type Done,
  given,
  idOfUuid,
  jsonBody,
  jsonValue,
  objects,
  type Reply,
  type Sending,
  type Trouble,
  Untranslatable,
  uuidOf,
  type Wanted,
  wrongField,
} from '../mail/dialect.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import type { Mailbox } from '../mail/message.ts'
import { orRefused, TemplateError } from './expression.ts'
import { checkHandlebars, handlebars } from './handlebars.ts'
import { bounceIn, bounceList, bouncesWanted, bounceWanted, instant, shown, tells } from './postmark-reads.ts'
import { checking, storedTemplate, type Write, written } from './stored.ts'

const mostInBatch = 500
/** What vendors' own examples and CI use: everything is checked, nothing sent. */
const testToken = 'POSTMARK_API_TEST'

export default {
  name: 'postmark',
  key: ({ headers }) => headers['x-postmark-server-token'] ?? null,
  routes: [
    { method: 'POST', path: '/email', does: { kind: 'send', read: readOne, answer: answerOne } },
    { method: 'POST', path: '/email/batch', does: { kind: 'send', read: readBatch, answer: answerBatch } },
    { method: 'POST', path: '/email/withTemplate', does: { kind: 'send', read: readTemplated, answer: answerOne } },
    {
      method: 'POST',
      path: '/email/batchWithTemplates',
      does: { kind: 'send', read: readTemplatedBatch, answer: answerBatch },
    },
    { method: 'POST', path: '/email/bulk', does: { kind: 'send', read: noBulk, answer: answerOne } },
    {
      method: 'GET',
      path: '/messages/outbound/{id}/details',
      does: { kind: 'show', id: ({ params }) => idOfUuid(params.id ?? ''), answer: shown },
    },
    { method: 'GET', path: '/bounces', does: { kind: 'events', read: bouncesWanted, answer: bounceList } },
    { method: 'GET', path: '/bounces/{id}', does: { kind: 'events', read: bounceWanted, answer: bounceIn } },
    { method: 'GET', path: '/server', does: { kind: 'say', answer: server } },
  ],
  tells,
  wrongTemplate: checking(checkTemplate),
  refused,
} satisfies Dialect

function readOne(asked: Asked): Sending {
  return sending(asked, [jsonBody(asked)])
}

function readBatch(asked: Asked): Sending {
  const list = jsonValue(asked.body)
  if (!Array.isArray(list)) throw invalid('A batch is a list of messages.')
  return sending(asked, list)
}

type Email = Record<string, unknown>

/** @param untemplated what an email says in place of the template that it names */
function sending(asked: Asked, list: unknown[], untemplated?: (email: Email, ignored: Set<string>) => Email): Sending {
  if (list.length > mostInBatch) {
    throw coded(410, `The batch has ${list.length} messages; the maximum is ${mostInBatch}.`)
  }
  const ignored = new Set<string>()
  const key = asked.headers['idempotency-key']
  return {
    ...(asked.headers['x-postmark-server-token'] === testToken ? { dry: true } : {}),
    messages: list.map((email, index) => {
      try {
        if (typeof email !== 'object' || email === null) throw invalid('A message is an object.')
        const named = key === undefined ? {} : { key: list.length === 1 ? key : `${key}#${index}` }
        const said = untemplated?.(email as Email, ignored) ?? (email as Email)
        return { ...named, ...wanted(said, ignored) }
      } catch (error) {
        if (error instanceof Untranslatable && (list.length > 1 || untemplated)) return { refused: error.trouble }
        throw error
      }
    }),
    // Filled while the messages were read.
    ignored: [...ignored],
  }
}

const unkept =
  "The 'TemplateId' or 'TemplateAlias' is not known: the template is not kept here. Send HtmlBody or TextBody."

function readTemplated(asked: Asked): Sending {
  return sending(asked, [jsonBody(asked)], (email, ignored) => untemplated(email, ignored, asked))
}

function readTemplatedBatch(asked: Asked): Sending {
  const { Messages } = jsonBody(asked)
  if (!Array.isArray(Messages)) throw invalid('Messages is a list of messages.')
  return sending(asked, Messages, (email, ignored) => untemplated(email, ignored, asked))
}

/** Mustachio: https://postmarkapp.com/support/article/1077-template-syntax. */
const mustachio: Write = (source, values, html) => handlebars(source, values, html, { as: 'mustachio' })

/** @throws TemplateError */
function checkTemplate(source: string): void {
  if (/\{\{\{?\s*@content\b/.test(source)) throw new TemplateError('It is a layout: put the content into it.')
  checkHandlebars(source)
}

function untemplated(email: Email, ignored: Set<string>, asked: Asked): Email {
  const { TemplateId, TemplateAlias, TemplateModel, InlineCss, ...rest } = email
  const template = storedTemplate(asked, TemplateAlias, TemplateId)
  if (template === null) throw coded(1101, unkept)
  if (InlineCss === true) ignored.add('InlineCss')
  if (typeof TemplateModel !== 'object' || TemplateModel === null) {
    throw wrongField('TemplateModel', 'It is an object with the values of the template.')
  }
  const { subject, html, text } = orRefused(
    () => written(template, TemplateModel as Email, mustachio),
    (reason) => wrongField('TemplateModel', reason),
  )
  return { ...rest, From: rest.From ?? template.from, Subject: subject, HtmlBody: html, TextBody: text }
}

function noBulk(): never {
  throw coded(403, 'Bulk sending is not translated: use /email/batch.')
}

/** Our fields by Postmark's names. */
const names: Record<string, string> = {
  from: 'From',
  to: 'To',
  cc: 'Cc',
  bcc: 'Bcc',
  replyTo: 'ReplyTo',
  subject: 'Subject',
  text: 'TextBody',
  html: 'HtmlBody',
  headers: 'Headers',
  attachments: 'Attachments',
  tags: 'Tag',
  metadata: 'Metadata',
  type: 'MessageStream',
}

function wanted(email: Record<string, unknown>, ignored: Set<string>): Wanted {
  const { From, To, Cc, Bcc, ReplyTo, Subject, TextBody, HtmlBody, Headers, Attachments, Tag, Metadata, ...rest } =
    email
  const { MessageStream, TrackOpens, TrackLinks, ...unknown } = rest
  if (TrackOpens === true) ignored.add('TrackOpens')
  if (typeof TrackLinks === 'string' && TrackLinks !== 'None') ignored.add('TrackLinks')
  for (const name of Object.keys(unknown)) {
    if (name.startsWith('Template')) throw coded(1101, unkept)
    ignored.add(name)
  }
  const [from, ...others] = mailboxes('From', From) ?? []
  if (from === undefined || others.length > 0) throw wrongField('From', 'It names exactly one address.')
  return {
    field: (pointer) => names[pointer.split('/')[1]!] ?? pointer.slice(1),
    json: given({
      from,
      to: mailboxes('To', To),
      cc: mailboxes('Cc', Cc),
      bcc: mailboxes('Bcc', Bcc),
      replyTo: mailboxes('ReplyTo', ReplyTo),
      subject: Subject,
      text: TextBody || undefined,
      html: HtmlBody || undefined,
      headers: headers(Headers, ignored),
      attachments: objects(Attachments, () => wrongField('Attachments', 'Attachments are a list.')).map(attachment),
      tags: Tag ? [Tag] : undefined,
      metadata: metadata(Metadata),
      type: typeOf(MessageStream),
    }),
  }
}

/** `Ann <ann@example.com>, bob@example.com`. */
function mailboxes(field: string, value: unknown): Mailbox[] | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const list = typeof value === 'string' ? everyMailboxIn(value) : null
  if (list === null) throw wrongField(field, 'An address in it cannot be read.')
  return list
}

function headers(list: unknown, ignored: Set<string>): Record<string, string> {
  const seen = new Map<string, string>()
  for (const { Name, Value } of objects(list, () => wrongField('Headers', 'Headers are a list of Name and Value.'))) {
    const name = String(Name ?? '')
    if (seen.has(name)) throw wrongField('Headers', `${name} is given twice.`)
    // Our Message-IDs are kept, asked or not.
    if (/^x-pm-keepid$/i.test(name)) continue
    if (/^x-pm-/i.test(name)) ignored.add(name)
    else seen.set(name, String(Value ?? ''))
  }
  return Object.fromEntries(seen)
}

function attachment({ Name, Content, ContentType, ContentID }: Record<string, unknown>) {
  return given({
    filename: Name,
    content: typeof Content === 'string' ? Content.replace(/\s+/g, '') : Content,
    contentType: ContentType || undefined,
    contentId: typeof ContentID === 'string' && ContentID !== '' ? ContentID.replace(/^cid:/i, '') : undefined,
  })
}

/** Values become text, as they do there. */
function metadata(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given ?? undefined
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, typeof value === 'object' ? value : String(value)]),
  )
}

/** A stream is a type of mail: those that every server has are ours of the same meaning, others are types of their own names. */
function typeOf(stream: unknown): unknown {
  if (stream === undefined || stream === null || stream === '' || stream === 'outbound') return undefined
  return stream === 'broadcast' ? 'marketing' : stream
}

const reasons =
  'Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression.'

function answerOne([done]: readonly Done[], asked: Asked, { messages, dry }: Sending): Reply {
  const body = result(done!, messages[0]!, asked, dry)
  return { status: body.ErrorCode === 0 ? 200 : statusOf(done!), body }
}

/** The status of a no that is the whole answer. */
function statusOf(done: Done): number {
  return done.kind === 'refused' ? codeOf(done.trouble)[0] : 422
}

function answerBatch(done: readonly Done[], asked: Asked, { messages, dry }: Sending): Reply {
  return { status: 200, body: done.map((one, index) => result(one, messages[index]!, asked, dry)) }
}

/** What became of one message. When everybody is suppressed that is a no. */
function result(done: Done, wanted: Wanted, { at }: Asked, dry = false) {
  if (done.kind === 'refused') return said(done.trouble)
  const inactive = done.recipients.filter(({ status }) => status === 'suppressed').map(({ email }) => email)
  const found = inactive.join(', ').toLowerCase()
  if (inactive.length > 0 && inactive.length === done.recipients.length) {
    const tried = 'You tried to send to recipient(s) that have been marked as inactive.'
    return { ErrorCode: 406, Message: `${tried} Found inactive addresses: ${found}. ${reasons}` }
  }
  const { to, cc, bcc } = ('json' in wanted ? wanted.json : {}) as Partial<Record<'to' | 'cc' | 'bcc', Mailbox[]>>
  const list = (people: Mailbox[] | undefined) => people?.map(formatMailbox).join(', ')
  const partly = `Message OK, but will not deliver to these inactive addresses: ${found}. ${reasons}`
  return {
    ...given({ To: list(to), Cc: list(cc), Bcc: list(bcc) }),
    SubmittedAt: instant(at),
    MessageID: uuidOf(done.id),
    ErrorCode: 0,
    Message: dry ? 'Test job accepted' : inactive.length > 0 ? partly : 'OK',
  }
}

function server(): Reply {
  return {
    status: 200,
    body: {
      ID: 1,
      Name: 'Waypost',
      ApiTokens: [],
      Color: 'blue',
      SmtpApiActivated: true,
      RawEmailEnabled: false,
      DeliveryType: 'Live',
      ServerLink: '',
      InboundAddress: '',
      InboundHookUrl: '',
      BounceHookUrl: '',
      OpenHookUrl: '',
      DeliveryHookUrl: '',
      ClickHookUrl: '',
      PostFirstOpenOnly: false,
      InboundDomain: '',
      InboundHash: '',
      InboundSpamThreshold: 0,
      TrackOpens: false,
      TrackLinks: 'None',
      IncludeBounceContentInHook: false,
      EnableSmtpApiErrorHooks: false,
    },
  }
}

/** A no by its number there, which `code` bears. */
function coded(code: number, detail: string): Untranslatable {
  return new Untranslatable({ code: String(code), detail })
}

function invalid(detail: string): Untranslatable {
  return coded(300, detail)
}

/** HTTP status and ErrorCode. https://postmarkapp.com/developer/api/overview#error-codes */
const codes: Record<string, [status: number, code: number]> = {
  unauthorized: [401, 10],
  scope: [401, 10],
  malformed: [422, 402],
  from_not_allowed: [422, 400],
  method: [405, 0],
  too_large: [413, 413],
  media_type: [415, 409],
  in_flight: [409, 0],
  rate: [429, 429],
  unavailable: [503, 100],
  stopping: [503, 100],
  full: [503, 100],
  internal: [500, 0],
}

function codeOf({ code, status, errors }: Trouble): [status: number, code: number] {
  if (/^\d+$/.test(code)) return [422, Number(code)]
  if (errors.some(({ field }) => field === 'MessageStream')) return [422, 1235]
  return codes[code] ?? (status < 500 ? [422, 300] : [status, 0])
}

function said(trouble: Trouble): { ErrorCode: number; Message: string } {
  const [, ErrorCode] = codeOf(trouble)
  const [first] = trouble.errors
  if (first === undefined) return { ErrorCode, Message: trouble.detail }
  if (ErrorCode === 1235) return { ErrorCode, Message: `The 'MessageStream' was not found. ${first.detail}` }
  const address = /^(From|To|Cc|Bcc|ReplyTo)$/.test(first.field)
  return { ErrorCode, Message: `Invalid '${first.field}' ${address ? 'address' : 'field'}: ${first.detail}` }
}

function refused(trouble: Trouble, { path }: Asked): Reply {
  const retry = trouble.retryAfter === undefined ? {} : { headers: { 'retry-after': String(trouble.retryAfter) } }
  if (trouble.code === 'not_found') {
    if (path.startsWith('/messages/'))
      return { status: 422, body: { ErrorCode: 701, Message: "Message doesn't exist." } }
    return { status: 404, body: { ErrorCode: 0, Message: trouble.detail } }
  }
  return { status: codeOf(trouble)[0], ...retry, body: said(trouble) }
}
