/** faults.md 4 A, E and F as raw dialogues: every line that a client may say, and what we answer. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SmtpClient } from '../support/smtp-client.ts'
import { smtpIn } from '../support/smtp-in.ts'

/** What is said (without its CRLF; a Buffer goes as it is), and the replies to it in order. `closes`: then we hang up. */
type Step = [said: string | Buffer, ...replies: (RegExp | 'closes')[]]

interface Row {
  name: string
  /** False: nothing is said before, not even EHLO. */
  hello?: false
  steps: Step[]
}

const mail: Step = ['MAIL FROM:<a@x.test>', /^250 2\.1\.0 /]
const rcpt: Step = ['RCPT TO:<b@y.test>', /^250 2\.1\.5 /]
const raw = (text: string) => Buffer.from(text, 'latin1')

const commands: Row[] = [
  {
    name: 'A01 bare LF',
    steps: [
      [raw('EHLO c.test\n'), /^500 5\.5\.2 /],
      [raw('NOOP\n'), /^521 5\.5\.2 /, 'closes'],
    ],
  },
  {
    name: 'A02 bare CR in a line',
    steps: [
      [raw('NOOP\rNOOP\r\n'), /^500 5\.5\.2 /],
      ['NOOP', /^250 2\.0\.0 /],
    ],
  },
  {
    name: 'A03 NUL in a line',
    steps: [
      [raw('NO\0OP\r\n'), /^500 5\.5\.2 /],
      ['NOOP', /^250 /],
    ],
  },
  {
    name: 'A04 bytes above 127',
    steps: [
      [raw('\x80\x81\x82\r\n'), /^500 5\.5\.2 /],
      ['NOOP', /^250 /],
    ],
  },
  {
    name: 'A05 an empty line',
    steps: [
      ['', /^500 5\.5\.2 /],
      ['NOOP', /^250 /],
    ],
  },
  {
    name: 'A06 EHLO and HELO alone',
    hello: false,
    steps: [
      ['EHLO', /^501 5\.5\.4 /],
      ['HELO', /^501 5\.5\.4 /],
    ],
  },
  { name: 'A07 an escape sequence in EHLO', hello: false, steps: [['EHLO \x1b[31mroot', /^501 5\.5\.4 [ -~]+$/]] },
  {
    name: 'A08 EHLO with what is no host',
    hello: false,
    steps: [
      ['EHLO [127.0.0.1', /^501 5\.5\.4 /],
      ['EHLO -a..b', /^501 5\.5\.4 /],
      [`EHLO ${'a'.repeat(300)}`, /^501 5\.5\.4 /],
      ['EHLO a b', /^501 5\.5\.4 /],
      ['EHLO [127.0.0.1]', /^250-/],
      ['EHLO [IPv6:::1]', /^250-/],
      ['HELO MY_PC', /^250 /],
    ],
  },
  {
    name: 'A09 before EHLO',
    hello: false,
    steps: [
      ['MAIL FROM:<a@x.test>', /^503 5\.5\.1 /],
      ['DATA', /^503 5\.5\.1 /],
      ['AUTH PLAIN', /^503 5\.5\.1 /],
    ],
  },
  {
    name: 'A10 out of order',
    steps: [
      ['RCPT TO:<b@y.test>', /^503 5\.5\.1 /],
      ['DATA', /^503 /],
      mail,
      ['DATA', /^503 /],
      ['MAIL FROM:<c@x.test>', /^503 5\.5\.1 /],
    ],
  },
  {
    name: 'A11 MAIL without brackets',
    steps: [
      ['MAIL FROM:a@x.test', /^501 5\.1\.7 /],
      ['MAIL', /^501 5\.1\.7 /],
      ['MAIL TO:<a@x.test>', /^501 /],
    ],
  },
  {
    name: 'A12 a space before the bracket',
    steps: [
      ['MAIL FROM: <a@x.test>', /^250 /],
      ['rcpt to: <b@y.test>', /^250 /],
    ],
  },
  {
    name: 'A13 a recipient smuggled behind a bare LF',
    steps: [
      [raw('MAIL FROM:<a@x.test>\nRCPT TO:<evil@z.test>\r\n'), /^500 5\.5\.2 /, /^503 /],
      ['DATA', /^503 /],
    ],
  },
  {
    name: 'A13 and in an open transaction',
    steps: [mail, [raw('RCPT TO:<b@y.test>\nRCPT TO:<evil@z.test>\r\n'), /^500 5\.5\.2 /, /^503 /], ['DATA', /^503 /]],
  },
  { name: 'A14 a control character in an address', steps: [['MAIL FROM:<a\x07@x.test>', /^501 5\.1\.7 /]] },
  { name: 'A15 the null reverse-path', steps: [['MAIL FROM:<>', /^250 /], rcpt] },
  { name: 'A16 SIZE over the limit', steps: [['MAIL FROM:<a@x.test> SIZE=99999999', /^552 5\.3\.4 /], mail] },
  {
    name: 'A17 SIZE malformed',
    steps: [
      ['MAIL FROM:<a@x.test> SIZE=abc', /^501 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> SIZE=-1', /^501 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> SIZE', /^501 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> SIZE=', /^501 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> SIZE=1 SIZE=2', /^501 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> SIZE=17', /^250 /],
    ],
  },
  { name: 'A18 SIZE beyond 64 bits', steps: [['MAIL FROM:<a@x.test> SIZE=18446744073709551616', /^552 5\.3\.4 /]] },
  {
    name: 'A19 BINARYMIME',
    steps: [
      ['MAIL FROM:<a@x.test> BODY=BINARYMIME', /^555 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> BODY=8BITMIME', /^250 /],
    ],
  },
  {
    name: 'A20 unknown parameters',
    steps: [
      ['MAIL FROM:<a@x.test> FOO=BAR', /^555 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> REQUIRETLS', /^555 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> __proto__=1', /^501 5\.5\.4 /],
      ['MAIL FROM:<a@x.test>SIZE=1', /^501 5\.5\.4 /],
      ['MAIL FROM:<a@x.test> SMTPUTF8=1', /^501 5\.5\.4 /],
    ],
  },
  {
    name: 'A20 known parameters',
    steps: [['MAIL FROM:<a@x.test> size=10 BODY=7BIT SMTPUTF8 RET=HDRS ENVID=QQ+2B1 AUTH=<>', /^250 /]],
  },
  {
    name: 'A21 parameters of RCPT',
    steps: [
      mail,
      ['RCPT TO:<b@y.test> NOTIFY=FOO', /^555 5\.5\.4 /],
      ['RCPT TO:<b@y.test> NOTIFY=NEVER,SUCCESS', /^501 5\.5\.4 /],
      ['RCPT TO:<b@y.test> NOTIFY=DELAY NOTIFY=DELAY', /^501 5\.5\.4 /],
      ['RCPT TO:<b@y.test> ORCPT=b@y.test', /^501 5\.5\.4 /],
      ['RCPT TO:<b@y.test> ORCPT=rfc822;b+0D+0A@y.test', /^501 5\.5\.4 /],
      ['RCPT TO:<b@y.test> SIZE=1', /^555 5\.5\.4 /],
      ['RCPT TO:<b@y.test> notify=success,FAILURE ORCPT=rfc822;b+2Bc@y.test', /^250 /],
    ],
  },
  { name: 'A22 DATA with an argument', steps: [mail, rcpt, ['DATA foo', /^501 5\.5\.4 /], ['DATA', /^354 /]] },
  { name: 'A23 BDAT', steps: [['BDAT 5 LAST', /^502 5\.5\.1 /]] },
  {
    name: 'A24 commands that tell, or are none',
    steps: [
      ['VRFY root', /^252 2\./],
      ['EXPN all', /^502 5\.5\.1 /],
      ['ETRN x', /^502 5\.5\.1 /],
      ['TURN', /^502 5\.5\.1 /],
      ['WIZ', /^502 5\.5\.1 /],
      ['SHELL', /^502 5\.5\.1 /],
      ['KILL', /^502 5\.5\.1 /],
      ['HELP', /^214 2\.0\.0 /],
      ['RSET', /^250 2\.0\.0 /],
      ['QUIT', /^221 2\.0\.0 /, 'closes'],
    ],
  },
  {
    name: 'A25 speaking for others',
    steps: [
      ['XCLIENT ADDR=10.0.0.1', /^550 5\.7\.1 /],
      ['XFORWARD NAME=x', /^550 5\.7\.1 /],
      ['PROXY TCP4 1.1.1.1 2.2.2.2 1 2', /^500 5\.5\.2 /],
    ],
  },
  { name: 'A26 HTTP', hello: false, steps: [['GET / HTTP/1.1', /^421 4\.7\.0 /, 'closes']] },
  { name: 'A26 HTTP without a version', hello: false, steps: [['POST /', /^421 4\.7\.0 /, 'closes']] },
  {
    name: 'A27 a TLS ClientHello',
    hello: false,
    steps: [[raw('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'), /^500 5\.5\.2 /, 'closes']],
  },
  { name: 'A29 an endless line', steps: [['a'.repeat(100_000), /^500 5\.5\.6 /, 'closes']] },
  { name: 'A29 a long line', steps: [[`MAIL FROM:<a@x.test> ENVID=${'a'.repeat(3000)}`, /^500 5\.5\.6 /], mail] },
  {
    name: 'A33 the message behind DATA in one packet',
    steps: [
      [
        'MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\nSubject: x\r\n\r\nMAIL FROM:<evil@z.test>\r\n.',
        /^250 /,
        /^250 /,
        /^554 5\.5\.1 /,
        'closes',
      ],
    ],
  },
  {
    name: 'A33 up to DATA in one packet',
    steps: [['MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA', /^250 /, /^250 /, /^354 /]],
  },
  { name: 'A36 STARTTLS without a certificate', steps: [['STARTTLS', /^502 5\.5\.1 /]] },
  {
    name: 'many commands in one packet are answered in order',
    steps: [[Array(90).fill('NOOP').join('\r\n'), ...Array(90).fill(/^250 2\.0\.0 OK/)]],
  },
]

const badRecipients: [row: string, address: string, reply: RegExp][] = [
  ['E01', '"xclow3n@gmail.com x"@internal.domain', /^501 5\.1\.3 /],
  ['E02', '"a b"@y.test', /^501 5\.1\.3 /],
  ['E02', '"a\\"b"@y.test', /^501 5\.1\.3 /],
  ['E02', '""@y.test', /^501 5\.1\.3 /],
  ['E03', '@a.test,@b.test:c@d.test', /^553 5\.1\.3 /],
  ['E05', 'a@b@c.test', /^501 5\.1\.3 /],
  ['E05', 'a@@c', /^501 5\.1\.3 /],
  ['E05', 'a@', /^501 5\.1\.3 /],
  ['E05', '', /^501 5\.1\.3 /],
  ['E06', 'a@[127.0.0.1]', /^550 5\.1\.2 /],
  ['E06', 'a@[IPv6:::1]', /^550 5\.1\.2 /],
  ['E06', 'a@127.0.0.1', /^550 5\.1\.2 /],
  ['E06', 'a@0x7f.1', /^550 5\.1\.2 /],
  ['E06', 'a@2130706433', /^550 5\.1\.2 /],
  ['E06', 'a@017700000001', /^550 5\.1\.2 /],
  ['E07', 'a@localhost', /^501 5\.1\.3 /],
  ['E07', 'a@x.local', /^501 5\.1\.3 /],
  ['E07', 'a@intranet', /^501 5\.1\.3 /],
  ['E07', 'a@x.internal', /^501 5\.1\.3 /],
  ['E07', 'a@x.onion', /^501 5\.1\.3 /],
  ['E08', `${'a'.repeat(65)}@y.test`, /^501 5\.1\.3 /],
  ['E08', `a@${'b'.repeat(64)}.test`, /^501 5\.1\.3 /],
  ['E08', `a@${'b.'.repeat(130)}test`, /^501 5\.1\.3 /],
  ['E09', 'a@y..test', /^501 5\.1\.3 /],
  ['E09', 'a@.y', /^501 5\.1\.3 /],
  ['E09', 'a@y.test.', /^501 5\.1\.3 /],
  ['E09', 'a@-y.test', /^501 5\.1\.3 /],
  ['E09', 'a@y_.test', /^501 5\.1\.3 /],
  ['E10', 'a..b@y.test', /^501 5\.1\.3 /],
  ['E10', '.a@y.test', /^501 5\.1\.3 /],
  ['E10', 'a.@y.test', /^501 5\.1\.3 /],
  ['E11', '-oQ/tmp@y.test', /^501 5\.1\.3 /],
  ['E11', '|/bin/sh@y.test', /^501 5\.1\.3 /],
  ['E11', '/dev/null@y.test', /^501 5\.1\.3 /],
  ['E13', '<script>alert(1)</script>@y.test', /^501 5\.1\.3 /],
  ['E14', '=?utf-8?q?a=40evil.test=3e=00?=@y.test', /^501 5\.1\.3 /],
  ['E15', 'a@y.test:25', /^501 5\.1\.3 /],
  ['E15', 'a@y.test#x', /^501 5\.1\.3 /],
  ['E15', 'a@y.test/..', /^501 5\.1\.3 /],
  ['E16', 'g:a@y.test,b@y.test;', /^501 5\.1\.3 /],
  ['E17', '<a@y.test>', /^501 5\.1\.3 /],
  ['E18', 'a@y.test (c@evil.test)', /^501 5\.1\.3 /],
  ['E21', 'a@y.test\u200b', /^550 5\.6\.7 /],
  ['F-01', '\u00fc@x.test', /^550 5\.6\.7 /],
  ['F-03', 'a@ex\u00e4mple.test', /^550 5\.6\.7 /],
  ['F-07', 'a@xn--0049.com', /^501 5\.1\.3 /],
  ['F-07', 'a@xn--a.test', /^501 5\.1\.3 /],
]

/** With SMTPUTF8; undefined where it must be refused. */
const utf8Recipients: [row: string, address: string, canonical: string | undefined][] = [
  ['E04', 'a%b.test@c.test', 'a%b.test@c.test'],
  ['E04', 'a!b@c.test', 'a!b@c.test'],
  ['E12', "a'or'1@y.test", "a'or'1@y.test"],
  ['E12', '$\u007b7*7}@y.test', '$\u007b7*7}@y.test'],
  ['E12', '{{7*7}}@y.test', '{{7*7}}@y.test'],
  ['E19', 'A@Y.TEST', 'A@y.test'],
  ['E20', 'a+tag@y.test', 'a+tag@y.test'],
  ['E21', 'a@y.test\u200b', undefined],
  ['E21', '\ufeffa@y.test', undefined],
  ['F-01', '\u00fc@x.test', '\u00fc@x.test'],
  ['F-03', 'a@ex\u00e4mple.test', 'a@xn--exmple-cua.test'],
  ['F-03', 'a@xn--exmple-cua.test', 'a@xn--exmple-cua.test'],
  ['F-04', 'a@\u0435xample.test', 'a@xn--xample-2of.test'],
  ['F-05', 'a@fa\u00df.test', 'a@xn--fa-hia.test'],
  ['F-05', 'a@xn--fa-hia.test', 'a@xn--fa-hia.test'],
  ['F-06', 'a@y\u3002test', 'a@y.test'],
  ['F-06', 'a@\uff0500.test', undefined],
]

/** Says the steps and checks every reply, and that each has one enhanced status code at most and only ASCII. */
async function runRow(port: number, { hello, steps }: Row): Promise<void> {
  const client = hello === false ? await SmtpClient.connect(port) : await SmtpClient.hello(port)
  if (hello === false) assert.match(await client.reply(), /^220 /)
  for (const [said, ...replies] of steps) {
    client.write(typeof said === 'string' ? `${said}\r\n` : said)
    for (const expected of replies) {
      const reply = await client.reply()
      if (expected === 'closes') assert.equal(reply, '', 'the connection ends')
      else assert.match(reply, expected, `after ${JSON.stringify(said.toString('latin1').slice(0, 80))}`)
      const status = /^([245])\d\d[ -](?:([245])\.\d+\.\d+ )?(?!\d\.\d\.\d)/.exec(reply)
      if (status?.[2]) assert.equal(status[1], status[2], `the classes of both codes agree: ${reply}`)
      assert.doesNotMatch(reply, /[^\n -~]|\d\.\d\.\d \d\.\d\.\d/)
    }
  }
  client.end()
}

describe('commands over SMTP', { concurrency: true }, () => {
  for (const row of commands) {
    it(row.name, async (t) => {
      const { port, door } = await smtpIn(t)
      await runRow(port, row)
      assert.equal(door.submissions.length, 0)
    })
  }

  it('A28 talk before the greeting', async (t) => {
    const { port } = await smtpIn(t, { isStranger: () => true })
    const client = await SmtpClient.connect(port)
    client.write('EHLO client.test\r\n')
    assert.match(await client.reply(), /^421 4\.\d\.\d /)
    await client.closed()
  })

  it('A28 a broken line before the greeting', async (t) => {
    const { port } = await smtpIn(t, { isStranger: () => true })
    const client = await SmtpClient.connect(port)
    client.write('EHLO client.test\n')
    assert.match(await client.reply(), /^421 4\.\d\.\d /)
    await client.closed()
  })

  it('A30 commands that lead nowhere have an end', async (t) => {
    const { port } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    client.write('NOOP\r\n'.repeat(2000))
    await client.closed()
    const replies = client.transcript.split('\r\n')
    assert.match(replies.findLast((line) => line !== '')!, /^421 4\.7\.0 /)
    assert.ok(replies.length < 130)
  })

  it('A30 and so have unknown ones, and errors', async (t) => {
    const { port } = await smtpIn(t)
    for (const said of ['FOO', 'DATA foo', 'MAIL FROM:<a@b@c>']) {
      const client = await SmtpClient.hello(port)
      client.write(`${said}\r\n`.repeat(50))
      await client.closed()
      assert.match(client.transcript, /\r\n421 4\.7\.0 [^\r]*\r\n$/, said)
    }
  })

  it('V18 the same commands get the same replies, however they are split', async (t) => {
    const { port } = await smtpIn(t)
    const said = raw(
      'EHLO c.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\nRCPT TO:<c@y.test>\r\nNOOP\r\nQUIT\r\n',
    )
    const codes = async (at: number) => {
      const client = await SmtpClient.connect(port)
      await client.reply()
      client.write(said.subarray(0, at))
      await new Promise(setImmediate)
      client.write(said.subarray(at))
      await client.closed()
      return client.transcript.replace(/^\d{3}-.*\r\n/gm, '').match(/^\d{3}/gm)
    }
    for (const found of await Promise.all([...said.keys()].map(codes))) {
      assert.deepEqual(found, ['220', '250', '250', '500', '503', '250', '221'])
    }
  })

  it('A31 more recipients than allowed: the first ones stay', async (t) => {
    const { port, door } = await smtpIn(t, { maxRecipients: 3 })
    const client = await SmtpClient.hello(port)
    await client.say('MAIL FROM:<a@x.test>')
    for (const name of ['b', 'c', 'd']) assert.match(await client.say(`RCPT TO:<${name}@y.test>`), /^250 /)
    for (let count = 0; count < 30; count++)
      assert.match(await client.say(`RCPT TO:<e${count}@y.test>`), /^452 4\.5\.3 /)
    assert.match(await client.say('RCPT TO:<b@y.test>'), /^250 /)
    assert.match(await client.say('DATA'), /^354 /)
    client.write('Subject: x\r\n\r\nx\r\n.\r\n')
    assert.match(await client.reply(), /^250 2\.0\.0 queued as msg_1$/)
    assert.deepEqual(
      door.submissions[0]!.recipients.map(({ email }) => email),
      ['b@y.test', 'c@y.test', 'd@y.test'],
    )
    client.end()
  })

  it('A32 the same recipient many times is one', async (t) => {
    const { port, door } = await smtpIn(t, { maxRecipients: 3 })
    const client = await SmtpClient.hello(port)
    assert.match(await client.send('Subject: x\r\n\r\nx\r\n', 'a@x.test', Array(200).fill('b@y.test')), /^250 /)
    assert.equal(door.submissions[0]!.recipients.length, 1)
    client.end()
  })

  it('refuses recipients that are none, and lives on', async (t) => {
    const { port } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    await client.say('MAIL FROM:<a@x.test>')
    for (const [row, address, expected] of badRecipients) {
      assert.match(await client.say(`RCPT TO:<${address}>`), expected, `${row} ${address}`)
    }
    assert.match(await client.say('DATA'), /^503 /)
    client.end()
  })

  it('refuses return-paths that are none', async (t) => {
    const { port } = await smtpIn(t)
    for (const address of ['"a b"@x.test', '@a.test:b@x.test', 'a@[127.0.0.1]', 'a@localhost', 'a..b@x.test']) {
      const client = await SmtpClient.hello(port)
      assert.match(await client.say(`MAIL FROM:<${address}>`), /^501 5\.1\.7 /, address)
      assert.match(await client.say('MAIL FROM:<\u00fc@x.test>'), /^550 5\.6\.7 /)
      client.end()
    }
  })

  it('keeps every address in its canonical form', async (t) => {
    const { port, door } = await smtpIn(t)
    for (const [row, address, canonical] of utf8Recipients) {
      const client = await SmtpClient.hello(port)
      await client.say('MAIL FROM:<a@x.test> SMTPUTF8')
      const reply = await client.say(`RCPT TO:<${address}>`)
      if (canonical === undefined) {
        assert.match(reply, /^501 5\.1\.3 /, `${row} ${address}`)
      } else {
        assert.match(reply, /^250 /, `${row} ${address}`)
        await client.say('DATA')
        client.write('Subject: x\r\n\r\nx\r\n.\r\n')
        assert.match(await client.reply(), /^250 /)
        const submission = door.submissions.at(-1)!
        assert.equal(submission.recipients[0]!.email, canonical, row)
        assert.equal(submission.smtpUtf8, /[^ -~]/.test(canonical), row)
      }
      client.end()
    }
  })

  it('hands on what MAIL and RCPT asked for', async (t) => {
    const { port, door } = await smtpIn(t)
    const client = await SmtpClient.hello(port)
    await client.say('MAIL FROM:<> RET=hdrs ENVID=QQ+2B1 SIZE=100 BODY=8BITMIME')
    await client.say('RCPT TO:<b@y.test> NOTIFY=success,FAILURE ORCPT=rfc822;b+2Bc@y.test')
    await client.say('RCPT TO:<c@y.test>')
    await client.say('DATA')
    client.write('Subject: x\r\n\r\nx\r\n.\r\n')
    await client.reply()
    const [submission] = door.submissions
    assert.equal(submission!.returnPath, '')
    assert.deepEqual(submission!.dsn, { ret: 'HDRS', envid: 'QQ+1' })
    assert.deepEqual(submission!.recipients, [
      { email: 'b@y.test', dsn: { notify: ['SUCCESS', 'FAILURE'], orcpt: 'rfc822;b+c@y.test' } },
      { email: 'c@y.test', dsn: {} },
    ])
    client.end()
  })

  it('offers what it can do, and nothing else', async (t) => {
    const { port } = await smtpIn(t)
    const client = await SmtpClient.connect(port)
    await client.reply()
    const offers = (await client.say('EHLO client.test')).split('\n').map((line) => line.slice(4))
    assert.deepEqual(offers.slice(1).sort(), [
      '8BITMIME',
      'AUTH PLAIN LOGIN',
      'DSN',
      'ENHANCEDSTATUSCODES',
      'PIPELINING',
      'SIZE 1000000',
      'SMTPUTF8',
    ])
    client.end()
  })
})
