/**
 * For `node --import`: makes of the gateway a build with one bug, which the checker of histories has to find.
 * `TEST_BUG=early-reply`: mail is acknowledged before its commit, and while the commit is still to come everything stands
 * still, so that a kill meets just that gap. `forgetful`: attempts are not recorded. It can be killed as by `crash-at.ts`.
 */
import './crash-at.ts'
import { aroundSql } from './around-sql.ts'

const bug = process.env.TEST_BUG
let accepting = false
let owed = false

aroundSql((sql, run) => {
  if (owed) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  if (bug === 'forgetful' && sql.startsWith('INSERT INTO attempt')) return { changes: 0, lastInsertRowid: 0 }
  accepting = sql.startsWith('INSERT INTO message') || (accepting && !sql.startsWith('BEGIN'))
  if (bug !== 'early-reply' || !accepting || sql !== 'COMMIT') return run()
  owed = true
})
