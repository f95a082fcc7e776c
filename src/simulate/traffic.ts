/** The mail that a simulation is run over: as it was accepted, and whom of it no provider can reach. */
import type { Message, Priority } from '../mail/message.ts'

export interface Mail {
  message: Message
  recipients: {
    email: string
    /** No provider can reach it: its mailbox does not exist. */
    bounces?: true
  }[]
}

/** What a type of mail was owed when it was recorded, by its name. */
export type Owed = Readonly<Record<string, { priority: Priority; expire: number }>>

/**
 * The message as it would be under other contracts: what it has from its type, it has from the new one; what its sender asked for,
 * such as a time of its own to expire, stays.
 */
export function under(message: Message, before: Owed, now: Owed): Message {
  const [was, is] = [before[message.type], now[message.type]]
  if (was === undefined || is === undefined) return message
  const start = message.sendAt ?? message.acceptedAt
  const priority = message.priority === was.priority ? is.priority : message.priority
  const expireAt = message.expireAt - start === was.expire ? start + is.expire : message.expireAt
  return { ...message, priority, expireAt }
}

/** Mail in the order of its acceptance, in pieces that threads can share without a copy: each is JSON of an array of mails. */
export type Pages = readonly Uint8Array[]

/** Mails of one page. */
export const pageSize = 1_000

export function pageOf(mails: readonly Mail[]): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(mails))
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  return shared
}

export function* mailsIn(pages: Pages): Generator<Mail> {
  for (const page of pages) yield* JSON.parse(Buffer.from(page).toString()) as Mail[]
}
