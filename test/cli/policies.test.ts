import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { difference } from '../../src/cli/line-diff.ts'
import { withRules } from '../../src/cli/policies.ts'

const rules = 'routes:\n  - name: default\n    use: b\n'

describe('putting rules into a config', () => {
  it('leaves everything else byte for byte', () => {
    const before = '# One.\nproviders: { a: { adapter: inbox } }   # two\n\n'
    const after = '\n# Three.\nkeep: 3d\n'
    assert.equal(withRules(`${before}routes:\n- name: x\n  use: a # why\n${after}`, rules), before + rules + after)
    assert.equal(
      withRules(`${before}routes: [{ name: x, use: a }] # why\n${after}`, rules),
      `${before}${rules.trimEnd()} # why\n${after}`,
    )
    assert.equal(withRules(`${before}routes: [{ name: x, use: a }]`, rules), before + rules.trimEnd())
    assert.equal(withRules(`"routes": []\n${after}`, rules), rules + after)
  })

  it('refuses where the rules do not stand by themselves', () => {
    assert.equal(withRules('{ providers: {}, routes: [] }', rules), null)
    assert.equal(withRules('providers: {}\n', rules), null)
    assert.equal(withRules('routes: &r [{ name: x, use: a }]\nother: *r\n', rules), null)
    assert.equal(withRules('routes: [', rules), null)
  })
})

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
