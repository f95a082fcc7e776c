import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SdkCall } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import { handoff, inWords } from './fixture.ts'
import flowmailer from './flowmailer.ts'

test('flowmailer tells what became of an answer that was lost', async (t) => {
  const carrier = httpCarrier()
  const vendor = await flowmailer.vendor()
  t.after(async () => {
    await carrier.close()
    await vendor.close()
  })
  const options = flowmailer.adapter.options.parse(flowmailer.options(vendor.url))
  const way = flowmailer.adapter.send as SdkCall<unknown>
  const asked = handoff(['ann@example.com'])
  assert.equal(await carrier.reconcile(flowmailer.adapter, asked, options), 'absent')
  vendor.next({ reset: 'after-body', taken: true })
  assert.equal(inWords((await carrier.send(way, asked, options)).get('ann@example.com')), 'unknown')
  // Others of the same message are other calls. Ours stands on the second page of the list then.
  for (const email of ['bob@example.com', 'cleo@example.com']) await carrier.send(way, handoff([email]), options)
  const found = await carrier.reconcile(flowmailer.adapter, asked, options)
  assert.ok(found instanceof Map)
  assert.equal(inWords(found.get('ann@example.com')), `accepted ${vendor.taken[0]!.id}`)
  assert.equal(await carrier.reconcile(flowmailer.adapter, handoff(['dan@example.com']), options), 'absent')
  vendor.next({ reply: { status: 500, body: 'oops' } })
  assert.equal(await carrier.reconcile(flowmailer.adapter, asked, options), null)
})

test('flowmailer picks a flow where the config names one', async (t) => {
  const carrier = httpCarrier()
  const vendor = await flowmailer.vendor()
  t.after(async () => {
    await carrier.close()
    await vendor.close()
  })
  const given = { ...(flowmailer.options(vendor.url) as object), flowSelector: 'ticket' }
  const options = flowmailer.adapter.options.parse(given)
  await carrier.send(flowmailer.adapter.send as SdkCall<unknown>, handoff(['ann@example.com']), options)
  assert.equal(vendor.taken[0]?.fields.flowSelector, 'ticket')
})
