/** `X-Waypost-` headers: how raw mail says what JSON says in fields. They are read here and never leave. */
import type { HeaderWords } from '../mail/dialect.ts'
import { decodeWords } from '../mail/headers.ts'
import type { Header } from '../mail/message.ts'
import { parseInstant } from './instant.ts'
import { Refusal } from './refusals.ts'
import type { Submission } from './submit.ts'

export type Steering = Pick<
  Submission,
  'type' | 'tags' | 'metadata' | 'sendAt' | 'expireAt' | 'provider' | 'idempotencyKey'
>

/** The headers of vendors' relays, which applications that used those go on writing. */
export interface Foreign {
  words: HeaderWords
  /** Told of the headers of one mail that ask for what is not done here. */
  undone(headers: readonly string[]): void
}

const prefix = 'x-waypost-'
const metadata = `${prefix}metadata-`
const controls = /[\u0000-\u001f\u007f]/

/** Whether a header (by its lower-case name) is for us alone: it is taken out before the mail goes on. */
export function isSteering(name: string, foreign?: Foreign): boolean {
  return name.startsWith(prefix) || (foreign?.words.hides(name) ?? false)
}

/** What the headers ask for, in our own words and in those of vendors' relays; our own come first. @throws Refusal as `ownSteering` */
export function steering(fields: readonly Header[], now: number, foreign: Foreign | undefined): Steering {
  const own = ownSteering(fields)
  if (!foreign || !fields.some(([name]) => foreign.words.hides(name.toLowerCase()))) return own
  const { undone, ...said } = foreign.words.read(fields, now)
  if (undone.length > 0) foreign.undone(undone)
  return {
    ...said,
    ...own,
    tags: [...new Set([...own.tags, ...said.tags])],
    metadata: Object.fromEntries([...Object.entries(said.metadata), ...Object.entries(own.metadata)]),
  }
}

/**
 * Reads `X-Waypost-Type`, `-Tag` (as often as needed), `-Metadata-<key>`, `-Send-At`, `-Expire-At` (RFC 3339),
 * `-Idempotency-Key` and `-Provider`. A metadata key comes out in lower case: header names have no case, and clients change it.
 * @throws Refusal `invalid_content` that names the header, for a value that is empty, not readable or given twice
 */
function ownSteering(fields: readonly Header[]): Steering {
  const one = new Map<string, string>()
  const read: Steering = { tags: [], metadata: {} }
  for (const [name, raw] of fields) {
    const key = name.toLowerCase()
    if (!key.startsWith(prefix)) continue
    const value = decodeWords(raw).trim()
    if (value === '' || value.length > 998 || controls.test(value)) throw bad(name, 'has no readable value')
    if (key === `${prefix}tag`) read.tags.push(value)
    else if (one.has(key)) throw bad(name, 'is given twice')
    else one.set(key, value)
  }
  if (one.size === 0) return read
  const entries = [...one].filter(([key]) => key.startsWith(metadata) && key !== metadata)
  // fromEntries defines properties: a key such as `__proto__` is data like any other.
  read.metadata = Object.fromEntries(entries.map(([key, value]) => [key.slice(metadata.length), value]))
  const type = one.get('x-waypost-type')
  const provider = one.get('x-waypost-provider')
  const idempotencyKey = one.get('x-waypost-idempotency-key')
  if (type !== undefined) read.type = type
  if (provider !== undefined) read.provider = provider
  if (idempotencyKey !== undefined) read.idempotencyKey = idempotencyKey
  const sendAt = instant('X-Waypost-Send-At', one.get('x-waypost-send-at'))
  const expireAt = instant('X-Waypost-Expire-At', one.get('x-waypost-expire-at'))
  if (sendAt !== undefined) read.sendAt = sendAt
  if (expireAt !== undefined) read.expireAt = expireAt
  return read
}

function instant(header: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const at = parseInstant(value)
  if (at === null) throw bad(header, 'is not an RFC 3339 date and time such as 2026-01-31T09:30:00Z')
  return at
}

function bad(header: string, problem: string): Refusal {
  return new Refusal('invalid_content', `The header ${header} ${problem}.`)
}
