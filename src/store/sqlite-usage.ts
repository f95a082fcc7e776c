/**
 * What is counted with mail. Calls that are committed together count the same few things: those are added up beside the database and
 * written once, before the commit. A transaction that is undone throws them away.
 */
import type { Database } from './database.ts'
import type { Count } from './store.ts'

const gathered = new WeakMap<Database, Map<string, Count>>()

export function count(db: Database, counts: readonly Count[]): void {
  if (counts.length === 0) return
  const sums = gathered.get(db) ?? new Map<string, Count>()
  gathered.set(db, sums)
  for (const { span, what, amount } of counts) {
    const key = `${span} ${what}`
    const sum = sums.get(key)
    if (sum) sum.amount += amount
    else sums.set(key, { span, what, amount })
  }
}

/** Writes down what was counted in this transaction so far. */
export function writeCounts(db: Database): void {
  for (const { span, what, amount } of gathered.get(db)?.values() ?? []) {
    db.run(
      `INSERT INTO usage (span, what, amount) VALUES (?, ?, ?)
       ON CONFLICT (span, what) DO UPDATE SET amount = amount + excluded.amount`,
      span,
      what,
      amount,
    )
  }
  forgetCounts(db)
}

export function forgetCounts(db: Database): void {
  gathered.delete(db)
}

export function usage(db: Database, span: string): Record<string, number> {
  writeCounts(db)
  const rows = db.all<{ what: string; amount: number }>('SELECT what, amount FROM usage WHERE span = ?', span)
  return Object.fromEntries(rows.map(({ what, amount }) => [what, amount]))
}

export function minutesSince(db: Database, minute: string): Count[] {
  writeCounts(db)
  return db.all<Count>(
    'SELECT span, what, amount FROM usage WHERE span >= ? AND length(span) = 16 ORDER BY span',
    minute,
  )
}
