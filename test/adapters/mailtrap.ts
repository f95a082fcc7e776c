import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { MailtrapClient } from 'mailtrap'
import mailtrap from '../../adapters/mailtrap.ts'
import {
  type Asked,
  type FakeVendor,
  fakeVendor,
  json,
  type Reply,
  type Taken,
} from '../support/fake-vendors/vendor.ts'
import { hookTime, jsonCall, letter, message, says, told, type VendorData } from './fixture.ts'

const apiKey = 'fake-mailtrap-token'
const signingSecret = '0123456789abcdef0123456789abcdef'

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent
type Json = any

/** Mailtrap's desk: the sandbox's path, the logs and the suppressions beside the sending. */
function fakeMailtrap(): Promise<FakeVendor> {
  const sent: Taken[] = []
  return fakeVendor(
    (asked) => {
      if (!asked.headers['user-agent']) return { status: 403, body: 'Forbidden' }
      const { authorization, 'api-token': token = authorization?.replace(/^Bearer /, '') } = asked.headers
      if (token !== apiKey) return refuse(401, 'Unauthorized')
      if (asked.path === '/api/email_logs') return logs(asked, sent)
      if (asked.path === '/api/suppressions') return list(asked)
      const [, inbox] = /^\/api\/send(?:\/(\d+))?$/.exec(asked.path) ?? ['']
      if (!asked.path.startsWith('/api/send')) return json(404, { error: 'Not Found' })
      if (asked.method !== 'POST') return json(404, { error: 'Not Found' })
      return take(asked, inbox !== undefined)
    },
    (taken) => sent.push(taken),
  )
}

const known = new Set(
  'from to cc bcc reply_to subject text html headers category custom_variables attachments'.split(' '),
)

function take(asked: Asked, sandbox: boolean): Reply {
  if (!asked.headers['content-type']?.startsWith('application/json')) return refuse(400, 'must be JSON')
  const mail: Json = JSON.parse(asked.body.toString())
  const errors: string[] = []
  for (const key of Object.keys(mail)) if (!known.has(key)) errors.push(`'${key}' is not allowed`)
  if (!valid(mail.from)) errors.push("'from' address is invalid")
  else if (mail.from.email.endsWith('@unverified.test')) return refuse(400, notTheDomain)
  for (const role of ['to', 'cc', 'bcc']) {
    for (const address of mail[role] ?? []) if (!valid(address)) errors.push(`'${role}' address is invalid`)
  }
  if (![mail.to, mail.cc, mail.bcc].some((people) => people?.length > 0)) {
    errors.push("'to', 'cc' or 'bcc' address is required")
  }
  if (!mail.subject) errors.push("'subject' is required")
  if (!mail.text && !mail.html) errors.push('must specify either text or html body')
  if (JSON.stringify(mail.custom_variables ?? {}).length > 1_000) errors.push("'custom_variables' is too long")
  for (const value of Object.values(mail.headers ?? {})) {
    if (typeof value !== 'string' || /[^\u0000-\u007f]/.test(value)) errors.push("'headers' is invalid")
  }
  for (const file of mail.attachments ?? []) {
    if (!file.filename || !file.content) errors.push("'attachments' is invalid")
  }
  if (errors.length > 0) return refuse(400, ...errors)
  const emails = (role: string): string[] => (mail[role] ?? []).map(({ email }: Json) => email)
  const recipients = ['to', 'cc', 'bcc'].flatMap(emails)
  const one = crypto.randomUUID()
  const ids = Object.fromEntries(recipients.map((email) => [email, sandbox ? one : crypto.randomUUID()]))
  return {
    ...json(200, { success: true, message_ids: sandbox ? [one] : Object.values(ids) }),
    takes: { id: one, ids, recipients, hidden: emails('bcc'), subject: mail.subject, fields: mail },
  }
}

function logs(asked: Asked, sent: readonly Taken[]): Reply {
  assert.equal(asked.query.get('filters[to][operator]'), 'ci_equal')
  const wanted = new Set(asked.query.getAll('filters[to][value][]'))
  const messages = sent.flatMap(({ ids, subject, fields }) =>
    Object.entries(ids!)
      .filter(([to]) => wanted.has(to))
      .map(([to, message_id]) => ({
        message_id,
        to,
        subject,
        status: 'enqueued',
        custom_variables: fields.custom_variables,
      })),
  )
  return json(200, { messages, total_count: messages.length, next_page_cursor: null })
}

/** Two of five a page. */
function list(asked: Asked): Reply {
  const all = ['hard bounce', 'spam complaint', 'unsubscription', 'manual import', 'hard bounce'].map(
    (type, index) => ({
      id: `00000000-0000-0000-0000-00000000000${index}`,
      type,
      email: `${index}@example.com`,
      created_at: '2026-11-25T12:00:00.000Z',
      sending_stream: 'transactional',
    }),
  )
  const after = all.findIndex(({ id }) => id === asked.query.get('last_id')) + 1
  return json(200, all.slice(after, after + 2))
}

function valid(address: Json): boolean {
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address?.email ?? '') && !address.email.startsWith('bad@')
}

function refuse(status: number, ...errors: string[]): Reply {
  return json(status, { success: false, errors })
}

const notTheDomain = "'From' header does not match the sender's domain."
const error = (status: number, ...errors: string[]) => ({ status, ...says({ success: false, errors }) })

const mail = {
  from: { email: 'sender@example.com', name: 'Sender, Inc.' },
  to: [{ email: 'ann@example.com', name: 'Ann "A" Ärger' }],
  cc: [{ email: 'bob@example.com', name: 'Bob' }],
  subject: letter.subject,
  text: letter.text!,
  html: letter.html!,
  headers: {
    'X-Order': '17',
    'List-Unsubscribe': '<https://example.com/u>',
    'Reply-To': 'Help <help@example.com>, desk@example.com',
  },
  category: 'welcome',
  custom_variables: { order: '17', waypost: message.id },
  attachments: [
    {
      filename: 'räport.pdf',
      content: letter.attachments[0]!.content,
      type: 'application/pdf',
      disposition: 'attachment' as const,
    },
    {
      filename: 'logo.png',
      content: letter.attachments[1]!.content,
      type: 'image/png',
      disposition: 'inline' as const,
      content_id: 'logo',
    },
  ],
}

const event = (name: string, more: object = {}) => ({
  event: name,
  message_id: 'c1b2ce4c-7f1e-11ed-b3b1-0242ac1c0008',
  event_id: `e-${name}`,
  email: 'ann@example.com',
  timestamp: hookTime / 1000,
  sending_stream: 'transactional',
  sending_domain_name: 'example.com',
  category: 'welcome',
  custom_variables: { order: '17', waypost: message.id },
  ...more,
})
const about = {
  at: hookTime,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: 'c1b2ce4c-7f1e-11ed-b3b1-0242ac1c0008',
}
const bounced = (bounce_category: string | undefined, response: string) =>
  event('bounce', { response, response_code: 550, ...(bounce_category ? { bounce_category } : {}) })

/** As Mailtrap signs. A text is JSON Lines. */
function signed(body: unknown, secret = signingSecret) {
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  return jsonCall(payload, { 'mailtrap-signature': createHmac('sha256', secret).update(payload).digest('hex') })
}

export default {
  adapter: mailtrap,
  vendor: fakeMailtrap,
  options: (baseUrl) => ({ apiKey, baseUrl }),
  secret: apiKey,
  // The document has one form for text, one for HTML and one for both, and says that a mail must be exactly one of them.
  openapi({ asked }) {
    const { text, ...body } = JSON.parse(asked.body.toString())
    assert.equal(typeof text, 'string')
    return body
  },
  cases: [
    {
      says: '200, an id for each',
      status: 200,
      ...says({ success: true, message_ids: ['u-1', 'u-2'] }),
      ann: 'accepted u-1',
      bob: 'accepted u-2',
      // One too many is none of hers for sure, but the mail was taken.
      lone: 'accepted u-1',
    },
    { says: '200, one id for all', status: 200, ...says({ success: true, message_ids: ['u-1'] }), all: 'accepted u-1' },
    { says: '200 without ids', status: 200, ...says({ success: true, message_ids: [] }), all: 'unknown' },
    { says: '200 that is none', ...error(200, 'No.'), all: 'rejected/message' },
    { says: '400 for From', ...error(400, "'from' address is invalid"), all: 'rejected/message' },
    {
      says: '400 for a recipient that it does not name',
      about: 'recipient',
      ...error(400, "'to' address is invalid"),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    {
      says: '400 for a recipient and more',
      ...error(400, "'to' address is invalid", "'subject' is required"),
      all: 'rejected/message',
    },
    { says: '400 for nobody', ...error(400, "'to', 'cc' or 'bcc' address is required"), all: 'rejected/message' },
    { says: '400 for the subject', ...error(400, "'subject' is required"), all: 'rejected/message' },
    { says: '400 for From’s domain', about: 'identity', ...error(400, notTheDomain), all: 'rejected/identity' },
    { says: '403 for a domain', ...error(403, 'Sending domain is not verified'), all: 'rejected/identity' },
    { says: '401', about: 'credential', ...error(401, 'Unauthorized'), all: 'rejected/account' },
    { says: '401 in other words', status: 401, ...says({ error: 'Unauthorized' }), all: 'rejected/account' },
    { says: '403', ...error(403, 'Forbidden'), all: 'rejected/account' },
    { says: '404', status: 404, ...says({ error: 'Not Found' }), all: 'rejected/account' },
    { says: '413', ...error(413, 'Too large'), all: 'rejected/message' },
    { says: '422', ...error(422, 'Invalid value'), all: 'rejected/message' },
    { says: '429', about: 'throttled', ...error(429, 'Rate limit exceeded'), all: 'deferred/provider' },
    { says: '500', ...error(500, 'Internal server error'), all: 'deferred/provider' },
    { says: '503', ...error(503, 'Unavailable'), all: 'deferred/provider' },
  ],
  silent: { credit: 'no answer is documented for a plan that is used up: over an hour’s limit mail is queued there' },
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, mail)
  },
  sdk(baseUrl) {
    const client = new MailtrapClient({ token: apiKey })
    // It has no setting for the address.
    ;(client as unknown as { determineHost(): string }).determineHost = () => baseUrl
    return client.send(mail)
  },
  smtp: {
    options: { apiKey },
    server: ['live.smtp.mailtrap.io', 587],
    user: 'api',
    headers: {
      'X-MT-Category': 'welcome',
      'X-MT-Custom-Variables': JSON.stringify({ order: '17', waypost: message.id }),
    },
  },
  hooks: {
    options: { webhookSecret: signingSecret },
    call: (body) => signed(body),
    forgeries: (genuine) => {
      const flipped = Uint8Array.from(genuine.body)
      flipped[flipped.length >> 1]! ^= 1
      return [
        { how: 'a bit of the body is another', forged: { ...genuine, body: flipped } },
        { how: 'another secret', forged: signed({ events: [event('delivery')] }, 'another') },
      ]
    },
    cases: [
      {
        says: 'delivered and opened, in a list',
        body: { events: [event('delivery'), event('open', { ip: '192.0.2.1' })] },
        events: [told({ type: 'delivered', ...about }), told({ type: 'opened', ...about })],
      },
      {
        says: 'in lines',
        body: `${JSON.stringify(event('delivery'))}\n${JSON.stringify(event('click', { url: 'https://example.com/a' }))}\n`,
        events: [
          told({ type: 'delivered', ...about }),
          told({ type: 'clicked', ...about, detail: 'https://example.com/a' }),
        ],
      },
      {
        says: 'in one line',
        body: JSON.stringify(event('delivery')),
        events: [told({ type: 'delivered', ...about })],
      },
      {
        says: 'not yet',
        body: {
          events: [event('soft bounce', { response: '452 4.2.2 Full' }), event('suspension', { reason: 'Limit' })],
        },
        events: [
          told({ type: 'deferred', ...about, detail: '452 4.2.2 Full' }),
          told({ type: 'deferred', ...about, detail: 'Limit' }),
        ],
      },
      {
        says: 'nobody there',
        body: { events: [bounced('badrecipient', '550 5.1.1 unknown')] },
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 5.1.1 unknown badrecipient' })],
      },
      {
        says: 'full, after all',
        body: { events: [bounced('overquota', '552 5.2.2 full')] },
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: '552 5.2.2 full overquota' })],
      },
      {
        says: 'unwanted',
        body: { events: [bounced('spam', '550 spam')] },
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '550 spam spam' })],
      },
      {
        says: 'bounced without a category',
        body: { events: [bounced(undefined, '550 5.7.1 no')] },
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '550 5.7.1 no' })],
      },
      {
        says: 'not sent',
        body: {
          events: [
            event('reject', { reason: 'Recipient in suppression list. Reason: hard bounce', event_id: 'e-1' }),
            event('reject', { reason: 'Sending domain was never verified', event_id: 'e-2' }),
          ],
        },
        events: [
          told({ type: 'suppressed', ...about, detail: 'Recipient in suppression list. Reason: hard bounce' }),
          told({ type: 'rejected', ...about, detail: 'Sending domain was never verified' }),
        ],
      },
      {
        says: 'what people did',
        body: { events: [event('spam'), event('unsubscribe')] },
        events: [told({ type: 'complained', ...about }), told({ type: 'unsubscribed', ...about })],
      },
      { says: 'of an account', body: { events: [{ event: 'activity_log.created', event_id: 'x' }] }, events: [] },
    ],
  },
} satisfies VendorData
