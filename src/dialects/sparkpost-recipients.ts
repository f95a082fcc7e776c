/** The recipients of a SparkPost transmission: each gets a copy, whose To shows him alone or whom `header_to` names. */
import { canonicalOrNull } from '../mail/address.ts'
import { type Trouble, wrongField } from '../mail/dialect.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import type { Mailbox } from '../mail/message.ts'
import type { Data } from './sparkpost-template.ts'

export interface Person {
  email: string
  /** Whom the To of his copy shows. */
  to: Mailbox[]
  tags: string[]
  metadata: Record<string, string>
  /** What templates may put in. */
  data: Data
  ignored: string[]
}

/** What holds for all of them. */
export interface Common {
  tags: string[]
  metadata: Data
  substitutions: Data
  /** The envelope's sender, for templates. */
  sender: string
}

/** One of the list, or why it is none. The others are sent all the same. */
export function person(given: unknown, index: number, common: Common): Person | { refused: Trouble } {
  const at = `recipients[${index}]`
  const recipient = typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {}
  const { address, tags, metadata, substitution_data: own, ...rest } = recipient
  const { email, name, header_to: headerTo, ...more } = addressOf(address)
  const canonical = typeof email === 'string' ? canonicalOrNull(email.trim()) : null
  const refused = (detail: string, code: string, description: string) => ({
    refused: { status: 422, code, detail, errors: [{ field: `${at}.address`, detail: description }] },
  })
  if (email === undefined || email === '') {
    return refused('required field is missing', '1400', 'address.email is required for each recipient')
  }
  if (canonical === null) {
    return refused('invalid data format/type', '1300', `invalid recipient address: ${String(email).slice(0, 100)}`)
  }
  const shownName = typeof name === 'string' && name !== '' ? { name } : {}
  const to = typeof headerTo === 'string' && headerTo.trim() !== '' ? everyMailboxIn(headerTo) : null
  if (headerTo !== undefined && to === null && headerTo !== '') {
    return refused('invalid data format/type', '1300', 'address.header_to is not a list of addresses')
  }
  const substitutions = record(own, `${at}.substitution_data`)
  const all = { ...common.metadata, ...common.substitutions, ...record(metadata, `${at}.metadata`), ...substitutions }
  const reserved = { name: shownName.name ?? '', email: canonical }
  return {
    email: canonical,
    to: to ?? [{ email: canonical, ...shownName }],
    tags: [...new Set([...common.tags, ...texts(tags, `${at}.tags`)])],
    metadata: strings({ ...common.metadata, ...record(metadata, `${at}.metadata`) }),
    data: {
      ...all,
      address: { ...(isRecord(all.address) ? all.address : {}), ...reserved },
      email: canonical,
      email_id: canonical,
      env_from: common.sender,
      return_path: common.sender,
    },
    ignored: [...Object.keys(rest), ...Object.keys(more).map((field) => `address.${field}`)].map(
      (field) => `recipients[].${field}`,
    ),
  }
}

/** An address is text, also with a name before it, or an object. */
function addressOf(address: unknown): Record<string, unknown> {
  if (typeof address !== 'string') return isRecord(address) ? address : {}
  const [only, ...others] = everyMailboxIn(address) ?? []
  return only !== undefined && others.length === 0 ? { ...only } : { email: address }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object, or none. @throws Untranslatable */
export function record(value: unknown, field: string): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (isRecord(value)) return value
  throw wrongField(field, `${field} is an object`)
}

function texts(value: unknown, field: string): string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw wrongField(field, `${field} is a list of strings`)
}

/** Metadata is text here: numbers as they are written, and what is nested as JSON. */
function strings(metadata: Data): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([name, value]) =>
      value === null ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)] as const],
    ),
  )
}
