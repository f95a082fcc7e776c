/**
 * What follows from outcomes, recipient by recipient. Pure, and the one place that knows the table "whose fault decides what
 * happens" of `src/README.md`.
 */

import { suppressionKey } from '../mail/address.ts'
import type { EventType } from '../mail/event.ts'
import type { Message, Recipient, RecipientStatus } from '../mail/message.ts'
import type { Cause, Outcome, Outcomes } from '../mail/outcome.ts'
import type { AttemptEnd, NewEvent, Suppression } from '../store/store.ts'

/** What one outcome means for the recipient it is about. */
export type Fate =
  /** Over: nothing more is tried. */
  | { kind: 'ended'; status: RecipientStatus; suppress: boolean }
  /** Another provider may do better, now. `refusal`: when none can, that is final (`bounced`), else the recipient waits. */
  | { kind: 'elsewhere'; refusal: boolean }
  /** Try again later, after the schedule or `retryAfter` milliseconds. */
  | { kind: 'later'; retryAfter: number }
  /** The call was refused for another recipient's sake, or without saying whose: again at once, without the culprits or one by one. */
  | { kind: 'again' }
  /** It may have been taken: the type's contract decides. */
  | { kind: 'unknown' }

/**
 * @param alone the call had this recipient only
 */
export function fate(outcome: Outcome, alone: boolean): Fate {
  switch (outcome.kind) {
    case 'accepted':
      return { kind: 'ended', status: 'sent', suppress: false }
    case 'delivered':
      return { kind: 'ended', status: 'delivered', suppress: false }
    case 'unknown':
      return { kind: 'unknown' }
    case 'deferred':
      if (outcome.cause === 'message' && outcome.retryAfter === 0 && !alone) return { kind: 'again' }
      if (movesOn.has(outcome.cause)) return { kind: 'elsewhere', refusal: false }
      return { kind: 'later', retryAfter: outcome.retryAfter ?? 0 }
    case 'rejected':
      if (movesOn.has(outcome.cause)) return { kind: 'elsewhere', refusal: false }
      if (outcome.cause === 'message' && isOwnLimit(outcome)) return { kind: 'elsewhere', refusal: true }
      if (outcome.cause === 'network') return { kind: 'later', retryAfter: 0 }
      return { kind: 'ended', status: 'bounced', suppress: outcome.cause === 'recipient' && namesTheMailbox(outcome) }
  }
}

/** Faults that another provider can mend. Our own network is not one of them: there, all would fail. */
const movesOn: ReadonlySet<Cause> = new Set(['identity', 'account', 'provider', 'host'])

/** Too large for this vendor is not too large for every vendor, nor is what its own library will not send. */
function isOwnLimit({ diagnostic }: Extract<Outcome, { kind: 'rejected' }>): boolean {
  return diagnostic.status === '5.3.4' || /^(413|552|SDK)\b/.test(diagnostic.code)
}

/**
 * Whether a bounce says that the mailbox does not exist, so that mailing it again is wrong. A full or disabled mailbox, a policy
 * or a routing trouble (RFC 3463: 5.2.x, 5.4.x, 5.7.x) never suppresses anybody.
 */
function namesTheMailbox({ diagnostic }: Extract<Outcome, { kind: 'rejected' }>): boolean {
  return diagnostic.status === undefined || diagnostic.status.startsWith('5.1.')
}

/**
 * What an answer to a second call under the same key tells of the first. That it was taken, or refused for the mail's or the
 * recipient's sake, holds for both; too many calls, a wrong key or a fault is about the second alone.
 */
export function ofTheFirst(answer: Outcome): Outcome {
  if (!('cause' in answer) || answer.cause === 'recipient' || answer.cause === 'message') return answer
  return { kind: 'unknown', diagnostic: answer.diagnostic }
}

/** The longest that any of the answers asked us to wait. */
export function longestWait(outcomes: Outcomes): number {
  return Math.max(
    0,
    ...[...outcomes.values()].map((outcome) => ('retryAfter' in outcome ? (outcome.retryAfter ?? 0) : 0)),
  )
}

/** An attempt's end as it is stored: one row a recipient. */
export function attemptEnd(
  id: string,
  endedAt: number,
  recipients: readonly Recipient[],
  outcomes: Outcomes,
): AttemptEnd {
  return {
    id,
    endedAt,
    outcomes: recipients.map(({ index, email }) => {
      const outcome = outcomes.get(email)!
      return {
        recipient: index,
        outcome: outcome.kind,
        cause: 'cause' in outcome ? outcome.cause : null,
        diagnostic: 'diagnostic' in outcome ? outcome.diagnostic : null,
      }
    }),
  }
}

/** One line for people: what was said, with its code. */
export function said(outcome: Outcome): string | null {
  if (!('diagnostic' in outcome)) return null
  const { code, status, reason } = outcome.diagnostic
  return [code, status !== undefined && !reason.includes(status) ? status : '', reason].filter(Boolean).join(' ')
}

/** An event about one recipient. */
export function eventOf(
  type: EventType,
  at: number,
  recipient: Pick<Recipient, 'email'>,
  more: { provider?: string | null; providerMessageId?: string | null; detail?: string | null } = {},
): NewEvent {
  return {
    type,
    at,
    recipient: recipient.email,
    provider: more.provider ?? null,
    providerMessageId: more.providerMessageId ?? null,
    detail: more.detail ?? null,
  }
}

/** The event that goes with a recipient's end. */
export function endEvent(
  status: RecipientStatus,
  at: number,
  recipient: Recipient,
  provider: string,
  outcome: Outcome,
): NewEvent {
  const type: EventType = status === 'sent' || status === 'delivered' ? status : 'bounced'
  const providerMessageId = outcome.kind === 'accepted' ? outcome.providerMessageId : null
  return eventOf(type, at, recipient, { provider, providerMessageId, detail: said(outcome) })
}

/** The suppression a bounce leads to. */
export function suppressionOf(message: Message, recipient: Recipient, provider: string, at: number): Suppression {
  return {
    tenant: message.tenant,
    key: suppressionKey(recipient.email),
    type: '',
    reason: 'bounce',
    source: provider,
    at,
  }
}
