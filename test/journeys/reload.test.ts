/** The config changes while mail flows: the next message goes by the new one, a wrong one changes nothing, nothing is lost. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { type FakePostmark, fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { json } from '../support/fake-vendors/vendor.ts'
import { testCertificate } from '../support/tls/certificate.ts'
import { eventually, remove, type WaypostProcess, waypostProcess } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hello', text: 'Hi.' }

let one: FakeMx
let two: FakeMx
let vendor: FakePostmark

before(async () => {
  one = await fakeMx()
  two = await fakeMx()
  vendor = await fakePostmark()
})
beforeEach(() => {
  one.received.length = 0
  two.received.length = 0
  vendor.taken.length = 0
  vendor.always(null)
})
after(() => Promise.all([one.close(), two.close(), vendor.close()]))

const relay = (mx: FakeMx, more = '') => `{ adapter: smtp, host: 127.0.0.1, port: ${mx.port}, tls: none${more} }`
const postmark = (token = postmarkToken) => `{ adapter: postmark, serverToken: ${token}, baseUrl: "${vendor.url}" }`

const using = (use: string, providers: Record<string, string>) =>
  `retry: { first: 100ms, max: 200ms }\nproviders:\n${Object.entries(providers)
    .map(([name, settings]) => `  ${name}: ${settings}\n`)
    .join('')}routes:\n  - { name: default, use: ${use} }\n`

/** How often the log says something. */
const times = (gateway: WaypostProcess, what: string) => gateway.log.filter((line) => line.includes(what)).length

/** Writes a config, sends SIGHUP, and waits until the log says how that went. */
async function reload(gateway: WaypostProcess, yaml: string, says = 'config taken over'): Promise<string> {
  const before = times(gateway, says)
  gateway.configure(yaml)
  gateway.process.kill('SIGHUP')
  await eventually(() => times(gateway, says) > before, `the log says "${says}"`)
  return gateway.log.findLast((line) => line.includes(says))!
}

async function withProcess(yaml: string, story: (gateway: WaypostProcess) => Promise<void>): Promise<void> {
  const gateway = await waypostProcess(yaml)
  try {
    await story(gateway)
  } finally {
    await gateway.stop()
    remove(gateway.folder)
  }
}

test('a new config takes over for the next message; a wrong one is told with its line, and the old one stays', () =>
  withProcess(using('one', { one: relay(one), two: relay(two) }), async (gateway) => {
    await gateway.until(await gateway.send(mail), 'sent')
    assert.deepEqual([one.received.length, two.received.length], [1, 0])
    await reload(gateway, using('two', { one: relay(one), two: relay(two) }))
    await gateway.until(await gateway.send(mail), 'sent')
    assert.deepEqual([one.received.length, two.received.length], [1, 1])

    const unknown = await reload(gateway, using('three', { one: relay(one) }), 'the old one stays')
    assert.match(unknown, /waypost\.yaml:\d+:\d+ {2}routes\[0\]\.use: there is no provider \\"three\\"/)
    const syntax = await reload(gateway, `${using('one', { one: relay(one) })}\n  ] : [`, 'the old one stays')
    assert.match(syntax, /waypost\.yaml:\d+:\d+ /)
    await gateway.until(await gateway.send(mail), 'sent')
    assert.deepEqual([one.received.length, two.received.length], [1, 2])
    const { providers } = (await gateway.get('/v1/providers')).body
    assert.deepEqual(
      providers.map(({ name }: { name: string }) => name),
      ['one', 'two'],
    )
  }))

test('mail that waited for a provider that is gone takes another; mail pinned to it fails and says why', () =>
  withProcess(using('down', { down: postmark(), two: relay(two) }), async (gateway) => {
    vendor.always({ reply: json(503, { ErrorCode: 100, Message: 'Maintenance' }) })
    const waiting = await gateway.send(mail)
    const pinned = await gateway.send({ ...mail, provider: 'down' })
    for (const id of [waiting, pinned]) {
      await eventually(
        async () => (await gateway.get(`/v1/messages/${id}`)).body.recipients[0].attempts[0]?.outcome === 'deferred',
        'tried and deferred',
      )
    }
    await reload(gateway, using('two', { two: relay(two) }))
    const message = await gateway.until(waiting, 'sent')
    assert.equal(message.recipients[0].provider, 'two')
    await gateway.until(pinned, 'failed')
    const { events } = (await gateway.get(`/v1/messages/${pinned}/events`)).body
    assert.match(events[0].detail, /down: is not in the config any more/)
    assert.equal(two.received.length, 1)
    assert.equal(vendor.taken.length, 0)
  }))

test('fifty reloads under load lose and double nothing', async (t) => {
  const configs = [
    using('{ first: [one, two] }', { one: relay(one), two: relay(two) }),
    using('{ first: [two, one] }', { one: relay(one, ', cost: { perThousand: 1 }'), two: relay(two) }),
    using('two', { two: relay(two) }),
    using('{ split: { one: 50, two: 50, sticky: message } }', { one: relay(one), two: relay(two) }),
    using('one', { one: relay(one) }),
  ]
  await withProcess(configs[0]!, async (gateway) => {
    const ids: string[] = []
    let sending = true
    const senders = [1, 2, 3, 4].map(async () => {
      while (sending) {
        ids.push(await gateway.send({ ...mail, to: `p${ids.length}.${Math.random()}@example.org` }))
      }
    })
    try {
      for (let round = 0; round < 50; round++) await reload(gateway, configs[(round + 1) % configs.length]!)
    } finally {
      sending = false
      await Promise.all(senders)
    }
    const providers = new Set<string>()
    for (const id of ids) providers.add((await gateway.until(id, 'sent')).recipients[0].provider)
    const copies = [...one.received, ...two.received].flatMap(({ to }) => to)
    assert.equal(new Set(copies).size, copies.length, 'nothing twice')
    assert.equal(copies.length, ids.length)
    assert.deepEqual([...providers].toSorted(), ['one', 'two'])
    assert.deepEqual(
      gateway.log.filter((line) => line.includes('"level":50')),
      [],
      'no error in the log',
    )
    t.diagnostic(`${ids.length} messages over 50 reloads`)
  })
})

test('a mended credential is used at once, though the wrong one had opened the breaker', () =>
  withProcess(using('vendor', { vendor: postmark('wrong-token') }), async (gateway) => {
    await gateway.send(mail)
    await eventually(
      async () => (await gateway.get('/v1/providers')).body.providers[0].state === 'open',
      'the breaker opens',
    )
    await reload(gateway, using('vendor', { vendor: postmark() }))
    assert.equal((await gateway.get('/v1/providers')).body.providers[0].state, 'ready')
    await gateway.until(await gateway.send(mail), 'sent')
  }))

test('no secret of the config ever shows', async () => {
  const canary = 'c4n4ry-0f-a-s3cret'
  const loud = await fakeMx({
    offers: ['AUTH PLAIN'],
    on: { auth: `535 5.7.8 ${canary} is not your password` },
    tls: { ...testCertificate, implicit: true },
  })
  const key = (tenant: string) => `{ hash: "sha256:${'ab'.repeat(32)}", tenant: ${tenant}, scopes: [send] }`
  const vendors = {
    vendor: postmark(canary),
    loud: `{ adapter: smtp, host: 127.0.0.1, port: ${loud.port}, secure: true, verify: false, user: ann, pass: ${canary} }`,
  }
  vendor.always({ reply: json(500, { ErrorCode: 500, Message: `Token ${canary} makes no sense` }) })
  try {
    await withProcess(using('{ first: [vendor, loud] }', vendors), async (gateway) => {
      const ids = [
        await gateway.send({ ...mail, provider: 'vendor' }),
        await gateway.send({ ...mail, provider: 'loud' }),
      ]
      for (const [place, words] of [/500.*makes no sense/, /535.*is not your password/].entries()) {
        await eventually(async () => {
          const [attempt] = (await gateway.get(`/v1/messages/${ids[place]}`)).body.recipients[0].attempts
          return words.test(`${attempt?.code} ${attempt?.reason}`)
        }, `the far end’s own words are shown: ${words}`)
      }
      // Wrong in every way that could make a check quote it.
      for (const wrong of [`[${canary}]`, `{ a: ${canary} }`, `"${canary}`, `\${${canary}}`, `${canary}: ${canary}`]) {
        await reload(gateway, using('vendor', { vendor: postmark(wrong) }), 'the old one stays')
      }
      await reload(gateway, `keys: [${key(canary)}]\n${using('vendor', { vendor: `${canary}` })}`, 'the old one stays')
      const pages = ['/', '/messages', '/providers', '/metrics', '/openapi.json', '/docs', '/readyz']
      const lists = ['/v1/messages', '/v1/events', '/v1/providers']
      const each = ids.flatMap((id) => [
        `/messages/${id}`,
        ...['', '/events', '/explain', '/raw'].map((what) => `/v1/messages/${id}${what}`),
      ])
      for (const path of [...pages, ...lists, ...each]) {
        const { status, body } = await gateway.get(path)
        assert.equal(status, 200, path)
        assert.ok(!(typeof body === 'string' ? body : JSON.stringify(body)).includes(canary), path)
      }
      const explained = await gateway.post('/v1/explain', mail)
      assert.ok(!JSON.stringify(explained.body).includes(canary))
      for (const line of gateway.log) assert.ok(!line.includes(canary), line)
    })
  } finally {
    await loud.close()
  }
})

test('keys are not given up for a loopback address that only a restart would bring', () => {
  const hash = `sha256:${'0'.repeat(64)}`
  const keyed = `keys: [{ hash: "${hash}", tenant: acme, scopes: [read] }]\n`
  const yaml = using('one', { one: relay(one) })
  return withProcess(keyed + yaml, async (gateway) => {
    const elsewhere = 'http: { listen: "127.0.0.2:0" }\nsmtp: { listen: "127.0.0.1:0" }\n'
    await reload(gateway, elsewhere + keyed + yaml)
    await reload(gateway, elsewhere + yaml, 'this needs a restart')
    assert.equal((await gateway.get('/v1/messages')).status, 401)
  })
})
