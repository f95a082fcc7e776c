import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { gateway, waypost } from './running.ts'

const folder = mkdtempSync(join(tmpdir(), 'waypost-cli-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const receipt = () => ({ status: 202, body: { id: 'msg_1', status: 'queued', recipients: [] } })
const flags = ['--from', 'Ann <ann@example.com>', '--to', 'bob@example.net']

describe('waypost send', () => {
  it('posts what the flags say, with the key, and prints id and status', async (test) => {
    const { url, asked } = await gateway(test, receipt)
    const attached = file('a.txt', 'attached')
    const more = ['--to', 'c@example.net', '--cc', 'd@example.net', '--bcc', 'e@example.net', '--subject', 'Hi']
    const rest = ['--text', 'hello', '--html', '<p>', '--type', 'otp', '--tag', 'a', '--tag', 'b', '--attach', attached]
    const { code, out, err } = await waypost(['send', ...flags, ...more, ...rest, '--url', url, '--key', 'wp_live_x'])
    assert.deepEqual([code, out, err], [0, 'msg_1\tqueued', ''])
    const [one] = asked
    assert.equal(`${one?.method} ${one?.path}`, 'POST /v1/messages')
    assert.equal(one?.headers.authorization, 'Bearer wp_live_x')
    assert.deepEqual(JSON.parse(String(one?.body)), {
      from: 'Ann <ann@example.com>',
      to: ['bob@example.net', 'c@example.net'],
      cc: ['d@example.net'],
      bcc: ['e@example.net'],
      subject: 'Hi',
      text: 'hello',
      html: '<p>',
      type: 'otp',
      tags: ['a', 'b'],
      attachments: [{ filename: 'a.txt', content: Buffer.from('attached').toString('base64') }],
    })
  })

  it('prints what the gateway answered as JSON', async (test) => {
    const { url } = await gateway(test, receipt)
    const { out } = await waypost(['send', ...flags, '--text', 'x', '--url', url, '--json'])
    assert.deepEqual(JSON.parse(out), receipt().body)
  })

  it('posts each file as it is, steered by headers in its own line ends', async (test) => {
    const { url, asked } = await gateway(test, receipt)
    const unix = file('unix.eml', 'From: a@example.com\n\nhello\n')
    const crlf = file('crlf.eml', 'From: a@example.com\r\n\r\nhello\r\n')
    const args = ['send', '--file', unix, '--file', crlf, '--file', '-', '--type', 'otp', '--tag', 'a']
    const { code, out } = await waypost([...args, '--from', 'b@example.com', '--to', 'c+d@example.net', '--url', url], {
      input: 'From: z@example.com\n\n',
    })
    assert.equal(code, 0)
    assert.equal(out, 'msg_1\tqueued\nmsg_1\tqueued\nmsg_1\tqueued')
    assert.deepEqual(
      asked.map(({ path, headers }) => [path, headers['content-type']]),
      Array(3).fill(['/v1/messages?from=b%40example.com&to=c%2Bd%40example.net', 'message/rfc822']),
    )
    assert.deepEqual(
      asked.map(({ body }) => String(body)),
      [
        'X-Waypost-Type: otp\nX-Waypost-Tag: a\nFrom: a@example.com\n\nhello\n',
        'X-Waypost-Type: otp\r\nX-Waypost-Tag: a\r\nFrom: a@example.com\r\n\r\nhello\r\n',
        'X-Waypost-Type: otp\nX-Waypost-Tag: a\nFrom: z@example.com\n\n',
      ],
    )
  })

  it('carries bytes that are no text', async (test) => {
    const { url, asked } = await gateway(test, receipt)
    const path = join(folder, 'latin.eml')
    const bytes = Buffer.from([0x46, 0x3a, 0xe4, 0xff, 0x0a, 0x0a, 0x00])
    writeFileSync(path, bytes)
    await waypost(['send', '--file', path, '--url', url])
    assert.deepEqual(asked[0]?.body, bytes)
  })

  it('says which field the gateway found wrong', async (test) => {
    const errors = [{ pointer: '/to/0', detail: 'The address has no @.' }]
    const { url } = await gateway(test, () => ({
      status: 422,
      body: {
        type: 'urn:waypost:invalid_address',
        title: 'An address \u001b[31mis wrong',
        status: 422,
        detail: '/to/0: The address has no @.',
        errors,
      },
    }))
    const { code, out, err } = await waypost(['send', ...flags, '--text', 'x', '--url', url])
    assert.deepEqual([code, out], [1, ''])
    assert.equal(err, 'error: An address \ufffd[31mis wrong (422)\n  /to/0: The address has no @.')
  })

  it('says how to name a key where one is asked for', async (test) => {
    const { url } = await gateway(test, () => ({
      status: 401,
      body: { title: 'No key', status: 401, detail: 'Send.' },
    }))
    const asked = ['send', ...flags, '--text', 'x', '--url', url]
    assert.equal(
      (await waypost(asked)).err,
      `error: ${url} asks for a key: --key, or WAYPOST_KEY in the environment. (401)`,
    )
    assert.equal((await waypost([...asked, '--key', 'k'])).err, `error: ${url} does not know this key. (401)`)
  })

  it('stops at the first file that is refused, and names it', async (test) => {
    let count = 0
    const problem = { title: 'Too many requests', status: 429, detail: 'Wait.' }
    const { url, asked } = await gateway(test, () => (++count === 2 ? { status: 429, body: problem } : receipt()))
    const mail = file('m.eml', 'From: a@example.com\n\n')
    const { code, out, err } = await waypost(['send', '--file', mail, '--file', mail, '--file', mail, '--url', url])
    assert.deepEqual([code, out, asked.length], [1, 'msg_1\tqueued', 2])
    assert.equal(err, `error: ${mail}: Wait. (429)`)
  })

  it('shows what is no answer of a gateway in one bounded, harmless line', async (test) => {
    const { url } = await gateway(test, () => ({ status: 502, body: `<html>\n\u001b]0;x\u0007${'y'.repeat(500)}` }))
    const { code, err } = await waypost(['send', ...flags, '--text', 'x', '--url', url])
    assert.equal(code, 1)
    assert.match(err, /^error: The gateway answered 502: <html> \ufffd\]0;x\ufffdy+$/)
    assert.ok(err.length < 260)
    const other = await gateway(test, () => ({ body: 'hello' }))
    assert.match(
      (await waypost(['send', ...flags, '--text', 'x', '--url', other.url])).err,
      /not JSON; is it Waypost\?/,
    )
  })

  it('does not carry key and mail to where a redirect points', async (test) => {
    const elsewhere = await gateway(test, receipt)
    const server = createServer((socket) => {
      socket.end(`HTTP/1.1 307 Temporary Redirect\r\nlocation: ${elsewhere.url}/\r\ncontent-length: 0\r\n\r\n`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.after(() => server.close())
    const address = server.address() as { port: number }
    const { code } = await waypost([
      'send',
      ...flags,
      '--text',
      'x',
      '--url',
      `http://127.0.0.1:${address.port}`,
      '--key',
      'k',
    ])
    assert.deepEqual([code, elsewhere.asked.length], [1, 0])
  })

  it('asks whether the gateway runs when nothing answers', async (test) => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`
    server.close()
    await once(server, 'close')
    test.after(() => {})
    const { code, err } = await waypost(['send', ...flags, '--text', 'x', '--url', url])
    assert.equal(code, 1)
    assert.equal(err, `error: Nothing answers at ${url}; is \`waypost serve\` running?`)
  })

  const wrong: [string[], RegExp][] = [
    [['--to', 'b@example.net', '--text', 'x'], /--from is missing/],
    [['--from', 'b@example.net', '--text', 'x'], /--to is missing/],
    [flags, /a body is missing/],
    [[...flags, '--file', 'm.eml', '--subject', 'x'], /--subject cannot change what a --file holds/],
    [['--file', '-', '--file', '-'], /standard input can be read just once/],
    [['--file', '-', '--tag', 'a\r\nBcc: x@example.com'], /--tag needs one line of text/],
    [[...flags, '--text', 'x', '--url', 'ftp://x'], /is not a URL/],
    [[...flags, '--text', 'x', '--key', 'a\nb'], /characters that no key has/],
    [[...flags, '--nonsense'], /unknown option '--nonsense'/],
  ]
  for (const [args, message] of wrong) {
    it(`is used wrongly: ${JSON.stringify(args.slice(-2))}`, async () => {
      const { code, out, err } = await waypost(['send', ...args], { input: 'From: a@example.com\n\n' })
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, message)
    })
  }

  it('fails when a file is not there or empty', async () => {
    const missing = await waypost(['send', '--file', join(folder, 'none.eml')])
    assert.equal(missing.code, 1)
    assert.match(missing.err, /none.eml cannot be read \(ENOENT\)/)
    assert.match((await waypost(['send', '--file', '-'])).err, /standard input is empty/)
  })
})

describe('waypost explain', () => {
  const plan = {
    route: 'codes',
    policy: 'abc',
    candidates: [
      { provider: 'a', score: 1.25, reasons: ['first in the list', 'cheap'] },
      { provider: 'b', score: 2, reasons: [] },
    ],
    rejected: [{ provider: 'c', reason: 'its breaker is open' }],
  }

  it('asks without sending, and shows order and reasons', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: plan }))
    const { code, out } = await waypost(['explain', ...flags, '--text', 'x', '--type', 'otp', '--url', url])
    assert.equal(code, 0)
    assert.equal(asked[0]?.path, '/v1/explain')
    assert.equal(JSON.parse(String(asked[0]?.body)).type, 'otp')
    assert.equal(
      out,
      [
        'Route codes, policy abc',
        'ORDER\tPROVIDER\tSCORE\tWHY',
        '1\ta\t1.250\tfirst in the list; cheap',
        '2\tb\t2\tthe rule names it',
        'out\tc\t-\tits breaker is open',
      ].join('\n'),
    )
  })

  it('says so where all are out, and not of who is suppressed', async (test) => {
    const { url } = await gateway(test, () => ({ body: { ...plan, candidates: [] } }))
    const { out } = await waypost(['explain', ...flags, '--url', url])
    assert.match(out, /\n\nWhere all are out, nobody can take it now\.$/)
    const suppressed = await gateway(test, () => ({ body: { ...plan, candidates: [], rejected: [] } }))
    assert.doesNotMatch((await waypost(['explain', ...flags, '--url', suppressed.url])).out, /nobody/)
  })

  it('needs no body', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: plan }))
    assert.equal((await waypost(['explain', ...flags, '--url', url])).code, 0)
    assert.equal(JSON.parse(String(asked[0]?.body)).text, '')
  })

  it('shows each road where recipients take different ones', async (test) => {
    const plans = [
      { ...plan, recipients: ['b@example.net'] },
      { ...plan, route: 'rest', rejected: [], candidates: [], recipients: ['c@example.net', 'd@example.net'] },
    ]
    const { url } = await gateway(test, () => ({ body: { ...plan, plans } }))
    const { out } = await waypost(['explain', ...flags, '--text', 'x', '--url', url])
    assert.match(out, /^b@example.net\nRoute codes,[\s\S]*\n\nc@example.net, d@example.net\nRoute rest, policy abc\n/)
    const { out: asJson } = await waypost(['explain', ...flags, '--text', 'x', '--url', url, '--json'])
    assert.deepEqual(JSON.parse(asJson), { ...plan, plans })
  })
})
