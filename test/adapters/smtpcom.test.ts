import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import { handoff, inWords, jsonCall } from './fixture.ts'
import smtpcom from './smtpcom.ts'

test('smtpcom tells what became of an answer that was lost, to those of that call', async (t) => {
  const carrier = httpCarrier()
  const vendor = await smtpcom.vendor()
  t.after(async () => {
    await carrier.close()
    await vendor.close()
  })
  const options = smtpcom.adapter.options.parse(smtpcom.options(vendor.url))
  const asked = handoff(['ann@example.com'])
  assert.equal(await carrier.reconcile(smtpcom.adapter, asked, options), 'absent')
  vendor.next({ reset: 'after-body', taken: true })
  const lost = await carrier.send(smtpcom.adapter.send as HttpExchange<unknown>, asked, options)
  assert.equal(inWords(lost.get('ann@example.com')), 'unknown')
  // Others of the same message are another call, of which nothing is known.
  assert.equal(await carrier.reconcile(smtpcom.adapter, handoff(['bob@example.com']), options), 'absent')
  // It stands on the second page.
  for (let other = 0; other < 100; other++) vendor.taken.push({ ...vendor.taken[0]!, fields: { unique_args: {} } })
  const found = await carrier.reconcile(smtpcom.adapter, asked, options)
  assert.ok(found instanceof Map)
  assert.equal(inWords(found.get('ann@example.com')), `accepted ${vendor.taken[0]!.id}`)
  vendor.next({ reply: { status: 500, body: 'oops' } })
  assert.equal(await carrier.reconcile(smtpcom.adapter, asked, options), null)
})

test('smtpcom: the event that a callback was set up for stands in its address', () => {
  const { read } = smtpcom.adapter.webhook!
  const options = smtpcom.adapter.options.parse(smtpcom.options('https://api.example.com'))
  const bounced = [{ id: '1', tracking_id: 't-1', resp_code: 550, resp_msg: 'no' }]
  const [hard] = read(jsonCall(bounced, {}, '?event=hard_bounced'), options)
  assert.deepEqual([hard?.type, hard?.bounce], ['bounced', 'hard'])
  assert.deepEqual(read(jsonCall(bounced), options), [])
})
