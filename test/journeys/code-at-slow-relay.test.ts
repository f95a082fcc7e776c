/** Mail queues for a relay that has two connections and takes a second for each; codes that come after it have the next that are free. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeMx } from '../support/fake-mx.ts'
import { remove, waypost } from '../support/waypost.ts'

test('five codes behind three hundred mails are the next that the relay gets', async () => {
  const relay = await fakeMx({ on: { dot: () => ({ say: '250 2.0.0 Ok', after: 1_000 }) } })
  const gateway = await waypost(`
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, connections: 2 }
routes:
  - { name: default, use: relay }
`)
  try {
    const mail = { from: 'shop@example.com', subject: 'Your order', text: 'It is on its way.' }
    const messages = Array.from({ length: 300 }, (_, number) => ({ ...mail, to: `p${number}@example.org` }))
    await gateway.post('/v1/messages/batch', { messages })
    await relay.until(({ received }) => received.length >= 3)
    const code = { from: 'login@example.com', to: 'bob@example.org', subject: 'Your code', text: '1234', type: 'otp' }
    const ids = await Promise.all(Array.from({ length: 5 }, () => gateway.send(code)))
    const before = relay.received.length
    for (const id of ids) {
      const { recipients } = await gateway.until(id, 'sent')
      assert.equal(recipients[0].attempts.length, 1)
    }
    const ahead = relay.received.slice(before).filter(({ from }) => from === 'shop@example.com')
    assert.ok(ahead.length <= 4, `${ahead.length} mails went before the last code was taken`)
    const { body } = await gateway.get('/v1/providers')
    assert.equal(body.providers[0].state, 'ready')
  } finally {
    await relay.close()
    await gateway.stop()
    remove(gateway.folder)
  }
})
