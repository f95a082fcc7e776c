/** The header block of raw mail: reading it without changing a byte of what stays, and taking out what must not leave. */
import { beyondAscii, canonicalOrNull, octets } from './address.ts'
import type { Header, Mailbox } from './message.ts'

/**
 * Where a raw message's header block ends: the index of its body (behind the first blank line, whichever way lines end), or null
 * while the block is not complete. 0 when the message begins with a blank line: then it has no header, and all of it is body.
 */
export function bodyStart(bytes: Uint8Array): number | null {
  if (bytes[0] === 0x0a || (bytes[0] === 0x0d && bytes[1] === 0x0a)) return 0
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) {
    if (bytes[at + 1] === 0x0a) return at + 2
    if (bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a) return at + 3
  }
  return null
}

export interface HeaderBlock {
  /** Every field, unfolded, in order, as it came (values not decoded, trimmed). Latin-1 when not valid UTF-8. */
  fields: Header[]
  /** Bytes of the block without the fields taken out; byte for byte what they were, the blank line included. */
  bytes: Uint8Array
}

/** A header block as it was read: for `withoutFields`, when some of it is to go. */
export interface ReadBlock extends HeaderBlock {
  /** For each field the index of its first byte and the one behind its last. */
  places: number[]
}

/** One UTF-16 unit for one byte, so that places in the text are places in the bytes. */
const latin1 = new TextDecoder('latin1')
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** RFC 5322 section 2.2; white space before the colon is obsolete syntax (4.5) that receivers still read as the field. */
const fieldName = /([!-9;-~]+)[ \t]*:/y

/**
 * Reads the header block and leaves out the fields whose lower-case name `remove` says yes to (with their folded lines).
 * Never throws: a line that is no field stays where it is (mbox `From ` lines, broken mail).
 * @param bytes the message up to and including the blank line (or all of a message without a body)
 */
export function readHeaders(bytes: Uint8Array, remove: (name: string) => boolean): HeaderBlock {
  return withoutFields(readBlock(bytes), remove)
}

/** Reads the header block as `readHeaders`, and leaves out nothing. */
export function readBlock(bytes: Uint8Array): ReadBlock {
  const text = latin1.decode(bytes)
  const ascii = !beyondAscii.test(text)
  const fields: Header[] = []
  const places: number[] = []
  for (let start = 0, next = 0; start < text.length; start = next) {
    const lineEnd = nextLine(text, start)
    next = lineEnd
    while (text[next] === ' ' || text[next] === '\t') next = nextLine(text, next)
    fieldName.lastIndex = start
    const name = fieldName.exec(text)?.[1]
    if (name === undefined) {
      if (text[start] === '\n' || (text[start] === '\r' && text[start + 1] === '\n')) break
      continue
    }
    const valueStart = fieldName.lastIndex
    const value = text.slice(valueStart, next)
    fields.push([name, unfold(ascii ? value : decode(value, bytes, valueStart, next))])
    places.push(start, next)
  }
  return { fields, bytes, places }
}

/** The block without the fields whose lower-case name `remove` says yes to. */
export function withoutFields({ fields, bytes, places }: ReadBlock, remove: (name: string) => boolean): HeaderBlock {
  const pieces: Uint8Array[] = []
  let keptTo = 0
  const kept = fields.filter(([name], index) => {
    if (!remove(name.toLowerCase())) return true
    pieces.push(bytes.subarray(keptTo, places[2 * index]))
    keptTo = places[2 * index + 1]!
    return false
  })
  if (pieces.length === 0) return { fields, bytes }
  pieces.push(bytes.subarray(keptTo))
  return { fields: kept, bytes: join(pieces) }
}

function nextLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end + 1
}

/** @param text the same bytes as Latin-1 */
function decode(text: string, bytes: Uint8Array, start: number, end: number): string {
  if (!beyondAscii.test(text)) return text
  try {
    return utf8.decode(bytes.subarray(start, end))
  } catch {
    return text
  }
}

/** The value without its line ends, and without spaces and tabs around it. */
function unfold(folded: string): string {
  const value = folded.replace(/\r?\n/g, '')
  let start = 0
  let end = value.length
  while (isBlank(value, start)) start++
  while (end > start && isBlank(value, end - 1)) end--
  return value.slice(start, end)
}

function isBlank(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  return unit === 0x20 || unit === 0x09
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** The first value of a header by its lower-case name. */
export function headerValue(fields: readonly Header[], name: string): string | undefined {
  return fields.find(([field]) => field.toLowerCase() === name)?.[1]
}

/** RFC 2047 section 2, with the language tag of RFC 2231. Text between the last marks may hold spaces: many write them. */
const encodedWord = /=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=/gi

/**
 * RFC 2047 encoded words to text. Never throws; what cannot be decoded stays as it is. Neighbours of one charset are decoded as
 * one, for many split a character between two words. Control characters that come out of a word become a space.
 */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return value
  const pieces: (string | Words)[] = []
  let read = 0
  for (const match of value.matchAll(encodedWord)) {
    const [whole, label, encoding, encoded] = match as unknown as [string, string, string, string]
    const between = value.slice(read, match.index)
    const last = pieces.at(-1)
    const neighbour = typeof last === 'object' && /^[ \t\r\n]*$/.test(between) ? last : null
    const charset = label.toLowerCase()
    const decoder = neighbour?.charset === charset ? neighbour.decoder : decoderFor(charset)
    if (decoder === null) continue
    read = match.index + whole.length
    if (neighbour === null) pieces.push(between)
    const bytes = /q/i.test(encoding) ? fromQ(encoded) : fromBase64(encoded)
    if (neighbour?.charset === charset) neighbour.bytes.push(bytes)
    else pieces.push({ charset, decoder, bytes: [bytes] })
  }
  pieces.push(value.slice(read))
  return pieces.map((piece) => (typeof piece === 'string' ? piece : textOf(piece))).join('')
}

/** Encoded words of one charset with nothing but white space between them. */
interface Words {
  charset: string
  decoder: TextDecoder
  bytes: Uint8Array[]
}

function textOf({ decoder, bytes }: Words): string {
  return decoder.decode(join(bytes)).replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

function decoderFor(charset: string): TextDecoder | null {
  try {
    return new TextDecoder(charset)
  } catch {
    return null
  }
}

function fromQ(encoded: string): Uint8Array {
  const bytes = new TextEncoder().encode(encoded.replaceAll('_', ' '))
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes[at] === 0x3d ? /^[\da-f]{2}$/i.exec(String.fromCharCode(...bytes.subarray(at + 1, at + 3))) : null
    bytes[length++] = hex === null ? bytes[at]! : Number.parseInt(hex[0], 16)
    if (hex !== null) at += 2
  }
  return bytes.subarray(0, length)
}

function fromBase64(encoded: string): Uint8Array {
  const digits = encoded.replace(/[^a-z\d+/]/gi, '')
  // A digit left over from a group of four stands for no byte.
  const whole = digits.length % 4 === 1 ? digits.slice(0, -1) : digits
  return Uint8Array.from(atob(whole), (byte) => byte.charCodeAt(0))
}

/** Every alternative begins differently and none can fail once begun, so that reading is linear whatever comes. */
const addressToken = /"((?:[^"\\]|\\.)*)"?|<([^<>]*)>?|[(),:;>]|(?:[^"<>(),:;\\]|\\.?)+/gs

/**
 * Every mailbox that can be read out of an address header (From, To, Cc, Bcc, Reply-To); what cannot be read is left out.
 * Groups give their members. An entry with two angle addresses is left out: receivers do not agree on which one it means.
 */
export function mailboxesIn(value: string): Mailbox[] {
  return readList(value).filter((mailbox) => mailbox !== null)
}

/** The same where nobody may be left out: null when an entry cannot be read, or a group is named like an address. */
export function everyMailboxIn(value: string): Mailbox[] | null {
  const list = readList(value)
  return list.every((mailbox) => mailbox !== null) ? list : null
}

/** The mailboxes of an address header, null in the place of each that cannot be read. */
function readList(value: string): (Mailbox | null)[] {
  const list: (Mailbox | null)[] = []
  let entry: Entry = { phrase: '', quoted: false, angles: [], comment: '' }
  const finish = () => {
    for (const mailbox of readEntry(entry)) list.push(mailbox)
    entry = { phrase: '', quoted: false, angles: [], comment: '' }
  }
  addressToken.lastIndex = 0
  for (let match = addressToken.exec(value); match !== null; match = addressToken.exec(value)) {
    const [token, quoted, angle] = match
    if (quoted !== undefined) {
      entry.phrase += quoted.replace(/\\(.)/gs, '$1')
      entry.quoted = true
    } else if (angle !== undefined) entry.angles.push(angle)
    else if (token === ',' || token === ';') finish()
    else if (token === ':') {
      if (entry.angles.length > 0 || entry.phrase.includes('@')) list.push(null)
      entry = { phrase: '', quoted: false, angles: [], comment: '' }
    } else if (token === '(') {
      const end = commentEnd(value, addressToken.lastIndex)
      entry.comment = value.slice(addressToken.lastIndex, end - 1)
      addressToken.lastIndex = end
    } else entry.phrase += token
  }
  finish()
  return list
}

interface Entry {
  phrase: string
  /** The phrase has a quoted string in it: it may be a name, but not an address. */
  quoted: boolean
  angles: string[]
  comment: string
}

function readEntry({ phrase, quoted, angles, comment }: Entry): (Mailbox | null)[] {
  const bare = angles.length === 0
  if (bare && !quoted && phrase.trim() === '') return []
  if (angles.length > 1 || (bare && quoted)) return [null]
  // Without angle brackets there should be one address; some write several with nothing but spaces between, or a name in front.
  const texts = bare
    ? phrase.split(/\s+/).filter((word) => word.includes('@'))
    : [angles[0]!.replace(/\([^()]*\)/g, '').trim()]
  if (texts.length === 0) return [null]
  const name = nameOf(bare || phrase.trim() === '' ? comment : phrase)
  return texts.map((text) => {
    const email = canonicalOrNull(text)
    return email === null ? null : name === '' ? { email } : { email, name }
  })
}

function nameOf(words: string): string {
  if (words === '') return ''
  return decodeWords(words)
    .replace(/[\s\p{Cc}\p{Cs}]+/gu, ' ')
    .trim()
}

/** Behind the comment whose opening parenthesis ends before `from`; comments nest (RFC 5322 section 3.2.2). */
function commentEnd(value: string, from: number): number {
  const mark = /\\.|[()]/gs
  mark.lastIndex = from
  let depth = 1
  for (let match = mark.exec(value); match !== null; match = mark.exec(value)) {
    if (match[0] === '(') depth++
    else if (match[0] === ')' && --depth === 0) return mark.lastIndex
  }
  return value.length + 1
}

const reserved =
  /^(?:bcc|cc|date|dkim-signature|from|mime-version|received|reply-to|return-path|sender|subject|to|(?:arc|content|resent|x-waypost)-.*)$/i

/** Whether a header is one that we write ourselves, or that only a mail server or a signer may write. */
function isReserved(name: string): boolean {
  return reserved.test(name)
}

const messageIds = /^<[!-;=?A-~]+@[!-;=?A-~]+>(?: +<[!-;=?A-~]+@[!-;=?A-~]+>)*$/
const unsubscribeUrls = /^<(?:https?|mailto):[!-;=?-~]+>(?:, *<(?:https?|mailto):[!-;=?-~]+>)*$/i
/** Octets of a value: room for References of a hundred messages, and two orders below what a header block may be. */
const longestValue = 8000
/** Octets of a value without a space: folding breaks only at spaces, and a line ends at 998 (RFC 5322 section 2.1.1). */
const longestWord = 900

/**
 * Whether a custom header may be set over the API: a legal name, a value without control characters, not one that we write.
 * Message-ID, In-Reply-To and References must hold message ids, List-Unsubscribe (RFC 2369) web or mail addresses, and
 * List-Unsubscribe-Post (RFC 8058) its one word.
 * @returns null when it may, else a sentence that says what is wrong
 */
export function headerProblem(name: string, value: string): string | null {
  if (!/^[!-9;-~]{1,76}$/.test(name))
    return 'A header name is 1 to 76 printable ASCII characters without space and colon.'
  if (isReserved(name)) return `${name} is not a header to set by hand.`
  if (value.trim() === '') return 'The value is empty.'
  if (value.length > longestValue) return `The value is longer than ${longestValue} octets.`
  if (/[\u0000-\u001f\u007f]/.test(value)) return 'The value has a control character in it.'
  if (/\p{Cs}/u.test(value)) return 'The value has half a character (a lone surrogate) in it.'
  if (octets(value) > longestValue) return `The value is longer than ${longestValue} octets.`
  if (value.split(' ').some((word) => octets(word) > longestWord)) {
    return `The value has more than ${longestWord} octets without a space, which no line can hold.`
  }
  switch (name.toLowerCase()) {
    case 'message-id':
      return messageIds.test(value) && !value.includes(' ') ? null : 'A Message-ID is one id such as <a@example.com>.'
    case 'in-reply-to':
    case 'references':
      return messageIds.test(value) ? null : `${name} is a list of ids such as <a@example.com>, with spaces between.`
    case 'list-unsubscribe':
      return unsubscribeUrls.test(value) ? null : 'List-Unsubscribe is a list of <https:…> or <mailto:…>.'
    case 'list-unsubscribe-post':
      return value === 'List-Unsubscribe=One-Click' ? null : 'List-Unsubscribe-Post is List-Unsubscribe=One-Click.'
    default:
      return null
  }
}

/** What mail servers on the way have written, and what parts have a place of their own for. */
const uncarried = /^(?:message-id|received-.*|x-received|delivered-to|authentication-results|domainkey-signature)$/i

/** Whether a header of raw mail goes along as a custom header when the mail is turned into parts. */
export function isCarried(name: string): boolean {
  return !isReserved(name) && !uncarried.test(name)
}

/** What the header block of raw mail tells without reading the body: whether only raw MIME carries it whole. */
export function isRawOnly(headers: readonly Header[]): boolean {
  const [type = '', ...parameters] = (headerValue(headers, 'content-type') ?? '').toLowerCase().split(';')
  return (
    /^\s*(?:multipart\/(?:signed|encrypted|report)|application\/(?:x-)?pkcs7-mime|message\/.*|text\/calendar)\s*$/.test(
      type,
    ) || parameters.some((parameter) => /^\s*method\s*=/.test(parameter))
  )
}
