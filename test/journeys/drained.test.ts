/** A drained provider: nothing new goes there, and what waits to be tried there again need not, where somebody else can take it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { eventually, withWaypost } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hello', text: 'Hi.' }

let busy: FakeMx
let other: FakeMx
before(async () => {
  // Greylisted: the recipient is to be tried again, and by the schedule that is in an hour.
  busy = await fakeMx({ on: { rcpt: '450 4.2.1 try again later' } })
  other = await fakeMx()
})
after(() => Promise.all([busy.close(), other.close()]))

const config = (use: string) => `
retry: { first: 1h, max: 1h }
providers:
  busy: { adapter: smtp, host: 127.0.0.1, port: ${busy.port}, tls: none }
  other: { adapter: smtp, host: 127.0.0.1, port: ${other.port}, tls: none }
routes:
  - { name: default, use: ${use} }
`

test('what it deferred moves on at once; pinned mail waits for it', () =>
  withWaypost(config('{ first: [busy, other] }'), async (gateway) => {
    const id = await gateway.send(mail)
    const pinned = await gateway.send({ ...mail, provider: 'busy' })
    for (const one of [id, pinned]) await gateway.until(one, 'deferred')
    assert.equal((await gateway.post('/v1/providers/busy/drain', {})).status, 200)
    const message = await gateway.until(id, 'sent')
    assert.equal(message.recipients[0].provider, 'other')
    const waits = await eventually(async () => {
      const { body } = await gateway.get(`/v1/messages/${pinned}`)
      return /drained by an operator/.test(body.events.at(-1).detail) && body
    }, 'pinned mail says what it waits for')
    assert.deepEqual([waits.recipients[0].status, waits.recipients[0].attempts.length], ['deferred', 1])
    const { rejected } = (await gateway.post('/v1/explain', mail)).body
    assert.deepEqual(rejected, [{ provider: 'busy', reason: 'drained by an operator' }])
  }))

test('mail that waited for a drained provider goes as soon as it is resumed', () =>
  withWaypost(config('other'), async (gateway) => {
    await gateway.post('/v1/providers/other/drain', {})
    const id = await gateway.send(mail)
    await gateway.until(id, 'deferred')
    await gateway.post('/v1/providers/other/resume', {})
    await gateway.until(id, 'sent')
  }))
