/** `budgets`: what they are for, what is wrong with them, and what can do nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused, warned } from './reading.ts'

const config = (budgets: string) => `
providers: { a: { adapter: inbox, cost: { perThousand: 1 } }, b: { adapter: inbox, cost: { monthly: 5 } } }
routes: [{ name: default, use: { first: [a, b] } }]
budgets: ${budgets}
`

test('a budget is for one or several, or for all, and warns at its shares in their order', async () => {
  const { budgets } = await accepted(
    config('{ one: { type: otp, provider: [a, b], perDay: 3, warn: [90%, 50%] }, all: { perMonth: 500 } }'),
  )
  assert.deepEqual(budgets, [
    { name: 'one', types: ['otp'], tenants: null, providers: ['a', 'b'], perMonth: null, perDay: 3, warn: [0.5, 0.9] },
    { name: 'all', types: null, tenants: null, providers: null, perMonth: 500, perDay: null, warn: [0.8, 0.95] },
  ])
})

const wrong: [budgets: string, what: RegExp][] = [
  ['{ x: { type: otp } }', /budgets\.x: has no limit: give it perMonth, perDay or both/],
  ['{ x: { type: otpp, perDay: 1 } }', /budgets\.x\.type: there is no type "otpp" \(did you mean "otp"\?\)/],
  ['{ x: { provider: [a, c], perDay: 1 } }', /budgets\.x\.provider: there is no provider "c"/],
  ['{ x: { perDay: 0 } }', /budgets\.x\.perDay: /],
  ['{ x: { perDay: 1, warn: [120%] } }', /budgets\.x\.warn\[0\]: must be more than 0% and less than 100%/],
  ['{ x: { perDay: 1, types: otp } }', /budgets\.x\.types: unknown key "types" \(did you mean "type"\?\)/],
]
for (const [budgets, what] of wrong) {
  test(`refused: ${budgets}`, async () => {
    const problems = await refused(config(budgets))
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, what)
  })
}

test('a budget that no mail can meet, or that nothing is charged to, is warned of', async () => {
  assert.deepEqual(await warned(config('{ x: { type: otp, provider: a, perDay: 1 } }')), [])
  assert.match(
    (await warned(config('{ x: { provider: b, perDay: 1 } }')))[0]!,
    /budgets\.x: does nothing: none of its providers/,
  )
  assert.match(
    (await warned(config('{ x: { tenant: acme, perDay: 1 } }')))[0]!,
    /tenant: no key bears the tenant acme: no mail/,
  )
})
