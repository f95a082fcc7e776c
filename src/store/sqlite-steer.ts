/** What an operator may ask of a message: cancel, retry, release. */
import type { Message, Recipient, RecipientStatus } from '../mail/message.ts'
import type { Database } from './database.ts'
import { note, ranks } from './sqlite-accept.ts'
import { addDelivery, refreshStatus } from './sqlite-queue.ts'
import { recipientsOf } from './sqlite-read.ts'
import type { DeliveryPlan, Steer } from './store.ts'

interface SteeredMessage {
  seq: number
  message: Message
  recipients: Recipient[]
}

interface IdleDelivery {
  id: number
  phase: DeliveryPlan['phase']
  recipients: number[]
}

type StatusTest = (status: RecipientStatus) => boolean

const waits: StatusTest = (status) => status === 'queued' || status === 'scheduled' || status === 'deferred'
const isHeld: StatusTest = (status) => status === 'held'
const endedBadly: StatusTest = (status) => status === 'bounced' || status === 'failed' || status === 'expired'

/**
 * @returns how many recipients changed; null for no such message. What a worker has, or died with, is left alone: it is too late there.
 */
export function steer(db: Database, id: string, tenant: string, what: Steer, now: number): number | null {
  const row = db.get<{ seq: number; envelope: string }>(
    `SELECT m.seq, mail.envelope FROM message AS m CROSS JOIN mail ON mail.message = m.seq WHERE m.id = ? AND m.tenant = ?`,
    id,
    tenant,
  )
  if (!row) return null
  const steered: SteeredMessage = {
    seq: row.seq,
    message: JSON.parse(row.envelope),
    recipients: recipientsOf(db, row.seq),
  }
  const changed = { cancel, retry, release }[what](db, steered, now)
  for (const { index } of changed) {
    const status = what === 'cancel' ? 'canceled' : 'queued'
    db.run('UPDATE recipient SET status = ? WHERE message = ? AND idx = ?', status, row.seq, index)
  }
  const events = changed.map(({ email, provider, providerMessageId }) => ({
    type: what === 'cancel' ? ('canceled' as const) : ('deferred' as const),
    at: now,
    recipient: email,
    provider: what === 'cancel' ? provider : null,
    providerMessageId: what === 'cancel' ? providerMessageId : null,
    detail: { cancel: null, retry: 'to be tried again now, by hand', release: 'released, to be sent now, by hand' }[
      what
    ],
  }))
  note(db, row.seq, tenant, events)
  refreshStatus(db, row.seq)
  return changed.length
}

/** @returns as `steer` */
export function reschedule(db: Database, id: string, tenant: string, sendAt: number, now: number): number | null {
  const row = db.get<{ seq: number; envelope: string }>(
    'SELECT m.seq, mail.envelope FROM message AS m CROSS JOIN mail ON mail.message = m.seq WHERE m.id = ? AND m.tenant = ?',
    id,
    tenant,
  )
  if (!row) return null
  const message: Message = JSON.parse(row.envelope)
  if (message.sendAt === null || message.sendAt <= now) return 0
  const waiting = db.all<{ recipients: string }>(
    `UPDATE delivery SET due_at = ? WHERE message = ? AND claims = 0 AND phase = 'send' AND due_at > ? RETURNING recipients`,
    sendAt,
    row.seq,
    now,
  )
  const moved = waiting.flatMap(({ recipients }) => JSON.parse(recipients) as number[])
  if (moved.length === 0) return 0
  const expireAt = message.expireAt + sendAt - message.sendAt
  db.run('UPDATE mail SET envelope = ? WHERE message = ?', JSON.stringify({ ...message, sendAt, expireAt }), row.seq)
  const detail = `to be sent at ${new Date(sendAt).toISOString()} instead`
  const recipients = recipientsOf(db, row.seq).filter(({ index }) => moved.includes(index))
  const none = { type: 'deferred' as const, at: now, provider: null, providerMessageId: null, detail }
  note(
    db,
    row.seq,
    tenant,
    recipients.map(({ email }) => ({ ...none, recipient: email })),
  )
  return moved.length
}

function cancel(db: Database, steered: SteeredMessage): Recipient[] {
  return idle(db, steered.seq).flatMap((delivery) => {
    const canceled = among(steered, delivery, (status) => waits(status) || isHeld(status))
    const left = delivery.recipients.filter((index) => !canceled.some((recipient) => recipient.index === index))
    if (left.length === 0) db.run('DELETE FROM delivery WHERE id = ?', delivery.id)
    else db.run('UPDATE delivery SET recipients = ? WHERE id = ?', JSON.stringify(left), delivery.id)
    return canceled
  })
}

function retry(db: Database, steered: SteeredMessage, now: number): Recipient[] {
  const { message, recipients, seq } = steered
  const hastened = idle(db, seq)
    .filter((delivery) => delivery.phase === 'send')
    .flatMap((delivery) => {
      db.run('UPDATE delivery SET due_at = min(due_at, ?) WHERE id = ?', now, delivery.id)
      return among(steered, delivery, waits)
    })
  const again = recipients.filter((recipient) => endedBadly(recipient.status))
  if (again.length === 0) return hastened
  // The message's own time may be over: it gets as much again as it had.
  const lifetime = message.expireAt - Math.max(message.acceptedAt, message.sendAt ?? 0)
  const plan: DeliveryPlan = {
    recipients: again.map((recipient) => recipient.index),
    phase: 'send',
    dueAt: now,
    tries: 0,
    waits: 0,
    avoid: [],
    unknown: null,
  }
  const like = { priority: ranks[message.priority], scheduled: message.sendAt === null ? 0 : 1 }
  addDelivery(db, seq, like, plan, Math.max(message.expireAt, now + lifetime))
  return [...hastened, ...again]
}

function release(db: Database, steered: SteeredMessage, now: number): Recipient[] {
  return idle(db, steered.seq)
    .filter((delivery) => delivery.phase === 'held')
    .flatMap((delivery) => {
      db.run(`UPDATE delivery SET phase = 'send', unknown = NULL, waits = 0, due_at = ? WHERE id = ?`, now, delivery.id)
      return among(steered, delivery, isHeld)
    })
}

/** The message's deliveries that nobody works on. */
function idle(db: Database, message: number): IdleDelivery[] {
  return db
    .all<{ id: number; phase: DeliveryPlan['phase']; recipients: string }>(
      'SELECT id, phase, recipients FROM delivery WHERE message = ? AND claims = 0',
      message,
    )
    .map((row) => ({ ...row, recipients: JSON.parse(row.recipients) as number[] }))
}

function among({ recipients }: SteeredMessage, delivery: IdleDelivery, test: StatusTest): Recipient[] {
  return recipients.filter(({ index, status }) => delivery.recipients.includes(index) && test(status))
}
