import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import mailpace from '../../adapters/mailpace.ts'
import type { HookCall } from '../../src/mail/webhook.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { hookTime, jsonCall, letter, message, says, told, type VendorData } from './fixture.ts'

const token = 'fake-mailpace-token'

const refuse = (status: number, error: string) => json(status, { error })
const invalid = (field: string, problem: string) => json(400, { errors: { [field]: [problem] } })

function desk(): Promise<FakeVendor> {
  let serial = 0
  return fakeVendor((asked) => {
    if (asked.path !== '/api/v1/send' || asked.method !== 'POST') return { status: 404, body: 'Not found' }
    if (asked.headers.accept !== 'application/json') return { status: 406 }
    const given = asked.headers['mailpace-server-token']
    if (!given) return refuse(401, 'Missing API Token')
    if (given !== token) return refuse(400, 'Invalid API Token')
    return take(asked, ++serial)
  })
}

const known = new Set(
  'from to cc bcc replyto subject htmlbody textbody inreplyto references list_unsubscribe attachments tags'.split(' '),
)

function take(asked: Asked, id: number): Reply {
  if (!asked.headers['content-type']?.startsWith('application/json')) return refuse(400, 'Not JSON')
  const mail = JSON.parse(asked.body.toString())
  for (const field of Object.keys(mail)) if (!known.has(field)) return invalid(field, 'is unknown')
  const from = mailboxes(mail.from)
  if (from.length !== 1) return refuse(400, 'Email from address not parseable')
  if (from[0]!.endsWith('@unverified.test')) {
    return refuse(403, 'Verified domain does not match domain in From address of email')
  }
  if (!mail.to) return invalid('to', 'undefined field')
  if (!mail.htmlbody && !mail.textbody) return invalid('textbody', "can't be blank")
  if (mailboxes(mail.to).length > 50) return invalid('to', 'number of email addresses exceeds maximum volume')
  for (const field of ['to', 'cc', 'bcc']) {
    if (mail[field] !== undefined && mailboxes(mail[field]).length === 0) return invalid(field, 'is invalid')
    if (mailboxes(mail[field]).some((email) => email.startsWith('bad@'))) {
      return invalid(field, 'contains a blocked address')
    }
  }
  for (const file of mail.attachments ?? []) {
    if (!/\.(pdf|png|jpg|txt)$/.test(file.name)) return invalid('attachments.name', 'Extension file type blocked')
    if (!file.content || !file.content_type) return invalid('attachments.content', 'is invalid')
  }
  const recipients = [mail.to, mail.cc, mail.bcc].flatMap(mailboxes)
  return {
    ...json(200, { id, status: 'pending' }),
    takes: { id: String(id), recipients, hidden: mailboxes(mail.bcc), subject: mail.subject, fields: mail },
  }
}

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const other = generateKeyPairSync('ed25519')
// The last 32 bytes of its SubjectPublicKeyInfo are the key itself.
const hookKey = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')

function call(body: unknown, by: KeyObject = privateKey): HookCall {
  const unsigned = jsonCall(body)
  const signature = sign(null, unsigned.body, by).toString('base64')
  return { ...unsigned, headers: { ...unsigned.headers, 'x-mailpace-signature': signature } }
}

const event = (name: string, more: object = {}) => ({
  event: `email.${name}`,
  payload: {
    status: name,
    id: 123,
    domain_id: 7,
    created_at: '2026-11-25T11:58:00.000Z',
    updated_at: '2026-11-25T11:59:00.000Z',
    from: 'sender@example.com',
    to: 'Ann <ann@example.com>',
    cc: null,
    bcc: null,
    subject: 'hello',
    htmlbody: '<p>hello</p>',
    textbody: null,
    replyto: null,
    message_id: '<x@mailer.mailpace.com>',
    tags: [message.id, 'welcome'],
    ...more,
  },
})
const about = { at: hookTime - 60_000, recipient: 'ann@example.com', messageId: message.id, providerMessageId: '123' }
const together = { ...about, detail: 'said of 2 recipients together' }

export default {
  adapter: mailpace,
  vendor: desk,
  options: (baseUrl) => ({ serverToken: token, baseUrl }),
  secret: token,
  cases: [
    { says: '200', status: 200, ...says({ id: 123, status: 'pending' }), all: 'accepted 123' },
    { says: '200 queued', status: 200, ...says({ id: 123, status: 'queued' }), all: 'accepted 123' },
    { says: '200 without an id', status: 200, ...says({ status: 'pending' }), all: 'unknown' },
    {
      says: '400 Invalid API Token',
      about: 'credential',
      status: 400,
      ...says({ error: 'Invalid API Token' }),
      all: 'rejected/account',
    },
    { says: '401 Missing API Token', status: 401, ...says({ error: 'Missing API Token' }), all: 'rejected/account' },
    {
      says: '400 from not parseable',
      status: 400,
      ...says({ error: 'Email from address not parseable' }),
      all: 'rejected/message',
    },
    {
      says: '400 a blocked address',
      about: 'recipient',
      status: 400,
      ...says({ errors: { to: ['contains a blocked address'] } }),
      all: 'deferred/message 0',
      lone: 'rejected/recipient 5.7.1',
    },
    {
      says: '400 an address that is none',
      status: 400,
      ...says({ errors: { cc: ['is invalid'] } }),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '400 no to', status: 400, ...says({ errors: { to: ['undefined field'] } }), all: 'rejected/message' },
    {
      says: '400 too many',
      status: 400,
      ...says({ errors: { to: ['number of email addresses exceeds maximum volume'] } }),
      all: 'rejected/message',
    },
    {
      says: '400 an extension that is blocked',
      status: 400,
      ...says({ errors: { 'attachments.name': ['Extension file type blocked, see Docs'] } }),
      all: 'rejected/message',
    },
    {
      says: '403 DKIM not verified',
      status: 403,
      ...says({ error: 'Domain DKIM DNS not verified, please complete DKIM Verification' }),
      all: 'rejected/identity',
    },
    {
      says: '403 another domain',
      about: 'identity',
      status: 403,
      ...says({ error: 'Verified domain does not match domain in From address of email' }),
      all: 'rejected/identity',
    },
    {
      says: '403 no plan',
      about: 'credit',
      status: 403,
      ...says({ error: 'The organization that owns this domain does not have an active plan' }),
      all: 'rejected/account',
    },
    {
      says: '403 disabled',
      status: 403,
      ...says({ error: 'This organization is unable to send emails. Please contact support' }),
      all: 'rejected/account',
    },
    { says: '406', status: 406, ...says({ error: 'Not acceptable' }), all: 'rejected/account' },
    {
      says: '429',
      about: 'throttled',
      status: 429,
      ...says({ error: 'Too many requests' }),
      headers: { 'retry-after': '4' },
      all: 'deferred/provider 4000',
    },
    { says: '500', status: 500, ...says({ error: 'Internal server error' }), all: 'deferred/provider' },
    { says: '503', status: 503, ...says({ error: 'Unavailable' }), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, {
      from: '"Sender, Inc." <sender@example.com>',
      to: '"Ann \\"A\\" Ärger" <ann@example.com>',
      cc: 'Bob <bob@example.com>',
      replyto: 'Help <help@example.com>, desk@example.com',
      subject: letter.subject,
      htmlbody: letter.html,
      textbody: letter.text,
      list_unsubscribe: '<https://example.com/u>',
      tags: [message.id, 'welcome'],
      attachments: [
        { name: 'räport.pdf', content: letter.attachments[0]!.content, content_type: 'application/pdf' },
        { name: 'logo.png', content: letter.attachments[1]!.content, content_type: 'image/png', cid: 'logo' },
      ],
    })
  },
  smtp: {
    options: { serverToken: token },
    server: ['smtp.mailpace.com', 587],
    user: token,
    headers: { 'X-MailPace-Tags': `${message.id},welcome` },
  },
  hooks: {
    options: { webhookSecret: hookKey },
    call: (body) => call(body),
    forgeries: (genuine) => [
      { how: 'another body', forged: { ...genuine, body: jsonCall(event('bounced')).body } },
      { how: 'another key', forged: call(event('queued'), other.privateKey) },
      { how: 'a signature that is none', forged: { ...genuine, headers: { 'x-mailpace-signature': '%%%' } } },
      { how: 'an empty signature', forged: { ...genuine, headers: { 'x-mailpace-signature': '' } } },
    ],
    cases: [
      { says: 'queued', body: event('queued'), events: [told({ type: 'accepted', ...about })] },
      { says: 'deferred', body: event('deferred'), events: [told({ type: 'deferred', ...about })] },
      { says: 'delivered', body: event('delivered'), events: [told({ type: 'delivered', ...about })] },
      { says: 'bounced', body: event('bounced'), events: [told({ type: 'bounced', bounce: 'hard', ...about })] },
      {
        says: 'bounced, one of two',
        body: event('bounced', { cc: 'bob@example.com' }),
        events: [
          told({ type: 'bounced', bounce: 'soft', ...together }),
          told({ type: 'bounced', bounce: 'soft', ...together, recipient: 'bob@example.com' }),
        ],
      },
      { says: 'spam', body: event('spam'), events: [told({ type: 'rejected', ...about })] },
      {
        says: 'tags as a text',
        body: event('delivered', { tags: `welcome, ${message.id}` }),
        events: [told({ type: 'delivered', ...about })],
      },
      {
        says: 'without tags',
        body: event('delivered', { tags: null }),
        events: [told({ type: 'delivered', ...about, messageId: null })],
      },
      { says: 'of mail that came in', body: { event: 'inbound', payload: {} }, events: [] },
    ],
  },
} satisfies VendorData
