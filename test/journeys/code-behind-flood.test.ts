/** A thousand newsletters hang at a vendor that does not answer; codes that come after them pass them all, there too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeSendgrid, sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import type { FakeVendor } from '../support/fake-vendors/vendor.ts'
import { eventually, remove, type Waypost, waypost } from '../support/waypost.ts'

const waiting = (gateway: Waypost) =>
  gateway.get('/metrics').then(({ body }) => Number(/queue_deliveries\{priority="low"\} (\d+)/.exec(body)![1]))

const code = { from: 'login@example.com', to: 'bob@example.org', subject: 'Your code', text: '1234', type: 'otp' }

/** Hands the newsletters in; all the slots that such may have are taken once as many calls hang, and no more come. */
async function flood(gateway: Waypost, slow: FakeVendor): Promise<void> {
  const newsletter = { from: 'news@example.com', subject: 'News', text: 'None.', type: 'marketing' }
  const messages = Array.from({ length: 1000 }, (_, number) => ({ ...newsletter, to: `p${number}@example.org` }))
  const batch = await gateway.post('/v1/messages/batch', { messages })
  assert.ok(batch.body.messages.every((one: { id?: string }) => one.id))
  await eventually(() => slow.calls >= 120, 'newsletters hang in every slot they may have')
}

test('the code is sent while every newsletter still hangs or waits', async () => {
  const slow = await fakePostmark()
  const other = await fakeSendgrid()
  slow.always({ hang: true })
  const gateway = await waypost(`
providers:
  slow: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${slow.url}", timeout: 1h }
  other: { adapter: sendgrid, apiKey: ${sendgridKey}, baseUrl: "${other.url}" }
routes:
  - { name: codes, when: { type: otp }, use: other }
  - { name: default, use: slow }
`)
  try {
    await flood(gateway, slow)
    for (const id of [await gateway.send(code), await gateway.send(code)]) {
      const { recipients } = await gateway.until(id, 'sent')
      assert.deepEqual([recipients[0].provider, recipients[0].attempts.length], ['other', 1])
    }
    assert.equal(await waiting(gateway), 1000, 'no newsletter has ended')
    assert.equal(slow.calls, 120)
    assert.deepEqual([slow.taken.length, other.taken.length], [0, 2])
  } finally {
    // What hangs is let go, so that stopping need not wait for it.
    await slow.close()
    await gateway.stop()
    await other.close()
    remove(gateway.folder)
  }
})

test('at the very vendor where newsletters hang, a code waits neither for them nor for other codes', async () => {
  const slow = await fakePostmark()
  slow.always({ hang: true })
  const gateway = await waypost(`
providers:
  slow: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${slow.url}", timeout: 1h, limits: { inFlight: 200 } }
routes:
  - { name: default, use: slow }
`)
  try {
    await flood(gateway, slow)
    for (let sent = 0; sent < 80; sent++) await gateway.send(code)
    await eventually(() => slow.calls >= 200, 'codes reach the vendor from every other slot')
    assert.equal(slow.calls, 200)
  } finally {
    await slow.close()
    await gateway.stop()
    remove(gateway.folder)
  }
})
