import assert from 'node:assert/strict'
import mailgun from '../../adapters/mailgun.ts'
import { fakeMailgun, mailgunDomain, mailgunKey } from '../support/fake-vendors/mailgun.ts'
import { letter, message, says, type VendorData } from './fixture.ts'

const error = (text: string) => says({ message: text })

export default {
  adapter: mailgun,
  vendor: fakeMailgun,
  options: (baseUrl) => ({ apiKey: mailgunKey, domain: mailgunDomain, baseUrl }),
  secret: mailgunKey,
  cases: [
    {
      says: '200',
      status: 200,
      ...says({ id: '<1@mg.example.com>', message: 'Queued. Thank you.' }),
      all: 'accepted 1@mg.example.com',
    },
    { says: '200 at a wrong path', status: 200, body: 'Mailgun Magnificent API', all: 'rejected/account' },
    { says: '200 without an id', status: 200, ...says({ message: 'Queued. Thank you.' }), all: 'unknown' },
    {
      says: '400 for a recipient that it does not name',
      status: 400,
      ...error('to parameter is not a valid address. please check documentation'),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    {
      says: '400 for a recipient that it names',
      status: 400,
      ...error("'to' parameter is not a valid address: bob@example.com"),
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      lone: 'rejected/recipient',
    },
    { says: '400 for from', status: 400, ...error('from parameter is missing'), all: 'rejected/message' },
    {
      says: '400 over 16 KB of options',
      status: 400,
      ...error('Send options are limited to 16KB total'),
      all: 'rejected/message',
    },
    {
      says: '400 domain not allowed',
      status: 400,
      ...error('Domain mg.example.com is not allowed to send: The domain is unverified'),
      all: 'rejected/account',
    },
    { says: '401 Forbidden, as text', status: 401, body: 'Forbidden', all: 'rejected/account' },
    { says: '402', status: 402, ...error('Payment required'), all: 'rejected/account' },
    { says: '403', status: 403, ...error('Domain disabled'), all: 'rejected/account' },
    { says: '404', status: 404, ...error('Domain not found: x'), all: 'rejected/account' },
    { says: '413', status: 413, ...error('Too large'), all: 'rejected/message' },
    {
      says: '429 with seconds in its words',
      status: 429,
      ...error(
        'Domain mg.example.com is not allowed to send: account-requests-per-sec limit exceeded, try again after 120 seconds',
      ),
      all: 'deferred/provider 120000',
    },
    {
      says: '429 with Retry-After',
      status: 429,
      headers: { 'retry-after': '3' },
      body: error('limit exceeded').body,
      all: 'deferred/provider 3000',
    },
    { says: '500 in its own words', status: 500, ...error('Internal Server Error'), all: 'deferred/provider' },
    { says: '503', status: 503, ...error('Unavailable'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients, id }) {
    assert.equal(`<${id}>`, message.messageId)
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    const { from, to, cc, attachment, inline, 'h:Reply-To': replyTo, ...rest } = fields as Record<string, [string]>
    assert.match(from![0], /^"Sender, Inc\." <sender@example\.com>$/)
    assert.match(to![0], /^"Ann \\"A\\" Ärger" <ann@example\.com>$/)
    assert.match(cc![0], /^"?Bob"? <bob@example\.com>$/)
    assert.match(replyTo![0], /^"?Help"? <help@example\.com>, desk@example\.com$/)
    assert.deepEqual(rest, {
      subject: [letter.subject],
      html: [letter.html],
      // Form fields have CRLF line ends, as mail has.
      text: [letter.text!.replace('\n', '\r\n')],
      'h:X-Order': ['17'],
      'h:List-Unsubscribe': ['<https://example.com/u>'],
      'h:Message-Id': [message.messageId],
      'v:order': ['17'],
      'v:waypost': [message.id],
      'o:tag': ['welcome'],
    })
    const files = [attachment, inline].flat() as unknown as File[]
    assert.deepEqual(
      files.map((file) => [file.name, file.type, file.size]),
      [
        ['räport.pdf', 'application/pdf', 13],
        // The name is the Content-ID.
        ['logo', 'image/png', 6],
      ],
    )
  },
} satisfies VendorData
