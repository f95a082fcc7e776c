import assert from 'node:assert/strict'
import postmark from '../../adapters/postmark.ts'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { hookTime, jsonCall, letter, message, says, told, type VendorData } from './fixture.ts'

const error = (ErrorCode: number, Message: string) => says({ ErrorCode, Message })
const inactive =
  'Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression.'

const basic = (credentials: string) => ({ authorization: `Basic ${Buffer.from(credentials).toString('base64')}` })
const password = 'a password of our own'

const event = (RecordType: string, more: object = {}) => ({
  RecordType,
  MessageStream: 'outbound',
  MessageID: 'u-1',
  Recipient: 'ann@example.com',
  Tag: 'welcome',
  Metadata: { order: '17', waypost: message.id },
  ...more,
})
const about = {
  at: hookTime - 60_000,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: 'u-1',
}
const time = '2026-11-25T07:59:00.0000000-04:00'
const bounce = (Type: string, means: Partial<ReturnType<typeof told>> & { type: ReturnType<typeof told>['type'] }) => {
  const { Recipient: Email, ...rest } = event('Bounce', {
    ID: 42,
    Type,
    Name: Type,
    Details: '550 no',
    BouncedAt: time,
  })
  return { says: Type, body: { ...rest, Email }, events: [told({ ...about, detail: `${Type} 550 no`, ...means })] }
}

export default {
  adapter: postmark,
  vendor: fakePostmark,
  options: (baseUrl) => ({ serverToken: postmarkToken, messageStream: 'outbound', baseUrl }),
  secret: postmarkToken,
  cases: [
    { says: '200', status: 200, ...says({ MessageID: 'u-1', ErrorCode: 0, Message: 'OK' }), all: 'accepted u-1' },
    {
      says: '200, delayed, without an ErrorCode',
      status: 200,
      ...says({ MessageID: 'u-1', Message: 'Message accepted, but delivery may be delayed.' }),
      all: 'accepted u-1',
    },
    {
      says: '200 with an inactive recipient',
      status: 200,
      ...says({
        MessageID: 'u-1',
        ErrorCode: 0,
        Message: `Message OK, but will not deliver to these inactive addresses: bob@example.com. ${inactive}`,
      }),
      ann: 'accepted u-1',
      bob: 'rejected/recipient 5.7.1',
      lone: 'accepted u-1',
    },
    { says: '200 with an error code', status: 200, ...error(405, 'Not allowed to send'), all: 'rejected/account' },
    { says: '200 without an id', status: 200, ...says({ Message: 'OK' }), all: 'unknown' },
    {
      says: '401 / 10',
      about: 'credential',
      status: 401,
      ...error(10, 'Bad or missing token'),
      all: 'rejected/account',
    },
    { says: '422 / 11', status: 422, ...error(11, 'Multiple errors'), all: 'rejected/message' },
    { says: '503 / 100', status: 503, ...error(100, 'Maintenance'), all: 'deferred/provider' },
    {
      says: '422 / 300 for a To address',
      about: 'recipient',
      status: 422,
      ...error(300, "Invalid 'To' address: 'ann@example.com'."),
      ann: 'rejected/recipient',
      bob: 'deferred/message 0',
    },
    {
      says: '422 / 300 for a Cc that it does not name',
      status: 422,
      ...error(300, "Error parsing 'Cc': Illegal email domain."),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '422 / 300 for From', status: 422, ...error(300, "Invalid 'From' address: 'x'."), all: 'rejected/message' },
    {
      says: '422 / 300 for a body',
      status: 422,
      ...error(300, 'Provide either TextBody or HtmlBody.'),
      all: 'rejected/message',
    },
    {
      says: '422 / 400',
      about: 'identity',
      status: 422,
      ...error(400, 'Sender Signature not found'),
      all: 'rejected/identity',
    },
    { says: '422 / 401', status: 422, ...error(401, 'Sender signature not confirmed'), all: 'rejected/identity' },
    { says: '422 / 402', status: 422, ...error(402, 'Invalid JSON'), all: 'rejected/message' },
    { says: '422 / 403', status: 422, ...error(403, 'Invalid request field(s)'), all: 'rejected/message' },
    { says: '422 / 405', about: 'credit', status: 422, ...error(405, 'Out of credits'), all: 'rejected/account' },
    {
      says: '422 / 406',
      status: 422,
      ...error(406, `Found inactive addresses: ann@example.com, bob@example.com. ${inactive}`),
      all: 'rejected/recipient 5.7.1',
    },
    {
      says: '422 / 406 naming nobody',
      status: 422,
      ...error(406, 'Inactive recipient'),
      all: 'rejected/recipient 5.7.1',
    },
    { says: '422 / 409', status: 422, ...error(409, 'JSON headers missing'), all: 'rejected/account' },
    { says: '422 / 410', status: 422, ...error(410, 'Too many messages'), all: 'rejected/message' },
    { says: '422 / 411', status: 422, ...error(411, 'Forbidden attachment type'), all: 'rejected/message' },
    { says: '422 / 412', status: 422, ...error(412, 'Account is pending'), all: 'rejected/account' },
    { says: '422 / 413', status: 422, ...error(413, 'Account may not send'), all: 'rejected/account' },
    { says: '422 / 1101', status: 422, ...error(1101, 'Template not found'), all: 'rejected/message' },
    { says: '422 / 1235', status: 422, ...error(1235, 'Stream not found'), all: 'rejected/account' },
    { says: '422 / 1236', status: 422, ...error(1236, 'Stream not usable here'), all: 'rejected/account' },
    { says: '404', status: 404, all: 'rejected/account' },
    { says: '413', status: 413, all: 'rejected/message' },
    { says: '415', status: 415, all: 'rejected/account' },
    { says: '429', about: 'throttled', status: 429, ...error(429, 'Rate limit'), all: 'deferred/provider' },
    { says: '500 in its own words', status: 500, ...error(500, 'Internal error'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    const { From, To, Cc, ReplyTo, ...rest } = fields
    assert.match(String(From), /^"Sender, Inc\." <sender@example\.com>$/)
    assert.match(String(To), /^"Ann \\"A\\" Ärger" <ann@example\.com>$/)
    assert.match(String(Cc), /^"?Bob"? <bob@example\.com>$/)
    assert.match(String(ReplyTo), /^"?Help"? <help@example\.com>, desk@example\.com$/)
    assert.deepEqual(rest, {
      Subject: letter.subject,
      HtmlBody: letter.html,
      TextBody: letter.text,
      Headers: [
        { Name: 'X-Order', Value: '17' },
        { Name: 'List-Unsubscribe', Value: '<https://example.com/u>' },
        { Name: 'Message-ID', Value: message.messageId },
        { Name: 'X-PM-KeepID', Value: 'true' },
      ],
      Tag: 'welcome',
      Metadata: { waypost: message.id, order: '17' },
      MessageStream: 'outbound',
      Attachments: [
        {
          Name: 'räport.pdf',
          Content: letter.attachments[0]!.content,
          ContentType: 'application/pdf',
          ContentID: null,
        },
        {
          Name: 'logo.png',
          Content: letter.attachments[1]!.content,
          ContentType: 'image/png',
          ContentID: 'cid:logo',
        },
      ],
    })
  },
  smtp: {
    options: { serverToken: postmarkToken },
    server: ['smtp.postmarkapp.com', 587],
    user: postmarkToken,
    headers: {
      'X-PM-Message-Stream': 'outbound',
      'X-PM-KeepID': 'true',
      'X-PM-Tag': 'welcome',
      'X-PM-Metadata-waypost': message.id,
      'X-PM-Metadata-order': '17',
    },
  },
  hooks: {
    options: { webhookUser: 'postmark', webhookPassword: password },
    call: (body) => jsonCall(body, basic(`postmark:${password}`)),
    forgeries: (genuine) =>
      [`postmark:${password}x`, `other:${password}`, 'postmark:', ':', ''].map((credentials) => ({
        how: `with ${credentials}`,
        forged: { ...genuine, headers: { ...genuine.headers, ...basic(credentials) } },
      })),
    cases: [
      {
        says: 'delivered',
        body: event('Delivery', { DeliveredAt: time, Details: '250 OK' }),
        events: [told({ type: 'delivered', ...about, detail: '250 OK' })],
      },
      bounce('HardBounce', { type: 'bounced', bounce: 'hard' }),
      bounce('BadEmailAddress', { type: 'bounced', bounce: 'hard' }),
      bounce('SoftBounce', { type: 'bounced', bounce: 'soft' }),
      bounce('Blocked', { type: 'bounced', bounce: 'block' }),
      bounce('SpamNotification', { type: 'bounced', bounce: 'block' }),
      bounce('VirusNotification', { type: 'bounced', bounce: 'block' }),
      bounce('DMARCPolicy', { type: 'bounced', bounce: 'block' }),
      bounce('Transient', { type: 'deferred' }),
      bounce('DnsError', { type: 'deferred' }),
      bounce('OpenRelayTest', { type: 'deferred' }),
      bounce('ManuallyDeactivated', { type: 'suppressed' }),
      bounce('Unconfirmed', { type: 'rejected' }),
      bounce('SMTPApiError', { type: 'rejected' }),
      bounce('TemplateRenderingFailed', { type: 'rejected' }),
      bounce('SpamComplaint', { type: 'complained' }),
      bounce('Unsubscribe', { type: 'unsubscribed' }),
      { ...bounce('AutoResponder', { type: 'bounced' }), events: [] },
      {
        says: 'complained',
        body: event('SpamComplaint', { ID: 43, Type: 'SpamComplaint', BouncedAt: time }),
        events: [told({ type: 'complained', ...about })],
      },
      {
        says: 'opened',
        body: event('Open', { FirstOpen: true, ReceivedAt: time }),
        events: [told({ type: 'opened', ...about })],
      },
      {
        says: 'clicked',
        body: event('Click', { OriginalLink: 'https://example.com/a', ReceivedAt: time }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      {
        says: 'unsubscribed',
        body: event('SubscriptionChange', {
          SuppressSending: true,
          SuppressionReason: 'ManualSuppression',
          Origin: 'Recipient',
          ChangedAt: time,
        }),
        events: [told({ type: 'unsubscribed', ...about })],
      },
      ...[
        { SuppressSending: true, SuppressionReason: 'HardBounce', Origin: 'Recipient' },
        { SuppressSending: true, SuppressionReason: 'ManualSuppression', Origin: 'Customer' },
        { SuppressSending: false, SuppressionReason: null },
      ].map((change) => ({
        says: `of a list: ${JSON.stringify(change)}`,
        body: event('SubscriptionChange', { ...change, ChangedAt: time }),
        events: [],
      })),
      { says: 'mail that came in', body: { FromFull: { Email: 'ann@example.com' }, MessageID: 'u-1' }, events: [] },
    ],
  },
} satisfies VendorData
