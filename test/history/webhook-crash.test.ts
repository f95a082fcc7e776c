/** kill -9 while a vendor tells us something: whatever was not answered is told again, and in the end it is known once. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { newFolder, remove, waypost, waypostProcess } from '../support/waypost.ts'

const secret = `whsec_${Buffer.from('the secret of this webhook').toString('base64')}`

/** As the vendor does it: the very same event, signed anew each time. */
function tell(url: string, id: string): Promise<Response> {
  const body = JSON.stringify({
    type: 'email.complained',
    created_at: '2026-11-25T12:00:00.000Z',
    data: { email_id: 'v-1', to: ['ann@example.org'], tags: { waypost: id } },
  })
  const now = new Date()
  const headers = {
    'svix-id': 'evt_1',
    'svix-timestamp': String(Math.floor(now.getTime() / 1000)),
    'svix-signature': new Webhook(secret).sign('evt_1', now, body),
  }
  return fetch(`${url}/hooks/main`, { method: 'POST', headers, body })
}

for (const [point, known] of [
  ['in-webhook', false],
  ['after-webhook', true],
] as const) {
  test(`killed ${point}`, async (t) => {
    const vendor = await fakeResend()
    const folder = newFolder()
    t.after(async () => {
      await vendor.close()
      remove(folder)
    })
    const config = `
providers:
  main: { adapter: resend, apiKey: ${resendKey}, baseUrl: "${vendor.url}", webhookSecret: ${secret} }
routes: [{ name: default, use: main }]
`
    const dying = await waypostProcess(config, folder, { preload: 'crash-at.ts', env: { TEST_CRASH_AT: `${point}:1` } })
    const closed = once(dying.process, 'close')
    const id = await dying.send({ from: 'me@example.com', to: 'ann@example.org', subject: 'Hi', text: 'Hi.' })
    await dying.until(id, 'sent')
    await assert.rejects(tell(dying.url, id))
    await closed
    assert.equal(dying.process.signalCode, 'SIGKILL')
    assert.ok(dying.log.includes(`killed ${point}`), dying.log.join('\n'))

    const next = await waypost(config, folder)
    t.after(() => next.stop())
    const before = (await next.get(`/v1/messages/${id}`)).body
    assert.equal(before.recipients[0].status, known ? 'complained' : 'sent')
    assert.equal((await tell(next.url, id)).status, 200)
    const after = (await next.get(`/v1/messages/${id}`)).body
    const types = after.events.map(({ type }: { type: string }) => type)
    assert.deepEqual(types, ['accepted', 'sent', 'complained', 'suppressed'])
    assert.equal((await next.get('/v1/suppressions/ann@example.org')).body.reason, 'complaint')
  })
}
