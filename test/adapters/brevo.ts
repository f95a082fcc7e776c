import assert from 'node:assert/strict'
import { BrevoClient } from '@getbrevo/brevo'
import brevo from '../../adapters/brevo.ts'
import {
  type Asked,
  type FakeVendor,
  fakeVendor,
  json,
  type Reply,
  type Taken,
} from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

const apiKey = 'xkeysib-fake-key'
const rateReset = { 'x-sib-ratelimit-limit': '1000', 'x-sib-ratelimit-remaining': '0', 'x-sib-ratelimit-reset': '2' }

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent
type Json = any

/** Brevo's desk: it knows a key again, lists what it sent by recipient, and whom it blocks. */
function fakeBrevo(): Promise<FakeVendor> {
  const keys = new Set<string>()
  const sent: Taken[] = []
  let serial = 0
  return fakeVendor(
    (asked) => {
      if (asked.headers['api-key'] !== apiKey) return refuse(401, 'unauthorized', 'Key not found')
      if (asked.path === '/v3/smtp/emails') return list(asked, sent)
      if (asked.path === '/v3/smtp/blockedContacts') return blocked(asked)
      if (asked.path !== '/v3/smtp/email') return refuse(404, 'document_not_found', 'Not found')
      if (asked.method !== 'POST') return refuse(405, 'method_not_allowed', 'Method not allowed')
      if (!asked.headers['content-type']?.startsWith('application/json')) return refuse(406, 'not_acceptable', 'No')
      return take(asked, keys, `2026.${++serial}@smtp-relay.mailin.fr`)
    },
    (taken) => {
      keys.add(JSON.parse(taken.asked.body.toString()).headers.idempotencyKey)
      sent.push(taken)
    },
  )
}

const known = new Set('sender to cc bcc replyTo subject htmlContent textContent headers tags attachment'.split(' '))
const extensions = /\.(xlsx?|ods|docx?|csv|pdf|txt|gif|jpe?g|png|html?|zip|xml|pptx?|ics)$/i

function take(asked: Asked, keys: Set<string>, id: string): Reply {
  const mail: Json = JSON.parse(asked.body.toString())
  for (const key of Object.keys(mail)) {
    if (!known.has(key)) return refuse(400, 'invalid_parameter', `${key} is not known`)
  }
  if (!valid(mail.sender)) return refuse(400, 'invalid_parameter', 'valid sender email required')
  if (mail.sender.email.endsWith('@unverified.test')) return refuse(400, 'invalid_parameter', senderNotValid)
  if (!mail.to?.length) return refuse(400, 'missing_parameter', 'to is missing')
  for (const role of ['to', 'cc', 'bcc']) {
    for (const address of mail[role] ?? []) {
      if (!valid(address)) return refuse(400, 'invalid_parameter', `email is not valid in ${role}`)
      if (address.name === '') return refuse(400, 'missing_parameter', `name is missing in ${role}`)
      if (address.name?.length > 70) return refuse(400, 'out_of_range', 'name is too long')
    }
  }
  if (!mail.subject) return refuse(400, 'missing_parameter', 'subject is missing')
  if (!mail.htmlContent && !mail.textContent) return refuse(400, 'missing_parameter', 'htmlContent is missing')
  for (const file of mail.attachment ?? []) {
    if (!file.name || !file.content) return refuse(400, 'missing_parameter', 'name is missing in attachment')
    if (!extensions.test(file.name)) return refuse(400, 'invalid_parameter', `Unsupported file format: ${file.name}`)
  }
  const { idempotencyKey: key, ...headers } = mail.headers ?? {}
  for (const value of Object.values(headers)) {
    if (typeof value !== 'string') return refuse(400, 'invalid_parameter', 'header value must be a string')
  }
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(key)) return refuse(400, 'invalid_parameter', 'no UUID')
  if (keys.has(key)) return refuse(400, 'duplicate_request', 'Duplicate request')
  const emails = (role: string) => (mail[role] ?? []).map((address: Json) => address.email)
  return {
    ...json(201, { messageId: `<${id}>` }),
    takes: {
      id,
      recipients: ['to', 'cc', 'bcc'].flatMap(emails),
      hidden: emails('bcc'),
      subject: mail.subject,
      // Names become Title-Case. The key is another one each time, and not of the mail.
      fields: { ...mail, headers: titled(headers) },
    },
  }
}

function titled(headers: Record<string, string>): Record<string, string> {
  const title = (name: string) => name.replace(/[^-]+/g, (word) => word[0]!.toUpperCase() + word.slice(1).toLowerCase())
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [title(name), value]))
}

function list(asked: Asked, sent: readonly Taken[]): Reply {
  const email = asked.query.get('email')
  if (!email) return refuse(400, 'missing_parameter', 'email, templateId or messageId is missing')
  const found = sent.filter(({ recipients }) => recipients.includes(email))
  return json(200, {
    count: found.length,
    transactionalEmails: found.map(({ id, subject, fields: { tags } }) => ({
      email,
      subject,
      messageId: `<${id}>`,
      uuid: id,
      date: '2026-11-25T12:00:00.000+01:00',
      tags,
    })),
  })
}

/** 150 of them, in pages of at most 100. */
function blocked(asked: Asked): Reply {
  const [limit, offset] = [Number(asked.query.get('limit') ?? 50), Number(asked.query.get('offset') ?? 0)]
  if (limit > 100) return refuse(400, 'out_of_range', 'Limit exceeds max value')
  const codes = ['hardBounce', 'contactFlaggedAsSpam', 'unsubscribedViaEmail', 'adminBlocked', undefined]
  const contacts = Array.from({ length: 150 }, (_, index) => ({
    email: `${index}@example.com`,
    senderEmail: 'sender@example.com',
    reason: { code: codes[index % codes.length], message: 'Words' },
    blockedAt: '2026-11-25T12:00:00.000Z',
  }))
  return json(200, { count: contacts.length, contacts: contacts.slice(offset, offset + limit) })
}

function valid(address: Json): boolean {
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address?.email ?? '') && !address.email.startsWith('bad@')
}

function refuse(status: number, code: string, text: string): Reply {
  return json(status, { code, message: text })
}

const senderNotValid =
  'Sending has been rejected because the sender you used x@unverified.test is not valid. Validate your sender or authenticate your domain'

const error = (status: number, code: string, text = 'No.') => ({ status, ...says({ code, message: text }) })

const event = (name: string, more: object = {}) => ({
  event: name,
  email: 'ann@example.com',
  id: 26224,
  date: '2026-11-25 13:00:00',
  ts: 1_795_608_000,
  ts_epoch: hookTime,
  'message-id': '<1@smtp-relay.mailin.fr>',
  subject: 'hello',
  tag: `["welcome","${message.id}"]`,
  tags: ['welcome', message.id],
  'X-Mailin-custom': JSON.stringify({ order: '17', waypost: message.id }),
  ...more,
})
const about = {
  at: hookTime,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: '1@smtp-relay.mailin.fr',
}
const custom = JSON.stringify({ order: '17', waypost: message.id })

const body = {
  sender: { email: 'sender@example.com', name: 'Sender, Inc.' },
  to: [{ email: 'ann@example.com', name: 'Ann "A" Ärger' }],
  cc: [{ email: 'bob@example.com', name: 'Bob' }],
  replyTo: { email: 'help@example.com', name: 'Help' },
  subject: letter.subject,
  htmlContent: letter.html!,
  textContent: letter.text!,
  tags: ['welcome', message.id],
  attachment: [{ name: 'räport.pdf', content: letter.attachments[0]!.content }],
}

export default {
  adapter: brevo,
  vendor: fakeBrevo,
  options: (baseUrl) => ({ apiKey, baseUrl }),
  secret: apiKey,
  cases: [
    {
      says: '201',
      status: 201,
      ...says({ messageId: '<1@smtp-relay.mailin.fr>' }),
      all: 'accepted 1@smtp-relay.mailin.fr',
    },
    { says: '202, of a scheduled mail', status: 202, ...says({ messageId: '<1@x>' }), all: 'accepted 1@x' },
    { says: '201 without an id', status: 201, ...says({}), all: 'unknown' },
    { says: '400 invalid_parameter', ...error(400, 'invalid_parameter'), all: 'rejected/message' },
    {
      says: '400 missing_parameter',
      ...error(400, 'missing_parameter', 'subject is missing'),
      all: 'rejected/message',
    },
    { says: '400 out_of_range', ...error(400, 'out_of_range'), all: 'rejected/message' },
    {
      says: '400 a recipient that it does not name',
      about: 'recipient',
      ...error(400, 'invalid_parameter', 'email is not valid in to'),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    {
      says: '400 sender not valid',
      about: 'identity',
      ...error(400, 'invalid_parameter', senderNotValid),
      all: 'rejected/identity',
    },
    { says: '400 duplicate_request', ...error(400, 'duplicate_request'), all: 'unknown' },
    { says: '400 duplicate_parameter', ...error(400, 'duplicate_parameter'), all: 'unknown' },
    { says: '401 unauthorized', about: 'credential', ...error(401, 'unauthorized'), all: 'rejected/account' },
    { says: '402 not_enough_credits', about: 'credit', ...error(402, 'not_enough_credits'), all: 'rejected/account' },
    { says: '400 not_enough_credits', ...error(400, 'not_enough_credits'), all: 'rejected/account' },
    { says: '403 permission_denied', ...error(403, 'permission_denied'), all: 'rejected/account' },
    { says: '403 account_under_validation', ...error(403, 'account_under_validation'), all: 'rejected/account' },
    { says: '404 document_not_found', ...error(404, 'document_not_found'), all: 'rejected/account' },
    { says: '405 method_not_allowed', ...error(405, 'method_not_allowed'), all: 'rejected/account' },
    { says: '406 not_acceptable', ...error(406, 'not_acceptable'), all: 'rejected/account' },
    { says: '422 unprocessable_entity', ...error(422, 'unprocessable_entity'), all: 'rejected/message' },
    {
      says: '429, by its own header',
      about: 'throttled',
      ...error(429, 'too_many_requests'),
      headers: rateReset,
      all: 'deferred/provider 2000',
    },
    { says: '500', ...error(500, 'internal_error'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients, asked }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.match(JSON.parse(asked.body.toString()).headers.idempotencyKey, /^[0-9a-f-]{36}$/)
    // Of several Reply-To addresses it takes one.
    assert.deepEqual(fields, { ...body, headers: { 'X-Order': '17', 'X-Mailin-Custom': custom } })
  },
  sdk: (baseUrl) =>
    new BrevoClient({ apiKey, baseUrl: `${baseUrl}/v3` }).transactionalEmails.sendTransacEmail({
      ...body,
      headers: { 'X-Order': '17', 'X-Mailin-custom': custom, idempotencyKey: crypto.randomUUID() },
    }),
  smtp: {
    options: { smtpLogin: 'me@example.com', smtpKey: 'xsmtpsib-fake' },
    server: ['smtp-relay.brevo.com', 587],
    user: 'me@example.com',
    headers: { 'X-Mailin-custom': custom, 'X-Mailin-Tag': 'welcome' },
  },
  hooks: {
    ...addressHooks,
    cases: [
      { says: 'request', body: event('request'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'deferred',
        body: event('deferred', { reason: ' 451 4.7.1 Try later' }),
        events: [told({ type: 'deferred', ...about, detail: '451 4.7.1 Try later' })],
      },
      { says: 'delivered', body: event('delivered'), events: [told({ type: 'delivered', ...about })] },
      {
        says: 'hard bounce',
        body: event('hard_bounce', { reason: '550 5.1.1 No such user' }),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 5.1.1 No such user' })],
      },
      {
        says: 'hard bounce for a policy',
        body: event('hard_bounce', { reason: '550 5.7.1 Blocked' }),
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '550 5.7.1 Blocked' })],
      },
      {
        says: 'hard bounce of a full mailbox',
        body: event('hard_bounce', { reason: '552 5.2.2 Full' }),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: '552 5.2.2 Full' })],
      },
      {
        says: 'soft bounce',
        body: event('soft_bounce'),
        events: [told({ type: 'bounced', bounce: 'soft', ...about })],
      },
      { says: 'invalid', body: event('invalid_email'), events: [told({ type: 'bounced', bounce: 'hard', ...about })] },
      { says: 'error', body: event('error'), events: [told({ type: 'rejected', ...about })] },
      { says: 'blocked', body: event('blocked'), events: [told({ type: 'suppressed', ...about })] },
      { says: 'spam', body: event('spam'), events: [told({ type: 'complained', ...about })] },
      { says: 'first open', body: event('unique_opened'), events: [told({ type: 'opened', ...about })] },
      {
        says: 'open by a proxy',
        body: event('proxy_open'),
        events: [told({ type: 'opened', ...about, detail: 'by a proxy' })],
      },
      {
        says: 'click',
        body: event('click', { link: 'https://example.com/a' }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      { says: 'unsubscribe', body: event('unsubscribe'), events: [told({ type: 'unsubscribed', ...about })] },
      {
        says: 'several at once, without brackets, with seconds and our id among the tags alone',
        body: [
          event('delivered', { 'message-id': '1@smtp-relay.mailin.fr', 'X-Mailin-custom': undefined }),
          event('opened', { ts_epoch: hookTime / 1000 }),
        ],
        events: [told({ type: 'delivered', ...about }), told({ type: 'opened', ...about })],
      },
      { says: 'of a list', body: event('list_addition'), events: [] },
    ],
  },
} satisfies VendorData
