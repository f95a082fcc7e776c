/**
 * For `node --import`: the store's database runs with other pragmas than the program sets, so that a test can show what those are
 * good for. `TEST_PRAGMAS` holds them (`synchronous = NORMAL`); they are set behind those of `sqlite-open.ts`.
 */
import { DatabaseSync } from 'node:sqlite'

const { exec } = DatabaseSync.prototype
DatabaseSync.prototype.exec = function (sql) {
  exec.call(this, sql)
  if (sql.includes('PRAGMA synchronous')) exec.call(this, `PRAGMA ${process.env.TEST_PRAGMAS}`)
}
