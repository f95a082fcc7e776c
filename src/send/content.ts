/** A message's content in the form a way out takes: as it came where it can, converted once where it must. */
import type { Content } from '../mail/adapter.ts'
import { compose } from '../mail/compose.ts'
import type { Form, Message, Parts } from '../mail/message.ts'
import { parse } from '../mail/parse.ts'

/** Gathers a stream into one piece of memory. */
export async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const gathered: Uint8Array[] = []
  for await (const piece of pieces) gathered.push(piece)
  return gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered)
}

/**
 * The content of one message for every attempt of a round: `load` is asked again for each stream, conversions are made once.
 * The result throws (rejects) when the content cannot be converted.
 */
export function contentOf(message: Message, load: () => AsyncIterable<Uint8Array>): (form: Form) => Promise<Content> {
  let converted: Promise<Content> | null = null
  return (form) => {
    if (form === message.form && form === 'raw') {
      return Promise.resolve({ form, size: message.size, bytes: () => gather(load()), stream: load })
    }
    converted ??= (async () => {
      const kept = await gather(load())
      if (form === 'parts') {
        const parts =
          message.form === 'parts' ? (JSON.parse(new TextDecoder().decode(kept)) as Parts) : await parse(kept)
        return { form, parts }
      }
      const bytes = await compose(message, JSON.parse(new TextDecoder().decode(kept)) as Parts)
      return {
        form,
        size: bytes.length,
        bytes: () => Promise.resolve(bytes),
        async *stream() {
          yield bytes
        },
      }
    })()
    return converted
  }
}
