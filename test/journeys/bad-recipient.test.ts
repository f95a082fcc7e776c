/** One bad recipient of many: it bounces, is suppressed, and touches nobody else and no breaker. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { type FakePostmark, fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { withWaypost } from '../support/waypost.ts'

let postmark: FakePostmark
let relay: FakeMx

before(async () => {
  postmark = await fakePostmark()
  relay = await fakeMx({
    on: {
      rcpt: (line) =>
        line.includes('nobody@')
          ? '550 5.1.1 no such user'
          : line.includes('full@')
            ? '450 4.2.2 mailbox full'
            : undefined,
    },
  })
})
after(() => Promise.all([postmark.close(), relay.close()]))

const config = (use: string) => `
retry: { first: 60s, max: 60s }
providers:
  postmark: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${postmark.url}", breaker: { failures: 1 } }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, breaker: { failures: 1 } }
routes:
  - { name: default, use: { first: [${use}] } }
`
const statuses = (message: { recipients: { email: string; status: string }[] }) =>
  Object.fromEntries(message.recipients.map(({ email, status }) => [email, status]))

test('at a relay each recipient has an answer of its own', () =>
  withWaypost(config('relay'), async (gateway) => {
    const to = ['ann@example.org', 'nobody@example.org', 'full@example.org', 'bob@example.org']
    const id = await gateway.send({ from: 'me@example.com', to, subject: 'Hi', text: 'Hi.' })
    const message = await gateway.until(id, 'sent', 'bounced', 'deferred')
    assert.deepEqual(statuses(message), {
      'ann@example.org': 'sent',
      'nobody@example.org': 'bounced',
      'full@example.org': 'deferred',
      'bob@example.org': 'sent',
    })
    assert.deepEqual(
      relay.received.map(({ to }) => to),
      [['ann@example.org', 'bob@example.org']],
    )
    assert.equal((await gateway.get('/v1/providers')).body.providers[1].state, 'ready')

    const again = await gateway.post('/v1/messages', {
      from: 'me@example.com',
      to: 'Nobody@example.org',
      subject: 'Hi',
      text: 'Hi.',
    })
    assert.equal(again.body.recipients[0].status, 'suppressed')
    assert.equal(again.body.status, 'failed')
  }))

test('at a vendor that refuses the whole call, the others are sent without it', () =>
  withWaypost(config('postmark'), async (gateway) => {
    const to = ['ann@example.org', 'bad@example.org', 'bob@example.org']
    const id = await gateway.send({ from: 'me@example.com', to, subject: 'Hi', text: 'Hi.' })
    const message = await gateway.until(id, 'sent', 'bounced')
    assert.deepEqual(statuses(message), {
      'ann@example.org': 'sent',
      'bad@example.org': 'bounced',
      'bob@example.org': 'sent',
    })
    assert.deepEqual(postmark.taken.flatMap(({ recipients }) => recipients).toSorted(), [
      'ann@example.org',
      'bob@example.org',
    ])
    assert.equal((await gateway.get('/v1/providers')).body.providers[0].state, 'ready')
  }))

test('a recipient that is inactive at the vendor does not stop the others', () =>
  withWaypost(config('postmark'), async (gateway) => {
    postmark.taken.length = 0
    postmark.inactive.add('gone@example.org')
    const id = await gateway.send({
      from: 'me@example.com',
      to: 'ann@example.org',
      bcc: 'gone@example.org',
      subject: 'Hi',
      text: 'Hi.',
    })
    const message = await gateway.until(id, 'sent', 'bounced')
    assert.deepEqual(statuses(message), { 'ann@example.org': 'sent', 'gone@example.org': 'bounced' })
    assert.equal(postmark.taken.length, 1)
  }))
