/** One message over one session: what can be refused without asking, then as few transactions as DSN allows. */
import { needsSmtpUtf8 } from '../mail/address.ts'
import type { Message, Recipient } from '../mail/message.ts'
import { type Cause, diagnostic, type Outcome, type Outcomes } from '../mail/outcome.ts'
import type { Outgoing } from './outgoing.ts'
import { type FarEnd, failed, taken } from './smtp-reply.ts'
import { isFailure, type SmtpSession, type Verdict } from './smtp-session.ts'

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

/** Sends over `session`. Answers for every recipient; never throws. */
export async function deliverOver(session: SmtpSession, delivery: Delivery): Promise<Delivered> {
  const { message, far, signal } = delivery
  const outcomes: Outcomes = new Map()
  const unsent: Recipient[] = []
  const going = delivery.recipients.filter((recipient) => {
    const no = refusedHere(session, delivery, recipient.email)
    if (no) outcomes.set(recipient.email, no)
    return no === null
  })
  for (const group of byDsn(going, session.extensions.has('DSN'))) {
    const verdicts = await session.send(
      {
        returnPath: message.returnPath,
        recipients: group.map((recipient) => recipient.email),
        size: delivery.outgoing.size,
        eightBit: delivery.outgoing.eightBit,
        ...(session.extensions.has('DSN') ? { dsn: { ...message.dsn, ...group[0]!.dsn } } : {}),
        content: delivery.outgoing.content(),
      },
      signal,
    )
    for (const recipient of group) {
      const verdict = verdicts.get(recipient.email)!
      outcomes.set(recipient.email, isFailure(verdict) ? failed(verdict, far) : taken(verdict, far, message.messageId))
      if (!signal.aborted && wasGone(verdict)) unsent.push(recipient)
    }
    // A refusal halfway leaves a transaction open on the server.
    await session.reset()
  }
  return { outcomes, unsent }
}

/** The connection broke, or was being closed (421), before the content was asked for. */
function wasGone(verdict: Verdict): boolean {
  if (!isFailure(verdict) || verdict.stage !== 'mail') return false
  return verdict.reply === undefined || verdict.reply.code === 421
}

/** What the server's EHLO already told us it would not take: RFC 1870 section 6.1, RFC 6531 section 3.2. */
function refusedHere(session: SmtpSession, { outgoing, message }: Delivery, email: string): Outcome | null {
  const no = (cause: Cause, code: number, status: string, reason: string): Outcome => ({
    kind: 'rejected',
    cause,
    diagnostic: diagnostic(code, reason, status),
  })
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

/**
 * Recipients that can share a transaction. The library knows one set of DSN parameters for a transaction, so those who asked
 * for different ones part (ORCPT is each recipient's own); where the server does not offer DSN, nobody does.
 */
function byDsn(recipients: readonly Recipient[], offered: boolean): Recipient[][] {
  const groups = new Map<string, Recipient[]>()
  for (const recipient of recipients) {
    const key = offered ? JSON.stringify([recipient.dsn.notify, recipient.dsn.orcpt]) : ''
    const group = groups.get(key)
    if (group) group.push(recipient)
    else groups.set(key, [recipient])
  }
  return [...groups.values()]
}
