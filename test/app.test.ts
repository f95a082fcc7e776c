import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Hono } from 'hono'
import type { Key } from '../src/accept/auth.ts'
import { inMemory } from './accept/in-memory.ts'

const paths = {
  '/v1/messages': ['GET', 'HEAD', 'POST'],
  '/v1/messages/batch': ['POST'],
  '/v1/messages/{id}': ['GET', 'HEAD'],
  '/v1/messages/{id}/events': ['GET', 'HEAD'],
  '/v1/messages/{id}/explain': ['GET', 'HEAD'],
  '/v1/messages/{id}/raw': ['GET', 'HEAD'],
  '/v1/messages/{id}/cancel': ['POST'],
  '/v1/messages/{id}/retry': ['POST'],
  '/v1/messages/{id}/release': ['POST'],
  '/v1/budgets': ['GET', 'HEAD'],
  '/v1/limits': ['GET', 'HEAD'],
  '/v1/events': ['GET', 'HEAD'],
  '/v1/explain': ['POST'],
  '/v1/providers': ['GET', 'HEAD'],
  '/v1/providers/{name}/drain': ['POST'],
  '/v1/providers/{name}/resume': ['POST'],
  '/v1/moves': ['GET', 'HEAD'],
  '/v1/moves/{rule}/restart': ['POST'],
  '/v1/policies': ['GET', 'HEAD', 'POST'],
  '/v1/policies/{version}': ['GET', 'HEAD'],
  '/v1/policies/{version}/activate': ['POST'],
  '/v1/stats': ['GET', 'HEAD'],
  '/v1/traffic': ['GET', 'HEAD'],
  '/v1/suppressions': ['GET', 'HEAD'],
  '/v1/suppressions/{email}': ['DELETE', 'GET', 'HEAD', 'PUT'],
  '/hooks/{provider}': ['GET', 'HEAD', 'OPTIONS', 'POST'],
  '/v1/webhooks': ['GET', 'HEAD', 'POST'],
  '/v1/webhooks/{id}': ['DELETE', 'GET', 'HEAD'],
  '/healthz': ['GET', 'HEAD'],
  '/readyz': ['GET', 'HEAD'],
  '/metrics': ['GET', 'HEAD'],
  '/openapi.json': ['GET', 'HEAD'],
  '/docs': ['GET', 'HEAD'],
}

/** Every `$ref` in a document. */
function refs(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => (key === '$ref' ? [String(inner)] : refs(inner)))
}

describe('the app', () => {
  it('answers 405 with Allow where a path takes other methods, and 404 elsewhere', async () => {
    const { ask } = inMemory()
    for (const [path, methods] of Object.entries(paths)) {
      const response = await ask(path.replace('{id}', 'msg_1').replace('{name}', 'inbox'), { method: 'PATCH' })
      assert.equal(response.status, 405, path)
      const allow = response.headers.get('allow')!.split(', ')
      // `batch` is also where an id could stand.
      assert.deepEqual([...new Set(allow)].sort(), path.endsWith('/batch') ? ['GET', 'HEAD', 'POST'] : methods, path)
    }
    for (const path of [
      '/v1',
      '/v1/',
      '/v1/nothing',
      '/v2/messages',
      '//',
      '/v1/messages/',
      '/.env',
      '/v1/messages/a/b/c',
    ]) {
      const response = await ask(path)
      assert.equal(response.status, 404, path)
      assert.equal(response.headers.get('content-type'), 'application/problem+json')
    }
    const overridden = await ask('/v1/messages/batch', { method: 'PUT', headers: { 'x-http-method-override': 'POST' } })
    assert.equal(overridden.status, 405)
    assert.equal(
      (await ask('/v1/messages', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } })).status,
      405,
    )
  })

  it('lives, and is ready or says why not', async () => {
    const { ask, state } = inMemory()
    assert.equal((await ask('/healthz')).status, 200)
    assert.equal((await ask('/readyz')).status, 200)
    state.notReady = 'The store is full.'
    const response = await ask('/readyz')
    assert.equal(response.status, 503)
    assert.ok(response.headers.get('retry-after'))
    assert.equal(((await response.json()) as { detail: string }).detail, 'The store is full.')
    assert.equal((await ask('/healthz')).status, 200)
  })

  it('answers without keys only under the names of this machine, and no page from elsewhere', async () => {
    const { ask } = inMemory({ dashboard: new Hono().get('/', (c) => c.text('hello')) })
    const local = ['localhost:8025', '127.0.0.1', '127.1.2.3:80', '[::1]:8025', 'waypost.localhost:1']
    const elsewhere = [
      'rebound.example.com',
      '10.0.0.5:8025',
      'localhost.example.com',
      '127.0.0.1.example.com',
      '[::2]',
    ]
    for (const path of ['/', '/v1/messages', '/healthz', '/metrics', '/nothing']) {
      for (const host of local) assert.notEqual((await ask(`http://${host}${path}`)).status, 421, host)
      for (const host of elsewhere) {
        const response = await ask(`http://${host}${path}`)
        assert.deepEqual([response.status, response.headers.get('content-type')], [421, 'application/problem+json'])
        assert.match(((await response.json()) as { detail: string }).detail, /Set keys/)
      }
    }
    const drain = (origin: string) => ask('/v1/providers/inbox/drain', { method: 'POST', headers: { origin } })
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
      assert.equal((await drain(origin)).status, 421, origin)
    }
    assert.equal((await drain('http://localhost:8025')).status, 200)
    const keys: Key[] = [{ hash: 'a'.repeat(64), tenant: 'acme', scopes: ['send'], from: [] }]
    assert.equal((await inMemory({ keys }).ask('https://mail.example.com/healthz')).status, 200)
  })

  it('gives figures as Prometheus reads them', async () => {
    const response = await inMemory().ask('/metrics')
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(await response.text(), 'waypost_up 1\n')
  })

  it('mounts the pages it is given, beside its own paths', async () => {
    const { ask } = inMemory({ dashboard: new Hono().get('/', (c) => c.text('hello')) })
    assert.equal(await (await ask('/')).text(), 'hello')
    assert.equal((await ask('/nothing')).status, 404)
    assert.equal((await inMemory().ask('/')).status, 404)
  })

  it('describes every path in OpenAPI 3.1', async () => {
    const response = await inMemory().ask('/openapi.json')
    const document = (await response.json()) as {
      openapi: string
      paths: Record<string, Record<string, { responses: object; security?: object[] }>>
      components: { schemas: Record<string, { properties?: object; additionalProperties?: boolean }> }
    }
    assert.equal(document.openapi, '3.1.0')
    assert.deepEqual(Object.keys(document.paths).sort(), Object.keys(paths).sort())
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods)) {
        assert.equal(operation.security !== undefined, path.startsWith('/v1/'), path)
        assert.ok(Object.keys(operation.responses).length > 0)
      }
    }
    assert.deepEqual(Object.keys(document.components.schemas.Message?.properties ?? {}), [
      ...['from', 'to', 'cc', 'bcc', 'replyTo', 'subject', 'text', 'html', 'headers', 'attachments'],
      ...['type', 'tags', 'metadata', 'sendAt', 'expireAt', 'provider'],
    ])
    assert.equal(document.components.schemas.Message?.additionalProperties, false)
    for (const ref of new Set(refs(document))) {
      assert.ok(document.components.schemas[ref.replace('#/components/schemas/', '')], ref)
    }
  })

  it('shows the same as a page that runs and loads nothing', async () => {
    const response = await inMemory().ask('/docs')
    const page = await response.text()
    assert.match(response.headers.get('content-type')!, /^text\/html/)
    const policy = response.headers.get('content-security-policy')!
    assert.match(policy, /^default-src 'none'; style-src 'sha256-/)
    assert.ok(
      !/<script|\son\w+=|\sstyle=|https?:\/\/|\[object/.test(page),
      page.match(/<script|https?:.{20}|\[object/)?.[0],
    )
    for (const path of Object.keys(paths)) assert.ok(page.includes(path), path)
    const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]))
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.has(target), target)
  })
})
