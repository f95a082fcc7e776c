/** Forgetting what has had its time, in small steps. */
import type { Database } from './database.ts'

/** Everything that hangs on a message's row, by the statement that deletes it. */
const parts = [
  'DELETE FROM recipient WHERE message = ?',
  'DELETE FROM attempt WHERE message = ?',
  'DELETE FROM event WHERE message = ?',
  'DELETE FROM mail WHERE message = ?',
]

/** @returns how many messages or keys went, whichever were more; at most `limit` of each */
export function sweep(db: Database, before: { messages: number; keys: number; limit: number }): number {
  const keys = db.all(
    `DELETE FROM idempotency WHERE (tenant, key) IN
       (SELECT tenant, key FROM idempotency WHERE at < ? ORDER BY at LIMIT ?) RETURNING at`,
    before.keys,
    before.limit,
  )
  forgetTold(db, before)
  // Minutes are counted for limits of an hour at most; days stay.
  const minute = new Date(Math.max(before.keys, 0)).toISOString().slice(0, 16)
  db.run('DELETE FROM usage WHERE length(span) > 10 AND span < ?', minute)
  db.run('DELETE FROM stat WHERE hour < ?', new Date(Math.max(before.messages, 0)).toISOString().slice(0, 13))
  const ended = db.all<{ seq: number; spool: string | null; tags: string }>(
    `SELECT m.seq, mail.spool, mail.envelope ->> '$.tags' AS tags FROM message AS m CROSS JOIN mail ON mail.message = m.seq
     WHERE m.accepted_at < ?
       AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.message = m.seq) ORDER BY m.accepted_at LIMIT ?`,
    before.messages,
    before.limit,
  )
  for (const { seq, spool, tags } of ended) {
    for (const statement of parts) db.run(statement, seq)
    for (const tag of JSON.parse(tags) as string[]) db.run('DELETE FROM tag WHERE tag = ? AND message = ?', tag, seq)
    if (spool !== null) db.run('DELETE FROM content WHERE spool = ?', spool)
    db.run('DELETE FROM message WHERE seq = ?', seq)
  }
  return Math.max(ended.length, keys.length)
}

/** What vendors told of mail that is gone need not be known again; an event that waited a day for its mail waits in vain. */
function forgetTold(db: Database, before: { messages: number; keys: number; limit: number }): void {
  db.run(
    `DELETE FROM heard WHERE (provider, key) IN (SELECT provider, key FROM heard WHERE at < ? ORDER BY at LIMIT ?)`,
    before.messages,
    before.limit,
  )
  db.run(
    `DELETE FROM parked WHERE (provider, key) IN (SELECT provider, key FROM parked WHERE since < ? LIMIT ?)`,
    before.keys,
    before.limit,
  )
}

/** Deletes the spools that no message took: those who filled them are gone. Only before anyone else has the store. */
export function forgetSpools(db: Database): void {
  db.run('DELETE FROM content WHERE spool IN (SELECT name FROM spool)')
  db.run('DELETE FROM spool')
}
