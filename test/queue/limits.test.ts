import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Limits } from '../../src/mail/provider.ts'
import { type Before, Limited } from '../../src/queue/limits.ts'

const none = { perSecond: null, perMinute: null, perHour: null, perDay: null, perMonth: null }
const noon = Date.UTC(2026, 10, 25, 12)
const minute = 60_000
const hour = 60 * minute

const limited = (limits: Partial<Limits>, before: Partial<Before> = {}, now = noon) =>
  new Limited('relay', { ...none, ...limits }, { now, before: { at: now, day: 0, month: 0, minutes: [], ...before } })

test('so many a second, a burst of one second at most', () => {
  const allowance = limited({ perSecond: 10 })
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
  const allowance = limited({ perSecond: 10 })
  assert.equal(allowance.refusal(50, noon), null)
  allowance.take(50, noon)
  assert.deepEqual(allowance.refusal(1, noon)?.until, noon + 5_000)
})

test('never more in any second, wherever one begins to count, and nearly as much as may be', () => {
  for (const perSecond of [50, 7, 2.5, 0.5]) {
    const allowance = limited({ perSecond })
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
  const allowance = limited({ perMinute: 60, perHour: 100 }, { minutes: [{ at: noon - 3_000_000, count: 30 }] })
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

test('so many a day, counted from what the store remembers, until midnight UTC', () => {
  const allowance = limited({ perDay: 100 }, { day: 98 })
  assert.equal(allowance.refusal(2, noon), null)
  allowance.take(2, noon)
  const midnight = Date.UTC(2026, 10, 26)
  assert.deepEqual(allowance.refusal(1, noon), { reason: 'at its limit of 100 a day', until: midnight })
  assert.equal(allowance.usedToday(noon), 100)
  assert.equal(allowance.refusal(1, midnight), null)
  assert.equal(allowance.usedToday(midnight), 0)
})

test('a wall clock that jumps back neither throws nor hands out more', () => {
  const allowance = limited({ perSecond: 1 })
  allowance.take(1, noon)
  assert.notEqual(allowance.refusal(1, noon - 3_600_000), null)
})

test('so many a month, counted from what the store remembers, until the UTC month is over', () => {
  const allowance = limited({ perMonth: 100 }, { day: 10, month: 99 })
  allowance.take(1, noon)
  const december = Date.UTC(2026, 11, 1)
  assert.deepEqual(allowance.refusal(1, noon), { reason: 'at its limit of 100 a month', until: december })
  assert.equal(allowance.refusal(1, december - 1)?.until, december)
  assert.equal(allowance.refusal(1, december), null)
  // What the store counted of another month or day says nothing of this one.
  assert.equal(
    limited({ perMonth: 100, perDay: 10 }, { at: noon - 30 * 24 * hour, day: 10, month: 100 }).refusal(1, noon),
    null,
  )
})

test('a second goes on over a restart that takes less', () => {
  const before = limited({ perSecond: 10 })
  before.take(10, noon)
  const minutes = before.counts(10, noon).filter(({ span }) => span.length === 16)
  assert.deepEqual(minutes, [{ span: '2026-11-25T12:00', what: 'relay', amount: 10 }])
  const allowance = limited({ perSecond: 10 }, { minutes: [{ at: noon + minute, count: 10 }] }, noon + 300)
  assert.notEqual(allowance.refusal(1, noon + 999), null)
  assert.equal(allowance.refusal(1, noon + 1_301), null)
})

test('what was counted ahead of a clock that was set back stands in the way for one window, no longer', () => {
  const ahead = Array.from({ length: 600 }, (_, count) => ({ at: noon + count * minute, count: 60 }))
  const allowance = limited({ perMinute: 60, perHour: 1_000 }, { minutes: ahead })
  assert.notEqual(allowance.refusal(1, noon + minute - 1), null)
  assert.equal(allowance.refusal(1, noon + minute)?.reason, 'at its limit of 1000 an hour')
  assert.notEqual(allowance.refusal(1, noon + hour - 1), null)
  assert.equal(allowance.refusal(1, noon + hour + 5_000), null)
})

test('other limits take effect at once, and what went stays counted', () => {
  const allowance = limited({ perSecond: 10, perDay: 100 })
  allowance.take(10, noon)
  allowance.limit({ ...none, perSecond: 20, perHour: 15, perDay: 10 })
  assert.equal(allowance.refusal(1, noon)?.reason, 'at its limit of 10 a day')
  allowance.limit({ ...none, perSecond: 20, perHour: 15 })
  assert.equal(allowance.room(noon), 10)
  allowance.take(10, noon)
  assert.deepEqual(allowance.uses(noon), [
    { per: 'second', used: 20, limit: 20 },
    { per: 'hour', used: 10, limit: 15 },
  ])
})

test('what did not go is given back, and never lets more through', () => {
  const allowance = limited({ perSecond: 2, perDay: 10 })
  allowance.take(1, noon)
  allowance.take(1, noon + 900)
  allowance.giveBack(1, noon)
  assert.equal(allowance.usedToday(noon + 900), 1)
  assert.equal(allowance.room(noon + 950), 1)
  allowance.take(1, noon + 950)
  assert.equal(allowance.room(noon + 1_100), 0, 'two went within this second')
  assert.equal(allowance.room(noon + 1_901), 1)
})
