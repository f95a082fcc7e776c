/** The content as it goes out: what was accepted, byte for byte, with header fields of our own in front where need be. */
import type { Handoff } from '../mail/adapter.ts'

/** Up to here a message is held in memory whole, which is quicker; above it is streamed. */
const inOnePiece = 1_048_576

const nothing = Buffer.alloc(0)

export interface Outgoing {
  /** Bytes, the fields in front included. */
  size: number
  eightBit: boolean
  /** May be asked for several times: once for each transaction. */
  content(): Uint8Array | AsyncIterable<Uint8Array>
}

/**
 * @param fields whole header lines, each ended by CRLF; `''` for none
 * @throws TypeError when the handoff does not bring raw mail, and whatever reading it throws
 */
export async function outgoing(handoff: Pick<Handoff, 'content' | 'message'>, fields: string): Promise<Outgoing> {
  const { content, message } = handoff
  if (content.form !== 'raw') throw new TypeError('SMTP carries raw mail only')
  const front = fields === '' ? nothing : Buffer.from(fields)
  const size = front.length + content.size
  const eightBit = message.eightBit || front.length !== fields.length
  if (content.size > inOnePiece) {
    return { size, eightBit, content: () => (front.length === 0 ? content.stream() : chain(front, content.stream())) }
  }
  const bytes = await content.bytes()
  const whole = front.length === 0 ? bytes : Buffer.concat([front, bytes])
  return { size: whole.length, eightBit, content: () => whole }
}

async function* chain(front: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield front
  yield* rest
}

/**
 * Header lines from names and values; line breaks in them become spaces, so that no value makes a field of its own. A line that
 * is too long (RFC 5322 section 2.1.1) is folded at its spaces.
 */
export function headerLines(fields: readonly (readonly [string, string])[]): string {
  return fields.map((field) => `${folded(field.map((part) => part.replace(/[\r\n]+/g, ' ')).join(': '))}\r\n`).join('')
}

function folded(line: string): string {
  const lines: string[] = []
  // The space behind the name is no place to fold: it would leave a field without a value in its first line.
  let [rest, first] = [line, line.indexOf(': ') + 1]
  while (rest.length > 998) {
    const near = rest.lastIndexOf(' ', 900)
    const at = near > first ? near : rest.indexOf(' ', 901)
    if (at < 0) break
    lines.push(rest.slice(0, at))
    rest = rest.slice(at)
    first = 0
  }
  return [...lines, rest].join('\r\n')
}
