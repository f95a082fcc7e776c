import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isPrivate } from '../../src/send/address-range.ts'

describe('addresses that no public MX has', () => {
  for (const address of [
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '100.127.255.255',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '64:ff9b::7f00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::',
    '64:ff9b::1',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001:db8::1',
    '',
    'localhost',
    '127.1',
    '0x7f.1',
    '2130706433',
  ])
    test(JSON.stringify(address), () => assert.equal(isPrivate(address), true))
})

describe('public addresses', () => {
  for (const address of [
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.255.255',
    '172.32.0.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450:4001:81b::1b',
    '64:ff9b::808:808',
    '64:ff9b::8.8.8.8',
  ])
    test(address, () => assert.equal(isPrivate(address), false))
})
