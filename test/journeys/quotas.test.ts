/** Limits of a mailbox host, a type and a tenant: what is more goes elsewhere or waits, what is not meant goes on. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import {
  eventually,
  newFolder,
  remove,
  type Waypost,
  waypost,
  waypostProcess,
  withWaypost,
} from '../support/waypost.ts'

const mail = { from: 'ann@example.com', subject: 'Hello', text: 'Hi.' }

let one: FakeMx
let two: FakeMx
before(async () => {
  one = await fakeMx()
  two = await fakeMx()
})
beforeEach(() => {
  one.received.length = 0
  two.received.length = 0
})
after(() => Promise.all([one.close(), two.close()]))

const config = (limits: string, use: string, more = '') => `
providers:
  one: { adapter: smtp, host: 127.0.0.1, port: ${one.port}, tls: none${limits} }
  two: { adapter: smtp, host: 127.0.0.1, port: ${two.port}, tls: none }
routes:
  - { name: default, use: ${use} }
${more}
`

type Given = Record<string, unknown>

async function sendAll(gateway: Waypost, given: readonly Given[], key?: string): Promise<string[]> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const { body } = await gateway.post(
    '/v1/messages/batch',
    { messages: given.map((one) => ({ ...mail, ...one })) },
    headers,
  )
  return body.messages.map(({ id }: { id: string }) => id)
}

const to = (host: string, count: number): Given[] =>
  Array.from({ length: count }, (_, number) => ({ to: `p${number}@${host}` }))

const carriers = async (gateway: Waypost, ids: string[]): Promise<string[]> =>
  Promise.all(ids.map(async (id) => (await gateway.until(id, 'sent')).recipients[0].provider))

const count = (list: readonly string[], name: string) => list.filter((one) => one === name).length

/** Limits are counted by the UTC day; what is counted here must not be forgotten at midnight. */
const nearMidnight = 86_400_000 - (Date.now() % 86_400_000) < 60_000 && 'the UTC day is about to end'

test('at its limit at one mailbox host a provider is passed over for that host alone', {
  skip: nearMidnight,
}, async () => {
  const folder = newFolder()
  try {
    const yaml = config(
      ', limits: { hosts: { gmail: { perHour: 3 }, others: { perDay: 2 } } }',
      '{ first: [one, two] }',
    )
    const first = await waypost(yaml, folder)
    assert.equal(count(await carriers(first, await sendAll(first, to('gmail.com', 5))), 'one'), 3)
    assert.equal(count(await carriers(first, await sendAll(first, to('googlemail.com', 1))), 'one'), 0)
    assert.equal(count(await carriers(first, await sendAll(first, to('firm.example', 3))), 'one'), 2)
    assert.equal(count(await carriers(first, await sendAll(first, to('shop.example', 3))), 'one'), 2)
    await first.stop()
    const gateway = await waypost(yaml, folder)
    try {
      assert.deepEqual(
        await carriers(gateway, await sendAll(gateway, [...to('gmail.com', 1), ...to('firm.example', 1)])),
        ['two', 'two'],
      )
      const explained = (await gateway.post('/v1/explain', { ...mail, to: 'x@gmail.com' })).body
      assert.deepEqual(explained.rejected, [{ provider: 'one', reason: 'at its limit of 3 an hour at gmail' }])
    } finally {
      await gateway.stop()
    }
  } finally {
    remove(folder)
  }
})

test('of one message those recipients go for whom there is room, the others elsewhere', () =>
  withWaypost(config(', limits: { hosts: { gmail: { perHour: 2 } } }', '{ first: [one, two] }'), async (gateway) => {
    const recipients = [...to('gmail.com', 5), ...to('firm.example', 2)].map(({ to }) => to)
    const { body } = await gateway.post('/v1/messages', { ...mail, to: recipients })
    const sent = await gateway.until(body.id, 'sent')
    const by = (host: string) =>
      sent.recipients
        .filter(({ email }: { email: string }) => email.endsWith(host))
        .map(({ provider }: { provider: string }) => provider)
    assert.deepEqual([count(by('gmail.com'), 'one'), count(by('gmail.com'), 'two')], [2, 3])
    assert.equal(by('firm.example').length, 2)
  }))

test('a type at its limit waits, says why, and goes at its pace; other mail passes it', () =>
  withWaypost(config('', 'one', 'types: { marketing: { limits: { perSecond: 4 } } }'), async (gateway) => {
    const letters = await sendAll(
      gateway,
      to('example.org', 12).map((one) => ({ ...one, type: 'marketing' })),
    )
    const order = await sendAll(gateway, to('example.org', 3))
    assert.deepEqual(await carriers(gateway, order), ['one', 'one', 'one'])
    assert.deepEqual(count(await carriers(gateway, letters), 'one'), 12)
    const times: number[] = []
    let told = 0
    for (const id of letters) {
      const { body } = await gateway.get(`/v1/messages/${id}`)
      times.push(Date.parse(body.recipients[0].attempts[0].at))
      const { events } = (await gateway.get(`/v1/messages/${id}/events`)).body
      if (
        events.some(({ detail }: { detail: string | null }) =>
          /type marketing is at its limit of 4 a second/.test(detail ?? ''),
        )
      )
        told++
    }
    times.sort((a, b) => a - b)
    for (const [place, at] of times.entries()) {
      const within = times.slice(place).filter((other) => other < at + 1_000).length
      assert.ok(within <= 5, `${within} within a second: ${times.map((time) => time - times[0]!)}`)
    }
    assert.ok(told > 0, 'somebody was told why it waits')
  }))

test('a tenant at its limit waits alone', { skip: nearMidnight }, () => {
  const hash = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`
  const keys = `
keys:
  - { hash: "${hash('wp_a')}", tenant: acme, scopes: [send, read] }
  - { hash: "${hash('wp_b')}", tenant: other, scopes: [send, read, manage] }
tenants: { acme: { limits: { perDay: 2 } } }`
  return withWaypost(config('', 'one', keys), async (gateway) => {
    const mine = await sendAll(gateway, to('example.org', 3), 'wp_a')
    const theirs = await sendAll(gateway, to('example.org', 3), 'wp_b')
    await eventually(() => one.received.length === 5, 'two of one tenant and three of the other')
    const shown = async (id: string, key: string): Promise<{ type: string; detail: string | null }[]> => {
      const headers = { authorization: `Bearer ${key}` }
      return ((await (await fetch(`${gateway.url}/v1/messages/${id}/events`, { headers })).json()) as { events: [] })
        .events
    }
    await eventually(async () => {
      const told = await Promise.all(mine.map((id) => shown(id, 'wp_a')))
      return (
        told.flat().filter(({ detail }) => /tenant acme is at its limit of 2 a day/.test(detail ?? '')).length === 1
      )
    }, 'the third says why it waits')
    const limits = async (key: string) =>
      (await fetch(`${gateway.url}/v1/limits`, { headers: { authorization: `Bearer ${key}` } })).json()
    const own = { host: null, per: 'day', used: 2, limit: 2 }
    assert.deepEqual(await limits('wp_b'), { limits: [{ of: 'tenant', name: 'acme', ...own }] })
    assert.equal(((await limits('wp_a')) as { code: string }).code, 'scope')
    for (const id of theirs) assert.ok((await shown(id, 'wp_b')).some(({ type }) => type === 'sent'))
  })
})

test('so many a month, also over a restart', async () => {
  const folder = newFolder()
  try {
    const yaml = config(', limits: { perMonth: 2 }', '{ first: [one, two] }')
    const first = await waypost(yaml, folder)
    assert.equal(count(await carriers(first, await sendAll(first, to('example.org', 3))), 'one'), 2)
    await first.stop()
    const gateway = await waypost(yaml, folder)
    try {
      assert.deepEqual(await carriers(gateway, await sendAll(gateway, to('example.org', 1))), ['two'])
    } finally {
      await gateway.stop()
    }
  } finally {
    remove(folder)
  }
})

test('what one provider did not take and the next did counts once for its type', { skip: nearMidnight }, async () => {
  const busy = await fakeMx({ on: { mail: '451 4.3.2 Not now' } })
  try {
    const yaml = config('', '{ first: [busy, one] }', 'types: { marketing: { limits: { perDay: 4 } } }').replace(
      'providers:\n',
      `providers:\n  busy: { adapter: smtp, host: 127.0.0.1, port: ${busy.port}, tls: none, breaker: { failures: 100 } }\n`,
    )
    await withWaypost(yaml, async (gateway) => {
      for (let letter = 0; letter < 4; letter++) {
        const [id] = await sendAll(gateway, [{ to: `p${letter}@example.org`, type: 'marketing' }])
        assert.deepEqual(await carriers(gateway, [id!]), ['one'])
      }
      const [id] = await sendAll(gateway, [{ to: 'x@example.org', type: 'marketing' }])
      assert.equal((await gateway.until(id!, 'deferred')).recipients[0].attempts.length, 0)
    })
  } finally {
    await busy.close()
  }
})

test('a provider that warms up takes what a day allows, host by host, and the warm one the rest; also over a kill', {
  skip: nearMidnight,
}, async () => {
  const folder = newFolder()
  try {
    const yaml = config(', warmup: { start: 3, growth: 50% }', '{ first: [one, two] }')
    const first = await waypostProcess(yaml, folder)
    assert.equal(count(await carriers(first, await sendAll(first, to('gmail.com', 5))), 'one'), 3)
    assert.equal(count(await carriers(first, await sendAll(first, to('outlook.com', 2))), 'one'), 2)
    // Hosts that are not known by name warm up together.
    const strangers = [...to('firm.example', 2), ...to('shop.example', 2)]
    assert.equal(count(await carriers(first, await sendAll(first, strangers)), 'one'), 3)
    await first.kill()
    const gateway = await waypost(yaml, folder)
    try {
      assert.equal(count(await carriers(gateway, await sendAll(gateway, to('gmail.com', 1))), 'two'), 1)
      assert.equal(count(await carriers(gateway, await sendAll(gateway, to('outlook.com', 2))), 'one'), 1)
      const { rejected } = (await gateway.post('/v1/explain', { ...mail, to: 'x@gmail.com' })).body
      assert.deepEqual(rejected, [{ provider: 'one', reason: 'warming up at gmail: 3 of 3 on sending day 1' }])
      const [view] = (await gateway.get('/v1/providers')).body.providers
      assert.deepEqual(view.warmup, [
        { host: 'gmail', day: 1, used: 3, limit: 3, paused: false },
        { host: 'outlook', day: 1, used: 3, limit: 3, paused: false },
        { host: 'other hosts', day: 1, used: 3, limit: 3, paused: false },
      ])
    } finally {
      await gateway.stop()
    }
  } finally {
    remove(folder)
  }
})
