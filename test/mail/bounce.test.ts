import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Bounce, bounceByClass, bounceOf } from '../../src/mail/bounce.ts'

describe('a bounce is hard only where there is no such mailbox', () => {
  const cases: Record<Bounce, string[]> = {
    hard: [
      '5.1.1',
      '5.1.2',
      '5.1.10',
      '550 5.1.1 <ann@example.com> unknown',
      'smtp;550 5.1.10 null MX',
      'smtp; 550-5.1.6 moved',
      'no such mailbox (#5.1.1)',
      'host mx.example.com[192.0.2.1] said: 550 5.1.1 unknown (in reply to RCPT TO)',
    ],
    block: [
      '5.7.1',
      '5.7.26',
      '5.1.8 sender domain not found',
      '552 5.3.4 too large',
      '550 5.6.0 bad content',
      '5.2.3',
    ],
    soft: [
      '4.1.1',
      '451 4.7.1 greylisted',
      '421 4.4.2 timeout',
      '552 5.2.2 mailbox full',
      '5.2.1',
      '5.4.1 no answer from host',
      '5.5.0',
      '5.0.0',
      '5.1.0',
      '5.1.100',
      '550 no thanks',
      '550 host 5.1.1.1 said no',
      '15.1.1',
      '',
    ],
  }
  for (const [kind, texts] of Object.entries(cases)) {
    for (const text of texts) test(`${text || 'nothing'}: ${kind}`, () => assert.equal(bounceOf(text), kind))
  }
})

test('the vendor’s own class decides where the reply does not', () => {
  for (const said of [null, '550 no such user', '5.0.0', '5.1.0', '550 5.5.0 mailbox unavailable']) {
    for (const kind of ['hard', 'soft', 'block'] as const) assert.equal(bounceOf(said, kind), kind)
  }
  assert.equal(bounceOf('554 5.7.1 spam', 'hard'), 'block')
  assert.equal(bounceOf('552 5.2.2 full', 'hard'), 'soft')
  assert.equal(bounceOf('451 4.7.1 later', 'block'), 'soft')
  assert.equal(bounceOf('550 5.1.1 unknown', 'soft'), 'hard')
})

test('by class', () => {
  for (const number of ['10', '30']) assert.equal(bounceByClass(number), 'hard')
  for (const number of ['25', '50', '54']) assert.equal(bounceByClass(number), 'block')
  for (const number of ['', '1', '22', '40', '100', '101', 'x']) assert.equal(bounceByClass(number), 'soft')
})
