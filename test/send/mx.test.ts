/** The carrier to the recipients' own MX, with a DNS and MX hosts of our own on 127.0.0.x. */
import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { afterEach, before, describe, test } from 'node:test'
import { setDefaultCACertificates } from 'node:tls'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import type { MxSettings } from '../../src/mail/adapter.ts'
import type { Outcome } from '../../src/mail/outcome.ts'
import { type MxCarrier, mxCarrier } from '../../src/send/mx.ts'
import { authority, certificate } from '../support/certificates.ts'
import { newKey } from '../support/dkim-key.ts'
import { type FakeDns, fakeDns, type Zone } from '../support/fake-dns.ts'
import { type FakeMx, type FakeMxOptions, fakeMx } from '../support/fake-mx.ts'
import { letter, type RawMail, rawHandoff } from '../support/handoff.ts'

const running: { close(): Promise<void> }[] = []
let carrier: MxCarrier

before(() => setDefaultCACertificates([authority]))
afterEach(async () => {
  await carrier?.close()
  for (const server of running.splice(0)) await server.close()
})

/** MX hosts at 127.0.0.1, 127.0.0.2, … on one port, and a DNS with `zones`. */
async function world(zones: Record<string, Zone>, hosts: FakeMxOptions[] = [{}], more: Partial<MxSettings> = {}) {
  const dns: FakeDns = await fakeDns(zones)
  running.push(dns)
  const mx: FakeMx[] = []
  for (const [place, options] of hosts.entries()) {
    const server = await fakeMx({ ...options, host: `127.0.0.${place + 1}`, port: mx[0]?.port ?? 0 })
    mx.push(server)
    running.push(server)
  }
  carrier = mxCarrier()
  const settings: MxSettings = {
    hostname: 'out.example.com',
    port: mx[0]?.port ?? 1,
    resolver: [dns.server],
    allowPrivate: true,
    tls: 'opportunistic',
    connectionsPerHost: 2,
    dkim: [],
    ...more,
  }
  const deliver = (mail: RawMail = {}) => carrier.deliver(rawHandoff(mail), settings)
  const one = async (mail: RawMail = {}) => (await deliver(mail)).get('bob@example.net')!
  return { dns, mx, settings, deliver, one }
}

function told(outcome: Outcome | undefined): string {
  assert.ok(outcome)
  const status = 'diagnostic' in outcome ? (outcome.diagnostic.status ?? '') : ''
  return `${'cause' in outcome ? `${outcome.kind} ${outcome.cause}` : outcome.kind} ${status}`.trim()
}

const oneMx: Record<string, Zone> = {
  'example.net': { MX: [[10, 'mx.example.net']] },
  'mx.example.net': { A: ['127.0.0.1'] },
}
const twoMx: Record<string, Zone> = {
  'example.net': {
    MX: [
      [10, 'mx.example.net'],
      [20, 'mx2.example.net'],
    ],
  },
  'mx.example.net': { A: ['127.0.0.1'] },
  'mx2.example.net': { A: ['127.0.0.2'] },
}

describe('straight to the MX', () => {
  test('a 250 is a delivery, in the MX’s own words', async () => {
    const { mx, one } = await world(oneMx)
    const outcome = await one()
    assert.deepEqual(outcome, {
      kind: 'delivered',
      diagnostic: { code: '250', reason: 'Ok: queued as FAKE1', status: '2.0.0' },
    })
    assert.equal(mx[0]!.received[0]!.raw.toString(), letter)
    assert.ok(mx[0]!.sessions[0]!.lines.includes('EHLO out.example.com'))
  })

  test('each domain has its own transaction, each recipient its own outcome', async () => {
    const { mx, deliver } = await world({
      ...oneMx,
      'other.test': { A: ['127.0.0.1'] },
      'closed.test': { MX: [[0, '.']] },
    })
    const outcomes = await deliver({
      to: ['bob@example.net', 'eve@example.net', 'cid@other.test', 'dan@closed.test', 'fay@gone.test'],
    })
    assert.deepEqual([...outcomes].map(([email, outcome]) => [email, told(outcome)]).sort(), [
      ['bob@example.net', 'delivered 2.0.0'],
      ['cid@other.test', 'delivered 2.0.0'],
      ['dan@closed.test', 'rejected recipient 5.1.10'],
      ['eve@example.net', 'delivered 2.0.0'],
      ['fay@gone.test', 'rejected recipient 5.1.2'],
    ])
    assert.deepEqual(mx[0]!.received.map(({ to }) => to.join()).sort(), [
      'bob@example.net,eve@example.net',
      'cid@other.test',
    ])
  })

  test('a null MX is not connected to', async () => {
    const { mx, one } = await world({ 'example.net': { MX: [[0, '']], A: ['127.0.0.1'] } })
    assert.equal(told(await one()), 'rejected recipient 5.1.10')
    assert.equal(mx[0]!.sessions.length, 0)
  })

  for (const trouble of ['SERVFAIL', 'REFUSED'] as const) {
    test(`${trouble} waits`, async () => {
      const { one } = await world({ 'example.net': trouble })
      assert.equal(told(await one()), 'deferred host 4.4.3')
    })
  }

  test('DNS that says nothing is given up at the deadline', async () => {
    const { dns, one } = await world({ 'example.net': 'silence' })
    const timeout = new AbortController()
    const answer = one({ signal: timeout.signal })
    while (dns.asked.length === 0) await new Promise(setImmediate)
    timeout.abort()
    assert.equal(told(await answer), 'deferred host 4.4.3')
  })

  test('an unknown user is rejected, and the next MX is not asked', async () => {
    const { mx, one } = await world(twoMx, [{ on: { rcpt: '550 5.1.1 nobody' } }, {}])
    assert.equal(told(await one()), 'rejected recipient 5.1.1')
    assert.equal(mx[1]!.sessions.length, 0)
  })

  test('greylisting waits, and so does the next MX', async () => {
    const { mx, one } = await world(twoMx, [{ on: { rcpt: '451 4.7.1 greylisted' } }, {}])
    assert.equal(told(await one()), 'deferred host 4.7.1')
    assert.equal(mx[1]!.sessions.length, 0)
  })

  test('silence after the dot is unknown at the deadline', async () => {
    const { mx, one } = await world(twoMx, [{ on: { dot: { next: 'silence' } } }, {}])
    const timeout = new AbortController()
    const answer = one({ signal: timeout.signal })
    await mx[0]!.until(({ received }) => received.length === 1)
    timeout.abort()
    assert.equal(told(await answer), 'unknown')
    assert.equal(mx[1]!.sessions.length, 0)
  })

  test('a connection lost after the dot is unknown, and the next MX is not asked', async () => {
    const { mx, one } = await world(twoMx, [{ on: { dot: { next: 'reset' } } }, {}])
    assert.equal(told(await one()), 'unknown')
    assert.equal(mx[1]!.sessions.length, 0)
  })
})

describe('the next MX', () => {
  const cases: [name: string, first: FakeMxOptions][] = [
    ['ends before the greeting', { on: { greeting: { next: 'reset' } } }],
    ['greets with 421', { on: { greeting: { say: '421 busy', next: 'close' } } }],
    ['greets with 554', { on: { greeting: { say: '554 no service', next: 'close' } } }],
    ['ends at MAIL', { on: { mail: { next: 'close' } } }],
    ['says 421 to MAIL', { on: { mail: { say: '421 bye', next: 'close' } } }],
  ]
  for (const [name, first] of cases) {
    test(`is tried when the first ${name}`, async () => {
      const { mx, one } = await world(twoMx, [first, {}])
      assert.equal(told(await one()), 'delivered 2.0.0')
      assert.equal(mx[1]!.received.length, 1)
    })
  }

  test('and the next address of the same MX are tried when a connection is refused', async () => {
    const zones = { ...twoMx, 'mx.example.net': { A: ['127.0.0.9', '127.0.0.1'] } }
    const { mx, one } = await world(zones, [{}, {}])
    assert.equal(told(await one()), 'delivered 2.0.0')
    assert.equal(mx[0]!.received.length, 1)
  })

  test('is the first tried for a while after the first was dead', async () => {
    const { mx, one } = await world(twoMx, [{ on: { greeting: { say: '421 busy', next: 'close' } } }, {}])
    await one()
    await one()
    assert.equal(mx[0]!.sessions.length, 1)
    assert.equal(mx[1]!.received.length, 2)
  })

  test('being dead too leaves the last reason', async () => {
    const dead = { on: { greeting: { say: '421 4.3.2 busy', next: 'close' } } } as const
    const { one } = await world(twoMx, [dead, dead])
    assert.equal(told(await one()), 'deferred host 4.3.2')
  })
})

describe('addresses we must not connect to', () => {
  for (const records of [
    { A: ['127.0.0.1'] },
    { A: ['0.0.0.0'] },
    { A: ['10.0.0.1'] },
    { A: ['172.16.0.1'] },
    { A: ['192.168.0.1'] },
    { A: ['169.254.169.254'] },
    { A: ['100.64.0.1'] },
    { AAAA: ['::1'] },
    { AAAA: ['::'] },
    { AAAA: ['::ffff:127.0.0.1'] },
    { AAAA: ['fc00::1'] },
    { AAAA: ['fe80::1'] },
    { AAAA: ['64:ff9b::7f00:1'] },
    { A: ['127.0.0.1'], AAAA: ['::1'] },
  ]) {
    test(JSON.stringify(records), async () => {
      const { mx, one } = await world({ ...oneMx, 'mx.example.net': records }, [{}], { allowPrivate: false })
      assert.equal(told(await one()), 'rejected recipient 5.4.4')
      assert.equal(mx[0]!.sessions.length, 0)
    })
  }

  test('come from the answer that was checked: DNS is not asked again to connect', async () => {
    let asked = 0
    const rebinding: Zone = (type) => (type === 'A' ? { A: [asked++ === 0 ? '127.0.0.1' : '127.0.0.2'] } : {})
    const { mx, one } = await world({ ...oneMx, 'mx.example.net': rebinding }, [{}, {}])
    await one()
    await one()
    assert.deepEqual([mx[0]!.received.length, mx[1]!.sessions.length, asked], [2, 0, 1])
  })
})

describe('TLS with an MX', () => {
  test('is used when offered, though nobody vouches for the certificate', async () => {
    setDefaultCACertificates([])
    const { mx, one } = await world(oneMx, [{ tls: certificate }])
    assert.equal(told(await one()), 'delivered 2.0.0')
    assert.ok(mx[0]!.received[0]!.secure)
    setDefaultCACertificates([authority])
  })

  test('that breaks is left out on a new connection', async () => {
    const { mx, one } = await world(oneMx, [{ tls: certificate, on: { starttls: { say: '220 go', next: 'close' } } }])
    assert.equal(told(await one()), 'delivered 2.0.0')
    assert.deepEqual([mx[0]!.sessions.length, mx[0]!.received[0]!.session], [2, 2])
  })

  test('required: goes with a certificate valid for the MX', async () => {
    const { mx, one } = await world(oneMx, [{ tls: certificate }], { tls: 'required' })
    assert.equal(told(await one()), 'delivered 2.0.0')
    assert.ok(mx[0]!.received[0]!.secure)
  })

  test('required: waits when the certificate is for another name', async () => {
    const zones: Record<string, Zone> = {
      'example.net': { MX: [[10, 'mx.other.test']] },
      'mx.other.test': { A: ['127.0.0.1'] },
    }
    const { mx, one } = await world(zones, [{ tls: certificate }], { tls: 'required' })
    assert.equal(told(await one()), 'deferred host 4.7.5')
    assert.equal(mx[0]!.received.length, 0)
  })

  test('required: waits when there is none', async () => {
    const { mx, one } = await world(oneMx, [{}], { tls: 'required' })
    assert.equal(told(await one()), 'deferred host 4.7.5')
    assert.equal(mx[0]!.received.length, 0)
  })
})

describe('signed mail', () => {
  test('arrives with both signatures in front, and they verify against DNS', async () => {
    const keys = [newKey('rsa', 'example.com', 'r1'), newKey('ed25519', 'example.com', 'e1')]
    const zones: Record<string, Zone> = { ...oneMx }
    for (const { key, record } of keys) zones[`${key.selector}._domainkey.${key.domain}`] = { TXT: [record] }
    const { dns, mx, one } = await world(zones, [{}], { dkim: keys.map(({ key }) => key) })
    const large = letter + 'x'.repeat(70).concat('\r\n').repeat(20_000)
    for (const raw of [letter, large]) {
      assert.equal(told(await one({ raw })), 'delivered 2.0.0')
      const arrived = mx[0]!.received.at(-1)!.raw
      assert.ok(arrived.toString().endsWith(`\r\n${raw}`))
      const resolver = new Resolver()
      resolver.setServers([dns.server])
      const { results } = await dkimVerify(arrived, { resolver: (name) => resolver.resolveTxt(name) })
      assert.deepEqual(results.map(({ algo, status }) => `${algo} ${status.result}`).sort(), [
        'ed25519-sha256 pass',
        'rsa-sha256 pass',
      ])
    }
  })

  test('is only signed by keys that fit the From domain', async () => {
    const { mx, one } = await world(oneMx, [{}], { dkim: [newKey('ed25519', 'other.test', 's').key] })
    await one()
    assert.equal(mx[0]!.received[0]!.raw.toString(), letter)
  })

  test('does not leave when its key cannot sign', async () => {
    const { mx, one } = await world(oneMx, [{}], {
      dkim: [{ domain: 'example.com', selector: 's', privateKey: 'nonsense' }],
    })
    assert.equal(told(await one()), 'deferred identity')
    assert.equal(mx[0]!.sessions.length, 0)
  })
})

describe('connections to an MX', () => {
  test('are kept, and never more than allowed', async () => {
    const { mx, one } = await world(oneMx)
    const all = await Promise.all(Array.from({ length: 20 }, () => one()))
    assert.ok(all.every(({ kind }) => kind === 'delivered'))
    assert.deepEqual([mx[0]!.received.length, mx[0]!.sessions.length], [20, 2])
  })

  test('that were closed meanwhile are made anew', async () => {
    const { mx, one } = await world(oneMx, [
      { on: { mail: (_, { number, lines }) => (number === 1 && lines.length > 5 ? { next: 'reset' } : undefined) } },
    ])
    await one()
    assert.equal(told(await one()), 'delivered 2.0.0')
    assert.equal(mx[0]!.received.length, 2)
  })

  test('are closed with QUIT, and nothing is sent after that', async () => {
    const { mx, one } = await world(oneMx)
    await one()
    await carrier.close()
    await mx[0]!.until(({ open }) => open() === 0)
    assert.ok(mx[0]!.sessions[0]!.lines.includes('QUIT'))
    assert.equal(told(await one()), 'deferred network')
  })
})
