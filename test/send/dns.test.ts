import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, test } from 'node:test'
import { mailDns } from '../../src/send/dns.ts'
import { type FakeDns, fakeDns, type Zone } from '../support/fake-dns.ts'

let dns: FakeDns | null = null
afterEach(() => dns?.close())

async function asking(zones: Record<string, Zone>, allowPrivate = false) {
  dns = await fakeDns(zones)
  return mailDns({ servers: [dns.server], allowPrivate, timeout: 100 })
}

describe('where a domain’s mail goes', () => {
  test('to its MX, the best preference first', async () => {
    const mail = await asking({
      'x.test': {
        MX: [
          [20, 'b.x.test'],
          [10, 'A.x.test'],
          [65_535, 'c.x.test'],
        ],
      },
    })
    assert.deepEqual(await mail.exchangers('x.test'), { kind: 'hosts', hosts: ['a.x.test', 'b.x.test', 'c.x.test'] })
  })

  test('to hosts of equal preference in any order', async () => {
    const first = new Set<string>()
    for (let round = 0; round < 100 && first.size < 2; round++) {
      const mail = await asking({
        'x.test': {
          MX: [
            [10, 'a.x.test'],
            [10, 'b.x.test'],
          ],
        },
      })
      const found = await mail.exchangers('x.test')
      assert.ok(found.kind === 'hosts')
      first.add(found.hosts[0]!)
      await dns!.close()
    }
    dns = null
    assert.equal(first.size, 2)
  })

  test('nowhere, for a null MX', async () => {
    const mail = await asking({ 'x.test': { MX: [[0, '.']], A: ['8.8.8.8'] } })
    assert.deepEqual(await mail.exchangers('x.test'), { kind: 'null' })
  })

  test('to itself, without MX but with an address', async () => {
    const mail = await asking({ 'four.test': { A: ['8.8.8.8'] }, 'six.test': { AAAA: ['2606:4700::1'] } })
    assert.deepEqual(await mail.exchangers('four.test'), { kind: 'hosts', hosts: ['four.test'] })
    assert.deepEqual(await mail.exchangers('six.test'), { kind: 'hosts', hosts: ['six.test'] })
  })

  test('nowhere, without either, or when it does not exist', async () => {
    const mail = await asking({ 'x.test': { TXT: ['v=spf1 -all'] } })
    assert.deepEqual(await mail.exchangers('x.test'), { kind: 'none' })
    assert.deepEqual(await mail.exchangers('nowhere.test'), { kind: 'none' })
    assert.deepEqual(await mail.exchangers('..'), { kind: 'none' })
  })

  test('to twenty hosts at most', async () => {
    const MX = Array.from({ length: 500 }, (_, n): [number, string] => [n, `mx${n}.x.test`])
    const mail = await asking({ 'x.test': { MX } })
    const found = await mail.exchangers('x.test')
    assert.ok(found.kind === 'hosts')
    assert.deepEqual([found.hosts.length, found.hosts.at(-1)], [20, 'mx19.x.test'])
  })

  test('not to what is no host name', async () => {
    const bad = ['a b.x.test', 'a\r\nb.x.test', 'under_score.x.test', '192.0.2.1', '-x.test', 'localhost', 'x.test;rm']
    const mail = await asking({
      'x.test': { MX: [...bad.map((name): [number, string] => [1, name]), [9, 'good.x.test']] },
    })
    assert.deepEqual(await mail.exchangers('x.test'), { kind: 'hosts', hosts: ['good.x.test'] })
  })

  test('over TCP when UDP has no room', async () => {
    const mail = await asking({ 'x.test': { MX: [[10, 'a.x.test']], truncated: true } })
    assert.deepEqual(await mail.exchangers('x.test'), { kind: 'hosts', hosts: ['a.x.test'] })
  })

  test('is asked once for many messages', async () => {
    const mail = await asking({ 'x.test': { MX: [[10, 'a.x.test']] } })
    await Promise.all(Array.from({ length: 50 }, () => mail.exchangers('x.test')))
    assert.deepEqual(dns!.asked, ['MX x.test'])
  })
})

describe('DNS that does not answer', () => {
  test('by SERVFAIL or REFUSED is the domain’s trouble, and is asked again', async () => {
    const mail = await asking({ 'x.test': 'SERVFAIL', 'y.test': 'REFUSED' })
    const found = await mail.exchangers('x.test')
    assert.ok(found.kind === 'unanswered' && found.code === 'ESERVFAIL' && !found.network)
    const other = await mail.exchangers('y.test')
    assert.ok(other.kind === 'unanswered' && other.code === 'EREFUSED' && !other.network)
    dns!.zones['x.test'] = { MX: [[10, 'a.x.test']] }
    assert.equal((await mail.exchangers('x.test')).kind, 'hosts')
  })

  test('by SERVFAIL for the address, without MX, is no proof that there is none', async () => {
    const mail = await asking({ 'x.test': (type) => (type === 'MX' ? {} : 'SERVFAIL') })
    assert.equal((await mail.exchangers('x.test')).kind, 'unanswered')
  })

  test('for one name while others are answered is that name’s trouble', async () => {
    const mail = await asking({ 'x.test': 'silence' })
    const found = await mail.exchangers('x.test')
    assert.ok(found.kind === 'unanswered' && found.code === 'ETIMEOUT' && !found.network)
  })

  test('for anything is our own network', async () => {
    const mail = await asking({})
    dns!.silent = true
    const found = await mail.exchangers('x.test')
    assert.ok(found.kind === 'unanswered' && found.network)
  })

  test('because nobody listens is our own network', async () => {
    const mail = await asking({})
    await dns!.close()
    dns = null
    const found = await mail.exchangers('x.test')
    assert.ok(found.kind === 'unanswered' && found.network)
  })
})

describe('addresses of a host', () => {
  test('are IPv4 first, through a CNAME, and only those that may be connected to', async () => {
    const mail = await asking({
      'mx.test': { CNAME: 'real.test' },
      'real.test': { A: ['10.0.0.1', '8.8.8.8'], AAAA: ['::1', '2606:4700::1'] },
    })
    assert.deepEqual(await mail.addresses('mx.test'), { kind: 'addresses', addresses: ['8.8.8.8', '2606:4700::1'] })
  })

  test('are private when all of them are', async () => {
    const mail = await asking({ 'mx.test': { A: ['127.0.0.1', '169.254.169.254'], AAAA: ['::ffff:127.0.0.1'] } })
    assert.deepEqual(await mail.addresses('mx.test'), { kind: 'private' })
  })

  test('may be private where that is allowed', async () => {
    const mail = await asking({ 'mx.test': { A: ['127.0.0.1'] } }, true)
    assert.deepEqual(await mail.addresses('mx.test'), { kind: 'addresses', addresses: ['127.0.0.1'] })
  })

  test('are not our own', async () => {
    const own = Object.values(networkInterfaces()).flatMap((list) => list!.filter(({ family }) => family === 'IPv4'))
    const mail = await asking({ 'mx.test': { A: own.map(({ address }) => address) } })
    assert.deepEqual(await mail.addresses('mx.test'), { kind: 'private' })
  })

  test('are those of the family that was answered', async () => {
    const mail = await asking({ 'mx.test': (type) => (type === 'A' ? { A: ['8.8.8.8'] } : 'SERVFAIL') })
    assert.deepEqual(await mail.addresses('mx.test'), { kind: 'addresses', addresses: ['8.8.8.8'] })
  })
})
