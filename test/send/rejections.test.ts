/** Three recipients refused in a row, and nobody taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome, Outcomes } from '../../src/mail/outcome.ts'
import { Rejections } from '../../src/send/rejections.ts'

const no: Outcome = { kind: 'rejected', cause: 'recipient', diagnostic: { code: '550', reason: 'no such user' } }
const yes: Outcome = { kind: 'accepted', providerMessageId: 'v' }
const later: Outcome = { kind: 'deferred', cause: 'host', diagnostic: { code: '450', reason: 'later' } }
const now = 1_000_000
const call = (...said: [string, Outcome][]): Outcomes => new Map(said)
const words = (outcomes: Outcomes) =>
  [...outcomes].map(([email, outcome]) => `${email} ${outcome.kind} ${'cause' in outcome ? outcome.cause : ''}`.trim())

test('two are believed; the third is held against the provider, and the two are absolved', () => {
  const rejections = new Rejections()
  assert.deepEqual(words(rejections.read('', call(['a', no]), now).outcomes), ['a rejected recipient'])
  assert.deepEqual(words(rejections.read('t', call(['b', no]), now).outcomes), ['b rejected recipient'])
  assert.equal(rejections.doubted, false)
  const third = rejections.read('', call(['c', no]), now)
  assert.deepEqual(words(third.outcomes), ['c deferred provider'])
  assert.deepEqual(third.absolved, [
    { tenant: '', email: 'a' },
    { tenant: 't', email: 'b' },
  ])
  const fourth = rejections.read('', call(['d', no], ['e', later]), now)
  assert.deepEqual([words(fourth.outcomes), fourth.absolved], [['d deferred provider', 'e deferred host'], []])
})

test('whoever is taken makes it believed again', () => {
  const rejections = new Rejections()
  for (const email of ['a', 'b', 'c']) rejections.read('', call([email, no]), now)
  assert.equal(rejections.doubted, true)
  assert.deepEqual(words(rejections.read('', call(['d', yes], ['e', no]), now).outcomes), [
    'd accepted',
    'e rejected recipient',
  ])
  assert.equal(rejections.doubted, false)
  assert.deepEqual(words(rejections.read('', call(['f', no]), now).outcomes), ['f rejected recipient'])
})

test('one call that refuses three is no better', () => {
  const rejections = new Rejections()
  const { outcomes, absolved } = rejections.read('', call(['a', no], ['b', no], ['c', no]), now)
  assert.deepEqual(words(outcomes), ['a deferred provider', 'b deferred provider', 'c deferred provider'])
  assert.deepEqual(absolved, [])
})

test('the same address again and again says nothing new', () => {
  const rejections = new Rejections()
  for (let time = 0; time < 5; time++) rejections.read('', call(['a', no]), now)
  assert.equal(rejections.doubted, false)
})

test('what it refused more than five minutes ago is over, but a doubt is not', () => {
  const rejections = new Rejections()
  for (const [minutes, email] of [
    [0, 'a'],
    [5, 'b'],
    [9, 'c'],
  ] as const)
    assert.deepEqual(words(rejections.read('', call([email, no]), now + minutes * 60_000).outcomes), [
      `${email} rejected recipient`,
    ])
  const { absolved } = rejections.read('', call(['d', no]), now + 9.5 * 60_000)
  assert.deepEqual(
    absolved.map(({ email }) => email),
    ['b', 'c'],
  )
  assert.deepEqual(words(rejections.read('', call(['e', no]), now + 60 * 60_000).outcomes), ['e deferred provider'])
})
