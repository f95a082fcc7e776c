import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { remove, type Waypost, waypost } from '../support/waypost.ts'

/** Whose each key is, and what it may do. */
const keys = {
  acme: { tenant: 'acme', scopes: 'read, manage' },
  bolt: { tenant: 'bolt', scopes: 'read, manage' },
  reader: { tenant: 'acme', scopes: 'read' },
  manager: { tenant: 'acme', scopes: 'manage' },
  sender: { tenant: 'acme', scopes: 'send' },
}
type Who = keyof typeof keys

const keyLines = Object.entries(keys).map(([who, { tenant, scopes }]) => {
  const hash = createHash('sha256').update(`wp_live_${who}`).digest('hex')
  return `  - { hash: "sha256:${hash}", tenant: ${tenant}, scopes: [${scopes}] }`
})

let gateway: Waypost
before(async () => {
  gateway = await waypost(`
keys:
${keyLines.join('\n')}
providers: { inbox: { adapter: inbox } }
routes: [{ name: default, use: inbox }]
`)
})
after(async () => {
  await gateway.stop()
  remove(gateway.folder)
})

async function ask(who: Who, method: string, path = '', more: { body?: string; type?: string } = {}) {
  const { body, type = 'application/json' } = more
  const headers = { authorization: `Bearer wp_live_${who}`, ...(body === undefined ? {} : { 'content-type': type }) }
  const response = await fetch(`${gateway.url}/v1/suppressions${path}`, { method, headers, body: body ?? null })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

const emails = (page: { body: { suppressions: { email: string }[] } }) => page.body.suppressions.map((one) => one.email)

describe('PUT /v1/suppressions/{email}', () => {
  it('suppresses every case of an address, and replaces what was said of it before', async () => {
    const first = await ask('acme', 'PUT', '/Ann@EXÄMPLE.org')
    assert.equal(first.status, 201)
    const { at, ...said } = first.body
    assert.deepEqual(said, { email: 'ann@xn--exmple-cua.org', type: null, reason: 'manual', source: 'api' })
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000)
    const second = await ask('acme', 'PUT', '/ANN@exämple.ORG', { body: '{"reason":"complaint"}' })
    assert.deepEqual([second.status, second.body.reason], [200, 'complaint'])
    assert.deepEqual((await ask('acme', 'GET', '/aNN@exämple.org')).body, second.body)
    assert.equal((await ask('acme', 'PUT', '/empty@y.test', { body: '{}' })).body.reason, 'manual')
  })

  it('takes every address that mail can have', async () => {
    for (const email of [
      "o'neil+tag/x@y.test",
      'a%40b@y.test',
      'a%2fb@y.test',
      'q?x#y=z&w@y.test',
      'é@y.test',
      '+1@y.test',
    ]) {
      assert.equal((await ask('acme', 'PUT', `/${encodeURIComponent(email)}`)).body.email, email)
      assert.equal((await ask('acme', 'GET', `/${encodeURIComponent(email)}`)).body.email, email)
      assert.equal((await ask('acme', 'DELETE', `/${encodeURIComponent(email)}`)).status, 204)
    }
  })

  it('refuses what is no address, or no reason', async () => {
    for (const email of [
      'ann',
      '@y.test',
      'ann@localhost',
      'a b@y.test',
      'Ann <ann@y.test>',
      'a@y.test,b@y.test',
      '\0@y.test',
    ]) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const { status, body } = await ask('acme', method, `/${encodeURIComponent(email)}`)
        assert.deepEqual([status, body.code, body.errors[0].pointer], [422, 'invalid_address', '/email'], email)
      }
    }
    for (const [body, status, pointer] of [
      ['{"reason":"spite"}', 422, '/reason'],
      ['{"reason":null}', 422, '/reason'],
      ['{"source":""}', 422, '/source'],
      ['{"type":"nonsense"}', 422, '/type'],
      ['{"at":"yesterday"}', 422, '/at'],
      ['{"__proto__":{}}', 422, '/__proto__'],
      ['[]', 422, ''],
      ['{', 400, undefined],
      [`{"reason":"${'x'.repeat(2000)}"}`, 413, undefined],
    ] as const) {
      const refused = await ask('acme', 'PUT', '/bad@y.test', { body })
      assert.deepEqual([refused.status, refused.body.errors?.[0].pointer], [status, pointer], body)
    }
    assert.equal((await ask('acme', 'PUT', '/bad@y.test', { body: '{}', type: 'text/plain' })).status, 415)
    assert.equal((await ask('acme', 'GET', '/bad@y.test')).status, 404)
  })
})

describe('DELETE /v1/suppressions/{email}', () => {
  it('lifts it, once', async () => {
    await ask('acme', 'PUT', '/once@y.test')
    assert.deepEqual(await ask('acme', 'DELETE', '/ONCE@y.test'), { status: 204, body: null })
    const again = await ask('acme', 'DELETE', '/once@y.test')
    assert.deepEqual([again.status, again.body.code], [404, 'not_found'])
    assert.equal((await ask('acme', 'GET', '/once@y.test')).status, 404)
  })
})

describe('GET /v1/suppressions', () => {
  it('lists in pages, by reason', async () => {
    for (const name of ['c', 'a', 'e', 'b', 'd']) {
      await ask('bolt', 'PUT', `/${name}@y.test`, { body: `{"reason":"${name < 'c' ? 'bounce' : 'unsubscribe'}"}` })
    }
    const first = await ask('bolt', 'GET', '?limit=3')
    assert.deepEqual(emails(first), ['a@y.test', 'b@y.test', 'c@y.test'])
    const second = await ask('bolt', 'GET', `?limit=3&cursor=${first.body.next}`)
    assert.deepEqual([emails(second), second.body.next], [['d@y.test', 'e@y.test'], null])
    assert.deepEqual(emails(await ask('bolt', 'GET', '?reason=bounce')), ['a@y.test', 'b@y.test'])
    assert.deepEqual(Object.keys(first.body.suppressions[0]), ['email', 'type', 'reason', 'source', 'at'])
  })

  it('refuses a cursor that is not ours, and what it does not know', async () => {
    for (const cursor of ['x', 'MS4y', "' OR 1=1--"]) {
      const { status, body } = await ask('acme', 'GET', `?cursor=${encodeURIComponent(cursor)}`)
      assert.deepEqual([status, body.code], [400, 'malformed'])
    }
    for (const query of ['reason=spite', 'limit=201', 'tenant=bolt']) {
      assert.equal((await ask('acme', 'GET', `?${query}`)).status, 422, query)
    }
  })
})

it('suppressions are the tenant’s own', async () => {
  await ask('acme', 'PUT', '/mine@y.test')
  assert.equal((await ask('bolt', 'GET', '/mine@y.test')).status, 404)
  assert.equal((await ask('bolt', 'DELETE', '/mine@y.test')).status, 404)
  assert.ok(!emails(await ask('bolt', 'GET')).includes('mine@y.test'))
  assert.equal((await ask('acme', 'GET', '/mine@y.test')).status, 200)
})

it('reading takes scope read, changing takes manage', async () => {
  const may = async (who: Who, method: string, path: string) => (await ask(who, method, path)).status !== 403
  const answers: Partial<Record<Who, boolean[]>> = {}
  for (const who of ['reader', 'manager', 'sender'] as const) {
    answers[who] = [
      await may(who, 'GET', ''),
      await may(who, 'GET', '/s@y.test'),
      await may(who, 'PUT', '/s@y.test'),
      await may(who, 'DELETE', '/s@y.test'),
    ]
  }
  assert.deepEqual(answers, {
    reader: [true, true, false, false],
    manager: [false, false, true, true],
    sender: [false, false, false, false],
  })
  assert.equal((await fetch(`${gateway.url}/v1/suppressions`)).status, 401)
})
