/** Mail for later, and people who change their minds: sendAt, cancel, retry, release, and the end of a message's time. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { type FakePostmark, fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { json } from '../support/fake-vendors/vendor.ts'
import { eventually, type Waypost, withWaypost } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hello', text: 'Hi.' }
const down = { reply: json(503, { ErrorCode: 100, Message: 'Maintenance' }) }
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()

let vendor: FakePostmark
let relay: FakeMx

before(async () => {
  vendor = await fakePostmark()
  relay = await fakeMx({ on: { dot: { next: 'close' } } })
})
beforeEach(() => {
  vendor.always(null)
  vendor.taken.length = 0
  vendor.calls = 0
  relay.received.length = 0
})
after(() => Promise.all([vendor.close(), relay.close()]))

const config = () => `
retry: { first: 1h, max: 1h }
providers:
  vendor: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${vendor.url}", breaker: { failures: 100 } }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
types: { brief: { expire: 1s, retry: { first: 100ms, max: 200ms } }, lost: { onUnknown: hold } }
routes:
  - { name: lost, when: { type: lost }, use: relay }
  - { name: default, use: vendor }
`

const steer = (gateway: Waypost, id: string, what: string) => gateway.post(`/v1/messages/${id}/${what}`, {})
const events = async (gateway: Waypost, id: string): Promise<string[]> =>
  (await gateway.get(`/v1/messages/${id}/events`)).body.events.map(({ type }: { type: string }) => type).toReversed()

test('sendAt: scheduled until then, and then sent, not before', () =>
  withWaypost(config(), async (gateway) => {
    const sendAt = Date.now() + 1_500
    const answer = await gateway.post('/v1/messages', { ...mail, sendAt: new Date(sendAt).toISOString() })
    assert.equal(answer.body.recipients[0].status, 'scheduled')
    const first = (await gateway.get(`/v1/messages/${answer.body.id}`)).body
    if (Date.now() < sendAt) assert.deepEqual([first.recipients[0].status, vendor.calls], ['scheduled', 0])
    const message = await gateway.until(answer.body.id, 'sent')
    assert.ok(Date.parse(message.recipients[0].attempts[0].at) >= sendAt)
    assert.equal(vendor.taken.length, 1)
  }))

test('scheduled mail can be canceled, and is never sent; what was sent cannot', () =>
  withWaypost(config(), async (gateway) => {
    const scheduled = await gateway.send({ ...mail, sendAt: inAnHour() })
    const canceled = await steer(gateway, scheduled, 'cancel')
    assert.deepEqual([canceled.status, canceled.body.status], [200, 'canceled'])
    assert.equal((await steer(gateway, scheduled, 'cancel')).status, 409)
    assert.equal((await steer(gateway, scheduled, 'retry')).status, 409)
    const sent = await gateway.send(mail)
    await gateway.until(sent, 'sent')
    const late = await steer(gateway, sent, 'cancel')
    assert.equal(late.status, 409)
    assert.match(late.headers.get('content-type')!, /problem\+json/)
    assert.deepEqual(await events(gateway, scheduled), ['accepted', 'canceled'])
    assert.equal(vendor.taken.length, 1)
  }))

test('a retry brings deferred mail, scheduled mail and bounced mail back at once', () =>
  withWaypost(config(), async (gateway) => {
    vendor.always(down)
    const deferred = await gateway.send(mail)
    await gateway.until(deferred, 'deferred')
    vendor.always({ reply: json(422, { ErrorCode: 300, Message: 'Zero recipients specified' }) })
    const bounced = await gateway.send(mail)
    await gateway.until(bounced, 'bounced')
    const scheduled = await gateway.send({ ...mail, sendAt: inAnHour() })
    vendor.always(null)
    for (const id of [deferred, bounced, scheduled]) {
      assert.equal((await steer(gateway, id, 'retry')).status, 200)
      await gateway.until(id, 'sent')
    }
    assert.equal(vendor.taken.length, 3)
  }))

test('held mail is not retried, but released or canceled', () =>
  withWaypost(config(), async (gateway) => {
    const ids = [await gateway.send({ ...mail, type: 'lost' }), await gateway.send({ ...mail, type: 'lost' })]
    for (const id of ids) await gateway.until(id, 'held')
    assert.equal(relay.received.length, 2)
    assert.equal((await steer(gateway, ids[0]!, 'retry')).status, 409)
    assert.equal((await steer(gateway, ids[0]!, 'release')).status, 200)
    await relay.until(({ received }) => received.length === 3)
    assert.equal((await steer(gateway, ids[1]!, 'cancel')).status, 200)
    assert.equal((await steer(gateway, ids[1]!, 'release')).status, 409)
    await gateway.until(ids[1]!, 'canceled')
    await gateway.until(ids[0]!, 'held')
    assert.equal(relay.received.length, 3)
  }))

test('mail whose time is over expires by the clock, and says so', () =>
  withWaypost(config(), async (gateway) => {
    vendor.always(down)
    const id = await gateway.send({ ...mail, type: 'brief' })
    const message = await gateway.until(id, 'expired')
    assert.equal(message.status, 'failed')
    assert.ok(message.recipients[0].attempts.length >= 1)
    const types = await events(gateway, id)
    assert.deepEqual([types[0], types.at(-1)], ['accepted', 'expired'])
    const ended = (await gateway.get(`/v1/messages/${id}/events`)).body.events[0]
    assert.ok(Date.parse(ended.at) >= Date.parse(message.expireAt), 'not before its time')
    vendor.always(null)
    assert.equal((await steer(gateway, id, 'cancel')).status, 409)
    assert.equal((await steer(gateway, id, 'retry')).status, 200)
    await gateway.until(id, 'sent')
    assert.equal(vendor.taken.length, 1)
  }))

test('whoever is told that a message was canceled never sees it sent (I32)', () =>
  withWaypost(config(), async (gateway) => {
    const races = await Promise.all(
      Array.from({ length: 200 }, async (_, number) => {
        const to = `p${number}@example.org`
        // Due now, due about when it is canceled, and due much later.
        const soon = new Date(Date.now() + number * 8).toISOString()
        const sendAt = [{}, { sendAt: soon }, { sendAt: inAnHour() }][number % 3]
        const id = await gateway.send({ ...mail, to, ...sendAt })
        return { to, id, canceled: (await steer(gateway, id, 'cancel')).status === 200 }
      }),
    )
    for (const { id } of races) await gateway.until(id, 'sent', 'canceled')
    const reached = vendor.taken.flatMap(({ recipients }) => recipients)
    await eventually(async () => (await gateway.get('/v1/messages?status=sending')).body.messages.length === 0, 'quiet')
    for (const { to, id, canceled } of races) {
      const copies = reached.filter((email) => email === to).length
      assert.equal(copies, canceled ? 0 : 1, `${to} was ${canceled ? '' : 'not '}canceled and went out ${copies} times`)
      assert.equal((await gateway.get(`/v1/messages/${id}`)).body.status, canceled ? 'canceled' : 'sent')
    }
    assert.ok(races.some(({ canceled }) => canceled))
  }))
