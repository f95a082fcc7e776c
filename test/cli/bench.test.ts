import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createSecureServer } from 'node:https'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { quantile } from '../../src/cli/load/tally.ts'
import { authority, certificate } from '../support/certificates.ts'
import { eventually, withWaypost } from '../support/waypost.ts'
import { gateway, waypost } from './running.ts'

const inbox = 'providers: { kept: { adapter: inbox } }\nroutes: [{ name: default, use: kept }]\n'
const noInbox = `
providers: { relay: { adapter: smtp, host: 127.0.0.1, port: 9, tls: none } }
routes: [{ name: default, use: relay }]
`
const providers = { body: { providers: [{ name: 'kept', adapter: 'inbox' }] } }

describe('waypost bench', () => {
  const doors: [string, (port: number) => string[]][] = [
    ['HTTP', () => []],
    ['SMTP', (port) => ['--smtp', `127.0.0.1:${port}`]],
    ['SMTP, a connection a message', (port) => ['--smtp', `127.0.0.1:${port}`, '--reconnect']],
  ]
  for (const [name, flags] of doors) {
    it(`loads a gateway over ${name}, into its inbox`, () =>
      withWaypost(inbox, async ({ url, smtpPort, get }) => {
        const asked = ['bench', '--url', url, '--messages', '20', '--connections', '4', '--size', '1000', '--json']
        const { code, out, err } = await waypost([...asked, ...flags(smtpPort)])
        assert.deepEqual([code, err], [0, ''])
        const { accepted, refused, perSecond, p50, p99, max, errors, interrupted } = JSON.parse(out)
        assert.deepEqual([accepted, refused, errors, interrupted], [20, 0, [], false])
        assert.ok(perSecond > 0 && p50 > 0 && p50 <= p99 && p99 <= max)
        // With the one that went ahead.
        const { messages } = (await get('/v1/messages?limit=100')).body
        assert.equal(messages.length, 21)
        const { size, recipients } = (await get(`/v1/messages/${messages[0].id}`)).body
        assert.ok(size >= 1000 && size < 2000)
        assert.equal(recipients[0].email, 'bench@example.org')
      }))
  }

  it('shows a table, and a bar to whoever waits', async (test) => {
    const { url, asked } = await gateway(test, ({ method }) =>
      method === 'GET' ? providers : { status: 202, body: { id: 'msg_1' } },
    )
    const progress: string[] = []
    const { code, out } = await waypost(['bench', '--url', url, '--messages', '3', '--key', 'wp_live_x'], { progress })
    assert.equal(code, 0)
    assert.match(out, /^ACCEPTED\tA SECOND\tP50 MS\tP99 MS\tMAX MS\n3\t\d+\t[\d.]+\t[\d.]+\t[\d.]+$/)
    assert.match(progress[0]!, / 1\/3 33%$/)
    assert.equal(progress.at(-1), '')
    assert.deepEqual(
      asked.map(({ method, headers }) => [method, headers.authorization]),
      [['GET', 'Bearer wp_live_x'], ...Array(4).fill(['POST', 'Bearer wp_live_x'])],
    )
    assert.equal(JSON.parse(String(asked[1]!.body)).provider, 'kept')
  })

  it('lets nothing leave a gateway without an inbox unless told to', () =>
    withWaypost(noInbox, async ({ url, get }) => {
      const few = ['bench', '--url', url, '--messages', '2']
      const { code, err } = await waypost(few)
      assert.equal(code, 1)
      assert.match(err, /no provider of the adapter inbox, so these mails would leave/)
      const count = async () => (await get('/v1/messages')).body.messages.length
      assert.equal(await count(), 0)
      assert.equal((await waypost([...few, '--deliver'])).code, 0)
      assert.equal(await count(), 3)
    }))

  it('sends one mail and no more where that is refused', async (test) => {
    const { url, asked } = await gateway(test, ({ method }) =>
      method === 'GET' ? providers : { status: 403, body: { title: 'Forbidden', detail: 'No \u001bscope.' } },
    )
    const { code, out, err } = await waypost(['bench', '--url', url])
    assert.deepEqual([code, out, asked.length], [1, '', 2])
    assert.equal(err, 'error: The first mail was not accepted: 403 No \ufffdscope.')
  })

  it('counts what is refused later, by code', async (test) => {
    let posted = 0
    const { url } = await gateway(test, ({ method }) => {
      if (method === 'GET') return providers
      return ++posted % 2 ? { status: 202, body: {} } : { status: 503, body: { title: 'Stopping' } }
    })
    const { code, out, err } = await waypost(['bench', '--url', url, '--messages', '4', '--connections', '1'])
    assert.equal(code, 1)
    assert.match(out, /\n2\t[\s\S]*\nREFUSED\tTIMES\tSAID\n503\t2\tStopping$/)
    assert.equal(err, 'error: 2 of 4 were not accepted.')
  })

  it('counts an HTTP server that hangs up and one that talks nonsense, and goes on with new connections', async (test) => {
    const answers = [
      'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}',
      'HTTP/1.1 202 Accepted\r\nContent-Le',
      '',
      '250 ok\r\n',
      // Whole when the connection ends, RFC 9112 section 6.3.
      'HTTP/1.1 503 Stopping\r\n\r\n{"detail":"Later.',
      'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}',
    ]
    let connections = 0
    const server = createServer((socket) => {
      const answer = answers[connections++]!
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answer))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.after(() => server.close())
    const { port } = server.address() as { port: number }
    const flags = ['--deliver', '--url', `http://127.0.0.1:${port}`, '--connections', '1', '--messages', '5', '--json']
    const { code, out } = await waypost(['bench', ...flags])
    assert.equal(code, 1)
    const { accepted, errors } = JSON.parse(out)
    assert.deepEqual(
      [accepted, errors],
      [
        1,
        [
          { code: 'hung up', count: 2, said: 'the server hung up' },
          { code: 'HPE_INVALID_CONSTANT', count: 1, said: 'Parse Error' },
          { code: '503', count: 1, said: '{"detail":"Later.' },
        ],
      ],
    )
  })

  it('loads a gateway behind TLS', async (test) => {
    const before = getCACertificates()
    setDefaultCACertificates([authority])
    test.after(() => setDefaultCACertificates(before))
    const server = createSecureServer(certificate, (request, response) => {
      response.writeHead(202).end('{}')
      request.resume()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.after(() => server.close())
    const { port } = server.address() as { port: number }
    for (const host of ['localhost', '127.0.0.1']) {
      const flags = ['--deliver', '--url', `https://${host}:${port}`, '--connections', '2', '--messages', '5', '--json']
      const { code, out, err } = await waypost(['bench', ...flags])
      assert.deepEqual([code, err], [0, ''])
      assert.equal(JSON.parse(out).accepted, 5)
    }
  })

  it('counts an SMTP server that refuses and one that hangs up, and goes on with new connections', async (test) => {
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.write('220 x\r\n')
      let mails = 0
      socket.on('error', () => {}).setEncoding('latin1')
      socket.on('data', (said: string) => {
        if (said.startsWith('EHLO')) socket.write('250-x\r\n250 SIZE\r\n')
        else if (said.startsWith('AUTH')) socket.write(said.includes('AHdheXBvc3QAaw==') ? '235 ok\r\n' : '535 no\r\n')
        else if (said.startsWith('MAIL')) {
          // The first connection takes one mail, the second refuses, the third hangs up, the others take all.
          if (connections === 2) socket.write('451 4.3.2 Not now\r\n')
          else if (connections === 3 && mails++ === 0) socket.end()
          else socket.write('250 ok\r\n')
        } else if (said.startsWith('DATA')) socket.write('354 go\r\n')
        else if (said.startsWith('RCPT') || said.endsWith('\r\n.\r\n')) socket.write('250 ok\r\n')
        else if (said.startsWith('QUIT')) socket.end('221 bye\r\n')
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.after(() => server.close())
    const { port } = server.address() as { port: number }
    const flags = ['--deliver', '--smtp', `127.0.0.1:${port}`, '--key', 'k', '--connections', '1', '--messages', '5']
    const { code, out } = await waypost(['bench', ...flags, '--json'])
    assert.equal(code, 1)
    const { accepted, errors } = JSON.parse(out)
    assert.equal(accepted, 3)
    assert.deepEqual(errors, [
      { code: '451 4.3.2', count: 1, said: 'Not now' },
      { code: 'hung up', count: 1, said: 'the server hung up' },
    ])
    const denied = await waypost(['bench', ...flags.with(4, 'other')])
    assert.match(denied.err, /not accepted: 535 no/)
  })

  it('ends with what was measured when it is interrupted', () =>
    withWaypost(inbox, async ({ url, smtpPort }) => {
      for (const door of [[], ['--smtp', `127.0.0.1:${smtpPort}`]]) {
        const before = await count(url)
        const command = fileURLToPath(new URL('../../src/waypost.js', import.meta.url))
        const child = spawn(process.execPath, [
          command,
          'bench',
          '--url',
          url,
          '--messages',
          '1000000',
          '--json',
          ...door,
        ])
        const answers = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
        // More than the mail that goes ahead (from then on it listens for the signal), and than the run before left under way.
        await eventually(async () => (await count(url)) >= before + 100, 'load is on')
        child.kill('SIGINT')
        const [out, err, [code]] = await answers
        assert.equal(code, 0)
        assert.equal(err, 'Ended early: 1000000 were asked for.\n')
        const summary = JSON.parse(out)
        assert.equal(summary.interrupted, true)
        assert.ok(summary.accepted > 0 && summary.accepted < 1_000_000)
        assert.deepEqual(summary.errors, [])
      }
    }))

  const wrong: [string[], RegExp][] = [
    [['--smtp', 'localhost'], /Expected a host and a port/],
    [['--smtp', 'localhost:70000'], /Expected a host and a port/],
    [['--messages', '0'], /Expected a number from 1/],
    [['--connections', 'many'], /Expected a number from 1/],
  ]
  for (const [args, message] of wrong) {
    it(`is used wrongly: ${args.join(' ')}`, async () => {
      const { code, err } = await waypost(['bench', ...args])
      assert.equal(code, 2)
      assert.match(err, message)
    })
  }
})

async function count(url: string): Promise<number> {
  const figures = await (await fetch(`${url}/metrics`)).text()
  return Number(/^waypost_events_total\{type="accepted",provider=""\} (\d+)$/m.exec(figures)?.[1] ?? 0)
}

describe('quantile', () => {
  it('is the nearest rank, and null of nothing', () => {
    assert.equal(quantile([], 0.5), null)
    assert.deepEqual([quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 0.99), quantile([7], 0)], [2, 4, 7])
  })
})
