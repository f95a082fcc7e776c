/** Notices: what webhooks are still to be told. Claimed by webhook, so that what waits for a dead one is in nobody's way. */
import type { MailEvent } from '../mail/event.ts'
import type { Database } from './database.ts'
import { forgetWebhooks, type LiveWebhook, liveWebhooks } from './sqlite-webhooks.ts'
import type { Notice, NoticeSettlement } from './store.ts'

interface Want {
  now: number
  leaseUntil: number
  limit: number
  each: number
  busy: Readonly<Record<string, number>>
}

interface NoticeRow extends Omit<MailEvent, 'id' | 'messageId'> {
  notice: number
  claims: number
  tries: number
  /** Null when the event was swept. */
  id: string | null
  messageId: string | null
  envelope: string | null
}

export function claimNotices(db: Database, want: Want): { notices: Notice[]; next: number | null } {
  const notices: Notice[] = []
  const webhooks = liveWebhooks(db)
  let next = Number.POSITIVE_INFINITY
  for (const webhook of [...webhooks.values()]) {
    const room = (webhook.waitUntil > 0 ? 1 : want.each) - (want.busy[webhook.id] ?? 0)
    // A full one is looked at again when one of its calls has ended.
    if (room <= 0) continue
    const ready = Math.max(webhook.due, webhook.waitUntil)
    const most = Math.min(room, want.limit - notices.length)
    if (ready > want.now || most === 0) {
      next = Math.min(next, ready)
      continue
    }
    const rows = dueRows(db, webhook, want.now, most)
    const leased = rows.filter((row) => lease(db, row, want.leaseUntil)).map((row) => noticeIn(row, webhook))
    notices.push(...leased)
    if (rows.length < most) webhook.due = firstDue(db, webhook)
    if (leased.length < room) next = Math.min(next, Math.max(webhook.due, webhook.waitUntil))
    if (leased.length > 0) {
      webhooks.delete(webhook.seq)
      webhooks.set(webhook.seq, webhook)
    }
  }
  return { notices, next: Number.isFinite(next) ? next : null }
}

function dueRows(db: Database, { seq, dialect }: LiveWebhook, now: number, limit: number): NoticeRow[] {
  // `LIMIT +?`: as in `claim`.
  return db.all<NoticeRow>(
    `SELECT n.id AS notice, n.claims, n.tries, e.id, e.type, e.at, m.id AS messageId, e.recipient, e.provider,
       e.provider_message_id AS providerMessageId, e.detail,
       CASE WHEN ? THEN mail.envelope END AS envelope
     FROM notice AS n LEFT JOIN event AS e ON e.seq = n.event LEFT JOIN message AS m ON m.seq = e.message
       LEFT JOIN mail ON mail.message = e.message
     WHERE n.webhook = ? AND n.due_at <= ? ORDER BY n.due_at, n.id LIMIT +?`,
    dialect === null ? 0 : 1,
    seq,
    now,
    limit,
  )
}

function firstDue(db: Database, { seq }: LiveWebhook): number {
  const { due } = db.get<{ due: number | null }>('SELECT min(due_at) AS due FROM notice WHERE webhook = ?', seq)!
  return due ?? Number.POSITIVE_INFINITY
}

/** False: its event is gone, and so is the notice. */
function lease(db: Database, { notice, id }: NoticeRow, until: number): boolean {
  if (id === null) db.run('DELETE FROM notice WHERE id = ?', notice)
  else db.run('UPDATE notice SET due_at = ?, claims = claims + 1, leased = 1 WHERE id = ?', until, notice)
  return id !== null
}

function noticeIn({ notice, claims, tries, envelope, ...event }: NoticeRow, webhook: LiveWebhook): Notice {
  const { id, tenant, url, dialect, secret, failures } = webhook
  return {
    id: notice,
    claims: claims + 1,
    tries,
    webhook: { id, tenant, url, dialect, secret, failures },
    event: event as MailEvent,
    message: envelope === null ? null : JSON.parse(envelope),
  }
}

export function settleNotice(db: Database, settlement: NoticeSettlement): boolean {
  const { id, claims, dueAt, webhook } = settlement
  const ours = db.get<{ webhook: number }>('SELECT webhook FROM notice WHERE id = ? AND claims = ?', id, claims)
  if (!ours) return false
  if (dueAt === null) db.run('DELETE FROM notice WHERE id = ?', id)
  else db.run('UPDATE notice SET due_at = ?, tries = tries + 1, leased = 0 WHERE id = ?', dueAt, id)
  const live = liveWebhooks(db).get(ours.webhook)
  if (!live) return true
  if (dueAt !== null) live.due = Math.min(live.due, dueAt)
  if (live.failures !== webhook.failures || live.waitUntil !== webhook.waitUntil) {
    live.failures = webhook.failures
    live.waitUntil = webhook.waitUntil
    db.run('UPDATE webhook SET failures = ?, wait_until = ? WHERE seq = ?', live.failures, live.waitUntil, live.seq)
  }
  if (webhook.disabledAt !== undefined) {
    db.run(`UPDATE webhook SET state = 'disabled', disabled_at = ? WHERE seq = ?`, webhook.disabledAt, live.seq)
    forgetWebhooks(db)
  }
  return true
}

export function dropNotices(
  db: Database,
  { before, limit }: { before: number; limit: number },
): { dropped: Record<string, number>; more: boolean } {
  const over = db.all<{ seq: number; state: string }>(`SELECT seq, state FROM webhook WHERE state <> 'live'`)
  for (const { seq, state } of over) {
    const gone = db.all(
      'DELETE FROM notice WHERE id IN (SELECT id FROM notice WHERE webhook = ? LIMIT ?) RETURNING id',
      seq,
      limit,
    )
    if (gone.length === limit) return { dropped: {}, more: true }
    if (state === 'deleted') db.run('DELETE FROM webhook WHERE seq = ?', seq)
  }
  // In the order in which they were written, which is nearly that of their age: nothing is read that stays, but for the first.
  const oldest = db.all<{ id: number; webhook: string; at: number }>(
    'SELECT n.id, w.id AS webhook, n.at FROM notice AS n JOIN webhook AS w ON w.seq = n.webhook ORDER BY n.id LIMIT ?',
    limit,
  )
  const old = oldest.filter(({ at }) => at < before)
  const dropped: Record<string, number> = {}
  for (const { id, webhook } of old) {
    db.run('DELETE FROM notice WHERE id = ?', id)
    dropped[webhook] = (dropped[webhook] ?? 0) + 1
  }
  return { dropped, more: old.length === limit }
}

/** Voids every lease, as `voidLeases` does those of deliveries. */
export function voidNoticeLeases(db: Database): void {
  db.run('UPDATE notice SET due_at = 0, leased = 0 WHERE leased = 1')
}
