/** Stands between the shipped code and `node:sqlite`, for preloads: sees every statement, and may do otherwise. */
import { DatabaseSync, StatementSync } from 'node:sqlite'

/** @param around is handed the text of each statement that is about to run, and what runs it; answers what that answers */
export function aroundSql(around: (sql: string, run: () => unknown) => unknown): void {
  const { exec } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function (sql) {
    around(sql.trim(), () => exec.call(this, sql))
  }
  for (const way of ['run', 'get', 'all'] as const) {
    const original = StatementSync.prototype[way] as (...params: unknown[]) => unknown
    Object.assign(StatementSync.prototype, {
      [way](this: StatementSync, ...params: unknown[]) {
        return around(this.sourceSQL.trim(), () => original.apply(this, params))
      },
    })
  }
}
