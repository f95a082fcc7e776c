import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAllowance } from '../../src/queue/limits.ts'

const noon = Date.UTC(2026, 10, 25, 12)

test('so many a second, a burst of one second at most', () => {
  const allowance = createAllowance({ perSecond: 10, perDay: null }, 0, noon)
  for (let count = 0; count < 10; count++) {
    assert.equal(allowance.refusal(1, noon), null)
    allowance.take(1, noon)
  }
  assert.deepEqual(allowance.refusal(1, noon), { reason: 'at its limit of 10 a second', until: noon + 100 })
  assert.equal(allowance.refusal(1, noon + 100), null)
  // An hour of silence saves up one second's worth, no more.
  allowance.take(10, noon + 3_600_000)
  assert.notEqual(allowance.refusal(1, noon + 3_600_000), null)
})

test('a call larger than a second goes when the bucket is full and is paid off', () => {
  const allowance = createAllowance({ perSecond: 10, perDay: null }, 0, noon)
  assert.equal(allowance.refusal(50, noon), null)
  allowance.take(50, noon)
  assert.deepEqual(allowance.refusal(1, noon)?.until, noon + 4_100)
})

test('so many a day, counted from what the store remembers, until midnight UTC', () => {
  const allowance = createAllowance({ perSecond: null, perDay: 100 }, 98, noon)
  assert.equal(allowance.refusal(2, noon), null)
  allowance.take(2, noon)
  const midnight = Date.UTC(2026, 10, 26)
  assert.deepEqual(allowance.refusal(1, noon), { reason: 'at its limit of 100 a day', until: midnight })
  assert.equal(allowance.usedToday(noon), 100)
  assert.equal(allowance.refusal(1, midnight), null)
  assert.equal(allowance.usedToday(midnight), 0)
})

test('a wall clock that jumps back neither throws nor hands out more', () => {
  const allowance = createAllowance({ perSecond: 1, perDay: null }, 0, noon)
  allowance.take(1, noon)
  assert.notEqual(allowance.refusal(1, noon - 3_600_000), null)
})
