/** Nobody else is left: the best of those that are shut or sick is used rather than none, and one that is dead is left alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeDns } from '../support/fake-dns.ts'
import { fakeMx } from '../support/fake-mx.ts'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { json } from '../support/fake-vendors/vendor.ts'
import { withWaypost } from '../support/waypost.ts'

const mail = { from: 'me@example.com', to: 'ann@example.org', subject: 'Hi', text: 'Hi.' }
const down = { reply: json(500, { ErrorCode: 500, Message: 'Internal Server Error' }) }

test('one that was good of late is used although its breaker is open, until it is as good as none', async (t) => {
  const vendor = await fakePostmark()
  t.after(() => vendor.close())
  const config = `
retry: { first: 1h, max: 1h }
providers:
  only: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${vendor.url}", breaker: { failures: 3, open: 10m } }
routes:
  - { name: default, use: only }
`
  await withWaypost(config, async (gateway) => {
    const send = async () => gateway.until(await gateway.send(mail), 'sent', 'deferred')
    for (let count = 0; count < 20; count++) assert.equal((await send()).status, 'sent')
    vendor.always(down)
    for (let count = 0; count < 3; count++) await send()
    const [view] = (await gateway.get('/v1/providers')).body.providers
    assert.deepEqual([view.state, view.share], ['open', 0])
    vendor.always(null)
    const message = await send()
    assert.equal(message.status, 'sent')
    const plan = (await gateway.get(`/v1/messages/${message.id}/explain`)).body
    assert.match(
      plan.candidates[0].reasons.at(-1),
      /^nobody else is left, and it is better than none: its breaker is open/,
    )
    vendor.always(down)
    const before = vendor.calls
    for (let count = 0; count < 40; count++) await send()
    const made = vendor.calls - before
    assert.ok(made > 5 && made < 20, `${made} of 40`)
    const explained = (await gateway.post('/v1/explain', mail)).body
    assert.deepEqual([explained.candidates, explained.rejected.length], [[], 1])
  })
})

test('sick at a host, with nobody else for it: mail goes on by its schedule', async (t) => {
  const mx = await fakeMx({ host: '127.0.0.2', on: { rcpt: '451 4.7.650 the mail server has been rate limited' } })
  const dns = await fakeDns({
    'outlook.com': { MX: [[10, 'mx.outlook.test']] },
    'mx.outlook.test': { A: ['127.0.0.2'] },
  })
  t.after(() => Promise.all([mx.close(), dns.close()]))
  const config = `
retry: { first: 1h, max: 1h }
providers:
  own: { adapter: direct, hostname: mail.example.com, port: ${mx.port}, resolver: ["${dns.server}"], allowPrivate: true, dkim: [] }
routes:
  - { name: default, use: own }
`
  await withWaypost(config, async (gateway) => {
    const send = async () => gateway.until(await gateway.send({ ...mail, to: 'ann@outlook.com' }), 'deferred')
    for (let count = 0; count < 14; count++) await send()
    const [view] = (await gateway.get('/v1/providers')).body.providers
    assert.equal(view.hosts[0].host, 'outlook')
    const message = await send()
    assert.equal(message.recipients[0].attempts.length, 1)
    assert.match(message.events.at(-1).detail, /rate limited; next try/)
  })
})
