/** Suppressions: who gets no mail of a tenant, and why. */
import { suppressionKey } from '../mail/address.ts'
import { cursorAfter, textOf } from './cursor.ts'
import type { Database, Value } from './database.ts'
import { page } from './sqlite-read.ts'
import type { Page, Suppression, SuppressionQuery } from './store.ts'

/** Those of the addresses that are suppressed. */
export function suppressed(db: Database, tenant: string, emails: readonly string[]): string[] {
  return emails.filter((email) => suppression(db, tenant, suppressionKey(email)) !== null)
}

/** The newest reason for an address is the one kept. */
export function suppress(db: Database, suppressions: readonly Suppression[]): number {
  let fresh = 0
  for (const { tenant, key, reason, source, at } of suppressions) {
    if (suppression(db, tenant, key) === null) fresh++
    db.run(
      `INSERT INTO suppression (tenant, key, reason, source, at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (tenant, key) DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at`,
      tenant,
      key,
      reason,
      source,
      at,
    )
  }
  return fresh
}

export function unsuppress(db: Database, tenant: string, keys: readonly string[]): number {
  return db.all(
    'DELETE FROM suppression WHERE tenant = ? AND key IN (SELECT value FROM json_each(?)) RETURNING key',
    tenant,
    JSON.stringify(keys),
  ).length
}

export function suppression(db: Database, tenant: string, key: string): Suppression | null {
  const sql = 'SELECT tenant, key, reason, source, at FROM suppression WHERE tenant = ? AND key = ?'
  return db.get<Suppression>(sql, tenant, key) ?? null
}

/** By key, which never changes: an entry that is renewed while somebody pages is still met, and once. */
export function suppressions(db: Database, query: SuppressionQuery): Page<Suppression> {
  const where = ['tenant = ?']
  const params: Value[] = [query.tenant]
  if (query.reason !== undefined) {
    where.push('reason = ?')
    params.push(query.reason)
  }
  if (query.cursor !== undefined) {
    where.push('key > ?')
    params.push(keyOf(query.cursor))
  }
  const rows = db.all<Suppression>(
    `SELECT tenant, key, reason, source, at FROM suppression WHERE ${where.join(' AND ')} ORDER BY key LIMIT ?`,
    ...params,
    query.limit + 1,
  )
  return page(
    rows,
    query.limit,
    (row) => cursorAfter(row.key),
    (row) => row,
  )
}

function keyOf(cursor: string): string {
  const key = textOf(cursor)
  if (!key.includes('@') || suppressionKey(key) !== key) throw new RangeError('the cursor is not one of ours')
  return key
}
