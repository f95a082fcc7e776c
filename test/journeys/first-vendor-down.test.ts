/** The first vendor is down, in every way a vendor can be; the second gets the mail exactly once. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type FakePostmark, fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeSendgrid, sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import { type Behaviour, type FakeVendor, json } from '../support/fake-vendors/vendor.ts'
import { eventually, withWaypost } from '../support/waypost.ts'

const mail = {
  from: 'Ann <ann@example.com>',
  to: 'bob@example.org',
  subject: 'Hello',
  text: 'Hi Bob.',
  html: '<p>Hi Bob.</p>',
}
const internal: Behaviour = { reply: json(500, { ErrorCode: 500, Message: 'Internal Server Error' }) }

let first: FakePostmark
let second: FakeVendor

before(async () => {
  first = await fakePostmark()
  second = await fakeSendgrid()
})
beforeEach(() => {
  first.always(null)
  first.taken.length = 0
  second.taken.length = 0
})
after(() => Promise.all([first.close(), second.close()]))

const config = (breaker = '{ failures: 100 }', url = first.url) => `
retry: { first: 200ms, max: 1s }
providers:
  first: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${url}", timeout: 1s, breaker: ${breaker} }
  second: { adapter: sendgrid, apiKey: ${sendgridKey}, baseUrl: "${second.url}" }
routes:
  - { name: default, use: { first: [first, second] } }
`

interface Case {
  name: string
  behaviour: Behaviour
  type?: string
  outcome: string
  cause: string | null
}
const html = { 'content-type': 'text/html' }
const cases: Case[] = [
  { name: '500 in its own words', behaviour: internal, outcome: 'deferred', cause: 'provider' },
  {
    name: '429',
    behaviour: { reply: json(429, { ErrorCode: 429, Message: 'Slow down' }, { 'retry-after': '30' }) },
    outcome: 'deferred',
    cause: 'provider',
  },
  {
    name: '401',
    behaviour: { reply: json(401, { ErrorCode: 10, Message: 'Bad token' }) },
    outcome: 'rejected',
    cause: 'account',
  },
  {
    name: '503 in HTML',
    behaviour: { reply: { status: 503, headers: html, body: '<h1>Down</h1>' } },
    outcome: 'deferred',
    cause: 'provider',
  },
  {
    name: '200 in HTML, for a code',
    behaviour: { reply: { status: 200, headers: html, body: '<h1>Hello</h1>' } },
    type: 'otp',
    outcome: 'unknown',
    cause: null,
  },
  { name: 'no answer, for a code', behaviour: { hang: true }, type: 'otp', outcome: 'unknown', cause: null },
  {
    name: 'a reset after the body, for a code',
    behaviour: { reset: 'after-body' },
    type: 'otp',
    outcome: 'unknown',
    cause: null,
  },
]

for (const { name, behaviour, type, outcome, cause } of cases) {
  test(name, () =>
    withWaypost(config(), async (gateway) => {
      first.always(behaviour)
      const id = await gateway.send({ ...mail, ...(type ? { type } : {}) })
      const { recipients } = await gateway.until(id, 'sent')
      assert.equal(recipients[0].provider, 'second')
      const attempts = recipients[0].attempts.map((attempt: Record<string, string | null>) => [
        attempt.provider,
        attempt.outcome,
        attempt.cause,
      ])
      assert.deepEqual(attempts, [
        ['first', outcome, cause],
        ['second', 'accepted', null],
      ])
      assert.equal(second.taken.length, 1)
      assert.equal(first.taken.length, 0)
      const { events } = (await gateway.get(`/v1/messages/${id}/events`)).body
      assert.deepEqual(events.map((event: { type: string }) => event.type).toSorted(), ['accepted', 'failover', 'sent'])
    }),
  )
}

test('refused connections', async () => {
  const closed = await fakePostmark()
  await closed.close()
  await withWaypost(config('{ failures: 100 }', closed.url), async (gateway) => {
    const { recipients } = await gateway.until(await gateway.send(mail), 'sent')
    assert.equal(recipients[0].provider, 'second')
    assert.equal(second.taken.length, 1)
  })
})

test('its breaker opens and spares it the next message; after a while it is asked again and comes back', () =>
  withWaypost(config('{ failures: 2, open: 1s }'), async (gateway) => {
    first.always(internal)
    for (const _ of [1, 2]) await gateway.until(await gateway.send(mail), 'sent')
    const open = (await gateway.get('/v1/providers')).body.providers.find(
      ({ name }: { name: string }) => name === 'first',
    )
    assert.ok(open.state === 'open' || open.state === 'probing', open.state)
    const explained = (await gateway.post('/v1/explain', mail)).body
    if (explained.candidates[0].provider === 'second')
      assert.match(explained.rejected[0].reason, /breaker is open.*500/)
    first.always(null)
    await eventually(async () => {
      const { recipients } = await gateway.until(await gateway.send(mail), 'sent')
      return recipients[0].provider === 'first'
    }, 'the first provider is used again')
  }))
