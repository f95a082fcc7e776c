/** Events in the order in which they were written, with what an exporter tells about them. */
import type { EventType } from '../mail/event.ts'
import type { DeliveryRecord } from '../mail/exporter.ts'
import type { Message } from '../mail/message.ts'
import type { Diagnostic } from '../mail/outcome.ts'
import type { Database } from './database.ts'
import { recipientsOf } from './sqlite-read.ts'
import type { AttemptEnd } from './store.ts'

/** An attempt and the events it came to are one commit, and this many milliseconds apart at most. */
const together = 1_000

interface RecordRow {
  seq: number
  message: number
  id: string
  type: EventType
  at: number
  messageId: string
  recipient: string | null
  provider: string | null
  providerMessageId: string | null
  detail: string | null
  envelope: string
}

export function records(
  db: Database,
  { after, types, limit }: { after: number | null; types: readonly EventType[]; limit: number },
): { rows: DeliveryRecord[]; last: number; more: boolean } {
  const end = db.get<{ seq: number | null }>('SELECT max(seq) AS seq FROM event')!.seq ?? 0
  if (after === null) return { rows: [], last: end, more: false }
  const rows = db.all<RecordRow>(
    `SELECT e.seq, e.message, e.id, e.type, e.at, m.id AS messageId, e.recipient, e.provider,
       e.provider_message_id AS providerMessageId, e.detail, mail.envelope
     FROM event AS e CROSS JOIN message AS m ON m.seq = e.message CROSS JOIN mail ON mail.message = e.message
     WHERE e.seq > ? ORDER BY e.seq LIMIT ?`,
    after,
    limit,
  )
  return {
    rows: rows.filter(({ type }) => types.includes(type)).flatMap((row) => recordIn(db, row) ?? []),
    last: rows.at(-1)?.seq ?? Math.max(after, end),
    more: rows.length === limit,
  }
}

/** Null for what concerns nobody in particular, or was no delivery: a deferral that nobody but ourselves spoke of. */
function recordIn(
  db: Database,
  { seq: _, message: of, envelope, recipient, ...event }: RecordRow,
): DeliveryRecord | null {
  if (recipient === null) return null
  const attempt = attemptBefore(db, of, recipient, event.at)
  if (event.type === 'deferred' && event.provider === null && !attempt?.said) return null
  const { id, acceptedAt, returnPath, size }: Message = JSON.parse(envelope)
  return { event: { ...event, recipient }, message: { id, acceptedAt, returnPath, size }, attempt }
}

function attemptBefore(db: Database, message: number, email: string, at: number): DeliveryRecord['attempt'] {
  const index = recipientsOf(db, message).find((recipient) => recipient.email === email)?.index
  const attempts = db.all<{ at: number; ended_at: number; recipients: string; outcomes: string }>(
    `SELECT at, ended_at, recipients, outcomes FROM attempt WHERE message = ? AND ended_at <= ? ORDER BY at DESC, id DESC`,
    message,
    at,
  )
  for (const attempt of attempts) {
    const end = (JSON.parse(attempt.outcomes) as AttemptEnd['outcomes']).find((one) => one.recipient === index)
    if (!end) continue
    const said: Diagnostic | null = at - attempt.ended_at <= together ? end.diagnostic : null
    return { at: attempt.at, said }
  }
  return null
}
