/** The draw of `adaptive`, and what it comes to in worlds that are drawn from fixed seeds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { draw } from '../../src/route/adaptive.ts'
import { beta } from '../../src/route/chance.ts'
import { compilePolicy } from '../../src/route/match.ts'
import { plan, type Standing } from '../../src/route/plan.ts'
import type { Use } from '../../src/route/policy.ts'
import { adaptiveUse, fixed, names, simulate, worlds } from '../bench/adaptive.ts'
import { message, provider } from '../support/examples.ts'

const arm = (name: string, good: number, bad: number) => ({ name, told: { good, bad, complaints: 0 } })
const unknown = (name: string) => ({ name, told: null })
const ids = Array.from({ length: 4_000 }, (_, number) => `msg_${number}`)

/** The share of mail that each arm gets. */
function shares(arms: Parameters<typeof draw>[0], explore = 0.05, mayExplore = true): number[] {
  const count = arms.map(() => 0)
  for (const messageId of ids) count[draw(arms, { messageId, explore, mayExplore }).order[0]!]!++
  return count.map((one) => one / ids.length)
}

test('draws are of the beta distribution, and the same for the same seed', () => {
  for (const [a, b] of [
    [1, 1],
    [3, 1],
    [1, 40],
    [200, 8],
  ] as const) {
    const values = ids.map((id) => beta(a, b, id))
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    const wanted = { mean: a / (a + b), variance: (a * b) / ((a + b) ** 2 * (a + b + 1)) }
    // Four standard deviations of the mean of 4,000.
    assert.ok(Math.abs(mean - wanted.mean) < 4 * Math.sqrt(wanted.variance / ids.length), `${a}, ${b}: ${mean}`)
    assert.ok(Math.abs(variance / wanted.variance - 1) < 0.15, `${a}, ${b}: ${variance}`)
    assert.equal(beta(a, b, 'msg_1'), beta(a, b, 'msg_1'))
  }
})

test('what is sure wins, what may be the best is tried, and every arm keeps its floor', () => {
  const [good, bad] = shares([arm('a', 990, 10), arm('b', 500, 500)])
  // Half of what explores: 2.5 %, and three standard deviations of 4,000 draws.
  assert.ok(Math.abs(bad! - 0.025) < 0.0075 && good! > 0.96, `${good}, ${bad}`)
  const [sure, thin] = shares([arm('a', 970, 30), arm('b', 9, 0)])
  assert.ok(thin! > 0.1 && thin! < 0.5, `${sure}, ${thin}`)
})

test('with nothing known all are alike; one of which nothing is known begins with its floor', () => {
  for (const share of shares([unknown('a'), unknown('b'), unknown('c')])) {
    assert.ok(Math.abs(share - 1 / 3) < 0.025, `${share}`)
  }
  const fresh = shares([arm('a', 300, 200), unknown('b')])[1]!
  assert.ok(Math.abs(fresh - 0.025) < 0.0075, `${fresh}`)
})

test('mail that may not explore goes to the best by the figures, whoever sends it', () => {
  const arms = [unknown('a'), arm('b', 90, 10), arm('c', 95, 5)]
  assert.deepEqual(shares(arms, 0.5, false), [0, 0, 1])
  const { order, drawn } = draw(arms, { messageId: 'msg_1', explore: 0.5, mayExplore: false })
  assert.deepEqual(order, [2, 1, 0])
  assert.deepEqual(
    drawn.map(({ reason }) => reason),
    [
      'adaptive: number 3 of 3, has 0.0000 (nothing known yet); this type of mail does not explore',
      'adaptive: number 2 of 3, has 0.8922 (90.0 of 100.0 delivered in time without complaint); this type of mail does not explore',
      'adaptive: number 1 of 3, has 0.9412 (95.0 of 100.0 delivered in time without complaint); this type of mail does not explore',
    ],
  )
  assert.deepEqual(
    draw([unknown('a'), unknown('b')], { messageId: 'x', explore: 0.5, mayExplore: false }).order,
    [0, 1],
  )
})

test('every arm says what it drew from what, and how it came to its place', () => {
  const arms = [arm('a', 990, 10), { name: 'b', told: { good: 50, bad: 50, complaints: 1, at: 'gmail' } }]
  const messageId = ids.find((messageId) => draw(arms, { messageId, explore: 0.05, mayExplore: true }).order[0] === 1)!
  const explored = draw(arms, { messageId, explore: 0.05, mayExplore: true })
  const [a, b] = explored.drawn
  assert.match(
    a!.reason,
    /^adaptive: number 2 of 2, drew 0\.9\d{3} \(990\.0 of 1000\.0 delivered in time without complaint\)$/,
  )
  assert.match(
    b!.reason,
    /^adaptive: number 1 of 2 by chance, as 5 % of mail, drew 0\.\d{4} \(50\.0 of 100\.0 .* at gmail\)$/,
  )
  assert.deepEqual(draw(arms, { messageId, explore: 0.05, mayExplore: true }), explored)
  const usual = draw(arms, { messageId, explore: 0, mayExplore: true })
  assert.match(usual.drawn[0]!.reason, /^adaptive: number 1 of 2/)
})

test('an arm that cannot be tried is told with what it drew', () => {
  const use: Use = { adaptive: { of: [{ provider: 'a' }, { provider: 'b' }], explore: 0 } }
  const figures = { costPerThousand: 1, latencyMs: null, success: null, probing: false }
  const { candidates, rejected } = plan({
    policy: compilePolicy({ version: '', rules: [{ name: 'all', when: null, use }] }, () => () => false),
    facts: { message: message(), recipient: 'bob@example.org', host: null, tries: 0, now: 0 },
    ...{ asked: { labels: [], needs: [] }, explore: true, avoid: new Map(), now: 0 },
    standing: new Map<string, Standing>([
      [
        'a',
        {
          ...figures,
          provider: provider('a'),
          delivered: arm('a', 990, 10).told,
          closed: { reason: 'drained', until: null },
        },
      ],
      ['b', { ...figures, provider: provider('b') }],
    ]),
  })
  assert.deepEqual(candidates[0]!.reasons, ['adaptive: number 2 of 2, drew 0.0000 (nothing known yet)'])
  assert.match(rejected[0]!.reason, /^drained; adaptive: number 1 of 2, drew 0\.9\d{3} \(990\.0 of 1000\.0 /)
})

for (const [name, world] of Object.entries(worlds)) {
  test(`a day that is ${name}: little is lost beside the best choice in hindsight, and far less than by the worst`, () => {
    for (const seed of [1, 2, 3]) {
      const adaptive = simulate(world, adaptiveUse, seed)
      const choices = fixed(world, seed)
      const [best, worst] = [choices[0]!, choices.at(-1)!]
      const said = `seed ${seed}: ${adaptive.regret.toFixed(0)}, fixed ${choices.map(({ regret }) => regret.toFixed(0))}`
      // What exploring costs is bounded: a hundredth of all mail beside the best, a fifth of what the worst loses.
      assert.ok(adaptive.regret < best.regret + 0.01 * adaptive.mails, said)
      assert.ok(adaptive.regret < worst.regret / 5, said)
      assert.ok(adaptive.complaints < Math.max(...choices.map(({ complaints }) => complaints)) / 2, said)
      if (name === 'outage') assert.ok(adaptive.regret < best.regret, said)
      for (const arm of names) assert.ok(adaptive.shares[arm]! > 0.05 / 3 / 2, `${said}: ${arm} was hardly seen`)
    }
  })
}
