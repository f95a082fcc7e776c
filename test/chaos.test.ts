/** Vendors that fail in every way at once, and kills among it: the small run. The long one is a script, see history/README.md. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { breakers, chaos, limit, overLimit, survived, timeout, told } from './history/chaos.ts'
import { newSeed } from './history/dice.ts'

test('five hundred messages in chaos: each is accounted for, doubled only where it may be, and nobody is called out of turn', async (t) => {
  const seed = newSeed()
  t.diagnostic(`seed ${seed}`)
  const result = await chaos({ messages: 500, kills: 2, seed, progress: (line) => t.diagnostic(line) })
  t.diagnostic(told(result))
  assert.equal(result.verdict.kills, 2)
  assert.ok(result.verdict.acknowledged >= 500)
  assert.ok(survived(result), told(result))
})

test('a vendor that is called too often is found out', () => {
  const burst = Array.from({ length: 3 * limit }, (_, at) => 5_000 + at)
  const calls = (...at: number[]) => [{ name: 'a', calls: at }]
  assert.deepEqual(overLimit(calls(...burst), [{ ended: Number.POSITIVE_INFINITY }]), [])
  assert.equal(overLimit(calls(...burst, 5_900), [{ ended: Number.POSITIVE_INFINITY }]).length, 1)
  // The next process begins with a burst of its own.
  assert.deepEqual(overLimit(calls(...burst, 5_900), [{ ended: 5_500 }]), [])
  assert.deepEqual(overLimit(calls(...burst, 6_000), []), [])
})

test('a call while the breaker is open is found out', () => {
  const until = new Date(20_000).toISOString()
  const line = JSON.stringify({ time: 10_000, provider: 'a', until, msg: 'provider out of use: its breaker opened' })
  const found = (at: number, name = 'a', ended = Number.POSITIVE_INFINITY) =>
    breakers([{ name, calls: [at] }], [{ process: { log: ['banner', line] }, ended }])
  assert.deepEqual(found(15_000), { whileOpen: ['a at 15000'], opened: 1 })
  for (const at of [9_000, 10_000 + timeout, 20_000]) assert.deepEqual(found(at).whileOpen, [])
  assert.deepEqual(found(15_000, 'b').whileOpen, [])
  assert.deepEqual(found(15_000, 'a', 14_000).whileOpen, [])
})
