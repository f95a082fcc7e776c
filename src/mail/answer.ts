/** Reading a vendor's answer: what all vendors share. Each adapter says first what its own codes mean, and asks here for the rest. */
import type { Handoff, HttpAnswer } from './adapter.ts'
import type { Recipient } from './message.ts'
import { type Cause, type Diagnostic, diagnostic, forAll, type Outcome, type Outcomes } from './outcome.ts'

/** A far end may ask us to wait, but not for longer than this. */
const longestWait = 3_600_000

/** The body as a JSON object; null for anything else: HTML, nothing, a list, JSON that was cut off. */
export function jsonObject(answer: Pick<HttpAnswer, 'body'>): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(answer.body)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** The objects in a body that is a JSON list; null for anything else. */
export function jsonList(answer: Pick<HttpAnswer, 'body'>): Record<string, unknown>[] | null {
  try {
    const value: unknown = JSON.parse(answer.body)
    return Array.isArray(value) ? value.filter((entry) => typeof entry === 'object' && entry !== null) : null
  } catch {
    return null
  }
}

/** The same outcome for everyone of a call. */
export function everyone({ recipients }: Pick<Handoff, 'recipients'>, outcome: Outcome): Outcomes {
  return forAll(
    recipients.map(({ email }) => email),
    outcome,
  )
}

/** What the vendor has by address: an id of its own for each recipient, and what became of those that have none there. */
export function byRecipient(
  { recipients }: Pick<Handoff, 'recipients'>,
  rows: readonly { email: unknown; id: string | null }[],
  otherwise: Outcome,
): Outcomes {
  const ids = new Map(rows.map(({ email, id }) => [String(email).toLowerCase(), id]))
  return new Map(
    recipients.map(({ email }) => {
      const providerMessageId = ids.get(email.toLowerCase()) ?? null
      return [email, providerMessageId === null ? otherwise : { kind: 'accepted', providerMessageId }]
    }),
  )
}

/**
 * How long the answer asks us to wait, in milliseconds: `Retry-After` as seconds or as a date (RFC 9110 section 10.2.3),
 * measured from the answer's own `Date` so that two clocks need not agree. At most an hour, never negative; undefined when it
 * asks nothing that can be read.
 */
export function retryAfter(headers: Readonly<Record<string, string>>): number | undefined {
  const text = headers['retry-after']?.trim() ?? ''
  if (/^\d+(\.\d+)?$/.test(text)) return wait(Number(text) * 1000)
  // Date.parse reads far more than RFC 9110 dates ("-5" is a month); those begin with a weekday.
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) return undefined
  const sent = Date.parse(headers.date ?? '')
  return wait(at - (Number.isNaN(sent) ? Date.now() : sent))
}

/** The same, for vendors that say it in seconds under a header of their own: `Retry-After` first where there is one. */
export function waitAsked(headers: Readonly<Record<string, string>>, own: string): number | undefined {
  const text = headers[own]?.trim() ?? ''
  return retryAfter(headers) ?? (/^\d+(\.\d+)?$/.test(text) ? wait(Number(text) * 1000) : undefined)
}

/** A wait in milliseconds brought between 0 and an hour. */
export function wait(milliseconds: number): number {
  return Math.round(Math.min(Math.max(milliseconds, 0), longestWait))
}

/** Not yet: with the wait that was asked for, when one was. */
export function deferred(cause: Cause, said: Diagnostic, after?: number): Outcome {
  return { kind: 'deferred', cause, ...(after === undefined ? {} : { retryAfter: after }), diagnostic: said }
}

/** An outcome with the vendor's own code and words, where `byStatus` knew the status alone. */
export function withWords(outcome: Outcome, said: Diagnostic): Outcome {
  return outcome.kind === 'accepted' ? outcome : { ...outcome, diagnostic: said }
}

/** No, and no other try at this provider will change it. */
export function rejected(cause: Cause, said: Diagnostic): Outcome {
  return { kind: 'rejected', cause, diagnostic: said }
}

/**
 * What was said of a recipient whom the vendor's own list keeps it from mailing, for another reason than a dead mailbox: who
 * unsubscribed, complained or was put there by hand, or where it does not say why. RFC 3463's 5.7.1 (delivery not authorized)
 * makes that no reason for our own list.
 */
export function onList(said: Diagnostic): Diagnostic {
  return { ...said, status: '5.7.1' }
}

/** Statuses that say our account there, or the address we call, is not set up. A redirect is one: we follow none. */
const unusable = new Set([401, 402, 403, 404, 405, 406, 407, 415])
/** Statuses after which the vendor promises that nothing was taken. */
const tryLater = new Set([408, 425, 429, 503])

/**
 * What an answer means by its HTTP status, where the vendor's own code did not say more.
 * @param said the vendor's own words, when the body was in the vendor's own form; null when it was not (a proxy's page), which
 *   is never held against the message, and leaves open what became of it after a 500, 502 or 504
 */
export function byStatus(answer: HttpAnswer, said: string | null): Outcome {
  const { status } = answer
  const words = diagnostic(status, said ?? `HTTP ${status} without an answer of the vendor's own: ${excerpt(answer)}`)
  if (status < 300) return { kind: 'unknown', diagnostic: words }
  if (status < 400 || unusable.has(status)) return rejected('account', words)
  if (tryLater.has(status)) return deferred('provider', words, retryAfter(answer.headers))
  if (status === 413) return rejected('message', words)
  if (status < 500) return said === null ? deferred('provider', words) : rejected('message', words)
  return said === null
    ? { kind: 'unknown', diagnostic: words }
    : deferred('provider', words, retryAfter(answer.headers))
}

/**
 * A call refused because of recipients: those named are rejected, and the others, for whom nothing was sent, are to be sent
 * again at once (see `Outcome`). A lone recipient needs no naming.
 * @param named canonical addresses, or as the vendor spelled them (compared without case); others are ignored
 */
export function refusedRecipients(
  recipients: readonly Recipient[],
  named: readonly string[],
  said: Diagnostic,
): Outcomes {
  const emails = recipients.map((recipient) => recipient.email)
  if (emails.length === 1) return forAll(emails, rejected('recipient', said))
  const lower = new Set(named.map((email) => email.toLowerCase()))
  return new Map(
    emails.map((email) => [
      email,
      lower.has(email.toLowerCase()) ? rejected('recipient', said) : deferred('message', said, 0),
    ]),
  )
}

/** Everything in a text that looks like an address, for vendors that name a recipient only in their words. */
export function addressesIn(text: string): string[] {
  return (text.match(/[^\s<>()[\]{}"',;:`]+@[^\s<>()[\]{}"',;:`]+/g) ?? []).map((address) =>
    address.replace(/\.+$/, ''),
  )
}

function excerpt(answer: HttpAnswer): string {
  return answer.body.replace(/<[^>]*>/g, ' ').slice(0, 200)
}
