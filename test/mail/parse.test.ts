import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { bodyStart, isRawOnly, readHeaders } from '../../src/mail/headers.ts'
import type { Header } from '../../src/mail/message.ts'
import { parse } from '../../src/mail/parse.ts'

const corpus = new URL('../corpus/', import.meta.url)
const raw = (...lines: string[]) => Buffer.from(lines.join('\r\n'))
const text = (base64: string) => Buffer.from(base64, 'base64').toString()

describe('parse', () => {
  it('reads people, text, html, attachments and inline images', async () => {
    const parts = await parse(
      raw(
        'Received: from x by y; Fri, 2 Jan 2026 03:04:05 +0000',
        'DKIM-Signature: v=1; d=y.test',
        'Return-Path: <a@y.test>',
        'Authentication-Results: y.test; spf=pass',
        'From: =?utf-8?q?Ann_M=C3=BCller?= <ann@Y.test>, second@y.test',
        'To: bob@y.test',
        'To: "Cy, B." <cy@y.test>',
        'Cc: Group: di@y.test;',
        'Reply-To: re@y.test',
        'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
        'Date: Fri, 2 Jan 2026 03:04:05 +0000',
        'Message-ID: <1@y.test>',
        'In-Reply-To: <0@y.test>',
        'X-Order: 17',
        'X-Name: =?utf-8?q?=C3=BC?=',
        'X-Empty:',
        'X-Waypost-Type: otp',
        '__proto__: x',
        'MIME-Version: 1.0',
        'Content-Type: multipart/related; boundary=r',
        '',
        '--r',
        'Content-Type: multipart/alternative; boundary=a',
        '',
        '--a',
        'Content-Type: text/plain; charset=iso-8859-1',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        'Gr=FC=DFe',
        'two=',
        ' lines',
        '--a',
        'Content-Type: text/html',
        '',
        '<img src="cid:logo@y">',
        '--a--',
        '--r',
        'Content-Type: image/png; name="logo.png"',
        'Content-ID: <logo@y>',
        'Content-Transfer-Encoding: base64',
        '',
        'cG5n',
        '--r',
        'Content-Type: text/csv',
        'Content-Disposition: attachment; filename="../../etc/=?utf-8?q?=C3=BC?=.csv"',
        '',
        'a,b',
        'c,d',
        '',
        '--r',
        'Content-Type: message/rfc822',
        '',
        'Subject: inner',
        '',
        'hi',
        '--r--',
      ),
    )
    assert.deepEqual(
      { ...parts, attachments: parts.attachments.map((part) => ({ ...part, content: text(part.content) })) },
      {
        from: { email: 'ann@y.test', name: 'Ann Müller' },
        to: [{ email: 'bob@y.test' }, { email: 'cy@y.test', name: 'Cy, B.' }],
        cc: [{ email: 'di@y.test' }],
        replyTo: [{ email: 're@y.test' }],
        subject: 'Grüße',
        text: 'Grüße\ntwo lines',
        html: '<img src="cid:logo@y">',
        headers: [
          ['In-Reply-To', '<0@y.test>'],
          ['X-Order', '17'],
          ['X-Name', 'ü'],
          ['__proto__', 'x'],
        ],
        attachments: [
          { filename: 'logo.png', contentType: 'image/png', contentId: 'logo@y', inline: true, content: 'png' },
          { filename: 'ü.csv', contentType: 'text/csv', inline: false, content: 'a,b\r\nc,d\r\n' },
          {
            filename: 'attachment-3.eml',
            contentType: 'message/rfc822',
            inline: false,
            content: 'Subject: inner\r\n\r\nhi',
          },
        ],
      },
    )
  })

  it('names and types what comes without', async () => {
    const part = (header: string) => ['--b', header, 'Content-Transfer-Encoding: base64', '', 'eA==']
    const { attachments } = await parse(
      raw(
        'Content-Type: multipart/mixed; boundary=b',
        '',
        ...part('Content-Type: image/jpeg'),
        ...part('Content-Type: application/octet-stream'),
        ...part('Content-Type: not a type'),
        ...part('Content-Disposition: attachment; filename="a/b\\\\\\\\.."'),
        ...part('Content-Type: application/pdf; name="a=?utf-8?q?=0d=0aX:?=b.pdf"'),
        '--b--',
      ),
    )
    assert.deepEqual(
      attachments.map(({ filename, contentType }) => [filename, contentType]),
      [
        ['attachment-1.jpeg', 'image/jpeg'],
        ['attachment-2.bin', 'application/octet-stream'],
        ['attachment-3.bin', 'application/octet-stream'],
        ['attachment-4.txt', 'text/plain'],
        ['a X:b.pdf', 'application/pdf'],
      ],
    )
  })

  it('keeps the method of an invitation', async () => {
    const { attachments } = await parse(
      raw('Content-Type: text/calendar; method=request', '', 'BEGIN:VCALENDAR', 'END:VCALENDAR', ''),
    )
    assert.equal(attachments[0]?.contentType, 'text/calendar; method=REQUEST; charset=utf-8')
  })

  it('reads mail that is hardly any', async () => {
    for (const bytes of [
      raw(''),
      raw('', '', 'body'),
      raw('nonsense'),
      raw('From: x'),
      raw('Content-Type: multipart/mixed', '', '--', ''),
    ]) {
      const { from, to, subject } = await parse(bytes)
      assert.deepEqual({ from, to, subject }, { from: { email: '' }, to: [], subject: '' })
    }
  })

  it('refuses bombs', async () => {
    const nested = (depth: number) =>
      Array.from({ length: depth }, (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}`).join(
        '\r\n',
      )
    await assert.rejects(parse(Buffer.from(nested(1000))), /nesting depth/)
    await parse(Buffer.from(nested(90)))
    const parts = (count: number) =>
      Buffer.from(`Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(count)}`)
    await assert.rejects(parse(parts(20_000)), /MIME parts/)
    await parse(parts(990))
    await assert.rejects(parse(Buffer.from(`X: ${'x'.repeat(300_000)}\r\n\r\n`)), /header size/)
  })

  it('does not unpack message after message', async () => {
    const { attachments } = await parse(Buffer.from('Content-Type: message/rfc822\r\n\r\n'.repeat(500)))
    assert.equal(attachments.length, 1)
  })

  it('is through with a hostile megabyte in no time', async () => {
    const start = performance.now()
    for (const [type, body] of [
      ['text/plain', '\n'],
      ['text/plain; format=flowed', 'a \n'],
      ['text/html', '<a '],
      ['image/png', '--b\n'],
      ['multipart/mixed; boundary=b', '\n'],
    ] as const) {
      await parse(Buffer.from(`Content-Type: ${type}\n\n${body.repeat(200_000 / body.length)}`))
    }
    // What is not linear, or slow for every line, takes many times as long.
    assert.ok(performance.now() - start < 10_000)
  })
})

describe('the corpus', () => {
  for (const file of readdirSync(corpus).filter((name) => name.endsWith('.eml'))) {
    it(file, async () => {
      const { from, headers, attachments } = await parse(readFileSync(new URL(file, corpus)))
      assert.equal(from.email !== '', file !== 'mime_emails__raw_email11.eml')
      for (const [name, value] of headers) {
        assert.doesNotMatch(
          name,
          /^(?:received|date|message-id|return-path|mime-version|content-.*|dkim-signature|to|bcc)$/i,
        )
        assert.doesNotMatch(value, /[\r\n]/)
      }
      for (const { filename } of attachments) assert.match(filename, /^[^/\\\p{Cc}]+$/u)
    })
  }

  it('is read as people read it', async () => {
    const of = (file: string) => parse(readFileSync(new URL(file, corpus)))
    const japanese = await of('multi_charset__japanese_attachment_long_name.eml')
    assert.equal(japanese.attachments[0]?.filename, `${'かきくけこ'.repeat(5)}.txt`)
    assert.match((await of('multi_charset__japanese_shift_jis.eml')).text ?? '', /^あいうえお\n/)
    assert.equal((await of('plain_emails__raw_email.eml')).subject, 'NOTE: 한국말로 하는 것')
    assert.deepEqual(
      (await of('attachment_emails__attachment_message_rfc822_inline_image.eml')).attachments.map(
        ({ filename, inline }) => [filename, inline],
      ),
      [
        ['img.png', true],
        ['Testmail.eml', false],
      ],
    )
  })
})

describe('isRawOnly', () => {
  const fields = (type: string): Header[] => [
    ['Subject', 'x'],
    ['Content-type', type],
  ]

  it('is for what only MIME carries whole', () => {
    for (const type of [
      'multipart/signed; protocol="application/pgp-signature"; boundary=x',
      'Multipart/Encrypted',
      'multipart/report; report-type=delivery-status',
      'application/pkcs7-mime; smime-type=enveloped-data',
      'application/x-pkcs7-mime',
      'message/rfc822',
      'message/delivery-status',
      'text/calendar; method=REQUEST',
      'multipart/alternative; boundary=x; method=REQUEST',
    ]) {
      assert.equal(isRawOnly(fields(type)), true, type)
    }
  })

  it('is not for mail that parts can hold', () => {
    for (const type of [
      'text/plain',
      'multipart/mixed; boundary="method=x"',
      'multipart/alternative',
      'multipart/related',
      '',
      ';',
      'application/pdf',
    ]) {
      assert.equal(isRawOnly(fields(type)), false, type)
    }
    assert.equal(isRawOnly([]), false)
  })

  it('finds them in the corpus', () => {
    const found = readdirSync(corpus).filter((file) => {
      if (!file.endsWith('.eml')) return false
      const message = readFileSync(new URL(file, corpus))
      return isRawOnly(readHeaders(message.subarray(0, bodyStart(message) ?? message.length), () => false).fields)
    })
    assert.deepEqual(found, [
      'mime_emails__raw_email_with_mimepart_without_content_type.eml',
      'mime_emails__raw_email_with_nested_attachment.eml',
      'mime_emails__sig_only_email.eml',
      'multipart_report_emails__multi_address_bounce1.eml',
      'multipart_report_emails__multipart_report_multiple_status.eml',
      'multipart_report_emails__report_530.eml',
    ])
  })
})
