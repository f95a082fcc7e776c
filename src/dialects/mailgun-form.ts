/** Mailgun's forms: fields that may repeat, options by prefix (`o:`, `h:`, `v:`, `t:`), and the ids of what they ask for. */
import { type Asked, type Sending, Untranslatable, wrongField } from '../mail/dialect.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import type { Mailbox } from '../mail/message.ts'
import { digest, hex } from '../mail/signature.ts'

/** Every field under its name, with all its values, in order. */
export class Form {
  readonly texts = new Map<string, string[]>()
  readonly files = new Map<string, File[]>()

  add(name: string, value: string | File): void {
    // PHP writes lists as `to[0]`, `to[]`. Behind `h:` and `v:` names are the client's own.
    const key = /^[hv]:/.test(name) ? name : name.replace(/\[\d{0,4}\]$/, '')
    if (typeof value === 'string') this.texts.set(key, [...this.all(key), value])
    else this.files.set(key, [...(this.files.get(key) ?? []), value])
  }

  all(name: string): string[] {
    return this.texts.get(name) ?? []
  }

  has(name: string): boolean {
    return this.texts.has(name)
  }

  one(name: string): string | undefined {
    return this.all(name)[0]
  }

  /** Whether an option is on. */
  is(name: string): boolean {
    return /^(?:yes|true)$/i.test(this.one(name) ?? '')
  }

  /** What stands behind a prefix, by the rest of its name. */
  under(prefix: string): [name: string, values: string[]][] {
    return [...this.texts].flatMap(([name, values]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), values] as [string, string[]]] : [],
    )
  }
}

/** @throws Untranslatable */
export async function formOf({ body, headers }: Asked): Promise<Form> {
  const type = headers['content-type'] ?? ''
  const form = new Form()
  if (body.length === 0) return form
  if (!/^(?:multipart\/form-data|application\/x-www-form-urlencoded)\b/i.test(type)) {
    const detail = 'The body is taken as multipart/form-data or application/x-www-form-urlencoded.'
    throw new Untranslatable({ status: 415, code: 'media_type', detail })
  }
  const request = new Response(body as Uint8Array<ArrayBuffer>, { headers: { 'content-type': type } })
  const data = await request.formData().catch(() => {
    throw new Untranslatable({ status: 400, code: 'malformed', detail: 'The form cannot be read.' })
  })
  for (const [name, value] of data) form.add(name, value)
  return form
}

/** What is said of a template that is not in the config. */
export const templates = 'Templates are not kept here: send text or html.'
const refusedFields: Record<string, string> = {
  template: templates,
  'o:deliverytime-optimize-period': 'Times are not optimised here: say o:deliverytime.',
  'o:time-zone-localize': 'Times are not optimised here: say o:deliverytime.',
  'o:archive-to': 'Copies of what was delivered are not kept here.',
}
const understood = new Set([
  't:variables',
  't:text',
  'o:tag',
  'o:testmode',
  'o:deliverytime',
  'o:deliver-within',
  'o:require-tls',
])

export interface Options {
  tags: string[]
  sendAt: number | undefined
  expireAt: number | undefined
  dry: boolean
  /** Names of fields that do nothing here. */
  ignored: string[]
}

/** @param known fields without a prefix that the endpoint reads */
export function optionsOf(form: Form, known: readonly string[], at: number): Options {
  const ignored: string[] = []
  ignored.push(...[...form.files.keys()].filter((name) => !known.includes(name)))
  for (const name of form.texts.keys()) {
    if (refusedFields[name] !== undefined && !known.includes(name)) throw wrongField(name, refusedFields[name], 400)
    if (name.startsWith('t:') && !(known.includes('template') && form.has('template'))) {
      throw wrongField(name, templates, 400)
    }
    if (/^[hv]:/.test(name) || known.includes(name) || understood.has(name)) continue
    ignored.push(name)
  }
  if (form.is('o:require-tls')) {
    throw wrongField('o:require-tls', 'TLS all the way cannot be promised here.', 400)
  }
  const sendAt = timeOf(form.one('o:deliverytime'), at)
  const within = form.one('o:deliver-within')
  return {
    tags: [...new Set(form.all('o:tag'))],
    sendAt,
    expireAt: within === undefined ? undefined : (sendAt ?? at) + lengthOf(within),
    dry: form.is('o:testmode'),
    ignored,
  }
}

/** RFC 2822. A time that has gone by means at once. */
function timeOf(text: string | undefined, at: number): number | undefined {
  if (text === undefined || text.trim() === '') return undefined
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw wrongField('o:deliverytime', 'This is not a date of RFC 2822.', 400)
  return time > at ? time : undefined
}

/** `1h30m`, in milliseconds. */
function lengthOf(text: string): number {
  const [, hours = '0', minutes = '0'] = /^(?=.)(?:(\d{1,3})h)?(?:(\d{1,4})m)?$/.exec(text) ?? []
  const length = (Number(hours) * 60 + Number(minutes)) * 60_000
  if (length === 0) throw wrongField('o:deliver-within', 'This is not a length of time such as 1h30m.', 400)
  return length
}

/** The Message-ID without its brackets; one that follows from the client's own key where it has one, so that a second call is the first. */
export async function newMessageId({ headers, params }: Asked): Promise<string> {
  const domain = params.domain ?? ''
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?$/.test(domain)) {
    throw new Untranslatable({ status: 404, code: 'not_found', detail: `Domain not found: ${domain}` })
  }
  const key = headers['idempotency-key']
  if (key === undefined) return `${crypto.randomUUID()}@${domain}`
  const follows = hex(await digest('SHA-256', `${headers.authorization}\n${key}`)).slice(0, 32)
  return `${follows.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}@${domain}`
}

/** The id by which a client knows a message, from its Message-ID: without brackets, and the batch's for a copy. */
export function shownId(messageId: string): string {
  return messageId.replace(/^<|>$/g, '').replace(/^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.\d+@/, '$1@')
}

export function sendingOf({ dry, ignored }: Options): Pick<Sending, 'dry' | 'ignored' | 'together'> {
  return { dry, ignored, together: true }
}

/** Puts values in. */
export type Fill = (text: string) => string

/** Comma lists, in fields that repeat. */
export function mailboxes(form: Form, field: string, fill: Fill = (text) => text): Mailbox[] {
  return form.all(field).flatMap((text) => {
    const read = everyMailboxIn(fill(text))
    if (read) return read
    throw wrongField(field, `${field} parameter is not a valid address. please check documentation`, 400)
  })
}

/** Variables as a header has them: JSON. */
export function variablesIn(field: string, text: string): Record<string, string> {
  try {
    const read: unknown = JSON.parse(text)
    const entries = Object.entries(read as object).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ])
    return Object.fromEntries(entries)
  } catch {
    throw wrongField(field, 'This is not a JSON object.', 400)
  }
}

/** Our pointers in the names of its parameters. */
export function fieldName(pointer: string): string {
  const [field = '', name] = pointer.slice(1).split('/')
  if (field === 'headers') return `h:${name ?? ''}`
  if (field === 'metadata') return name === undefined ? 'v:' : `v:${name}`
  return (
    {
      replyTo: 'h:Reply-To',
      tags: 'o:tag',
      sendAt: 'o:deliverytime',
      expireAt: 'o:deliver-within',
      attachments: 'attachment',
    }[field] ?? field
  )
}
