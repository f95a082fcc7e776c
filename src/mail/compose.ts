/** From parts to RFC 5322: deterministic, so that every attempt at every provider carries the same bytes. */
import type { Message, Parts } from './message.ts'

/**
 * The message as raw RFC 5322 bytes, CRLF line ends, no line above 998 octets, 7-bit clean, with `message.messageId` and
 * `message.acceptedAt` as Message-ID and Date. No Bcc. The same input always gives the same bytes (boundaries come from the id).
 */
export function compose(message: Pick<Message, 'id' | 'messageId' | 'acceptedAt'>, parts: Parts): Promise<Uint8Array> {
  void message
  void parts
  throw new Error('not written yet')
}
