/** What holds for every policy, message and set of figures. With a seed of its own, so that a run is like the last. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePolicy } from '../../src/route/match.ts'
import { type PlanInput, plan, type Standing } from '../../src/route/plan.ts'
import { type Condition, type Move, providersOf, type Rule, type Use } from '../../src/route/policy.ts'
import { rank } from '../../src/route/rank.ts'
import { message, provider } from '../support/examples.ts'

const seed = 20261126
const names = ['a', 'b', 'c', 'd', 'e', 'f']
const name = fc.constantFrom(...names)
const share = fc.double({ min: 0, max: 0.5, noNaN: true })
const weight = fc.double({ min: 0.1, max: 100, noNaN: true })
const weights = fc.dictionary(name, weight, { minKeys: 2, maxKeys: 6 })

const { use } = fc.letrec<{ use: Use }>((tie) => ({
  use: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.record({ provider: name }),
    fc.record({ first: list(tie('use')) }),
    fc.record({
      best: fc.record(
        {
          of: list(tie('use')),
          by: fc.constantFrom('cost', 'latency', 'health', 'deliverability', 'balanced'),
          weights: fc.record({ cost: weight, deliverability: weight, latency: weight, health: weight }),
          within: fc.record({ deliverability: share }),
        },
        { requiredKeys: ['of', 'by'] },
      ),
    }),
    fc.record({ split: fc.record({ weights, sticky: fc.constantFrom('recipient', 'message') }) }),
    fc.record({ adaptive: fc.record({ of: list(tie('use')), explore: share }) }),
    fc.record({ move: move(tie('use')) }),
  ),
})) as { use: fc.Arbitrary<Use> }

function list(of: fc.Arbitrary<Use>) {
  return fc.array(of, { minLength: 1, maxLength: 4 })
}

function move(use: fc.Arbitrary<Use>): fc.Arbitrary<Move> {
  return fc.record({
    ...{ from: use, to: use, over: fc.constant(86_400_000), start: fc.constant(null), steps: fc.constant([0.5, 1]) },
    sticky: fc.constantFrom('recipient', 'message'),
    hold: fc.record({ complaints: share, deferrals: fc.constant(2) }),
    revert: fc.record({ after: fc.constant(86_400_000), beyond: fc.constant(2) }),
  })
}

const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ fields: fc.record({ type: fc.record({ is: fc.constantFrom('otp', 'marketing', 'transactional') }) }) }),
  fc.record({ fields: fc.record({ size: fc.record({ gt: fc.nat(2_000) }) }) }),
  fc.record({ fields: fc.record({ recipient: fc.record({ glob: fc.constantFrom('*@example.org', 'b*', '*') }) }) }),
)
const rules: fc.Arbitrary<Rule[]> = fc
  .tuple(fc.array(fc.record({ when: condition, use }), { maxLength: 4 }), use)
  .map(([some, last]) => [
    ...some.map(({ when, use }, number) => ({ name: `rule-${number}`, when, use })),
    { name: 'default', when: null, use: last },
  ])

const count = fc.double({ min: 0, max: 5_000, noNaN: true })
const figures = fc.record(
  {
    costPerThousand: fc.double({ min: 0, max: 10, noNaN: true }),
    latencyMs: fc.option(fc.double({ min: 1, max: 60_000, noNaN: true })),
    success: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    delivered: fc.record({ good: count, bad: count, complaints: fc.double({ min: 0, max: 50, noNaN: true }) }),
    closed: fc.record({ reason: fc.constant('its breaker is open'), until: fc.constant(2_000_000) }),
    probing: fc.boolean(),
  },
  { requiredKeys: ['costPerThousand', 'latencyMs', 'success', 'probing'] },
)

const input: fc.Arbitrary<PlanInput> = fc
  .record({
    rules,
    id: fc.uuid(),
    type: fc.constantFrom('otp', 'marketing', 'transactional'),
    recipient: fc.constantFrom('bob@example.org', 'ann@example.com', 'eve@gmail.com'),
    figures: fc.array(figures, { minLength: names.length, maxLength: names.length }),
  })
  .map(({ rules, id, type, recipient, figures }) => ({
    policy: compilePolicy({ version: 'v1', rules }, () => () => false),
    facts: { message: message({ id, type }), recipient, host: null, tries: 0, now: 12 },
    demands: [],
    explore: type !== 'otp',
    moves: new Map([['default', { share: 0.5, words: '50 % has moved' }]]),
    avoid: new Map(),
    standing: new Map(
      names.map((name, place): [string, Standing] => [name, { provider: provider(name), ...figures[place]! }]),
    ),
    now: 1_000_000,
  }))

test('the same policy, message, facts and figures give the same plan, now and again', () => {
  fc.assert(
    fc.property(input, (input) => {
      const first = plan(input)
      // The figures in other objects, in another order.
      const standing = new Map([...input.standing].reverse().map(([name, one]) => [name, { ...one }]))
      assert.deepEqual(plan({ ...input, standing }), first)
      assert.deepEqual(plan(input), first)
    }),
    { seed },
  )
})

test('every message falls under a rule, and every provider of it is there once, with reasons in words', () => {
  fc.assert(
    fc.property(input, (input) => {
      const { route, candidates, rejected } = plan(input)
      const rule = input.policy.rules.find(({ name }) => name === route)
      assert.ok(rule)
      assert.deepEqual(
        [...candidates, ...rejected].map(({ provider }) => provider).sort(),
        [...new Set(providersOf(rule.use))].sort(),
      )
      for (const { score, reasons } of candidates) {
        assert.ok(Number.isFinite(score))
        assert.ok(reasons.length > 0 || 'provider' in rule.use)
        for (const reason of reasons) assert.doesNotMatch(reason, /NaN|undefined|Infinity|null/)
      }
    }),
    { seed },
  )
})

const nothing = { costPerThousand: 1, latencyMs: null, success: null }

function picked(use: Use, recipient: string, messageId = 'msg_1'): string[] {
  const facts = { messageId, recipient, mayExplore: true, figures: () => nothing }
  return rank(use, facts).map(({ provider }) => provider)
}

test('shares of a split come to its weights', () => {
  const people = Array.from({ length: 3_000 }, (_, number) => `person-${number}@example.org`)
  fc.assert(
    fc.property(weights, fc.nat(), (weights, salt) => {
      const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
      const firsts = people.map((person) => picked({ split: { weights, sticky: 'recipient' } }, `${salt}${person}`)[0])
      for (const [name, weight] of Object.entries(weights)) {
        const wanted = weight / total
        const got = firsts.filter((one) => one === name).length / people.length
        // Four and a half standard deviations of a binomial draw.
        const tolerance = 4.5 * Math.sqrt((wanted * (1 - wanted)) / people.length)
        assert.ok(Math.abs(got - wanted) <= tolerance + 1 / people.length, `${name}: ${got}, not ${wanted}`)
      }
    }),
    { seed, numRuns: 30 },
  )
})

test('taking a leg out of a split moves only what went there, and leaves the order of the others', () => {
  fc.assert(
    fc.property(weights, fc.nat(5), fc.emailAddress(), (weights, which, recipient) => {
      const gone = Object.keys(weights)[which % Object.keys(weights).length]!
      const rest = Object.fromEntries(Object.entries(weights).filter(([name]) => name !== gone))
      const before = picked({ split: { weights, sticky: 'recipient' } }, recipient)
      const after = picked({ split: { weights: rest, sticky: 'recipient' } }, recipient)
      assert.deepEqual(
        after,
        before.filter((name) => name !== gone),
      )
      // The same for each mail to them, and whatever the order in which the config has them.
      const turned = Object.fromEntries(Object.entries(weights).reverse())
      assert.deepEqual(picked({ split: { weights: turned, sticky: 'recipient' } }, recipient, 'msg_2'), before)
    }),
    { seed },
  )
})

test('a guard puts nobody behind who is as good as it asks, and nobody before them who is not', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(1_000)), { minLength: 2, maxLength: 6 }), share, (permille, within) => {
      const of = permille.map((_, place) => ({ provider: names[place]! }))
      const known = (name: string) => permille[names.indexOf(name)] ?? null
      const ranking = rank(
        { best: { of, by: 'cost', within: { deliverability: within } } },
        {
          ...{ messageId: 'm', recipient: 'r', mayExplore: true },
          figures: (name) => {
            const good = known(name)
            return { ...nothing, ...(good === null ? {} : { delivered: { good, bad: 1_000 - good, complaints: 0 } }) }
          },
        },
      ).map(({ provider }) => provider)
      const best = Math.max(...permille.map((good) => good ?? 0))
      const passes = ranking.map((name) => known(name) === null || (best - known(name)!) / 1_000 <= within + 1e-9)
      assert.deepEqual(
        passes,
        passes.toSorted((a, b) => Number(b) - Number(a)),
      )
    }),
    { seed },
  )
})

test('adaptive gives every arm its part of what explores, whatever the figures, and none of mail that may not', () => {
  const ids = Array.from({ length: 2_000 }, (_, number) => `msg_${number}`)
  fc.assert(
    fc.property(fc.array(fc.tuple(count, count), { minLength: 2, maxLength: 5 }), share, (told, explore) => {
      const of = told.map((_, place) => ({ provider: names[place]! }))
      const figures = (name: string) => {
        const [good, bad] = told[names.indexOf(name)]!
        return { ...nothing, delivered: { good, bad, complaints: 0 } }
      }
      const first = (messageId: string, mayExplore: boolean) =>
        rank({ adaptive: { of, explore } }, { messageId, recipient: 'r', mayExplore, figures })[0]!.provider
      const floor = explore / told.length
      const least = floor - 4.5 * Math.sqrt((floor * (1 - floor)) / ids.length)
      const firsts = ids.map((id) => first(id, true))
      for (const { provider } of of) assert.ok(firsts.filter((one) => one === provider).length / ids.length >= least)
      assert.equal(new Set(ids.slice(0, 20).map((id) => first(id, false))).size, 1)
    }),
    { seed, numRuns: 20 },
  )
})
