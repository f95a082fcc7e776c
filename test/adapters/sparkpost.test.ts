import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import { suppressionChecks } from '../support/vendor-checks/questions.ts'
import { handoff, inWords } from './fixture.ts'
import sparkpost from './sparkpost.ts'

test('sparkpost tells what became of an answer that was lost', async () => {
  const carrier = httpCarrier()
  const vendor = await sparkpost.vendor()
  const options = sparkpost.adapter.options.parse(sparkpost.options(vendor.url))
  const asked = handoff()
  assert.equal(await carrier.reconcile(sparkpost.adapter, asked, options), 'absent')
  vendor.next({ reset: 'after-body', taken: true })
  const lost = await carrier.send(sparkpost.adapter.send as HttpExchange<unknown>, asked, options)
  assert.equal(inWords(lost.get('ann@example.com')), 'unknown')
  const found = await carrier.reconcile(sparkpost.adapter, asked, options)
  assert.ok(found instanceof Map)
  assert.equal(inWords(found.get('bob@example.com')), `accepted ${vendor.taken[0]!.id}`)
  vendor.next({ reply: { status: 403, body: '{"errors":[{"message":"Forbidden."}]}' } })
  assert.equal(await carrier.reconcile(sparkpost.adapter, asked, options), null)
  await carrier.close()
  await vendor.close()
})

const at = Date.UTC(2026, 10, 1, 10)

suppressionChecks(sparkpost, [
  { email: 'a@example.com', reason: 'bounce', at },
  { email: 'b@example.com', reason: 'complaint', at },
  { email: 'c@example.com', reason: 'unsubscribe', at },
  { email: 'd@example.com', reason: 'manual', at },
])

test('sparkpost is asked where the account lives', () => {
  const { options, send } = sparkpost.adapter
  const url = (given: object) =>
    (send as HttpExchange<unknown>).request(handoff(['ann@example.com']), options.parse({ apiKey: 'x', ...given }))
  assert.match((url({}) as { url: string }).url, /^https:\/\/api\.sparkpost\.com\/api\/v1\/transmissions\?/)
  assert.match((url({ region: 'eu' }) as { url: string }).url, /^https:\/\/api\.eu\.sparkpost\.com\/api\/v1\//)
  assert.equal(options.safeParse({ apiKey: 'x', region: 'eu', baseUrl: 'https://a.example.com' }).success, false)
})
