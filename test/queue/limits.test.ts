import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAllowance, minutesBefore } from '../../src/queue/limits.ts'

const none = { perSecond: null, perMinute: null, perHour: null, perDay: null }
const noon = Date.UTC(2026, 10, 25, 12)

test('so many a second, a burst of one second at most', () => {
  const allowance = createAllowance({ ...none, perSecond: 10 }, 0, noon)
  for (let count = 0; count < 10; count++) {
    assert.equal(allowance.refusal(1, noon), null)
    allowance.take(1, noon)
  }
  assert.deepEqual(allowance.refusal(1, noon), { reason: 'at its limit of 10 a second', until: noon + 1_000 })
  assert.notEqual(allowance.refusal(1, noon + 999), null)
  assert.equal(allowance.refusal(1, noon + 1_000), null)
  // An hour of silence saves up one second's worth, no more.
  allowance.take(10, noon + 3_600_000)
  assert.notEqual(allowance.refusal(1, noon + 3_600_000), null)
})

test('a call larger than a second goes when nothing else did, and is paid off', () => {
  const allowance = createAllowance({ ...none, perSecond: 10 }, 0, noon)
  assert.equal(allowance.refusal(50, noon), null)
  allowance.take(50, noon)
  assert.deepEqual(allowance.refusal(1, noon)?.until, noon + 5_000)
})

test('never more in any second, wherever one begins to count, and nearly as much as may be', () => {
  for (const perSecond of [50, 7, 2.5, 0.5]) {
    const allowance = createAllowance({ ...none, perSecond }, 0, noon)
    const went: number[] = []
    for (let at = noon; at < noon + 20_000; at += 3) {
      while (!allowance.refusal(1, at)) {
        allowance.take(1, at)
        went.push(at)
      }
    }
    for (const [place, at] of went.entries()) {
      const within = went.slice(place).findIndex((other) => other >= at + 1_000)
      assert.ok(within <= Math.ceil(perSecond), `${within} within a second of ${perSecond}`)
    }
    assert.ok(went.length >= 20 * perSecond * 0.97, `${went.length} in 20 s at ${perSecond} a second`)
  }
})

test('so many a minute and an hour, the last hour before the start among them', () => {
  const limits = { ...none, perMinute: 60, perHour: 100 }
  const allowance = createAllowance(limits, 0, noon, [{ at: noon - 3_000_000, count: 30 }])
  assert.equal(allowance.pace, 36_000)
  for (let count = 0; count < 60; count++) {
    assert.equal(allowance.refusal(1, noon), null)
    allowance.take(1, noon)
  }
  const { reason, until } = allowance.refusal(1, noon)!
  assert.equal(reason, 'at its limit of 60 a minute')
  assert.ok(until >= noon + 60_000 && until <= noon + 60_060)
  allowance.take(10, until)
  assert.equal(allowance.refusal(1, until)!.reason, 'at its limit of 100 an hour')
  assert.ok(allowance.refusal(1, until)!.until <= noon + 610_000)
  assert.equal(allowance.refusal(30, noon + 610_000), null)
})

test('the minutes of the last hour are those that the store counts by', () => {
  const minutes = minutesBefore(noon + 30_000)
  assert.deepEqual(minutes[0], { minute: '2026-11-25T11:00', end: noon - 3_540_000 })
  assert.deepEqual(minutes.at(-1), { minute: '2026-11-25T12:00', end: noon + 30_000 })
})

test('so many a day, counted from what the store remembers, until midnight UTC', () => {
  const allowance = createAllowance({ ...none, perDay: 100 }, 98, noon)
  assert.equal(allowance.refusal(2, noon), null)
  allowance.take(2, noon)
  const midnight = Date.UTC(2026, 10, 26)
  assert.deepEqual(allowance.refusal(1, noon), { reason: 'at its limit of 100 a day', until: midnight })
  assert.equal(allowance.usedToday(noon), 100)
  assert.equal(allowance.refusal(1, midnight), null)
  assert.equal(allowance.usedToday(midnight), 0)
})

test('a wall clock that jumps back neither throws nor hands out more', () => {
  const allowance = createAllowance({ ...none, perSecond: 1 }, 0, noon)
  allowance.take(1, noon)
  assert.notEqual(allowance.refusal(1, noon - 3_600_000), null)
})
