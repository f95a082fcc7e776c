/**
 * How a message in parts is kept: a line of JSON, and behind it its bodies and attachments as the text they are. In JSON each of
 * their characters would be looked at once more on the way in, and once more on the way out, which is dear for what is long.
 */
import type { Attachment, Parts } from './message.ts'

/** The line: what is short, and the lengths of what is not, in UTF-16 code units; null for a body that there is not. */
interface Head extends Omit<Parts, 'text' | 'html' | 'attachments'> {
  attachments: Omit<Attachment, 'content'>[]
  /** Of text, html and each attachment's content. */
  lengths: (number | null)[]
}

const decoder = new TextDecoder()

/** The bytes that `keptParts` reads. */
export function keepParts({ text, html, attachments, ...short }: Parts): Uint8Array {
  const long = [text, html, ...attachments.map(({ content }) => content)]
  const head: Head = {
    ...short,
    attachments: attachments.map(({ content: _, ...file }) => file),
    lengths: long.map((one) => one?.length ?? null),
  }
  return Buffer.from(`${JSON.stringify(head)}\n${long.join('')}`)
}

/** The parts that were kept. @throws Error when these bytes are none */
export function keptParts(bytes: Uint8Array): Parts {
  const kept = decoder.decode(bytes)
  let at = kept.indexOf('\n') + 1
  // Stores up to version 7 have all of it in JSON, which has no line ends.
  if (at === 0) return JSON.parse(kept)
  const { lengths, attachments, ...short }: Head = JSON.parse(kept.slice(0, at))
  const [text, html, ...files] = lengths.map((length) => {
    if (length === null) return null
    at += length
    return kept.slice(at - length, at)
  })
  return {
    ...short,
    ...(text == null ? {} : { text }),
    ...(html == null ? {} : { html }),
    attachments: attachments.map((file, index) => ({ ...file, content: files[index]! })),
  }
}
