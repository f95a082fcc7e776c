/** Calls to addresses that strangers chose: which are made, where they lead, and how they end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createTls } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { type GuardedOptions, guardedHttp, type Said } from '../../src/send/guarded-http.ts'
import { authority, certificate } from '../support/certificates.ts'
import { fakeDns, type Zone } from '../support/fake-dns.ts'
import { status, type WebhookTarget, webhookTarget } from '../support/webhook-target.ts'

const guarded = (more: Partial<GuardedOptions> = {}) => guardedHttp({ allowPrivate: () => false, ...more })
const open = (more: Partial<GuardedOptions> = {}) => guarded({ allowPrivate: () => true, ...more })
const post = (http: ReturnType<typeof guardedHttp>, url: string): Promise<Said> =>
  http.post({ url, headers: { 'x-one': '1' }, body: '{}' })

async function target(test: TestContext, answer?: WebhookTarget['answer'], host?: string, port?: number) {
  const one = await webhookTarget(answer, host, port)
  test.after(() => one.close())
  return one
}

async function named(test: TestContext, zones: Record<string, Zone>) {
  const dns = await fakeDns(zones)
  test.after(() => dns.close())
  return dns
}

/** A server that says these bytes to whoever comes, and counts who did. */
async function saying(test: TestContext, say: (socket: Socket) => void) {
  const came = { sockets: 0 }
  const server = createServer((socket) => {
    came.sockets++
    socket.on('error', () => {})
    test.after(() => socket.destroy())
    socket.once('data', () => say(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, came }
}

describe('an address', () => {
  const inside = [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f.0.0.1/',
    'https://0/',
    'https://10.0.0.1:8443/x',
    'https://172.16.5.4/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://168.63.129.16/machine',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://[64:ff9b::7f00:1]/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://a.localhost/',
  ]
  const never = [
    '',
    'example.com',
    '/hook',
    'ftp://example.com/',
    'file:///etc/passwd',
    'https://user:pass@example.com/',
    'https://:p@example.com',
  ]

  it('of our own is refused before anybody is asked, unless that is allowed', async () => {
    for (const url of inside) {
      assert.equal(guarded().refusal(url), 'Only public addresses are called.', url)
      assert.equal(open().refusal(url), null, url)
      assert.deepEqual(await post(guarded(), url), { problem: 'Only public addresses are called.' }, url)
    }
  })

  it('is https, with no name or password in it', () => {
    for (const url of never) {
      assert.notEqual(guarded().refusal(url), null, url)
      assert.notEqual(open().refusal(url), null, url)
    }
    assert.equal(guarded().refusal('http://example.com/'), 'Only https is called.')
    assert.equal(open().refusal('http://example.com/'), null)
    assert.equal(guarded().refusal('https://example.com:8443/a?b=c'), null)
    assert.equal(guarded().refusal('https://8.8.8.8/'), null)
    assert.equal(guarded().refusal('https://[2606:4700:4700::1111]/'), null)
  })
})

describe('a name', () => {
  it('that leads inside is not called, whichever way', async (test) => {
    const there = await target(test)
    const dns = await named(test, {
      'a.test': { A: ['127.0.0.1'] },
      'b.test': { A: ['10.0.0.1'], AAAA: ['::1', '::ffff:7f00:1'] },
      'c.test': { CNAME: 'a.test' },
      'd.test': 'NXDOMAIN',
    })
    const http = guarded({ servers: [dns.server] })
    for (const [name, problem] of [
      ['a', 'its name leads to addresses that are not public'],
      ['b', 'its name leads to addresses that are not public'],
      ['c', 'its name leads to addresses that are not public'],
      ['d', 'its name leads to no address'],
    ] as const) {
      assert.deepEqual(await post(http, `https://${name}.test:${there.port}/`), { problem }, name)
    }
    assert.equal(there.posted.length, 0)
    assert.deepEqual(
      await post(open({ servers: [dns.server] }), `http://c.test:${there.port}/`).then(
        (said) => 'status' in said && said.status,
      ),
      204,
    )
    assert.equal(there.posted[0]!.headers.host, `c.test:${there.port}`)
  })

  it('is called at the address that was looked at, whatever it says a moment later', async (test) => {
    // 127.0.0.1 stands for the internet, 127.0.0.2 for what is inside.
    let asked = 0
    const dns = await named(test, {
      'rebound.test': (type) => {
        if (type !== 'A') return {}
        asked++
        return { A: [asked === 1 ? '127.0.0.1' : '127.0.0.2'] }
      },
      'both.test': { A: ['127.0.0.2', '127.0.0.1'] },
    })
    const options: Partial<GuardedOptions> = {
      servers: [dns.server],
      ca: authority,
      isPrivate: (address) => address !== '127.0.0.1',
    }
    const server = createTls(certificate, (_, response) => response.end())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.after(() => server.close())
    const hits = { outside: 0 }
    server.on('connection', () => void hits.outside++)
    const secret = await target(test, undefined, '127.0.0.2', (server.address() as AddressInfo).port)
    const url = (name: string) => `https://${name}:${secret.port}/`
    // The certificate is for another name: that it was looked at at all says that the call came to the right place.
    assert.match(JSON.stringify(await post(guarded(options), url('rebound.test'))), /altnames|Hostname/)
    assert.deepEqual([asked, hits.outside, secret.posted.length], [1, 1, 0])
    assert.deepEqual(await post(guarded(options), url('rebound.test')), {
      problem: 'its name leads to addresses that are not public',
    })
    assert.match(JSON.stringify(await post(guarded(options), url('both.test'))), /altnames|Hostname/)
    assert.deepEqual([asked, hits.outside, secret.posted.length], [2, 2, 0])
  })

  it('of which no server tells is no address', async (test) => {
    const dns = await named(test, { 'a.test': 'SERVFAIL' })
    assert.deepEqual(await post(guarded({ servers: [dns.server] }), 'https://a.test/'), {
      problem: 'its name leads to no address',
    })
  })
})

describe('a call', () => {
  it('carries headers and body, and brings status and headers', async (test) => {
    const there = await target(test, status(429, { 'Retry-After': '7' }))
    const said = await post(open(), `${there.url}a?b=c`)
    assert.ok('status' in said)
    assert.deepEqual([said.status, said.headers['retry-after']], [429, '7'])
    const [{ path, headers, body }] = there.posted as [WebhookTarget['posted'][0]]
    assert.deepEqual(
      [path, body, headers['x-one'], headers['content-length'], headers.connection],
      ['/a?b=c', '{}', '1', '2', 'close'],
    )
  })

  it('does not follow a redirect', async (test) => {
    const elsewhere = await target(test)
    const there = await target(test, status(307, { location: elsewhere.url }))
    const said = await post(open(), there.url)
    assert.ok('status' in said && said.status === 307)
    assert.equal(elsewhere.posted.length, 0)
  })

  it('ends by its status, however long or broken the body is', async (test) => {
    const flood = Buffer.alloc(1_000_000, 'x')
    for (const body of [
      `content-length: 10000000000\r\n\r\n${flood}`,
      'content-length: 10\r\n\r\nabc',
      `transfer-encoding: chunked\r\n\r\nzzz\r\n`,
      'content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc',
      'content-length: 0\r\n\r\nHTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n',
    ]) {
      const { url, came } = await saying(test, (socket) => void socket.end(`HTTP/1.1 200 OK\r\n${body}`))
      const said = await post(open(), url)
      assert.ok('status' in said && said.status === 200, `${body.slice(0, 40)} ${JSON.stringify(said)}`)
      assert.equal(came.sockets, 1)
    }
  })

  it('ends in time, with the status if that came, and without an answer otherwise', async (test) => {
    const dripping = await saying(test, (socket) => void socket.write('HTTP/1.1 201 OK\r\ncontent-length: 10\r\n\r\na'))
    const silent = await saying(test, () => {})
    const http = open({ timeout: 200 })
    const [one, two] = await Promise.all([post(http, dripping.url), post(http, silent.url)])
    assert.ok('status' in one && one.status === 201)
    assert.deepEqual(two, { problem: 'no answer within 200 ms' })
  })

  it('has a problem where nobody speaks HTTP, nobody listens, or the certificate is nobody’s', async (test) => {
    const odd = await saying(test, (socket) => void socket.end('220 mx.example.net ESMTP\r\n'))
    const reset = await saying(test, (socket) => void socket.resetAndDestroy())
    const tls = createTls(certificate, (_, response) => response.end())
    tls.listen(0, '127.0.0.1')
    await once(tls, 'listening')
    test.after(() => tls.close())
    const secure = `https://127.0.0.1:${(tls.address() as AddressInfo).port}/`
    for (const url of [odd.url, reset.url, 'http://127.0.0.1:1/', secure]) {
      const said = await post(open(), url)
      assert.ok('problem' in said && said.problem.length > 5, `${url} ${JSON.stringify(said)}`)
    }
    const said = await post(open({ ca: authority }), secure)
    assert.ok('status' in said && said.status === 200)
  })

  it('is cut off by closing', async (test) => {
    const silent = await saying(test, () => {})
    const http = open()
    const said = post(http, silent.url)
    http.close()
    assert.deepEqual(await said, { problem: 'the call was broken off' })
    assert.deepEqual(await post(http, silent.url), { problem: 'the call was broken off' })
  })
})
