import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import type { HookCall } from '../../src/mail/webhook.ts'
import { httpCarrier } from '../../src/send/http.ts'
import azure from './azure-acs.ts'
import { handoff, inWords, jsonCall } from './fixture.ts'

const noFetch = async () => {
  throw new TypeError('there is nothing to be fetched')
}
const options = azure.adapter.options.parse(azure.options('https://api.example.com'))

test('tells what became of an answer that was lost', async () => {
  const vendor = await azure.vendor()
  const carrier = httpCarrier()
  const options = azure.adapter.options.parse(azure.options(vendor.url))
  const asked = handoff()
  assert.equal(await carrier.reconcile(azure.adapter, asked, options), 'absent')
  vendor.next({ reset: 'after-body', taken: true })
  const way = azure.adapter.send as HttpExchange<unknown>
  assert.equal(inWords((await carrier.send(way, asked, options)).get('ann@example.com')), 'unknown')
  const found = await carrier.reconcile(azure.adapter, asked, options)
  assert.ok(found instanceof Map)
  assert.equal(inWords(found.get('bob@example.com')), `accepted ${vendor.taken[0]!.id}`)
  // Called again all the same, it does not take it twice.
  assert.equal(inWords((await carrier.send(way, asked, options)).get('ann@example.com')), 'unknown')
  assert.equal(vendor.taken.length, 1)
  vendor.next({ reply: { status: 500, body: 'oops' } })
  assert.equal(await carrier.reconcile(azure.adapter, asked, options), null)
  const failed = { id: 'op', status: 'Failed', error: { code: 'EmailDroppedAllRecipientsSuppressed', message: 'No.' } }
  vendor.next({ reply: { status: 200, body: JSON.stringify(failed) } })
  const refused = await carrier.reconcile(azure.adapter, asked, options)
  assert.equal(refused instanceof Map && inWords(refused.get('ann@example.com')), 'rejected/recipient')
  await carrier.close()
  await vendor.close()
})

test('answers Event Grid when it asks whether it may call', async () => {
  const asked = jsonCall([
    { id: '1', eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: '512d38b6' } },
  ])
  const answer = await azure.adapter.webhook!.answer!(asked, options, noFetch)
  assert.deepEqual([answer?.status, answer?.body], [200, '{"validationResponse":"512d38b6"}'])
  assert.equal(await azure.adapter.webhook!.answer!(jsonCall([]), options, noFetch), null)
})

test('answers CloudEvents when they ask whether they may call', async () => {
  const asked = (origin: string): HookCall => ({
    ...jsonCall('', { 'webhook-request-origin': origin }),
    method: 'OPTIONS',
  })
  const answer = (origin: string) => azure.adapter.webhook!.answer!(asked(origin), options, noFetch)
  assert.deepEqual(await answer('eventgrid.azure.net'), {
    status: 200,
    headers: { 'webhook-allowed-origin': 'eventgrid.azure.net' },
  })
  assert.equal((await answer('x\r\nset-cookie: a'))?.status, 400)
})
