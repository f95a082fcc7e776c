/** Straight to the MX first; what that defers twice goes by a relay. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeDns } from '../support/fake-dns.ts'
import { fakeMx } from '../support/fake-mx.ts'
import { withWaypost } from '../support/waypost.ts'

test('two temporary failures at the MX, then the relay; before and after that, explained', async (t) => {
  const busy = await fakeMx({ on: { rcpt: '451 4.7.1 try again later' } })
  const relay = await fakeMx()
  const dns = await fakeDns({
    'example.org': { MX: [[10, 'mx.example.org']] },
    'mx.example.org': { A: ['127.0.0.1'] },
  })
  t.after(() => Promise.all([busy.close(), relay.close(), dns.close()]))
  const config = `
retry: { first: 1ms, max: 1ms }
providers:
  own-mta:
    { adapter: direct, hostname: mail.example.com, port: ${busy.port}, resolver: ["${dns.server}"], allowPrivate: true }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
routes:
  - name: had-its-chance
    when: { any: [{ tries: { gt: 1 } }, { age: { gt: 10m } }] }
    use: relay
  - { name: default, use: own-mta }
`
  await withWaypost(config, async (gateway) => {
    const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hi.' }
    assert.equal((await gateway.post('/v1/explain', mail)).body.route, 'default')
    const [recipient] = (await gateway.until(await gateway.send(mail), 'sent')).recipients
    assert.deepEqual(
      recipient.attempts.map(({ provider, outcome }: { provider: string; outcome: string }) => [provider, outcome]),
      [
        ['own-mta', 'deferred'],
        ['own-mta', 'deferred'],
        ['relay', 'accepted'],
      ],
    )
    assert.equal(relay.received.length, 1)
  })
})
