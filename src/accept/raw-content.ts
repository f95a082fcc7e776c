/** Raw mail as it streams in: checked, cleaned, our trace headers on top, large mail kept in pieces as it comes. */
import { createHash, type Hash, randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { decodeWords, headerValue, mailboxesIn, readBlock, withoutFields } from '../mail/headers.ts'
import type { Header, Mailbox } from '../mail/message.ts'
import { asBuffer, ContentGuard } from './content-guard.ts'
import { Refusal } from './refusals.ts'
import { type Foreign, isSteering } from './steering.ts'
import type { Door, RawContent } from './submit.ts'

/** Mail up to this size is handed on whole. */
const small = 64 * 1024
const pieceSize = 256 * 1024
const longestHeaderBlock = 100 * 1024
/** As Postfix counts hops (`hopcount_limit`): nothing honest has passed so many hosts. */
const mostReceived = 50
/** A field, or the `From ` line of an mbox file in front of one: mail that begins otherwise has no header block. */
const beginsWithField = /^(?:From [^\r\n]*\r\n)?[!-9;-~]+[ \t]*:/

export interface Arrival {
  door: Pick<Door, 'keep' | 'drop'>
  /** Bytes. */
  maxSize: number
  /** When it came. */
  now: number
  /** Our name: the right side of a Message-ID that we make. */
  host: string
  /** The value of our Received field, folded with CRLF and tab where it is long. */
  received: string
  /** Who it is from when no header From can be read; `''` when that is not known either. */
  returnPath: string
  /** Whose headers are taken out besides our own. */
  foreign?: Foreign | undefined
  /**
   * Called once with every field of the header block, those that are taken out among them, before anything is kept. May throw a
   * Refusal. When it returns text, the digest of that text and the cleaned content is worked out.
   */
  head(fields: Header[]): string | undefined
}

export interface RawMail {
  content: RawContent
  /** SHA-256, hex, over what `head` returned and the content without our trace headers; null when it returned nothing. */
  digest: string | null
}

/**
 * Takes one message. Its chunks are read to the end even when it is refused on the way, so that an SMTP session can go on.
 * A large message is kept with `door.keep` (which holds the sender back) and forgotten again with `door.drop` on any failure.
 * @param stream RFC 5322 bytes with CRLF line ends
 * @throws Refusal for the content, or whatever `stream`, `arrival.head` and `door.keep` threw
 */
export async function takeRaw(stream: AsyncIterable<Uint8Array>, arrival: Arrival): Promise<RawMail> {
  const intake = new Intake(arrival)
  try {
    for await (const chunk of stream) await intake.take(chunk)
  } catch (error) {
    await intake.forget()
    throw error
  }
  return intake.end()
}

/**
 * The same from a stream of Node's, which spares small mail a dozen promises.
 * @param awaits is told how many bytes have come whenever more are awaited, and null when we are the ones to be waited for
 */
export function takeStream(
  stream: Readable,
  arrival: Arrival,
  awaits: (received: number | null) => void,
): Promise<RawMail> {
  const intake = new Intake(arrival)
  let received = 0
  let busy: Promise<void> | null = null
  awaits(received)
  return new Promise((resolve, reject) => {
    const broken = async (error: Error) => {
      awaits(null)
      await busy
      await intake.forget()
      reject(error)
    }
    stream.on('data', (chunk: Buffer) => {
      busy = intake.take(chunk)
      received += chunk.length
      awaits(busy === null ? received : null)
      if (busy === null) return
      stream.pause()
      busy.then(() => {
        awaits(received)
        stream.resume()
      })
    })
    stream.on('end', () => {
      awaits(null)
      resolve(intake.end())
    })
    stream.on('error', broken)
    stream.on('close', () => {
      if (!stream.readableEnded) broken(new Error('The stream was closed before its end.'))
    })
  })
}

/** What the header block told. */
type Head = Pick<RawContent, 'headers' | 'from' | 'subject' | 'messageId'>

class Intake {
  readonly #arrival: Arrival
  readonly #guard: ContentGuard
  #chunks: Buffer[] = []
  /** Bytes in `#chunks`. */
  #gathered = 0
  /** Bytes that our fields add, less what was taken out. */
  #added = 0
  #head: Head | null = null
  #spool: string | null = null
  #refusal: { error: unknown } | null = null
  #hash: Hash | null = null

  constructor(arrival: Arrival) {
    this.#arrival = arrival
    this.#guard = new ContentGuard(arrival.maxSize)
  }

  /**
   * Takes a chunk; what is wrong with it is told by `end`, so that the rest is still read.
   * @returns what to wait for before the next one, where there is something
   */
  take(chunk: Uint8Array): Promise<void> | null {
    if (this.#refusal !== null) return null
    try {
      const bytes = asBuffer(chunk)
      this.#guard.take(bytes)
      if (this.#head !== null) this.#hash?.update(bytes)
      this.#push(bytes)
      if (this.#head === null && this.#gathered > small) this.#readHead(false)
      if (this.#head === null || this.#gathered < pieceSize) return null
      return this.#keep().then(
        () => {},
        (error) => this.#refuse(error),
      )
    } catch (error) {
      return this.#refuse(error)
    }
  }

  /** @throws what is wrong with the mail, when nothing is kept of it any more */
  async end(): Promise<RawMail> {
    try {
      if (this.#refusal !== null) throw this.#refusal.error
      return await this.#whole()
    } catch (error) {
      await this.forget()
      throw error
    }
  }

  async #whole(): Promise<RawMail> {
    this.#guard.end()
    if (this.#guard.size === 0) throw new Refusal('invalid_content', 'The message is empty.')
    if (this.#head === null) this.#readHead(true)
    const bytes = this.#guard.size > small ? await this.#keepRest() : this.#gather()
    const { size, attachments, inline, eightBit } = this.#guard
    return {
      content: { form: 'raw', ...this.#head!, size: size + this.#added, attachments, inline, eightBit, bytes },
      digest: this.#hash?.digest('hex') ?? null,
    }
  }

  #refuse(error: unknown): Promise<void> {
    this.#refusal = { error }
    return this.forget()
  }

  async forget(): Promise<void> {
    this.#chunks = []
    if (this.#spool === null) return
    const spool = this.#spool
    this.#spool = null
    await this.#arrival.door.drop(spool)
  }

  #push(bytes: Buffer): void {
    this.#chunks.push(bytes)
    this.#gathered += bytes.length
  }

  /** What has come since it was last asked, in one piece. */
  #gather(): Buffer {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#gathered)
    this.#chunks = []
    this.#gathered = 0
    return bytes
  }

  async #keep(): Promise<{ spool: string }> {
    this.#spool ??= randomUUID()
    await this.#arrival.door.keep(this.#spool, this.#gather())
    return { spool: this.#spool }
  }

  async #keepRest(): Promise<{ spool: string }> {
    return this.#gathered > 0 || this.#spool === null ? this.#keep() : { spool: this.#spool }
  }

  /** Reads the header block when it has come whole, and puts what goes on in its place. @param all the message has ended */
  #readHead(all: boolean): void {
    const message = this.#gather()
    const shape = blockShape(message)
    const start = shape === 'fields' ? (fieldsEnd(message) ?? (all ? message.length : null)) : 0
    if ((start ?? message.length) > longestHeaderBlock) {
      throw new Refusal('invalid_content', `The header block is longer than ${longestHeaderBlock} bytes.`)
    }
    if (start === null) {
      this.#push(message)
      return
    }
    const came = readBlock(message.subarray(0, start))
    checkHops(came.fields, this.#arrival.host)
    const digestOf = this.#arrival.head(came.fields)
    const { fields, bytes } = withoutFields(came, (name) => isHidden(name, this.#arrival.foreign))
    const given = headerValue(fields, 'message-id')
    const messageId = /<[^<>\s]+>/.exec(given ?? '')?.[0] ?? `<${randomUUID()}@${this.#arrival.host}>`
    this.#head = {
      headers: fields,
      from: firstFrom(fields, this.#arrival.returnPath),
      subject: decodeWords(headerValue(fields, 'subject') ?? ''),
      messageId,
    }
    let trace = `Received: ${this.#arrival.received}\r\n`
    if (given === undefined) trace += `Message-ID: ${messageId}\r\n`
    if (headerValue(fields, 'date') === undefined) trace += `Date: ${mailDate(this.#arrival.now)}\r\n`
    if (shape === 'none') trace += '\r\n'
    const cleaned = [asBuffer(bytes), message.subarray(start)]
    if (digestOf !== undefined) {
      this.#hash = createHash('sha256').update(`${digestOf}\0`)
      for (const part of cleaned) this.#hash.update(part)
    }
    for (const part of [Buffer.from(trace), ...cleaned]) this.#push(part)
    this.#added = this.#gathered - message.length
  }
}

let said = { second: Number.NaN, date: '' }

/** RFC 5322 section 3.3, in UTC. Mail of one second has one date. */
export function mailDate(at: number): string {
  const second = Math.floor(at / 1000)
  if (said.second !== second) said = { second, date: new Date(at).toUTCString().replace('GMT', '+0000') }
  return said.date
}

function isHidden(name: string, foreign: Foreign | undefined): boolean {
  return name === 'bcc' || name === 'resent-bcc' || isSteering(name, foreign)
}

/** Whether there is a header block: with fields, an empty one (the message begins with its blank line), or none. */
function blockShape(message: Buffer): 'fields' | 'empty' | 'none' {
  const beginning = message.toString('latin1', 0, 2000)
  if (beginsWithField.test(beginning)) return 'fields'
  return beginning.startsWith('\r\n') ? 'empty' : 'none'
}

/** Behind the blank line that ends the fields; the guard has seen to it that all lines end with CRLF. Null when it has not come. */
function fieldsEnd(message: Buffer): number | null {
  const at = message.indexOf('\r\n\r\n', 0, 'latin1')
  return at === -1 ? null : at + 4
}

/** The first mailbox of the header From; when none can be read, the return-path. */
function firstFrom(fields: readonly Header[], returnPath: string): Mailbox {
  for (const [name, value] of fields) {
    const mailbox = name.toLowerCase() === 'from' ? mailboxesIn(value)[0] : undefined
    if (mailbox !== undefined) return mailbox
  }
  return { email: returnPath }
}

/** @throws Refusal for mail that comes back to us again and again, or has wandered too long */
function checkHops(fields: readonly Header[], host: string): void {
  let all = 0
  let ours = 0
  for (const [name, value] of fields) {
    if (name.toLowerCase() !== 'received') continue
    all++
    if (value.includes(`by ${host} (Waypost)`)) ours++
  }
  if (all > mostReceived || ours >= 5) {
    throw new Refusal('mail_loop', `The message has passed ${all} hosts, ${ours} times this one.`)
  }
}
