import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keyOf, ourIdAmong, utc } from '../../src/mail/webhook.ts'

describe('a time without a zone means UTC', () => {
  const noon = Date.UTC(2026, 10, 25, 12)
  for (const given of [
    '2026-11-25 12:00:00',
    '2026-11-25T12:00:00',
    '2026-11-25T12:00:00.000Z',
    '2026-11-25T13:00:00+01:00',
    '2026-11-25 12:00:00 UTC',
    '11/25/2026 12:00:00 PM',
    noon / 1000,
    `${noon}`,
  ]) {
    test(String(given), () => assert.equal(utc(given), noon))
  }
  for (const given of [null, '', 'soon', {}]) test(`none: ${given}`, () => assert.equal(utc(given), null))
})

test('our id is found among tags, and is none of somebody else’s', () => {
  assert.equal(ourIdAmong(['welcome', 'msg_01jd']), 'msg_01jd')
  for (const tags of [[], ['welcome', 'msg_'], 'msg_01jd', null, [null, {}]]) assert.equal(ourIdAmong(tags), null)
})

test('a key is no longer than one may be, and tells what is missing from what is not', () => {
  assert.equal(keyOf('a', null, 7, ''), 'a||7|')
  assert.equal(keyOf('x'.repeat(1000)).length, 500)
})
