/** Killed and stopped at random moments under load: the small runs. The long ones are scripts, see README.md. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holds, summary } from './check.ts'
import { newSeed } from './dice.ts'
import { killAgainAndAgain } from './kills.ts'
import { clean, stopAgainAndAgain } from './stops.ts'

test('five kills: nothing lost, and doubled only what was past hand-over and may be', async (t) => {
  const seed = newSeed()
  t.diagnostic(`seed ${seed}`)
  const verdict = await killAgainAndAgain({ kills: 5, messages: 2_000, seed })
  t.diagnostic(summary(verdict))
  assert.equal(verdict.kills, 5)
  assert.ok(holds(verdict))
})

test('three stops: every acknowledged message arrives once, and the process ends with 0', async (t) => {
  const seed = newSeed()
  t.diagnostic(`seed ${seed}`)
  const verdict = await stopAgainAndAgain({ stops: 3, messages: 100, seed })
  t.diagnostic(summary(verdict))
  assert.ok(verdict.acknowledged >= 300)
  assert.ok(clean(verdict))
})
