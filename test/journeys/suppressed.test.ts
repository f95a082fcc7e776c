/** A bounce suppresses an address, until somebody lifts it; and one that is suppressed while its mail waits gets none of it. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type Answer, type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { type Waypost, withWaypost } from '../support/waypost.ts'

let relay: FakeMx
/** What the relay says to RCPT; undefined takes it. */
let rcpt: (line: string) => Answer

before(async () => {
  relay = await fakeMx({ on: { rcpt: (line) => rcpt(line) } })
})
beforeEach(() => {
  relay.received.length = 0
  rcpt = () => undefined
})
after(() => relay.close())

const config = () => `
retry: { first: 1h, max: 1h }
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
routes:
  - { name: default, use: relay }
`
const mail = { from: 'me@example.com', subject: 'Hi', text: 'Hi.' }

async function suppression(gateway: Waypost, method: 'PUT' | 'DELETE', email: string): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/suppressions/${email}`, { method })
  assert.ok(response.ok, `${method} ${email}: ${response.status}`)
}

const statuses = (message: { recipients: { email: string; status: string }[] }) =>
  message.recipients.map(({ email, status }) => `${email} ${status}`)
const reached = () => relay.received.flatMap(({ to }) => to).toSorted()

test('a bounce suppresses every case of its address, until it is lifted', () =>
  withWaypost(config(), async (gateway) => {
    rcpt = (line) => (/<ann@/i.test(line) ? '550 5.1.1 no such user' : undefined)
    const bounced = await gateway.send({ ...mail, to: 'Ann@Example.org' })
    await gateway.until(bounced, 'bounced')
    const { body: entry } = await gateway.get('/v1/suppressions/ann@example.org')
    assert.deepEqual([entry.email, entry.reason, entry.source], ['ann@example.org', 'bounce', 'relay'])

    // The mailbox exists by now, and still nothing is tried.
    rcpt = () => undefined
    const { body: next } = await gateway.post('/v1/messages', { ...mail, to: ['aNN@example.ORG', 'bob@example.org'] })
    assert.deepEqual(statuses(next), ['aNN@example.org suppressed', 'bob@example.org queued'])
    await gateway.until(next.id, 'suppressed', 'sent')
    // Nor by hand.
    await gateway.post(`/v1/messages/${bounced}/retry`, '')
    await gateway.until(bounced, 'suppressed')
    assert.deepEqual(reached(), ['bob@example.org'])

    await suppression(gateway, 'DELETE', 'ANN@example.org')
    await gateway.until(await gateway.send({ ...mail, to: 'ann@example.org' }), 'sent')
    assert.deepEqual(reached(), ['ann@example.org', 'bob@example.org'])
  }))

for (const [state, more, answer] of [
  ['scheduled', { sendAt: new Date(Date.now() + 3_600_000).toISOString() }, undefined],
  ['deferred', {}, '450 4.2.1 come back later'],
] as const) {
  test(`who is suppressed while a message is ${state} does not get it; the others do`, () =>
    withWaypost(config(), async (gateway) => {
      rcpt = () => answer
      const id = await gateway.send({ ...mail, ...more, to: ['Ann@example.org', 'bob@example.org'] })
      await gateway.until(id, state)
      await suppression(gateway, 'PUT', 'ann@example.org')
      rcpt = () => undefined
      await gateway.post(`/v1/messages/${id}/retry`, '')
      const message = await gateway.until(id, 'suppressed', 'sent')
      assert.deepEqual(statuses(message), ['Ann@example.org suppressed', 'bob@example.org sent'])
      assert.deepEqual(reached(), ['bob@example.org'])
      const told = message.events.find(({ type }: { type: string }) => type === 'suppressed')
      assert.equal(told.recipient, 'Ann@example.org')
    }))
}
