import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { diagnostic, forAll } from '../../src/mail/outcome.ts'

describe('diagnostic', () => {
  it('keeps what was said, on one line and bounded', () => {
    assert.deepEqual(diagnostic(550, '  no\r\n\tsuch\u0000user\u0085\u2028here ', '5.1.1'), {
      code: '550',
      reason: 'no such user here',
      status: '5.1.1',
    })
    const { code, reason } = diagnostic('x'.repeat(100), 'y'.repeat(5000))
    assert.equal(code.length, 60)
    assert.equal(reason.length, 1000)
  })

  it('has no status where none was said', () => {
    assert.deepEqual(diagnostic('ECONNREFUSED', ''), { code: 'ECONNREFUSED', reason: '' })
  })
})

it('forAll gives everyone the same outcome', () => {
  const outcome = { kind: 'accepted', providerMessageId: 'x' } as const
  assert.deepEqual(
    [...forAll(['a@y.test', 'b@y.test'], outcome)],
    [
      ['a@y.test', outcome],
      ['b@y.test', outcome],
    ],
  )
})
