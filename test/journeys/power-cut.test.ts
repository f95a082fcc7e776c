/** The plug is pulled under load, in small: `node test/history/power.ts` pulls it fifty times. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutPower } from '../history/power.ts'

test('a power cut loses nothing that was acknowledged', async (t) => {
  const found = await cutPower({ cuts: 2, say: (line) => t.diagnostic(line) })
  if (typeof found === 'string') return t.skip(found)
  assert.deepEqual(found, { acknowledged: found.acknowledged, lost: 0, doubled: 0, damage: [] })
  assert.ok(found.acknowledged > 0)
})

test('nor does one while the log is moved into the database all the time', async (t) => {
  const found = await cutPower({ cuts: 1, pragmas: 'wal_autocheckpoint = 10', say: (line) => t.diagnostic(line) })
  if (typeof found === 'string') return t.skip(found)
  assert.deepEqual(found, { acknowledged: found.acknowledged, lost: 0, doubled: 0, damage: [] })
})

test('and a store that does not flush at every commit does lose: the check can fail', async (t) => {
  let lost = 0
  for (let tries = 0; tries < 10 && lost === 0; tries++) {
    const found = await cutPower({ cuts: 1, pragmas: 'synchronous = NORMAL', say: (line) => t.diagnostic(line) })
    if (typeof found === 'string') return t.skip(found)
    lost = found.lost
  }
  assert.ok(lost > 0, 'ten cuts, and nothing was lost')
})
