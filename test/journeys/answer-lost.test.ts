/** The vendor took the mail and its answer was lost. Sent again only where the type's contract says so. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { type FakePostmark, fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import type { FakeVendor } from '../support/fake-vendors/vendor.ts'
import { withWaypost } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Invoice', text: 'Please pay.' }

let postmark: FakePostmark
let resend: FakeVendor
let relay: FakeMx

before(async () => {
  postmark = await fakePostmark()
  resend = await fakeResend()
  relay = await fakeMx({ on: { dot: { next: 'close' } } })
})
beforeEach(() => {
  for (const vendor of [postmark, resend]) {
    vendor.always(null)
    vendor.taken.length = 0
  }
  relay.received.length = 0
})
after(() => Promise.all([postmark.close(), resend.close(), relay.close()]))

const config = (first: string) => `
retry: { first: 200ms, max: 1s }
providers:
  postmark: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${postmark.url}", timeout: 1s }
  resend: { adapter: resend, apiKey: ${resendKey}, baseUrl: "${resend.url}", timeout: 1s }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, timeout: 2s }
  inbox: { adapter: inbox }
routes:
  - { name: default, use: { first: [${first}, inbox] } }
`

test('a type that holds: held, and nobody else gets it', () =>
  withWaypost(config('relay'), async (gateway) => {
    const id = await gateway.send({ ...mail, type: 'marketing' })
    const message = await gateway.until(id, 'held')
    assert.equal(message.status, 'held')
    assert.deepEqual(
      message.recipients[0].attempts.map((attempt: { outcome: string }) => attempt.outcome),
      ['unknown'],
    )
    assert.equal(relay.received.length, 1)
    const { events } = (await gateway.get(`/v1/messages/${id}/events`)).body
    assert.match(events.find((event: { type: string }) => event.type === 'held').detail, /relay may have taken it/)
  }))

test('held mail goes on its way when an operator releases it', () =>
  withWaypost(config('relay'), async (gateway) => {
    const id = await gateway.send({ ...mail, type: 'marketing' })
    await gateway.until(id, 'held')
    relay.received.length = 0
    assert.equal((await gateway.post(`/v1/messages/${id}/release`, {})).status, 200)
    await gateway.until(id, 'held')
    assert.ok(relay.received.length >= 1)
  }))

test('a code would rather be sent twice than late: the next provider gets it', () =>
  withWaypost(config('relay'), async (gateway) => {
    const id = await gateway.send({ ...mail, type: 'otp' })
    const message = await gateway.until(id, 'sent')
    assert.equal(message.recipients[0].provider, 'inbox')
    assert.equal(relay.received.length, 1)
  }))

test('a vendor that can be asked is asked, and what it took is not sent again', () =>
  withWaypost(config('postmark'), async (gateway) => {
    postmark.next({ taken: true, hang: true })
    const id = await gateway.send(mail)
    const message = await gateway.until(id, 'sent')
    assert.equal(message.recipients[0].provider, 'postmark')
    assert.equal(message.recipients[0].providerMessageId, postmark.taken[0]!.id)
    assert.equal(postmark.taken.length, 1)
  }))

test('a vendor that honours idempotency keys is sent the same key again, and takes it once', () =>
  withWaypost(config('resend'), async (gateway) => {
    resend.next({ taken: true, reset: 'after-body' })
    const id = await gateway.send(mail)
    const message = await gateway.until(id, 'sent')
    assert.equal(message.recipients[0].provider, 'resend')
    assert.equal(resend.taken.length, 1)
    assert.deepEqual(
      message.recipients[0].attempts.map((attempt: { outcome: string }) => attempt.outcome),
      ['unknown', 'accepted'],
    )
  }))
