/** AUTH, STARTTLS and implicit TLS: raw dialogues, and nodemailer as the client most people have. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { createTransport } from 'nodemailer'
import type { Key } from '../../src/accept/auth.ts'
import type { Config } from '../../src/config.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { smtpIn } from '../support/smtp-in.ts'
import { testCertificate } from '../support/tls/certificate.ts'

const secret = 'wp_live_k'
const key: Key = {
  hash: createHash('sha256').update(secret).digest('hex'),
  tenant: 'acme',
  scopes: ['send'],
  from: [],
}
const withKeys: Partial<Config['smtp']> & { keys: Key[] } = { keys: [key], auth: 'required' }
const withTls: Partial<Config['smtp']> = { tls: testCertificate, tlsListen: { host: '127.0.0.1', port: 0 } }
const plain = (password: string, user = 'app', authzid = '') =>
  `AUTH PLAIN ${Buffer.from(`${authzid}\0${user}\0${password}`).toString('base64')}`
const base64 = (text: string) => Buffer.from(text).toString('base64')
const message = 'From: a@x.test\r\nSubject: x\r\n\r\nx\r\n'

describe('login', { concurrency: true }, () => {
  it('A38 mail needs a login where the config says so', async (t) => {
    const { port, door } = await smtpIn(t, withKeys)
    const client = await SmtpClient.hello(port)
    for (const said of ['MAIL FROM:<a@x.test>', 'RCPT TO:<b@y.test>', 'DATA']) {
      assert.match(await client.say(said), /^530 5\.7\.0 /)
    }
    assert.match(await client.say(plain(secret)), /^235 2\.7\.0 /)
    assert.match(await client.say(plain(secret)), /^503 5\.5\.1 /, 'no second login')
    assert.match(await client.send(message), /^250 /)
    assert.equal(door.submissions[0]!.sender.tenant, 'acme')
    assert.match(door.bytes(door.submissions[0]!).toString(), /with ESMTPA\r\n/)
    client.end()
  })

  it('takes LOGIN in every form, and PLAIN in two steps', async (t) => {
    const { port } = await smtpIn(t, withKeys)
    const dialogues = [
      ['AUTH LOGIN', base64('app'), base64(secret)],
      [`AUTH LOGIN ${base64('app')}`, base64(secret)],
      ['AUTH PLAIN', base64(`\0app\0${secret}`)],
      ['auth plain', base64(`app\0\0${secret}`)],
    ]
    for (const lines of dialogues) {
      const client = await SmtpClient.hello(port)
      for (const line of lines.slice(0, -1)) assert.match(await client.say(line), /^334/)
      assert.match(await client.say(lines.at(-1)!), /^235 2\.7\.0 /)
      client.end()
    }
  })

  it('J02 J03 J04 what is no login', async (t) => {
    const { port } = await smtpIn(t, withKeys)
    const client = await SmtpClient.hello(port)
    const rows: [said: string, reply: RegExp][] = [
      [plain(secret, 'app', 'other'), /^535 5\.7\.8 /],
      ['AUTH LOGIN *', /^501 5\.5\.2 /],
      ['AUTH PLAIN !!!', /^501 5\.5\.2 /],
      ['AUTH PLAIN AAAA', /^501 5\.5\.2 /],
      ['AUTH PLAIN a b', /^501 5\.5\.2 /],
      [`AUTH PLAIN ${'A'.repeat(10_000)}`, /^501 5\.5\.2 /],
      ['AUTH CRAM-MD5', /^504 5\.5\.4 /],
      ['AUTH XOAUTH2', /^504 5\.5\.4 /],
      ['AUTH', /^504 5\.5\.4 /],
      [plain(`${secret}\u{1f511}`), /^535 5\.7\.8 /],
      [plain('x', 'a\r\nb'), /^501 5\.5\.2 /],
      [plain('x', '../%00'), /^535 5\.7\.8 /],
    ]
    for (const [said, reply] of rows) assert.match(await client.say(said), reply, said.slice(0, 40))
    assert.match(await client.say('AUTH LOGIN'), /^334/)
    assert.match(await client.say('*'), /^501 5\.5\.2 /)
    assert.match(await client.say('AUTH LOGIN'), /^334/)
    client.write(`${base64('app')}\n`)
    assert.match(await client.reply(), /^500 5\.5\.2 /, 'a bare LF ends the login too')
    assert.match(await client.say('NOOP'), /^250 /)
    client.end()
  })

  it('AUTH stands outside transactions', async (t) => {
    const { port } = await smtpIn(t, { keys: [key] })
    const client = await SmtpClient.hello(port)
    await client.say('MAIL FROM:<a@x.test>')
    assert.match(await client.say(plain(secret)), /^503 5\.5\.1 /)
    client.end()
  })

  it('J01 wrong keys: 535 at first, then the client is sent away; a right key always gets in', async (t) => {
    const { port, log } = await smtpIn(t, withKeys)
    let refused = 0
    for (let round = 0; round < 4; round++) {
      const client = await SmtpClient.hello(port)
      for (let count = 0; count < 5; count++) {
        const reply = await client.say(plain(`wrong${round}${count}`))
        if (!reply.startsWith('535 5.7.8 ')) {
          assert.match(reply, /^421 4\.7\.0 /)
          await client.closed()
          break
        }
        refused++
      }
      client.end()
    }
    assert.equal(refused, 10)
    const client = await SmtpClient.hello(port)
    assert.match(await client.say(plain(secret)), /^235 /)
    client.end()
    assert.equal(log.length, 0, 'V24: nothing of it is logged')
  })

  it('J12 a key without scope send sends nothing', async (t) => {
    const { port } = await smtpIn(t, { keys: [{ ...key, scopes: ['read'] }], auth: 'required' })
    const client = await SmtpClient.hello(port)
    assert.match(await client.say(plain(secret)), /^235 /)
    assert.match(await client.say('MAIL FROM:<a@x.test>'), /^550 5\.7\.1 /)
    client.end()
  })

  it('ends a login when the keys change, and not when they are only read again', async (t) => {
    const { port, config } = await smtpIn(t, withKeys)
    const client = await SmtpClient.hello(port)
    await client.say(plain(secret))
    config.keys = structuredClone(config.keys)
    assert.match(await client.send(message), /^250 /)
    config.keys = []
    assert.match(await client.say('MAIL FROM:<a@x.test>'), /^421 4\.7\.0 /)
    await client.closed()
  })

  it('lets anyone send, and may route, where there are no keys; with keys and optional login only send', async (t) => {
    const open = await smtpIn(t)
    const other = await smtpIn(t, { keys: [key], auth: 'optional' })
    for (const { port } of [open, other]) {
      const client = await SmtpClient.hello(port)
      assert.match(await client.send(message), /^250 /)
      client.end()
    }
    assert.ok(open.door.submissions[0]!.sender.scopes.includes('route'))
    assert.deepEqual(other.door.submissions[0]!.sender, { tenant: '', scopes: ['send'], from: [] })
  })
})

describe('TLS', { concurrency: true }, () => {
  it('is offered with AUTH behind it, never before', async (t) => {
    const { port, tlsPort } = await smtpIn(t, { ...withKeys, ...withTls })
    const client = await SmtpClient.connect(port)
    await client.reply()
    const offers = await client.say('EHLO client.test')
    assert.match(offers, /^250.STARTTLS$/m)
    assert.doesNotMatch(offers, /AUTH/)
    assert.match(await client.say(plain(secret)), /^538 5\.7\.11 /)
    assert.match(await client.say('MAIL FROM:<a@x.test>'), /^530 5\.7\.0 /)
    assert.match(await client.say('STARTTLS now'), /^501 5\.5\.4 /, 'A34')
    const secure = await client.startTls()
    assert.match(await secure.say('MAIL FROM:<a@x.test>'), /^(?:503|530) /, 'EHLO is forgotten')
    assert.match(await secure.say('EHLO client.test'), /^250.AUTH PLAIN LOGIN$/m)
    assert.match(await secure.say('STARTTLS'), /^503 5\.5\.1 /, 'A36')
    assert.match(await secure.say(plain(secret)), /^235 /)
    secure.end()

    const implicit = await SmtpClient.connect(tlsPort, true)
    assert.match(await implicit.reply(), /^220 /)
    const inside = await implicit.say('EHLO client.test')
    assert.match(inside, /^250.AUTH PLAIN LOGIN$/m)
    assert.doesNotMatch(inside, /STARTTLS/)
    assert.match(await implicit.say(plain(secret)), /^235 /)
    implicit.end()
  })

  it('A36 A37 keeps nothing of a transaction', async (t) => {
    const { port } = await smtpIn(t, withTls)
    const client = await SmtpClient.hello(port)
    await client.say('MAIL FROM:<a@x.test>')
    assert.match(await client.say('STARTTLS'), /^503 5\.5\.1 /)
    await client.say('RSET')
    const secure = await client.startTls()
    await secure.say('EHLO client.test')
    assert.match(await secure.say('RCPT TO:<b@y.test>'), /^503 5\.5\.1 /)
    secure.end()
  })

  it('A35 V19 runs nothing that was said in clear behind STARTTLS', async (t) => {
    const { port, door } = await smtpIn(t, withTls)
    const client = await SmtpClient.hello(port)
    client.write('STARTTLS\r\nRSET\r\nMAIL FROM:<evil@z.test>\r\n')
    assert.match(await client.reply(), /^220 /)
    client.end()
    assert.equal(client.transcript.match(/^250/gm)!.length > 0, true)
    assert.doesNotMatch(client.transcript, /2\.1\.0|Flushed/)
    assert.equal(door.submissions.length, 0)
  })

  it('guards the lines inside as it does outside', async (t) => {
    const { port, tlsPort } = await smtpIn(t, withTls)
    for (const how of ['starttls', 'implicit']) {
      const plainClient = how === 'starttls' ? await SmtpClient.hello(port) : undefined
      const client = plainClient ? await plainClient.startTls() : await SmtpClient.connect(tlsPort, true)
      if (!plainClient) await client.reply()
      await client.say('EHLO client.test')
      await client.say('MAIL FROM:<a@x.test>')
      client.write('RCPT TO:<b@y.test>\nRCPT TO:<evil@z.test>\r\n')
      assert.match(await client.reply(), /^500 5\.5\.2 /)
      assert.match(await client.reply(), /^503 /)
      assert.match(await client.say('MAIL FROM:<a@x.test> FOO=BAR'), /^555 5\.5\.4 /)
      assert.match(await client.send('Subject: x\r\n\r\na\r\n', 'a@x.test'), /^250 /)
      assert.match(await client.send('Subject: x\r\n\r\na\nb\r\n', 'a@x.test'), /^554 5\.6\.0 /)
      client.write('NOOP\n')
      assert.match(await client.reply(), /^521 5\.5\.2 /)
      await client.closed()
    }
  })

  it('takes a reloaded certificate over for the next connection', async (t) => {
    const { port, config } = await smtpIn(t)
    const before = await SmtpClient.hello(port)
    assert.match(await before.say('STARTTLS'), /^502 5\.5\.1 /)
    config.smtp = { ...config.smtp, tls: testCertificate }
    before.end()
    const after = await SmtpClient.hello(port)
    const secure = await after.startTls()
    assert.match(await secure.say('EHLO client.test'), /^250/)
    secure.end()
  })

  it('a handshake that is none is no harm', async (t) => {
    const { port, tlsPort } = await smtpIn(t, withTls)
    const client = await SmtpClient.hello(port)
    await client.say('STARTTLS')
    client.write('this is no ClientHello\r\n')
    await client.closed()
    const other = await SmtpClient.connect(tlsPort)
    other.write('EHLO client.test\r\n')
    await other.closed()
    const good = await SmtpClient.hello(port)
    assert.match(await good.say('NOOP'), /^250 /)
    good.end()
  })
})

describe('nodemailer sends', { concurrency: true }, () => {
  const mail = {
    from: '"J\u00f6rg, X." <joerg@x.test>',
    to: ['b@y.test', 'C <c@y.test>'],
    bcc: 'd@y.test',
    subject: 'gr\u00fc\u00dfe',
    text: '.\nfrom\n..dots\n',
    attachments: [{ filename: 'a.txt', content: 'x'.repeat(200_000) }],
    headers: { 'X-Waypost-Type': 'otp', 'X-Waypost-Tag': 'welcome' },
  }

  for (const how of ['in clear', 'over STARTTLS', 'over implicit TLS'] as const) {
    it(how, async (t) => {
      const { port, tlsPort, door } = await smtpIn(t, how === 'in clear' ? withKeys : { ...withKeys, ...withTls })
      const transport = createTransport({
        host: '127.0.0.1',
        port: how === 'over implicit TLS' ? tlsPort : port,
        secure: how === 'over implicit TLS',
        requireTLS: how === 'over STARTTLS',
        tls: { ca: testCertificate.cert, servername: 'localhost' },
        auth: { user: 'app', pass: secret },
      })
      const sent = await transport.sendMail(mail)
      transport.close()
      assert.equal(sent.response, '250 2.0.0 queued as msg_1')
      const submission = door.submissions[0]!
      assert.equal(submission.type, 'otp')
      assert.deepEqual(submission.tags, ['welcome'])
      assert.deepEqual(
        submission.recipients.map(({ email }) => email),
        ['b@y.test', 'c@y.test', 'd@y.test'],
      )
      assert.ok(submission.content.form === 'raw')
      assert.deepEqual(submission.content.from, { email: 'joerg@x.test', name: 'J\u00f6rg, X.' })
      assert.equal(submission.content.subject, 'gr\u00fc\u00dfe')
      assert.equal(submission.content.attachments, 1)
      const bytes = door.bytes(submission).toString()
      assert.match(bytes, how === 'in clear' ? /with ESMTPA\r\n/ : /with ESMTPSA\r\n/)
      assert.doesNotMatch(bytes, /^bcc:|d@y\.test|^X-Waypost/im)
    })
  }
})
