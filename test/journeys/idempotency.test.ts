/** The same request again, by whatever road and whatever happened in between, is one message. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { newFolder, remove, type Waypost, waypost, waypostProcess, withWaypost } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Order 17', text: 'Thank you.' }

let relay: FakeMx
before(async () => {
  relay = await fakeMx()
})
beforeEach(() => {
  relay.received.length = 0
})
after(() => relay.close())

const config = () => `
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
routes:
  - { name: default, use: relay }
`
const keyed = (key: string) => ({ 'idempotency-key': key })

/** How many messages the gateway holds. */
async function count(gateway: Waypost): Promise<number> {
  return (await gateway.get('/v1/messages?limit=200')).body.messages.length
}

test('the same key and body again: the first answer again, and one message; another body: 422', () =>
  withWaypost(config(), async (gateway) => {
    const first = await gateway.post('/v1/messages', mail, keyed('order-17'))
    await gateway.until(first.body.id, 'sent')
    const again = await gateway.post('/v1/messages', mail, keyed('order-17'))
    assert.deepEqual([first.status, again.status], [202, 202])
    assert.deepEqual(again.body, first.body)
    assert.equal(first.headers.get('idempotency-replayed'), null)
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
    const other = await gateway.post('/v1/messages', { ...mail, text: 'Or not.' }, keyed('order-17'))
    assert.equal(other.status, 422)
    assert.match(other.headers.get('content-type')!, /problem\+json/)
    assert.equal(await count(gateway), 1)
    assert.equal(relay.received.length, 1)
  }))

test('a hundred at once under one key: one message, and everybody who asks again learns its id', () =>
  withWaypost(config(), async (gateway) => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => gateway.post('/v1/messages', mail, keyed('race'))),
    )
    assert.deepEqual(
      [...new Set(answers.map(({ status }) => status))].filter((status) => status !== 409),
      [202],
    )
    assert.ok(answers.filter(({ status }) => status === 409).every(({ headers }) => headers.get('retry-after') === '1'))
    const fresh = answers.filter(({ status, headers }) => status === 202 && !headers.get('idempotency-replayed'))
    assert.equal(fresh.length, 1)
    const later = await Promise.all(answers.map(() => gateway.post('/v1/messages', mail, keyed('late'))))
    const settled = await gateway.post('/v1/messages', mail, keyed('race'))
    assert.deepEqual(settled.body, fresh[0]!.body)
    const ids = new Set([...answers, ...later].filter(({ status }) => status === 202).map(({ body }) => body.id))
    assert.equal(ids.size, 2)
    for (const id of ids) await gateway.until(id, 'sent')
    assert.equal(await count(gateway), 2)
    assert.equal(relay.received.length, 2)
  }))

test('a key outlives the process', async () => {
  const folder = newFolder()
  try {
    const before = await waypost(config(), folder)
    const first = await before.post('/v1/messages', mail, keyed('across'))
    await before.until(first.body.id, 'sent')
    await before.stop()
    const gateway = await waypost(config(), folder)
    try {
      const again = await gateway.post('/v1/messages', mail, keyed('across'))
      assert.deepEqual([again.status, again.body], [202, first.body])
      assert.equal(again.headers.get('idempotency-replayed'), 'true')
      assert.equal((await gateway.post('/v1/messages', { ...mail, text: '' }, keyed('across'))).status, 422)
      assert.equal(await count(gateway), 1)
      assert.equal(relay.received.length, 1)
    } finally {
      await gateway.stop()
    }
  } finally {
    remove(folder)
  }
})

test('by SMTP: the same key and mail again is queued as the first; another mail is refused', () =>
  withWaypost(config(), async (gateway) => {
    const letter = (text: string) =>
      `From: ann@example.com\r\nTo: bob@example.org\r\nSubject: Order\r\nX-Waypost-Idempotency-Key: smtp-17\r\n\r\n${text}\r\n`
    const client = await SmtpClient.hello(gateway.smtpPort)
    try {
      const first = await client.send(letter('Thank you.'))
      assert.match(first, /^250 2\.0\.0 queued as msg_/)
      await gateway.until(first.match(/msg_\w+/)![0], 'sent')
      assert.equal(await client.send(letter('Thank you.')), first)
      assert.match(await client.send(letter('Or not.')), /^550 5\.5\.0 /)
      const elsewhere = await client.send(letter('Thank you.'), 'a@x.test', ['somebody@else.test'])
      assert.match(elsewhere, /^550 5\.5\.0 /, 'the envelope is part of what was asked')
    } finally {
      client.end()
    }
    assert.equal(await count(gateway), 1)
    assert.equal(relay.received.length, 1)
    assert.doesNotMatch(relay.received[0]!.raw.toString(), /idempotency/i)
  }))

test('a crash that swallows the answer: the client asks again, and it is one message', async () => {
  const folder = newFolder()
  let gateway = await waypostProcess(config(), folder)
  try {
    for (const [round, swallowed] of ['taken', 'written', 'written'].entries()) {
      const to = `bob${round}@example.org`
      const body = JSON.stringify({ ...mail, to })
      const { hostname, port } = new URL(gateway.url)
      const socket = connect(Number(port), hostname)
      await once(socket, 'connect')
      socket.on('error', () => {})
      const head = `POST /v1/messages HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nIdempotency-Key: crash-${round}`
      await new Promise((done) => socket.write(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`, done))
      // Once the relay has it, it was certainly committed; right after writing, it may be or not.
      if (swallowed === 'taken') await relay.until(({ received }) => received.some((one) => one.to.includes(to)))
      await gateway.kill()
      socket.destroy()
      gateway = await waypostProcess(config(), folder)
      const again = await gateway.post('/v1/messages', body, keyed(`crash-${round}`))
      assert.equal(again.status, 202)
      if (swallowed === 'taken') assert.equal(again.headers.get('idempotency-replayed'), 'true')
      const { status } = await gateway.until(again.body.id, 'sent', 'held')
      const found = (await gateway.get(`/v1/messages?recipient=${to}`)).body.messages
      assert.deepEqual(
        found.map(({ id }: { id: string }) => id),
        [again.body.id],
      )
      // Killed after the attempt was recorded and before it was made, it is held without ever having left.
      const copies = relay.received.filter((one) => one.to.includes(to)).length
      assert.ok(copies === 1 || (copies === 0 && status === 'held'), `${copies} copies, ${status}`)
    }
  } finally {
    await gateway.stop()
    remove(folder)
  }
})
