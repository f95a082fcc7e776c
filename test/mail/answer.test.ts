import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HttpAnswer } from '../../src/mail/adapter.ts'
import {
  addressesIn,
  byRecipient,
  byStatus,
  jsonObject,
  onList,
  refusedRecipients,
  rejected,
  retryAfter,
} from '../../src/mail/answer.ts'
import { diagnostic } from '../../src/mail/outcome.ts'
import { fate } from '../../src/track/settle.ts'
import { inWords, recipients } from '../adapters/fixture.ts'

describe('retryAfter', () => {
  const date = 'Wed, 25 Nov 2026 10:00:00 GMT'
  const cases: [string | undefined, number | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['0', 0],
    ['7', 7_000],
    [' 7 ', 7_000],
    ['1.5', 1_500],
    ['-5', undefined],
    ['soon', undefined],
    ['5 minutes', undefined],
    ['315360000', 3_600_000],
    ['99999999999999999999999999', 3_600_000],
    ['Wed, 25 Nov 2026 10:00:30 GMT', 30_000],
    ['Wednesday, 25-Nov-26 10:00:30 GMT', 30_000],
    ['Wed, 25 Nov 2026 09:00:00 GMT', 0],
    ['Wed, 25 Nov 2036 10:00:00 GMT', 3_600_000],
    ['Wed, 99 Nov 2026 10:00:00 GMT', undefined],
  ]
  for (const [header, expected] of cases) {
    test(`${header} is ${expected}`, () => {
      assert.equal(retryAfter(header === undefined ? { date } : { 'retry-after': header, date }), expected)
    })
  }
})

describe('byStatus', () => {
  const answer = (status: number): HttpAnswer => ({ status, headers: {}, body: '<h1>page</h1>' })
  const cases: [status: number, inItsOwnWords: string, without: string][] = [
    [200, 'unknown', 'unknown'],
    [204, 'unknown', 'unknown'],
    [301, 'rejected/account', 'rejected/account'],
    [400, 'rejected/message', 'deferred/provider'],
    [401, 'rejected/account', 'rejected/account'],
    [402, 'rejected/account', 'rejected/account'],
    [408, 'deferred/provider', 'deferred/provider'],
    [413, 'rejected/message', 'rejected/message'],
    [422, 'rejected/message', 'deferred/provider'],
    [425, 'deferred/provider', 'deferred/provider'],
    [429, 'deferred/provider', 'deferred/provider'],
    [500, 'deferred/provider', 'unknown'],
    [502, 'deferred/provider', 'unknown'],
    [503, 'deferred/provider', 'deferred/provider'],
    [504, 'deferred/provider', 'unknown'],
    [520, 'deferred/provider', 'unknown'],
  ]
  for (const [status, own, without] of cases) {
    test(`${status} is ${own} in the vendor's own words, ${without} otherwise`, () => {
      assert.equal(inWords(byStatus(answer(status), 'no')), own)
      assert.equal(inWords(byStatus(answer(status), null)), without)
    })
  }
})

test('an address is found in words as the vendor writes them', () => {
  assert.deepEqual(addressesIn("Invalid 'To' address: 'Ann@example.com'."), ['Ann@example.com'])
  assert.deepEqual(addressesIn('Ann <ann@example.com>, "bob@example.com"; x'), ['ann@example.com', 'bob@example.com'])
  assert.deepEqual(addressesIn('no address @ all'), [])
})

test('a recipient named in another case is the one', () => {
  const said = diagnostic(422, 'no')
  const outcomes = refusedRecipients(recipients('Ann@example.com', 'bob@example.com'), ['ann@EXAMPLE.com'], said)
  assert.equal(inWords(outcomes.get('Ann@example.com')), 'rejected/recipient')
  assert.equal(inWords(outcomes.get('bob@example.com')), 'deferred/message 0')
})

test('only an object is one', () => {
  for (const body of ['', 'null', '[]', '"x"', '{"a":', '<html>']) assert.equal(jsonObject({ body }), null)
  assert.deepEqual(jsonObject({ body: '{"a":1}' }), { a: 1 })
})

test('whom a vendor’s list keeps from mail bounces there, and comes on no list of ours', () => {
  const said = diagnostic('200/unsub', 'unsubscribed')
  const ended = (diagnostic: typeof said) => fate(rejected('recipient', diagnostic), true)
  assert.deepEqual(ended(onList(said)), { kind: 'ended', status: 'bounced', suppress: false })
  assert.deepEqual(ended(said), { kind: 'ended', status: 'bounced', suppress: true })
})

test('an id of its own for each recipient, whatever the case of the address', () => {
  const rows = [
    { email: 'ANN@example.com', id: 'a1' },
    { email: 'bob@example.com', id: null },
    { email: 7, id: 'x' },
  ]
  const asked = { recipients: recipients('ann@example.com', 'bob@example.com', 'cleo@example.com') }
  const outcomes = byRecipient(asked, rows, { kind: 'unknown', diagnostic: diagnostic(200, 'not shown') })
  assert.deepEqual([...outcomes.values()].map(inWords), ['accepted a1', 'unknown', 'unknown'])
})
