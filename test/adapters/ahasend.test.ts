import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import { suppressionChecks } from '../support/vendor-checks/questions.ts'
import ahasend from './ahasend.ts'
import { handoff, inWords } from './fixture.ts'

test('ahasend answers a repeated call with the first mail, and finds it by our id', async () => {
  const carrier = httpCarrier()
  const vendor = await ahasend.vendor()
  const way = ahasend.adapter.send as HttpExchange<unknown>
  const options = ahasend.adapter.options.parse(ahasend.options(vendor.url))
  const asked = handoff()
  assert.equal(await carrier.reconcile(ahasend.adapter, asked, options), 'absent')
  vendor.next({ reset: 'after-body', taken: true })
  assert.equal(inWords((await carrier.send(way, asked, options)).get('ann@example.com')), 'unknown')
  const more = handoff(['ann@example.com', 'carl@example.com'])
  const found = await carrier.reconcile(ahasend.adapter, more, options)
  assert.ok(found instanceof Map)
  assert.equal(inWords(found.get('ann@example.com')), `accepted ${vendor.taken[0]!.id}`)
  assert.equal(inWords(found.get('carl@example.com')), 'unknown')
  const again = await carrier.send(way, asked, options)
  assert.equal(inWords(again.get('bob@example.com')), `accepted ${vendor.taken[0]!.id}`)
  assert.equal(vendor.taken.length, 1)
  await carrier.close()
  await vendor.close()
})

const at = Date.UTC(2026, 10, 1, 10)

suppressionChecks(ahasend, [
  { email: 'a@example.com', reason: 'bounce', at },
  { email: 'b@example.com', reason: 'complaint', at },
  { email: 'c@example.com', reason: 'unsubscribe', at },
  { email: 'd@example.com', reason: 'manual', at },
])

test('ahasend is told of a sandbox, and of a lone Reply-To in its field', () => {
  const { options, send } = ahasend.adapter
  const asked = handoff(['ann@example.com'])
  assert.ok(asked.content.form === 'parts')
  const content = {
    form: 'parts' as const,
    parts: { ...asked.content.parts, replyTo: [{ email: 'help@example.com' }] },
  }
  const request = (send as HttpExchange<unknown>).request(
    { ...asked, content },
    options.parse({ ...(ahasend.options('https://api.example.com') as object), sandbox: true }),
  ) as { body: string }
  const body = JSON.parse(request.body)
  assert.equal(body.sandbox, true)
  assert.deepEqual(body.reply_to, { email: 'help@example.com' })
  assert.equal(body.headers['Reply-To'], undefined)
})
