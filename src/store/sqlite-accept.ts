/** Taking mail in: content ahead of its message, and the message with all that starts with it. */
import { newId } from '../mail/id.ts'
import { messageStatus, type Priority } from '../mail/message.ts'
import { type Database, pieceBytes } from './database.ts'
import { suppressed } from './sqlite-suppress.ts'
import type { Accepted, Arrival, NewEvent } from './store.ts'

/** An arrival whose content travels beside it: the bytes whole, or the name of its spool. */
export type ArrivalHead = Omit<Arrival, 'content'> & { spool: string | null }

/** Priorities in the order in which they are claimed. */
export const ranks: Record<Priority, number> = { high: 0, normal: 1, low: 2 }

export function accept(db: Database, arrival: ArrivalHead, content: Uint8Array | null): Accepted {
  const { message, idempotency } = arrival
  if (idempotency) {
    const used = db.get<{ digest: string; message: string }>(
      'SELECT digest, message FROM idempotency WHERE tenant = ? AND key = ?',
      message.tenant,
      idempotency.key,
    )
    if (used) {
      if (arrival.spool !== null) drop(db, arrival.spool)
      return used.digest === idempotency.digest ? { kind: 'replayed', id: used.message } : { kind: 'conflict' }
    }
    db.run(
      'INSERT INTO idempotency (tenant, key, digest, message, at) VALUES (?, ?, ?, ?, ?)',
      message.tenant,
      idempotency.key,
      idempotency.digest,
      message.id,
      message.acceptedAt,
    )
  }
  // Content that came whole is kept under the message's own id.
  const spool = arrival.spool ?? message.id
  const pieces = arrival.spool === null ? keepWhole(db, spool, content!) : adopt(db, arrival.spool)
  const gone = new Set(suppressed(db, message.tenant, emailsOf(arrival)))
  const recipients = arrival.recipients.map((one) =>
    gone.has(one.email) ? { ...one, status: 'suppressed' as const } : one,
  )
  db.run(
    `INSERT INTO message (id, tenant, type, status, accepted_at, spool, pieces, envelope)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    message.id,
    message.tenant,
    message.type,
    messageStatus(recipients.map((recipient) => recipient.status)),
    message.acceptedAt,
    spool,
    pieces,
    JSON.stringify(message),
  )
  const { seq } = db.get<{ seq: number }>('SELECT last_insert_rowid() AS seq')!
  for (const tag of new Set(message.tags)) db.run('INSERT INTO tag (tag, message) VALUES (?, ?)', tag, seq)
  for (const { index, email, status, dsn } of recipients) {
    db.run(
      'INSERT INTO recipient (message, idx, email, status, dsn) VALUES (?, ?, ?, ?, ?)',
      seq,
      index,
      email,
      status,
      JSON.stringify(dsn),
    )
  }
  for (const { recipients: wanted, dueAt } of arrival.deliveries) {
    const travelling = wanted.filter((index) => recipients[index]!.status !== 'suppressed')
    if (travelling.length === 0) continue
    db.run(
      `INSERT INTO delivery (message, recipients, phase, priority, due_at, tries, avoid)
       VALUES (?, ?, 'send', ?, ?, 0, '[]')`,
      seq,
      JSON.stringify(travelling),
      ranks[message.priority],
      dueAt,
    )
  }
  const events = [...gone].map((email) => suppressedEvent(email, message.acceptedAt))
  note(db, seq, message.tenant, [...arrival.events, ...events])
  return { kind: 'accepted', id: message.id, suppressed: events }
}

function emailsOf({ recipients }: Pick<Arrival, 'recipients'>): string[] {
  return recipients.map(({ email }) => email)
}

function suppressedEvent(email: string, at: number): NewEvent {
  const detail = 'on the suppression list'
  return { type: 'suppressed', at, recipient: email, provider: null, providerMessageId: null, detail }
}

/** Writes events down in their order. `message` is the message's row. */
export function note(db: Database, message: number, tenant: string, events: readonly NewEvent[]): void {
  for (const event of events) {
    db.run(
      `INSERT INTO event (id, message, tenant, type, at, recipient, provider, provider_message_id, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      newId('evt', event.at),
      message,
      tenant,
      event.type,
      event.at,
      event.recipient,
      event.provider,
      event.providerMessageId,
      event.detail,
    )
  }
}

export function keep(db: Database, spool: string, bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    const { pieces } = db.get<{ pieces: number }>(
      `INSERT INTO spool (name, pieces) VALUES (?, 1)
       ON CONFLICT (name) DO UPDATE SET pieces = pieces + 1 RETURNING pieces`,
      spool,
    )!
    addPiece(db, spool, pieces - 1, bytes.subarray(from, from + pieceBytes))
  }
}

export function drop(db: Database, spool: string): void {
  // What a message took is no longer a spool, and stays.
  if (!db.get('DELETE FROM spool WHERE name = ? RETURNING name', spool)) return
  db.run('DELETE FROM content WHERE spool = ?', spool)
}

function adopt(db: Database, spool: string): number {
  const taken = db.get<{ pieces: number }>('DELETE FROM spool WHERE name = ? RETURNING pieces', spool)
  if (!taken) throw new Error(`there is no spool ${spool}`)
  return taken.pieces
}

function keepWhole(db: Database, spool: string, bytes: Uint8Array): number {
  let pieces = 0
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    addPiece(db, spool, pieces++, bytes.subarray(from, from + pieceBytes))
  }
  return pieces
}

function addPiece(db: Database, spool: string, piece: number, bytes: Uint8Array): void {
  db.run('INSERT INTO content (spool, piece, bytes) VALUES (?, ?, ?)', spool, piece, bytes)
}
