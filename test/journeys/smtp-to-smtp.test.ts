/** Mail comes in by SMTP and leaves by an SMTP relay: byte for byte what it was, whatever it was. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { after, before, test } from 'node:test'
import SMTPConnection from 'nodemailer/lib/smtp-connection/index.js'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { remove, type Waypost, waypost } from '../support/waypost.ts'

let relay: FakeMx
let gateway: Waypost

before(async () => {
  relay = await fakeMx()
  gateway = await waypost(`
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
routes:
  - { name: default, use: relay }
`)
})
after(async () => {
  await gateway.stop()
  await relay.close()
  remove(gateway.folder)
})

/** Hands raw bytes in as they are; answers the id. */
async function submit(raw: Buffer, to: string[]): Promise<string> {
  const connection = new SMTPConnection({ host: '127.0.0.1', port: gateway.smtpPort, ignoreTLS: true })
  await new Promise<void>((resolve, reject) => {
    connection.once('error', reject)
    connection.connect(() => resolve())
  })
  try {
    const envelope = { from: 'sender@example.com', to, use8BitMime: true }
    const { response } = await new Promise<{ response: string }>((resolve, reject) => {
      connection.send(envelope, raw, (error: Error | null, info: { response: string }) =>
        error ? reject(error) : resolve(info),
      )
    })
    return response.match(/^250 2\.0\.0 queued as (msg_\w+)$/)![1]!
  } finally {
    connection.quit()
  }
}

const crlf = (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')

/** The fields that Waypost takes out, with their folds. */
const withoutBcc = (text: string) => text.replace(/^bcc:.*\r\n(?:[ \t].*\r\n)*/gim, '')

for (const file of globSync('test/corpus/*.eml').sort()) {
  test(basename(file), async () => {
    const raw = crlf(readFileSync(file))
    relay.received.length = 0
    const id = await submit(raw, ['bob@example.org'])
    await gateway.until(id, 'sent')
    const [mail] = relay.received
    assert.equal(relay.received.length, 1)
    assert.deepEqual([mail!.from, mail!.to], ['sender@example.com', ['bob@example.org']])
    const out = mail!.raw.toString('latin1')
    const head = raw.toString('latin1').split('\r\n\r\n')[0]!
    let expected =
      head.search(/^bcc:/im) < 0 ? raw.toString('latin1') : withoutBcc(head) + raw.toString('latin1').slice(head.length)
    // The end of DATA is a line of its own: a message whose last line had no end gets one.
    if (!expected.endsWith('\r\n')) expected += '\r\n'
    assert.ok(out.endsWith(expected), 'behind the trace headers it is what came in')
    assert.match(out.slice(0, out.length - expected.length), /^Received: [\s\S]*\r\n$/)
    assert.equal(
      Buffer.compare(Buffer.from(await (await fetch(`${gateway.url}/v1/messages/${id}/raw`)).arrayBuffer()), mail!.raw),
      0,
    )
  })
}

test('dots, 8-bit bytes and long parts survive; Bcc and X-Waypost- fields do not leave', async () => {
  relay.received.length = 0
  const body = ['.', '..', '.a', 'grüße', '...b', 'x'.repeat(998), '', '.'].join('\r\n')
  const raw = Buffer.from(
    [
      'From: Ann <ann@example.com>',
      'To: bob@example.org',
      'Bcc: secret@example.org,',
      '  other@example.org',
      'X-Waypost-Type: otp',
      'X-Waypost-Tag: a',
      'X-Waypost-Tag: b',
      'X-Waypost-Metadata-Order: 17',
      'Subject: Dots',
      'Message-ID: <own@example.com>',
      'Date: Wed, 25 Nov 2026 12:00:00 +0000',
      '',
      body,
      '',
    ].join('\r\n'),
  )
  const id = await submit(raw, ['bob@example.org', 'secret@example.org'])
  const message = await gateway.until(id, 'sent')
  assert.equal(message.type, 'otp')
  const out = relay.received[0]!.raw.toString()
  assert.ok(out.endsWith(`\r\n\r\n${body}\r\n`))
  assert.doesNotMatch(out, /secret@|other@|X-Waypost|^Bcc/im)
  assert.match(out, /^Message-ID: <own@example.com>\r$/m)
  assert.deepEqual(relay.received[0]!.to, ['bob@example.org', 'secret@example.org'])
})

test('DSN parameters and 8BITMIME travel on', async () => {
  relay.received.length = 0
  const connection = new SMTPConnection({ host: '127.0.0.1', port: gateway.smtpPort, ignoreTLS: true })
  await new Promise<void>((resolve) => connection.connect(() => resolve()))
  const envelope = {
    from: 'sender@example.com',
    to: ['bob@example.org'],
    use8BitMime: true,
    dsn: { id: 'job17', return: 'headers', notify: ['failure', 'delay'], recipient: 'rfc822;bob@example.org' },
  }
  const raw = 'From: ann@example.com\r\nSubject: grüße\r\n\r\nHi.\r\n'
  const { response } = await new Promise<{ response: string }>((resolve, reject) =>
    connection.send(envelope as never, raw, (error: Error | null, info: { response: string }) =>
      error ? reject(error) : resolve(info),
    ),
  )
  connection.quit()
  await gateway.until(response.match(/msg_\w+/)![0], 'sent')
  assert.match(relay.received[0]!.mail, /RET=HDRS/)
  assert.match(relay.received[0]!.mail, /ENVID=job17/)
  assert.match(relay.received[0]!.mail, /BODY=8BITMIME/)
  assert.match(relay.received[0]!.rcpt[0]!, /NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@example.org/i)
})
