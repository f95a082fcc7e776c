/** Taking mail in: content ahead of its message, and the message with all that starts with it. */
import { newId } from '../mail/id.ts'
import { type Message, messageStatus, type Priority } from '../mail/message.ts'
import { type Database, pieceBytes } from './database.ts'
import { suppressed } from './sqlite-suppress.ts'
import { addNotices, webhooksOf } from './sqlite-webhooks.ts'
import type { Accepted, Arrival, Claim, NewEvent } from './store.ts'

/** An arrival on its way, beside the text its message is kept as, and its content whole or under the name of its spool. */
export type ArrivalHead = Omit<Arrival, 'content' | 'message'> & {
  message: Pick<Message, 'id' | 'tenant' | 'type' | 'acceptedAt' | 'sendAt' | 'priority' | 'tags'>
  spool: string | null
  leaseUntil: number | null
}

/** An answer on its way: the caller has the rest of its claim. */
export type AcceptedHead =
  | Exclude<Accepted, { kind: 'accepted' }>
  | { kind: 'accepted'; id: string; suppressed: NewEvent[]; leased: { id: number; recipients: number[] } | null }

/** Content up to this many bytes is kept beside its envelope, and comes with its claim. */
const small = 64 * 1024

/** Priorities in the order in which they are claimed. */
export const ranks: Record<Priority, number> = { high: 0, normal: 1, low: 2 }

export function accept(db: Database, arrival: ArrivalHead, content: Uint8Array | null, envelope: string): AcceptedHead {
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
  const gone = new Set(suppressed(db, message.tenant, emailsOf(arrival), message.type))
  const recipients = arrival.recipients.map((one) =>
    gone.has(one.email) ? { ...one, status: 'suppressed' as const } : one,
  )
  const seq = db.insert(
    'INSERT INTO message (id, tenant, type, status, accepted_at) VALUES (?, ?, ?, ?, ?)',
    message.id,
    message.tenant,
    message.type,
    messageStatus(recipients.map((recipient) => recipient.status)),
    message.acceptedAt,
  )
  const whole = content !== null && content.length <= small
  const spool = whole ? null : (arrival.spool ?? message.id)
  const pieces = whole ? 0 : content === null ? adopt(db, arrival.spool!) : keepWhole(db, spool!, content)
  db.run(
    'INSERT INTO mail (message, envelope, content, spool, pieces) VALUES (?, ?, ?, ?, ?)',
    seq,
    envelope,
    whole ? content : null,
    spool,
    pieces,
  )
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
  const travelling = recipients.filter(({ status }) => status !== 'suppressed').map(({ index }) => index)
  const leased = travelling.length === 0 ? null : firstDelivery(db, seq, arrival, travelling)
  const events = [...gone].map((email) => suppressedEvent(email, message.acceptedAt))
  note(db, seq, message.tenant, [...arrival.events, ...events])
  return { kind: 'accepted', id: message.id, suppressed: events, leased }
}

/** @returns what makes a claim of it, when a lease was asked for */
function firstDelivery(db: Database, seq: number, { message, dueAt, leaseUntil }: ArrivalHead, recipients: number[]) {
  const id = db.insert(
    `INSERT INTO delivery (message, recipients, phase, priority, scheduled, due_at, claims, tries, avoid)
     VALUES (?, ?, 'send', ?, ?, ?, ?, 0, '[]')`,
    seq,
    JSON.stringify(recipients),
    ranks[message.priority],
    message.sendAt === null ? 0 : 1,
    leaseUntil ?? dueAt,
    leaseUntil === null ? 0 : 1,
  )
  return leaseUntil === null ? null : { id, recipients }
}

/** The claim of a delivery that was leased with its arrival: what `claim` would read back is still at hand. */
export function firstClaim(
  { message, recipients, dueAt, content }: Arrival,
  suppressed: readonly NewEvent[],
  leased: { id: number; recipients: number[]; until: number },
): Claim {
  const gone = new Set(suppressed.map(({ recipient }) => recipient))
  return {
    id: leased.id,
    claims: 1,
    leasedUntil: leased.until,
    message,
    all: recipients.map((one) => ({
      ...one,
      status: gone.has(one.email) ? 'suppressed' : 'sending',
      provider: null,
      providerMessageId: null,
    })),
    recipients: leased.recipients,
    suppressed: [],
    content: content instanceof Uint8Array ? content : null,
    open: [],
    phase: 'send',
    dueAt,
    tries: 0,
    waits: 0,
    avoid: [],
    unknown: null,
  }
}

function emailsOf({ recipients }: Pick<Arrival, 'recipients'>): string[] {
  return recipients.map(({ email }) => email)
}

function suppressedEvent(email: string, at: number): NewEvent {
  const detail = 'on the suppression list'
  return { type: 'suppressed', at, recipient: email, provider: null, providerMessageId: null, detail }
}

/** Writes events down in their order, each with what webhooks are to be told of it. `message` is the message's row. */
export function note(db: Database, message: number, tenant: string, events: readonly NewEvent[]): void {
  const webhooks = webhooksOf(db, tenant)
  for (const event of events) {
    const seq = db.insert(
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
    if (webhooks.length > 0) addNotices(db, webhooks, event, seq)
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
