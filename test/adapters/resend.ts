import assert from 'node:assert/strict'
import { Resend } from 'resend'
import { Webhook } from 'standardwebhooks'
import resend from '../../adapters/resend.ts'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { hookTime, jsonCall, letter, message, says, tampered, told, type VendorData } from './fixture.ts'

const error = (statusCode: number, name: string, text = 'No.') => ({
  status: statusCode,
  ...says({ statusCode, name, message: text }),
})

const signingSecret = `whsec_${Buffer.from('a secret that Resend made for us').toString('base64')}`

const event = (type: string, more: object = {}) => ({
  type,
  created_at: '2026-11-25T11:59:00.000Z',
  data: { email_id: 'u-1', to: ['ann@example.com'], subject: 'hello', tags: { waypost: message.id }, ...more },
})
const about = {
  at: hookTime - 60_000,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: 'u-1',
}

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
      about: 'recipient',
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
      about: 'identity',
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
    { says: '403 invalid_api_key', about: 'credential', ...error(403, 'invalid_api_key'), all: 'rejected/account' },
    { says: '404 not_found', ...error(404, 'not_found'), all: 'rejected/account' },
    { says: '405 method_not_allowed', ...error(405, 'method_not_allowed'), all: 'rejected/account' },
    { says: '400 invalid_idempotency_key', ...error(400, 'invalid_idempotency_key'), all: 'rejected/message' },
    { says: '409 invalid_idempotent_request', ...error(409, 'invalid_idempotent_request'), all: 'rejected/message' },
    { says: '409 concurrent', ...error(409, 'concurrent_idempotent_requests'), all: 'deferred/provider 1000' },
    {
      says: '429 rate',
      about: 'throttled',
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
    { says: '429 monthly quota', about: 'credit', ...error(429, 'monthly_quota_exceeded'), all: 'deferred/account' },
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
  sdk: (baseUrl) =>
    new Resend(resendKey, { baseUrl }).emails.send({
      from: '"Sender, Inc." <sender@example.com>',
      to: ['"Ann \\"A\\" Ärger" <ann@example.com>'],
      cc: ['Bob <bob@example.com>'],
      replyTo: ['Help <help@example.com>', 'desk@example.com'],
      subject: letter.subject,
      html: letter.html!,
      text: letter.text!,
      headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>', 'Message-ID': message.messageId },
      tags: [
        { name: 'waypost', value: message.id },
        { name: 'tag', value: 'welcome' },
      ],
      attachments: letter.attachments.map(({ filename, content, contentType, contentId, inline }) => ({
        filename,
        content,
        contentType,
        ...(inline ? { contentId: contentId! } : {}),
      })),
    }),
  smtp: { options: { apiKey: resendKey }, server: ['smtp.resend.com', 587], user: 'resend' },
  hooks: {
    options: { webhookSecret: signingSecret },
    // Signed by the standard's own library.
    call: (body, at = hookTime) => {
      const payload = JSON.stringify(body)
      const signature = new Webhook(signingSecret).sign('msg_2abc', new Date(at), payload)
      const time = String(Math.floor(at / 1000))
      const headers = { 'svix-id': 'msg_2abc', 'svix-timestamp': time, 'svix-signature': signature }
      return jsonCall(payload, headers)
    },
    forgeries: (genuine) => [
      ...tampered(genuine),
      {
        how: 'another secret',
        forged: {
          ...genuine,
          headers: {
            ...genuine.headers,
            'svix-signature': new Webhook('whsec_b3RoZXI=').sign(
              'msg_2abc',
              new Date(hookTime),
              genuine.body.toString(),
            ),
          },
        },
      },
    ],
    cases: [
      { says: 'sent', body: event('email.sent'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'delivered to two',
        body: event('email.delivered', { to: ['ann@example.com', 'bob@example.com'] }),
        events: [
          told({ type: 'delivered', ...about }),
          told({ type: 'delivered', ...about, recipient: 'bob@example.com' }),
        ],
      },
      { says: 'delayed', body: event('email.delivery_delayed'), events: [told({ type: 'deferred', ...about })] },
      {
        says: 'bounced for good',
        body: event('email.bounced', { bounce: { type: 'Permanent', subType: 'General', message: 'No such user' } }),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: 'General No such user' })],
      },
      {
        says: 'refused by a policy',
        body: event('email.bounced', {
          bounce: { type: 'Permanent', subType: 'General', diagnosticCode: ['smtp; 550 5.7.1 blocked'] },
        }),
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: 'General' })],
      },
      {
        says: 'bounced for now',
        body: event('email.bounced', { bounce: { type: 'Transient', subType: 'MailboxFull', message: 'Full' } }),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: 'MailboxFull Full' })],
      },
      { says: 'complained', body: event('email.complained'), events: [told({ type: 'complained', ...about })] },
      { says: 'opened', body: event('email.opened'), events: [told({ type: 'opened', ...about })] },
      {
        says: 'clicked',
        body: event('email.clicked', {
          click: { link: 'https://example.com/a', timestamp: '2026-11-25T11:58:00.000Z' },
        }),
        events: [told({ type: 'clicked', ...about, at: hookTime - 120_000, detail: 'https://example.com/a' })],
      },
      {
        says: 'failed',
        body: event('email.failed', { failed: { reason: 'reached_daily_quota' } }),
        events: [told({ type: 'rejected', ...about, detail: 'reached_daily_quota' })],
      },
      {
        says: 'suppressed',
        body: event('email.suppressed', {
          suppressed: { type: 'OnAccountSuppressionList', message: 'It bounced before' },
        }),
        events: [told({ type: 'suppressed', ...about, detail: 'It bounced before' })],
      },
      { says: 'of a contact', body: { type: 'contact.updated', data: {} }, events: [] },
    ],
  },
} satisfies VendorData
