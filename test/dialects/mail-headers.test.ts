/** Applications that used a vendor's SMTP relay steer it by headers: those are read, and do not leave. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTransport } from 'nodemailer'
import { mailHeaders } from '../../src/dialects/mail-headers.ts'
import type { Header } from '../../src/mail/message.ts'
import { spoken } from './speaking.ts'

const now = Date.UTC(2026, 0, 31, 9, 30)
const hour = 3_600_000
const none = { tags: [], metadata: {}, undone: [] }

const read: [headers: Header[], said: object][] = [
  [
    [
      [
        'X-SMTPAPI',
        JSON.stringify({
          category: ['a', 'b'],
          unique_args: { order: 17 },
          send_at: (now + hour) / 1000,
          asm_group_id: 3,
          to: ['x@example.org'],
        }),
      ],
    ],
    {
      tags: ['a', 'b'],
      metadata: { order: '17' },
      sendAt: now + hour,
      undone: ['X-SMTPAPI: asm_group_id', 'X-SMTPAPI: to'],
    },
  ],
  [[['X-SMTPAPI', 'nonsense']], { undone: ['X-SMTPAPI'] }],
  [
    [
      ['X-PM-Tag', 'a'],
      ['X-PM-Metadata-Order', '17'],
      ['X-PM-Message-Stream', 'broadcast'],
      ['X-PM-KeepID', 'true'],
      ['X-PM-TrackOpens', 'true'],
      ['X-PM-TrackLinks', 'None'],
    ],
    { tags: ['a'], metadata: { order: '17' }, type: 'marketing', undone: ['X-PM-TrackOpens'] },
  ],
  [[['X-PM-Message-Stream', 'outbound']], {}],
  [[['X-PM-Message-Stream', 'other']], { undone: ['X-PM-Message-Stream'] }],
  [
    [
      ['X-Mailgun-Tag', 'a'],
      ['X-Mailgun-Tag', 'b'],
      ['X-Mailgun-Variables', '{"order": {"id": 17}}'],
      ['X-Mailgun-Deliver-By', 'Sat, 31 Jan 2026 10:30:00 +0000'],
      ['X-Mailgun-Recipient-Variables', '{}'],
      ['X-Mailgun-Track', 'no'],
    ],
    {
      tags: ['a', 'b'],
      metadata: { order: '{"id":17}' },
      sendAt: now + hour,
      undone: ['X-Mailgun-Recipient-Variables'],
    },
  ],
  [
    [
      ['X-SES-MESSAGE-TAGS', 'order=17, colour=red'],
      ['X-SES-CONFIGURATION-SET', 'main'],
    ],
    { metadata: { order: '17', colour: 'red' }, undone: ['X-SES-CONFIGURATION-SET'] },
  ],
  [
    [
      ['X-MC-Tags', 'a, b'],
      ['X-MC-Metadata', '{"order": "17"}'],
      ['X-MC-SendAt', '2026-01-31 10:30:00'],
      ['X-MC-Subaccount', 'x'],
    ],
    { tags: ['a', 'b'], metadata: { order: '17' }, sendAt: now + hour, undone: ['X-MC-Subaccount'] },
  ],
  [
    [
      [
        'X-MSYS-API',
        JSON.stringify({
          campaign_id: 'a',
          tags: ['b'],
          metadata: { order: 17 },
          options: { start_time: '2026-01-31T10:30:00+00:00', open_tracking: false },
          cc: [],
        }),
      ],
    ],
    { tags: ['a', 'b'], metadata: { order: '17' }, sendAt: now + hour, undone: ['X-MSYS-API: cc'] },
  ],
  [
    [
      ['X-MJ-CustomID', '17'],
      ['X-MJ-EventPayload', 'red'],
      ['X-Mailjet-Campaign', 'a'],
      ['X-MJ-TemplateID', '3'],
    ],
    { tags: ['a'], metadata: { CustomID: '17', EventPayload: 'red' }, undone: ['X-MJ-TemplateID'] },
  ],
  [
    [
      ['X-Mailin-Tag', 'a'],
      ['X-Mailin-custom', '{"order": "17"}'],
    ],
    { tags: ['a'], metadata: { order: '17' } },
  ],
  [[['X-Mailin-custom', 'order:17']], { metadata: { 'X-Mailin-custom': 'order:17' } }],
  [
    [
      ['X-MT-Category', 'a'],
      ['X-MT-Custom-Variables', '{"order": "17"}'],
    ],
    { tags: ['a'], metadata: { order: '17' } },
  ],
  [[['Resend-Idempotency-Key', 'k1']], { idempotencyKey: 'k1' }],
  [[['Resend-Idempotency-Key', 'k 1']], { undone: ['Resend-Idempotency-Key'] }],
  [
    [
      ['X-Tag', 'a'],
      ['X-Tags', 'b, c'],
      ['X-Metadata-Order', '17'],
      ['X-Metadata', '{"__proto__": "red"}'],
    ],
    { tags: ['a', 'b', 'c'], metadata: JSON.parse('{"order": "17", "__proto__": "red"}') },
  ],
  [[['X-MailerSend-Tags', `a, ${'x'.repeat(129)}`]], { tags: ['a'], undone: ['X-MailerSend-Tags'] }],
  [[['X-Mailgun-Deliver-By', 'Sat, 30 Jan 2036 10:30:00 +0000']], { undone: ['X-Mailgun-Deliver-By'] }],
  [[['X-Order', '17']], {}],
]

for (const [headers, said] of read) {
  test(`reads ${headers.map(([name]) => name).join(', ')}`, () => {
    assert.deepEqual(mailHeaders.read(headers, now), { ...none, ...said })
    for (const [name] of headers) assert.equal(mailHeaders.hides(name.toLowerCase()), name !== 'X-Order')
  })
}

test('mail by SMTP is steered by them; none leaves, and what is not done is logged', () =>
  spoken(async ({ gateway, arrived }) => {
    const transport = createTransport({ host: '127.0.0.1', port: gateway.smtpPort, ignoreTLS: true })
    const mail = {
      from: 'ann@example.com',
      to: 'bob@example.org',
      subject: 'Hi',
      text: 'Hello',
      headers: {
        'X-SMTPAPI': JSON.stringify({ category: 'spring', unique_args: { order: '17' }, ip_pool: 'main' }),
        'X-PM-Metadata-Colour': 'red',
        'X-Waypost-Metadata-Order': '18',
        'X-Order': '17',
        'Resend-Idempotency-Key': 'k1',
      },
      messageId: '<a@example.com>',
      date: new Date(now),
    }
    const first = await transport.sendMail(mail)
    const again = await transport.sendMail(mail)
    assert.equal(again.response, first.response)
    const [one, ...more] = await arrived(1)
    assert.deepEqual(more, [])
    assert.deepEqual(
      [one!.tags, one!.metadata, one!.headers],
      [['spring'], { order: '18', colour: 'red' }, { 'X-Order': '17' }],
    )
    const line = gateway.log.find((logged) => logged.includes('not done here'))
    assert.deepEqual(JSON.parse(line!).headers, ['X-SMTPAPI: ip_pool'])
  }))
