import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { RawContent } from '../../src/accept/submit.ts'
import { inMemory } from './in-memory.ts'

const mail = [
  'From: Ann <ann@example.com>',
  'To: Bob <bob@example.net>, "C, Y" <cy@example.net>',
  'Cc: Team: dee@example.net;',
  'Bcc: eve@example.net, bob@example.net',
  'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
  'Message-ID: <17@example.com>',
  'Date: Wed, 25 Nov 2026 12:00:00 +0000',
  'X-Waypost-Type: otp',
  'X-Waypost-Tag: a',
  'X-Waypost-Tag: b',
  'X-Waypost-Metadata-Order: 17',
  '',
  'Hello',
  '.',
  'Bye',
  '',
].join('\r\n')

type Gateway = ReturnType<typeof inMemory>

function post(gateway: Gateway, body: BodyInit, query = '', headers: Record<string, string> = {}) {
  return gateway.ask(`/v1/messages${query}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'message/rfc822', ...headers },
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as RequestInit)
}

async function refused(response: Response, status: number, code: string, pointer?: string) {
  const body = (await response.json()) as { code: string; errors?: { pointer: string }[] }
  assert.deepEqual([response.status, body.code, body.errors?.[0]?.pointer], [status, code, pointer])
}

function stream(...chunks: string[]): ReadableStream {
  const rest = chunks.map((chunk) => Buffer.from(chunk, 'latin1'))
  return new ReadableStream({
    pull(controller) {
      const next = rest.shift()
      if (next) controller.enqueue(next)
      else controller.close()
    },
  })
}

function bytesOf(gateway: Gateway, index = 0): string {
  const content = gateway.submissions[index]?.content as RawContent
  const { bytes } = content
  return Buffer.concat(bytes instanceof Uint8Array ? [bytes] : gateway.spools.get(bytes.spool)!).toString('latin1')
}

describe('raw mail over HTTP', () => {
  it('takes envelope and steering from the headers, and lets out neither Bcc nor steering', async () => {
    const gateway = inMemory()
    const response = await post(gateway, mail)
    assert.equal(response.status, 202)
    const { recipients, returnPath, type, tags, metadata, via, content } = gateway.submissions[0]!
    assert.deepEqual(
      recipients.map(({ email }) => email),
      ['bob', 'cy', 'dee', 'eve'].map((name) => `${name}@example.net`),
    )
    assert.deepEqual(
      [returnPath, type, tags, metadata, via],
      ['ann@example.com', 'otp', ['a', 'b'], { order: '17' }, 'http'],
    )
    assert.ok(content.form === 'raw')
    assert.deepEqual([content.subject, content.messageId], ['Grüße', '<17@example.com>'])
    const sent = bytesOf(gateway)
    assert.match(sent, /^Received: by \S+ \(Waypost\) with HTTP;\r\n\t/)
    assert.ok(!/^(?:bcc|x-waypost-)/im.test(sent))
    assert.ok(sent.endsWith('\r\n\r\nHello\r\n.\r\nBye\r\n'))
  })

  it('takes the envelope from the query', async () => {
    const gateway = inMemory()
    await post(gateway, mail, '?from=bounces@example.org&to=x@example.net&to=y@EXAMPLE.net&to=x@example.net')
    const { recipients, returnPath } = gateway.submissions[0]!
    assert.equal(returnPath, 'bounces@example.org')
    assert.deepEqual(recipients, [{ email: 'x@example.net' }, { email: 'y@example.net' }])
  })

  it('refuses an envelope that is wrong or not told', async () => {
    const gateway = inMemory()
    await refused(await post(gateway, mail, '?to=nobody'), 422, 'invalid_address', '/to')
    await refused(await post(gateway, mail, '?to=a@x.example&to=b%0d%0a@x.example'), 422, 'invalid_address', '/to/1')
    await refused(await post(gateway, mail, '?from='), 422, 'invalid_address', '/from')
    await refused(await post(gateway, mail, '?from=a@x.example&from=b@x.example'), 422, 'invalid', '/from')
    await refused(await post(gateway, mail, '?cc=a@x.example'), 422, 'invalid', '/cc')
    await refused(await post(gateway, 'Subject: x\r\n\r\nHi\r\n'), 422, 'invalid', '/from')
    await refused(await post(gateway, 'From: a@x.example\r\n\r\nHi\r\n'), 422, 'invalid', '/to')
    const unreadable = 'From: a@x.example\r\nTo: b@x.example, "c d"@x.example\r\n\r\nHi\r\n'
    await refused(await post(gateway, unreadable), 422, 'invalid', '/to')
    const many = Array.from({ length: 1001 }, (_, index) => `to=r${index}@example.net`).join('&')
    await refused(await post(gateway, mail, `?${many}`), 422, 'too_many_recipients')
    assert.equal(gateway.submissions.length, 0)
    const json = { from: 'a@x.example', to: 'b@x.example', text: '' }
    await refused(await gateway.ask('/v1/messages?to=c@x.example', { json }), 422, 'invalid', '/to')
  })

  it('makes the line ends of a Unix file CRLF, wherever it is cut', async () => {
    const unix = mail.replaceAll('\r\n', '\n')
    for (const body of [unix, stream(...unix), stream(unix.slice(0, 27), '', unix.slice(27))]) {
      const gateway = inMemory()
      assert.equal((await post(gateway, body)).status, 202)
      assert.ok(bytesOf(gateway).endsWith('\r\n\r\nHello\r\n.\r\nBye\r\n'))
      assert.ok(!/[^\r]\n|\r[^\n]/.test(bytesOf(gateway)))
    }
    const gateway = inMemory()
    assert.equal((await post(gateway, stream(...mail))).status, 202)
    assert.ok(bytesOf(gateway).endsWith('\r\n\r\nHello\r\n.\r\nBye\r\n'))
  })

  it('refuses mixed line ends, which could hide a message in a message', async () => {
    const gateway = inMemory()
    const body = (text: string) => `From: a@x.example\r\nTo: b@x.example\r\n\r\n${text}`
    for (const text of ['a\n.\nb\r\n', 'a\n.\r\nb\r\n', 'a\r.\r\nb\r\n', 'a\0b\r\n', `${'x'.repeat(2000)}\r\n`]) {
      await refused(await post(gateway, body(text)), 422, 'invalid_content')
      await refused(await post(gateway, stream(...body(text))), 422, 'invalid_content')
    }
    const unix = body('').replaceAll('\r\n', '\n')
    for (const text of ['a\r\n.\r\n', 'a\rb\n', '.\r']) {
      await refused(await post(gateway, stream(...unix, ...text)), 422, 'invalid_content')
    }
    await refused(await post(gateway, ''), 422, 'invalid_content')
    assert.equal(gateway.submissions.length, 0)
  })

  it('keeps large mail in pieces as it comes, and forgets them when it is refused', async () => {
    const gateway = inMemory({ maxSize: 3_000_000 })
    const line = `${'x'.repeat(98)}\r\n`
    const pieces = (count: number) => stream(mail, ...Array.from({ length: count }, () => line.repeat(500)))
    assert.equal((await post(gateway, pieces(40))).status, 202)
    assert.equal(bytesOf(gateway).length > 2_000_000, true)
    assert.ok([...gateway.spools.values()][0]!.length > 5)
    gateway.spools.clear()
    await refused(await post(gateway, pieces(70)), 413, 'too_large')
    assert.equal(gateway.spools.size, 0)
    await refused(await post(gateway, stream(mail, line.repeat(9000), 'bare\nlf\r\n')), 422, 'invalid_content')
    assert.equal(gateway.spools.size, 0)
  })

  it('replays under a key, which stands for the envelope too', async () => {
    const gateway = inMemory()
    const headers = { 'idempotency-key': 'k1' }
    const first = await post(gateway, mail, '', headers)
    const again = await post(gateway, mail, '', headers)
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
    assert.deepEqual(await again.json(), await first.json())
    await refused(await post(gateway, mail, '?to=x@example.net', headers), 422, 'idempotency_reused')
    await refused(await post(gateway, mail.replace('Bye', 'By'), '', headers), 422, 'idempotency_reused')
    await refused(await post(gateway, mail.replace('eve', 'eva'), '', headers), 422, 'idempotency_reused')

    const inside = `X-Waypost-Idempotency-Key: k2\r\n${mail}`
    await post(gateway, inside)
    assert.equal((await post(gateway, inside)).headers.get('idempotency-replayed'), 'true')
    await refused(await post(gateway, mail, '', { 'idempotency-key': 'a b' }), 400, 'malformed')
  })

  it('lets a key show only its own domains, and pin only with scope route', async () => {
    const hash = createHash('sha256').update('wp_live_a').digest('hex')
    const gateway = inMemory({ keys: [{ hash, tenant: 'acme', scopes: ['send'], from: ['example.com'] }] })
    const authorized = { authorization: 'Bearer wp_live_a' }
    assert.equal((await post(gateway, mail, '', authorized)).status, 202)
    const other = mail.replace('ann@example.com', 'ann@example.org')
    await refused(await post(gateway, other, '?from=a@example.com', authorized), 403, 'from_not_allowed')
    const sender = `Sender: boss@example.org\r\n${mail}`
    await refused(await post(gateway, sender, '', authorized), 403, 'from_not_allowed')
    for (const dropped of [
      '"ceo"@example.org, ann@example.com',
      'ann@example.com, <ceo@example.org> <x@example.org>',
    ]) {
      const from = mail.replace('Ann <ann@example.com>', dropped)
      await refused(await post(gateway, from, '', authorized), 403, 'from_not_allowed')
      const second = `Sender: ${dropped}\r\n${mail}`
      await refused(await post(gateway, second, '', authorized), 403, 'from_not_allowed')
    }
    await refused(await post(gateway, `X-Waypost-Provider: ses\r\n${mail}`, '', authorized), 403, 'scope', '/provider')
  })

  it('is explained without being kept', async () => {
    const gateway = inMemory()
    const large = mail + `${'x'.repeat(98)}\r\n`.repeat(9000)
    const response = await gateway.ask('/v1/explain', {
      method: 'POST',
      body: large,
      headers: { 'content-type': 'message/rfc822' },
    })
    assert.equal(response.status, 200)
    assert.deepEqual([gateway.submissions.length, gateway.spools.size], [0, 0])
  })

  it('reads back as it was taken', async () => {
    const gateway = inMemory()
    const { id } = (await (await post(gateway, mail)).json()) as { id: string }
    const raw = await gateway.ask(`/v1/messages/${id}/raw`)
    assert.equal(raw.headers.get('content-type'), 'message/rfc822')
    assert.equal(Buffer.from(await raw.arrayBuffer()).toString('latin1'), bytesOf(gateway))
  })
})
