import assert from 'node:assert/strict'
import resend from '../../adapters/resend.ts'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { letter, message, says, type VendorData } from './fixture.ts'

const error = (statusCode: number, name: string, text = 'No.') => ({
  status: statusCode,
  ...says({ statusCode, name, message: text }),
})

export default {
  adapter: resend,
  vendor: fakeResend,
  options: (baseUrl) => ({ apiKey: resendKey, baseUrl }),
  secret: resendKey,
  cases: [
    { says: '200', status: 200, ...says({ id: 'u-1' }), all: 'accepted u-1' },
    { says: '200 without an id', status: 200, ...says({}), all: 'unknown' },
    { says: '400 validation_error', ...error(400, 'validation_error'), all: 'rejected/message' },
    {
      says: '422 validation_error',
      ...error(422, 'validation_error', 'Invalid `html` field.'),
      all: 'rejected/message',
    },
    {
      says: '422 validation_error of an address that it does not name',
      ...error(
        422,
        'validation_error',
        'Invalid `to` field. The email address needs to follow the `email@example.com` format.',
      ),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '422 missing_required_field', ...error(422, 'missing_required_field'), all: 'rejected/message' },
    { says: '422 invalid_parameter', ...error(422, 'invalid_parameter'), all: 'rejected/message' },
    { says: '422 invalid_attachment', ...error(422, 'invalid_attachment'), all: 'rejected/message' },
    { says: '422 invalid_access', ...error(422, 'invalid_access'), all: 'rejected/message' },
    { says: '422 invalid_region', ...error(422, 'invalid_region'), all: 'rejected/message' },
    {
      says: '403 domain not verified',
      ...error(403, 'validation_error', 'The example.com domain is not verified.'),
      all: 'rejected/identity',
    },
    {
      says: '403 testing only',
      ...error(403, 'validation_error', 'You can only send testing emails to your own email address.'),
      all: 'rejected/identity',
    },
    { says: '422 invalid_from_address', ...error(422, 'invalid_from_address'), all: 'rejected/identity' },
    { says: '401 missing_api_key', ...error(401, 'missing_api_key'), all: 'rejected/account' },
    { says: '401 restricted_api_key', ...error(401, 'restricted_api_key'), all: 'rejected/account' },
    { says: '403 invalid_api_key', ...error(403, 'invalid_api_key'), all: 'rejected/account' },
    { says: '404 not_found', ...error(404, 'not_found'), all: 'rejected/account' },
    { says: '405 method_not_allowed', ...error(405, 'method_not_allowed'), all: 'rejected/account' },
    { says: '400 invalid_idempotency_key', ...error(400, 'invalid_idempotency_key'), all: 'rejected/message' },
    { says: '409 invalid_idempotent_request', ...error(409, 'invalid_idempotent_request'), all: 'rejected/message' },
    { says: '409 concurrent', ...error(409, 'concurrent_idempotent_requests'), all: 'deferred/provider 1000' },
    {
      says: '429 rate',
      ...error(429, 'rate_limit_exceeded'),
      headers: { 'ratelimit-reset': '1', 'retry-after': '2' },
      all: 'deferred/provider 2000',
    },
    {
      says: '429 rate, by its own header',
      ...error(429, 'rate_limit_exceeded'),
      headers: { 'ratelimit-reset': '1' },
      all: 'deferred/provider 1000',
    },
    { says: '429 daily quota', ...error(429, 'daily_quota_exceeded'), all: 'deferred/account' },
    { says: '429 monthly quota', ...error(429, 'monthly_quota_exceeded'), all: 'deferred/account' },
    { says: '451 security_error', ...error(451, 'security_error'), all: 'rejected/message' },
    { says: '500 application_error', ...error(500, 'application_error'), all: 'deferred/provider' },
    { says: '500 internal_server_error', ...error(500, 'internal_server_error'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    const { from, to, cc, reply_to, ...rest } = fields
    assert.match(String(from), /^"Sender, Inc\." <sender@example\.com>$/)
    assert.match(String(to), /^"Ann \\"A\\" Ärger" <ann@example\.com>$/)
    assert.match(String(cc), /^"?Bob"? <bob@example\.com>$/)
    assert.match(String(reply_to), /^"?Help"? <help@example\.com>,desk@example\.com$/)
    assert.deepEqual(rest, {
      subject: letter.subject,
      html: letter.html,
      text: letter.text,
      headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>', 'Message-ID': message.messageId },
      tags: [
        { name: 'waypost', value: message.id },
        { name: 'tag', value: 'welcome' },
      ],
      attachments: [
        { filename: 'räport.pdf', content: letter.attachments[0]!.content, content_type: 'application/pdf' },
        {
          filename: 'logo.png',
          content: letter.attachments[1]!.content,
          content_type: 'image/png',
          content_id: 'logo',
        },
      ],
    })
  },
} satisfies VendorData
