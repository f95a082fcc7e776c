import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import inboxroad from '../../adapters/inboxroad.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

const token = 'fake-inboxroad-token'

/** `POST /api/v1/messages/`, by the sheet: refuses what Inboxroad refuses. */
function fakeInboxroad(): Promise<FakeVendor> {
  return fakeVendor((asked) => {
    if (asked.path !== '/api/v1/messages/' || asked.method !== 'POST') return json(404, { detail: 'Not found.' })
    if (asked.headers['x-api-key'] !== token) return json(401, { detail: 'Invalid token.' })
    return take(asked)
  })
}

const known = new Set(
  'from_email from_name to_email to_name reply_to_email reply_to_name subject text html headers attachments'.split(' '),
)
const dropped = new Set('delivered-to return-path content-type subject from to reply-to message-id'.split(' '))

function take(asked: Asked): Reply {
  const mail = JSON.parse(asked.body.toString())
  const refuse = (field: string, words: string) => json(400, { [field]: [words] })
  for (const field of Object.keys(mail)) if (!known.has(field)) return refuse(field, 'Unknown field.')
  for (const field of ['from_email', 'to_email']) {
    if (!/^[^\s@,]+@[^\s@,]+$/.test(mail[field] ?? '')) return refuse(field, 'Enter a valid email address.')
  }
  if (mail.from_email.endsWith('@unverified.test')) return refuse('from_email', 'This domain is not verified.')
  if (mail.to_email.startsWith('bad@')) return refuse('to_email', 'Enter a valid email address.')
  if (`${mail.from_name}${mail.to_name}`.includes('\\')) return refuse('from_name', 'A backslash is not allowed.')
  if (!mail.subject) return refuse('subject', 'This field may not be blank.')
  if (!mail.text && !mail.html) return refuse('text', 'One of text and html is required.')
  if (typeof mail.headers !== 'object' || Array.isArray(mail.headers)) return refuse('headers', 'Must be an object.')
  if (Object.keys(mail.headers).some((name) => dropped.has(name.toLowerCase()))) return refuse('headers', 'Reserved.')
  for (const { filename, mime_type, file_data } of mail.attachments ?? []) {
    if (!filename || !mime_type || !file_data) return refuse('attachments', 'Incomplete.')
  }
  const id = `${randomUUID()}@inboxroad.example`
  return {
    ...json(200, { message_id: `<${id}>` }),
    takes: { id, recipients: [mail.to_email], hidden: [], subject: mail.subject, fields: mail },
  }
}

const refused = (status: number, body: object) => ({ status, ...says(body) })

const about = {
  at: hookTime,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: 'm-1@inboxroad.example',
}
const record = (type: string, more: object = {}) => ({
  type,
  timeLogged: String(hookTime / 1000),
  orig: 'bounces@inboxroad.example',
  rcpt: 'ann@example.com',
  'header_Message-Id': '<m-1@inboxroad.example>',
  'header_X-Waypost': message.id,
  ...more,
})

export default {
  adapter: inboxroad,
  vendor: fakeInboxroad,
  options: (baseUrl) => ({ apiKey: token, baseUrl }),
  secret: token,
  people: ['ann@example.com'],
  silent: { credit: 'its documents name no answer for an account out of its plan' },
  cases: [
    { says: '200', status: 200, ...says({ message_id: '<m-1@i.example>' }), all: 'accepted m-1@i.example' },
    { says: '201', status: 201, ...says({ message_id: 'm-1@i.example' }), all: 'accepted m-1@i.example' },
    { says: '200 without an id', status: 200, ...says({}), all: 'unknown' },
    { says: '400 for the body', ...refused(400, { text: ['Required'] }), all: 'rejected/message' },
    { says: '400 in a sentence', ...refused(400, { detail: 'JSON parse error' }), all: 'rejected/message' },
    {
      says: '400 for the recipient',
      about: 'recipient',
      ...refused(400, { to_email: ['Enter a valid email address.'] }),
      all: 'rejected/recipient',
    },
    {
      says: '400 for From',
      about: 'identity',
      ...refused(400, { from_email: ['This domain is not verified.'] }),
      all: 'rejected/identity',
    },
    { says: '401', about: 'credential', ...refused(401, { detail: 'Invalid token.' }), all: 'rejected/account' },
    { says: '403', ...refused(403, { detail: 'No permission.' }), all: 'rejected/account' },
    { says: '404', ...refused(404, { detail: 'Not found.' }), all: 'rejected/account' },
    {
      says: '429',
      about: 'throttled',
      ...refused(429, { detail: 'Request was throttled.' }),
      headers: { 'content-type': 'application/json', 'retry-after': '7' },
      all: 'deferred/provider 7000',
    },
    { says: '500', ...refused(500, { detail: 'Server error.' }), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com'])
    assert.deepEqual(fields, {
      from_email: 'sender@example.com',
      from_name: 'Sender, Inc.',
      to_email: 'ann@example.com',
      to_name: 'Ann "A" Ärger',
      reply_to_email: 'help@example.com',
      reply_to_name: 'Help',
      subject: letter.subject,
      text: letter.text,
      html: letter.html,
      headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>', 'X-Waypost': message.id },
      attachments: [
        { filename: 'räport.pdf', mime_type: 'application/pdf', file_data: letter.attachments[0]!.content },
      ],
    })
  },
  smtp: {
    options: { host: 'relay.inboxroad.example', user: 'ann', pass: 'relay-pass' },
    server: ['relay.inboxroad.example', 587],
    user: 'ann',
    headers: { 'X-Waypost': message.id },
  },
  hooks: {
    ...addressHooks,
    cases: [
      {
        says: 'delivered',
        body: record('d', { dsnAction: 'relayed', dsnStatus: '2.0.0 (success)', dsnDiag: 'smtp;250 OK' }),
        events: [told({ type: 'delivered', ...about, detail: '2.0.0 (success) smtp;250 OK' })],
      },
      {
        says: 'two in a list',
        body: [record('b', { bounceCat: 'bad-mailbox', dsnStatus: '5.0.0' }), record('f')],
        events: [
          told({ type: 'bounced', bounce: 'hard', ...about, detail: 'bad-mailbox 5.0.0' }),
          told({ type: 'complained', ...about }),
        ],
      },
      {
        says: 'bounced later, with the status in the reply',
        body: record('rb', { bounceCat: 'other', dsnStatus: '5.0.0', dsnDiag: 'smtp;550 5.1.1 unknown' }),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: 'other 5.0.0 smtp;550 5.1.1 unknown' })],
      },
      {
        says: 'refused by policy',
        body: record('b', { bounceCat: 'policy-related', dsnStatus: '5.7.1 (delivery not authorized)' }),
        events: [
          told({
            type: 'bounced',
            bounce: 'block',
            ...about,
            detail: 'policy-related 5.7.1 (delivery not authorized)',
          }),
        ],
      },
      {
        says: 'a mailbox that is full',
        body: record('b', { bounceCat: 'quota-issues', dsnStatus: '5.2.2' }),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: 'quota-issues 5.2.2' })],
      },
      {
        says: 'sent by SMTP, under our Message-ID',
        body: record('t', { 'header_Message-Id': message.messageId, 'header_X-Waypost': undefined }),
        events: [told({ type: 'deferred', ...about, providerMessageId: `${message.id}@example.com` })],
      },
      { says: 'opened', body: record('open'), events: [told({ type: 'opened', ...about })] },
      {
        says: 'clicked',
        body: record('click', { url: 'https://example.com/a' }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      { says: 'unsubscribed', body: record('unsubscribe'), events: [told({ type: 'unsubscribed', ...about })] },
      { says: 'something new', body: record('x'), events: [] },
    ],
  },
} satisfies VendorData
