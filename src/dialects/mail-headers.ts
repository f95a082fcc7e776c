/**
 * The headers by which vendors' SMTP relays are steered, for applications that move by changing host and password alone. They are read
 * and never leave. What one asks for and nobody does here is named, so that it can be logged: such mail is sent all the same.
 * The last few are those of frameworks: Symfony's tags and metadata, and Anymail's.
 */
import type { HeaderWords, SaidInHeaders } from '../mail/dialect.ts'
import { decodeWords } from '../mail/headers.ts'

/** Every header of theirs, read below or not. */
const theirs =
  /^(?:x-(?:smtpapi$|pm-|mailgun-|ses-|mc-|msys-|mj-|mailjet-|mailin-|sib-|mt-|mailersend-|mailpace-tags$|tags?$|metadata(?:-|$))|resend-|ahasend-)/

/** Takes one value in; false when it cannot be done. */
type Reader = (value: string, said: SaidInHeaders, now: number) => boolean

/** By lower-case name. What is not here is not done. */
const readers: Record<string, Reader> = {
  'x-smtpapi': (value, said, now) => inJson(value, said, now, smtpApi, 'X-SMTPAPI'),
  'x-pm-tag': tag,
  'x-pm-message-stream': (value, said) => {
    if (value === 'broadcast') said.type = 'marketing'
    return value === 'broadcast' || value === 'outbound'
  },
  // Every Message-ID is kept.
  'x-pm-keepid': () => true,
  'x-mailgun-tag': tag,
  'x-mailgun-variables': metadata,
  'x-mailgun-deliver-by': (value, said, now) => sendAt(Date.parse(value), said, now),
  'x-ses-message-tags': pairs,
  'x-mc-tags': tags,
  'x-mc-metadata': metadata,
  // `2026-01-31 09:30:00`, in UTC.
  'x-mc-sendat': (value, said, now) => sendAt(Date.parse(`${value.trim().replace(' ', 'T')}Z`), said, now),
  'x-msys-api': (value, said, now) => inJson(value, said, now, msysApi, 'X-MSYS-API'),
  'x-mj-customid': (value, said) => pair('CustomID', value, said),
  'x-mj-eventpayload': (value, said) => pair('EventPayload', value, said),
  'x-mailjet-campaign': tag,
  'x-mailin-tag': tag,
  'x-mailin-custom': (value, said) => metadata(value, said) || pair('X-Mailin-custom', value, said),
  'x-mt-category': tag,
  'x-mt-custom-variables': metadata,
  'x-mailersend-tags': tags,
  'x-mailpace-tags': tags,
  'ahasend-tags': tags,
  'resend-idempotency-key': (value, said) => {
    if (!/^[!-~]{1,255}$/.test(value)) return false
    said.idempotencyKey = value
    return true
  },
  'x-tag': tag,
  'x-tags': tags,
  'x-metadata': metadata,
}

/** A key of metadata in each name. */
const metadataNames = /^x-(?:pm-)?metadata-(.+)$/

type JsonReader = (value: unknown, said: SaidInHeaders, now: number) => boolean

const smtpApi: Record<string, JsonReader> = {
  category: (value, said) => [value].flat().every((one) => typeof one === 'string' && tag(one, said)),
  unique_args: object,
  send_at: (value, said, now) => sendAt(Number(value) * 1000, said, now),
}

const msysApi: Record<string, JsonReader> = {
  campaign_id: (value, said) => typeof value === 'string' && tag(value, said),
  tags: (value, said) => Array.isArray(value) && value.every((one) => typeof one === 'string' && tag(one, said)),
  metadata: object,
  options: (value, said, now) => {
    if (typeof value !== 'object' || value === null) return false
    const { start_time, ...rest } = value as Record<string, unknown>
    const kept = start_time === undefined || sendAt(Date.parse(String(start_time)), said, now)
    return kept && Object.values(rest).every((one) => one === false)
  },
}

/** Asks for nothing. */
const off = /^(?:no|none|false|off|0|)$/i

export const mailHeaders: HeaderWords = {
  hides: (name) => theirs.test(name),
  read(fields, now) {
    const said: SaidInHeaders = { tags: [], metadata: {}, undone: [] }
    for (const [name, raw] of fields) {
      const lower = name.toLowerCase()
      if (!theirs.test(lower)) continue
      const value = decodeWords(raw).trim()
      const key = metadataNames.exec(lower)?.[1]
      const undone = said.undone.length
      const done = key === undefined ? readers[lower]?.(value, said, now) : pair(key, value, said)
      // Those in JSON name what is not done themselves.
      if (!(done ?? off.test(value)) && said.undone.length === undone) said.undone.push(name)
    }
    return said
  },
}

/** As many and as long as our own API takes. */
const most = { tags: 20, tag: 128, pairs: 50, key: 64, value: 1000, ahead: 366 * 86_400_000 }
const controls = /[\u0000-\u001f\u007f]/

function tag(value: string, { tags }: SaidInHeaders): boolean {
  const text = value.trim()
  if (tags.includes(text)) return true
  if (text === '' || [...text].length > most.tag || controls.test(text) || tags.length >= most.tags) return false
  tags.push(text)
  return true
}

/** `spring, sale`. */
function tags(value: string, said: SaidInHeaders): boolean {
  return value.split(',').filter((one) => !tag(one, said)).length === 0
}

function pair(key: string, value: string, { metadata }: SaidInHeaders): boolean {
  const fits = key !== '' && key.length <= most.key && value.length <= most.value && !controls.test(key + value)
  if (!fits || (!Object.hasOwn(metadata, key) && Object.keys(metadata).length >= most.pairs)) return false
  // Defines it: a key such as `__proto__` is data like any other.
  Object.defineProperty(metadata, key, { value, enumerable: true, configurable: true, writable: true })
  return true
}

/** `order=17, colour=red`. */
function pairs(value: string, said: SaidInHeaders): boolean {
  const all = value.split(',').map((one) => /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(one))
  return all.filter((found) => found === null || !pair(found[1]!, found[2]!, said)).length === 0
}

/** A JSON object. */
function metadata(value: string, said: SaidInHeaders): boolean {
  return object(parsed(value), said)
}

function object(value: unknown, said: SaidInHeaders): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const text = (one: unknown) => (typeof one === 'string' ? one : JSON.stringify(one))
  return Object.entries(value).filter(([key, one]) => !pair(key, text(one), said)).length === 0
}

function sendAt(at: number, said: SaidInHeaders, now: number): boolean {
  if (Number.isNaN(at) || at > now + most.ahead) return false
  said.sendAt = at
  return true
}

function inJson(
  value: string,
  said: SaidInHeaders,
  now: number,
  known: Readonly<Record<string, JsonReader>>,
  name: string,
): boolean {
  const fields = parsed(value)
  if (typeof fields !== 'object' || fields === null) return false
  const undone = Object.entries(fields).filter(([field, one]) => {
    return !(Object.hasOwn(known, field) && known[field]!(one, said, now))
  })
  said.undone.push(...undone.map(([field]) => `${name}: ${field.slice(0, 64)}`))
  return undone.length === 0
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return null
  }
}
