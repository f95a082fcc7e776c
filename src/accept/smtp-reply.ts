/** Replies that say no, in the form in which both our own code and `smtp-server`'s handlers take them. */
import { type ReplyStatus, refusalOf, refusals } from './refusals.ts'

/** One reply line. `smtp-server` sends `responseCode` and the message, which therefore begins with the enhanced status code. */
export class Reply extends Error {
  override name = 'Reply'
  readonly responseCode: number
  /** The connection is closed after it. A 421 always does that. */
  readonly closes: boolean

  constructor(status: ReplyStatus, text: string, closes = false) {
    super(`${status.slice(4)} ${replyText(text)}`)
    this.responseCode = Number(status.slice(0, 3))
    this.closes = closes || this.responseCode === 421
  }
}

/** The reply to whatever was thrown: a refusal in its own words, anything else without a word of its inside. */
export function replyTo(error: unknown): Reply {
  if (error instanceof Reply) return error
  const refusal = refusalOf(error)
  if (refusal !== null) return new Reply(refusals[refusal.code].smtp, refusal.message)
  return new Reply('451 4.3.0', 'Something went wrong here. Try again later.')
}

/** Fit for a reply line: ASCII (RFC 6531 section 3.7.4.2), one line, within the 512 octets of RFC 5321 section 4.5.3.1.5. */
function replyText(text: string): string {
  return text
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .replace(/[^ -~]/gu, '?')
    .slice(0, 400)
}
