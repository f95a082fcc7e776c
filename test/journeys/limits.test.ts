/** What a provider may be given: at its limit the next one is used, and with no next, mail waits. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { eventually, newFolder, remove, type Waypost, waypost, withWaypost } from '../support/waypost.ts'

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

const config = (limits: string, use: string) => `
providers:
  one: { adapter: smtp, host: 127.0.0.1, port: ${one.port}, tls: none${limits} }
  two: { adapter: smtp, host: 127.0.0.1, port: ${two.port}, tls: none }
routes:
  - { name: default, use: ${use} }
`

async function sendAll(gateway: Waypost, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, number) => ({ ...mail, to: `p${number}@example.org` }))
  const { body } = await gateway.post('/v1/messages/batch', { messages })
  return body.messages.map(({ id }: { id: string }) => id)
}

const carriers = async (gateway: Waypost, ids: string[]): Promise<string[]> =>
  Promise.all(ids.map(async (id) => (await gateway.until(id, 'sent')).recipients[0].provider))

const recipient = async (gateway: Waypost, id: string) =>
  (await gateway.get(`/v1/messages/${id}`)).body.recipients[0] as { status: string; attempts: unknown[] }

/** Limits are counted by the UTC day; what is counted here must not be forgotten at midnight. */
const nearMidnight = 86_400_000 - (Date.now() % 86_400_000) < 60_000 && 'the UTC day is about to end'

test('so many a day, also over a restart; the others go elsewhere', { skip: nearMidnight }, async () => {
  const folder = newFolder()
  try {
    const yaml = config(', limits: { perDay: 3 }', '{ first: [one, two] }')
    const before = await waypost(yaml, folder)
    const first = await carriers(before, await sendAll(before, 5))
    assert.equal(first.filter((name) => name === 'one').length, 3)
    await before.stop()
    const gateway = await waypost(yaml, folder)
    try {
      assert.deepEqual(await carriers(gateway, await sendAll(gateway, 2)), ['two', 'two'])
      const { candidates, rejected } = (await gateway.post('/v1/explain', { ...mail, to: 'x@example.org' })).body
      assert.deepEqual(
        candidates.map(({ provider }: { provider: string }) => provider),
        ['two'],
      )
      assert.deepEqual(rejected, [{ provider: 'one', reason: 'at its limit of 3 a day' }])
      const [view] = (await gateway.get('/v1/providers')).body.providers
      assert.deepEqual([view.state, view.sentToday, view.perDay], ['limited', 3, 3])
    } finally {
      await gateway.stop()
    }
    assert.deepEqual([one.received.length, two.received.length], [3, 4])
  } finally {
    remove(folder)
  }
})

test('with no next, mail that is over the day’s limit waits, and says why', { skip: nearMidnight }, () =>
  withWaypost(config(', limits: { perDay: 2 }', 'one'), async (gateway) => {
    const ids = await sendAll(gateway, 3)
    for (const id of ids) await gateway.until(id, 'sent', 'deferred')
    const waiting: string[] = []
    for (const id of ids) if ((await recipient(gateway, id)).status === 'deferred') waiting.push(id)
    assert.equal(waiting.length, 1)
    assert.deepEqual((await recipient(gateway, waiting[0]!)).attempts, [])
    await eventually(async () => {
      const { events } = (await gateway.get(`/v1/messages/${waiting[0]}/events`)).body
      return /nobody can take it now: one: at its limit of 2 a day/.test(events[0].detail)
    }, 'the limit is given as the reason')
    assert.equal(one.received.length, 2)
  }),
)

test('so many a second: the rest goes elsewhere at once', () =>
  withWaypost(config(', limits: { perSecond: 2 }', '{ first: [one, two] }'), async (gateway) => {
    const by = await carriers(gateway, await sendAll(gateway, 40))
    assert.ok(by.filter((name) => name === 'one').length >= 2)
    assert.ok(by.includes('two'))
    assert.equal(one.received.length + two.received.length, 40)
  }))

test('with no next, mail goes at the pace of the limit, and all of it goes', () =>
  withWaypost(config(', limits: { perSecond: 5 }', 'one'), async (gateway) => {
    const ids = await sendAll(gateway, 12)
    await carriers(gateway, ids)
    assert.equal(one.received.length, 12)
    const times: number[] = []
    for (const id of ids) {
      const { attempts } = await recipient(gateway, id)
      times.push(Date.parse((attempts[0] as { at: string }).at))
    }
    times.sort((a, b) => a - b)
    // A second's worth may have been saved up when the second begins.
    for (const [place, at] of times.entries()) {
      const within = times.slice(place).filter((other) => other < at + 1_000).length
      assert.ok(within <= 10, `${within} within a second: ${times.map((time) => time - times[0]!)}`)
    }
  }))

test('a drained provider gets nothing new until it is resumed', () =>
  withWaypost(config('', '{ first: [one, two] }'), async (gateway) => {
    assert.equal((await gateway.post('/v1/providers/one/drain', {})).body.state, 'draining')
    assert.deepEqual(await carriers(gateway, await sendAll(gateway, 2)), ['two', 'two'])
    assert.equal((await gateway.post('/v1/providers/one/resume', {})).body.state, 'ready')
    assert.deepEqual(await carriers(gateway, await sendAll(gateway, 1)), ['one'])
    assert.equal((await gateway.post('/v1/providers/three/drain', {})).status, 404)
  }))

test('so many a minute, also over a restart', async () => {
  const folder = newFolder()
  try {
    const yaml = config(', limits: { perMinute: 3 }', '{ first: [one, two] }')
    const before = await waypost(yaml, folder)
    const first = await carriers(before, await sendAll(before, 4))
    assert.equal(first.filter((name) => name === 'one').length, 3)
    await before.stop()
    const gateway = await waypost(yaml, folder)
    try {
      assert.deepEqual(await carriers(gateway, await sendAll(gateway, 2)), ['two', 'two'])
      const { rejected } = (await gateway.post('/v1/explain', { ...mail, to: 'x@example.org' })).body
      assert.deepEqual(rejected, [{ provider: 'one', reason: 'at its limit of 3 a minute' }])
    } finally {
      await gateway.stop()
    }
  } finally {
    remove(folder)
  }
})

test('draining outlives the process', async () => {
  const folder = newFolder()
  try {
    const before = await waypost(config('', '{ first: [one, two] }'), folder)
    await before.post('/v1/providers/one/drain', {})
    await before.stop()
    const gateway = await waypost(config('', '{ first: [one, two] }'), folder)
    assert.deepEqual(await carriers(gateway, await sendAll(gateway, 1)), ['two'])
    await gateway.stop()
  } finally {
    remove(folder)
  }
})
