/** The hot road: claim what is due, record the attempt, settle what became of it. */
import { type Message, messageStatus, type Priority, type RecipientStatus } from '../mail/message.ts'
import { type Database, Parcel } from './database.ts'
import { note, ranks } from './sqlite-accept.ts'
import { markSending, recipientsOf } from './sqlite-read.ts'
import { suppress, suppressed } from './sqlite-suppress.ts'
import { count } from './sqlite-usage.ts'
import type { AttemptStart, Claim, DeliveryPlan, Settlement } from './store.ts'

interface DueRow {
  id: number
  message: number
  recipients: string
  phase: DeliveryPlan['phase']
  due_at: number
  claims: number
  tries: number
  waits: number
  avoid: string
  unknown: string | null
  expire_at: number | null
  tenant: string
  type: string
  envelope: string
  content: Uint8Array | null
}

/** A claim on its way: the message as the text it is kept as, and whether its content is among the bytes. */
export type PackedClaim = Omit<Claim, 'message' | 'content'> & {
  envelope: string
  expireAt: number | null
  comes: boolean
}

interface OpenRow {
  id: string
  provider: string
  at: number
  recipients: string
}

export function claim(
  db: Database,
  want: { now: number; leaseUntil: number; limit: number; priority: Priority },
): Parcel<PackedClaim[]> {
  const claims: PackedClaim[] = []
  const contents: Uint8Array[] = []
  for (let rank = 0; rank <= ranks[want.priority] && claims.length < want.limit; rank++) {
    // The sign keeps SQLite from looking at the number, for which it would prepare the statement anew each time (7 µs of 8).
    const due = db.all<DueRow>(
      `SELECT d.id, d.message, d.recipients, d.phase, d.due_at, d.claims, d.tries, d.waits, d.avoid, d.unknown, d.expire_at,
         m.tenant, m.type, mail.envelope, CASE d.phase WHEN 'held' THEN NULL ELSE mail.content END AS content
       FROM delivery AS d CROSS JOIN message AS m ON m.seq = d.message CROSS JOIN mail ON mail.message = d.message
       WHERE d.priority = ? AND d.due_at <= ? ORDER BY d.due_at, d.id LIMIT +?`,
      rank,
      want.now,
      want.limit - claims.length,
    )
    for (const row of due) {
      claims.push(lease(db, row, want.leaseUntil))
      if (row.content) contents.push(row.content)
    }
  }
  return new Parcel(claims, contents)
}

/** The claims with their messages and contents. */
export function unpacked({ rest, bytes }: Parcel<PackedClaim[]>): Claim[] {
  let next = 0
  return rest.map(({ envelope, expireAt, comes, ...claim }) => {
    const message: Message = JSON.parse(envelope)
    if (expireAt !== null) message.expireAt = expireAt
    return { ...claim, message, content: comes ? bytes[next++]! : null }
  })
}

function lease(db: Database, row: DueRow, leaseUntil: number): PackedClaim {
  db.run('UPDATE delivery SET due_at = ?, claims = claims + 1 WHERE id = ?', leaseUntil, row.id)
  const travelling: number[] = JSON.parse(row.recipients)
  const all = recipientsOf(db, row.message)
  if (row.phase === 'send') markSending(all, travelling)
  const gone = suppressed(
    db,
    row.tenant,
    all.map(({ email }) => email),
    row.type,
  )
  return {
    id: row.id,
    claims: row.claims + 1,
    leasedUntil: leaseUntil,
    recipients: travelling,
    phase: row.phase,
    dueAt: row.due_at,
    tries: row.tries,
    waits: row.waits,
    avoid: JSON.parse(row.avoid),
    unknown: row.unknown === null ? null : JSON.parse(row.unknown),
    envelope: row.envelope,
    expireAt: row.expire_at,
    all,
    suppressed: travelling.filter((index) => gone.includes(all[index]!.email)),
    comes: row.content !== null,
    open: openAttempts(db, row.message, travelling),
  }
}

/** Attempts for any of these recipients that nobody settled, whichever delivery they were made for. */
function openAttempts(db: Database, message: number, travelling: number[]): Claim['open'] {
  return db
    .all<OpenRow>('SELECT id, provider, at, recipients FROM attempt WHERE message = ? AND ended_at IS NULL', message)
    .map((row) => ({ ...row, recipients: JSON.parse(row.recipients) as number[] }))
    .filter((attempt) => attempt.recipients.some((index) => travelling.includes(index)))
}

export function record(db: Database, attempt: AttemptStart): boolean {
  const ours = db.get<{ message: number; due_at: number }>(
    'SELECT message, due_at FROM delivery WHERE id = ? AND claims = ?',
    attempt.delivery,
    attempt.claims,
  )
  if (!ours) return false
  if (ours.due_at < attempt.leaseUntil)
    db.run('UPDATE delivery SET due_at = ? WHERE id = ?', attempt.leaseUntil, attempt.delivery)
  db.run(
    'INSERT INTO attempt (message, id, provider, at, recipients, plan) VALUES (?, ?, ?, ?, ?, ?)',
    ours.message,
    attempt.id,
    attempt.provider,
    attempt.at,
    JSON.stringify(attempt.recipients),
    JSON.stringify(attempt.plan),
  )
  count(db, attempt.counts)
  return true
}

interface SettledRow {
  message: number
  phase: DeliveryPlan['phase']
  priority: number
  scheduled: number
  expire_at: number | null
  tenant: string
}

export function settle(db: Database, settlement: Settlement): boolean {
  const ours = db.get<SettledRow>(
    `SELECT d.message, d.phase, d.priority, d.scheduled, d.expire_at, m.tenant FROM delivery AS d CROSS JOIN message AS m ON m.seq = d.message
     WHERE d.id = ? AND d.claims = ?`,
    settlement.delivery,
    settlement.claims,
  )
  if (!ours) return false
  if (settlement.attempt) {
    db.run(
      'UPDATE attempt SET ended_at = ?, outcomes = ? WHERE message = ? AND id = ?',
      settlement.attempt.endedAt,
      JSON.stringify(settlement.attempt.outcomes),
      ours.message,
      settlement.attempt.id,
    )
  }
  const { keep, add } = settlement.next
  // Before anything of this is written, which would look as if it had been told.
  const known = add.length > 0 ? alreadyTold(db, ours.message, ours.phase) : none
  for (const { index, status, provider, providerMessageId } of settlement.recipients) {
    db.run(
      `UPDATE recipient SET status = ?1, provider = coalesce(?2, provider),
         provider_message_id = coalesce(?3, provider_message_id) WHERE message = ?4 AND idx = ?5 AND NOT ${told('?6')}`,
      status,
      provider ?? null,
      providerMessageId ?? null,
      ours.message,
      index,
      ours.phase,
    )
  }
  note(db, ours.message, ours.tenant, settlement.events)
  suppress(db, settlement.suppress)
  if (settlement.counts) count(db, settlement.counts)
  if (keep.length === 0) db.run('DELETE FROM delivery WHERE id = ?', settlement.delivery)
  else db.run('UPDATE delivery SET recipients = ? WHERE id = ?', JSON.stringify(keep), settlement.delivery)
  for (const plan of add) {
    const recipients = plan.recipients.filter((index) => !known.has(index))
    if (recipients.length > 0) addDelivery(db, ours.message, ours, { ...plan, recipients }, ours.expire_at)
  }
  if (settlement.recipients.length > 0) refreshStatus(db, ours.message)
  return true
}

/**
 * Whether the vendor told us a recipient's fate before we had settled the call that made it: that stands. What is sent again after a
 * provider took it is `sent` all the while.
 * @param phase where the delivery's phase stands among the parameters
 */
function told(phase: string): string {
  // For a list of more than two SQLite builds a table each time it is asked.
  return `(status IN ('delivered', 'suppressed') OR status IN ('bounced', 'complained') OR (status = 'sent' AND ${phase} <> 'sent'))`
}

const none: ReadonlySet<number> = new Set()

function alreadyTold(db: Database, message: number, phase: DeliveryPlan['phase']): Set<number> {
  const sql = `SELECT idx FROM recipient WHERE message = ? AND ${told('?')}`
  return new Set(db.all<{ idx: number }>(sql, message, phase).map(({ idx }) => idx))
}

/** @param expireAt when this delivery is given up, where that is no longer the message's own time */
export function addDelivery(
  db: Database,
  message: number,
  { priority, scheduled }: Pick<SettledRow, 'priority' | 'scheduled'>,
  plan: DeliveryPlan,
  expireAt: number | null,
): void {
  db.run(
    `INSERT INTO delivery (message, recipients, phase, priority, scheduled, due_at, tries, waits, avoid, unknown, expire_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    message,
    JSON.stringify(plan.recipients),
    plan.phase,
    priority,
    scheduled,
    plan.dueAt,
    plan.tries,
    plan.waits,
    JSON.stringify(plan.avoid),
    plan.unknown === null ? null : JSON.stringify(plan.unknown),
    expireAt,
  )
}

/** Sets a message's status to what its recipients' now make it. */
export function refreshStatus(db: Database, message: number): void {
  const rows = db.all<{ status: RecipientStatus }>('SELECT status FROM recipient WHERE message = ?', message)
  const status = messageStatus(rows.map((row) => row.status))
  db.run('UPDATE message SET status = ? WHERE seq = ? AND status <> ?', status, message, status)
}

export function hasten(
  db: Database,
  which: { provider: string } | 'waiting',
  now: number,
  { after, limit }: { after: number; limit: number },
): { count: number; next: number | null } {
  // What was taken and is to be sent once more waits for anybody once it has found nobody; until then it has its own time.
  const rows = db.all<{ id: number; message: number; phase: string; waits: number; due_at: number }>(
    `SELECT id, message, phase, waits, due_at FROM delivery
      WHERE id > ? AND claims = 0 AND (phase = 'send' OR phase = 'sent' AND waits > 0) ORDER BY id LIMIT ?`,
    after,
    limit,
  )
  let count = 0
  for (const { id, message, phase, waits, due_at } of rows) {
    if (due_at <= now) continue
    if (which === 'waiting' ? waits === 0 : phase === 'sent' || lastTried(db, message) !== which.provider) continue
    db.run('UPDATE delivery SET due_at = ? WHERE id = ?', now, id)
    count++
  }
  return { count, next: rows.length < limit ? null : rows.at(-1)!.id }
}

/** Who was the last to try any of a message's recipients. */
function lastTried(db: Database, message: number): string | undefined {
  const sql = 'SELECT provider FROM attempt WHERE message = ? ORDER BY at DESC, id DESC LIMIT 1'
  return db.get<{ provider: string }>(sql, message)?.provider
}

export function unknowns(db: Database): number {
  const sql = `SELECT count(*) AS count FROM delivery WHERE phase = 'held' AND unknown IS NOT NULL`
  return db.get<{ count: number }>(sql)!.count
}

export function nextDue(db: Database): number | null {
  // One look at the head of the index per priority; min() over the whole table would read all of it.
  const { due } = db.get<{ due: number | null }>(
    `SELECT min(due) AS due FROM (
       SELECT min(due_at) AS due FROM delivery WHERE priority = 0 UNION ALL
       SELECT min(due_at) FROM delivery WHERE priority = 1 UNION ALL
       SELECT min(due_at) FROM delivery WHERE priority = 2)`,
  )!
  return due
}

export function depth(db: Database): Record<Priority, number> {
  const counts = { high: 0, normal: 0, low: 0 }
  const rows = db.all<{ priority: number; count: number }>(
    'SELECT priority, count(*) AS count FROM delivery GROUP BY priority',
  )
  for (const name of Object.keys(ranks) as Priority[]) {
    counts[name] = rows.find((row) => row.priority === ranks[name])?.count ?? 0
  }
  return counts
}

export function oldest(db: Database): number | null {
  // Walks the index by message, the oldest first, and ends at the first that fits.
  const row = db.get<{ acceptedAt: number }>(
    `SELECT m.accepted_at AS acceptedAt FROM delivery AS d CROSS JOIN message AS m ON m.seq = d.message
      WHERE d.phase = 'send' AND d.scheduled = 0 ORDER BY d.message LIMIT 1`,
  )
  return row?.acceptedAt ?? null
}

/**
 * Voids every lease: their holders are dead, which only the one process that has the store may say. Due at 0, so that no clock
 * is needed; `claims` stays, so that the next holder sees that another died.
 */
export function voidLeases(db: Database): void {
  db.run('UPDATE delivery SET due_at = 0 WHERE claims > 0')
}
