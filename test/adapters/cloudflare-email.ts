import assert from 'node:assert/strict'
import Cloudflare from 'cloudflare'
import PostalMime from 'postal-mime'
import cloudflareEmail from '../../adapters/cloudflare-email.ts'
import { compose } from '../../src/mail/compose.ts'
import { type Asked, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

export const apiToken = 'fake-cloudflare-token'
export const accountId = '0123456789abcdef0123456789abcdef'

/** What Cloudflare keeps on its list, two a page. */
const suppressed = [
  { email: 'gone@example.com', reason: 'hard_bounce' },
  { email: 'full@example.com', reason: 'soft_bounce' },
  { email: 'angry@example.com', reason: 'complaint' },
  { email: 'left@example.com', reason: 'manual' },
  { email: 'ruled@example.com', reason: 'policy' },
]

async function desk(asked: Asked): Promise<Reply> {
  if (asked.headers.authorization !== `Bearer ${apiToken}`) return refuse(401, 10101, 'authentication.unauthorized')
  const path = asked.path.replace(`/accounts/${accountId}/email/sending/`, '')
  if (asked.method === 'GET' && path === 'suppressions') return listed(asked)
  if (asked.method !== 'POST' || (path !== 'send' && path !== 'send_raw')) return refuse(404, 10000, 'not_found')
  if (!asked.headers['content-type']?.startsWith('application/json')) return { status: 415 }
  const mail = JSON.parse(asked.body.toString())
  const read = path === 'send' ? structured(mail) : await raw(mail)
  if ('status' in read) return read
  if (read.from.endsWith('@unverified.test')) return refuse(403, 10203, 'email.sending_disabled')
  if (read.recipients.length < 1 || read.recipients.length > 50) return refuse(400, 10001, 'invalid_request_schema')
  if (asked.body.length > 5 * 1024 * 1024) return refuse(400, 10200, 'email.too_big')
  const bad = read.recipients.filter((email) => email.startsWith('bad@'))
  const queued = read.recipients.filter((email) => !bad.includes(email))
  const id = `${crypto.randomUUID()}@example.com`
  const reply = success({ message_id: `<${id}>`, delivered: [], queued, permanent_bounces: bad })
  if (queued.length === 0) return reply
  return { ...reply, takes: { id, recipients: queued, hidden: read.hidden, subject: read.subject, fields: mail } }
}

interface Read {
  from: string
  recipients: string[]
  hidden: string[]
  subject: string
}

const known = new Set('from to cc bcc reply_to subject html text headers attachments'.split(' '))
const allowed = new Set('in-reply-to references list-unsubscribe list-unsubscribe-post list-id precedence'.split(' '))

function structured(mail: ReturnType<typeof JSON.parse>): Read | Reply {
  const bad = refuse(400, 10001, 'invalid_request_schema')
  if (Object.keys(mail).some((name) => !known.has(name))) return bad
  const { from, to = [], cc = [], bcc = [], reply_to = from, headers = {}, attachments = [] } = mail
  if (Array.isArray(reply_to) || !mail.subject || !(mail.html || mail.text)) return bad
  for (const person of [from, reply_to, ...to, ...cc, ...bcc]) {
    if (!/^[!-~]+@[a-z0-9.-]+$/i.test(person?.address) || person.name === '') return bad
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!/^x-[a-z0-9_-]+$/i.test(name) && !allowed.has(name.toLowerCase())) return bad
    if (typeof value !== 'string' || value === '' || value.length > 2048) return bad
  }
  for (const file of attachments) {
    if (!file.content || !file.filename || !file.type) return bad
    if (!(file.disposition === 'attachment' ? !('content_id' in file) : file.content_id)) return bad
  }
  const addresses = (people: { address: string }[]) => people.map(({ address }) => address)
  return {
    from: from.address,
    recipients: addresses([...to, ...cc, ...bcc]),
    hidden: addresses(bcc),
    subject: mail.subject,
  }
}

async function raw({ from, recipients, mime_message, ...more }: Record<string, unknown>): Promise<Read | Reply> {
  const whole = typeof from === 'string' && Array.isArray(recipients) && typeof mime_message === 'string'
  if (!whole || Object.keys(more).length > 0) return refuse(400, 10001, 'invalid_request_schema')
  const { to = [], cc = [], subject = '', from: author } = await PostalMime.parse(mime_message)
  if (!author) return refuse(400, 10202, 'email.invalid')
  const seen = new Set([...to, ...cc].map(({ address }) => address))
  return { from, recipients, hidden: recipients.filter((email) => !seen.has(email)), subject }
}

function listed({ query }: Asked): Reply {
  const from = Number(query.get('cursor') ?? 0)
  return json(200, {
    success: true,
    errors: [],
    messages: [],
    result: suppressed.slice(from, from + 2).map((entry) => ({ ...entry, created_at: '2026-11-25T12:00:00Z' })),
    result_info: { next_cursor: from + 2 < suppressed.length ? String(from + 2) : null },
  })
}

function success(result: object): Reply {
  const lists = { delivered: [], queued: [], permanent_bounces: [], suppressed_recipients: [] }
  return json(200, { success: true, errors: [], messages: [], result: { ...lists, ...result } })
}

function refuse(status: number, code: number, word: string): Reply {
  const errors = [{ code, message: `email.sending.error.${word}` }]
  return json(status, { success: false, errors, messages: [], result: null })
}

const answered = (reply: Reply) => ({ status: reply.status, headers: reply.headers!, body: reply.body! })
const error = (status: number, code: number, word: string) => answered(refuse(status, code, word))

const event = (name: string, more: object = {}) => ({
  type: `cf.email.sending.message.${name}`,
  source: { type: 'email.sending', zoneId: '023e105f4ecef8ad9ca31a8372d0c353', domain: 'example.com' },
  payload: {
    eventId: '0190d0c4-7ea1-7af2-8b88-c1d2e3f4a5b6',
    messageId: '<m-1@example.com>',
    sender: 'sender@example.com',
    recipient: 'ann@example.com',
    ...more,
  },
  metadata: { eventSchemaVersion: 1, eventTimestamp: '2026-11-25T11:59:00.000Z' },
})
const bounced = (type: string, smtpEnhancedStatusCode: string) =>
  event('bounced', {
    delivery: { status: 'bounced', smtpStatusCode: '550', smtpEnhancedStatusCode, smtpResponse: '550 No' },
    bounce: { type, classification: 'permanent_failure', reason: '550 No' },
  })
const about = { at: hookTime - 60_000, recipient: 'ann@example.com', providerMessageId: 'm-1@example.com' }
const envelope = { from: 'sender@example.com', recipients: ['ann@example.com', 'bob@example.com'] }

export default {
  adapter: cloudflareEmail,
  vendor: () => fakeVendor(desk),
  options: (baseUrl) => ({ apiToken, accountId, baseUrl }),
  secret: apiToken,
  cases: [
    {
      says: '200 with a result each',
      ...answered(success({ message_id: 'm-1', delivered: ['Ann@example.com'], queued: ['bob@example.com'] })),
      all: 'accepted m-1',
    },
    {
      says: '200 with a bounce',
      ...answered(success({ message_id: 'm-1', queued: ['bob@example.com'], permanent_bounces: ['ann@example.com'] })),
      about: 'recipient',
      ann: 'rejected/recipient',
      bob: 'accepted m-1',
    },
    {
      says: '200 with one that is suppressed',
      ...answered(
        success({ message_id: 'm-1', queued: ['bob@example.com'], suppressed_recipients: ['ann@example.com'] }),
      ),
      ann: 'rejected/recipient 5.7.1',
      bob: 'accepted m-1',
    },
    {
      says: '200 without an id',
      ...answered(success({ delivered: ['ann@example.com', 'bob@example.com'] })),
      all: `accepted ${message.messageId.slice(1, -1)}`,
    },
    { says: '200 that names nobody', ...answered(success({ message_id: 'm-1' })), all: 'unknown' },
    { says: '200 that is an error', ...error(200, 10001, 'invalid_request_schema'), all: 'rejected/message' },
    { says: '200 that is an error unheard of', ...error(200, 10999, 'other'), all: 'unknown' },
    { says: '400 schema', ...error(400, 10001, 'invalid_request_schema'), all: 'rejected/message' },
    { says: '400 too big', ...error(400, 10200, 'email.too_big'), all: 'rejected/message' },
    { says: '400 no length', ...error(400, 10201, 'email.no_content_length'), all: 'rejected/message' },
    { says: '400 content', ...error(400, 10202, 'email.invalid'), all: 'rejected/message' },
    {
      says: '400 of somebody suppressed',
      ...error(400, 10299, 'email.recipient_suppressed'),
      all: 'deferred/message 0',
      lone: 'rejected/recipient 5.7.1',
    },
    {
      says: '401 token',
      ...error(401, 10101, 'authentication.unauthorized'),
      about: 'credential',
      all: 'rejected/account',
    },
    { says: '401 kind of token', ...error(401, 10103, 'authentication.bad_token_type'), all: 'rejected/account' },
    { says: '403 permission', ...error(403, 10102, 'authentication.forbidden'), all: 'rejected/account' },
    {
      says: '403 an account without the service',
      ...error(403, 10105, 'authentication.not_entitled'),
      about: 'credit',
      all: 'rejected/account',
    },
    {
      says: '403 a zone where it is off',
      ...error(403, 10203, 'email.sending_disabled'),
      about: 'identity',
      all: 'rejected/identity',
    },
    {
      says: '400 a sender that is not set up',
      ...error(400, 10299, 'email.sender_not_configured'),
      all: 'rejected/identity',
    },
    { says: '404', ...error(404, 10000, 'not_found'), all: 'rejected/account' },
    {
      says: '429',
      ...error(429, 10004, 'throttled'),
      headers: { 'content-type': 'application/json', 'retry-after': '7' },
      about: 'throttled',
      all: 'deferred/provider 7000',
    },
    { says: '500', ...error(500, 10002, 'internal_server'), all: 'deferred/provider' },
    { says: '500 not implemented', ...error(500, 10003, 'not_implemented'), all: 'deferred/provider' },
    { says: '503', ...error(503, 10100, 'authentication.upstream'), all: 'deferred/provider' },
    {
      says: '400 of the API as a whole',
      status: 400,
      ...says({ success: false, errors: [{ code: 6003, message: 'Invalid request headers' }], result: null }),
      all: 'rejected/account',
    },
  ],
  // With its two addresses for replies it goes as raw mail.
  faithful({ fields, recipients, asked }) {
    assert.match(asked.path, /\/send_raw$/)
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    const { mime_message, ...rest } = fields
    assert.deepEqual(rest, envelope)
    assert.match(String(mime_message), /^List-Unsubscribe: <https:\/\/example\.com\/u>\r$/m)
    assert.match(String(mime_message), /^Reply-To: Help <help@example\.com>, desk@example\.com\r$/m)
    assert.match(String(mime_message), /^X-Order: 17\r$/m)
    assert.ok(String(mime_message).includes(`\r\nMessage-ID: ${message.messageId}\r\n`))
  },
  async sdk(baseURL) {
    const mime_message = (await compose(message, letter)).toString()
    await new Cloudflare({ apiToken, baseURL }).emailSending.sendRaw({
      account_id: accountId,
      ...envelope,
      mime_message,
    })
  },
  smtp: { options: { apiToken }, server: ['smtp.mx.cloudflare.net', 465], user: 'api_token' },
  hooks: {
    ...addressHooks,
    cases: [
      {
        says: 'delivered',
        body: [event('delivered', { delivery: { smtpResponse: '250 2.0.0 OK' } })],
        events: [told({ type: 'delivered', ...about })],
      },
      {
        says: 'a message of the queue as it is',
        body: [{ id: 'q-1', attempts: 1, body: event('delivered') }],
        events: [told({ type: 'delivered', ...about })],
      },
      {
        says: 'deferred',
        body: event('deferred', {
          delivery: { smtpEnhancedStatusCode: '4.2.0', smtpResponse: '451 4.2.0 Later' },
          bounce: { type: 'soft', reason: '451 4.2.0 Later' },
        }),
        events: [told({ type: 'deferred', ...about, detail: '451 4.2.0 Later' })],
      },
      {
        says: 'bounced, nobody there',
        body: [bounced('hard', '5.1.1')],
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 No' })],
      },
      {
        says: 'bounced, blocked',
        body: [bounced('hard', '5.7.1')],
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '550 No' })],
      },
      {
        says: 'bounced after many tries',
        body: [bounced('soft', '4.2.2')],
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: '550 No' })],
      },
      {
        says: 'rejected',
        body: [event('rejected', { rejection: { reason: 'spam', party: 'sender', detail: 'Looks like spam' } })],
        events: [told({ type: 'rejected', ...about, detail: 'spam Looks like spam' })],
      },
      {
        says: 'suppressed',
        body: [event('rejected', { rejection: { reason: 'suppressed', party: 'recipient' } })],
        events: [told({ type: 'suppressed', ...about, detail: 'suppressed' })],
      },
      {
        says: 'failed',
        body: [event('failed', { failure: { reason: 'delivery_failed' } })],
        events: [told({ type: 'rejected', ...about, detail: 'delivery_failed' })],
      },
      {
        says: 'complained',
        body: [event('complained', { complaint: { type: 'abuse' } })],
        events: [told({ type: 'complained', ...about, detail: 'abuse' })],
      },
      { says: 'bounced, nobody named', body: event('bounced', { recipient: null }), events: [] },
      { says: 'of another service', body: [{ type: 'cf.r2.bucket.created', payload: {} }], events: [] },
    ],
  },
} satisfies VendorData
