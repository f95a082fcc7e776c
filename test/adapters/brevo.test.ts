import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import { reconcileChecks, suppressionChecks } from '../support/vendor-checks/questions.ts'
import brevo from './brevo.ts'
import { fitting, handoff, hookTime, inWords } from './fixture.ts'

describe('brevo, asked', () => {
  reconcileChecks(brevo)

  suppressionChecks(brevo, (all) => {
    assert.equal(all.length, 150)
    assert.deepEqual(
      all.slice(0, 5).map(({ reason }) => reason),
      ['bounce', 'complaint', 'unsubscribe', 'manual', 'manual'],
    )
    assert.deepEqual(all[149], { email: '149@example.com', reason: 'manual', at: hookTime })
  })

  test('sends to nobody in the sandbox', async () => {
    const options = brevo.adapter.options.parse({ ...brevo.options('https://api.example.com'), sandbox: true })
    const way = brevo.adapter.send as HttpExchange<unknown>
    const { body } = await way.request(handoff(undefined, fitting(brevo)), options)
    assert.equal(JSON.parse(String(body)).headers['X-Sib-Sandbox'], 'drop')
  })

  test('takes no second mail under one key, and so none under a key that it knows', async (t) => {
    const carrier = httpCarrier()
    const vendor = await brevo.vendor()
    t.after(async () => {
      await carrier.close()
      await vendor.close()
    })
    const options = brevo.adapter.options.parse(brevo.options(vendor.url))
    // As the gateway makes it: 64 hexadecimal digits.
    const asked = { ...handoff(undefined, fitting(brevo)), idempotencyKey: 'c0ffee'.repeat(11).slice(0, 64) }
    const send = () => carrier.send(brevo.adapter.send as HttpExchange<unknown>, asked, options)
    assert.match(inWords((await send()).get('ann@example.com')), /^accepted /)
    assert.equal(inWords((await send()).get('ann@example.com')), 'unknown')
    assert.equal(vendor.taken.length, 1)
  })
})
