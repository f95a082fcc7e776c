import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import mailgun from '../../adapters/mailgun.ts'
import { fakeMailgun, mailgunDomain, mailgunKey } from '../support/fake-vendors/mailgun.ts'
import { hookTime, jsonCall, letter, message, says, told, type VendorData } from './fixture.ts'

const error = (text: string) => says({ message: text })

const signingKey = 'a-signing-key-of-the-account'
const sign = (key: string, timestamp: string, token: string) =>
  createHmac('sha256', key)
    .update(timestamp + token)
    .digest('hex')

const signature = (at: number) => {
  const [timestamp, token] = [String(Math.floor(at / 1000) - 30), 'a50-characters-token']
  return { timestamp, token, signature: sign(signingKey, timestamp, token) }
}

/** What Mailgun posts. */
const posted = (event: string, more: object = {}) => {
  return {
    signature: signature(hookTime),
    'event-data': {
      id: `id-${event}`,
      timestamp: hookTime / 1000 - 60 + 0.25,
      event,
      recipient: 'ann@example.com',
      tags: ['welcome'],
      'user-variables': { order: '17', waypost: message.id },
      message: { headers: { to: 'Ann <ann@example.com>', 'message-id': '1@mg.example.com' } },
      ...more,
    },
  }
}
const about = {
  at: hookTime - 60_000 + 250,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: '1@mg.example.com',
}
const failed = (severity: string, reason: string, code: number, more: object = {}) =>
  posted('failed', { severity, reason, 'delivery-status': { code, message: 'No.', ...more } })

export default {
  adapter: mailgun,
  vendor: fakeMailgun,
  options: (baseUrl) => ({ apiKey: mailgunKey, domain: mailgunDomain, baseUrl }),
  secret: mailgunKey,
  silent: {
    identity: 'It sends for any From: what must be set up is the domain in the path, which is a setting of the account',
  },
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
      about: 'recipient',
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
    { says: '401 Forbidden, as text', about: 'credential', status: 401, body: 'Forbidden', all: 'rejected/account' },
    { says: '402', about: 'credit', status: 402, ...error('Payment required'), all: 'rejected/account' },
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
      about: 'throttled',
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
  openapi: ({ fields }) => {
    const lists = new Set(['to', 'cc', 'bcc', 'attachment', 'inline', 'o:tag'])
    const plain = (value: unknown) => (value instanceof File ? value.name : value)
    return Object.fromEntries(
      Object.entries(fields as Record<string, unknown[]>).map(([name, values]) => [
        name,
        lists.has(name) ? values.map(plain) : plain(values[0]),
      ]),
    )
  },
  smtp: {
    options: { user: 'postmaster@mg.example.com', pass: 'fake-smtp-password' },
    server: ['smtp.mailgun.org', 587],
    user: 'postmaster@mg.example.com',
    headers: {
      'X-Mailgun-Variables': JSON.stringify({ order: '17', waypost: message.id }),
      'X-Mailgun-Tag': 'welcome',
    },
  },
  hooks: {
    options: { webhookSigningKey: signingKey },
    call: (body, at = hookTime) => jsonCall({ ...(body as object), signature: signature(at) }),
    signedInBody: true,
    forgeries: (genuine) => {
      const body = JSON.parse(new TextDecoder().decode(genuine.body))
      const { timestamp, token } = body.signature
      const wrong = (how: string, signature: object) => ({
        how,
        forged: jsonCall({ ...body, signature: { ...body.signature, ...signature } }),
      })
      return [
        { how: 'it comes an hour late', forged: { ...genuine, at: genuine.at + 3_600_000 } },
        wrong('another key', { signature: sign('another', timestamp, token) }),
        wrong('another token', { token: `${token}x` }),
        wrong('another time', { timestamp: String(Number(timestamp) + 1) }),
        wrong('no signature', { signature: '' }),
        { how: 'an event alone', forged: jsonCall({ 'event-data': body['event-data'] }) },
      ]
    },
    cases: [
      { says: 'accepted', body: posted('accepted'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'delivered',
        body: posted('delivered', { 'delivery-status': { code: 250, message: 'OK', description: '' } }),
        events: [told({ type: 'delivered', ...about, detail: '250 OK' })],
      },
      {
        says: 'failed for now',
        body: failed('temporary', 'generic', 452),
        events: [told({ type: 'deferred', ...about, detail: 'generic 452 No.' })],
      },
      {
        says: 'failed for good: no such mailbox',
        body: failed('permanent', 'bounce', 550, { 'enhanced-code': '5.1.1' }),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: 'bounce 550 No.' })],
      },
      {
        says: 'failed for good: a policy',
        body: failed('permanent', 'bounce', 550, { 'enhanced-code': '5.7.1' }),
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: 'bounce 550 No.' })],
      },
      {
        says: 'failed for good, and no more is said',
        body: failed('permanent', 'generic', 550),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: 'generic 550 No.' })],
      },
      {
        says: 'failed after too many tries',
        body: failed('permanent', 'old', 602, { 'enhanced-code': '5.1.1' }),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: 'old 602 No.' })],
      },
      ...[605, 606, 607].map((code) => ({
        says: `failed with ${code}`,
        body: failed('permanent', 'generic', code),
        events: [told({ type: 'suppressed', ...about, detail: `generic ${code} No.` })],
      })),
      {
        says: 'failed for its own list',
        body: failed('permanent', 'suppress-bounce', 0),
        events: [told({ type: 'suppressed', ...about, detail: 'suppress-bounce 0 No.' })],
      },
      {
        says: 'failed for the quality of the list',
        body: failed('permanent', 'generic', 625),
        events: [told({ type: 'rejected', ...about, detail: 'generic 625 No.' })],
      },
      {
        says: 'rejected',
        body: posted('rejected', {
          recipient: undefined,
          reject: { reason: 'Sandbox subdomains are for test purposes' },
        }),
        events: [told({ type: 'rejected', ...about, detail: 'Sandbox subdomains are for test purposes' })],
      },
      { says: 'blocked', body: posted('blocked'), events: [told({ type: 'rejected', ...about })] },
      { says: 'opened', body: posted('opened'), events: [told({ type: 'opened', ...about })] },
      {
        says: 'clicked',
        body: posted('clicked', { url: 'https://example.com/a' }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      { says: 'unsubscribed', body: posted('unsubscribed'), events: [told({ type: 'unsubscribed', ...about })] },
      { says: 'complained', body: posted('complained'), events: [told({ type: 'complained', ...about })] },
      { says: 'stored', body: posted('stored'), events: [] },
    ],
  },
} satisfies VendorData
