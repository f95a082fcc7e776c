import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isStranger } from '../../src/accept/strangers.ts'

describe('a stranger', () => {
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.9',
    '192.168.7.7',
    '100.64.3.1',
    '::1',
    'fd12::1',
    'fe80::1%eth0',
  ])
    it(`is not ${address}`, () => assert.equal(isStranger(address), false))
  for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2001:db8::1', ''])
    it(`is ${address || 'who has no address'}`, () => assert.equal(isStranger(address), true))
  it('may have its IPv4 address in IPv6', () => {
    assert.deepEqual([isStranger('::ffff:10.0.0.1'), isStranger('::ffff:8.8.8.8')], [false, true])
  })
})
