/** What one try at one provider said, in one vocabulary for every vendor. Failure of mail is a value, never an exception. */

/** Whose fault it is. That alone decides what happens next: see the table in `src/README.md`. */
export const causes = ['recipient', 'message', 'identity', 'account', 'provider', 'host', 'network'] as const
export type Cause = (typeof causes)[number]

/** What the far end said, kept for people. Hostile text: escape it wherever it is shown. */
export interface Diagnostic {
  /** The reply code or HTTP status, and the vendor's own code behind it: `550`, `422/406`, `ECONNREFUSED`. */
  code: string
  /** At most 1,000 characters of what was said; never a secret. */
  reason: string
  /** RFC 3463, when the answer carried one: `5.1.1`. */
  status?: string
}

export type Outcome =
  /** A vendor took it: the recipient becomes `sent`. */
  | { kind: 'accepted'; providerMessageId: string }
  /** The recipient's own MX took it. */
  | { kind: 'delivered'; diagnostic: Diagnostic }
  /**
   * Not yet. `retryAfter` in milliseconds from now, when the far end named one. Cause `message` with `retryAfter: 0` means that
   * the call was refused whole for another recipient's sake and nothing was sent: send again at once, to the same provider,
   * without those that were rejected, or one call a recipient when none was. No breaker counts it.
   */
  | { kind: 'deferred'; cause: Cause; retryAfter?: number; diagnostic: Diagnostic }
  /** No, for good, at this provider. */
  | { kind: 'rejected'; cause: Cause; diagnostic: Diagnostic }
  /** It left and no answer came back: it may have been taken. */
  | { kind: 'unknown'; diagnostic: Diagnostic }

export type OutcomeKind = Outcome['kind']

/** Outcomes by recipient (canonical address). An adapter answers for every recipient of the handoff. */
export type Outcomes = Map<string, Outcome>

/** The diagnostic's code where mail was in a hurry and did not wait as long as the provider may take: that says nothing of it. */
export const cutShort = 'deadline'

/** The same outcome for each recipient. */
export function forAll(recipients: readonly string[], outcome: Outcome): Outcomes {
  return new Map(recipients.map((email) => [email, outcome]))
}

/** A diagnostic with its text bounded and its control characters gone, so that it can be stored and shown. */
export function diagnostic(code: string | number, reason: string, status?: string): Diagnostic {
  const text = reason
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim()
    .slice(0, 1000)
  return { code: String(code).slice(0, 60), reason: text, ...(status === undefined ? {} : { status }) }
}
