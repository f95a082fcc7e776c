/** Who is to, cc and bcc of one call, for vendors that deliver to everyone in their to, cc and bcc fields. */
import type { Handoff } from './adapter.ts'
import type { Mailbox, Parts } from './message.ts'

export interface Roles {
  to: Mailbox[]
  cc: Mailbox[]
  bcc: Mailbox[]
}

/**
 * The roles of this call's recipients, with their display names: as in the message's To and Cc, everyone else bcc. Someone who
 * is not of this call is left out, for the vendor would mail them again. Where nobody is left in `to`, cc moves up, then bcc
 * (the gateway sends bcc recipients one a call then, so that none of them sees another).
 */
export function roles(handoff: Pick<Handoff, 'recipients'>, parts: Pick<Parts, 'to' | 'cc'>): Roles {
  const travelling = new Set(handoff.recipients.map((recipient) => recipient.email))
  const claim = (mailbox: Mailbox) => travelling.delete(mailbox.email)
  const to = parts.to.filter(claim)
  const cc = parts.cc.filter(claim)
  const bcc = [...travelling].map((email) => ({ email }))
  if (to.length > 0) return { to, cc, bcc }
  return cc.length > 0 ? { to: cc, cc: [], bcc } : { to: bcc, cc: [], bcc: [] }
}

/** Whom a vendor means by a list of our request and a place in it, as in `to.0.email`; null where there is nobody. */
export function recipientAt(handoff: Pick<Handoff, 'recipients' | 'content'>, list = '', place = ''): string | null {
  if (handoff.content.form !== 'parts') return null
  const { to, cc, bcc } = roles(handoff, handoff.content.parts)
  const people = { to, cc, bcc }[list.toLowerCase()]
  return people?.[Number(place)]?.email ?? null
}
