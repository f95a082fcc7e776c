/** Warming up: what a day allows, which days count, and what keeps it from growing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Warmup } from '../../src/mail/provider.ts'
import { Ramp, type SavedRamp } from '../../src/queue/warmup.ts'

const day = 86_400_000
const first = Date.UTC(2026, 10, 2, 9)
const settings: Warmup = { start: 200, growth: 0.4, per: 'host', until: 1_000 }

function ramp(saved: SavedRamp | null = null, counted: { at: number; day: number } | null = null) {
  const kept: (SavedRamp | null)[] = []
  const before = counted && { ...counted, month: counted.day, minutes: [] }
  const made: Ramp = new Ramp('warmup:new@gmail', {
    ...{ warmup: () => settings, host: 'gmail', saved, before },
    changed: () => kept.push(made.saved()),
  })
  return { ramp: made, kept }
}

test('two hundred on the first day, 40 % more on each day on which it sent, until it is warm', () => {
  const { ramp: one } = ramp()
  const allowed: number[] = []
  for (let now = first; now < first + 8 * day; now += day) {
    allowed.push(one.room(now))
    // On the third day nothing is sent: the next is the third sending day.
    if (allowed.length !== 3) one.take(10, now)
  }
  assert.deepEqual(allowed, [200, 280, 392, 392, 548, 768, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
  assert.equal(one.refusal(1_000_000, first + 7 * day), null)
  assert.equal(one.view(first + 7 * day), null)
})

test('what a day allows is not passed, and the reason says which day it is', () => {
  const { ramp: one } = ramp()
  one.take(150, first)
  assert.equal(one.refusal(50, first), null)
  assert.equal(one.room(first), 50)
  one.take(50, first)
  const midnight = Date.UTC(2026, 10, 3)
  assert.deepEqual(one.refusal(1, first), {
    reason: 'warming up at gmail: 200 of 200 on sending day 1',
    until: midnight,
  })
  assert.equal(one.refusal(280, midnight), null)
  assert.equal(one.refusal(281, midnight)?.reason, 'warming up at gmail: 0 of 280 on sending day 2')
})

test('a restart knows the day and what went; also when it was killed before the day was kept', () => {
  const { ramp: one, kept } = ramp()
  one.take(10, first)
  one.take(90, first + day)
  const { ramp: again } = ramp(kept.at(-1)!, { at: first + day, day: 90 })
  assert.deepEqual(again.view(first + day), { host: 'gmail', day: 2, used: 90, limit: 280, paused: false })
  const { ramp: killed } = ramp(kept[0]!, { at: first + day, day: 90 })
  assert.deepEqual(killed.view(first + day), { host: 'gmail', day: 2, used: 90, limit: 280, paused: false })
  assert.equal(killed.room(first + 2 * day), 392)
})

test('a day with complaints, or on which a fifth was deferred or blocked, does not count', () => {
  for (const what of ['complained', 'refused'] as const) {
    const { ramp: one, kept } = ramp()
    one.take(200, first)
    const bad = what === 'complained' ? 2 : 41
    for (let sign = 0; sign < bad - 1; sign++) one.sign(what)
    assert.equal(one.view(first)?.paused, false)
    one.sign(what)
    assert.equal(one.view(first)?.paused, true)
    assert.equal(one.room(first + day), 200)
    const { ramp: again } = ramp(kept.at(-1)!)
    assert.equal(again.room(first + day), 200, 'also over a restart')
    one.take(200, first + day)
    assert.equal(one.room(first + 2 * day), 280, 'the day after was well')
  }
})

test('a deferral that ended well is no bad sign', () => {
  const { ramp: one } = ramp()
  one.take(10, first)
  for (const what of ['refused', 'refused', 'refused', 'undone', 'undone'] as const) one.sign(what)
  assert.equal(one.view(first)?.paused, false)
})

test('a day that a clock was set back to is no further sending day', () => {
  const { ramp: one } = ramp()
  one.take(1, first)
  one.take(1, first + day)
  one.take(1, first)
  assert.equal(one.view(first)?.day, 2)
})
