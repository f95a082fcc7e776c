import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RE2JS } from 're2js'
import { Reach } from '../../src/route/implied.ts'
import { compilePolicy, type Facts } from '../../src/route/match.ts'
import type { Condition, Test } from '../../src/route/policy.ts'
import { message } from '../support/examples.ts'

const engine = (source: string) => {
  const pattern = RE2JS.compile(source)
  return (text: string) => pattern.test(text)
}

const rulesOf = (conditions: readonly (Condition | null)[]) =>
  conditions.map((when, index) => ({ name: `r${index}`, when, use: { provider: 'a' } }))
const reach = (...conditions: (Condition | null)[]) => new Reach(rulesOf(conditions), engine)
const has = (field: string, test: Test): Condition => ({ fields: { [field]: test } })
const type = (...types: string[]) => has('type', { in: types })

test('a rule is taken by a broader one before it, or by several together', () => {
  const takers = (...conditions: (Condition | null)[]) => reach(...conditions).takenBy(conditions.length - 1)
  assert.deepEqual(takers(type('otp', 'marketing'), type('otp')), ['r0'])
  assert.deepEqual(takers(type('otp'), type('marketing'), type('otp', 'marketing')), ['r0', 'r1'])
  assert.deepEqual(
    takers({ any: [type('otp'), has('tag', { is: 'x' })] }, { all: [type('news'), has('tag', { is: 'x' })] }),
    ['r0'],
  )
  assert.deepEqual(takers({ not: type('otp') }, type('news')), ['r0'])
  assert.deepEqual(takers(has('from.domain', { glob: '*.example.com' }), has('from.domain', { is: 'A.example.com' })), [
    'r0',
  ])
  assert.deepEqual(takers(has('size', { gt: 5 }), has('size', { gt: 10, lt: 20 })), ['r0'])
  assert.deepEqual(takers(has('hour', { gt: 5 }), has('hour', { lt: 6 }), has('hour', { in: [3, 12] })), ['r1', 'r0'])
  assert.deepEqual(takers({ all: [type('otp'), type('news')] }), [])
  assert.deepEqual(takers({ all: [type('otp'), { not: type('otp', 'news') }] }), [])
})

test('a rule is not taken by what only looks broader', () => {
  const takers = (...conditions: (Condition | null)[]) => reach(...conditions).takenBy(conditions.length - 1)
  assert.equal(takers(type('otp'), type('otp', 'marketing')), null)
  // Tags are several: a message may have both.
  assert.equal(takers({ all: [has('tag', { is: 'a' }), has('tag', { is: 'b' })] }), null)
  assert.equal(takers({ not: has('tag', { is: 'a' }) }, has('tag', { is: 'b' })), null)
  assert.equal(takers(has('hour', { is: 3 }), has('hour', { is: 3, zone: 'Europe/Berlin' })), null)
  // A host may be unknown, which is not every host.
  assert.equal(takers(has('recipient.host', { glob: '*' }), null), null)
})

test('what is said is never wrong', () => {
  const { dice, pick } = seeded(7)
  const universe: Facts[] = []
  for (const type of ['otp', 'news', 'other'])
    for (const tags of [[], ['a'], ['b'], ['a', 'b']])
      for (const host of [null, 'gmail', 'outlook'])
        for (const now of [0, 7, 15, 23])
          for (const size of [1, 10, 20])
            universe.push({
              message: message({ type, tags, size }),
              recipient: 'x@example.org',
              host,
              tries: 0,
              now: now * 3_600_000,
            })

  const leaf = (): Condition =>
    pick<() => Condition>([
      () => has('type', pick<Test>([{ is: 'otp' }, { in: ['otp', 'news'] }, { glob: 'o*' }, { regex: 'e' }])),
      () => has('tag', pick<Test>([{ is: 'a' }, { in: ['a', 'b'] }, { glob: '*' }, { regex: '^b' }])),
      () => has('recipient.host', pick<Test>([{ is: 'GMAIL' }, { in: ['gmail', 'outlook'] }, { glob: '*' }])),
      () =>
        has(
          'hour',
          pick<Test>([{ gt: 10 }, { lt: 10 }, { gt: 5, lt: 20 }, { in: [0, 23] }, { is: 7, zone: 'Asia/Tokyo' }]),
        ),
      () => has('size', pick<Test>([{ gt: 5 }, { lt: 15 }, { gt: 5, lt: 15 }, { is: 10 }, { gt: 15 }])),
    ])()
  const condition = (depth: number): Condition => {
    if (depth === 0 || dice() < 0.3) return leaf()
    const parts = () => Array.from({ length: 1 + Math.floor(dice() * 3) }, () => condition(depth - 1))
    return pick<() => Condition>([
      () => ({ all: parts() }),
      () => ({ any: parts() }),
      () => ({ not: condition(depth - 1) }),
    ])()
  }

  let dead = 0
  let seen = 0
  for (let round = 0; round < 400; round++) {
    const rules = rulesOf([condition(2), condition(2), condition(1), condition(2)])
    const reach = new Reach(rules, engine)
    const compiled = compilePolicy({ version: '', rules }, engine)
    const comes = universe.map((facts) => compiled.rules.findIndex(({ matches }) => matches(facts)))
    for (const index of rules.keys()) {
      const lives = comes.includes(index)
      const takers = reach.takenBy(index)
      if (!lives) dead++
      if (takers) {
        seen++
        assert.ok(!lives, `said to be dead and is not: ${JSON.stringify(rules.slice(0, index + 1))}`)
      }
      if (!reach.reaches(index, 'type', { is: 'otp' })) {
        const otp = universe.some(({ message }, at) => message.type === 'otp' && comes[at] === index)
        assert.ok(!otp, `said to take no otp and does: ${JSON.stringify(rules.slice(0, index + 1))}`)
      }
    }
  }
  // Some are dead only because the universe is small.
  assert.ok(seen > dead / 3, `of ${dead} dead rules only ${seen} were seen`)
})

function seeded(seed: number) {
  const dice = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }
  return { dice, pick: <Item>(of: readonly Item[]): Item => of[Math.floor(dice() * of.length)]! }
}
