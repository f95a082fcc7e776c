/** What vendors told: whose mail it is about, each event once, and what follows from it. */
import { suppressionKey } from '../mail/address.ts'
import type { Recipient, RecipientStatus } from '../mail/message.ts'
import type { Database } from './database.ts'
import { note } from './sqlite-accept.ts'
import { refreshStatus } from './sqlite-queue.ts'
import { recipientsOf, withRecipient } from './sqlite-read.ts'
import { suppress } from './sqlite-suppress.ts'
import type { AttemptEnd, DeliveryPlan, Heard, Parked, Place, Reference, Told } from './store.ts'

interface MessageRow {
  seq: number
  id: string
  tenant: string
  type: string
}

const byId = 'SELECT seq, id, tenant, type FROM message WHERE id = ?'

export function attribute(db: Database, provider: string, references: readonly Reference[]): (Place | null)[] {
  return references.map((reference) => placeOf(db, provider, reference))
}

function placeOf(db: Database, provider: string, reference: Reference): Place | null {
  const row =
    reference.messageId === null ? byVendorsId(db, provider, reference) : db.get<MessageRow>(byId, reference.messageId)
  if (!row) return null
  const all = recipientsOf(db, row.seq)
  const recipients = meant(db, row.seq, all, provider, reference)
  if (recipients.length === 0) return null
  const { id, tenant, type } = row
  return { messageId: id, tenant, type, recipients: recipients.map(({ index, email }) => ({ index, email })) }
}

/**
 * By whom it was for, and the vendor's id of it: no index leads to the id alone. Where the vendor tells no id at all, it is the latest
 * mail that it had for them. Vendors like to write addresses in lower case.
 */
function byVendorsId(
  db: Database,
  provider: string,
  { recipient, providerMessageId }: Reference,
): MessageRow | undefined {
  if (recipient === null) return undefined
  for (const spelled of new Set([recipient, suppressionKey(recipient)])) {
    const found = db.get<MessageRow>(
      `SELECT m.seq, m.id, m.tenant, m.type FROM (${withRecipient}) AS found
         CROSS JOIN recipient AS t ON t.message = found.message CROSS JOIN message AS m ON m.seq = found.message
       WHERE t.provider = ?2 AND (?3 IS NULL OR t.provider_message_id = ?3) ORDER BY m.seq DESC LIMIT 1`,
      spelled,
      provider,
      providerMessageId,
    )
    if (found) return found
  }
  return undefined
}

/** Whom of a message an event means: who bears the address; everyone who went by that provider where it names nobody. */
function meant(
  db: Database,
  message: number,
  all: Recipient[],
  provider: string,
  { recipient }: Reference,
): Recipient[] {
  if (recipient !== null) {
    const named = all.filter(({ email }) => suppressionKey(email) === suppressionKey(recipient))
    // A vendor may tell of the address that mail was forwarded to. With one recipient there is no doubt.
    return named.length > 0 || all.length > 1 ? named : all
  }
  const tried = db
    .all<{ recipients: string }>('SELECT recipients FROM attempt WHERE message = ? AND provider = ?', message, provider)
    .flatMap(({ recipients }) => JSON.parse(recipients) as number[])
  return all.filter(({ index, provider: by }) => by === provider || tried.includes(index))
}

/** How far a recipient is, by events: none takes it back. A bounce after a delivery, and a complaint after both, are the last word. */
const ranks: Partial<Record<RecipientStatus, number>> = {
  sent: 1,
  delivered: 2,
  suppressed: 3,
  bounced: 3,
  complained: 4,
}

export function hear(db: Database, { provider, at, heard, park, unpark }: Told): Heard[] {
  const fresh = heard
    .filter((one) => isNew(db, provider, one.key, at))
    .map((one) => ({ ...one, events: [...one.events] }))
  const touched = new Map<string, number>()
  for (const one of fresh) {
    const { messageId, recipient, events, status, suppress: suppression } = one
    const { providerMessageId } = events[0]!
    const row = db.get<MessageRow>(byId, messageId)
    if (!row) continue
    one.duplicate =
      (status === 'sent' || status === 'delivered') && isDuplicate(db, row.seq, recipient, provider, providerMessageId)
    const advanced = status !== null && advance(db, row.seq, recipient, provider, status, providerMessageId)
    if (advanced) touched.set(messageId, row.seq)
    if (one.duplicate) events[0] = { ...events[0]!, detail: `${confirmed}: ${provider} took it too` }
    note(db, row.seq, row.tenant, status === 'sent' && !advanced && !one.duplicate ? [] : events)
    if (suppression) suppress(db, [suppression])
  }
  for (const seq of touched.values()) refreshStatus(db, seq)
  for (const { key, dueAt, event } of park) {
    if (db.get('SELECT 1 FROM heard WHERE provider = ? AND key = ?', provider, key)) continue
    db.run(
      'INSERT INTO parked (provider, key, since, due_at, event) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      provider,
      key,
      at,
      dueAt,
      JSON.stringify(event),
    )
  }
  for (const key of unpark) db.run('DELETE FROM parked WHERE provider = ? AND key = ?', provider, key)
  return fresh
}

const confirmed = 'confirmed duplicate'

/**
 * Whether a provider tells that it took what was given up, when it has been taken once more by now: by another, or by itself under
 * another id. Once a recipient: its events about one mail are several.
 */
function isDuplicate(
  db: Database,
  message: number,
  index: number,
  provider: string,
  providerMessageId: string | null,
): boolean {
  const now = db.get<{ email: string; status: RecipientStatus; provider: string | null; id: string | null }>(
    'SELECT email, status, provider, provider_message_id AS id FROM recipient WHERE message = ? AND idx = ?',
    message,
    index,
  )
  if (!now || now.provider === null || ranks[now.status] === undefined) return false
  const same = now.provider === provider
  if (same && (now.id === null || providerMessageId === null || now.id === providerMessageId)) return false
  const tried = db
    .all<{ provider: string; recipients: string; outcomes: string | null }>(
      'SELECT provider, recipients, outcomes FROM attempt WHERE message = ?',
      message,
    )
    .filter(({ recipients }) => (JSON.parse(recipients) as number[]).includes(index))
  const given = tried.filter((attempt) => attempt.provider === provider)
  if (given.length === 0 || (same && !given.some((attempt) => wasUnknown(attempt, index)))) return false
  // Both must have had it: who is named may have been told of by an event, too.
  if (!tried.some((attempt) => attempt.provider === now.provider)) return false
  return !db.get(
    `SELECT 1 FROM event WHERE message = ? AND recipient = ? AND detail LIKE ?`,
    message,
    now.email,
    `${confirmed}%`,
  )
}

function wasUnknown({ outcomes }: { outcomes: string | null }, index: number): boolean {
  const ends: AttemptEnd['outcomes'] = outcomes === null ? [] : JSON.parse(outcomes)
  return ends.some(({ recipient, outcome }) => recipient === index && outcome === 'unknown')
}

function isNew(db: Database, provider: string, key: string, at: number): boolean {
  const sql = 'INSERT INTO heard (provider, key, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING at'
  return db.get(sql, provider, key, at) !== undefined
}

/** A recipient goes on to `status`, when that is news from the provider that has it, or had it first. False: nothing changed. */
function advance(
  db: Database,
  message: number,
  index: number,
  provider: string,
  status: RecipientStatus,
  providerMessageId: string | null,
): boolean {
  const now = db.get<{ status: RecipientStatus; provider: string | null }>(
    'SELECT status, provider FROM recipient WHERE message = ? AND idx = ?',
    message,
    index,
  )
  if (!now || now.status === 'canceled') return false
  // Somebody else has it by now: of that only the good news are true of the recipient.
  if (now.provider !== null && now.provider !== provider && status !== 'delivered' && status !== 'complained')
    return false
  if ((ranks[now.status] ?? 0) >= ranks[status]!) return false
  db.run(
    `UPDATE recipient SET status = ?, provider = ?, provider_message_id = coalesce(provider_message_id, ?)
     WHERE message = ? AND idx = ?`,
    status,
    provider,
    providerMessageId,
    message,
    index,
  )
  noLongerAsked(db, message, index, provider)
  return true
}

/**
 * What became of an unknown is known now: the delivery that would ask, wait for an operator or go to another provider goes on without
 * this recipient.
 */
function noLongerAsked(db: Database, message: number, index: number, provider: string): void {
  const rows = db.all<{
    id: number
    phase: DeliveryPlan['phase']
    recipients: string
    avoid: string
    unknown: string | null
  }>(
    `SELECT id, phase, recipients, avoid, unknown FROM delivery
      WHERE message = ? AND (phase = 'held' OR (phase = 'send' AND claims = 0))`,
    message,
  )
  for (const { id, phase, recipients, avoid, unknown } of rows) {
    const travelling = JSON.parse(recipients) as number[]
    const doubt = unknown === null ? null : (JSON.parse(unknown) as DeliveryPlan['unknown'])
    // It was given up and waits for another provider, which need not send it any more.
    const givenUp = phase === 'send' && (JSON.parse(avoid) as string[]).includes(provider)
    if (!travelling.includes(index) || !(givenUp || (phase === 'held' && doubt?.provider === provider))) continue
    const left = travelling.filter((one) => one !== index)
    if (left.length > 0) {
      db.run(
        `INSERT INTO delivery (message, recipients, phase, priority, scheduled, due_at, tries, waits, avoid, unknown, expire_at)
         SELECT message, ?, phase, priority, scheduled, due_at, tries, waits, avoid, unknown, expire_at FROM delivery WHERE id = ?`,
        JSON.stringify(left),
        id,
      )
    }
    // Another row, for whoever asks the vendor at this moment must not settle it.
    db.run('DELETE FROM delivery WHERE id = ?', id)
  }
}

export function parked(db: Database, now: number, limit: number): Parked[] {
  const rows = db.all<{ provider: string; key: string; since: number; event: string }>(
    'SELECT provider, key, since, event FROM parked WHERE due_at <= ? ORDER BY due_at LIMIT ?',
    now,
    limit,
  )
  for (const { provider, key, since } of rows) {
    db.run(
      'UPDATE parked SET due_at = ? WHERE provider = ? AND key = ?',
      now + Math.max(now - since, 1_000),
      provider,
      key,
    )
  }
  return rows.map((row) => ({ ...row, event: JSON.parse(row.event) }))
}

export function nextParked(db: Database): number | null {
  return db.get<{ due: number | null }>('SELECT min(due_at) AS due FROM parked')!.due
}
