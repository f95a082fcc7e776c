import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { eventually, remove, type Waypost, waypost } from '../support/waypost.ts'
import { verified, webhookTarget } from '../support/webhook-target.ts'

/** Whose each key is, and what it may do. */
const keys = {
  acme: { tenant: 'acme', scopes: 'manage, send' },
  bolt: { tenant: 'bolt', scopes: 'manage, send' },
  many: { tenant: 'many', scopes: 'manage' },
  reader: { tenant: 'acme', scopes: 'read, send, route' },
}
type Who = keyof typeof keys

const config = (more = '') => `
keys:
${Object.entries(keys)
  .map(([who, { tenant, scopes }]) => {
    const hash = createHash('sha256').update(`wp_live_${who}`).digest('hex')
    return `  - { hash: "sha256:${hash}", tenant: ${tenant}, scopes: [${scopes}] }`
  })
  .join('\n')}
providers: { inbox: { adapter: inbox } }
routes: [{ name: default, use: inbox }]
${more}`

let gateway: Waypost
before(async () => {
  gateway = await waypost(config())
})
after(async () => {
  await gateway.stop()
  remove(gateway.folder)
})

const bearer = (who: Who) => ({ authorization: `Bearer wp_live_${who}` })

async function ask(who: Who, method: string, path = '', body?: unknown, type = 'application/json') {
  const headers = { ...bearer(who), ...(body === undefined ? {} : { 'content-type': type }) }
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`${gateway.url}/v1/webhooks${path}`, { method, headers, body: text ?? null })
  const answered = await response.text()
  return { status: response.status, body: answered === '' ? null : JSON.parse(answered) }
}

const url = 'https://example.com/hook?tenant=7'

describe('POST /v1/webhooks', () => {
  it('answers the webhook, with its secret this once', async () => {
    const { status, body } = await ask('acme', 'POST', '', {
      url,
      types: ['sent', 'bounced', 'sent'],
      description: 'Ours',
    })
    const { id, secret, createdAt, ...said } = body
    assert.equal(status, 201)
    assert.deepEqual(said, { url, types: ['sent', 'bounced'], description: 'Ours', disabledAt: null })
    assert.match(id, /^whk_[0-9a-z]{26}$/)
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000)
    const shown = await ask('acme', 'GET', `/${id}`)
    assert.deepEqual(shown, { status: 200, body: { id, ...said, createdAt } })
    const all = await ask('acme', 'GET')
    assert.deepEqual(all.body, { webhooks: [shown.body] })
    assert.ok(gateway.log.every((line) => !line.includes(secret) && !line.includes('tenant=7')))
    const other = await ask('acme', 'POST', '', { url })
    assert.deepEqual([other.body.types, other.body.description], [null, null])
    assert.notEqual(other.body.secret, secret)
  })

  it('refuses what is no place for events', async () => {
    for (const [body, status, pointer] of [
      [{}, 422, '/url'],
      [{ url: 'example.com' }, 422, '/url'],
      [{ url: 'http://example.com/' }, 422, '/url'],
      [{ url: 'https://127.0.0.1/' }, 422, '/url'],
      [{ url: 'https://169.254.169.254/latest' }, 422, '/url'],
      [{ url: 'https://[::ffff:10.0.0.1]/' }, 422, '/url'],
      [{ url: 'https://localhost/' }, 422, '/url'],
      [{ url: 'https://ann:pw@example.com/' }, 422, '/url'],
      [{ url: `https://example.com/${'x'.repeat(2000)}` }, 422, '/url'],
      [{ url, types: [] }, 422, '/types'],
      [{ url, types: ['lost'] }, 422, '/types/0'],
      [{ url, description: 'x'.repeat(201) }, 422, '/description'],
      [{ url, secret: 'whsec_mine' }, 422, '/secret'],
      [[], 422, ''],
      ['{', 400, undefined],
      [`{"url":"${'x'.repeat(10_000)}"}`, 413, undefined],
    ] as const) {
      const refused = await ask('acme', 'POST', '', body)
      assert.deepEqual([refused.status, refused.body.errors?.[0].pointer], [status, pointer], JSON.stringify(body))
    }
    assert.equal((await ask('acme', 'POST', '', '{}', 'text/plain')).status, 415)
    assert.equal((await ask('acme', 'POST')).status, 415)
  })

  it('takes twenty of a tenant', async () => {
    for (let count = 0; count < 20; count++) assert.equal((await ask('many', 'POST', '', { url })).status, 201)
    const { status, body } = await ask('many', 'POST', '', { url })
    assert.deepEqual([status, body.code], [422, 'invalid'])
    const { webhooks } = (await ask('many', 'GET')).body
    assert.equal(webhooks.length, 20)
    assert.equal((await ask('many', 'DELETE', `/${webhooks[3].id}`)).status, 204)
    assert.equal((await ask('many', 'POST', '', { url })).status, 201)
  })
})

it('webhooks are the tenant’s own, and need scope manage', async () => {
  const { id } = (await ask('acme', 'POST', '', { url })).body
  for (const method of ['GET', 'DELETE']) {
    for (const path of [`/${id}`, '/whk_00000000000000000000000000', '/x', '/%00']) {
      const { status, body } = await ask('bolt', method, path)
      assert.deepEqual([status, body.code, body.detail], [404, 'not_found', 'There is no such webhook.'], path)
    }
    assert.equal((await ask('reader', method, `/${id}`)).status, 403)
  }
  assert.deepEqual((await ask('bolt', 'GET')).body, { webhooks: [] })
  assert.equal((await ask('reader', 'GET')).status, 403)
  assert.equal((await ask('reader', 'POST', '', { url })).status, 403)
  assert.equal((await fetch(`${gateway.url}/v1/webhooks`)).status, 401)
  assert.deepEqual(await ask('acme', 'DELETE', `/${id}`), { status: 204, body: null })
  assert.equal((await ask('acme', 'DELETE', `/${id}`)).status, 404)
})

it('events go out to them, whoever writes them', async () => {
  const [mine, other] = [await webhookTarget(), await webhookTarget()]
  const local = config('webhooks: { allowPrivate: true }')
  const running = await waypost(local)
  try {
    const add = async (who: Who, body: object) => {
      const { status, body: added } = await running.post('/v1/webhooks', body, bearer(who))
      assert.equal(status, 201)
      return added as { id: string; secret: string }
    }
    const { id, secret } = await add('acme', { url: mine.url, description: 'mine' })
    await add('bolt', { url: other.url })
    const letter = { from: 'Ann <ann@acme.test>', to: 'bob@example.org', subject: 'Hello', text: 'Hi.' }
    const first = await running.send(letter, bearer('acme'))
    const later = await running.send(
      { ...letter, sendAt: new Date(Date.now() + 3_600_000).toISOString() },
      bearer('acme'),
    )
    assert.equal((await running.post(`/v1/messages/${later}/cancel`, '', bearer('acme'))).status, 200)
    const told = () => mine.posted.map((one) => verified(one, secret) as { type: string; data: { messageId: string } })
    const types = (messageId: string) =>
      told()
        .filter(({ data }) => data.messageId === messageId)
        .map(({ type }) => type)
        .sort()
        .join()
    await eventually(
      () => types(first) === 'accepted,sent' && types(later) === 'accepted,canceled',
      'all events of both messages',
    )
    const metrics = async () => (await running.get('/metrics')).body as string
    await eventually(
      async () => (await metrics()).includes('waypost_notices_total{result="taken"} 4'),
      'they are counted',
    )

    const gone = await fetch(`${running.url}/v1/webhooks/${id}`, { method: 'DELETE', headers: bearer('acme') })
    assert.equal(gone.status, 204)
    assert.equal(other.posted.length, 0)
    assert.ok(running.log.every((line) => !line.includes(secret)))
  } finally {
    await running.stop()
    await Promise.all([mine.close(), other.close()])
    remove(running.folder)
  }
})
