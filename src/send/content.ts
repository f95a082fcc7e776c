/** A message's content in the form a way out takes: as it came where it can, converted once where it must. */
import type { Content } from '../mail/adapter.ts'
import { keptParts } from '../mail/kept-parts.ts'
import type { Form, Message, Parts } from '../mail/message.ts'

/**
 * The content of one message for every attempt of a round: conversions are made once. Rejects when it cannot be converted.
 * @param content the whole of it, where it is small enough to be at hand
 * @param load reads it anew for each stream, where it is not
 * @param convert runs what computes on the message's own bytes; see `queue/poison.ts`
 */
export function contentOf(
  { message, content }: { message: Message; content: Uint8Array | null },
  load: () => AsyncIterable<Uint8Array>,
  convert: (work: () => Promise<Content>) => Promise<Content>,
): (form: Form) => Promise<Content> {
  const converted = new Map<Form, Promise<Content>>()
  return (form) => {
    let known = converted.get(form)
    if (!known) {
      known = inForm(form)
      converted.set(form, known)
    }
    return known
  }

  async function inForm(form: Form): Promise<Content> {
    if (form === 'raw' && message.form === 'raw') {
      return content ? whole(content) : { form, size: message.size, bytes: () => gather(load()), stream: load }
    }
    const kept = content ?? (await gather(load()))
    // As we wrote them: nothing is converted.
    if (form === 'parts' && message.form === 'parts') return { form, parts: keptParts(kept) }
    return convert(async () => {
      // The libraries for this are loaded only here: most mail travels in the form in which it came.
      if (message.form === 'raw') {
        const { parse } = await import('../mail/parse.ts')
        return { form: 'parts', parts: readable(await parse(kept), message) }
      }
      const { compose } = await import('../mail/compose.ts')
      return whole(await compose(message, keptParts(kept)))
    })
  }
}

/** Raw mail with no readable From has one all the same: what was settled on when it was accepted. */
function readable(parts: Parts, message: Message): Parts {
  return parts.from.email === '' ? { ...parts, from: message.from } : parts
}

function whole(bytes: Uint8Array): Content {
  return {
    form: 'raw',
    size: bytes.length,
    bytes: () => Promise.resolve(bytes),
    async *stream() {
      yield bytes
    },
  }
}

/** Gathers a stream into one piece of memory. */
async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const gathered: Uint8Array[] = []
  for await (const piece of pieces) gathered.push(piece)
  return gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered)
}
