/** Recipients of one message that take different roads: each gets it once, and to, cc and bcc stay what they were. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeMx } from '../support/fake-mx.ts'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { withWaypost } from '../support/waypost.ts'

test('by the recipient’s domain, explained before and done after', async () => {
  const vendor = await fakePostmark()
  const relay = await fakeMx()
  const config = `
providers:
  vendor: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${vendor.url}" }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
routes:
  - name: outlook
    when: { recipient.domain: { in: [outlook.com, hotmail.com] } }
    use: { first: [relay, vendor] }
  - name: default
    use: { first: [vendor, relay] }
`
  const mail = {
    from: 'Ann <ann@example.com>',
    to: ['Bob <bob@example.org>', 'olga@outlook.com'],
    cc: 'carl@example.org',
    bcc: ['henry@hotmail.com', 'secret@example.org'],
    subject: 'To all',
    text: 'Hi all.',
  }
  try {
    await withWaypost(config, async (gateway) => {
      const explained = (await gateway.post('/v1/explain', mail)).body
      assert.deepEqual(
        explained.plans.map((plan: { route: string; recipients: string[] }) => [plan.route, plan.recipients]),
        [
          ['default', ['bob@example.org', 'carl@example.org', 'secret@example.org']],
          ['outlook', ['olga@outlook.com', 'henry@hotmail.com']],
        ],
      )
      assert.equal(explained.route, 'default')

      const id = await gateway.send(mail)
      const message = await gateway.until(id, 'sent')
      assert.deepEqual(
        message.recipients.map(({ email, provider }: { email: string; provider: string }) => [email, provider]),
        [
          ['bob@example.org', 'vendor'],
          ['olga@outlook.com', 'relay'],
          ['carl@example.org', 'vendor'],
          ['henry@hotmail.com', 'relay'],
          ['secret@example.org', 'vendor'],
        ],
      )
      const [call] = vendor.taken
      assert.equal(vendor.taken.length, 1)
      assert.deepEqual(
        [call!.fields.To, call!.fields.Cc, call!.fields.Bcc],
        ['Bob <bob@example.org>', 'carl@example.org', 'secret@example.org'],
      )
      assert.equal(relay.received.length, 1)
      assert.deepEqual(relay.received[0]!.to, ['olga@outlook.com', 'henry@hotmail.com'])
      const raw = relay.received[0]!.raw.toString()
      assert.match(raw, /^To: Bob <bob@example\.org>, olga@outlook\.com\r$/m)
      assert.match(raw, /^Cc: carl@example\.org\r$/m)
      assert.doesNotMatch(raw, /secret|henry/)
    })
  } finally {
    await Promise.all([vendor.close(), relay.close()])
  }
})

test('bcc recipients that are left alone at a vendor that mails by headers do not see one another', async () => {
  const vendor = await fakePostmark()
  const relay = await fakeMx()
  const config = `
providers:
  vendor: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${vendor.url}" }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
routes:
  - { name: visible, when: { recipient: bob@example.org }, use: relay }
  - { name: default, use: vendor }
`
  try {
    await withWaypost(config, async (gateway) => {
      const bcc = ['one@example.org', 'two@example.org', 'three@example.org']
      const id = await gateway.send({ from: 'ann@example.com', to: 'bob@example.org', bcc, subject: 'Hi', text: 'Hi.' })
      await gateway.until(id, 'sent')
      assert.equal(vendor.taken.length, 3)
      for (const { recipients, fields } of vendor.taken) {
        assert.equal(recipients.length, 1)
        assert.equal(bcc.filter((email) => JSON.stringify(fields).includes(email)).length, 1)
      }
    })
  } finally {
    await Promise.all([vendor.close(), relay.close()])
  }
})

test('nor when the first provider took the visible one and the next gets the rest', async () => {
  const vendor = await fakePostmark()
  const relay = await fakeMx({ on: { rcpt: (line) => (line.includes('bob@') ? undefined : '451 4.3.0 not now') } })
  const config = `
providers:
  vendor: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${vendor.url}" }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, breaker: { failures: 100 } }
routes:
  - { name: default, use: { first: [relay, vendor] } }
`
  try {
    await withWaypost(config, async (gateway) => {
      const bcc = ['one@example.org', 'two@example.org']
      const id = await gateway.send({ from: 'ann@example.com', to: 'bob@example.org', bcc, subject: 'Hi', text: 'Hi.' })
      await gateway.until(id, 'sent')
      assert.deepEqual(
        relay.received.map(({ to }) => to),
        [['bob@example.org']],
      )
      assert.deepEqual(vendor.taken.map(({ recipients }) => recipients).toSorted(), [
        ['one@example.org'],
        ['two@example.org'],
      ])
    })
  } finally {
    await Promise.all([vendor.close(), relay.close()])
  }
})
