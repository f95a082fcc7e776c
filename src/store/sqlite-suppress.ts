/** Suppressions: who gets no mail of a tenant, or none of one type, and why. */
import { suppressionKey } from '../mail/address.ts'
import { cursorAfter, textOf } from './cursor.ts'
import type { Database, Value } from './database.ts'
import { page } from './sqlite-read.ts'
import type { LiftedOnly, Page, Suppression, SuppressionQuery } from './store.ts'

/** Those of the addresses that are suppressed for this type of mail. */
export function suppressed(db: Database, tenant: string, emails: readonly string[], type: string): string[] {
  // The sign has it compare the few rows of an address: to look each type up in the index it would build a table of them.
  const sql = `SELECT 1 FROM suppression WHERE tenant = ? AND key = ? AND +type IN ('', ?)`
  return emails.filter((email) => db.get(sql, tenant, suppressionKey(email), type) !== undefined)
}

/** The newest reason for an address and a type is the one kept. */
export function suppress(db: Database, suppressions: readonly Suppression[]): number {
  let fresh = 0
  for (const { tenant, key, type, reason, source, at } of suppressions) {
    if (!db.get('SELECT 1 FROM suppression WHERE tenant = ? AND key = ? AND type = ?', tenant, key, type)) fresh++
    db.run(
      `INSERT INTO suppression (tenant, key, type, reason, source, at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (tenant, key, type) DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at`,
      tenant,
      key,
      type,
      reason,
      source,
      at,
    )
  }
  return fresh
}

export function unsuppress(db: Database, tenant: string, keys: readonly string[], only: LiftedOnly = {}): number {
  const lifted = db.all<{ key: string }>(
    `DELETE FROM suppression WHERE tenant = ? AND key IN (SELECT value FROM json_each(?))
       AND (?3 IS NULL OR type = ?3) AND (?4 IS NULL OR source = ?4)
       AND (?5 IS NULL OR reason = ?5) RETURNING key`,
    tenant,
    JSON.stringify(keys),
    only.type ?? null,
    only.source ?? null,
    only.reason ?? null,
  )
  return new Set(lifted.map(({ key }) => key)).size
}

const columns = 'tenant, key, type, reason, source, at'

export function suppression(db: Database, tenant: string, key: string): Suppression[] {
  return db.all<Suppression>(
    `SELECT ${columns} FROM suppression WHERE tenant = ? AND key = ? ORDER BY type`,
    tenant,
    key,
  )
}

/** By key and type, which never change: an entry that is renewed while somebody pages is still met, and once. */
export function suppressions(db: Database, query: SuppressionQuery): Page<Suppression> {
  const where = ['tenant = ?']
  const params: Value[] = [query.tenant]
  if (query.reason !== undefined) {
    where.push('reason = ?')
    params.push(query.reason)
  }
  if (query.key !== undefined) {
    where.push('key = ?')
    params.push(query.key)
  }
  if (query.since !== undefined) {
    where.push('at >= ?')
    params.push(query.since)
  }
  if (query.until !== undefined) {
    where.push('at < ?')
    params.push(query.until)
  }
  if (query.cursor !== undefined) {
    where.push('(key, type) > (?, ?)')
    params.push(...placeIn(query.cursor))
  }
  const rows = db.all<Suppression>(
    `SELECT ${columns} FROM suppression WHERE ${where.join(' AND ')} ORDER BY key, type LIMIT ? OFFSET ?`,
    ...params,
    query.limit + 1,
    query.skip ?? 0,
  )
  return page(
    rows,
    query.limit,
    // No address has a space.
    (row) => cursorAfter(`${row.key} ${row.type}`),
    (row) => row,
  )
}

function placeIn(cursor: string): [key: string, type: string] {
  const [key = '', type, ...more] = textOf(cursor).split(' ')
  if (type === undefined || more.length > 0 || !key.includes('@') || suppressionKey(key) !== key)
    throw new RangeError('the cursor is not one of ours')
  return [key, type]
}
