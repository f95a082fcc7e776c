/** What a mailbox provider's replies say of a path is done about that path: a known block, and too many deferrals. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { waypost as command } from '../cli/running.ts'
import { type FakeDns, fakeDns } from '../support/fake-dns.ts'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { newFolder, remove, type Waypost, waypost } from '../support/waypost.ts'

let mx: FakeMx
let relay: FakeMx
let dns: FakeDns

before(async () => {
  mx = await fakeMx({
    on: {
      rcpt: (line) =>
        line.includes('blocked')
          ? '550 5.1.1 Messages from [192.0.2.1] are not taken (S3140)'
          : line.includes('busy')
            ? '451 4.7.500 Server busy'
            : undefined,
    },
  })
  relay = await fakeMx()
  const here = { MX: [[10, 'mx.example.org']] as [number, string][] }
  dns = await fakeDns({
    ...{ 'hotmail.com': here, 'gmail.com': here },
    'mx.example.org': { A: ['127.0.0.1'] },
  })
})
after(() => Promise.all([mx.close(), relay.close(), dns.close()]))

const config = (shaping: string) => `
providers:
  own-mta: { adapter: direct, hostname: mail.example.com, port: ${mx.port}, resolver: ["${dns.server}"], allowPrivate: true }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
shaping:
  - ${shaping}
routes:
  - { name: default, use: { first: [own-mta, relay] } }
`

async function by(gateway: Waypost, to: string): Promise<string> {
  const id = await gateway.send({ from: 'ann@example.com', to, subject: 'Hi', text: 'Hi.' })
  return (await gateway.until(id, 'sent', 'delivered', 'bounced')).recipients[0].provider
}

const shapedNow = async (gateway: Waypost) =>
  (await gateway.get('/v1/providers')).body.providers.find(({ name }: { name: string }) => name === 'own-mta').shaped

test('a known block: the mail goes by the next, nobody is suppressed, and nothing more goes there for three hours', async () => {
  const folder = newFolder()
  const yaml = config(
    '{ name: outlook-block, when: { host: outlook, reply: S3140 }, suspend: [host, tenant], for: 3h }',
  )
  let gateway = await waypost(yaml, folder)
  try {
    assert.equal(await by(gateway, 'blocked@gmail.com'), 'own-mta', 'elsewhere the same words are the bounce they are')
    assert.equal(await by(gateway, 'blocked@hotmail.com'), 'relay')
    assert.deepEqual(
      (await gateway.get('/v1/suppressions')).body.suppressions.map(({ email }: { email: string }) => email),
      ['blocked@gmail.com'],
    )
    const said = mx.sessions.length
    assert.equal(await by(gateway, 'bob@hotmail.com'), 'relay')
    assert.equal(mx.sessions.length, said, 'it was not asked')
    assert.equal(await by(gateway, 'bob@gmail.com'), 'own-mta')
    const [rule] = await shapedNow(gateway)
    assert.deepEqual([rule.rule, rule.host, rule.perHour], ['outlook-block', 'outlook', 0])
    assert.match(rule.why, /it answered: 550 5\.1\.1 .*S3140/)
    const { out } = await command(['providers', 'show', 'own-mta', '--url', gateway.url])
    assert.match(out, /suspended at outlook \(outlook-block\)/)

    await gateway.stop()
    gateway = await waypost(yaml, folder)
    const mail = { from: 'ann@example.com', to: 'bob@hotmail.com', text: 'Hi.' }
    const { rejected } = (await gateway.post('/v1/explain', mail)).body
    assert.equal(rejected[0].provider, 'own-mta')
    assert.match(
      rejected[0].reason,
      /^suspended at outlook until 20.* by the shaping rule outlook-block: it answered: 550/,
    )
  } finally {
    await gateway.stop()
    remove(folder)
  }
})

test('more deferrals than it may have: a part of the pace that it had, and the rest goes by the next', async () => {
  const gateway = await waypost(
    config('{ name: deferred, when: { deferrals: { share: 20%, of: 10 } }, slow: 1%, for: 2h }'),
  )
  try {
    for (let number = 0; number < 7; number++) assert.equal(await by(gateway, `bob${number}@hotmail.com`), 'own-mta')
    for (let number = 0; number < 3; number++) assert.equal(await by(gateway, `busy${number}@hotmail.com`), 'relay')
    const [rule] = await shapedNow(gateway)
    assert.deepEqual([rule.rule, rule.host, rule.tenant], ['deferred', 'outlook', null])
    assert.equal(rule.why, '3 of the last 10 deferred or blocked')
    assert.ok(rule.perHour > 0)
    // One goes, and the next has to wait a hundred times as long as they came before.
    const went = [await by(gateway, 'carl@hotmail.com'), await by(gateway, 'dora@hotmail.com')]
    assert.deepEqual(went, ['own-mta', 'relay'])
    assert.equal(await by(gateway, 'bob@gmail.com'), 'own-mta')
    assert.ok(gateway.log.some((line) => line.includes('slowed at one mailbox host by a shaping rule')))
  } finally {
    await gateway.stop()
    remove(gateway.folder)
  }
})
