/** Line ends of raw mail that was read from a file: Unix keeps LF alone, mail wants CRLF. */
import { Refusal } from './refusals.ts'

const cr = 13
const lf = 10

/**
 * The same bytes with CRLF line ends. The first line decides: ends it with LF alone, so must all, and each is made CRLF;
 * ends it with CRLF, nothing is changed (and whoever reads on refuses what is bare).
 * @throws Refusal `invalid_content` when a CR comes among lines that end with LF
 */
export async function* withCrlf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ends: 'crlf' | 'lf' | null = null
  let hadCr = false
  let last = 0
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue
    if (ends === null) {
      const first = chunk.indexOf(lf)
      const before = first > 0 ? chunk[first - 1] : last
      if (first !== -1) ends = before === cr ? 'crlf' : 'lf'
      last = chunk[chunk.length - 1]!
    }
    if (ends !== 'crlf') hadCr ||= chunk.includes(cr)
    if (ends === 'lf' && hadCr) {
      throw new Refusal('invalid_content', 'The message mixes line ends: they must be CRLF, or all LF.')
    }
    yield ends === 'lf' ? Buffer.from(latin1(chunk).replaceAll('\n', '\r\n'), 'latin1') : chunk
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
