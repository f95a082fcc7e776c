import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import sendgrid from '../../adapters/sendgrid.ts'
import { fakeSendgrid, sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import { hookTime, jsonCall, letter, message, says, tampered, told, type VendorData } from './fixture.ts'

const errors = (...list: [message: string, field?: string][]) =>
  says({ errors: list.map(([message, field]) => ({ message, field: field ?? null, help: null })) })

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signed = (body: string, { at = hookTime, key = pair.privateKey } = {}) => {
  const seconds = String(Math.floor(at / 1000) - 60)
  return {
    'x-twilio-email-event-webhook-timestamp': seconds,
    'x-twilio-email-event-webhook-signature': sign('sha256', Buffer.from(seconds + body), key).toString('base64'),
  }
}

const event = (name: string, more: object = {}) => ({
  email: 'ann@example.com',
  timestamp: hookTime / 1000 - 60,
  event: name,
  sg_event_id: `event-${name}`,
  sg_message_id: 'AbC.recvd-5f54b5d587-pczjm-1-67BADEEA-6.0',
  'smtp-id': message.messageId,
  category: ['welcome'],
  order: '17',
  waypost: message.id,
  ...more,
})
const about = {
  at: hookTime - 60_000,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: 'AbC',
}
const bounced = (bounce: 'hard' | 'soft' | 'block', more: object) => ({
  says: `bounced, ${bounce}, by ${JSON.stringify(more)}`,
  body: [event('bounce', { type: 'bounce', reason: 'No.', ...more })],
  events: [told({ type: 'bounced', bounce, ...about, detail: 'No.' })],
})

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
      about: 'recipient',
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
      about: 'credential',
      status: 401,
      ...errors(['The provided authorization grant is invalid']),
      all: 'rejected/account',
    },
    {
      says: '401 out of credits',
      about: 'credit',
      status: 401,
      ...errors(['Maximum credits exceeded']),
      all: 'rejected/account',
    },
    { says: '400 out of credits', status: 400, ...errors(['Maximum credits exceeded']), all: 'rejected/account' },
    { says: '403 no scope', status: 403, ...errors(['access forbidden']), all: 'rejected/account' },
    {
      says: '403 sender not verified',
      about: 'identity',
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
      about: 'throttled',
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
  // The document calls `custom_args` a text, where its own examples, and the vendor, take an object.
  openapi: ({ fields: { custom_args: args, ...rest } }) => ({ ...rest, custom_args: JSON.stringify(args) }),
  smtp: {
    options: { apiKey: sendgridKey },
    server: ['smtp.sendgrid.net', 587],
    user: 'apikey',
    headers: {
      'X-SMTPAPI': JSON.stringify({ unique_args: { order: '17', waypost: message.id }, category: ['welcome'] }),
    },
  },
  hooks: {
    options: { webhookPublicKey: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64') },
    call: (body, at) => jsonCall(body, signed(JSON.stringify(body), { at })),
    forgeries: (genuine) => {
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
      return [
        ...tampered(genuine, 2 * 24 * 3_600_000),
        {
          how: 'another key',
          forged: { ...genuine, headers: { ...genuine.headers, ...signed(genuine.body.toString(), { key: other }) } },
        },
        {
          how: 'another time',
          forged: {
            ...genuine,
            headers: { ...genuine.headers, 'x-twilio-email-event-webhook-timestamp': `${hookTime / 1000 - 59}` },
          },
        },
      ]
    },
    cases: [
      {
        says: 'of two mails',
        body: [event('processed'), event('delivered', { email: 'bob@example.com', response: '250 OK' })],
        events: [
          told({ type: 'accepted', ...about }),
          told({ type: 'delivered', ...about, recipient: 'bob@example.com', detail: '250 OK' }),
        ],
      },
      {
        says: 'deferred',
        body: [event('deferred', { response: '452 try later', attempt: '2' })],
        events: [told({ type: 'deferred', ...about, detail: '452 try later' })],
      },
      bounced('hard', { bounce_classification: 'Invalid Address', status: '5.5.0' }),
      bounced('hard', { status: '5.1.1' }),
      bounced('soft', { bounce_classification: 'Mailbox Unavailable', status: '5.1.1' }),
      bounced('soft', { bounce_classification: 'Unclassified', status: '5.0.0' }),
      bounced('block', { bounce_classification: 'Content', status: '5.1.1' }),
      bounced('block', { status: '5.7.1' }),
      bounced('block', { type: 'blocked', status: '5.1.1' }),
      bounced('soft', { type: 'blocked', bounce_classification: 'Technical Failure' }),
      {
        says: 'bounced, by the status in its reason',
        body: [event('bounce', { type: 'bounce', reason: '550 5.1.1 no such user' })],
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 5.1.1 no such user' })],
      },
      ...['Bounced Address', 'Unsubscribed Address', 'Spam Reporting Address', 'Invalid'].map((reason) => ({
        says: `dropped for ${reason}, under an id that is no message's`,
        body: [event('dropped', { reason, sg_message_id: 'filter0425p1mdw1-1.0' })],
        events: [told({ type: 'suppressed', ...about, providerMessageId: null, detail: reason })],
      })),
      {
        says: 'dropped for its content',
        body: [event('dropped', { reason: 'Spam Content' })],
        events: [told({ type: 'rejected', ...about, detail: 'Spam Content' })],
      },
      {
        says: 'opened',
        body: [event('open', { useragent: 'x', sg_machine_open: false })],
        events: [told({ type: 'opened', ...about })],
      },
      {
        says: 'clicked',
        body: [event('click', { url: 'https://example.com/a' })],
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      { says: 'complained', body: [event('spamreport')], events: [told({ type: 'complained', ...about })] },
      { says: 'unsubscribed', body: [event('unsubscribe')], events: [told({ type: 'unsubscribed', ...about })] },
      {
        says: 'unsubscribed from a group, and back',
        body: [event('group_unsubscribe', { asm_group_id: 1 }), event('group_resubscribe', { asm_group_id: 1 })],
        events: [told({ type: 'unsubscribed', ...about })],
      },
    ],
  },
} satisfies VendorData
