import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { difference } from '../../src/cli/line-diff.ts'

describe('a difference', () => {
  const shown = (from: string, to: string) =>
    difference([...from], [...to])
      .map(({ sign, text }) => sign + text)
      .join(' ')

  it('is the shortest', () => {
    assert.equal(shown('abc', 'abc'), ' a  b  c')
    assert.equal(shown('abc', 'axc'), ' a -b +x  c')
    assert.equal(shown('abcd', 'acde'), ' a -b  c  d +e')
    assert.equal(shown('', 'ab'), '+a +b')
    assert.equal(shown('ab', ''), '-a -b')
  })

  it('leaves out what is far from every change', () => {
    assert.equal(shown('0123456789', '012345678x'), '…  6  7  8 -9 +x')
  })
})
