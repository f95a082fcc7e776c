import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  bodyStart,
  decodeWords,
  everyMailboxIn,
  headerProblem,
  headerValue,
  mailboxesIn,
  readHeaders,
} from '../../src/mail/headers.ts'

const corpus = new URL('../corpus/', import.meta.url)
const bytes = (text: string) => Buffer.from(text, 'latin1')
const keepAll = () => false
const bcc = (name: string) => name === 'bcc' || name.startsWith('x-waypost-')

describe('bodyStart', () => {
  for (const [text, start] of [
    ['A: b\r\n\r\nbody', 8],
    ['A: b\n\nbody', 6],
    ['A: b\n\r\nbody', 7],
    ['A: b\r\n\r\n', 8],
    ['\r\nbody', 0],
    ['\nbody', 0],
    ['A: b\r\n', null],
    ['A: b\r\n\r', null],
    ['A: b\r\n \r\n\r\nbody', 11],
    ['A: b\r\rbody', null],
    ['', null],
  ] as const) {
    it(`of ${JSON.stringify(text)} is ${start}`, () => assert.equal(bodyStart(bytes(text)), start))
  }
})

describe('readHeaders', () => {
  it('reads fields unfolded and in order', () => {
    const { fields } = readHeaders(
      bytes('From: a@y.test\r\nSubject: one\r\n\ttwo  \r\n three\r\nX-Empty:\r\nfrom : b\r\n\r\n'),
      keepAll,
    )
    assert.deepEqual(fields, [
      ['From', 'a@y.test'],
      ['Subject', 'one\ttwo   three'],
      ['X-Empty', ''],
      ['from', 'b'],
    ])
    assert.equal(headerValue(fields, 'from'), 'a@y.test')
    assert.equal(headerValue(fields, 'to'), undefined)
  })

  it('takes fields out with their folded lines and changes nothing else', () => {
    for (const end of ['\r\n', '\n']) {
      const lines = (...all: string[]) => bytes(all.map((line) => line + end).join(''))
      const block = lines(
        'BCC: v@e.test,',
        '\tw@e.test',
        'From: a@y.test',
        'bcc : x@e.test',
        'x-Waypost-Type: otp',
        'B:\xff',
        ' c',
        '',
      )
      const { bytes: kept, fields } = readHeaders(block, bcc)
      assert.deepEqual(Buffer.from(kept), lines('From: a@y.test', 'B:\xff', ' c', ''))
      assert.deepEqual(fields, [
        ['From', 'a@y.test'],
        ['B', 'ÿ c'],
      ])
    }
  })

  it('leaves lines that are no field', () => {
    const block = bytes(
      'From a@y.test Thu Feb 22\r\n Bcc: folded into that\r\nnonsense\r\n: x\r\nA b: c\r\nBcc: v@e.test',
    )
    const read = readHeaders(block, bcc)
    assert.deepEqual(read.fields, [])
    assert.equal(Buffer.from(read.bytes).toString(), block.toString().replace('Bcc: v@e.test', ''))
  })

  it('stops at the blank line', () => {
    const { fields, bytes: kept } = readHeaders(bytes('A: b\r\n\r\nBcc: in the body\r\n'), bcc)
    assert.deepEqual(fields, [['A', 'b']])
    assert.equal(Buffer.from(kept).toString(), 'A: b\r\n\r\nBcc: in the body\r\n')
  })

  it('takes UTF-8 where it is UTF-8, and names that are dangerous elsewhere', () => {
    const block = Buffer.concat([
      Buffer.from('Subject: Grüße\r\n__proto__: x\r\nconstructor: y\r\n'),
      bytes('C: Gr\xfc\xdfe\r\n\r\n'),
    ])
    assert.deepEqual(readHeaders(block, keepAll).fields, [
      ['Subject', 'Grüße'],
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['C', 'Grüße'],
    ])
    assert.equal(headerValue([], '__proto__'), undefined)
  })

  it('never throws and never changes a byte of what stays', () => {
    const piece = fc.constantFrom('Bcc: a', 'A: b', ' folded', '\t', '\r', '\n', '\r\n', ':', 'x', '\xff', 'bcc', '\0')
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const block = bytes(pieces.join(''))
        assert.deepEqual(Buffer.from(readHeaders(block, keepAll).bytes), block)
        const once = readHeaders(block, bcc)
        const twice = readHeaders(once.bytes, bcc)
        assert.ok(once.fields.every(([name]) => name.toLowerCase() !== 'bcc'))
        // What stays is a subsequence of the lines that came.
        const lines = block.toString('latin1').split(/(?<=\n)/)
        for (const line of Buffer.from(twice.bytes)
          .toString('latin1')
          .split(/(?<=\n)/)) {
          if (line === '') continue
          const at = lines.indexOf(line)
          assert.notEqual(at, -1)
          lines.splice(0, at + 1)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('decodeWords', () => {
  for (const [value, text] of [
    ['plain', 'plain'],
    ['=?utf-8?q?Gr=C3=BC=C3=9Fe?=', 'Grüße'],
    ['=?UTF-8?B?44G/44GR44KL?=', 'みける'],
    ['=?iso-8859-1?Q?J=F8rn_St=F8ylen?= x', 'Jørn Støylen x'],
    ['=?utf-8*en?q?a_b?=', 'a b'],
    ['a =?utf-8?q?b?= c =?utf-8?q?d?=', 'a b c d'],
    ['=?utf-8?q?a?=\r\n =?utf-8?q?b?=', 'ab'],
    ['=?utf-8?q?a?= =?iso-8859-1?q?=E9?=', 'aé'],
    ['=?utf-8?q?=E2=9C?= =?utf-8?q?=93?=', '✓'],
    ['=?utf-8?b?4p==?= =?utf-8?b?nJM=?=', '✓'],
    ['=?utf-8?b?4pw?= =?utf-8?q?=93?=', '✓'],
    ['=?iso-2022-jp?B?GyRCJF8kMSRrGyhC?=', 'みける'],
    ['=?x-unknown?q?a?=', '=?x-unknown?q?a?='],
    ['=?utf-7?q?+AGE-?=', '=?utf-7?q?+AGE-?='],
    ['=?utf-8?x?a?=', '=?utf-8?x?a?='],
    ['=?utf-8?q?a', '=?utf-8?q?a'],
    ['=?utf-8?q?=XZ=4?=', '=XZ=4'],
    ['=?utf-8?b?*?=', ''],
    ['=?utf-8?q?a=0d=0aBcc:_v@e.test?=', 'a Bcc: v@e.test'],
    ['=?utf-8?q?already ü?=', 'already ü'],
  ] as const) {
    it(JSON.stringify(value), () => assert.equal(decodeWords(value), text))
  }
})

describe('mailboxesIn', () => {
  for (const [value, mailboxes] of [
    ['', []],
    ['Ann <a@Y.test>, b@y.test', [{ email: 'a@y.test', name: 'Ann' }, { email: 'b@y.test' }]],
    ['"Ann, B." <a@y.test>', [{ email: 'a@y.test', name: 'Ann, B.' }]],
    ['a@y.test (Ann (the boss))', [{ email: 'a@y.test', name: 'Ann (the boss)' }]],
    ['=?utf-8?q?M=C3=BCller?= <a@y.test>', [{ email: 'a@y.test', name: 'Müller' }]],
    ['"=?utf-8?q?M=C3=BCller?=" <a@y.test>', [{ email: 'a@y.test', name: 'Müller' }]],
    ['=?utf-8?q?x=0d=0aBcc=3A?= <a@y.test>', [{ email: 'a@y.test', name: 'x Bcc:' }]],
    // Tokens first, words after (RFC 2047 section 5): a comma hides no mailbox.
    ['=?utf-8?q?x,a@evil.test,?= <a@y.test>', [{ email: 'a@evil.test' }, { email: 'a@y.test', name: '?=' }]],
    [
      'A Group:Chris <c@a.test>,joe@where.test;, d@e.test',
      [{ email: 'c@a.test', name: 'Chris' }, { email: 'joe@where.test' }, { email: 'd@e.test' }],
    ],
    ['undisclosed-recipients:;', []],
    [', a@y.test,,', [{ email: 'a@y.test' }]],
    ['a@y.test b@y.test', [{ email: 'a@y.test' }, { email: 'b@y.test' }]],
    ['a@y.test; b@y.test', [{ email: 'a@y.test' }, { email: 'b@y.test' }]],
    ['"a@evil.test" <a@y.test>', [{ email: 'a@y.test', name: 'a@evil.test' }]],
    ['a@evil.test <a@y.test>', [{ email: 'a@y.test', name: 'a@evil.test' }]],
    ['"xclow3n@gmail.com x"@internal.example', []],
    ['<a@y.test> <b@evil.test>', []],
    ['a@y.test>', []],
    ['a@b@c.test, <a@localhost>, d@e.test', [{ email: 'd@e.test' }]],
    ['Pete(A chap) <pete(his account)@silly.test(his host)>', [{ email: 'pete@silly.test', name: 'Pete' }]],
    ['a@exämple.test', [{ email: 'a@xn--exmple-cua.test' }]],
    ['Ann <a@y.test', [{ email: 'a@y.test', name: 'Ann' }]],
    ['(unclosed a@y.test', []],
    ['"unclosed <a@y.test>', []],
  ] as const) {
    it(JSON.stringify(value), () => assert.deepEqual(mailboxesIn(value), mailboxes))
  }
})

describe('everyMailboxIn', () => {
  for (const value of [
    '"ceo"@victim.test, me@y.test',
    'me@y.test, <@a.test:b@victim.test>',
    'me@y.test "ceo"@victim.test',
    'me@y.test ceo@[192.0.2.1]',
    '"ceo"@victim.test: me@y.test;',
    '<ceo@victim.test>: me@y.test;',
    'Ceo, me@y.test',
    '<a@y.test> <b@evil.test>',
    'Ann <a@y.test, b@y.test',
  ]) {
    it(`leaves nobody out of ${value}`, () => assert.equal(everyMailboxIn(value), null))
  }

  it('is whole where nothing is left out', () => {
    assert.deepEqual(everyMailboxIn('(nobody), undisclosed-recipients:;,'), [])
    assert.deepEqual(everyMailboxIn('Group: Ann Y. <a@y.test>, Bob b@y.test;'), [
      { email: 'a@y.test', name: 'Ann Y.' },
      { email: 'b@y.test' },
    ])
  })
})

describe('hostile megabytes', () => {
  const pieces = [
    '=?utf-8?B?4pyT?= ',
    '=?utf-8?q?',
    '=?',
    '<',
    '(',
    '"',
    ',',
    'g:',
    '<a@',
    '\\',
    '(a)',
    ' ',
    '\t',
    '"\\',
    '(\\',
    'a:\n',
    'a\n',
    'a:b\n ',
    '\r',
  ]
  for (const piece of pieces) {
    it(JSON.stringify(piece), () => {
      const text = piece.repeat(Math.ceil(1_000_000 / piece.length))
      const start = performance.now()
      decodeWords(text)
      mailboxesIn(`${text}a@b.test;`)
      readHeaders(bytes(text), bcc)
      bodyStart(bytes(text))
      // Anything that is not linear takes minutes here; the bound is wide so that a busy machine does not matter.
      assert.ok(performance.now() - start < 10_000)
    })
  }
})

describe('the corpus', () => {
  for (const file of readdirSync(corpus).filter((name) => name.endsWith('.eml'))) {
    it(file, () => {
      const message = readFileSync(new URL(file, corpus))
      const block = message.subarray(0, bodyStart(message) ?? message.length)
      const { fields, bytes: kept } = readHeaders(block, keepAll)
      assert.deepEqual(Buffer.from(kept), block)
      assert.ok(fields.length >= 4)
      for (const [, value] of fields) {
        assert.equal(typeof decodeWords(value), 'string')
        for (const mailbox of mailboxesIn(value)) assert.match(mailbox.email, /^[^@\s]+@[a-z0-9.-]+$/)
      }
    })
  }

  it('says who sent and who receives the odd ones', () => {
    const of = (file: string, header: string) => {
      const message = readFileSync(new URL(file, corpus))
      const { fields } = readHeaders(message.subarray(0, bodyStart(message) ?? message.length), keepAll)
      return mailboxesIn(headerValue(fields, header) ?? '').map(({ email }) => email)
    }
    assert.deepEqual(of('plain_emails__raw_email_multiple_from.eml', 'from'), [
      'tim@powerupdev.com',
      'concierge@powerupdev.com',
    ])
    assert.deepEqual(of('error_emails__weird_to_header.eml', 'to'), ['user-example@aol.com', 'e-s-a-s-2200@app.ar.com'])
    assert.equal(of('error_emails__new_line_in_to_header.eml', 'to').length, 6)
    assert.deepEqual(of('plain_emails__raw_email_with_at_display_name.eml', 'to'), [
      'smith@gmail.com',
      'raasdnil@gmail.com',
      'tom@gmail.com',
    ])
    assert.deepEqual(of('rfc2822__example10.eml', 'to'), ['c@public.example', 'joe@example.org', 'jdoe@one.test'])
  })
})

describe('headerProblem', () => {
  it('lets custom headers be', () => {
    for (const [name, value] of [
      ['X-Order', '17'],
      ['__proto__', 'x'],
      ['Message-ID', '<a.b@example.com>'],
      ['In-Reply-To', '<a@b>'],
      ['References', '<a@b> <c@d.test>'],
      ['List-Unsubscribe', '<https://y.test/u?x=1>, <mailto:u@y.test?subject=stop>'],
      ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
      ['List-Id', 'News <news.y.test>'],
      ['X-Name', 'Grüße 🎉'],
      ['X-To', 'b'],
    ] as const) {
      assert.equal(headerProblem(name, value), null, name)
    }
  })

  it('refuses names that are none, and those that are ours', () => {
    for (const name of ['X-A: b\r\nC', 'X A', '', 'X-é', 'bcc ', 'X:', 'x'.repeat(77), 'x'.repeat(2000)]) {
      assert.match(headerProblem(name, 'x') ?? '', /^A header name/)
    }
    for (const name of [
      'Bcc',
      'bCC',
      'To',
      'Cc',
      'From',
      'Sender',
      'Reply-To',
      'Subject',
      'Date',
      'Return-Path',
      'DKIM-Signature',
      'Received',
      'Content-Type',
      'content-transfer-encoding',
      'MIME-Version',
      'X-Waypost-Type',
      'ARC-Seal',
      'Resent-To',
    ]) {
      assert.match(headerProblem(name, 'x') ?? '', /not a header to set/, name)
    }
  })

  it('refuses values that would break the message', () => {
    for (const value of [
      '',
      ' ',
      'a\r\nBcc: v@e.test',
      'a\nb',
      'a\rb',
      'a\0b',
      'a\tb',
      'a\u007f',
      'a\u000b',
      '\ud800',
      'x'.repeat(901),
      'x '.repeat(5000),
      'ü '.repeat(3000),
    ]) {
      assert.notEqual(headerProblem('X-A', value), null, JSON.stringify(value.slice(0, 10)))
    }
    for (const [name, value] of [
      ['Message-ID', 'a@b'],
      ['Message-ID', '<a@b> <c@d>'],
      ['message-id', '<a@b@c>'],
      ['Message-ID', '<a b@c>'],
      ['Message-ID', ''],
      ['In-Reply-To', 'x'],
      ['References', '<a@b> junk'],
      ['References', `${'<a@b> '.repeat(10_000)}<a@b>`],
      ['List-Unsubscribe', '<javascript:alert(1)>'],
      ['List-Unsubscribe', '<https://y.test/a b>'],
      ['List-Unsubscribe', 'https://y.test/'],
      ['List-Unsubscribe-Post', 'x'],
    ] as const) {
      assert.notEqual(headerProblem(name, value), null, `${name}: ${value.slice(0, 30)}`)
    }
  })
})
