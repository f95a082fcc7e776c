import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Hono } from 'hono'
import type { LimitView } from '../../src/mail/provider.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { gateway, inboxProvider, move } from './gateway.ts'

test('a message leads to the rules that routed it, for who may manage', async () => {
  const { app, add, keys } = gateway()
  const id = add({ attempts: [{}] })
  const [, link] = / href="(\/policies\/[^"]+)"/.exec(await (await app.request(`/messages/${id}`)).text()) ?? []
  const answer = await app.request(link!)
  const text = await answer.text()
  assert.equal(answer.status, 200)
  assert.match(text, /<pre class="letter"><bdi>routes:\n {2}- name: &lt;b&gt;\n<\/bdi><\/pre>/)
  assert.equal((await app.request('/policies/none')).status, 404)
  keys.reader = { tenant: '', scopes: ['read'] }
  assert.notEqual((await app.request(link!)).status, 200)
})

describe('every page', () => {
  test('forbids whatever it does not need', async () => {
    const { app, add } = gateway()
    const id = add()
    for (const path of [
      '/',
      '/inbox',
      `/inbox/${id}`,
      '/messages',
      `/messages/${id}`,
      '/providers',
      '/policies/4f2a9c61d0b7',
      '/policies/none',
      '/messages/msg_0',
      '/assets/waypost.css',
      '/assets/waypost.js',
    ]) {
      const { headers } = await app.request(path)
      const policy = headers.get('content-security-policy') ?? ''
      assert.match(policy, /^default-src 'none'; style-src 'self'; script-src 'self';/, path)
      assert.match(policy, /frame-ancestors 'none'; base-uri 'none'; form-action 'self'$/)
      assert.doesNotMatch(policy, /unsafe|\*/)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('referrer-policy'), 'same-origin')
      assert.equal(headers.get('x-frame-options'), 'DENY')
    }
  })

  test('has nothing inline, one heading, and a language', async () => {
    const { app, add } = gateway()
    const id = add({ attempts: [{}], events: [{}] })
    for (const path of ['/', `/inbox/${id}`, '/messages', `/messages/${id}`, '/providers', '/messages/msg_0']) {
      const text = await (await app.request(path)).text()
      assert.doesNotMatch(text, / style=| on\w+=|<style|<script(?! src="\/assets\/waypost\.js" defer><\/script>)/, path)
      assert.equal(text.match(/<h1/g)?.length, 1, path)
      assert.match(text, /<html lang="en">/)
      assert.doesNotMatch(text, /\[object |undefined|NaN/, path)
    }
  })

  test('keeps to its own paths: what is mounted beside it is not touched', async () => {
    const { app } = gateway()
    const house = new Hono()
    house.route('/', app)
    house.get('/v1/messages', (c) => c.json({}))
    house.post('/messages/send', (c) => c.json({}))
    house.notFound((c) => c.json({ title: 'elsewhere' }, 404))
    for (const [path, init] of [
      ['/v1/messages', {}],
      ['/messages/send', { method: 'POST' }],
      ['/nowhere', {}],
    ] as const) {
      const answer = await house.request(path, init)
      assert.equal(answer.headers.get('content-security-policy'), null, path)
      assert.match(answer.headers.get('content-type') ?? '', /json/)
    }
  })
})

test('the first page tells a newcomer what to do', async () => {
  const open = await (await gateway().app.request('http://127.0.0.1:8025/')).text()
  assert.match(open, /curl http:\/\/127\.0\.0\.1:8025\/v1\/messages/)
  assert.doesNotMatch(open, /Authorization/)
  assert.match(open, /127\.0\.0\.1:2525/)
})

test('without a provider that keeps mail here, the first page is the list of messages', async () => {
  const { app } = gateway({ providers: [{ ...inboxProvider, name: 'main', adapter: 'postmark' }] })
  const answer = await app.request('/')
  assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/messages'])
  const { app: none } = gateway({ providers: [] })
  assert.match(await (await none.request('/providers')).text(), /No provider yet/)
})

describe('the providers', () => {
  test('are shown with their health, and drained and resumed', async () => {
    const { app } = gateway({
      providers: [
        {
          ...inboxProvider,
          name: 'a/b',
          adapter: 'smtp',
          state: 'open',
          openUntil: Date.parse('2026-11-25T21:30:20Z'),
          reason: '<b>503</b>',
        },
        {
          ...inboxProvider,
          name: 'main',
          success: 0.9987,
          latencyMs: 184,
          sentToday: 12_345,
          perDay: 20_000,
          costPerThousand: 1.25,
          month: { spent: 1_016.2, forecast: 3_048.6, freeLeft: 2_700 },
          state: 'returning',
          share: 0.25,
          hosts: [
            {
              ...{ host: '<i>look', state: 'shut', until: Date.parse('2026-11-25T21:32:00Z') },
              ...{ bad: 14, of: 20, success: 0.3, repeats: 1 },
            },
          ],
        },
        { ...inboxProvider, name: 'watched', observed: 'probing' },
        {
          ...inboxProvider,
          name: 'new',
          limits: [
            { host: '<u>host', per: 'hour', used: 490, limit: 500 },
            { host: null, per: 'month', used: 1_000, limit: 90_000 },
          ],
          warmup: [{ host: 'gmail', day: 2, used: 120, limit: 280, paused: true }],
        },
      ],
    })
    const text = await (await app.request('/providers')).text()
    for (const shown of [
      'next probe',
      'in 20 s',
      '&lt;b&gt;503',
      '99.8 %',
      '184 ms',
      '12,345',
      'of 20,000',
      '1.25',
      '1,016.20',
      'about 3,048.60',
      '2,700 still free',
    ])
      assert.ok(text.includes(shown), shown)
    for (const shown of ['25.0 % of mail is back', '&lt;i&gt;look', ': 14 of 20 deferred', 'only observed: probing'])
      assert.ok(text.includes(shown), shown)
    assert.match(text, /490 of 500 this hour at <b><bdi>&lt;u&gt;host/)
    assert.ok(!text.includes('90,000'), 'only what is nearly used up')
    assert.match(text, /warming up at <b><bdi>gmail<\/bdi><\/b>, day 2: 120 of 280, paused by bad signs/)
    const post = (path: string) => app.request(path, { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } })
    assert.equal((await post('/providers/a%2Fb/drain')).headers.get('location'), '/providers?done=drain')
    assert.match(await (await app.request('/providers?done=drain')).text(), /takes nothing new[\s\S]*draining/)
    await post('/providers/a%2Fb/resume')
    assert.doesNotMatch(await (await app.request('/providers')).text(), /draining/)
    assert.equal((await post('/providers/nobody/drain')).status, 404)
  })
})

test('limits of types and tenants stand under the providers, for those who manage', async () => {
  const limits: LimitView[] = [
    { of: 'tenant', name: 'acme', host: null, per: 'hour', used: 1_490, limit: 1_500 },
    { of: 'provider', name: 'relay', host: null, per: 'day', used: 7_777, limit: 9_999 },
  ]
  const { app, keys } = gateway({ limits })
  const text = await (await app.request('/providers')).text()
  assert.match(text, /<b><bdi>acme<\/bdi><\/b> <span class="soft">tenant, an hour<\/span>[\s\S]*1,490[\s\S]*of 1,500/)
  assert.doesNotMatch(text, /7,777/, 'that of a provider stands with it')
  keys.reader = { tenant: 'acme', scopes: ['read'] }
  const headers = { cookie: await readerCookie(app) }
  const read = await (await app.request('/providers', { headers })).text()
  assert.match(read, /<h1>Providers/)
  assert.doesNotMatch(read, /1,490/)
})

test('moves stand under the providers, and one that went back is restarted', async () => {
  const reason = '6 complaints of 1200 mails'
  const { app } = gateway({
    moves: [{ ...move, rule: '<news>', state: 'reverted', share: 0, revertsAt: null, reason }],
  })
  const text = await (await app.request('/providers')).text()
  for (const shown of ['&lt;news&gt;', 'reverted', '6 complaints of 1200', '12,345', 'Restart'])
    assert.ok(text.includes(shown), shown)
  const headers = { 'sec-fetch-site': 'same-origin' }
  const post = (path: string) => app.request(path, { method: 'POST', headers })
  assert.equal((await post('/moves/%3Cnews%3E/restart')).headers.get('location'), '/providers?done=restart')
  const after = await (await app.request('/providers?done=restart')).text()
  assert.match(after, /begins again[\s\S]*moving/)
  assert.doesNotMatch(after, /Restart/)
  assert.equal((await post('/moves/nobody/restart')).status, 404)
  assert.doesNotMatch(await (await gateway().app.request('/providers')).text(), /Moves/)
})

test('a store that cannot be read is said, not shown', async () => {
  const { app, breakStore } = gateway()
  breakStore(new StoreUnavailable('disk at /secret/path'))
  const answer = await app.request('/messages')
  assert.equal(answer.status, 503)
  assert.doesNotMatch(await answer.text(), /secret/)
})

test('whoever manages the gateway sees that the config file cannot be used', async () => {
  const { app, asked, keys } = gateway()
  const shown = async (headers: Record<string, string> = {}) => (await app.request('/providers', { headers })).text()
  assert.doesNotMatch(await shown(), /stays in force/)
  asked.configProblem = 'waypost.yaml:3:1  <b>: unknown key\nwaypost.yaml:4:1  x: unknown key'
  assert.match(
    await shown(),
    /stays in force[\s\S]*waypost\.yaml:3:1 {2}&lt;b&gt;: unknown key[\s\S]*waypost\.yaml:4:1/,
  )
  keys.reader = { tenant: 'acme', scopes: ['read'] }
  const page = await shown({ cookie: await readerCookie(app) })
  assert.match(page, /<h1>Providers/)
  assert.doesNotMatch(page, /stays in force/)
})

/** What the browser of somebody with the key `reader` sends. */
async function readerCookie(app: Hono): Promise<string> {
  const login = await app.request('/login', {
    method: 'POST',
    headers: { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ key: 'reader' }),
  })
  return login.headers.get('set-cookie')?.split(';')[0] ?? ''
}
