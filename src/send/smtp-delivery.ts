/** One message over one session: what can be refused without asking, then one transaction for the rest. */
import { needsSmtpUtf8 } from '../mail/address.ts'
import type { Message, Recipient } from '../mail/message.ts'
import { type Cause, diagnostic, type Outcome, type Outcomes } from '../mail/outcome.ts'
import type { Outgoing } from './outgoing.ts'
import { type FarEnd, failed, isFailure, taken, type Verdict } from './smtp-reply.ts'
import type { SmtpSession } from './smtp-session.ts'

export interface Delivery {
  message: Message
  recipients: readonly Recipient[]
  outgoing: Outgoing
  far: FarEnd
  signal: AbortSignal
}

export interface Delivered {
  outcomes: Outcomes
  /** Those for whom nothing was sent because the connection was gone: another connection may try at once. */
  unsent: Recipient[]
}

/** Sends over `session`. Answers for every recipient. @throws only for an address that was never made canonical */
export async function deliverOver(session: SmtpSession, delivery: Delivery): Promise<Delivered> {
  const { message, outgoing, far, signal } = delivery
  const outcomes: Outcomes = new Map()
  const unsent: Recipient[] = []
  const recipients = delivery.recipients.filter(({ email }) => {
    const no = refusedHere(session, delivery, email)
    if (no) outcomes.set(email, no)
    return no === null
  })
  if (recipients.length === 0) return { outcomes, unsent }
  const { returnPath, dsn, messageId } = message
  const { size, eightBit } = outgoing
  const verdicts = await session.send({ returnPath, recipients, dsn, size, eightBit }, outgoing.content(), signal)
  for (const recipient of recipients) {
    const verdict = verdicts.get(recipient.email)!
    outcomes.set(recipient.email, isFailure(verdict) ? failed(verdict, far) : taken(verdict, far, messageId))
    if (!signal.aborted && wasGone(verdict)) unsent.push(recipient)
  }
  return { outcomes, unsent }
}

/** The connection broke, or was being closed (421), before the content was asked for. */
function wasGone(verdict: Verdict): boolean {
  if (!isFailure(verdict) || verdict.stage === 'body' || verdict.stage === 'dot') return false
  return verdict.reply === undefined || verdict.reply.code === 421
}

/** What the server's EHLO already told us it would not take: RFC 1870 section 6.1, RFC 6531 section 3.2. */
function refusedHere(session: SmtpSession, { outgoing, message }: Delivery, email: string): Outcome | null {
  const limit = Number(session.extensions.get('SIZE') ?? 0)
  if (limit > 0 && outgoing.size > limit) {
    return no('message', 552, '5.3.4', `the message has ${outgoing.size} bytes, and the server takes ${limit} at most`)
  }
  if (session.extensions.has('SMTPUTF8')) return null
  if (needsSmtpUtf8(email)) return no('recipient', 553, '5.6.7', 'the server does not offer SMTPUTF8')
  if (needsSmtpUtf8(message.returnPath)) {
    return no('message', 553, '5.6.7', 'the return path needs SMTPUTF8, and the server does not offer it')
  }
  return null
}

function no(cause: Cause, code: number, status: string, reason: string): Outcome {
  return { kind: 'rejected', cause, diagnostic: diagnostic(code, reason, status) }
}
