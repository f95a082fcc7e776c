/** The control: builds with one bug each. A checker that has never failed proves nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, waypostProcess } from '../support/waypost.ts'
import { holds, summary } from './check.ts'
import { crashed, recovered } from './crashed.ts'
import { dice, newSeed } from './dice.ts'
import { newWorld } from './world.ts'

test('a build that answers before its commit loses mail, and the checker says so', async (t) => {
  const world = await newWorld()
  try {
    const hasty = await waypostProcess(world.config, world.folder, {
      preload: 'broken-build.ts',
      env: { TEST_BUG: 'early-reply' },
    })
    const load = world.load(async () => hasty, dice(newSeed()), { clients: 1 })
    await eventually(() => load.acknowledged() === 1, 'one is acknowledged')
    world.history.write({ what: 'kill' })
    await hasty.kill()
    await load.stop()
    const verdict = await recovered(world)
    t.diagnostic(summary(verdict))
    assert.equal(verdict.lost.length, 1)
    assert.ok(!holds(verdict))
  } finally {
    await world.close()
  }
})

test('a build that forgets its attempts doubles mail that says hold, and the checker says so', async (t) => {
  const seed = newSeed()
  t.diagnostic(`seed ${seed}`)
  const mix = { out: ['relay'], types: ['marketing'] } as const
  const verdict = await crashed({ at: 'after-last-byte', mix, seed, bug: 'forgetful' })
  t.diagnostic(summary(verdict))
  assert.ok(verdict.unexcused.length > 0)
  assert.deepEqual(verdict.unexcused, verdict.doubled)
  assert.ok(!holds(verdict))
})
