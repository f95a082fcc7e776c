/** Reading mail in the order of its acceptance, with all that was tried, and without its content. */
import type { Message, RecipientStatus } from '../mail/message.ts'
import { cursorFor, placeOf } from './cursor.ts'
import type { Database } from './database.ts'
import type { AttemptEnd, Page, TrafficQuery, TrafficRow } from './store.ts'

interface AttemptRow {
  message: number
  provider: string
  at: number
  ended_at: number
  outcomes: string
}

export function traffic(db: Database, { tenant, since, until, limit, cursor }: TrafficQuery): Page<TrafficRow> {
  const [at, after] = cursor === undefined ? [since ?? 0, 0] : placeOf(cursor, 2)
  const rows = db.all<{ seq: number; accepted_at: number; envelope: string }>(
    `SELECT m.seq, m.accepted_at, mail.envelope FROM message AS m CROSS JOIN mail ON mail.message = m.seq
     WHERE (m.accepted_at, m.seq) > (?, ?) AND m.accepted_at < ? ${tenant === null ? '' : 'AND m.tenant = ?'}
     ORDER BY m.accepted_at, m.seq LIMIT ?`,
    ...[at!, after!, until ?? Number.MAX_SAFE_INTEGER],
    ...(tenant === null ? [] : [tenant]),
    limit,
  )
  const wanted = JSON.stringify(rows.map(({ seq }) => seq))
  const recipients = Map.groupBy(
    db.all<{ message: number; email: string; status: RecipientStatus }>(
      `SELECT r.message, r.email, r.status FROM json_each(?) AS wanted CROSS JOIN recipient AS r ON r.message = wanted.value
       ORDER BY r.message, r.idx`,
      wanted,
    ),
    ({ message }) => message,
  )
  const attempts = Map.groupBy(
    db.all<AttemptRow>(
      `SELECT a.message, a.provider, a.at, a.ended_at, a.outcomes FROM json_each(?) AS wanted
         CROSS JOIN attempt AS a ON a.message = wanted.value WHERE a.outcomes IS NOT NULL ORDER BY a.message, a.at, a.id`,
      wanted,
    ),
    ({ message }) => message,
  )
  const last = rows.at(-1)
  return {
    rows: rows.map(({ seq, envelope }) => ({
      message: JSON.parse(envelope) as Message,
      recipients: (recipients.get(seq) ?? []).map(({ email, status }) => ({ email, status })),
      attempts: (attempts.get(seq) ?? []).map(attemptOf),
    })),
    next: last === undefined || rows.length < limit ? null : cursorFor([last.accepted_at, last.seq]),
  }
}

function attemptOf({ provider, at, ended_at, outcomes }: AttemptRow): TrafficRow['attempts'][number] {
  return {
    provider,
    at,
    latencyMs: ended_at - at,
    outcomes: (JSON.parse(outcomes) as AttemptEnd['outcomes']).map(({ recipient, outcome, cause, diagnostic }) => ({
      recipient,
      outcome,
      cause,
      code: diagnostic?.code ?? null,
    })),
  }
}
