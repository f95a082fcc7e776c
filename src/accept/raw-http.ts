/** Raw mail over HTTP: the envelope from the query or from the headers, the content streamed on as it comes. */
import { hostname } from 'node:os'
import { z } from '@hono/zod-openapi'
import { needsSmtpUtf8, readAddress } from '../mail/address.ts'
import { everyMailboxIn, mailboxesIn } from '../mail/headers.ts'
import type { Header } from '../mail/message.ts'
import type { Sender } from './auth.ts'
import { bodyPieces, checkDeclaredSize } from './body.ts'
import { checkHeaderFrom } from './header-from.ts'
import { checkKey } from './idempotency.ts'
import { withCrlf } from './line-ends.ts'
import { checkCount, checkPin } from './payload.ts'
import { type FieldError, fieldProblems } from './problem.ts'
import { mailDate, takeRaw } from './raw-content.ts'
import type { Refusal } from './refusals.ts'
import { type Foreign, type Steering, steering } from './steering.ts'
import type { Door, Submission } from './submit.ts'

/** The envelope of raw mail. Without `to`, it goes to everyone in its To, Cc and Bcc; without `from`, it is from its From. */
export const envelope = z.strictObject({
  from: z.string().max(1000).optional(),
  to: z
    .union([z.string().max(1000), z.array(z.string().max(1000))])
    .optional()
    .openapi({ type: 'array', items: { type: 'string' } }),
})
type Envelope = z.infer<typeof envelope>

interface RawRequest {
  request: Request
  sender: Sender
  query: Envelope
  /** The Idempotency-Key of the request; one in the mail's own headers counts when there is none. */
  key: string | null
  maxSize: number
  now: number
  foreign?: Foreign | undefined
}

/**
 * The submission that raw mail asks for; large content has then been kept under a spool.
 * @throws Refusal
 */
export async function readRaw(door: Pick<Door, 'keep' | 'drop'>, asked: RawRequest): Promise<Submission> {
  const { request, sender, query, maxSize, now, foreign } = asked
  checkDeclaredSize(request.headers, maxSize)
  const named = readEnvelope(query)
  let envelope = named
  let steered: Steering = { tags: [], metadata: {} }
  const host = hostname()
  const { content, digest } = await takeRaw(withCrlf(bodyPieces(request, maxSize)), {
    door,
    maxSize,
    now,
    host,
    received: `by ${host} (Waypost) with HTTP;\r\n\t${mailDate(now)}`,
    returnPath: named.from ?? '',
    foreign,
    head(fields) {
      checkHeaderFrom(sender, fields)
      envelope = completed(named, fields)
      steered = steering(fields, now, foreign)
      checkPin(sender, steered.provider)
      if (steered.idempotencyKey !== undefined) checkKey(steered.idempotencyKey)
      const keyed = asked.key !== null || steered.idempotencyKey !== undefined
      return keyed ? JSON.stringify(['message/rfc822', query, fields]) : undefined
    },
  })
  const emails = envelope.to ?? []
  const idempotencyKey = asked.key ?? steered.idempotencyKey
  return {
    sender,
    via: 'http',
    returnPath: envelope.from ?? '',
    recipients: emails.map((email) => ({ email })),
    ...steered,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(digest === null ? {} : { digest }),
    smtpUtf8: [envelope.from ?? '', ...emails].some(needsSmtpUtf8),
    dsn: {},
    content,
  }
}

interface Ends {
  from: string | undefined
  to: string[] | undefined
}

function readEnvelope(query: Envelope): Ends {
  const wrong: FieldError[] = []
  const read = (text: string, pointer: string): string => {
    const read = readAddress(text)
    if ('email' in read) return read.email
    wrong.push({ pointer, detail: read.problem })
    return ''
  }
  const from = query.from === undefined ? undefined : read(query.from, '/from')
  const list = query.to === undefined ? undefined : [query.to].flat()
  checkCount(list ?? [])
  const to = list?.map((text, index) => read(text, Array.isArray(query.to) ? `/to/${index}` : '/to'))
  if (wrong.length > 0) throw fieldProblems('invalid_address', wrong)
  return { from, to: to && [...new Set(to)] }
}

/** The envelope with what the query left out taken from the headers. @throws Refusal when they do not tell */
function completed(named: Ends, fields: readonly Header[]): Ends {
  const values = (...names: string[]) =>
    fields.filter(([name]) => names.includes(name.toLowerCase())).map(([, value]) => value)
  const from = named.from ?? values('from').flatMap(mailboxesIn)[0]?.email
  if (from === undefined) throw unsaid('/from', 'No From header can be read; say ?from=.')
  if (named.to) return { from, to: named.to }
  const lists = values('to', 'cc', 'bcc').map(everyMailboxIn)
  if (!lists.every((mailboxes) => mailboxes !== null)) {
    throw unsaid('/to', 'An address in To, Cc or Bcc cannot be read; say ?to=.')
  }
  const to = [...new Set(lists.flat().map((mailbox) => mailbox.email))]
  if (to.length === 0) throw unsaid('/to', 'To, Cc and Bcc name nobody; say ?to=.')
  checkCount(to)
  return { from, to }
}

function unsaid(pointer: string, detail: string): Refusal {
  return fieldProblems('invalid', [{ pointer, detail }])
}
