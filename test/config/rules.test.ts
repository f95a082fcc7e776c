import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { areRules, rulesIn, withRules } from '../../src/config/rules.ts'

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

describe('taking rules out of a config', () => {
  it('leaves behind all else, and answers null where there are none', () => {
    assert.equal(rulesIn(`# One.\nkeep: 3d\nroutes: [{ name: default, use: b }]\n`), rules)
    for (const text of ['keep: 3d', 'routes: all', 'routes: [', '', '- 1']) assert.equal(rulesIn(text), null)
  })

  it('knows rules that bring something else along', () => {
    assert.equal(areRules(rules), true)
    for (const text of [`${rules}keys: []\n`, 'routes: 1', 'routes: [', '', '[]']) assert.equal(areRules(text), false)
  })
})
