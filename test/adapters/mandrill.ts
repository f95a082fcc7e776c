import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createRequire } from 'node:module'
import mandrill from '../../adapters/mandrill.ts'
import type { HookCall } from '../../src/mail/webhook.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import {
  type Asked,
  type FakeVendor,
  fakeVendor,
  json,
  type Reply,
  type Taken,
} from '../support/fake-vendors/vendor.ts'
import { hookTime, jsonCall, letter, message, says, told, type VendorData } from './fixture.ts'

// It has no types.
const require = createRequire(import.meta.url)
const transactional = require('@mailchimp/mailchimp_transactional')

const key = 'fake-mandrill-key'

const error = (name: string, text = 'No.', code = -2) => ({ status: 'error', code, name, message: text })

function desk(): Promise<FakeVendor> {
  let serial = 0
  const taken: Taken[] = []
  const answer = (asked: Asked): Reply => {
    if (asked.method !== 'POST') return json(405, error('MethodNotAllowed'))
    const body = JSON.parse(asked.body.toString())
    if (body.key !== key) return json(401, error('Invalid_Key', 'Invalid API key', 401))
    if (asked.path === '/api/1.4/rejects/list') return json(200, rejects(body.email ?? ''))
    if (asked.path === '/api/1.4/messages/search') return search(body, taken)
    if (asked.path !== '/api/1.4/messages/send') return json(404, error('Unknown_Method'))
    return take(body, () => `fake${++serial}`)
  }
  return fakeVendor(answer, (mail) => taken.push(mail))
}

/** Phrases, in all that is indexed or in the recipient alone. Metadata are not indexed, and stand in what is found. */
function search(body: { query?: string; date_from?: string; limit?: number }, taken: readonly Taken[]): Reply {
  const { query = '*', date_from = '', limit = 100 } = body
  if (!/^\d{4}-\d\d-\d\d$/.test(date_from) || limit < 1 || limit > 1000) return json(422, error('ValidationError'))
  const phrases = query.split(' OR ').map((term) => JSON.parse(term.replace(/^full_email:/, '')))
  const found = taken.flatMap(({ ids = {}, fields }) => {
    const { from_email, subject, tags = [], metadata } = fields.message as Mail
    return Object.entries(ids)
      .filter(([email]) => phrases.includes(email))
      .map(([email, _id]) => ({
        ts: Math.floor(Date.now() / 1000),
        _id,
        sender: from_email,
        template: null,
        subject,
        email,
        tags,
        opens: 0,
        opens_detail: [],
        clicks: 0,
        clicks_detail: [],
        state: 'sent',
        metadata,
        smtp_events: [],
        subaccount: null,
        diag: null,
        resends: [],
        reject: null,
      }))
  })
  return json(200, found.slice(0, limit))
}

const known = {
  body: new Set('key message async ip_pool send_at'.split(' ')),
  message: new Set(
    'html text subject from_email from_name to headers important track_opens track_clicks preserve_recipients merge tags subaccount metadata attachments images'.split(
      ' ',
    ),
  ),
}

type Addressee = { email: string; name?: string; type?: string }
type Mail = Record<string, never> & { to: Addressee[] }

function take(body: { key?: string; message?: Mail }, next: () => string): Reply {
  const invalid = (problem: object) => {
    return json(400, error('ValidationError', `Validation error: ${JSON.stringify({ message: problem })}`))
  }
  const mail = body.message
  for (const field of Object.keys(body)) if (!known.body.has(field)) return invalid({ [field]: 'Unknown' })
  if (!mail) return invalid({ message: 'Please enter a value' })
  for (const field of Object.keys(mail)) if (!known.message.has(field)) return invalid({ [field]: 'Unknown' })
  if (!Array.isArray(mail.to) || mail.to.length === 0) return invalid({ to: 'Please enter an array' })
  if (!mail.html && !mail.text) return invalid({ text: 'Please enter a value' })
  if (mailboxes(mail.from_email).length !== 1)
    return invalid({ from_email: 'An email address must contain a single @' })
  for (const image of (mail.images ?? []) as { type: string }[]) {
    if (!image.type.startsWith('image/')) return invalid({ images: 'The type must start with image/' })
  }
  for (const tag of (mail.tags ?? []) as string[]) {
    if (tag.startsWith('_') || tag.length > 50) return invalid({ tags: 'A tag is not valid' })
  }
  const unverified = String(mail.from_email).endsWith('@unverified.test')
  const results = mail.to.map(({ email }) => {
    if (unverified) return { email, status: 'rejected', reject_reason: 'unsigned', _id: next() }
    if (mailboxes(email).length !== 1 || email.startsWith('bad@')) return { email, status: 'invalid' }
    return { email, status: 'sent', reject_reason: null, queued_reason: null, _id: next() }
  })
  const sent = results.filter(({ status }) => status === 'sent')
  // Without preserve_recipients nobody sees anybody.
  const hidden = mail.to.filter(({ type }) => type === 'bcc' || (!mail.preserve_recipients && mail.to.length > 1))
  const { key: _, ...fields } = body
  return {
    ...json(200, results),
    ...(sent.length === 0
      ? {}
      : {
          takes: {
            id: sent[0]!._id!,
            ids: Object.fromEntries(sent.map(({ email, _id }) => [email, _id!])),
            recipients: sent.map(({ email }) => email),
            hidden: hidden.map(({ email }) => email),
            subject: String(mail.subject ?? ''),
            fields: fields as Record<string, unknown>,
          },
        }),
  }
}

function rejects(email: string): object[] {
  const entry = (local: string, reason: string) => ({
    email: `${local}@example.com`,
    reason,
    detail: '',
    created_at: '2026-11-01 10:00:00',
    last_event_at: '2026-11-02 10:00:00',
    expires_at: '2027-11-02 10:00:00',
    expired: false,
    sender: null,
    subaccount: null,
  })
  const all = [
    entry('a', 'hard-bounce'),
    entry('b', 'spam'),
    entry('c', 'unsub'),
    entry('d', 'custom'),
    entry('e', 'soft-bounce'),
  ]
  return all.filter((one) => one.email.includes(email))
}

const mail = {
  from_email: 'sender@example.com',
  from_name: 'Sender, Inc.',
  to: [
    { email: 'ann@example.com', name: 'Ann "A" Ärger', type: 'to' },
    { email: 'bob@example.com', name: 'Bob', type: 'cc' },
  ],
  preserve_recipients: true,
  merge: false,
  subject: letter.subject,
  html: letter.html!,
  text: letter.text!,
  headers: {
    'X-Order': '17',
    'List-Unsubscribe': '<https://example.com/u>',
    'Message-ID': message.messageId,
    'Reply-To': 'Help <help@example.com>, desk@example.com',
  },
  tags: ['welcome'],
  metadata: { order: '17', waypost: message.id },
  attachments: [{ type: 'application/pdf', name: 'räport.pdf', content: letter.attachments[0]!.content }],
  images: [{ type: 'image/png', name: 'logo', content: letter.attachments[1]!.content }],
}

const results = (ann: object, bob: object = { status: 'sent', _id: 'b1' }) =>
  says([
    { email: 'ann@example.com', reject_reason: null, ...ann },
    { email: 'Bob@example.com', reject_reason: null, ...bob },
  ])
const refused = (reject_reason: string, means: string) => ({
  says: `200 rejected: ${reject_reason}`,
  status: 200,
  ...results({ status: 'rejected', reject_reason, _id: 'a1' }),
  ann: means,
  bob: 'accepted b1',
})

const hookKey = 'fake-mandrill-hook-key'
const hookUrl = 'https://hooks.example.com/in/mandrill?from=mandrill'

/** A call with its events, signed as for `url`. */
export function mandrillCall(events: unknown, url = hookUrl, secret = hookKey): HookCall {
  const text = typeof events === 'string' ? events : JSON.stringify(events)
  const signature = createHmac('sha1', secret).update(`${url}mandrill_events${text}`).digest('base64')
  return {
    ...jsonCall(new URLSearchParams({ mandrill_events: text }).toString()),
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-mandrill-signature': signature },
  }
}

const event = (name: string, msg: object = {}, more: object = {}) => [
  {
    event: name,
    _id: 'a1',
    ts: hookTime / 1000 - 60,
    msg: { _id: 'a1', email: 'ann@example.com', state: 'sent', metadata: { waypost: message.id }, tags: [], ...msg },
    ...more,
  },
]
const about = { at: hookTime - 60_000, recipient: 'ann@example.com', messageId: message.id, providerMessageId: 'a1' }
const bounced = (name: string, code: number | null, description: string, bounce: 'hard' | 'soft' | 'block') => ({
  says: `${name}, ${description}`,
  body: event(name, {
    bounce_description: description,
    diag: 'smtp;550 no',
    ...(code === null ? {} : { bgtools_code: code }),
  }),
  events: [told({ type: 'bounced', bounce, ...about, detail: `${description} smtp;550 no` })],
})

export default {
  adapter: mandrill,
  vendor: desk,
  options: (baseUrl) => ({ apiKey: key, baseUrl }),
  secret: key,
  cases: [
    {
      says: '200 for each',
      status: 200,
      ...results({ status: 'sent', _id: 'a1' }),
      ann: 'accepted a1',
      bob: 'accepted b1',
    },
    {
      says: '200 queued and scheduled',
      status: 200,
      ...results(
        { status: 'queued', queued_reason: 'hourly-quota-exhausted', _id: 'a1' },
        { status: 'scheduled', _id: 'b1' },
      ),
      ann: 'accepted a1',
      bob: 'accepted b1',
    },
    { says: '200 without ids', status: 200, ...results({ status: 'sent' }, { status: 'queued' }), all: 'unknown' },
    { says: '200 with a status of another kind', status: 200, ...results({ status: 'x' }, {}), all: 'unknown' },
    {
      says: '200 that says nothing of one',
      status: 200,
      ...says([{ email: 'bob@example.com', status: 'sent', _id: 'b1' }]),
      ann: 'unknown',
      bob: 'accepted b1',
    },
    {
      says: '200 invalid',
      about: 'recipient',
      status: 200,
      ...results({ status: 'invalid' }),
      ann: 'rejected/recipient',
      bob: 'accepted b1',
    },
    refused('hard-bounce', 'rejected/recipient'),
    refused('soft-bounce', 'rejected/host'),
    refused('spam', 'rejected/recipient 5.7.1'),
    refused('unsub', 'rejected/recipient 5.7.1'),
    refused('custom', 'rejected/recipient 5.7.1'),
    refused('invalid', 'rejected/recipient'),
    { ...refused('unsigned', 'rejected/identity'), about: 'identity' },
    refused('invalid-sender', 'rejected/identity'),
    refused('test-mode-limit', 'rejected/account'),
    refused('rule', 'rejected/message'),
    {
      says: '400 ValidationError',
      status: 400,
      ...says(error('ValidationError', 'Validation error: {"message":{"from_email":"An email address must…"}}')),
      all: 'rejected/message',
    },
    {
      says: '500 ValidationError of a recipient',
      status: 500,
      ...says(error('ValidationError', 'Validation error: {"message":{"to":[{"email":"…"}]}}')),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    {
      says: '401 Invalid_Key',
      about: 'credential',
      status: 401,
      ...says(error('Invalid_Key', 'Invalid API key', 401)),
      all: 'rejected/account',
    },
    {
      says: '500 Invalid_Key, as the oldest version says it',
      status: 500,
      ...says(error('Invalid_Key', 'Invalid API key', -1)),
      all: 'rejected/account',
    },
    {
      says: '402 PaymentRequired',
      about: 'credit',
      status: 402,
      ...says(error('PaymentRequired', 'No.', 10)),
      all: 'rejected/account',
    },
    {
      says: '404 Unknown_Subaccount',
      status: 404,
      ...says(error('Unknown_Subaccount', 'No.', 12)),
      all: 'rejected/account',
    },
    {
      says: '429',
      about: 'throttled',
      status: 429,
      ...says(error('RequestLimitExceeded', 'Too Many Requests attempted recently', 429)),
      headers: { 'retry-after': '2' },
      all: 'deferred/provider 2000',
    },
    { says: '500 GeneralError', status: 500, ...says(error('GeneralError', 'No.', -1)), all: 'deferred/provider' },
    { says: '500 ServiceUnavailable', status: 500, ...says(error('ServiceUnavailable')), all: 'deferred/provider' },
    {
      says: '500 suspended',
      status: 500,
      ...says(error('ServiceUnavailable', 'Your account is suspended')),
      all: 'rejected/account',
    },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, { message: mail })
  },
  sdk(baseUrl) {
    const client = transactional(key)
    client.basePath = `${baseUrl}/api/1.4`
    return client.messages.send({ message: structuredClone(mail) })
  },
  smtp: {
    options: { apiKey: key, subaccount: 'shop' },
    server: ['smtp.mandrillapp.com', 587],
    user: 'waypost',
    headers: {
      'X-MC-Metadata': `{"order":"17","waypost":"${message.id}"}`,
      'X-MC-PreserveRecipients': 'true',
      'X-MC-Tags': 'welcome',
      'X-MC-Subaccount': 'shop',
    },
  },
  hooks: {
    options: { webhookSecret: hookKey, webhookUrl: hookUrl },
    call: (events) => mandrillCall(events),
    forgeries: (genuine) => {
      const body = new TextEncoder().encode(
        new TextDecoder().decode(genuine.body).replace('example.com', 'example.org'),
      )
      return [
        { how: 'another body', forged: { ...genuine, body } },
        { how: 'one more field', forged: { ...genuine, body: new TextEncoder().encode('a=b&mandrill_events=%5B%5D') } },
        { how: 'signed for another address', forged: mandrillCall(event('send'), 'https://mail.example.com/hooks/it') },
        { how: 'another key', forged: mandrillCall(event('send'), hookUrl, 'another-key') },
        { how: 'events under the key of a test', forged: mandrillCall(event('send'), hookUrl, 'test-webhook') },
      ]
    },
    cases: [
      { says: 'send', body: event('send'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'deferral',
        body: event('deferral', { diag: '451 later' }),
        events: [told({ type: 'deferred', ...about, detail: '451 later' })],
      },
      { says: 'delivered', body: event('delivered'), events: [told({ type: 'delivered', ...about })] },
      bounced('hard_bounce', 10, 'bad_mailbox', 'hard'),
      bounced('hard_bounce', null, 'bad_mailbox', 'hard'),
      bounced('hard_bounce', 51, 'spam_block', 'block'),
      bounced('soft_bounce', 22, 'mailbox_full', 'soft'),
      bounced('soft_bounce', 10, 'general', 'soft'),
      bounced('soft_bounce', null, 'general', 'soft'),
      {
        says: 'reject of one on its list',
        body: event('reject', { reject: { reason: 'hard-bounce' } }),
        events: [told({ type: 'suppressed', ...about, detail: 'hard-bounce' })],
      },
      {
        says: 'reject of a sender',
        body: event('reject', {}, { reject: { reason: 'unsigned' } }),
        events: [told({ type: 'rejected', ...about, detail: 'unsigned' })],
      },
      { says: 'spam', body: event('spam'), events: [told({ type: 'complained', ...about })] },
      { says: 'open', body: event('open'), events: [told({ type: 'opened', ...about })] },
      {
        says: 'click',
        body: event('click', {}, { url: 'https://example.com/a' }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      { says: 'unsub', body: event('unsub'), events: [told({ type: 'unsubscribed', ...about })] },
      {
        says: 'without metadata',
        body: event('send', { metadata: [] }),
        events: [told({ type: 'accepted', ...about, messageId: null })],
      },
      {
        says: 'a change of its list',
        body: [{ type: 'blacklist', action: 'add', reject: { reason: 'custom' } }],
        events: [],
      },
      { says: 'none', body: [], events: [] },
    ],
  },
} satisfies VendorData
