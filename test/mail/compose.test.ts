import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { compose } from '../../src/mail/compose.ts'
import type { Attachment, Mailbox, Parts } from '../../src/mail/message.ts'
import { parse } from '../../src/mail/parse.ts'

const message = {
  id: 'msg_01jd0000000000000000000000',
  messageId: '<msg_01jd0000000000000000000000@waypost.test>',
  acceptedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
}
const plain: Parts = {
  from: { email: 'ann@y.test', name: 'Ann B. Müller' },
  to: [{ email: 'bob@y.test' }, { email: 'cy@y.test', name: 'Cy, "the boss"' }],
  cc: [{ email: 'di@y.test' }],
  replyTo: [{ email: 're@y.test', name: 'Re' }],
  subject: 'Grüße',
  text: 'Hello',
  headers: [],
  attachments: [],
}
const base64 = (text: string) => Buffer.from(text).toString('base64')
const image: Attachment = {
  filename: 'logo.png',
  contentType: 'image/png',
  contentId: 'logo',
  inline: true,
  content: base64('png'),
}

const written = async (parts: Partial<Parts>) =>
  Buffer.from(await compose(message, { ...plain, ...parts })).toString('latin1')
const headerOf = (mail: string) => mail.slice(0, mail.indexOf('\r\n\r\n') + 2)
const count = (text: string, piece: RegExp) => [...text.matchAll(piece)].length

/** What must hold for whatever is composed. */
function checkLines(mail: string): void {
  assert.doesNotMatch(mail, /\r(?!\n)|(?<!\r)\n/, 'lone CR or LF')
  assert.ok(mail.endsWith('\r\n'))
  for (const line of mail.split('\r\n')) assert.ok(line.length <= 998, `a line of ${line.length}`)
}

describe('compose', () => {
  it('writes date, id and people from the message, and no Bcc', async () => {
    const header = headerOf(await written({}))
    assert.match(header, /^Date: Fri, 02 Jan 2026 03:04:05 \+0000\r$/m)
    assert.match(header, /^Message-ID: <msg_01jd0000000000000000000000@waypost\.test>\r$/m)
    assert.match(header, /^To: bob@y\.test, "Cy, \\"the boss\\"" <cy@y\.test>\r$/m)
    assert.match(header, /^Cc: di@y\.test\r$/m)
    assert.match(header, /^Reply-To: Re <re@y\.test>\r$/m)
    assert.match(header, /^MIME-Version: 1\.0\r$/m)
    assert.doesNotMatch(header, /^bcc/im)
    assert.doesNotMatch(header, /[^\0-\x7f]/)
  })

  it('gives the same bytes every time', async () => {
    const parts = { ...plain, html: '<p>ü', attachments: [image, { ...image, inline: false }] }
    assert.deepEqual(await compose(message, parts), await compose(message, structuredClone(parts)))
    const other = await compose({ ...message, id: 'msg_other' }, parts)
    assert.notDeepEqual(await compose(message, parts), other)
  })

  it('keeps custom headers as they are spelt, and writes the Message-ID once', async () => {
    const header = headerOf(
      await written({
        headers: [
          ['X-ORDER-id', '17'],
          ['message-id', message.messageId],
          ['References', '<a@b> <c@d>'],
          ['X-Name', 'Grüße'],
          ['X-Twice', 'a'],
          ['X-Twice', 'b'],
        ],
      }),
    )
    assert.match(header, /^X-ORDER-id: 17\r$/m)
    assert.match(header, /^References: <a@b> <c@d>\r$/m)
    assert.match(header, /^X-Name: =\?UTF-8\?/m)
    assert.equal(count(header, /^X-Twice: /gm), 2)
    assert.equal(count(header, /^message-id:/gim), 1)
  })

  it('lets nothing break out of a header', async () => {
    const evil = 'x\r\nBcc: v@evil.test'
    const mail = await written({
      from: { email: 'a@y.test', name: evil },
      subject: evil,
      headers: [
        ['X-A', evil],
        ['X-B: b\r\nBcc', 'v@evil.test'],
        ['Bcc', 'v@evil.test'],
        ['To', 'v@evil.test'],
        ['Content-Type', 'text/html'],
        ['X-Empty', ''],
      ],
      html: 'x',
      attachments: [
        { filename: evil, contentType: `text/html\r\nBcc: v`, contentId: 'a>\r\nBcc: v', inline: true, content: '' },
        {
          filename: evil,
          contentType: 'multipart/mixed; boundary=x',
          contentId: 'a>\r\nBcc: v',
          inline: false,
          content: '',
        },
      ],
    })
    checkLines(mail)
    assert.doesNotMatch(mail, /^(?:bcc|x-b|x-empty|key|value)\s*:/im)
    assert.equal(count(headerOf(mail), /^to:/gim), 1)
    assert.equal(count(headerOf(mail), /^content-type:/gim), 1)
    assert.equal(count(mail, /multipart\/mixed/g), 1)
  })

  it('sends what looks like an encoded word as the text it is', async () => {
    const subject = '=?utf-8?q?a=0d=0aBcc:_v@e.test?='
    const mail = await written({ subject, from: { email: 'a@y.test', name: subject } })
    assert.ok(!headerOf(mail).includes(`Subject: ${subject}`))
    assert.equal((await parse(Buffer.from(mail, 'latin1'))).subject, subject)
  })

  it('does not follow what looks like a path or an address', async () => {
    const mail = await written({
      text: '/etc/hostname',
      html: '<img src="file:///etc/hostname"><img src="http://127.0.0.1:1/">',
    })
    assert.ok(mail.includes('\r\n/etc/hostname\r\n'))
  })

  it('leaves an address that needs SMTPUTF8 as it is', async () => {
    const mail = Buffer.from(await written({ to: [{ email: 'ü@xn--exmple-cua.test' }] }), 'latin1').toString('utf8')
    assert.match(mail, /^To: ü@/m)
  })

  it('carries an attached message bare when it can, and whole in any case', async () => {
    const bare = 'Subject: x\r\n\r\nhi\r\n'
    for (const [content, encoding] of [
      [bare, '7bit'],
      ['Subject: ü\r\n\r\nhi', 'base64'],
      ['Subject: x\n\nhi', 'base64'],
      [`Subject: x\r\n\r\n${'y'.repeat(999)}`, 'base64'],
    ] as const) {
      const attachment = { filename: 'a.eml', contentType: 'message/rfc822', inline: false, content: base64(content) }
      const mail = await written({ attachments: [attachment] })
      checkLines(mail)
      assert.match(mail, new RegExp(`message/rfc822; name=a.eml\\r\\nContent-Transfer-Encoding: ${encoding}\\r`))
      assert.deepEqual((await parse(Buffer.from(mail, 'latin1'))).attachments, [attachment])
    }
  })

  it('keeps every line short, whatever it is given', async () => {
    const long = 'x'.repeat(5000)
    const mail = await written({
      subject: long,
      text: long,
      html: `<p>${long}`,
      headers: [['X-Long', 'y'.repeat(900)]],
      to: Array.from({ length: 1000 }, (_, index) => ({ email: `rcpt${index}@y.test`, name: `Recipient ${index}` })),
      from: { email: 'a@y.test', name: 'n'.repeat(400) },
      attachments: [{ ...image, filename: `${long}.png`, contentId: 'c'.repeat(200) }],
    })
    checkLines(mail)
    const parts = await parse(Buffer.from(mail, 'latin1'))
    assert.equal(parts.subject, long)
    assert.equal(parts.to.length, 1000)
    assert.match(parts.attachments[0]!.filename, /^x{251}\.png$/)
  })
})

const noControls = (text: string) => !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text)
const line = fc.string({ unit: 'grapheme', maxLength: 80 }).filter(noControls)
const words = fc
  .array(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((word) => noControls(word) && !/\s/.test(word)),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((list) => list.join(' '))
const email = fc.constantFrom('a@y.test', "o'x+1@y.test", 'ü@xn--exmple-cua.test', '{a}@y.test')
const mailbox: fc.Arbitrary<Mailbox> = fc.oneof(fc.record({ email }), fc.record({ email, name: words }))
// The last line end of a body is the one that every message has, so a body that ends in one is not told from one that does not.
const text = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('\n', '.', '=', ' ', '\t', 'From ', '--', 'x'.repeat(100)),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    ),
  })
  .filter((body) => noControls(body.replace(/[\n\t]/g, '')) && body !== '' && !body.endsWith('\n'))
const content = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64'))
const filename = words.map((name) => name.replace(/[/\\]/g, '_')).filter((name) => name === name.trim())
const attachment: fc.Arbitrary<Attachment> = fc.oneof(
  fc.record({
    filename,
    contentType: fc.constantFrom('image/png', 'text/plain', 'text/html', 'application/x-y', 'message/rfc822'),
    inline: fc.constant(false),
    content,
  }),
  fc.record({
    filename,
    contentType: fc.constantFrom('image/png', 'text/css'),
    contentId: fc.constantFrom('logo', 'a@b'),
    inline: fc.boolean(),
    content,
  }),
)
const parts: fc.Arbitrary<Parts> = fc
  .record({
    from: mailbox,
    to: fc.array(mailbox, { maxLength: 4 }),
    cc: fc.array(mailbox, { maxLength: 2 }),
    replyTo: fc.array(mailbox, { maxLength: 2 }),
    subject: line,
    bodies: fc.oneof(fc.record({ text }), fc.record({ html: text }), fc.record({ text, html: text })),
    headers: fc.array(fc.tuple(fc.constantFrom('X-A', 'x-b', '__proto__', 'List-Id'), words), { maxLength: 3 }),
    attachments: fc.array(attachment, { maxLength: 3 }),
  })
  .map(({ bodies, ...rest }) => structuredClone({ ...rest, ...bodies }))

it('parse gives back what compose was given', async () => {
  await fc.assert(
    fc.asyncProperty(parts, async (given) => {
      const mail = await compose(message, given)
      checkLines(Buffer.from(mail).toString('latin1'))
      // What html shows stands beside it, before what is merely attached.
      const attachments =
        given.html === undefined
          ? given.attachments
          : given.attachments.toSorted((a, b) => Number(b.inline) - Number(a.inline))
      assert.deepEqual(await parse(mail), { ...given, attachments })
    }),
    { numRuns: 500 },
  )
})
