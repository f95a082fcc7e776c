/** The header block of raw mail: reading it without changing a byte of what stays, and taking out what must not leave. */
import type { Header, Mailbox } from './message.ts'

/** Where a raw message's header block ends: the index of its body, or null while the block is not complete. */
export function bodyStart(bytes: Uint8Array): number | null {
  void bytes
  return null
}

export interface HeaderBlock {
  /** Every field, unfolded, in order, as it came (values not decoded, trimmed). Latin-1 when not valid UTF-8. */
  fields: Header[]
  /** Bytes of the block without the fields taken out; byte for byte what they were, the blank line included. */
  bytes: Uint8Array
}

/**
 * Reads the header block and leaves out the fields whose lower-case name `remove` says yes to (with their folded lines).
 * Never throws: a line that is no field stays where it is (mbox `From ` lines, broken mail).
 * @param bytes the message up to and including the blank line (or all of a message without a body)
 */
export function readHeaders(bytes: Uint8Array, remove: (name: string) => boolean): HeaderBlock {
  void remove
  return { fields: [], bytes }
}

/** The first value of a header by its lower-case name. */
export function headerValue(fields: readonly Header[], name: string): string | undefined {
  return fields.find(([field]) => field.toLowerCase() === name)?.[1]
}

/** RFC 2047 encoded words to text. Never throws; what cannot be decoded stays as it is. */
export function decodeWords(value: string): string {
  return value
}

/** Every mailbox that can be read out of an address header (From, To, Cc, Bcc, Reply-To); what cannot be read is left out. */
export function mailboxesIn(value: string): Mailbox[] {
  void value
  return []
}

/** Whether a custom header may be set over the API: a legal name, a value without control characters, not one that we write. */
export function headerProblem(name: string, value: string): string | null {
  void name
  void value
  return null
}
