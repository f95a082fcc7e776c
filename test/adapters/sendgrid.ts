import assert from 'node:assert/strict'
import sendgrid from '../../adapters/sendgrid.ts'
import { fakeSendgrid, sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import { letter, message, says, type VendorData } from './fixture.ts'

const errors = (...list: [message: string, field?: string][]) =>
  says({ errors: list.map(([message, field]) => ({ message, field: field ?? null, help: null })) })

export default {
  adapter: sendgrid,
  vendor: fakeSendgrid,
  options: (baseUrl) => ({ apiKey: sendgridKey, baseUrl }),
  secret: sendgridKey,
  cases: [
    { says: '202 and an id', status: 202, headers: { 'x-message-id': 'AbC' }, all: 'accepted AbC' },
    { says: '202 without an id', status: 202, all: 'accepted ' },
    {
      says: '400 for one recipient by its field',
      status: 400,
      ...errors(['Does not contain a valid address.', 'personalizations.0.cc.0.email']),
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      lone: 'rejected/recipient',
    },
    {
      says: '400 for both recipients',
      status: 400,
      ...errors(['bad', 'personalizations.0.to.0.email'], ['bad', 'personalizations.0.cc.0.email']),
      all: 'rejected/recipient',
    },
    {
      says: '400 for a recipient and a header',
      status: 400,
      ...errors(['bad', 'personalizations.0.to.0.email'], ['reserved', 'headers']),
      all: 'rejected/message',
    },
    { says: '400 for a header', status: 400, ...errors(['reserved', 'headers']), all: 'rejected/message' },
    { says: '400 Bad Request without a field', status: 400, ...errors(['Bad Request']), all: 'rejected/message' },
    { says: '400 of a proxy', status: 400, body: '<h1>Bad Request</h1>', all: 'deferred/provider' },
    {
      says: '401 wrong key',
      status: 401,
      ...errors(['The provided authorization grant is invalid']),
      all: 'rejected/account',
    },
    { says: '401 out of credits', status: 401, ...errors(['Maximum credits exceeded']), all: 'rejected/account' },
    { says: '400 out of credits', status: 400, ...errors(['Maximum credits exceeded']), all: 'rejected/account' },
    { says: '403 no scope', status: 403, ...errors(['access forbidden']), all: 'rejected/account' },
    {
      says: '403 sender not verified',
      status: 403,
      ...errors(['The from address does not match a verified Sender Identity.', 'from']),
      all: 'rejected/identity',
    },
    { says: '404', status: 404, ...errors(['not found']), all: 'rejected/account' },
    { says: '405', status: 405, ...errors(['method not allowed']), all: 'rejected/account' },
    { says: '406', status: 406, ...errors(['not acceptable']), all: 'rejected/account' },
    { says: '413', status: 413, ...errors(['too large']), all: 'rejected/message' },
    { says: '415', status: 415, ...errors(['content type']), all: 'rejected/account' },
    {
      says: '429 with the time of the reset',
      status: 429,
      body: errors(['too many requests']).body,
      headers: {
        date: 'Wed, 25 Nov 2026 10:00:00 GMT',
        'x-ratelimit-reset': String(Date.UTC(2026, 10, 25, 10, 0, 7) / 1000),
      },
      all: 'deferred/provider 7000',
    },
    { says: '429 without', status: 429, ...errors(['too many requests']), all: 'deferred/provider' },
    { says: '500 in its own words', status: 500, ...errors(['internal error']), all: 'deferred/provider' },
    { says: '503', status: 503, ...errors(['unavailable']), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients, id }) {
    assert.match(id, /^fake-/)
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, {
      from: { email: 'sender@example.com', name: 'Sender, Inc.' },
      personalizations: [
        {
          to: [{ email: 'ann@example.com', name: 'Ann "A" Ärger' }],
          cc: [{ email: 'bob@example.com', name: 'Bob' }],
        },
      ],
      reply_to_list: [{ email: 'help@example.com', name: 'Help' }, { email: 'desk@example.com' }],
      subject: letter.subject,
      content: [
        { type: 'text/plain', value: letter.text },
        { type: 'text/html', value: letter.html },
      ],
      headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>', 'Message-ID': message.messageId },
      categories: ['welcome'],
      custom_args: { order: '17', waypost: message.id },
      attachments: [
        {
          content: letter.attachments[0]!.content,
          filename: 'räport.pdf',
          type: 'application/pdf',
          disposition: 'attachment',
        },
        {
          content: letter.attachments[1]!.content,
          filename: 'logo.png',
          type: 'image/png',
          disposition: 'inline',
          content_id: 'logo',
        },
      ],
    })
  },
} satisfies VendorData
