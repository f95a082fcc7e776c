/** Reading: messages, what was tried for them, events and content. Another tenant's rows are never there. */
import type { MailEvent } from '../mail/event.ts'
import { type Message, messageStatus, type Recipient, type RecipientStatus } from '../mail/message.ts'
import { cursorFor, placeOf } from './cursor.ts'
import { type Database, Parcel, type Value } from './database.ts'
import type { AttemptEnd, AttemptView, EventQuery, MessageQuery, MessageView, Page } from './store.ts'

interface MessageRow {
  seq: number
  accepted_at: number
  envelope: string
}

interface RecipientRow {
  idx: number
  email: string
  status: RecipientStatus
  provider: string | null
  provider_message_id: string | null
  dsn: string
}

export function recipientsOf(db: Database, message: number): Recipient[] {
  return db
    .all<RecipientRow>(
      'SELECT idx, email, status, provider, provider_message_id, dsn FROM recipient WHERE message = ? ORDER BY idx',
      message,
    )
    .map((row) => ({
      index: row.idx,
      email: row.email,
      status: row.status,
      provider: row.provider,
      providerMessageId: row.provider_message_id,
      dsn: JSON.parse(row.dsn),
    }))
}

export function message(db: Database, id: string, tenant: string): MessageView | null {
  const row = db.get<MessageRow>(
    `SELECT m.seq, m.accepted_at, mail.envelope FROM message AS m CROSS JOIN mail ON mail.message = m.seq
     WHERE m.id = ? AND m.tenant = ?`,
    id,
    tenant,
  )
  return row ? { ...view(db, row), attempts: attemptsOf(db, row.seq) } : null
}

const waiting: ReadonlySet<RecipientStatus> = new Set(['queued', 'scheduled', 'deferred', 'held'])

/** Who waits and travels in a delivery that was claimed is `sending`. Nobody writes that down: it is so until that is settled. */
export function markSending(recipients: Recipient[], travelling: readonly number[]): void {
  for (const recipient of recipients) {
    if (travelling.includes(recipient.index) && waiting.has(recipient.status)) recipient.status = 'sending'
  }
}

function view(db: Database, row: MessageRow): Omit<MessageView, 'attempts'> {
  const message: Message = JSON.parse(row.envelope)
  const recipients = recipientsOf(db, row.seq)
  const claimed = db.all<{ recipients: string }>(
    `SELECT recipients FROM delivery WHERE message = ? AND claims > 0 AND phase = 'send'`,
    row.seq,
  )
  for (const delivery of claimed) markSending(recipients, JSON.parse(delivery.recipients))
  return { message, status: messageStatus(recipients.map(({ status }) => status)), recipients }
}

interface AttemptRow {
  id: string
  provider: string
  at: number
  ended_at: number | null
  recipients: string
  outcomes: string | null
  plan: string
}

function attemptsOf(db: Database, message: number): AttemptView[] {
  const rows = db.all<AttemptRow>(
    `SELECT id, provider, at, ended_at, recipients, outcomes, plan FROM attempt WHERE message = ? ORDER BY at, id`,
    message,
  )
  return rows.flatMap((row) => {
    const outcomes: AttemptEnd['outcomes'] = row.outcomes === null ? [] : JSON.parse(row.outcomes)
    const plan = JSON.parse(row.plan)
    return (JSON.parse(row.recipients) as number[]).map((recipient): AttemptView => {
      const end = outcomes.find((outcome) => outcome.recipient === recipient)
      return {
        id: row.id,
        at: row.at,
        provider: row.provider,
        recipient,
        outcome: end?.outcome ?? null,
        cause: end?.cause ?? null,
        code: end?.diagnostic?.code ?? null,
        reason: end?.diagnostic?.reason ?? null,
        latencyMs: row.ended_at === null ? null : row.ended_at - row.at,
        plan,
      }
    })
  })
}

/** The messages to an address, by the index's buckets (see `sql.ts`). */
export const withRecipient = `
  WITH RECURSIVE bucket (number) AS (
    SELECT max(seq) >> 9 FROM message UNION ALL
    SELECT number - 1 FROM bucket WHERE number > (SELECT min(seq) >> 9 FROM message))
  SELECT DISTINCT r.message FROM bucket CROSS JOIN recipient AS r ON r.message >> 9 = bucket.number AND r.email = ?`

/** Of a message's deliveries to be sent, one that waits; and one that is under way. */
const waits = `EXISTS (SELECT 1 FROM delivery WHERE message = m.seq AND claims = 0 AND phase = 'send')`
const underWay = `m.seq IN (SELECT message FROM delivery WHERE claims > 0 AND phase = 'send')`

export function messages(db: Database, query: MessageQuery): Page<Omit<MessageView, 'attempts'>> {
  const where: string[] = ['m.tenant = ?']
  const params: Value[] = [query.tenant]
  const and = (condition: string, ...values: Value[]) => {
    where.push(condition)
    params.push(...values)
  }
  if (query.status !== undefined) and('m.status = ?', query.status === 'sending' ? 'queued' : query.status)
  if (query.status === 'queued') and(waits)
  if (query.status === 'sending') and(`${underWay} AND NOT ${waits}`)
  if (query.type !== undefined) and('m.type = ?', query.type)
  if (query.since !== undefined) and('m.accepted_at >= ?', query.since)
  if (query.until !== undefined) and('m.accepted_at < ?', query.until)
  // What is rare leads the search: an address or a tag names few messages, a provider names many.
  const from = ['message AS m']
  if (query.tag !== undefined) {
    from.unshift('tag AS t')
    and('t.tag = ? AND m.seq = t.message', query.tag)
  }
  if (query.recipient !== undefined) {
    from.unshift(`(${withRecipient}) AS r`)
    params.unshift(query.recipient)
    and('m.seq = r.message')
  }
  if (query.provider !== undefined) {
    and('EXISTS (SELECT 1 FROM attempt AS a WHERE a.message = m.seq AND a.provider = ?)', query.provider)
  }
  if (query.cursor !== undefined) and('(m.accepted_at, m.seq) < (?, ?)', ...placeOf(query.cursor, 2))
  const rows = db.all<MessageRow>(
    `SELECT m.seq, m.accepted_at, mail.envelope FROM ${from.join(' CROSS JOIN ')} CROSS JOIN mail ON mail.message = m.seq
     WHERE ${where.join(' AND ')} ORDER BY m.accepted_at DESC, m.seq DESC LIMIT ?`,
    ...params,
    query.limit + 1,
  )
  return page(
    rows,
    query.limit,
    (row) => cursorFor([row.accepted_at, row.seq]),
    (row) => view(db, row),
  )
}

/** One row more than the page holds was asked for: it tells whether there is a next page. */
export function page<Row, Shown>(
  rows: Row[],
  limit: number,
  cursor: (row: Row) => string,
  show: (row: Row) => Shown,
): Page<Shown> {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return { rows: rows.slice(0, limit).map(show), next: last === undefined ? null : cursor(last) }
}

interface EventRow {
  seq: number
  id: string
  type: MailEvent['type']
  at: number
  messageId: string
  recipient: string | null
  provider: string | null
  providerMessageId: string | null
  detail: string | null
}

export function events(db: Database, query: EventQuery): Page<MailEvent> {
  const where = ['e.tenant = ?']
  const params: Value[] = [query.tenant]
  if (query.messageId !== undefined) {
    // The sign keeps the search off the tenant's index: the message's few events are read instead of all the tenant's.
    where[0] = '+e.tenant = ?'
    where.push('e.message = (SELECT seq FROM message WHERE id = ?)')
    params.push(query.messageId)
  }
  const and = (condition: string, value: Value | undefined) => {
    if (value === undefined) return
    where.push(condition)
    params.push(value)
  }
  and('e.type IN (SELECT value FROM json_each(?))', query.types && JSON.stringify(query.types))
  and('e.at >= ?', query.since)
  and('e.at < ?', query.until)
  and('e.recipient = ?', query.recipient)
  and('EXISTS (SELECT 1 FROM tag WHERE tag.tag = ? AND tag.message = e.message)', query.tag)
  const [before, order] = query.oldestFirst ? ['>', 'ASC'] : ['<', 'DESC']
  and(`e.seq ${before} ?`, query.cursor === undefined ? undefined : placeOf(query.cursor, 1)[0])
  const rows = db.all<EventRow>(
    `SELECT e.seq, e.id, e.type, e.at, m.id AS messageId, e.recipient, e.provider,
       e.provider_message_id AS providerMessageId, e.detail
     FROM event AS e CROSS JOIN message AS m ON m.seq = e.message
     WHERE ${where.join(' AND ')} ORDER BY e.seq ${order} LIMIT ?`,
    ...params,
    query.limit + 1,
  )
  return page(
    rows,
    query.limit,
    (row) => cursorFor([row.seq]),
    ({ seq: _, ...event }) => event,
  )
}

/** One piece of a message's content, counted from 0, when it is there; and how many there are. */
export function piece(db: Database, id: string, which: number): Parcel<number> {
  const row = db.get<{ pieces: number; bytes: Uint8Array | null }>(
    `SELECT mail.pieces, coalesce(mail.content, c.bytes) AS bytes FROM message AS m CROSS JOIN mail ON mail.message = m.seq
       LEFT JOIN content AS c ON c.spool = mail.spool AND c.piece = ? WHERE m.id = ?`,
    which,
    id,
  )
  return row?.bytes?.length ? new Parcel(row.pieces, [row.bytes]) : new Parcel(0, [])
}

export function state(db: Database, key: string): unknown {
  const row = db.get<{ value: string }>('SELECT value FROM state WHERE key = ?', key)
  return row === undefined ? null : JSON.parse(row.value)
}
