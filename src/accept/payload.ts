/** From a message in JSON to a submission. Pure. */
import { getMimeType } from 'hono/utils/mime'
import { AddressError, canonical, needsSmtpUtf8, parseMailbox } from '../mail/address.ts'
import { headerProblem } from '../mail/headers.ts'
import type { Attachment, Header, Mailbox, Parts } from '../mail/message.ts'
import type { Sender } from './auth.ts'
import { parseInstant } from './instant.ts'
import { checkText } from './json.ts'
import { limits, type MailboxJson, type MessageJson, marks, message } from './message-schema.ts'
import { type FieldError, fieldErrors, fieldProblems, pointer } from './problem.ts'
import { Refusal } from './refusals.ts'
import type { Submission } from './submit.ts'

/** How far a client's clock may be behind ours before its sendAt counts as past. */
const clockSkew = 60_000
const furthest = 366 * 86_400_000

/**
 * The submission that a JSON value asks for.
 * @param value as `parseJson` gave it
 * @param now milliseconds since the epoch
 * @throws Refusal `invalid`, `invalid_address`, `too_many_recipients`, each naming every wrong field; `scope` for a pin
 */
export function readMessage(value: unknown, sender: Sender, now: number): Submission {
  checkText(value)
  const parsed = message.safeParse(value)
  if (!parsed.success) throw fieldProblems('invalid', fieldErrors(parsed.error.issues))
  const body = parsed.data
  checkCount([body.to, body.cc, body.bcc].flat().filter((mailbox) => mailbox !== undefined))
  checkPin(sender, body.provider)

  const wrong: FieldError[] = []
  const parts = readParts(body, wrong)
  const bcc = readMailboxes(body.bcc, 'bcc', wrong)
  if (wrong.length > 0) throw fieldProblems('invalid_address', wrong)
  parts.headers = readHeaders(body.headers ?? {}, wrong)
  const { sendAt, expireAt } = readTimes(body, now, wrong)
  if (wrong.length > 0) throw fieldProblems('invalid', wrong)

  const emails = [...new Set([...parts.to, ...parts.cc, ...bcc].map((mailbox) => mailbox.email))]
  // What may be missing is added after, not spread among the rest, which is dear.
  const submission: Submission = {
    sender,
    via: 'http',
    returnPath: parts.from.email,
    recipients: emails.map((email) => ({ email })),
    tags: body.tags ?? [],
    metadata: body.metadata ?? {},
    smtpUtf8: needsSmtpUtf8(parts.from.email) || emails.some(needsSmtpUtf8),
    dsn: {},
    content: { form: 'parts', parts },
  }
  if (body.type !== undefined) submission.type = body.type
  // One that has just gone by means at once.
  if (sendAt !== undefined && sendAt > now) submission.sendAt = sendAt
  if (expireAt !== undefined) submission.expireAt = expireAt
  if (body.provider !== undefined) submission.provider = body.provider
  return submission
}

/** Tags and metadata that came beside raw mail. @throws Refusal `invalid` */
export function checkMarks(tags: readonly string[], metadata: Readonly<Record<string, string>>): void {
  const parsed = marks.safeParse({ tags, metadata })
  if (!parsed.success) throw fieldProblems('invalid', fieldErrors(parsed.error.issues))
}

/** @throws Refusal `scope` when a provider is pinned with a key that may not */
export function checkPin(sender: Sender, provider: string | undefined): void {
  if (provider === undefined || sender.scopes.includes('route')) return
  throw new Refusal('scope', 'Pinning a provider needs a key with scope route.', {
    errors: [{ pointer: '/provider', detail: 'Needs scope route.' }],
  })
}

/** @throws Refusal `too_many_recipients` */
export function checkCount(named: readonly unknown[]): void {
  if (named.length > limits.recipients) {
    throw new Refusal('too_many_recipients', `A message may have ${limits.recipients} recipients.`)
  }
}

/** Everyone in To and Cc once, in the first place that names them. */
function readParts(body: MessageJson, wrong: FieldError[]): Parts {
  const seen = new Set<string>()
  const once = ({ email }: Mailbox) => !seen.has(email) && seen.add(email) !== undefined
  const parts: Parts = {
    from: readMailbox(body.from, ['from'], wrong) ?? { email: '' },
    to: readMailboxes(body.to, 'to', wrong).filter(once),
    cc: readMailboxes(body.cc, 'cc', wrong).filter(once),
    replyTo: readMailboxes(body.replyTo, 'replyTo', wrong),
    subject: body.subject ?? '',
    headers: [],
    attachments: (body.attachments ?? []).map(readAttachment),
  }
  if (body.text !== undefined) parts.text = body.text
  if (body.html !== undefined) parts.html = body.html
  return parts
}

function readMailboxes(given: MailboxJson | MailboxJson[] | undefined, field: string, wrong: FieldError[]): Mailbox[] {
  if (given === undefined) return []
  if (!Array.isArray(given)) return [readMailbox(given, [field], wrong)].filter((mailbox) => mailbox !== null)
  return given.flatMap((item, index) => readMailbox(item, [field, index], wrong) ?? [])
}

function readMailbox(given: MailboxJson, path: (string | number)[], wrong: FieldError[]): Mailbox | null {
  try {
    if (typeof given === 'string') return parseMailbox(given)
    const email = canonical(given.email)
    return given.name ? { email, name: given.name } : { email }
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    wrong.push({ pointer: pointer(typeof given === 'string' ? path : [...path, 'email']), detail: error.message })
    return null
  }
}

function readAttachment(given: NonNullable<MessageJson['attachments']>[number]): Attachment {
  return {
    filename: given.filename,
    contentType: given.contentType ?? getMimeType(given.filename)?.split(';')[0] ?? 'application/octet-stream',
    ...(given.contentId === undefined ? {} : { contentId: given.contentId }),
    inline: given.inline ?? given.contentId !== undefined,
    content: given.content,
  }
}

function readHeaders(given: Record<string, string>, wrong: FieldError[]): Header[] {
  const seen = new Set<string>()
  const headers = Object.entries(given)
  for (const [name, value] of headers) {
    const again = seen.has(name.toLowerCase()) ? 'This header is set twice.' : null
    const detail = again ?? headerProblem(name, value)
    if (detail !== null) wrong.push({ pointer: pointer(['headers', name]), detail })
    seen.add(name.toLowerCase())
  }
  return headers
}

function readTimes(body: MessageJson, now: number, wrong: FieldError[]) {
  const read = (field: 'sendAt' | 'expireAt', earliest: number, tooEarly: string): number | undefined => {
    const text = body[field]
    if (text === undefined) return undefined
    const at = parseInstant(text)
    if (at === null) wrong.push({ pointer: `/${field}`, detail: 'Not a date-time of RFC 3339.' })
    else if (at < earliest) wrong.push({ pointer: `/${field}`, detail: tooEarly })
    else if (at > now + furthest) wrong.push({ pointer: `/${field}`, detail: 'More than a year ahead.' })
    else return at
    return undefined
  }
  const sendAt = read('sendAt', now - clockSkew, 'In the past.')
  const start = Math.max(now, sendAt ?? now)
  const expireAt = read('expireAt', start + 1, 'Not after the message is to be sent.')
  return { sendAt, expireAt }
}
