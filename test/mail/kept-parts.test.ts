import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { keepParts, keptParts } from '../../src/mail/kept-parts.ts'
import type { Parts } from '../../src/mail/message.ts'

const mailbox = fc.record(
  { email: fc.emailAddress(), name: fc.string({ unit: 'grapheme' }) },
  { requiredKeys: ['email'], noNullPrototype: true },
)
const text = fc.string({ unit: 'binary' })
const parts: fc.Arbitrary<Parts> = fc.record(
  {
    from: mailbox,
    to: fc.array(mailbox, { maxLength: 3 }),
    cc: fc.array(mailbox, { maxLength: 1 }),
    replyTo: fc.array(mailbox, { maxLength: 1 }),
    subject: text,
    text,
    html: text,
    headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme-ascii' }), text), { maxLength: 3 }),
    attachments: fc.array(
      fc.record(
        {
          filename: text,
          contentType: fc.constant('image/png'),
          contentId: fc.constant('logo'),
          inline: fc.boolean(),
          content: fc.base64String(),
        },
        { requiredKeys: ['filename', 'contentType', 'inline', 'content'], noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['from', 'to', 'cc', 'replyTo', 'subject', 'headers', 'attachments'], noNullPrototype: true },
)

describe('parts as they are kept', () => {
  it('are read as they were', () => {
    fc.assert(
      fc.property(parts, (given) => {
        assert.deepEqual(keptParts(keepParts(given)), given)
      }),
    )
  })

  it('have their bodies and attachments as they are, behind a line of JSON', () => {
    const html = '<p>"Grüße"\r\n</p>'
    const file = { filename: 'a.txt', contentType: 'text/plain', inline: false, content: 'SGk=' }
    const given = { from: { email: 'ann@example.com' }, to: [], cc: [], replyTo: [], subject: '', headers: [] }
    const [line, ...rest] = Buffer.from(keepParts({ ...given, html, attachments: [file] }))
      .toString()
      .split('\n')
    assert.deepEqual(JSON.parse(line!).lengths, [null, html.length, 4])
    assert.equal(rest.join('\n'), `${html}SGk=`)
  })

  it('are read where an earlier Waypost kept them', () => {
    const attachments = [{ filename: 'a', contentType: 'text/plain', inline: false, content: 'SGk=' }]
    const given = { from: { email: 'ann@example.com' }, to: [], cc: [], replyTo: [], subject: '', headers: [] }
    const before: Parts = { ...given, text: 'Hi.\r\nAnn', attachments }
    assert.deepEqual(keptParts(Buffer.from(JSON.stringify(before))), before)
  })
})
