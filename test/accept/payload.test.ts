import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anyone } from '../../src/accept/auth.ts'
import { readMessage } from '../../src/accept/payload.ts'
import { Refusal } from '../../src/accept/refusals.ts'
import type { Parts } from '../../src/mail/message.ts'
import { now, plain } from './in-memory.ts'

const read = (change: object) => readMessage({ ...plain, ...change }, anyone, now)

function parts(change: object): Parts {
  const { content } = read(change)
  assert.equal(content.form, 'parts')
  return content.form === 'parts' ? content.parts : assert.fail()
}

/** That a message with this change is refused, and where. */
function refused(change: object, pointers: string | string[], code = 'invalid') {
  assert.throws(
    () => read(change),
    (error) => {
      assert.ok(error instanceof Refusal, String(error))
      assert.deepEqual([error.code, error.errors.map((one) => one.pointer)], [code, [pointers].flat()])
      return true
    },
    JSON.stringify(change).slice(0, 200),
  )
}

describe('a message in JSON', () => {
  it('becomes a submission', () => {
    assert.deepEqual(
      read({
        to: ['Bob <bob@Example.NET>', { email: 'cy@example.net', name: 'Cy, "C"' }],
        cc: 'dee@example.net',
        bcc: { email: 'eve@example.net' },
        replyTo: ['help@example.com'],
        html: '<p>Hi</p>',
        headers: { 'X-Order': '17' },
        type: 'otp',
        tags: ['a', 'b'],
        metadata: { order: '17', hasOwnProperty: 'x' },
        sendAt: '2026-11-26T12:00:00+02:00',
        expireAt: '2026-11-27T00:00:00Z',
        provider: 'inbox',
      }),
      {
        sender: anyone,
        via: 'http',
        returnPath: 'ann@example.com',
        recipients: ['bob', 'cy', 'dee', 'eve'].map((name) => ({ email: `${name}@example.net` })),
        type: 'otp',
        tags: ['a', 'b'],
        metadata: { order: '17', hasOwnProperty: 'x' },
        sendAt: Date.UTC(2026, 10, 26, 10),
        expireAt: Date.UTC(2026, 10, 27),
        provider: 'inbox',
        smtpUtf8: false,
        dsn: {},
        content: {
          form: 'parts',
          parts: {
            from: { email: 'ann@example.com', name: 'Ann' },
            to: [
              { email: 'bob@example.net', name: 'Bob' },
              { email: 'cy@example.net', name: 'Cy, "C"' },
            ],
            cc: [{ email: 'dee@example.net' }],
            replyTo: [{ email: 'help@example.com' }],
            subject: 'Hello',
            text: 'Hi Bob',
            html: '<p>Hi</p>',
            headers: [['X-Order', '17']],
            attachments: [],
          },
        },
      },
    )
  })

  it('needs a sender, someone to go to, and a body; no subject', () => {
    refused({ from: undefined }, '/from')
    refused({ to: undefined }, '/to')
    refused({ to: [] }, '/to')
    refused({ text: undefined }, '/text')
    assert.equal(parts({ subject: undefined }).subject, '')
    assert.equal(parts({ text: '' }).text, '')
    assert.deepEqual(read({ to: undefined, bcc: 'eve@example.net' }).recipients, [{ email: 'eve@example.net' }])
  })

  it('has no other fields, and none of another kind', () => {
    refused({ attachment: [] }, '/attachment')
    refused({ to: { email: 'b@x.example', id: 1 } }, '/to/id')
    refused({ to: [{ name: 'Bob' }] }, '/to/0/email')
    refused({ to: ['b@x.example', 7] }, '/to/1')
    refused({ to: 7 }, '/to')
    refused({ cc: null }, '/cc')
    refused({ from: ['a@x.example'] }, '/from')
    refused({ subject: 1, html: false }, ['/subject', '/html'])
    refused({ 'a/b~c': 1 }, '/a~1b~0c')
  })

  it('is for each recipient once', () => {
    const { recipients, content } = read({
      to: ['bob@example.net', 'Bob <bob@EXAMPLE.net>'],
      cc: ['bob@example.net', 'cy@example.net'],
      bcc: ['cy@example.net', 'dee@example.net'],
    })
    assert.deepEqual(
      recipients.map(({ email }) => email),
      ['bob@example.net', 'cy@example.net', 'dee@example.net'],
    )
    assert.ok(content.form === 'parts')
    assert.equal(content.parts.to.length, 1)
    assert.deepEqual(content.parts.cc, [{ email: 'cy@example.net' }])
    const many = (count: number) => Array.from({ length: count }, (_, index) => `r${index}@example.net`)
    assert.equal(read({ to: many(999) }).recipients.length, 999)
    refused({ to: many(999), cc: many(1), bcc: many(1) }, [], 'too_many_recipients')
    refused({ to: many(10_001) }, [], 'too_many_recipients')
  })

  it('says where an address is wrong', () => {
    refused({ from: 'a@x.example, b@evil.example' }, '/from', 'invalid_address')
    refused({ replyTo: 'x@y.example>\r\nX: 1' }, '/replyTo', 'invalid_address')
    refused(
      { to: ['bob@example.net', 'bob'], cc: { email: 'a@[127.0.0.1]' }, bcc: [{ email: 'b\r\n@x.example' }] },
      ['/to/1', '/cc/email', '/bcc/0/email'],
      'invalid_address',
    )
    refused({ to: '(<",'.repeat(250_000) }, '/to')
  })

  it('lets no control character into a header, by whatever field', () => {
    for (const bad of ['Hi\r\nBcc: v@e.example', 'a\nb', 'a\rb', 'a\vb', 'a\0b', 'a\x7fb', 'a\tb']) {
      refused({ subject: bad }, '/subject')
      refused({ to: { email: 'b@x.example', name: bad } }, '/to/name')
      refused({ headers: { 'X-A': bad } }, '/headers/X-A')
      refused({ tags: ['ok', bad] }, '/tags/1')
      refused({ metadata: { a: bad } }, '/metadata/a')
      refused({ metadata: { [bad]: 'a' } }, `/metadata/${bad}`)
      refused({ type: bad }, '/type')
      refused({ provider: bad }, '/provider')
    }
    for (const fine of ['a\u0085b', 'a\u2028b', '=?utf-8?q?a=0d=0aBcc:_v@e.test?=', '\u202efdp']) {
      assert.equal(parts({ subject: fine }).subject, fine)
    }
    refused({ text: 'a\0' }, '/text')
    refused({ html: '\ud800' }, '/html')
    refused({ metadata: { 'a\udc00': 'x' } }, '/metadata')
  })

  it('counts characters as people do', () => {
    assert.equal(parts({ subject: '😀'.repeat(998) }).subject.length, 1996)
    refused({ subject: 'x'.repeat(999) }, '/subject')
    refused({ tags: Array(21).fill('x') }, '/tags')
    refused({ tags: ['x'.repeat(129)] }, '/tags/0')
    refused({ tags: [''] }, '/tags/0')
    refused({ metadata: { ['k'.repeat(65)]: 'x' } }, `/metadata/${'k'.repeat(65)}`)
    refused({ metadata: { k: 'x'.repeat(1001) } }, '/metadata/k')
    refused({ metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ''])) }, '/metadata')
  })

  it('keeps custom headers custom', () => {
    for (const name of [
      ...['Bcc', 'bcc', 'To', 'From', 'Cc', 'Subject', 'Return-Path', 'DKIM-Signature', 'Received', 'Content-Type'],
      ...[
        'bcc ',
        'X A',
        'X-A: b\r\nC',
        'X-\u00e9',
        '',
        'x'.repeat(101),
        'X-Waypost-Type',
        'Reply-To',
        'Sender',
        'Date',
      ],
    ]) {
      refused({ headers: { [name]: 'v@e.example' } }, `/headers/${name.slice(0, 100)}${name.length > 100 ? '…' : ''}`)
    }
    for (const headers of [[], { a: {} }, { a: 1 }, { a: null }, null, 'X: y']) {
      assert.throws(() => read({ headers }), Refusal)
    }
    refused({ headers: { 'X-A': 'x'.repeat(100_000) } }, '/headers/X-A')
    refused({ headers: { 'X-A': '1', 'x-a': '2' } }, '/headers/x-a')
    refused({ headers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`X-${i}`, ''])) }, '/headers')
  })

  it('checks the headers that have a form', () => {
    const id = '<17@shop.example>'
    for (const [name, value] of [
      ['Message-ID', id],
      ['In-Reply-To', id],
      ['References', `${id} <18@shop.example>`],
      ['List-Unsubscribe', '<https://shop.example/u?a=1,2>, <mailto:u@shop.example>'],
      ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
    ] as const) {
      assert.deepEqual(parts({ headers: { [name]: value } }).headers, [[name, value]])
    }
    for (const [name, value] of [
      ['Message-ID', '17@shop.example'],
      ['message-id', '<a@b@c>'],
      ['Message-Id', '<a b@c>'],
      ['In-Reply-To', 'Hello'],
      ['References', Array(10_000).fill(id).join(' ')],
      ['List-Unsubscribe', '<javascript:alert(1)>'],
      ['List-Unsubscribe', 'https://shop.example/u'],
      ['List-Unsubscribe', '<https://shop.example/a b>'],
    ] as const) {
      refused({ headers: { [name]: value } }, `/headers/${name}`)
    }
  })

  it('takes attachments that are named, bare and base64', () => {
    const one = { filename: 'invoice.pdf', content: 'aGk=' }
    assert.deepEqual(parts({ attachments: [one] }).attachments, [
      { ...one, contentType: 'application/pdf', inline: false },
    ])
    assert.deepEqual(
      parts({
        attachments: [{ ...one, filename: 'x.unheard', contentId: 'logo', contentType: 'image/png; name="a b"' }],
      }).attachments,
      [
        {
          filename: 'x.unheard',
          content: 'aGk=',
          contentType: 'image/png; name="a b"',
          contentId: 'logo',
          inline: true,
        },
      ],
    )
    assert.equal(parts({ attachments: [{ ...one, content: '' }] }).attachments[0]?.content, '')
    const wrong = (change: object, field: string) => {
      refused({ attachments: [one, { ...one, ...change }] }, `/attachments/1/${field}`)
    }
    for (const field of ['path', 'href', 'raw', 'url']) wrong({ [field]: 'file:///etc/passwd' }, field)
    for (const content of [
      'aGk',
      'aGk=\n',
      'aG k',
      'a-_=',
      'aGk=aGk=',
      '====',
      'a===',
      'aGk==',
      '\u00e9\u00e9\u00e9\u00e9',
      7,
    ]) {
      wrong({ content }, 'content')
    }
    for (const filename of [
      '../../etc/cron.d/x',
      'C:\\x',
      'a/b',
      '.',
      '..',
      '',
      'a\0',
      'x'.repeat(300),
      'a"\r\nX: y',
    ]) {
      wrong({ filename }, 'filename')
    }
    for (const contentType of [
      'text/html\r\nX-Evil: 1',
      'text',
      'text/',
      'a b/c',
      'multipart/mixed',
      'text/html; x="\n"',
    ]) {
      wrong({ contentType }, 'contentType')
    }
    for (const contentId of ['a>\r\n', 'a"><script>', '<a>', 'a b', '']) wrong({ contentId }, 'contentId')
    refused({ attachments: Array(101).fill(one) }, '/attachments')
    assert.equal(parts({ attachments: [{ ...one, content: 'A'.repeat(8_000_000) }] }).attachments.length, 1)
  })

  it('goes at a time to come, within a year', () => {
    for (const sendAt of [
      ...['tomorrow', '99999-01-01T00:00:00Z', '2027-02-30T00:00:00Z', '2027-01-01', '2027-01-01T00:00:00', '1e9', ''],
      ...['2026-11-25T11:58:59Z', '2028-01-01T00:00:00Z', '2027-01-01T25:00:00Z', '2027-01-01 00:00:00Z'],
    ]) {
      refused({ sendAt }, '/sendAt')
    }
    refused({ sendAt: 1795600000 }, '/sendAt')
    assert.equal(read({ sendAt: '2026-11-25T11:59:30Z' }).sendAt, undefined, 'the clocks differ: at once')
    assert.equal(read({ sendAt: '2026-11-25t14:00:00.5+01:00' }).sendAt, now + 3_600_500)
    refused({ expireAt: '2026-11-25T11:59:59Z' }, '/expireAt')
    refused({ sendAt: '2026-11-26T00:00:00Z', expireAt: '2026-11-25T23:00:00Z' }, '/expireAt')
  })

  it('knows when an address needs SMTPUTF8', () => {
    assert.equal(read({ to: 'b\u00fc@example.net' }).smtpUtf8, true)
    assert.equal(read({ to: 'b@ex\u00e4mple.net' }).smtpUtf8, false)
    assert.equal(read({ from: '\u00fc@example.net' }).smtpUtf8, true)
  })
})
