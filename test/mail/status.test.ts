import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { enhancedStatus } from '../../src/mail/status.ts'

describe('enhancedStatus', () => {
  for (const [text, status] of [
    ['5.1.1 <x> unknown', '5.1.1'],
    ['550 5.1.1 <x> unknown', '5.1.1'],
    ['550-5.7.26 first line\r\n550 5.7.26 second', '5.7.26'],
    ['4.7.0', '4.7.0'],
    ['2.0.0 Ok: queued as 5.1.1', '2.0.0'],
    ['5.1.1: no such mailbox', '5.1.1'],
    ['5.1.1. no such mailbox', '5.1.1'],
    ['sorry, no mailbox here by that name. (#5.1.1)', '5.1.1'],
    ['550 sorry (#5.7.1)', '5.7.1'],
    ['5.1', null],
    ['550 5.1', null],
    ['550 5.', null],
    ['550 5.1.', null],
    ['550 5.1.1.1', null],
    ['550 5.1.1111', null],
    ['5.192.0.2.1 is blocked', null],
    ['3.1.1', null],
    ['550', null],
    ['550-', null],
    ['550 unknown, see 5.1.1 in the manual', null],
    ['', null],
  ] as const) {
    it(JSON.stringify(text), () => assert.equal(enhancedStatus(text), status))
  }

  it('is quick with a hostile megabyte', () => {
    const start = performance.now()
    for (const piece of ['5', ' ', '5.', '(#', '(#5.1.', '550 ']) enhancedStatus(piece.repeat(250_000))
    assert.ok(performance.now() - start < 10_000)
  })
})
