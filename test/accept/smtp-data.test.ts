/** faults.md 4 B, and what becomes of the content: cleaned, traced, steered by its headers, kept in pieces. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { describe, it } from 'node:test'
import type { Key } from '../../src/accept/auth.ts'
import { Refusal } from '../../src/accept/refusals.ts'
import type { RawContent, Submission } from '../../src/accept/submit.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { type SmtpIn, smtpIn } from '../support/smtp-in.ts'

const head =
  'From: Ann <ann@x.test>\r\nMessage-ID: <1@x.test>\r\nDate: Sat, 31 Jan 2026 09:00:00 +0000\r\nSubject: x\r\n\r\n'

/** `body`: what is sent between the header block and the final CRLF.CRLF, bytes as they are. */
interface Row {
  name: string
  body: string
  reply: RegExp
}

const rows: Row[] = [
  { name: 'B01 LF . LF', body: 'a\n.\nMAIL FROM:<evil@z.test>', reply: /^554 5\.6\.0 .*bare LF/ },
  { name: 'B02 LF . CRLF', body: 'a\n.\r\nMAIL FROM:<evil@z.test>', reply: /^554 5\.6\.0 .*bare LF/ },
  { name: 'B03 CRLF . LF', body: 'a\r\n.\nMAIL FROM:<evil@z.test>', reply: /^554 5\.6\.0 .*bare LF/ },
  { name: 'B04 CR . CR', body: 'a\r.\rMAIL FROM:<evil@z.test>', reply: /^554 5\.6\.0 .*bare CR/ },
  { name: 'B05 CRLF . CR', body: 'a\r\n.\rMAIL FROM:<evil@z.test>', reply: /^554 5\.6\.0 .*bare CR/ },
  { name: 'B06 CR CRLF . CR CRLF', body: 'a\r\r\n.\r\r\nMAIL FROM:<evil@z.test>', reply: /^554 5\.6\.0 .*bare CR/ },
  { name: 'B07 CRLF NUL . CRLF', body: 'a\r\n\0.\r\nMAIL FROM:<evil@z.test>', reply: /^554 5\.6\.0 .*NUL/ },
  { name: 'B11 a line of 998', body: 'a'.repeat(998), reply: /^250 / },
  { name: 'B11 a line of 999', body: 'a'.repeat(999), reply: /^554 5\.6\.0 .*998/ },
  { name: 'B11 a line of 5,000', body: `${'a'.repeat(5000)}\r\nb`, reply: /^554 5\.6\.0 / },
  { name: 'B11 a line of 900,000', body: 'a'.repeat(900_000), reply: /^554 5\.6\.0 / },
  { name: 'B12 2 MB to a limit of 1 MB', body: `${'a'.repeat(98)}\r\n`.repeat(20_000), reply: /^552 5\.3\.4 / },
]

function rawContent(submission: Submission): RawContent {
  assert.equal(submission.content.form, 'raw')
  return submission.content as RawContent
}

/** Sends content and gives what was stored without our trace headers, which are checked. */
async function stored(setup: SmtpIn, content: string | Buffer, added = /^/): Promise<Buffer> {
  const client = await SmtpClient.hello(setup.port)
  assert.match(await client.send(content), /^250 2\.0\.0 queued as msg_\d+$/)
  client.end()
  const submission = setup.door.submissions.at(-1)!
  const bytes = setup.door.bytes(submission)
  assert.equal(rawContent(submission).size, bytes.length)
  const text = bytes.toString('latin1')
  const received =
    /^Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n\tby (\S+) \(Waypost\) with ESMTP\r\n\tid \S+;\r\n\t(.*)\r\n/.exec(
      text,
    )
  assert.ok(received, text.slice(0, 300))
  assert.equal(received[1], hostname())
  assert.equal(received[2], 'Sat, 31 Jan 2026 09:30:00 +0000')
  const rest = text.slice(received[0].length)
  const own = added.exec(rest)
  assert.ok(own, rest.slice(0, 300))
  return bytes.subarray(received[0].length + own[0].length)
}

describe('the content of DATA', { concurrency: true }, () => {
  for (const { name, body, reply } of rows) {
    it(name, async (t) => {
      const { port, door } = await smtpIn(t)
      const client = await SmtpClient.hello(port)
      await client.say('MAIL FROM:<a@x.test>')
      await client.say('RCPT TO:<b@y.test>')
      await client.say('DATA')
      client.write(Buffer.from(`${head}${body}\r\n.\r\n`, 'latin1'))
      assert.match(await client.reply(), reply)
      const taken = reply.source.startsWith('^250') ? 1 : 0
      assert.equal(door.submissions.length, taken)
      assert.equal(door.spools.size, 0)
      assert.match(await client.say('RCPT TO:<evil@z.test>'), /^503 /, 'the transaction is over')
      assert.match(await client.send(`${head}the session lives on\r\n`), /^250 /)
      assert.equal(door.submissions.length, taken + 1)
      client.end()
    })
  }

  it('B08 B09 dots survive, however the bytes are split', async (t) => {
    const { port, door } = await smtpIn(t)
    const body = `${head}..a\r\n.\r\n..\r\n...\r\n.b\r\n\r\n.\r\n`
    const wire = Buffer.from(`${body.replace(/^\./gm, '..')}.\r\n`)
    const client = await SmtpClient.hello(port)
    const begin = async () => {
      await client.say('MAIL FROM:<a@x.test>')
      await client.say('RCPT TO:<b@y.test>')
      await client.say('DATA')
    }
    await begin()
    // Nagle is off on both sides; a turn of the loop between the writes makes them packets of their own, mostly.
    for (const byte of wire) {
      client.write(Uint8Array.of(byte))
      await new Promise(setImmediate)
    }
    assert.match(await client.reply(), /^250 /)
    for (let at = head.length; at < wire.length; at++) {
      await begin()
      client.write(wire.subarray(0, at))
      await new Promise(setImmediate)
      client.write(wire.subarray(at))
      assert.match(await client.reply(), /^250 /, `split at ${at}`)
    }
    assert.equal(door.submissions.length, wire.length - head.length + 1)
    for (const submission of door.submissions) {
      const text = door.bytes(submission).toString()
      assert.equal(text.slice(text.indexOf('From: Ann')), body)
    }
    client.end()
  })

  it('B10 an empty message is refused', async (t) => {
    const { port, door } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    await client.say('MAIL FROM:<a@x.test>')
    await client.say('RCPT TO:<b@y.test>')
    await client.say('DATA')
    client.write('.\r\n')
    assert.match(await client.reply(), /^554 5\.6\.0 .*empty/)
    assert.equal(door.submissions.length, 0)
    client.end()
  })

  it('B13 a client that leaves in DATA has sent nothing', async (t) => {
    const { port, door, smtp } = await smtpIn(t)
    const line = `${'a'.repeat(98)}\r\n`
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const client = await SmtpClient.hello(port)
      await client.say('MAIL FROM:<a@x.test>')
      await client.say('RCPT TO:<b@y.test>')
      await client.say('DATA')
      client.write(head + line.repeat(6000))
      while (door.spools.size === 0) await new Promise(setImmediate)
      client.socket[leave]()
      while (door.spools.size > 0) await new Promise(setImmediate)
    }
    await smtp.close()
    assert.equal(door.submissions.length, 0)
    assert.equal(door.dropped.length, 2)
  })

  it('B14 an endless header block', async (t) => {
    const { port, door } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    assert.match(await client.send('A: b\r\n'.repeat(100_000)), /^554 5\.6\.0 .*header block/)
    assert.match(
      await client.send(`A: b\r\n${` ${'c'.repeat(900)}\r\n`.repeat(1000)}\r\nx\r\n`),
      /^554 5\.6\.0 .*header block/,
    )
    assert.match(
      await client.send(`${'A: b\r\n'.repeat(17_067)}\r\nx\r\n`),
      /^554 5\.6\.0 .*header block/,
      '102,402 octets',
    )
    assert.match(await client.send(`${'A: b\r\n'.repeat(17_000)}\r\nx\r\n`), /^250 /, '102,002 octets')
    assert.equal(door.submissions.length, 1)
    client.end()
  })

  it('B15 mail without a header block becomes a body', async (t) => {
    const setup = await smtpIn(t)
    const ours = /^Message-ID: <\S+@\S+>\r\nDate: Sat, 31 Jan 2026 09:30:00 \+0000\r\n/
    const withBlank = new RegExp(`${ours.source}\\r\\n`)
    for (const content of [
      ' begins with a space\r\n',
      'hello there\r\nBcc: evil@z.test\r\n',
      'x'.repeat(900).concat('\r\n').repeat(200),
    ]) {
      assert.equal((await stored(setup, content, withBlank)).toString(), content)
      assert.deepEqual(rawContent(setup.door.submissions.at(-1)!).headers, [])
      assert.deepEqual(rawContent(setup.door.submissions.at(-1)!).from, { email: 'a@x.test' })
    }
    assert.equal((await stored(setup, '\r\nonly a body\r\n', ours)).toString(), '\r\nonly a body\r\n')
    const noBlank = 'From: ann@x.test\r\nSubject: y\r\nthis is no field\r\nnor this\r\n'
    assert.equal((await stored(setup, noBlank, ours)).toString(), noBlank)
  })

  it('B16 mail that goes round in circles', async (t) => {
    const { port } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    assert.match(await client.send('Received: by x.test\r\n'.repeat(50) + head), /^250 /)
    assert.match(await client.send('Received: by x.test\r\n'.repeat(51) + head), /^554 5\.4\.6 /)
    const ours = `Received: from a.test ([10.0.0.1])\r\n\tby ${hostname()} (Waypost) with ESMTP\r\n\tid 1.1; date\r\n`
    assert.match(await client.send(ours.repeat(4) + head), /^250 /)
    assert.match(await client.send(ours.repeat(5) + head), /^554 5\.4\.6 /)
    client.end()
  })

  it('B17 a second message pipelined behind the final dot', async (t) => {
    const { port, door } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    await client.say('MAIL FROM:<a@x.test>')
    await client.say('RCPT TO:<b@y.test>')
    await client.say('DATA')
    client.write(`${head}one\r\n.\r\nMAIL FROM:<c@x.test>\r\nRCPT TO:<d@y.test>\r\nDATA\r\n`)
    for (const expected of [/^250 2\.0\.0 queued as msg_1/, /^250 2\.1\.0/, /^250 2\.1\.5/, /^354 /]) {
      assert.match(await client.reply(), expected)
    }
    client.write(`${head}two\r\n.\r\n`)
    assert.match(await client.reply(), /^250 2\.0\.0 queued as msg_2/)
    assert.deepEqual(
      door.submissions.map(({ returnPath }) => returnPath),
      ['a@x.test', 'c@x.test'],
    )
    client.end()
  })

  it('takes out Bcc and X-Waypost- fields with their folds, and puts what is missing on top', async (t) => {
    const setup = await smtpIn(t)
    const content =
      'From: =?utf-8?q?J=C3=B6rg?= <joerg@x.test>, b@x.test\r\nBCC: secret@z.test,\r\n\tother@z.test\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n' +
      ' you\r\nx-waypost-tag: a\r\nX-Custom:  kept \r\nResent-Bcc: third@z.test\r\n\r\nBcc: stays in the body\r\n'
    const ours = /^Message-ID: (<\S+@\S+>)\r\nDate: Sat, 31 Jan 2026 09:30:00 \+0000\r\n/
    assert.equal(
      (await stored(setup, content, ours)).toString(),
      'From: =?utf-8?q?J=C3=B6rg?= <joerg@x.test>, b@x.test\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n you\r\n' +
        'X-Custom:  kept \r\n\r\nBcc: stays in the body\r\n',
    )
    const { from, subject, messageId, headers } = rawContent(setup.door.submissions[0]!)
    assert.deepEqual(from, { email: 'joerg@x.test', name: 'J\u00f6rg' })
    assert.equal(subject, 'gr\u00fc\u00dfe you')
    const kept = setup.door.bytes(setup.door.submissions[0]!).toString()
    assert.ok(kept.includes(`Message-ID: ${messageId}\r\n`))
    assert.deepEqual(
      headers.map(([name]) => name),
      ['From', 'Subject', 'X-Custom'],
    )
  })

  it('is steered by X-Waypost- headers', async (t) => {
    const setup = await smtpIn(t)
    const steer =
      'X-Waypost-Type: otp\r\nX-Waypost-Tag: a\r\nX-Waypost-Tag: b\r\nX-Waypost-Metadata-Order-Id: 17\r\n' +
      'X-Waypost-Metadata-__proto__: x\r\nX-Waypost-Send-At: 2026-02-01T10:00:00+01:00\r\n' +
      'X-Waypost-Expire-At: 2026-02-02T09:00:00Z\r\nX-Waypost-Idempotency-Key: k1\r\nX-Waypost-Provider: p1\r\n'
    assert.equal((await stored(setup, steer + head)).toString(), head)
    const submission = setup.door.submissions[0]!
    assert.equal(submission.type, 'otp')
    assert.deepEqual(submission.tags, ['a', 'b'])
    assert.deepEqual(Object.entries(submission.metadata), [
      ['order-id', '17'],
      ['__proto__', 'x'],
    ])
    assert.equal(submission.sendAt, Date.UTC(2026, 1, 1, 9))
    assert.equal(submission.expireAt, Date.UTC(2026, 1, 2, 9))
    assert.equal(submission.provider, 'p1')
    assert.equal(submission.idempotencyKey, 'k1')
    assert.match(submission.digest!, /^[0-9a-f]{64}$/)
    await stored(setup, steer + head)
    assert.equal(setup.door.submissions[1]!.digest, submission.digest, 'the same again')
    await stored(setup, `${steer}${head}x\r\n`)
    assert.notEqual(setup.door.submissions[2]!.digest, submission.digest, 'another content')
    await stored(setup, steer.replace('otp', 'marketing') + head)
    assert.notEqual(setup.door.submissions[3]!.digest, submission.digest, 'another type')
    await stored(setup, head)
    assert.equal(setup.door.submissions[4]!.digest, undefined)
  })

  it('says which steering header is wrong', async (t) => {
    const { port, door } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    for (const header of [
      'X-Waypost-Send-At: tomorrow',
      'X-Waypost-Expire-At: 2026-02-30T00:00:00Z',
      'X-Waypost-Type:',
      'X-Waypost-Type: a\r\nX-Waypost-Type: b',
      'X-Waypost-Tag: a\x7fb',
      'X-Waypost-Metadata-a: \r\n ',
    ]) {
      const name = header.split(':')[0]!
      assert.match(await client.send(`${header}\r\n${head}`), new RegExp(`^554 5\\.6\\.0 .*${name} `))
    }
    assert.equal(door.submissions.length, 0)
    client.end()
  })

  it('keeps large mail in pieces, and forgets it when the door says no', async (t) => {
    const setup = await smtpIn(t)
    const content = `X-Waypost-Idempotency-Key: k\r\n${head}${`${'b'.repeat(98)}\r\n`.repeat(9000)}`
    const bytes = await stored(setup, content)
    assert.equal(bytes.toString(), content.slice('X-Waypost-Idempotency-Key: k\r\n'.length))
    const submission = setup.door.submissions[0]!
    const held = rawContent(submission).bytes
    assert.ok('spool' in held)
    const pieces = setup.door.spools.get(held.spool)!
    assert.ok(pieces.length > 2 && pieces.every((piece) => piece.length < 400 * 1024))
    const envelope = JSON.stringify([
      'a@x.test',
      [{ email: 'b@y.test', dsn: {} }],
      {},
      { tags: [], metadata: {}, idempotencyKey: 'k' },
    ])
    assert.equal(submission.digest, createHash('sha256').update(`${envelope}\0`).update(bytes).digest('hex'))

    setup.door.failure = new Refusal('full', 'The disk is full.')
    const client = await SmtpClient.hello(setup.port)
    assert.match(await client.send(content), /^452 4\.3\.1 The disk is full\.$/)
    assert.equal(setup.door.spools.size, 1)
    setup.door.failure = null
    setup.door.replays = true
    assert.match(await client.send(content), /^250 /)
    assert.equal(setup.door.spools.size, 1, 'nor does a replay keep the bytes again')
    client.end()
  })

  it('takes 64 KiB whole and a byte more in pieces', async (t) => {
    const { port, door } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    const fill = (size: number) => {
      const rest = size - head.length
      return `${head}${'x'.repeat(rest % 100)}\r\n${`${'y'.repeat(98)}\r\n`.repeat(Math.floor(rest / 100))}`
        .slice(0, size - 2)
        .concat('\r\n')
    }
    for (const size of [65_536, 65_537]) {
      assert.equal(fill(size).length, size)
      assert.match(await client.send(fill(size)), /^250 /)
    }
    assert.deepEqual(
      door.submissions.map((submission) => 'spool' in rawContent(submission).bytes),
      [false, true],
    )
    client.end()
  })

  it('says 250 only when the door has it, and nothing of our inside when that fails', async (t) => {
    const { port, door, log } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    let open = () => {}
    door.gate = new Promise((resolve) => (open = resolve))
    const answered = client.send(`${head}x\r\n`)
    while (door.waiting === 0) await new Promise(setImmediate)
    assert.match(client.transcript, /\r\n354 [^\n]*\n$/)
    open()
    assert.match(await answered, /^250 2\.0\.0 queued as msg_1$/)
    client.end()

    const other = await SmtpClient.hello(port)
    door.failure = new Error('/secret/path: SQLITE_IOERR')
    assert.match(await other.send(`${head}x\r\n`), /^451 4\.3\.0 [^/]*$/)
    assert.equal(log.length, 1)
    assert.match(log[0]!, /SQLITE_IOERR/)
    door.failure = new Refusal('stopping', 'We are stopping.')
    assert.match(await other.send(`${head}x\r\n`), /^421 4\.3\.2 /)
    await other.closed()
  })

  it('says early what the door would say to any message', async (t) => {
    const { port, door, log } = await smtpIn(t)
    door.notReady = 'full'
    const client = await SmtpClient.hello(port)
    assert.match(await client.say('MAIL FROM:<a@x.test>'), /^452 4\.3\.1 /)
    door.ready = () => {
      throw new TypeError('a bug')
    }
    assert.match(await client.say('MAIL FROM:<a@x.test>'), /^451 4\.3\.0 [^:]*$/)
    assert.deepEqual(log, ['smtp: TypeError: a bug'])
    client.end()
  })

  it('J08 J10 a key bound to domains shows no other in From or Sender', async (t) => {
    const hash = createHash('sha256').update('wp_live_1').digest('hex')
    const keys: Key[] = [{ hash, tenant: 'acme', scopes: ['send'], from: ['x.test'] }]
    const { port, door } = await smtpIn(t, { keys, auth: 'required' })
    const client = await SmtpClient.hello(port)
    assert.match(await client.say(`AUTH PLAIN ${Buffer.from('\0app\0wp_live_1').toString('base64')}`), /^235 2\.7\.0 /)
    assert.match(await client.say('MAIL FROM:<a@other.test>'), /^550 5\.7\.1 .*other\.test/)
    for (const [fields, reply] of [
      ['From: a@x.test\r\n', /^250 /],
      ['From: a@x.test, b@X.TEST\r\nSender: c@x.test\r\n', /^250 /],
      ['From: a@other.test\r\n', /^550 5\.7\.1 /],
      ['From: a@x.test, b@other.test\r\n', /^550 5\.7\.1 /],
      ['From: a@x.test\r\nFrom: b@other.test\r\n', /^550 5\.7\.1 /],
      ['From: a@x.test\r\nSender: b@other.test\r\n', /^550 5\.7\.1 /],
      ['From: a@sub.x.test\r\n', /^550 5\.7\.1 /],
      ['From: <<broken\r\n', /^550 5\.7\.1 /],
      ['From: "ceo"@other.test, a@x.test\r\n', /^550 5\.7\.1 .*cannot be read whole/],
      ['From: a@x.test, <@x.test:ceo@other.test>\r\n', /^550 5\.7\.1 /],
      ['From: "ceo"@other.test: a@x.test;\r\n', /^550 5\.7\.1 /],
      ['From: a@x.test ceo@[192.0.2.1]\r\n', /^550 5\.7\.1 /],
      ['From: a@x.test\r\nSender: c@x.test, "ceo"@other.test\r\n', /^550 5\.7\.1 /],
      ['Subject: no From\r\n', /^550 5\.7\.1 /],
    ] as const) {
      assert.match(await client.send(`${fields}\r\nx\r\n`, 'a@x.test'), reply, fields)
    }
    assert.equal(door.submissions.length, 2)
    assert.equal(door.submissions[0]!.sender.tenant, 'acme')
    client.end()
  })

  it('V23 header names that are properties of objects', async (t) => {
    const setup = await smtpIn(t)
    const fields = '__proto__: x\r\nconstructor: x\r\ntoString: x\r\nhasOwnProperty: x\r\n'
    assert.equal((await stored(setup, fields + head)).toString(), fields + head)
  })

  it('takes every message of the corpus, byte for byte', async (t) => {
    const setup = await smtpIn(t)
    const folder = new URL('../corpus/', import.meta.url)
    const names = readdirSync(folder).filter((name) => name.endsWith('.eml'))
    assert.ok(names.length > 40)
    const client = await SmtpClient.hello(setup.port)
    for (const name of names) {
      const lf = readFileSync(new URL(name, folder)).toString('latin1').replaceAll('\r\n', '\n')
      const content = lf.replace(/\n*$/, (end) => end || '\n').replaceAll('\n', '\r\n')
      assert.match(await client.send(Buffer.from(content, 'latin1')), /^250 /, name)
      const submission = setup.door.submissions.at(-1)!
      const text = setup.door.bytes(submission).toString('latin1')
      const trace = /^Received: .*\r\n(?:\t.*\r\n)+(?:Message-ID: .*\r\n)?(?:Date: .* \+0000\r\n)?/
      const bcc = /^bcc:.*\r\n(?:[ \t].*\r\n)*/gim
      const end = content.indexOf('\r\n\r\n')
      const expected = content.slice(0, end + 2).replace(bcc, '') + content.slice(end + 2)
      assert.ok(text.endsWith(expected), name)
      assert.match(text.slice(0, text.length - expected.length), new RegExp(`${trace.source}$`), name)
      assert.match(rawContent(submission).from.email, /@/, name)
    }
    client.end()
  })
})
