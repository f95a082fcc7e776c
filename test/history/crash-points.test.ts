/** kill -9 at each named point, by each way: nothing acknowledged is lost, and nothing is sent twice that must not be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holds, summary } from './check.ts'
import { crashed } from './crashed.ts'
import { newSeed } from './dice.ts'
import { waysIn, waysOut } from './world.ts'

const takingIn = ['after-parse', 'after-insert', 'after-commit']
/** On the wire to the far end; the other points of sending are the store's, and the same for every way out. */
const onTheWire = ['after-last-byte', 'after-answer']
const sending = ['after-lease', 'before-request', 'before-settle', 'after-settle']
/** Where a far end has the mail and the store does not know it. */
const handedOver = [...onTheWire, 'before-settle']

const cases = [
  ...takingIn.flatMap((point) => waysIn.map((way) => ({ point, name: `${point}, ${way} in`, mix: { in: [way] } }))),
  ...onTheWire.flatMap((point) => waysOut.map((way) => ({ point, name: `${point}, ${way} out`, mix: { out: [way] } }))),
  ...sending.map((point) => ({ point, name: point, mix: {} })),
]
for (const { point, name, mix } of cases) {
  test(`killed ${name}`, async (t) => {
    const seed = newSeed()
    t.diagnostic(`seed ${seed}`)
    const verdict = await crashed({ at: `${point}:${2 + (seed % 8)}`, mix, seed })
    t.diagnostic(summary(verdict))
    assert.ok(holds(verdict))
    if (handedOver.includes(point)) assert.ok(verdict.pastHandOver > 0)
  })
}
