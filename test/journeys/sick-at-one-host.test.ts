/** One provider is well and yet deferred by one mailbox host: mail to that host goes by the other, and only that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { waypost as command } from '../cli/running.ts'
import { fakeDns } from '../support/fake-dns.ts'
import { fakeMx } from '../support/fake-mx.ts'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { eventually, type Waypost, withWaypost } from '../support/waypost.ts'

/** Sends one mail and answers by whom it went, with those tried before. */
async function road(gateway: Waypost, to: string): Promise<string[]> {
  const id = await gateway.send({ from: 'me@example.com', to, subject: 'Hi', text: 'Hi.' })
  const message = await gateway.until(id, 'sent', 'delivered')
  return message.recipients[0].attempts.map(({ provider }: { provider: string }) => provider)
}

test('deferred at the door', async (t) => {
  const outlook = await fakeMx({ host: '127.0.0.2', on: { rcpt: '451 4.7.650 the mail server has been rate limited' } })
  const gmail = await fakeMx({ host: '127.0.0.3', port: outlook.port })
  const relay = await fakeMx()
  const mx = (name: string) => ({ MX: [[10, name]] as [number, string][] })
  const dns = await fakeDns({
    ...{ 'outlook.com': mx('mx.outlook.test'), 'gmail.com': mx('mx.gmail.test') },
    ...{ 'mx.outlook.test': { A: ['127.0.0.2'] }, 'mx.gmail.test': { A: ['127.0.0.3'] } },
  })
  t.after(() => Promise.all([outlook.close(), gmail.close(), relay.close(), dns.close()]))
  const own = `adapter: direct, hostname: mail.example.com, port: ${outlook.port}, resolver: ["${dns.server}"], allowPrivate: true`
  const config = `
providers:
  own: { ${own}, dkim: [] }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
routes:
  - { name: default, use: { first: [own, relay] } }
`
  await withWaypost(config, async (gateway) => {
    // Ten by the count, and what fades meanwhile.
    let mails = 0
    await eventually(async () => {
      const tried = await road(gateway, `p${++mails}@outlook.com`)
      assert.equal(tried.at(-1), 'relay')
      return tried.length === 1
    }, 'outlook mail no longer tries the way that outlook defers')
    assert.ok(mails >= 11 && mails < 20, `${mails}`)
    const asked = outlook.sessions.flatMap(({ lines }) => lines).filter((line) => /^RCPT/i.test(line)).length
    assert.deepEqual(await road(gateway, 'someone@hotmail.com'), ['relay'], 'who is behind a domain counts')
    assert.deepEqual(await road(gateway, 'someone@gmail.com'), ['own'])
    assert.equal(outlook.sessions.flatMap(({ lines }) => lines).filter((line) => /^RCPT/i.test(line)).length, asked)

    const plan = (await gateway.post('/v1/explain', { from: 'me@example.com', to: 'x@outlook.com', text: 'Hi.' })).body
    assert.equal(plan.rejected[0].provider, 'own')
    assert.match(plan.rejected[0].reason, /^sick at outlook: 1\d of 1\d deferred or blocked of late$/)
    const [view] = (await gateway.get('/v1/providers')).body.providers
    assert.deepEqual([view.state, view.share, view.hosts.length], ['ready', 1, 1])
    assert.deepEqual([view.hosts[0].host, view.hosts[0].state], ['outlook', 'shut'])
    const { out } = await command(['providers', 'show', 'own', '--url', gateway.url])
    assert.match(out, /^own\tdirect\tready\t.*sick at outlook: 1\d of 1\d deferred or blocked$/m)
    assert.match(out, /^outlook\tshut\t.*\t0\.0%\t0$/m)
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    assert.match(metrics, /^waypost_provider_host_success\{provider="own",host="outlook"\} 0$/m)
    assert.match(metrics, /^waypost_provider_share\{provider="own"\} 1$/m)
    assert.match(metrics, /^waypost_provider_observed\{provider="own"\} 0$/m)
    assert.match(metrics, /^waypost_provider_state\{provider="own",state="returning"\} 0$/m)
    assert.ok(gateway.log.some((line) => line.includes('provider passed over at one mailbox host')))
  })
})

test('taken by the vendor, and told later by its events', async (t) => {
  const vendor = await fakeResend()
  t.after(() => vendor.close())
  const secret = `whsec_${Buffer.from('the secret of this webhook').toString('base64')}`
  const account = `adapter: resend, apiKey: ${resendKey}, baseUrl: "${vendor.url}", webhookSecret: ${secret}`
  const config = `
providers:
  a: { ${account} }
  b: { ${account} }
routes:
  - { name: default, use: { first: [a, b] } }
`
  let serial = 0
  const tell = async (gateway: Waypost, type: string, waypost: string, to: string) => {
    const body = JSON.stringify({
      ...{ type, created_at: new Date().toISOString() },
      data: { email_id: 'v-1', to: [to], tags: { waypost } },
    })
    const key = `evt_${++serial}`
    const at = new Date()
    const headers = {
      'content-type': 'application/json',
      'svix-id': key,
      'svix-timestamp': String(Math.floor(at.getTime() / 1000)),
      'svix-signature': new Webhook(secret).sign(key, at, body),
    }
    const { status } = await fetch(`${gateway.url}/hooks/a`, { method: 'POST', headers, body })
    assert.equal(status, 200)
  }
  await withWaypost(config, async (gateway) => {
    const sent = async (to: string) => {
      const id = await gateway.send({ from: 'me@example.com', to, subject: 'Hi', text: 'Hi.' })
      const message = await gateway.until(id, 'sent')
      return { id, by: message.recipients[0].provider }
    }
    const first = await sent('ann@gmail.com')
    await tell(gateway, 'email.delivered', first.id, 'ann@gmail.com')
    let deferred = 0
    await eventually(async () => {
      const { id, by } = await sent(`p${deferred}@outlook.com`)
      if (by === 'b') return true
      await tell(gateway, 'email.delivery_delayed', id, `p${deferred++}@outlook.com`)
    }, 'outlook mail goes by the other')
    assert.ok(deferred >= 10 && deferred < 15, `${deferred}`)
    assert.equal((await sent('bob@gmail.com')).by, 'a')
    assert.equal((await sent('bob@live.com')).by, 'b')
  })
})
