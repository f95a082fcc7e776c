/** A provider that may not send for a From domain is passed over for it, until DNS says otherwise; DNS that is down stops no mail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newKey } from '../support/dkim-key.ts'
import { type FakeDns, fakeDns } from '../support/fake-dns.ts'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { fakeVendor } from '../support/fake-vendors/vendor.ts'
import { eventually, remove, type Waypost, waypost } from '../support/waypost.ts'

const { record } = newKey('rsa', 'ready.example', 's1')
let dns: FakeDns
let relays: [FakeMx, FakeMx]
let gateway: Waypost

const config = () => `
providers:
  careful:
    adapter: smtp
    host: 127.0.0.1
    port: ${relays[0].port}
    tls: none
    identity: { require: true, dkim: [s1], resolver: ["${dns.server}"] }
  other: { adapter: smtp, host: 127.0.0.1, port: ${relays[1].port}, tls: none }
routes:
  - { name: alone, when: { tag: alone }, use: careful }
  - { name: default, use: { first: [careful, other] } }
`
before(async () => {
  dns = await fakeDns({ 's1._domainkey.ready.example': { TXT: [record] }, 's1._domainkey.silent.example': 'SERVFAIL' })
  relays = [await fakeMx(), await fakeMx()]
  gateway = await waypost(config())
})
after(async () => {
  await gateway.stop()
  remove(gateway.folder)
  await Promise.all([dns.close(), ...relays.map((relay) => relay.close())])
})

const letter = (domain: string, more = {}) => ({
  from: `ann@${domain}`,
  to: 'bob@example.org',
  subject: 'Hello',
  text: 'Hi.',
  ...more,
})

async function verdict(domain: string) {
  const { providers } = (await gateway.get('/v1/providers')).body
  // biome-ignore lint/suspicious/noExplicitAny: the view, looked into freely
  return providers[0].identity.find((one: any) => one.domain === domain)
}

const told = (domain: string, state: string) =>
  eventually(async () => {
    const known = await verdict(domain)
    return known?.state === state && known.reason !== 'not asked yet' && known
  }, `${domain} is ${state}`)

async function explained(domain: string) {
  const { candidates, rejected } = (await gateway.post('/v1/explain', letter(domain))).body
  return { names: candidates.map(({ provider }: { provider: string }) => provider), rejected }
}

test('a domain that nothing is known of keeps no mail away, and is asked about', async () => {
  const id = await gateway.send(letter('unready.example'))
  assert.equal((await gateway.until(id, 'sent')).recipients[0].provider, 'careful')
  const known = await told('unready.example', 'not ready')
  assert.equal(known.reason, 'there is no DKIM key at s1._domainkey.unready.example')
})

test('where it is not ready the mail goes to the next, and the explanation says why', async () => {
  const id = await gateway.send(letter('unready.example'))
  assert.equal((await gateway.until(id, 'sent')).recipients[0].provider, 'other')
  const { names, rejected } = await explained('unready.example')
  assert.deepEqual(names, ['other'])
  assert.deepEqual(rejected, [
    {
      provider: 'careful',
      reason: 'may not send for unready.example yet: there is no DKIM key at s1._domainkey.unready.example',
    },
  ])
  assert.match(gateway.log.join('\n'), /may not send for a From domain/)
})

test('a domain that is ready goes there', async () => {
  await explained('ready.example')
  await told('ready.example', 'ready')
  assert.deepEqual((await explained('ready.example')).names, ['careful', 'other'])
})

test('DNS that does not answer keeps no mail away', async () => {
  await explained('silent.example')
  const known = await told('silent.example', 'unknown')
  assert.match(known.reason, /could not be looked up/)
  assert.deepEqual((await explained('silent.example')).names, ['careful', 'other'])
})

test('with nobody else the mail waits, and the word is kept over a restart', async () => {
  const id = await gateway.send(letter('unready.example', { tags: ['alone'] }))

  const { events } = await gateway.until(id, 'deferred')
  assert.match(events.at(-1).detail, /nobody can take it now: careful: may not send for unready\.example yet/)
  await gateway.stop()
  dns.silent = true
  gateway = await waypost(config(), gateway.folder)
  assert.deepEqual((await explained('unready.example')).names, ['other'])
})

test('it leaves as soon as DNS says that it may', async () => {
  const waiting = (await gateway.get('/v1/messages?tag=alone')).body.messages[0].id
  dns.zones['s1._domainkey.unready.example'] = { TXT: [record] }
  dns.silent = false
  // A restart asks anew at once; else it would be asked within ten minutes.
  await gateway.stop()
  gateway = await waypost(config(), gateway.folder)
  assert.equal((await gateway.until(waiting, 'sent')).recipients[0].provider, 'careful')
  await told('unready.example', 'ready')
})

test("the vendor's own word counts, and a vendor that will not say keeps no mail away", async () => {
  let owned: boolean | null = false
  const vendor = await fakeVendor(({ path }) => {
    if (!path.startsWith('/api/v1/sending-domains/') || owned === null) return { status: 403, body: '{}' }
    const status = { ownership_verified: owned, dkim_status: 'valid', compliance_status: 'valid' }
    return { status: 200, body: JSON.stringify({ results: { status } }) }
  })
  const other = await waypost(`
providers:
  careful: { adapter: sparkpost, apiKey: a-key-of-ours, baseUrl: "${vendor.url}", identity: { require: true }, domains: [a.example, b.example] }
  other: { adapter: smtp, host: 127.0.0.1, port: ${relays[1].port}, tls: none }
routes: [{ name: default, use: { first: [careful, other] } }]
`)
  const known = async () => (await other.get('/v1/providers')).body.providers[0].identity
  const names = async (domain: string) =>
    (await other.post('/v1/explain', letter(domain))).body.candidates.map((one: { provider: string }) => one.provider)
  try {
    assert.deepEqual(await names('a.example'), ['careful', 'other'])
    await eventually(async () => (await known())[0]?.state === 'not ready', 'a.example is not ready')
    assert.deepEqual(await names('a.example'), ['other'])
    owned = null
    assert.deepEqual(await names('b.example'), ['careful', 'other'])
    const told = await eventually(
      async () => (await known())[1]?.reason.includes('403') && known(),
      'b.example was asked about',
    )
    assert.equal(told[1].state, 'unknown')
    assert.deepEqual(await names('b.example'), ['careful', 'other'])
    await names('c.example')
    assert.equal((await known()).length, 2, 'nobody is asked about a domain that the account is not for')
  } finally {
    await other.stop()
    remove(other.folder)
    await vendor.close()
  }
})
