/**
 * Teaches postal-mime two things that its options do not offer; loading this file is enough, and `parse.ts` does.
 *
 * It gathers the lines of a part without transfer encoding (7bit, 8bit) as they are. Its own way makes a Blob of every line (6 µs
 * each: 14 s for a megabyte of empty lines), turns CRLF into LF, and leaves the line end in the content that belongs to the
 * boundary behind it (RFC 2046 section 5.1.1). And it gives up on a message of very many parts: each costs as much as a mail.
 */
import PostalMime from 'postal-mime'

/** Far more than people send, and few enough that reading them takes milliseconds. */
const mostParts = 1000

/** postal-mime's inner contract between a part and what decodes it. */
interface Decoder {
  /** @param line without its line end */
  update(line: Uint8Array): void
  finalize(): Promise<ArrayBuffer>
}

interface Part {
  /** The parser, one for each message. */
  postalMime: object
  contentDecoder: Decoder
  setupContentDecoder(encoding: string): void
}

class Lines implements Decoder {
  #bytes = new Uint8Array(1024)
  #length = 0

  update(line: Uint8Array): void {
    if (this.#length + line.length + 2 > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + line.length + 2))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes.set(line, this.#length)
    this.#length += line.length
    this.#bytes[this.#length++] = 0x0d
    this.#bytes[this.#length++] = 0x0a
  }

  async finalize(): Promise<ArrayBuffer> {
    return this.#bytes.buffer.slice(0, Math.max(this.#length - 2, 0))
  }
}

/** Takes the last line end off what a decoder gives. */
function ending(decoder: Decoder): Decoder {
  return {
    update: (line) => decoder.update(line),
    finalize: async () => {
      const bytes = await decoder.finalize()
      return new Uint8Array(bytes).at(-1) === 0x0a ? bytes.slice(0, -1) : bytes
    },
  }
}

const part: Part = Object.getPrototypeOf((new PostalMime() as unknown as { root: Part }).root)
const setup = part.setupContentDecoder
const counts = new WeakMap<object, number>()

part.setupContentDecoder = function (this: Part, encoding: string): void {
  const count = (counts.get(this.postalMime) ?? 0) + 1
  if (count > mostParts) throw new Error(`Maximum of ${mostParts} MIME parts exceeded`)
  counts.set(this.postalMime, count)
  setup.call(this, encoding)
  if (/quoted-printable/i.test(encoding)) this.contentDecoder = ending(this.contentDecoder)
  else if (!/base64/i.test(encoding)) this.contentDecoder = new Lines()
}
