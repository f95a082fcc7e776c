/** What no message may hold, checked as its bytes stream by. */
import { isAscii } from 'node:buffer'
import { Refusal } from './refusals.ts'

/** RFC 5322 section 2.1.1: octets of a line without its CRLF. */
const longestLine = 998
const partLine = /^content-disposition[ \t]*:[ \t]*(attachment|inline)\b/i
const lineFeed = 10
const nothing = Buffer.alloc(0)

/**
 * Refuses what would make us half of an SMTP-smuggling pair when it is relayed (a bare CR, a bare LF, NUL), lines that no relay
 * need take, and more bytes than allowed; counts what routing asks for. How the bytes are cut into chunks makes no difference.
 *
 * Lines are searched in a latin-1 string, where `indexOf` is at its fastest: 5 KB take 2.7 us in all. The search alone takes 1.5,
 * with `Buffer.indexOf` 3.6, byte by byte 9.6.
 */
export class ContentGuard {
  /** Bytes so far. */
  size = 0
  /** There was a byte above 127. */
  eightBit = false
  /** `Content-Disposition: attachment` lines, in whatever part they stand. */
  attachments = 0
  inline = 0
  readonly #maxSize: number
  /** The line that has not ended yet. */
  #open: Buffer = nothing

  constructor(maxSize: number) {
    this.#maxSize = maxSize
  }

  /** @throws Refusal `too_large` or `invalid_content`; nothing more may be given to it then. */
  take(chunk: Uint8Array): void {
    this.size += chunk.length
    if (this.size > this.#maxSize) {
      throw new Refusal('too_large', `The message is larger than ${this.#maxSize} bytes.`)
    }
    if (!this.eightBit && !isAscii(chunk)) this.eightBit = true
    const bytes = asBuffer(chunk)
    let at = 0
    if (this.#open.length > 0) {
      at = bytes.indexOf(lineFeed) + 1
      if (at === 0) {
        this.#keepOpen(Buffer.concat([this.#open, bytes]))
        return
      }
      this.#lines(Buffer.concat([this.#open, bytes.subarray(0, at)]).toString('latin1'))
      this.#open = nothing
    }
    const end = bytes.lastIndexOf(lineFeed) + 1
    if (end > at) {
      this.#lines(bytes.toString('latin1', at, end))
      at = end
    }
    if (at < bytes.length) this.#keepOpen(bytes.subarray(at))
  }

  /** Checks a last line without CRLF. @throws Refusal */
  end(): void {
    if (this.#open.length > 0) this.#lines(`${this.#open.toString('latin1')}\r\n`)
  }

  #keepOpen(line: Buffer): void {
    // Its CR may be there already.
    if (line.length > longestLine + 1) throw tooLong()
    this.#open = line
  }

  /** @param text lines, each with its LF */
  #lines(text: string): void {
    if (text.includes('\0')) throw invalid('a NUL')
    for (let at = 0; at < text.length; ) {
      const lf = text.indexOf('\n', at)
      const cr = text.indexOf('\r', at)
      if (cr === -1 || cr !== lf - 1) throw invalid(cr !== -1 && cr < lf ? 'a bare CR' : 'a bare LF')
      if (cr - at > longestLine) throw tooLong()
      if (mayBePartLine(text, at)) this.#count(text.slice(at, cr))
      at = lf + 1
    }
  }

  #count(line: string): void {
    const kind = partLine.exec(line)?.[1]?.toLowerCase()
    if (kind === 'attachment') this.attachments++
    if (kind === 'inline') this.inline++
  }
}

/** The same bytes with the methods of a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** `C......-D`, which base64 never has: spares the regular expression nearly every line. */
function mayBePartLine(text: string, at: number): boolean {
  return text.charCodeAt(at + 7) === 0x2d && (text.charCodeAt(at) | 0x20) === 0x63
}

function invalid(what: string): Refusal {
  return new Refusal('invalid_content', `The message has ${what} in it; lines end with CRLF (RFC 5321 section 2.3.8).`)
}

function tooLong(): Refusal {
  return new Refusal('invalid_content', `The message has a line longer than ${longestLine} octets.`)
}
