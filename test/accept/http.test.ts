import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { type Key, type Scope, scopes } from '../../src/accept/auth.ts'
import { Refusal } from '../../src/accept/refusals.ts'
import { StoreFull, StoreUnavailable } from '../../src/store/store.ts'
import { inMemory, plain, plan } from './in-memory.ts'

function key(secret: string, tenant: string, allowed: readonly Scope[] = scopes): Key {
  return { hash: createHash('sha256').update(secret).digest('hex'), tenant, scopes: allowed, from: [] }
}

async function problem(response: Response, status: number, code: string) {
  assert.equal(response.status, status)
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const body = (await response.json()) as Record<string, unknown>
  assert.equal(body.code, code)
  assert.equal(body.status, status)
  assert.equal(body.type, `urn:waypost:${code}`)
  assert.ok(body.title && body.detail)
  return body as { detail: string; errors?: { pointer: string; detail: string }[] }
}

describe('POST /v1/messages', () => {
  it('answers 202 with the id and every recipient', async () => {
    const { ask, submissions } = inMemory()
    const response = await ask('/v1/messages', {
      json: { ...plain, cc: [{ email: 'cy@example.net', name: 'Cy' }], bcc: ['dee@example.net'] },
    })
    assert.equal(response.status, 202)
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    const body = (await response.json()) as { id: string }
    assert.match(body.id, /^msg_[0-9a-z]{26}$/)
    assert.deepEqual(body, {
      id: body.id,
      status: 'queued',
      recipients: ['bob', 'cy', 'dee'].map((name) => ({ email: `${name}@example.net`, status: 'queued' })),
    })
    assert.equal(response.headers.get('location'), `/v1/messages/${body.id}`)
    assert.equal(submissions[0]?.via, 'http')
  })

  it('asks for JSON in UTF-8 as it is', async () => {
    const { ask } = inMemory()
    const body = JSON.stringify(plain)
    for (const headers of [
      {},
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/json; charset=utf-16' },
      { 'content-type': 'multipart/form-data; boundary=x' },
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      { 'content-type': 'application/json', 'content-encoding': 'br' },
    ]) {
      await problem(
        await ask('/v1/messages', { method: 'POST', body: Buffer.from(body), headers: headers as HeadersInit }),
        415,
        'media_type',
      )
    }
    for (const type of ['application/json', 'Application/JSON; charset="UTF-8"']) {
      const response = await ask('/v1/messages', { method: 'POST', body, headers: { 'content-type': type } })
      assert.equal(response.status, 202)
    }
  })

  it('answers 400 to what is no JSON, and 422 to JSON of another kind', async () => {
    const { ask, bugs } = inMemory()
    const post = (body: string | Uint8Array<ArrayBuffer>) =>
      ask('/v1/messages', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    for (const body of [
      '',
      '{',
      '{"to":NaN}',
      "{'to':1}",
      '{"a":1}x',
      '['.repeat(30_000) + ']'.repeat(30_000),
      '['.repeat(400_000),
      `{"text":"\\"${'['.repeat(40)}","html":${'['.repeat(40)}${']'.repeat(40)}}`,
      new Uint8Array([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]),
    ]) {
      await problem(await post(body), 400, 'malformed')
    }
    for (const body of ['null', '[]', '"x"', '1', '1e400', '-0', '[[]]', '{}']) {
      await problem(await post(body), 422, 'invalid')
    }
    assert.equal((await post(JSON.stringify({ ...plain, text: '[{'.repeat(100) }))).status, 202, 'brackets in text')
    assert.deepEqual(bugs, [])
  })

  it('takes the last of a key that comes twice, and no __proto__', async () => {
    const { ask, submissions } = inMemory()
    const post = (body: string) =>
      ask('/v1/messages', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    await post('{"from":"a@x.example","to":"b@x.example","to":"c@x.example","text":""}')
    assert.deepEqual(submissions[0]?.recipients, [{ email: 'c@x.example' }])
    for (const key of ['__proto__', 'constructor', 'toString', 'tenantId']) {
      const body = await problem(
        await post(`{"from":"a@x.example","to":"b@x.example","text":"","${key}":{"admin":true}}`),
        422,
        'invalid',
      )
      assert.deepEqual(body.errors, [{ pointer: `/${key}`, detail: 'There is no such field.' }])
    }
    const body = await problem(
      await post('{"from":"a@x.example","to":"b@x.example","text":"","metadata":{"__proto__":"x"}}'),
      422,
      'invalid',
    )
    assert.equal(body.errors?.[0]?.pointer, '/metadata/__proto__')
    assert.equal(({} as { admin?: boolean }).admin, undefined)
  })

  it('counts what comes, whether or not its length was said', async () => {
    const { ask } = inMemory({ maxSize: 1000 })
    const json = { ...plain, text: 'x'.repeat(1000) }
    await problem(await ask('/v1/messages', { json }), 413, 'too_large')
    await problem(await ask('/v1/messages', { json: plain, headers: { 'content-length': '1001' } }), 413, 'too_large')
    assert.equal((await ask('/v1/messages', { json: plain, headers: { 'content-length': '100' } })).status, 202)
  })

  it('refuses queries, and so a key in one', async () => {
    const { ask } = inMemory({ keys: [key('wp_live_a', 'acme')] })
    await problem(await ask('/v1/messages?key=wp_live_a', { json: plain }), 401, 'unauthorized')
    const body = await problem(
      await ask('/v1/messages?access_token=wp_live_a', { json: plain, key: 'wp_live_a' }),
      422,
      'invalid',
    )
    assert.equal(body.errors?.[0]?.pointer, '/access_token')
    assert.ok(!JSON.stringify(body).includes('wp_live_a'))
  })

  it("passes the door's refusals on, with the time to try again", async () => {
    const { ask, state, bugs } = inMemory()
    for (const [refuse, status, code, wait] of [
      [new Refusal('full', 'No room.'), 507, 'full', '60'],
      [new StoreFull(), 507, 'full', '60'],
      [new Refusal('stopping', 'Bye.'), 503, 'stopping', '5'],
      [new StoreUnavailable(), 503, 'unavailable', '5'],
      [new Refusal('rate', 'Slowly.', { retryAfter: 2.5 }), 429, 'rate', '3'],
      [new Refusal('in_flight', 'Wait.'), 409, 'in_flight', '1'],
      [new Refusal('from_not_allowed', 'Not yours.'), 403, 'from_not_allowed', null],
    ] as const) {
      state.refuse = refuse
      const response = await ask('/v1/messages', { json: plain })
      await problem(response, status, code)
      assert.equal(response.headers.get('retry-after'), wait)
    }
    assert.deepEqual(bugs, [])
  })

  it('answers a bug with 500, tells nothing of it, and logs it', async () => {
    const { ask, state, bugs } = inMemory()
    const bug = new TypeError('secret insides')
    state.refuse = bug
    const body = await problem(await ask('/v1/messages', { json: plain }), 500, 'internal')
    assert.ok(!JSON.stringify(body).includes('insides'))
    assert.deepEqual(bugs, [{ err: bug, method: 'POST', path: '/v1/messages' }])
  })
})

describe('Idempotency-Key', () => {
  const headers = { 'idempotency-key': 'order-17' }

  it('gives the first answer again, and refuses another body', async () => {
    const { ask, submissions } = inMemory()
    const first = await ask('/v1/messages', { json: plain, headers })
    const again = await ask('/v1/messages', { json: plain, headers })
    assert.equal(first.headers.get('idempotency-replayed'), null)
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
    assert.equal(again.status, 202)
    assert.deepEqual(await again.json(), await first.json())
    await problem(await ask('/v1/messages', { json: { ...plain, text: 'Other' }, headers }), 422, 'idempotency_reused')
    assert.equal(submissions.length, 1)
  })

  it('leaves a key free whose request was wrong', async () => {
    const { ask } = inMemory()
    await problem(await ask('/v1/messages', { json: { ...plain, to: 'x' }, headers }), 422, 'invalid_address')
    assert.equal((await ask('/v1/messages', { json: plain, headers })).status, 202)
  })

  it('must be 1 to 255 visible ASCII characters', async () => {
    const { ask } = inMemory()
    for (const key of ['', 'x'.repeat(256), 'a b', 'a\tb', '\u00e9', 'a, b']) {
      await problem(await ask('/v1/messages', { json: plain, headers: { 'idempotency-key': key } }), 400, 'malformed')
    }
    const longest = { 'idempotency-key': 'x'.repeat(255) }
    assert.equal((await ask('/v1/messages', { json: plain, headers: longest })).status, 202)
  })
})

describe('POST /v1/messages/batch', () => {
  it('answers each in order, taken or refused by itself', async () => {
    const { ask, submissions } = inMemory()
    const response = await ask('/v1/messages/batch', {
      json: { messages: [plain, { ...plain, to: 'nobody' }, { ...plain, to: 'cy@example.net' }, null, '\ud800'] },
    })
    assert.equal(response.status, 202)
    const { messages } = (await response.json()) as { messages: Record<string, never>[] }
    assert.deepEqual(
      messages.map((one) => Object.keys(one)),
      [['id', 'status'], ['error'], ['id', 'status'], ['error'], ['error']],
    )
    const { error } = messages[1] as unknown as {
      error: { code: string; status: number; errors: { pointer: string }[] }
    }
    assert.deepEqual([error.code, error.status, error.errors[0]?.pointer], ['invalid_address', 422, '/to'])
    assert.deepEqual(
      submissions.map(({ recipients }) => recipients[0]?.email),
      ['bob@example.net', 'cy@example.net'],
    )
  })

  it('takes 1 to 1,000', async () => {
    const { ask } = inMemory()
    for (const messages of [[], Array(1001).fill(plain), {}, undefined]) {
      await problem(await ask('/v1/messages/batch', { json: { messages } }), 422, 'invalid')
    }
    const body = await problem(await ask('/v1/messages/batch', { json: { messages: [plain], x: 1 } }), 422, 'invalid')
    assert.equal(body.errors?.[0]?.pointer, '/x')
    const response = await ask('/v1/messages/batch', { json: { messages: Array(1000).fill(plain) } })
    assert.equal(((await response.json()) as { messages: object[] }).messages.length, 1000)
  })

  it('lets an Idempotency-Key stand for each message with its place, so that a mended batch can be sent again', async () => {
    const { ask, submissions } = inMemory()
    const post = (second: object) =>
      ask('/v1/messages/batch', { json: { messages: [plain, second] }, headers: { 'idempotency-key': 'k' } })
    const first = (await (await post({ ...plain, to: 'x' })).json()) as { messages: { id: string }[] }
    const mended = await post({ ...plain, to: 'cy@example.net' })
    const second = (await mended.json()) as { messages: { id: string }[] }
    assert.equal(second.messages[0]?.id, first.messages[0]?.id)
    assert.equal(mended.headers.get('idempotency-replayed'), null)
    assert.equal(submissions.length, 2)
    const third = await post({ ...plain, to: 'cy@example.net' })
    assert.equal(third.headers.get('idempotency-replayed'), 'true')
  })
})

describe('POST /v1/explain', () => {
  it('answers the plan and takes nothing', async () => {
    const { ask, submissions } = inMemory()
    const response = await ask('/v1/explain', { json: plain })
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), plan)
    assert.equal(submissions.length, 0)
  })
})

describe('keys', () => {
  const keys = [
    key('wp_live_a', 'acme'),
    key('wp_live_send', 'acme', ['send']),
    key('wp_live_read', 'acme', ['read']),
    key('wp_live_b', 'bolt'),
  ]

  it('asks for exactly one that is ours', async () => {
    const { ask } = inMemory({ keys })
    for (const authorization of [
      null,
      'Bearer',
      'Bearer ',
      'Bearer wp_live_x',
      'Bearer wp_live_a, Bearer wp_live_a',
      'Bearer wp_live_a wp_live_a',
      'Basic d3BfbGl2ZV9hOg==',
      'wp_live_a',
    ]) {
      const response = await ask('/v1/messages', {
        json: plain,
        headers: authorization === null ? {} : { authorization },
      })
      await problem(response, 401, 'unauthorized')
      assert.equal(response.headers.get('www-authenticate'), 'Bearer')
    }
    const lower = await ask('/v1/messages', { json: plain, headers: { authorization: 'bearer wp_live_a' } })
    assert.equal(lower.status, 202, 'the scheme is case-insensitive: RFC 9110 section 11.1')
  })

  it('holds each to its scopes', async () => {
    const { ask, submissions } = inMemory({ keys })
    await problem(await ask('/v1/messages', { json: plain, key: 'wp_live_read' }), 403, 'scope')
    await problem(await ask('/v1/explain', { json: plain, key: 'wp_live_read' }), 403, 'scope')
    await problem(await ask('/v1/messages', { key: 'wp_live_send' }), 403, 'scope')
    await problem(await ask('/v1/providers', { key: 'wp_live_send' }), 403, 'scope')
    await problem(await ask('/v1/providers/inbox/drain', { method: 'POST', key: 'wp_live_read' }), 403, 'scope')
    const pinned = { ...plain, provider: 'inbox' }
    const body = await problem(await ask('/v1/messages', { json: pinned, key: 'wp_live_send' }), 403, 'scope')
    assert.equal(body.errors?.[0]?.pointer, '/provider')
    assert.equal((await ask('/v1/messages', { json: pinned, key: 'wp_live_a' })).status, 202)
    assert.equal(submissions[0]?.provider, 'inbox')
  })

  it("makes another tenant's message one that is not there", async () => {
    const { ask } = inMemory({ keys })
    const { id } = (await (await ask('/v1/messages', { json: plain, key: 'wp_live_a' })).json()) as { id: string }
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/events'],
      ['GET', '/explain'],
      ['GET', '/raw'],
      ['POST', '/cancel'],
      ['POST', '/retry'],
      ['POST', '/release'],
    ] as const) {
      const theirs = await ask(`/v1/messages/${id}${path}`, { method, key: 'wp_live_b' })
      const none = await ask(`/v1/messages/msg_${'0'.repeat(26)}${path}`, { method, key: 'wp_live_b' })
      assert.deepEqual(await problem(theirs, 404, 'not_found'), await none.json())
    }
    assert.equal((await ask(`/v1/messages/${id}`, { key: 'wp_live_a' })).status, 200)
    const list = (await (await ask('/v1/messages', { key: 'wp_live_b' })).json()) as { messages: object[] }
    assert.deepEqual(list.messages, [])
  })
})
