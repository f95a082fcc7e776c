/** A part of the mail is copied into the inbox: the original goes as it would, and nobody else hears of the copy. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { fakeMx } from '../support/fake-mx.ts'
import { eventually, withWaypost } from '../support/waypost.ts'

const hash = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`
const as = (key: string) => ({ authorization: `Bearer ${key}` })

test('the copy is kept for who may see it, with the content of the original, and sent to nobody', async (t) => {
  const relay = await fakeMx()
  t.after(() => relay.close())
  const config = `
keys:
  - { hash: "${hash('acme-key')}", tenant: acme, scopes: [send, read] }
  - { hash: "${hash('ops-key')}", tenant: ops, scopes: [read] }
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
  sandbox: { adapter: inbox }
types: { newsletter: {} }
routes:
  - { name: newsletters, when: { type: newsletter }, use: relay, mirror: { to: sandbox, share: 100%, tenant: ops } }
  - { name: default, use: relay }
`
  await withWaypost(config, async (gateway) => {
    const list = async (key: string) =>
      (await (await fetch(`${gateway.url}/v1/messages`, { headers: as(key) })).json()).messages
    // More than is kept with its message, so that it is copied in pieces.
    const text = 'A long letter. '.repeat(10_000)
    const mail = { from: 'ann@example.com', to: ['bob@example.org', 'carl@example.org'], subject: 'News', text }
    const id = await gateway.send({ ...mail, type: 'newsletter', metadata: { issue: '7' } }, as('acme-key'))
    await gateway.send(mail, as('acme-key'))
    const copy = await eventually(async () => {
      const [copy] = await list('ops-key')
      return copy?.status === 'sent' && copy
    }, 'the copy is kept')
    assert.deepEqual(copy.metadata, { issue: '7', mirrorOf: id })
    assert.deepEqual(
      copy.recipients.map(({ provider }: { provider: string }) => provider),
      ['sandbox', 'sandbox'],
    )
    const raw = await (await fetch(`${gateway.url}/v1/messages/${copy.id}/raw`, { headers: as('ops-key') })).text()
    assert.ok(raw.replace(/=\r?\n/g, '').includes('A long letter. A long letter.'))
    await eventually(
      async () => (await list('acme-key')).every(({ status }: { status: string }) => status === 'sent'),
      'both went',
    )
    assert.equal((await list('acme-key')).length, 2, 'the tenant sees its own two')
    assert.equal((await list('ops-key')).length, 1, 'what no mirrored rule takes is not copied')
    assert.equal(relay.received.length, 2)
  })
})
