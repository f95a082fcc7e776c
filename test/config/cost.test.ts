/** `cost`: every way to write a price list, and each that says two things at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused, warned } from './reading.ts'

const withCost = (cost: string) =>
  `providers: { inbox: { adapter: inbox, cost: ${cost} } }\nroutes: [{ name: default, use: inbox }]\n`
const rest = Number.POSITIVE_INFINITY

test('a price list is a fee, a commitment, tiers and a price by size, however it was written', async () => {
  const read = async (cost: string) => (await accepted(withCost(cost))).providers[0]!.cost
  const nothing = { monthly: 0, commitment: 0, tiers: [{ upTo: rest, perThousand: 0 }], perGigabyte: 0 }
  assert.deepEqual(await read('{}'), nothing)
  assert.deepEqual(await read('{ perThousand: 1.25 }'), { ...nothing, tiers: [{ upTo: rest, perThousand: 1.25 }] })
  const plan = [
    { upTo: 10_000, perThousand: 0 },
    { upTo: rest, perThousand: 1.2 },
  ]
  assert.deepEqual(await read('{ monthly: 15, included: 10000, perThousand: 1.2 }'), {
    ...nothing,
    ...{ monthly: 15, tiers: plan },
  })
  assert.deepEqual(await read('{ tiers: [{ upTo: 10000, perThousand: 0 }, { perThousand: 1.2 }] }'), {
    ...nothing,
    tiers: plan,
  })
  assert.deepEqual(await read('{ perGigabyte: 0.12, commitment: 100 }'), {
    ...nothing,
    ...{ perGigabyte: 0.12, commitment: 100 },
  })
})

const wrong: [cost: string, what: RegExp][] = [
  ['{ perThousand: 1, tiers: [{ upTo: 5, perThousand: 0 }, { perThousand: 1 }] }', /cost\.perThousand: does nothing/],
  ['{ included: 5, tiers: [{ upTo: 9, perThousand: 1 }, { perThousand: 2 }] }', /write the first tier as \{upTo: 5/],
  ['{ included: 5 }', /cost\.included: needs perThousand/],
  ['{ included: 5, perThousand: 0 }', /cost\.included: needs perThousand/],
  ['{ tiers: [{ perThousand: 1 }] }', /cost\.tiers: /],
  ['{ tiers: [{ perThousand: 1 }, { perThousand: 2 }] }', /cost\.tiers\[0\]: needs upTo/],
  ['{ tiers: [{ upTo: 5, perThousand: 1 }, { upTo: 9, perThousand: 2 }] }', /tiers\[1\]: the last tier has no upTo/],
  [
    '{ tiers: [{ upTo: 5, perThousand: 1 }, { upTo: 5, perThousand: 2 }, { perThousand: 1 }] }',
    /tiers\[1\]: upTo must be more than .* 5/,
  ],
  ['{ commitment: 100 }', /cost\.commitment: does nothing where mail costs nothing/],
  ['{ perThousand: -1 }', /cost\.perThousand: /],
]
for (const [cost, what] of wrong) {
  test(`refused: ${cost}`, async () => {
    const problems = await refused(withCost(cost))
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, what)
  })
}

test('what costs nothing is nothing to warn of', async () => {
  assert.deepEqual(await warned(withCost('{ monthly: 5 }')), [])
})
