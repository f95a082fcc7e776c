/** kill -9 at each named point, by each way: nothing acknowledged is lost, and nothing is sent twice that must not be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holds, summary } from './check.ts'
import { crashed } from './crashed.ts'
import { newSeed } from './dice.ts'
import { waysIn, waysOut } from './world.ts'

const takingIn = ['after-parse', 'after-insert', 'after-commit']
/** Where a far end has the mail and the store does not know it. */
const handedOver = ['after-last-byte', 'after-answer', 'before-settle']
const sending = ['after-lease', 'before-request', ...handedOver, 'after-settle']

const cases = [
  ...takingIn.flatMap((point) => waysIn.map((way) => ({ point, name: `${way} in`, mix: { in: [way] } }))),
  ...sending.flatMap((point) => waysOut.map((way) => ({ point, name: `${way} out`, mix: { out: [way] } }))),
]
for (const { point, name, mix } of cases) {
  test(`killed ${point}, ${name}`, async (t) => {
    const seed = newSeed()
    t.diagnostic(`seed ${seed}`)
    const verdict = await crashed({ at: `${point}:${1 + (seed % 8)}`, mix, seed })
    t.diagnostic(summary(verdict))
    assert.ok(holds(verdict))
    if (handedOver.includes(point)) assert.ok(verdict.pastHandOver > 0)
  })
}
