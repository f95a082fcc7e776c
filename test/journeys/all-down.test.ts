/** Every provider is down: mail is taken in, waits, and all of it is delivered once one is back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeSendgrid, sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import { json } from '../support/fake-vendors/vendor.ts'
import { withWaypost } from '../support/waypost.ts'

test('all down, then all delivered, once each', async () => {
  const first = await fakePostmark()
  const second = await fakeSendgrid()
  first.always({ reply: json(503, { ErrorCode: 100, Message: 'Maintenance' }) })
  second.always({ reply: json(500, { errors: [{ message: 'Internal', field: null, help: null }] }) })
  const config = `
retry: { first: 200ms, max: 400ms }
providers:
  first: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${first.url}", breaker: { failures: 3, open: 500ms } }
  second: { adapter: sendgrid, apiKey: ${sendgridKey}, baseUrl: "${second.url}", breaker: { failures: 3, open: 500ms } }
routes:
  - { name: default, use: { first: [first, second] } }
`
  try {
    await withWaypost(config, async (gateway) => {
      const ids = await Promise.all(
        Array.from({ length: 30 }, (_, number) =>
          gateway.send({ from: 'me@example.com', to: `p${number}@example.org`, subject: `No ${number}`, text: 'Hi.' }),
        ),
      )
      await Promise.all(ids.map((id) => gateway.until(id, 'deferred', 'sending', 'queued')))
      const calls = first.calls + second.calls
      assert.ok(calls > 0)
      second.always(null)
      const messages = await Promise.all(ids.map((id) => gateway.until(id, 'sent')))
      assert.ok(messages.every(({ recipients }) => recipients[0].provider === 'second'))
      assert.deepEqual(
        second.taken.flatMap(({ recipients }) => recipients).toSorted(),
        ids.map((_, number) => `p${number}@example.org`).toSorted(),
      )
      assert.equal(first.taken.length, 0)
    })
  } finally {
    await Promise.all([first.close(), second.close()])
  }
})
