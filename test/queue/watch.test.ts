/** Who looks whether a provider is well again, and who waits to be told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Watch } from '../../src/queue/watch.ts'

const every = 30_000
const at = 1_000_000
const minutes = (count: number) => count * 60_000

test('three look each time, and nobody waits much longer than ten minutes', () => {
  const watch = new Watch()
  const turns = Array.from({ length: 100 }, () => watch.join(at, every) - at)
  assert.deepEqual(turns.slice(0, 7), [0, 0, 0, every, every, every, 2 * every])
  for (let time = 0; time < minutes(10); time += every) assert.equal(turns.filter((turn) => turn === time).length, 3)
  assert.equal(turns[60], minutes(10))
  // Then one after the other.
  assert.deepEqual(turns.slice(-2), [minutes(10) + 98, minutes(10) + 99])
})

test('each time is counted anew, so that those who looked in vain look the next time', () => {
  const watch = new Watch()
  for (let count = 0; count < 100; count++) watch.join(at, every)
  assert.ok(watch.join(at + 1, every) > at + minutes(10), 'the same opening, as a later look has it')
  assert.equal(watch.join(at + 1_000, every), at + 1_000, 'the end of a probe that is under way')
  assert.equal(watch.join(at + every, every), at + every)
})

test('nobody looks before it may be probed', () => {
  const watch = new Watch()
  watch.join(at, 10)
  assert.equal(watch.join(at + 5, 10), at + 5)
})
