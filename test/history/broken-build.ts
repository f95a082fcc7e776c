/**
 * Preloaded into the gateway and its threads: makes of it a build with one bug, which the checker has to find.
 * `WAYPOST_BROKEN=early-reply`: mail is acknowledged before its commit, and while the commit is still to come everything stands
 * still, so that a kill meets just that gap. `forgetful`: attempts are not recorded.
 */
import { aroundSql } from './around-sql.ts'

const bug = process.env.WAYPOST_BROKEN
let accepting = false
let owed = false

aroundSql((sql, run) => {
  if (owed) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  if (bug === 'forgetful' && sql.startsWith('INSERT INTO attempt')) return
  accepting = sql.startsWith('INSERT INTO message') || (accepting && !sql.startsWith('BEGIN'))
  if (bug !== 'early-reply' || !accepting || sql !== 'COMMIT') return run()
  owed = true
})
