/** `best` by what is delivered, by a balance, and behind a guard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Figures } from '../../src/route/measure.ts'
import type { Best, Use } from '../../src/route/policy.ts'
import { rank } from '../../src/route/rank.ts'

const known = (good: number, bad: number, complaints = 0) => ({ delivered: { good, bad, complaints } })
const figures = (more: Partial<Figures> = {}): Figures => ({
  ...{ costPerThousand: 1, latencyMs: null, success: null },
  ...more,
})

function ranked(best: Omit<Best, 'of'>, of: Record<string, Figures>, parts?: Use[]) {
  const use: Use = { best: { of: parts ?? Object.keys(of).map((provider) => ({ provider })), ...best } }
  const candidates = rank(use, {
    ...{ messageId: 'msg_1', recipient: 'bob@example.org', mayExplore: true },
    figures: (name) => of[name]!,
  })
  return {
    names: candidates.map(({ provider }) => provider).join(' '),
    why: Object.fromEntries(candidates.map(({ provider, reasons }) => [provider, reasons.join('; ')])),
  }
}

test('by deliverability: the greatest share first, complaints held against it', () => {
  const { names, why } = ranked(
    { by: 'deliverability' },
    {
      a: figures(known(970, 30)),
      b: figures({ delivered: { good: 990, bad: 10, complaints: 0, at: 'gmail' } }),
      c: figures(known(990, 10, 10)),
    },
  )
  assert.equal(names, 'b a c')
  assert.deepEqual(why, {
    a: '97 % delivered, of 1000 told of late',
    b: '99 % delivered at gmail, of 1000 told of late',
    c: '90.8 % delivered, of 1000 told of late, with 10 complaints',
  })
})

test('who tells nothing is as the others on average, neither first nor last', () => {
  const { names, why } = ranked(
    { by: 'deliverability' },
    { silent: figures(), bad: figures(known(80, 20)), good: figures(known(98, 2)), few: figures(known(1, 8)) },
  )
  assert.equal(names, 'good silent few bad')
  assert.equal(why.silent, 'what it delivers is not known: taken for the average of the others, 89 %')
  assert.equal(ranked({ by: 'deliverability' }, { a: figures(), b: figures() }).names, 'a b')
})

test('the cheapest whose delivered share is within one point of the best', () => {
  const within = { deliverability: 0.01 }
  const { names, why } = ranked(
    { by: 'cost', within },
    {
      best: figures({ costPerThousand: 3, ...known(996, 4) }),
      near: figures({ costPerThousand: 2, ...known(986, 14) }),
      cheap: figures({ costPerThousand: 0.1, ...known(985, 15) }),
      cheaper: figures({ costPerThousand: 0.05, ...known(900, 100) }),
      silent: figures({ costPerThousand: 2.5 }),
    },
  )
  assert.equal(names, 'near silent best cheaper cheap')
  assert.deepEqual(why, {
    near: 'costs 2 per 1,000; 98.6 % delivered, of 1000 told of late, within 1 point of the best (99.6 %)',
    silent: 'costs 2.5 per 1,000; not held against it: nothing is known of what it delivers',
    best: 'costs 3 per 1,000; 99.6 % delivered, of 1000 told of late, within 1 point of the best (99.6 %)',
    cheaper:
      'costs 0.05 per 1,000; behind the others: 90 % delivered, of 1000 told of late, more than 1 point below the best (99.6 %)',
    cheap:
      'costs 0.1 per 1,000; behind the others: 98.5 % delivered, of 1000 told of late, more than 1 point below the best (99.6 %)',
  })
})

test('a guard before anything is known lets all pass', () => {
  const { names } = ranked(
    { by: 'cost', within: { deliverability: 0.01 } },
    { a: figures({ costPerThousand: 2 }), b: figures() },
  )
  assert.equal(names, 'b a')
})

test('a balance weighs what it is told to, and says how', () => {
  const of = {
    dear: figures({ costPerThousand: 2, latencyMs: 100, ...known(990, 10) }),
    cheap: figures({ costPerThousand: 1, latencyMs: 200, ...known(950, 50) }),
  }
  const { names, why } = ranked({ by: 'balanced', weights: { cost: 2, deliverability: 3, latency: 1 } }, of)
  assert.equal(names, 'dear cheap')
  assert.deepEqual(why, {
    dear: 'a balance of 0.833: 2 × 0.50 for 2 per 1,000, 3 × 1.00 for 99 % delivered, 1 × 1.00 for 100 ms',
    cheap: 'a balance of 0.717: 2 × 1.00 for 1 per 1,000, 3 × 0.60 for 95 % delivered, 1 × 0.50 for 200 ms',
  })
  assert.equal(ranked({ by: 'balanced', weights: { cost: 5, deliverability: 1 } }, of).names, 'cheap dear')
  assert.equal(ranked({ by: 'balanced' }, { a: figures({ costPerThousand: 0 }), b: figures() }).names, 'a b')
})

test('in a balance unknown is the average, and a guard stands before it', () => {
  const of = {
    a: figures({ costPerThousand: 1, ...known(900, 100) }),
    b: figures({ costPerThousand: 1 }),
    c: figures({ costPerThousand: 1, ...known(980, 20) }),
  }
  const weights = { deliverability: 1 }
  const { names, why } = ranked({ by: 'balanced', weights }, of)
  assert.equal(names, 'c b a')
  assert.equal(why.b, 'a balance of 0.600: 1 × 0.60 for deliverability not known')
  const cheap = { ...of, a: figures({ costPerThousand: 0, ...known(900, 100) }) }
  assert.equal(ranked({ by: 'balanced', weights: { cost: 1 } }, cheap).names, 'a b c')
  assert.equal(ranked({ by: 'balanced', weights: { cost: 1 }, within: { deliverability: 0.02 } }, cheap).names, 'b c a')
})

test('parts stay whole, and are known by their first', () => {
  const of = { a: figures(known(90, 10)), b: figures(known(99, 1)), c: figures(known(95, 5)) }
  const parts: Use[] = [{ first: [{ provider: 'a' }, { provider: 'b' }] }, { provider: 'c' }]
  const { names, why } = ranked({ by: 'deliverability', within: { deliverability: 0.01 } }, of, parts)
  assert.equal(names, 'c a b')
  assert.match(why.b!, /^number 2 of first; 90 % delivered/)
})
