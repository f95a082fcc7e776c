/** What an operator must hear of is in the log, in the figures, and at the operator's address, once. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { fakePostmark } from '../support/fake-vendors/postmark.ts'
import { eventually, withWaypost } from '../support/waypost.ts'

test('a refused credential: its breaker opens, mail waits, and each is told once', async () => {
  const vendor = await fakePostmark()
  const heard: { kind: string; provider?: string; detail: string; at: string }[] = []
  const operator = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    heard.push(JSON.parse(body))
    response.end()
  }).listen(0, '127.0.0.1')
  await once(operator, 'listening')
  const config = `
alerts: { url: "http://127.0.0.1:${(operator.address() as AddressInfo).port}/alerts" }
providers:
  vendor: { adapter: postmark, serverToken: not-the-token, baseUrl: "${vendor.url}" }
routes:
  - { name: default, use: vendor }
`
  try {
    await withWaypost(config, async (gateway) => {
      const mail = { from: 'ann@example.com', subject: 'Hello', text: 'Hi.' }
      for (const to of ['a@example.org', 'b@example.org', 'c@example.org']) {
        await gateway.until(await gateway.send({ ...mail, to }), 'deferred')
      }
      await eventually(() => heard.length >= 3, 'all are posted')
      assert.deepEqual(heard.map(({ kind, provider }) => [kind, provider]).toSorted(), [
        ['breaker opened', 'vendor'],
        ['credentials refused', 'vendor'],
        ['no provider left', undefined],
      ])
      for (const { at, detail } of heard) {
        assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000)
        assert.ok(!detail.includes('not-the-token'))
      }
      const logged = gateway.log.map((line) => JSON.parse(line)).filter(({ alert }) => alert)
      assert.deepEqual([logged.length, logged[0].level], [3, 40])
      const figures = (await gateway.get('/metrics')).body as string
      assert.match(figures, /waypost_alerts_total\{kind="breaker opened",provider="vendor"\} 1/)
      assert.match(figures, /waypost_alerts_total\{kind="no provider left",provider=""\} 1/)
      assert.match(figures, /waypost_unknown_held 0/)
    })
  } finally {
    operator.close()
    operator.closeAllConnections()
    await vendor.close()
  }
})
