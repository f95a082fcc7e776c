import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import sendpulse from '../../adapters/sendpulse.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, says, told, type VendorData } from './fixture.ts'

const secret = 'fake-sendpulse-secret'

export interface FakeSendPulse extends FakeVendor {
  /** Tokens that were given and still hold. */
  tokens: Set<string>
  /** How many were given. */
  given: number
}

/** Tokens, `POST /smtp/emails` and the list of the unsubscribed, by the sheet: refuses what SendPulse refuses. */
async function fakeSendPulse(): Promise<FakeSendPulse> {
  const tokens = new Set<string>()
  const desk = (asked: Asked): Reply => {
    if (asked.path === '/oauth/access_token') return giveToken(asked, vendor)
    if (!tokens.has(asked.headers.authorization?.replace(/^Bearer /, '') ?? '')) {
      return json(401, { error: 'invalid_token', error_description: 'The access token is invalid or has expired' })
    }
    if (asked.method === 'GET' && asked.path === '/smtp/unsubscribe') return unsubscribed(asked)
    if (asked.method === 'POST' && asked.path === '/smtp/emails') return take(asked)
    return refuse(404, 404, 'Not found')
  }
  const started = await fakeVendor(desk, undefined, (path) => path === '/oauth/access_token')
  const vendor: FakeSendPulse = Object.assign(started, { tokens, given: 0 })
  return vendor
}

function giveToken({ body }: Asked, vendor: FakeSendPulse): Reply {
  const { grant_type, client_id, client_secret } = JSON.parse(body.toString())
  if (grant_type !== 'client_credentials' || client_id !== 'us' || client_secret !== secret) {
    return json(401, { error: 'invalid_client', error_description: 'Client authentication failed' })
  }
  const access_token = randomUUID()
  vendor.tokens.add(access_token)
  vendor.given++
  return json(200, { access_token, token_type: 'Bearer', expires_in: 3600 })
}

const known = new Set(
  'from to cc bcc reply_to subject html text auto_plain_text template attachments attachments_binary'.split(' '),
)

function take(asked: Asked): Reply {
  const { email, ...more } = JSON.parse(asked.body.toString())
  if (typeof email !== 'object' || Object.keys(more).length > 0) return refuse(422, 999, 'Badly formed incoming data')
  for (const field of Object.keys(email)) if (!known.has(field)) return refuse(422, 999, `Unknown ${field}`)
  if (!email.from?.name || !email.from.email) return refuse(422, 10, 'Argument from.email missing')
  if (email.from.email.endsWith('@unverified.test')) return refuse(422, 422, 'Sender is not valid')
  const groups = ['to', 'cc', 'bcc'].map((role) => ((email[role] ?? []) as { email: string }[]).map((one) => one.email))
  const recipients = groups.flat()
  if (groups[0]!.length === 0) return refuse(422, 11, 'Argument email.to is invalid')
  if (recipients.some((one) => one.startsWith('bad@'))) return refuse(422, 422, 'Recipient email is invalid')
  if (recipients.length > 50) return refuse(422, 550, '5.5.3 Too many recipients')
  if (!email.subject) return refuse(422, 12, 'Argument subject missing')
  if (!email.html || !email.text) return refuse(422, 13, 'Missed email body')
  const html = Buffer.from(email.html, 'base64')
  if (html.toString('base64') !== email.html) return refuse(422, 999, 'The HTML is not base64')
  const id = randomUUID()
  return {
    ...json(200, { result: true, id }),
    takes: { id, recipients, hidden: groups[2]!, subject: email.subject, fields: { ...email, html: html.toString() } },
  }
}

const list = Array.from({ length: 150 }, (_, number) => ({
  email: `left-${number}@example.com`,
  unsubscribe_by_link: number % 3 === 0 ? 1 : 0,
  unsubscribe_by_user: number % 3 === 1 ? 1 : 0,
  spam_complaint: number % 3 === 2 ? 1 : 0,
  date: '2026-11-20 10:30:00',
}))

function unsubscribed({ query }: Asked): Reply {
  const offset = Number(query.get('offset'))
  return json(200, list.slice(offset, offset + Number(query.get('limit'))))
}

function refuse(status: number, error_code: number, message: string): Reply {
  return json(status, { message, error_code })
}

const about = { at: hookTime, recipient: 'ann@example.com' }
const event = (event: string, more: object = {}) => ({
  event,
  message_id: 4711,
  recipient: 'ann@example.com',
  sender: 'sender@example.com',
  subject: 'hello',
  timestamp: hookTime / 1000,
  ...more,
})
const reply = (code: number, subcode: string | undefined, words: string) => ({
  smtp_server_response_code: code,
  ...(subcode === undefined ? {} : { smtp_server_response_subcode: subcode }),
  smtp_server_response: words,
})

const error = (error_code: number, message: string, status = 422) => ({ status, ...says({ message, error_code }) })

export default {
  adapter: sendpulse,
  vendor: fakeSendPulse,
  options: (baseUrl) => ({ clientId: 'us', clientSecret: secret, baseUrl }),
  secret,
  cases: [
    { says: '200', status: 200, ...says({ result: true, id: 'pz-1' }), all: 'accepted pz-1' },
    { says: '200 without an id', status: 200, ...says({ result: true }), all: 'unknown' },
    { says: '200 without success', status: 200, ...says({ result: false, id: 'pz-1' }), all: 'unknown' },
    { says: '401', about: 'credential', status: 401, ...says({ error: 'invalid_client' }), all: 'rejected/account' },
    { says: '403 / 403', ...error(403, 'Account expired', 403), all: 'rejected/account' },
    { says: '422 / 10', ...error(10, 'Argument from.email is invalid'), all: 'rejected/identity' },
    {
      says: '422 / 11',
      about: 'recipient',
      ...error(11, 'Argument email.to is invalid'),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '422 / 12', ...error(12, 'Argument subject missing'), all: 'rejected/message' },
    { says: '422 / 13', ...error(13, 'Missed email body'), all: 'rejected/message' },
    { says: '422 / 31', ...error(31, 'Template not found'), all: 'rejected/message' },
    { says: '422 / 32', ...error(32, 'Template body is empty'), all: 'rejected/message' },
    { says: '422 / 731', ...error(731, 'Variables list passed in wrong format'), all: 'rejected/message' },
    { says: '422 / 999', ...error(999, 'Badly formed incoming data'), all: 'rejected/message' },
    {
      says: '422 / 400',
      ...error(400, 'No such SMTP user, you need to create SMTP account first'),
      all: 'rejected/account',
    },
    {
      says: '422 / 550',
      ...error(550, '5.5.3 Too many recipients'),
      all: 'deferred/message 0',
      lone: 'rejected/message',
    },
    {
      says: '422 / 422 for a recipient',
      ...error(422, 'Recipient email is invalid'),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '422 / 422 for the size', ...error(422, 'Message size limit exceeded'), all: 'rejected/message' },
    {
      says: '422 / 422 for attachments',
      ...error(422, 'Argument attachments_binary is invalid'),
      all: 'rejected/message',
    },
    { says: '422 / 422 for email', ...error(422, 'Argument email missing'), all: 'rejected/message' },
    { says: '422 / 422 for from', ...error(422, 'Argument from is invalid'), all: 'rejected/identity' },
    {
      says: '422 / 422 for the sender',
      about: 'identity',
      ...error(422, 'Sender is not valid'),
      all: 'rejected/identity',
    },
    { says: '422 / 422 for a quota', ...error(422, 'Sending quota or bandwidth exceeded'), all: 'deferred/account' },
    {
      says: '422 / 422 for a limit',
      ...error(422, 'Sending from your account is currently limited. Please try later.'),
      all: 'deferred/account',
    },
    { says: '400 / 20', ...error(20, 'Free e-mail services cannot be senders', 400), all: 'rejected/identity' },
    { says: '400 / 97', ...error(97, 'Sender on a free e-mail service', 400), all: 'rejected/identity' },
    { says: '400 / 707', about: 'credit', ...error(707, 'Balance exhausted', 400), all: 'rejected/account' },
    {
      says: '400 / 904',
      ...error(904, 'ann@example.com is blacklisted', 400),
      ann: 'rejected/recipient 5.7.1',
      bob: 'deferred/message 0',
    },
    { says: '400 / 905', ...error(905, 'Sender quota reached', 400), all: 'deferred/provider' },
    {
      says: '400 / 906',
      ...error(906, 'Wrong syntax of an address', 400),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '400 / 2020202020', ...error(2020202020, 'Too many requests', 400), all: 'deferred/provider' },
    { says: '400 / something new', ...error(4711, 'Hm', 400), all: 'rejected/message' },
    { says: '429', about: 'throttled', ...error(429, 'Too many requests', 429), all: 'deferred/provider' },
    { says: '500', ...error(500, 'Internal error', 500), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, {
      from: { name: 'Sender, Inc.', email: 'sender@example.com' },
      to: [{ name: 'Ann "A" Ärger', email: 'ann@example.com' }],
      cc: [{ name: 'Bob', email: 'bob@example.com' }],
      reply_to: { name: 'Help', email: 'help@example.com' },
      subject: letter.subject,
      html: letter.html,
      text: letter.text,
      attachments_binary: { 'räport.pdf': letter.attachments[0]!.content },
    })
  },
  smtp: {
    options: { user: 'ann@example.com', pass: 'smtp-pass' },
    server: ['smtp-pulse.com', 465],
    user: 'ann@example.com',
  },
  hooks: {
    ...addressHooks,
    cases: [
      {
        says: 'a list of events',
        body: [
          event('new'),
          event('delivered', reply(250, '2.0.0', 'Ok')),
          event('resubscribed'),
          event('something new'),
        ],
        events: [told({ type: 'accepted', ...about }), told({ type: 'delivered', ...about })],
      },
      {
        says: 'not delivered, to a mailbox that is none',
        body: [event('undelivered', reply(550, '5.1.1', 'no such user'))],
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 5.1.1 no such user' })],
      },
      {
        says: 'not delivered, for good, without a status',
        body: [event('undelivered', reply(550, undefined, 'no thanks'))],
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: '550 no thanks' })],
      },
      {
        says: 'not delivered, for a policy',
        body: [event('undelivered', reply(554, undefined, '5.7.1 blocked'))],
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '554 5.7.1 blocked' })],
      },
      {
        says: 'bounces by class',
        body: ['hard_bounces', 'soft_bounces'].map((name) => ({
          event: name,
          task_id: 9,
          email: 'ann@example.com',
          timestamp: hookTime / 1000,
        })),
        events: [
          told({ type: 'bounced', bounce: 'hard', ...about }),
          told({ type: 'bounced', bounce: 'soft', ...about }),
        ],
      },
      {
        says: 'what the recipient did',
        body: [
          event('opened'),
          event('clicked', { link_url: 'https://example.com/a', link_id: 1 }),
          event('redirected', { link_url: 'https://example.com/b' }),
          event('unsubscribed'),
          event('spam_by_user'),
        ],
        events: [
          told({ type: 'opened', ...about }),
          told({ type: 'clicked', ...about, detail: 'https://example.com/a' }),
          told({ type: 'clicked', ...about, detail: 'https://example.com/b' }),
          told({ type: 'unsubscribed', ...about }),
          told({ type: 'complained', ...about }),
        ],
      },
      { says: 'of nobody', body: [event('opened', { recipient: '' })], events: [] },
    ],
  },
} satisfies VendorData
