/** What a vendor tells later: into the timeline, the status and the suppression list, once, and from nobody else. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import type { FakeVendor } from '../support/fake-vendors/vendor.ts'
import { eventually, type Waypost, withWaypost } from '../support/waypost.ts'

const secret = `whsec_${Buffer.from('the secret of this webhook').toString('base64')}`
const mail = { from: 'me@example.com', to: 'ann@example.org', subject: 'Hi', text: 'Hi.' }

let vendor: FakeVendor
before(async () => {
  vendor = await fakeResend()
})
after(() => vendor.close())

const config = (more = '') => `
providers:
  main: { adapter: resend, apiKey: ${resendKey}, baseUrl: "${vendor.url}", webhookSecret: ${secret}, timeout: 1s }
  quiet: { adapter: resend, apiKey: ${resendKey}, baseUrl: "${vendor.url}" }
routes:
  - { name: default, use: main }
types: { patient: { onUnknown: hold } }
${more}`

let serial = 0
/** A call as the vendor makes it. */
async function tell(gateway: Waypost, event: object, { key = `evt_${++serial}`, by = secret, provider = 'main' } = {}) {
  const body = JSON.stringify({ created_at: new Date().toISOString(), ...event })
  const now = new Date()
  const headers = {
    'content-type': 'application/json',
    'svix-id': key,
    'svix-timestamp': String(Math.floor(now.getTime() / 1000)),
    'svix-signature': new Webhook(by).sign(key, now, body),
  }
  return fetch(`${gateway.url}/hooks/${provider}`, { method: 'POST', headers, body })
}

const about = (id: string | null, type: string, more: object = {}) => ({
  type,
  data: { email_id: 'v-1', to: ['ann@example.org'], ...(id === null ? {} : { tags: { waypost: id } }), ...more },
})

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
const timeline = (message: any) => message.events.map(({ type }: { type: string }) => type)

test('a bounce in the words of a known block suppresses nobody, and suspends the vendor there', () =>
  withWaypost(
    config('shaping: [{ name: block, when: { reply: S3140 }, suspend: [host], for: 1h }]'),
    async (gateway) => {
      const id = await gateway.send(mail)
      await gateway.until(id, 'sent')
      const words = 'Messages from [192.0.2.1] are not taken (S3140)'
      await tell(gateway, about(id, 'email.bounced', { bounce: { type: 'Permanent', message: words } }))
      const { body: message } = await gateway.get(`/v1/messages/${id}`)
      assert.equal(message.recipients[0].status, 'bounced')
      assert.deepEqual((await gateway.get('/v1/suppressions')).body.suppressions, [])
      const [shaped] = await eventually(async () => {
        const { shaped } = (await gateway.get('/v1/providers')).body.providers[0]
        return shaped.length > 0 && shaped
      }, 'it is suspended')
      assert.deepEqual([shaped.rule, shaped.host, shaped.tenant], ['block', 'example.org', null])
    },
  ))

test('delivered, opened, complained: each once, and the address gets no more mail', () =>
  withWaypost(config(), async (gateway) => {
    const id = await gateway.send(mail)
    await gateway.until(id, 'sent')
    assert.equal((await tell(gateway, about(id, 'email.delivered'), { key: 'one' })).status, 200)
    assert.equal((await tell(gateway, about(id, 'email.delivered'), { key: 'one' })).status, 200)
    await tell(gateway, about(id, 'email.sent'))
    await tell(gateway, about(id, 'email.opened'))
    await tell(gateway, about(id, 'email.complained'))
    const { body: message } = await gateway.get(`/v1/messages/${id}`)
    assert.equal(message.recipients[0].status, 'complained')
    assert.deepEqual(timeline(message), ['accepted', 'sent', 'delivered', 'opened', 'complained', 'suppressed'])
    const { body: entry } = await gateway.get('/v1/suppressions/ann@example.org')
    assert.deepEqual([entry.reason, entry.source, entry.type], ['complaint', 'main', null])
    const next = await gateway.send(mail)
    await gateway.until(next, 'suppressed')
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    assert.match(metrics, /waypost_hook_events_total\{provider="main",result="fresh"\} 4/)
    assert.match(metrics, /waypost_hook_events_total\{provider="main",result="known"\} 1/)
  }))

test('only a mailbox that does not exist is suppressed', () =>
  withWaypost(config(), async (gateway) => {
    const id = await gateway.send(mail)
    await gateway.until(id, 'sent')
    await tell(gateway, about(id, 'email.bounced', { bounce: { type: 'Transient', message: 'mailbox full' } }))
    const { body: message } = await gateway.get(`/v1/messages/${id}`)
    assert.equal(message.recipients[0].status, 'bounced')
    assert.equal(message.events.at(-1).detail, 'soft bounce: mailbox full')
    assert.equal((await gateway.get('/v1/suppressions/ann@example.org')).status, 404)
    await tell(gateway, about(id, 'email.bounced', { bounce: { type: 'Permanent', message: 'no such user' } }))
    assert.equal((await gateway.get('/v1/suppressions/ann@example.org')).body.reason, 'bounce')
  }))

test('an event that comes before the vendor’s answer stands', () =>
  withWaypost(config(), async (gateway) => {
    vendor.next({ hang: true, taken: true })
    const before = vendor.taken.length
    const id = await gateway.send({ ...mail, type: 'patient' })
    await eventually(() => vendor.taken.length > before, 'the vendor has it')
    await tell(gateway, about(id, 'email.delivered'))
    const message = await gateway.until(id, 'delivered')
    assert.equal(message.status, 'sent')
    // The answer that never came is on record, and changes nothing any more.
    await eventually(async () => {
      const { body } = await gateway.get(`/v1/messages/${id}`)
      return body.recipients[0].attempts[0].outcome === 'unknown' && body
    }, 'the attempt ends')
    assert.equal((await gateway.get(`/v1/messages/${id}`)).body.recipients[0].status, 'delivered')
    assert.equal(vendor.taken.length, before + 1)
  }))

test('an event about mail that is not known waits until it is', () =>
  withWaypost(config(), async (gateway) => {
    const id = await gateway.send(mail)
    const { recipients } = await gateway.until(id, 'sent')
    const told = { email_id: recipients[0].providerMessageId }
    // The vendor did not bring our id along: its own is looked for.
    await tell(gateway, about(null, 'email.delivered', told))
    await gateway.until(id, 'delivered')
    assert.equal((await tell(gateway, about(null, 'email.delivered', { email_id: 'nobodys' }))).status, 200)
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    assert.match(metrics, /waypost_hook_events_total\{provider="main",result="parked"\} 1/)
  }))

test('nobody else is believed', () =>
  withWaypost(config(), async (gateway) => {
    const id = await gateway.send(mail)
    await gateway.until(id, 'sent')
    const bounced = about(id, 'email.bounced', { bounce: { type: 'Permanent' } })
    const by = `whsec_${Buffer.from('a guess').toString('base64')}`
    assert.equal((await tell(gateway, bounced, { by })).status, 401)
    const unsigned = { method: 'POST', body: JSON.stringify(bounced) }
    assert.equal((await fetch(`${gateway.url}/hooks/main`, unsigned)).status, 401)
    assert.equal((await tell(gateway, bounced, { provider: 'quiet' })).status, 401)
    assert.equal((await tell(gateway, bounced, { provider: 'nobody' })).status, 404)
    assert.equal((await fetch(`${gateway.url}/hooks/main`, { method: 'PUT' })).status, 405)
    assert.equal((await fetch(`${gateway.url}/hooks/main`)).status, 200)
    const large = await fetch(`${gateway.url}/hooks/main`, { method: 'POST', body: 'x'.repeat(9_000_000) })
    assert.equal(large.status, 413)
    const { body: message } = await gateway.get(`/v1/messages/${id}`)
    assert.deepEqual([message.recipients[0].status, timeline(message)], ['sent', ['accepted', 'sent']])
    const { body } = await gateway.get('/v1/providers')
    const hooks = body.providers.map(({ name, hook }: { name: string; hook: object }) => [name, hook])
    assert.deepEqual(hooks, [
      ['main', { path: '/hooks/main', secretInAddress: false, missing: [], setup: hooks[0][1].setup }],
      ['quiet', { path: '/hooks/quiet', secretInAddress: false, missing: ['webhookSecret'], setup: hooks[0][1].setup }],
    ])
  }))
