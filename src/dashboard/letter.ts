/** A message's content, opened for reading. */
import { keptParts } from '../mail/kept-parts.ts'
import type { Message, Parts } from '../mail/message.ts'
import type { DashboardParts } from './parts.ts'

type Contents = Pick<DashboardParts['store'], 'content'>

/** What is read for a page at most, in bytes; larger mail is shown without its content. */
const most = 40_000_000

/** Why there is nothing to read, in words for the page. */
export class Unreadable extends Error {
  override name = 'Unreadable'
}

/** @throws Unreadable when the content was swept or is too large for a page */
async function gather(store: Contents, id: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of store.content(id)) {
    length += piece.length
    if (length > most) throw new Unreadable('The message is too large to show here.')
    pieces.push(piece)
  }
  if (length === 0) throw new Unreadable('The content is no longer kept.')
  return Buffer.concat(pieces, length)
}

/**
 * The message as parts, whichever form it is kept in.
 * @throws Unreadable
 */
export async function letter(store: Contents, message: Pick<Message, 'id' | 'form'>): Promise<Parts> {
  const bytes = await gather(store, message.id)
  if (message.form === 'parts') return keptParts(bytes)
  const { parse } = await import('../mail/parse.ts')
  return parse(bytes).catch(() => {
    throw new Unreadable('This mail is not well formed enough to take apart; its source still shows it.')
  })
}

/**
 * The message as RFC 5322, in pieces: mail that came raw just as it is kept, of any size; parts as they would be composed.
 * @throws Unreadable
 */
export async function* source(store: Contents, message: Message): AsyncGenerator<Uint8Array> {
  if (message.form === 'raw') return yield* store.content(message.id)
  const { compose } = await import('../mail/compose.ts')
  yield await compose(message, keptParts(await gather(store, message.id)))
}
