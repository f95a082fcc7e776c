/** Mailgun's `messages.mime`: ready-made mail, whose envelope is in `to` alone. */
import { type Asked, type Sending, type Wanted, wrongField } from '../mail/dialect.ts'
import { bodyStart, headerProblem, headerValue, readHeaders } from '../mail/headers.ts'
import type { Header } from '../mail/message.ts'
import { joined } from '../mail/signature.ts'
import {
  type Form,
  fieldName,
  formOf,
  mailboxes,
  newMessageId,
  type Options,
  optionsOf,
  sendingOf,
  variablesIn,
} from './mailgun-form.ts'

/** The header fields of raw mail. */
export function fieldsOf(raw: Uint8Array): readonly Header[] {
  return readHeaders(raw.subarray(0, bodyStart(raw) ?? raw.length), () => false).fields
}

export async function readMime(asked: Asked): Promise<Sending> {
  const form = await formOf(asked)
  const options = optionsOf(form, ['to', 'message'], asked.at)
  if (form.texts.has('recipient-variables')) {
    throw wrongField('recipient-variables', 'Ready-made mail is sent as it is: use messages for batches.', 400)
  }
  const [file] = form.files.get('message') ?? []
  const given = file ? new Uint8Array(await file.arrayBuffer()) : new TextEncoder().encode(form.one('message') ?? '')
  if (given.length === 0) throw wrongField('message', 'message parameter is missing', 400)
  const to = mailboxes(form, 'to').map(({ email }) => email)
  if (to.length === 0) throw wrongField('to', 'to parameter is missing', 400)
  const own = ownHeaders(given, options)
  const variables = Object.fromEntries(form.under('v:').map(([name, values]) => [name, values[0]!]))
  const key = asked.headers['idempotency-key']
  const wanted: Wanted = {
    raw: await completed(own.raw, form, options, asked),
    to: [...new Set(to)],
    tags: [...new Set([...options.tags, ...own.tags])],
    metadata: { ...own.metadata, ...variables },
    ...(options.sendAt === undefined ? {} : { sendAt: options.sendAt }),
    ...(key === undefined ? {} : { key }),
    field: (pointer) => (/^\/(?:to|tags|metadata)\b/.test(pointer) ? fieldName(pointer) : 'message'),
  }
  return { messages: [wanted], ...sendingOf({ ...options, dry: options.dry || own.dry }) }
}

interface Own {
  raw: Uint8Array
  tags: string[]
  metadata: Record<string, string>
  dry: boolean
}

/** Symfony, Laravel and the SMTP relay's clients say things to Mailgun in headers: read and taken out. */
function ownHeaders(raw: Uint8Array, { ignored }: Options): Own {
  const own: Own = { raw, tags: [], metadata: {}, dry: false }
  const start = bodyStart(raw) ?? raw.length
  for (const [name, value] of fieldsOf(raw)) {
    const lower = name.toLowerCase()
    if (lower === 'x-mailgun-tag') own.tags.push(value)
    else if (lower === 'x-mailgun-variables') Object.assign(own.metadata, variablesIn(name, value))
    else if (lower === 'x-mailgun-drop-message') own.dry = /^(?:yes|true)$/i.test(value)
    else if (lower === 'x-mailgun-recipient-variables' || lower.startsWith('x-mailgun-template')) {
      throw wrongField(name, 'Ready-made mail is sent as it is.', 400)
    } else if (lower.startsWith('x-mailgun-')) ignored.push(name)
  }
  const { bytes } = readHeaders(raw.subarray(0, start), (name) => name.startsWith('x-mailgun-'))
  return { ...own, raw: joined(bytes, raw.subarray(start)) }
}

/** With the headers on top that the form asks for and the mail has not. */
async function completed(
  raw: Uint8Array,
  form: Form,
  { expireAt, ignored }: Options,
  asked: Asked,
): Promise<Uint8Array> {
  const fields = fieldsOf(raw)
  const lines: string[] = []
  if (headerValue(fields, 'message-id') === undefined) lines.push(`Message-ID: <${await newMessageId(asked)}>`)
  if (expireAt !== undefined) lines.push(`X-Waypost-Expire-At: ${new Date(expireAt).toISOString()}`)
  for (const [name, [value = '']] of form.under('h:')) {
    const taken = headerValue(fields, name.toLowerCase()) !== undefined
    if (taken || headerProblem(name, value) !== null) ignored.push(`h:${name}`)
    else lines.push(`${name}: ${value}`)
  }
  return joined(lines.map((line) => `${line}\r\n`).join(''), raw)
}
