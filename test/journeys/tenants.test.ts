/** Two tenants on one gateway: neither learns that the other's messages exist, and each key does what it may and no more. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { SmtpClient } from '../support/smtp-client.ts'
import { remove, type Waypost, waypost } from '../support/waypost.ts'

const keys = {
  acme: 'wp_live_acme',
  globex: 'wp_live_globex',
  sender: 'wp_live_sender',
  reader: 'wp_live_reader',
}
type Who = keyof typeof keys

const entry = (who: Who, tenant: string, scopes: string, from = '') => {
  const hash = createHash('sha256').update(keys[who]).digest('hex')
  return `  - { hash: "sha256:${hash}", tenant: ${tenant}, scopes: [${scopes}]${from} }`
}

let gateway: Waypost
before(async () => {
  gateway = await waypost(`
keys:
${entry('acme', 'acme', 'send, read, route, manage', ', from: [acme.test]')}
${entry('globex', 'globex', 'send, read', ', from: [globex.test]')}
${entry('sender', 'acme', 'send')}
${entry('reader', 'acme', 'read')}
providers: { inbox: { adapter: inbox } }
routes: [{ name: default, use: inbox }]
`)
})
after(async () => {
  await gateway.stop()
  remove(gateway.folder)
})

const bearer = (who: Who) => ({ authorization: `Bearer ${keys[who]}` })

async function ask(who: Who | null, method: string, path: string) {
  const response = await fetch(gateway.url + path, { method, headers: who ? bearer(who) : {} })
  return { status: response.status, body: await response.text() }
}

const letter = (from: string) => ({ from: `Ann <${from}>`, to: 'bob@example.org', subject: 'Hello', text: 'Hi.' })
const send = (who: Who, from: string, headers = {}, more = {}) =>
  gateway.post('/v1/messages', { ...letter(from), ...more }, { ...bearer(who), ...headers })

/** Every endpoint with a message's id in its path, as the reference lists them. */
async function endpoints(): Promise<[method: string, path: string][]> {
  const { paths } = (await gateway.get('/openapi.json')).body as { paths: Record<string, Record<string, unknown>> }
  return Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/messages/{id}'))
    .flatMap(([path, methods]) => Object.keys(methods).map((method): [string, string] => [method.toUpperCase(), path]))
}

test('another tenant’s message is answered as one that does not exist, wherever an id can be asked', async () => {
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString()
  const { id } = (await send('acme', 'ann@acme.test', {}, { sendAt: inAnHour })).body
  const nobodys = id.replace(/.{6}$/, '000000')
  const all = await endpoints()
  assert.ok(all.length >= 7, JSON.stringify(all))
  for (const [method, path] of all) {
    const at = (one: string) => path.replace('{id}', one)
    const theirs = await ask('globex', method, at(id))
    assert.equal(theirs.status, 404, `${method} ${path}`)
    assert.deepEqual(theirs, await ask('globex', method, at(nobodys)), `${method} ${path}`)
    assert.equal((await ask(null, method, at(id))).status, 401, `${method} ${path}`)
  }
  const own = await gateway.post(`/v1/messages/${id}/cancel`, {}, bearer('acme'))
  assert.equal(own.status, 200, 'nobody had canceled it')
})

test('lists and events show a tenant its own only', async () => {
  const acmes = (await send('acme', 'ann@acme.test')).body.id
  const globexs = (await send('globex', 'ann@globex.test')).body.id
  for (const path of ['/v1/messages', '/v1/messages?recipient=bob@example.org', '/v1/events']) {
    const seen = (await ask('globex', 'GET', path)).body
    assert.ok(seen.includes(globexs) && !seen.includes(acmes), path)
  }
  const more = (await ask('acme', 'GET', '/v1/events?limit=1')).body
  const cursor = JSON.parse(more).next
  assert.ok(
    !(await ask('globex', 'GET', `/v1/events?cursor=${cursor}`)).body.includes(acmes),
    'nor by another’s cursor',
  )
})

test('one idempotency key of two tenants is two keys', async () => {
  const key = { 'idempotency-key': 'order-17' }
  const [acmes, globexs] = [await send('acme', 'ann@acme.test', key), await send('globex', 'ann@globex.test', key)]
  assert.deepEqual([acmes.status, globexs.status], [202, 202])
  assert.notEqual(acmes.body.id, globexs.body.id)
  assert.equal(globexs.headers.get('idempotency-replayed'), null)
})

test('a key sends from its domains only: the header From and the envelope, over HTTP and SMTP', async () => {
  assert.equal((await send('globex', 'ann@acme.test')).status, 403)
  assert.equal((await send('globex', 'ann@sub.globex.test')).status, 403)
  assert.equal((await send('globex', 'ann@GLOBEX.test')).status, 202)
  const raw = await gateway.post(
    '/v1/messages?from=bounce@acme.test&to=bob@example.org',
    'From: ann@globex.test\r\n\r\nHi.\r\n',
    { ...bearer('globex'), 'content-type': 'message/rfc822' },
  )
  assert.equal(raw.status, 403)

  const client = await SmtpClient.hello(gateway.smtpPort)
  try {
    assert.match(await client.say('MAIL FROM:<ann@globex.test>'), /^530 5\.7\.0 /)
    const login = (key: string) => client.say(`AUTH PLAIN ${Buffer.from(`\0any\0${key}`).toString('base64')}`)
    assert.match(await login('wp_live_wrong'), /^535 5\.7\.8 /)
    assert.match(await login(keys.globex), /^235 /)
    assert.match(await client.say('MAIL FROM:<ann@acme.test>'), /^550 5\.7\.1 /)
    const forged = 'From: ann@acme.test\r\nSubject: Hello\r\n\r\nHi.\r\n'
    assert.match(await client.send(forged, 'ann@globex.test', ['bob@example.org']), /^550 5\.7\.1 /)
    const good = await client.send(forged.replace('acme', 'globex'), 'ann@globex.test', ['bob@example.org'])
    const id = good.match(/^250 2\.0\.0 queued as (msg_\w+)$/)![1]
    assert.equal((await ask('globex', 'GET', `/v1/messages/${id}`)).status, 200)
    assert.equal((await ask('acme', 'GET', `/v1/messages/${id}`)).status, 404)
  } finally {
    client.end()
  }
})

test('a key does what its scopes say', async () => {
  const { id } = (await send('sender', 'ann@acme.test')).body
  assert.equal((await ask('sender', 'GET', `/v1/messages/${id}`)).status, 403)
  assert.equal((await ask('reader', 'GET', `/v1/messages/${id}`)).status, 200)
  assert.equal((await send('reader', 'ann@acme.test')).status, 403)
  assert.equal((await ask('reader', 'POST', `/v1/messages/${id}/cancel`)).status, 403)
  assert.equal((await send('sender', 'ann@acme.test', {}, { provider: 'inbox' })).status, 403)
  assert.equal((await send('acme', 'ann@acme.test', {}, { provider: 'inbox' })).status, 202)
  assert.equal((await ask('sender', 'GET', '/v1/providers')).status, 403)
  for (const what of ['drain', 'resume']) {
    assert.equal((await ask('reader', 'POST', `/v1/providers/inbox/${what}`)).status, 403)
    assert.equal((await ask('acme', 'POST', `/v1/providers/inbox/${what}`)).status, 200)
  }
  for (const path of ['/', '/messages', '/providers']) {
    const response = await fetch(gateway.url + path, { redirect: 'manual' })
    assert.notEqual(response.status, 200, `${path} is shown to nobody without a key`)
  }
})
