/**
 * What an SMTP server said, or that it fell silent, as an outcome. Pure.
 *
 * The line that matters runs through the final dot (RFC 5321 section 4.1.1.4): a message whose dot was not written was not sent;
 * once it was, only a complete reply tells, and without one the outcome is unknown.
 */
import { type Cause, diagnostic, type Outcome } from '../mail/outcome.ts'
import { enhancedStatus } from '../mail/status.ts'

/** How far a conversation had come. `body`: 354 was said and part of the body left. `dot`: all of it may have left. */
export type Stage = 'connect' | 'greeting' | 'tls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'body' | 'dot'

export interface Reply {
  /** 0 when it was no SMTP reply, or when its lines do not agree whether it is a yes. */
  code: number
  /** RFC 3463, when it carried one that agrees with the code. */
  status?: string
  /** What was said after code and status, its lines joined by spaces. */
  text: string
}

/** A no, or no answer: `reply` when a complete one came, `code` and `reason` for what broke otherwise. */
export interface Failure {
  stage: Stage
  reply?: Reply
  code: string
  reason: string
}

/** What became of one recipient: the complete 2yz reply to the dot, or why not. */
export type Verdict = Reply | Failure

export function isFailure(value: object): value is Failure {
  return 'stage' in value
}

/** A complete reply that is not the yes of its stage. */
export function refused(stage: Stage, raw: string, reply = parseReply(raw)): Failure {
  return reply.code === 0
    ? { stage, reply, code: 'EPROTOCOL', reason: `a reply that cannot be understood: ${raw}` }
    : { stage, reply, code: String(reply.code), reason: reply.text }
}

/** No complete reply came. */
export function broken(stage: Stage, code: string, reason: string): Failure {
  return { stage, code, reason }
}

/** Which kind of server it is: a vendor's relay, or the recipient's own MX. */
export type FarEnd = 'relay' | 'mx'

/** Reads a complete reply, its lines separated by LF. The last line's code counts (RFC 5321 section 4.2.1). */
export function parseReply(raw: string): Reply {
  // Nearly every reply is one line.
  const all = raw.includes('\n') ? raw.split(/\r?\n/) : [raw]
  const lines = all.map((line) => /^([2-5]\d\d)(?:[ -](.*))?$/s.exec(line))
  const last = lines.at(-1)
  const agreed = last != null && lines.every((line) => line?.[1]?.[0] === last[1]![0])
  if (!agreed) return { code: 0, text: raw }
  const texts = lines.map((line) => line![2] ?? '')
  const status = enhancedStatus(texts.at(-1)!)
  if (status === null || status[0] !== last[1]![0]) return { code: Number(last[1]), text: texts.join(' ').trim() }
  const text = texts.map((line) => (line.startsWith(status) ? line.slice(status.length) : line).trim()).join(' ')
  return { code: Number(last[1]), status, text: text.trim() }
}

/** The outcome of a complete 2yz reply to the dot. `messageId` stands in where a relay named no id of its own. */
export function taken(reply: Reply, far: FarEnd, messageId: string): Outcome {
  if (far === 'mx') return { kind: 'delivered', diagnostic: diagnostic(reply.code, reply.text, reply.status) }
  return { kind: 'accepted', providerMessageId: queueId(reply.text) ?? messageId }
}

/**
 * The id in a relay's last reply: Postfix `Ok: queued as 4ABC`, Exim `OK id=1abc-…`, Amazon SES `Ok 0100…`, Microsoft
 * `OK <id@…> [Hostname=…]`, Sendmail `xA1b2C3 Message accepted for delivery`. Null when nothing looks like one.
 */
function queueId(text: string): string | null {
  const named = /\b(?:queued as|id[=:]|as)\s*<?([\w.@+=/-]{4,200})/i.exec(text)
  if (named) return named[1]!
  const first = /^(?:ok\b[:,]?\s*)?<?([\w.@+=/-]{8,200})/i.exec(text)?.[1]
  return first !== undefined && /\d/.test(first) ? first : null
}

/** What was going on when no answer came, for people. */
const doing: Record<Stage, string> = {
  connect: 'connecting',
  greeting: 'waiting for the greeting',
  tls: 'starting TLS',
  auth: 'logging in',
  mail: 'handing over the envelope',
  rcpt: 'handing over the envelope',
  data: 'handing over the envelope',
  body: 'sending the message, which did not end',
  dot: 'waiting for the answer to the message',
}

/** The outcome of a failure, by what was said, when, and by whom. */
export function failed(failure: Failure, far: FarEnd): Outcome {
  const { stage, reply } = failure
  if (reply === undefined || reply.code < 400) {
    const said = diagnostic(failure.code, `${doing[stage]}: ${failure.reason}`, stage === 'tls' ? '4.7.5' : undefined)
    if (stage === 'dot') return { kind: 'unknown', diagnostic: said }
    const ours =
      failure.code === 'ECONTENT' || failure.code === 'ECLOSED' || (far === 'relay' && ourLink.has(failure.code))
    return { kind: 'deferred', cause: ours ? 'network' : own(far), diagnostic: said }
  }
  const status = stage === 'tls' ? '4.7.5' : reply.status
  const said = diagnostic(reply.code, reply.text || failure.reason, status)
  // A server that will not begin, or not with TLS, says nothing about the mail: it waits, whatever the digit.
  if (reply.code < 500 || stage === 'greeting' || stage === 'tls')
    return { kind: 'deferred', cause: temporary(reply, stage, far), diagnostic: said }
  return { kind: 'rejected', cause: permanent(reply, stage, far), diagnostic: said }
}

/** Errors of our own resolver or route, not of the relay behind it. An MX may have an address of a family that we lack. */
const ourLink: ReadonlySet<string> = new Set(['EAI_AGAIN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EMFILE'])

/** Whose fault it is when nothing else is known. */
function own(far: FarEnd): Cause {
  return far === 'relay' ? 'provider' : 'host'
}

function temporary(reply: Reply, stage: Stage, far: FarEnd): Cause {
  const detail = reply.status?.slice(2) ?? ''
  if (stage === 'mail' || stage === 'rcpt') {
    if (detail === '1.7' || detail === '1.8') return 'identity'
    // Too many recipients at once (RFC 5321 section 4.5.3.1.10): the others went, and these go next time.
    if (stage === 'rcpt' && (reply.code === 452 || detail === '5.3')) return 'recipient'
  }
  if (stage !== 'rcpt' && stage !== 'dot') return own(far)
  if (/^[12]\./.test(detail)) return 'recipient'
  return far === 'relay' && stage === 'rcpt' && reply.code === 450 && detail === '' ? 'recipient' : own(far)
}

/** Codes that mean who we are, not what we send: RFC 4954 sections 4 and 6; 5.4.5 is a sending quota. */
function isAccount(reply: Reply): boolean {
  return [530, 534, 535, 538].includes(reply.code) || /^5\.(7\.[089]|7\.1[1-4]|4\.5)$/.test(reply.status ?? '')
}

function permanent(reply: Reply, stage: Stage, far: FarEnd): Cause {
  if (stage === 'auth') return 'account'
  if (far === 'relay' && isAccount(reply)) return 'account'
  const detail = reply.status?.slice(2) ?? '0.0'
  return detail === '0.0' ? byCode(reply, stage, far) : byStatus(detail, stage, far)
}

/** RFC 3463 says more than the reply code, so it goes first. */
function byStatus(detail: string, stage: Stage, far: FarEnd): Cause {
  if (detail === '1.7' || detail === '1.8') return 'identity'
  // Authentication of the From domain: RFC 7372, and Microsoft's "not permitted to send as".
  if (/^7\.(2\d|60)$/.test(detail) || detail === '2.252') return 'identity'
  if (detail === '3.4' || detail === '2.3') return 'message'
  // The address needs SMTPUTF8 where this is about one; the content otherwise.
  if (detail === '6.7' && stage === 'rcpt') return 'recipient'
  // Exchange Online says 5.4.1 for a mailbox that is not in its directory.
  if (detail === '4.1' && stage === 'rcpt' && far === 'mx') return 'recipient'
  switch (detail[0]) {
    case '1':
    case '2':
      return stage === 'mail' ? 'identity' : 'recipient'
    case '6':
      return 'message'
    case '7':
      if (far === 'mx') return 'host'
      if (stage === 'mail') return 'identity'
      return stage === 'dot' ? 'message' : 'provider'
    default:
      return own(far)
  }
}

function byCode(reply: Reply, stage: Stage, far: FarEnd): Cause {
  // 500 to 504 and 555: it did not like how we speak, which says nothing about anyone's address.
  if (reply.code < 510 || reply.code === 555) return own(far)
  if (stage === 'mail') return reply.code === 552 ? 'message' : far === 'relay' ? 'identity' : 'host'
  // Exim's "550 relay not permitted" has no status, and must not count against the address.
  if (stage === 'rcpt') return reply.code === 554 || /\brelay/i.test(reply.text) ? own(far) : 'recipient'
  return 'message'
}
