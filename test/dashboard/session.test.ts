import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ownPath } from '../../src/dashboard/session.ts'
import { gateway } from './gateway.ts'

const keys = {
  wp_live_read: { tenant: 'acme', scopes: ['read'] },
  wp_live_manage: { tenant: 'acme', scopes: ['read', 'manage'] },
  wp_live_send: { tenant: 'acme', scopes: ['send'] },
  wp_live_other: { tenant: 'other', scopes: ['read', 'manage'] },
}
const own = { 'sec-fetch-site': 'same-origin' }
const form = (fields: Record<string, string>, headers: Record<string, string> = own): RequestInit => ({
  method: 'POST',
  headers,
  body: new URLSearchParams(fields),
})
type Gateway = ReturnType<typeof gateway>

async function login({ app }: Gateway, key: string): Promise<string> {
  const answer = await app.request('/login', form({ key, next: '/messages' }))
  assert.equal(answer.status, 303)
  return answer.headers.get('set-cookie')!.split(';')[0]!
}
const as = (cookie: string, more: RequestInit = {}): RequestInit => ({ ...more, headers: { ...more.headers, cookie } })

describe('on a gateway without keys', () => {
  test('everyone on this machine looks, under its local names only', async () => {
    const { app } = gateway()
    for (const host of ['localhost:8025', '127.0.0.1:8025', '[::1]:8025', 'waypost.localhost'])
      assert.equal((await app.request(`http://${host}/`)).status, 200, host)
    for (const host of ['rebound.example.com', '127.0.0.1.example.com', '10.0.0.5', 'localhost.example.com'])
      assert.equal((await app.request(`http://${host}/messages`)).status, 421, host)
  })

  test('there is nothing to log in to', async () => {
    const { app } = gateway()
    const answer = await app.request('/login?next=/messages')
    assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/messages'])
    assert.doesNotMatch(await (await app.request('/')).text(), /Log out/)
  })
})

describe('on a gateway with keys', () => {
  test('nobody sees a page without one, and comes back to where they wanted to go', async () => {
    const gate = gateway({ keys })
    const id = gate.add({ tenant: 'acme' })
    for (const path of [
      '/',
      '/inbox',
      `/inbox/${id}`,
      `/inbox/${id}/html`,
      `/inbox/${id}/raw`,
      `/inbox/${id}/part/0`,
      '/messages?status=held',
      `/messages/${id}`,
      '/providers',
    ]) {
      const answer = await gate.app.request(path)
      assert.deepEqual(
        [answer.status, answer.headers.get('location')],
        [303, `/login?next=${encodeURIComponent(path)}`],
      )
    }
    for (const path of [`/messages/${id}/cancel`, '/providers/inbox/drain'])
      assert.equal((await gate.app.request(path, { method: 'POST', headers: own })).headers.get('location'), '/login')
    assert.deepEqual(gate.asked.steered, [])
  })

  test('a key opens a session that scripts and other sites cannot reach', async () => {
    const gate = gateway({ keys })
    const answer = await gate.app.request('/login', form({ key: ' wp_live_read ', next: '/providers' }))
    assert.equal(answer.headers.get('location'), '/providers')
    assert.match(
      answer.headers.get('set-cookie')!,
      /^waypost_session=[0-9a-f]{64}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    )
    const secure = await gate.app.request(
      '/login',
      form({ key: 'wp_live_read' }, { ...own, origin: 'https://mail.example.com' }),
    )
    assert.match(secure.headers.get('set-cookie')!, /Secure/)
  })

  test('a wrong key, or one that may not read, opens none', async () => {
    const { app } = gateway({ keys })
    for (const [key, status] of [
      ['nonsense', 401],
      ['', 401],
      ['constructor', 401],
      ['wp_live_send', 403],
    ] as const) {
      const answer = await app.request('/login', form({ key }))
      assert.deepEqual([answer.status, answer.headers.get('set-cookie')], [status, null])
    }
    assert.equal((await app.request('/messages', as('waypost_session=0'))).status, 303)
    assert.equal((await app.request('/login', form({ key: 'x'.repeat(20_000) }))).status, 413)
  })

  test('the login cannot be made to lead elsewhere', async () => {
    for (const next of [
      '//evil.test',
      '/\\evil.test',
      '/\t/evil.test',
      '/.//evil.test',
      'javascript:alert(1)',
      'https://evil.test',
      'evil',
      '',
      undefined,
      '/\n/evil.test',
      '/..//evil.test',
    ])
      assert.equal(ownPath(next), '/', JSON.stringify(next))
    assert.equal(ownPath('/messages?status=held#x'), '/messages?status=held')
  })

  test('a session sees its tenant alone', async () => {
    const gate = gateway({ keys })
    const mine = gate.add({ tenant: 'acme', subject: 'Mine' })
    const theirs = gate.add({ tenant: 'other', subject: 'Theirs' })
    const cookie = await login(gate, 'wp_live_manage')
    const list = await (await gate.app.request('/messages', as(cookie))).text()
    assert.match(list, /Mine/)
    assert.doesNotMatch(list, /Theirs/)
    assert.equal((await gate.app.request(`/messages/${mine}`, as(cookie))).status, 200)
    for (const path of [
      `/messages/${theirs}`,
      `/inbox/${theirs}`,
      `/inbox/${theirs}/html`,
      `/inbox/${theirs}/raw`,
      `/inbox/${theirs}/part/0`,
    ])
      assert.equal((await gate.app.request(path, as(cookie))).status, 404, path)
    assert.equal(
      (await gate.app.request(`/messages/${theirs}/cancel`, as(cookie, { method: 'POST', headers: own }))).status,
      404,
    )
    assert.deepEqual(gate.asked.steered, [])
  })

  test('acting takes the scope manage', async () => {
    const gate = gateway({ keys })
    const id = gate.add({ tenant: 'acme', recipients: [{ status: 'held' }] })
    const reader = await login(gate, 'wp_live_read')
    assert.doesNotMatch(await (await gate.app.request(`/messages/${id}`, as(reader))).text(), /<button>Release/)
    assert.doesNotMatch(await (await gate.app.request('/providers', as(reader))).text(), /Drain/)
    const post = (cookie: string, path: string) => gate.app.request(path, as(cookie, { method: 'POST', headers: own }))
    assert.equal((await post(reader, `/messages/${id}/release`)).status, 403)
    assert.equal((await post(reader, '/providers/inbox/drain')).status, 403)
    assert.deepEqual(gate.asked.steered, [])
    const manager = await login(gate, 'wp_live_manage')
    assert.equal((await post(manager, `/messages/${id}/release`)).status, 303)
    assert.deepEqual(gate.asked.steered, [[id, 'release']])
  })

  test('a session ends with the logout, with its twelve hours, and with its key', async () => {
    const gate = gateway({ keys: { ...keys } })
    const status = async (cookie: string) => (await gate.app.request('/messages', as(cookie))).status
    const first = await login(gate, 'wp_live_read')
    assert.equal(await status(first), 200)
    await gate.app.request('/logout', as(first, { method: 'POST', headers: own }))
    assert.equal(await status(first), 303)
    const second = await login(gate, 'wp_live_read')
    gate.pass(12 * 3_600_000 - 1)
    assert.equal(await status(second), 200)
    gate.pass(1)
    assert.equal(await status(second), 303)
    const third = await login(gate, 'wp_live_read')
    delete gate.keys.wp_live_read
    assert.equal(await status(third), 303)
  })

  test('a session cannot be given to someone: logging in always makes a new one and ends the old', async () => {
    const gate = gateway({ keys })
    const first = await login(gate, 'wp_live_read')
    const answer = await gate.app.request('/login', as(first, form({ key: 'wp_live_manage' })))
    const second = answer.headers.get('set-cookie')!.split(';')[0]!
    assert.notEqual(first, second)
    assert.equal((await gate.app.request('/messages', as(first))).status, 303)
  })

  test('sessions are bounded: the oldest gives way', async () => {
    const gate = gateway({ keys })
    const first = await login(gate, 'wp_live_read')
    for (let more = 0; more < 1000; more++) await login(gate, 'wp_live_read')
    assert.equal((await gate.app.request('/messages', as(first))).status, 303)
  })
})

describe('a POST that none of our pages made', () => {
  test('is refused, whatever it is', async () => {
    const { app, add, asked } = gateway()
    const id = add({ recipients: [{ status: 'held' }] })
    const path = `http://localhost/messages/${id}/cancel`
    const tries: Record<string, string>[] = [
      {},
      { origin: 'https://evil.test' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' },
      { 'sec-fetch-site': 'same-site', origin: 'http://localhost:3000' },
      { 'sec-fetch-site': 'none' },
      { 'content-type': 'text/plain', origin: 'https://evil.test' },
    ]
    for (const headers of tries) assert.equal((await app.request(path, { method: 'POST', headers })).status, 403)
    assert.equal((await app.request('/login', form({ key: 'x' }, { origin: 'https://evil.test' }))).status, 403)
    assert.equal((await app.request('/providers/inbox/drain', { method: 'POST', headers: tries[3]! })).status, 403)
    assert.deepEqual(asked.steered, [])
    assert.equal((await app.request(path, { method: 'POST', headers: { origin: 'http://localhost' } })).status, 303)
  })
})
