import assert from 'node:assert/strict'
import { createHash, createHmac, randomUUID } from 'node:crypto'
import ahasend from '../../adapters/ahasend.ts'
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
import { hookTime, jsonCall, letter, message, says, tampered, told, type VendorData } from './fixture.ts'

const key = 'aha-sk-fake-key'
const accountId = '4cdd7bdd-294e-4762-892f-83d40abf5a87'
const at = `/v2/accounts/${accountId}`

const refuse = (status: number, text: string) => json(status, { message: text })

/** Conversations, what was taken by its tags, and the suppressions in two pages. */
function desk(): Promise<FakeVendor> {
  const taken: Taken[] = []
  const answered = new Map<string, { digest: string; reply: Reply }>()
  return fakeVendor(
    (asked) => {
      if (!asked.headers.authorization) return refuse(401, 'Missing or malformed bearer token')
      if (asked.headers.authorization !== `Bearer ${key}`) return refuse(401, 'Invalid API key')
      if (!asked.path.startsWith(`${at}/`)) return refuse(404, 'account not found')
      const what = asked.path.slice(at.length)
      if (what === '/suppressions' && asked.method === 'GET') return suppressions(asked)
      if (what === '/messages' && asked.method === 'GET') return messages(asked, taken)
      if (what !== '/messages/conversation' || asked.method !== 'POST') return refuse(404, 'not found')
      const given = asked.headers['idempotency-key']
      if (given === undefined) return take(asked)
      if (given.length > 255) return refuse(400, 'invalid idempotency key')
      const digest = createHash('sha256').update(asked.body).digest('hex')
      const first = answered.get(given)
      if (first && first.digest !== digest) {
        return refuse(422, 'idempotency key was already used with a different request payload')
      }
      if (first) return first.reply
      const reply = take(asked)
      const { takes: _, ...again } = reply
      const replay = { ...again, headers: { ...again.headers, 'idempotent-replayed': 'true' } }
      return { ...reply, kept: () => void answered.set(given, { digest, reply: replay }) }
    },
    (mail) => taken.push(mail),
  )
}

const known = new Set(
  'from to cc bcc reply_to subject text_content html_content headers tags attachments sandbox tracking retention schedule'.split(
    ' ',
  ),
)

function take(asked: Asked): Reply {
  const mail = JSON.parse(asked.body.toString())
  for (const field of Object.keys(mail)) if (!known.has(field)) return refuse(400, `unknown field ${field}`)
  if (!mail.subject) return refuse(400, 'subject is required')
  if (!mail.text_content && !mail.html_content) return refuse(400, 'text_content or html_content is required')
  if (mailboxes(mail.from?.email).length !== 1) return refuse(400, 'invalid from.email')
  if (mail.from.email.endsWith('@unverified.test'))
    return refuse(400, 'from domain is not found or its DNS is not valid')
  const names = Object.keys(mail.headers ?? {}).map((name) => name.toLowerCase())
  if (mail.reply_to && names.includes('reply-to')) return refuse(400, 'reply-to header is not allowed with reply_to')
  if (mail.cc && names.includes('cc')) return refuse(400, 'cc header is not allowed with cc')
  if (mail.tags?.length > 10 || mail.tags?.some((tag: string) => tag.length > 64)) return refuse(400, 'invalid tags')
  for (const field of ['to', 'cc', 'bcc']) if (mail[field]?.length === 0) return refuse(400, `${field} is empty`)
  const people: { email: string }[] = [...mail.to, ...(mail.cc ?? []), ...(mail.bcc ?? [])]
  if (people.length > 50) return refuse(400, 'too many recipients')
  for (const file of mail.attachments ?? []) {
    if (!file.base64 || !file.data || !file.content_type || !file.file_name) return refuse(400, 'invalid attachment')
    if (file.content_id && !/^<.+>$/.test(file.content_id)) return refuse(400, 'invalid content_id')
  }
  const id = `${randomUUID()}@example.com`
  const data = people.map((recipient) => {
    const bad = mailboxes(recipient.email).length !== 1 || recipient.email.startsWith('bad@')
    return bad
      ? { object: 'message', id: null, recipient, status: 'error', error: 'invalid recipient email address' }
      : { object: 'message', id: `<${id}>`, recipient, status: 'queued', error: null }
  })
  const recipients = data.filter(({ status }) => status === 'queued').map(({ recipient }) => recipient.email)
  const hidden = ((mail.bcc ?? []) as { email: string }[]).map(({ email }) => email)
  return {
    ...json(202, { object: 'list', data }),
    ...(recipients.length > 0 ? { takes: { id, recipients, hidden, subject: mail.subject, fields: mail } } : {}),
  }
}

function messages(asked: Asked, taken: readonly Taken[]): Reply {
  const wanted = asked.query.get('tags') ?? ''
  const data = taken
    .filter(({ fields }) => (fields.tags as string[]).includes(wanted))
    .flatMap(({ id, recipients, fields }) =>
      recipients.map((recipient) => ({ object: 'message', message_id: `<${id}>`, recipient, tags: fields.tags })),
    )
  return json(200, { object: 'list', data, pagination: { has_more: false } })
}

function suppressions(asked: Asked): Reply {
  const entry = (local: string, reason: string | null) => ({
    object: 'suppression',
    id: randomUUID(),
    created_at: '2026-11-01T10:00:00Z',
    email: `${local}@example.com`,
    reason,
    expires_at: '2026-12-01T10:00:00Z',
  })
  const page = (data: object[], next?: string) => {
    return json(200, { object: 'list', data, pagination: { has_more: next !== undefined, next_cursor: next } })
  }
  if (asked.query.get('after') === null) {
    return page([entry('a', 'Hard bounce'), entry('b', 'Spam complaint')], 'eyJpZCI6MTIzNH0=')
  }
  return page([entry('c', 'Unsubscribed'), entry('d', null)])
}

const results = (ann: object, bob: object = { id: '<b1@example.com>', status: 'queued', error: null }) =>
  says({
    object: 'list',
    data: [
      { object: 'message', recipient: { email: 'ann@example.com', name: 'Ann' }, ...ann },
      { object: 'message', recipient: { email: 'bob@example.com' }, ...bob },
    ],
  })
const failed = (status: string, error: string | null) => ({ id: null, status, error })

const secret = 'aha-whsec-fake-secret'

function call(body: unknown, { at = hookTime, with_ = secret } = {}): HookCall {
  const unsigned = jsonCall(body)
  const time = String(Math.floor(at / 1000))
  const signed = `wh_1.${time}.${Buffer.from(unsigned.body)}`
  return {
    ...unsigned,
    headers: {
      ...unsigned.headers,
      'webhook-id': 'wh_1',
      'webhook-timestamp': time,
      'webhook-signature': `v1,${createHmac('sha256', with_).update(signed).digest('base64')}`,
    },
  }
}

const event = (type: string, more: object = {}) => ({
  type,
  webhook_id: 'abe11757-2886-4b55-96f1-0e0afc95795a',
  timestamp: '2026-11-25T11:59:00.687031577Z',
  data: {
    account_id: accountId,
    event: `on_${type.split('.')[1]}`,
    from: 'sender@example.com',
    recipient: 'ann@example.com',
    subject: 'hello',
    message_id_header: '<a1@example.com>',
    id: '407926766d2711f09b30960002cafe7c',
    ...more,
  },
})
const about = { at: hookTime - 59_313, recipient: 'ann@example.com', providerMessageId: 'a1@example.com' }
const bounced = (attempt: object | undefined, bounce: 'hard' | 'soft' | 'block', detail: string | null) => ({
  says: `bounced, ${JSON.stringify(attempt)}`,
  body: event('message.bounced', attempt ? { delivery_attempt: attempt } : {}),
  events: [told({ type: 'bounced', bounce, ...about, detail })],
})

export default {
  adapter: ahasend,
  vendor: desk,
  options: (baseUrl) => ({ apiKey: key, accountId, baseUrl }),
  secret: key,
  silent: { credit: 'its documents know no answer about credit; a suspended account is a 401' },
  cases: [
    {
      says: '202 for each',
      status: 202,
      ...results({ id: '<a1@example.com>', status: 'queued', error: null }),
      ann: 'accepted a1@example.com',
      bob: 'accepted b1@example.com',
    },
    {
      says: '202 scheduled',
      status: 202,
      ...results({ id: '<a1@example.com>', status: 'scheduled' }),
      ann: 'accepted a1@example.com',
      bob: 'accepted b1@example.com',
    },
    {
      says: '202 with one suppressed',
      about: 'recipient',
      status: 202,
      ...results(failed('error', 'recipient is suppressed')),
      ann: 'rejected/recipient 5.7.1',
      bob: 'accepted b1@example.com',
    },
    {
      says: '200 with one that failed, as a guide has it',
      status: 200,
      ...results(failed('failed', 'invalid email address')),
      ann: 'rejected/recipient',
      bob: 'accepted b1@example.com',
    },
    {
      says: '202 with an error that is about no recipient',
      status: 202,
      ...results(failed('error', 'processing failed'), failed('error', null)),
      all: 'rejected/message',
    },
    { says: '202 without ids', status: 202, ...results({ status: 'queued' }, { status: 'x' }), all: 'unknown' },
    { says: '202 with no list', status: 202, ...says({ object: 'list' }), all: 'unknown' },
    { says: '400', status: 400, ...says({ message: 'invalid request body' }), all: 'rejected/message' },
    {
      says: '400 for the From domain',
      about: 'identity',
      status: 400,
      ...says({ message: 'from domain is not found or its DNS is not valid' }),
      all: 'rejected/identity',
    },
    {
      says: '400 for a recipient',
      status: 400,
      ...says({ message: 'invalid recipient email: bob@example.com' }),
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      lone: 'rejected/recipient',
    },
    {
      says: '401 bad key',
      about: 'credential',
      status: 401,
      ...says({ message: 'Invalid API key' }),
      all: 'rejected/account',
    },
    { says: '401 suspended', status: 401, ...says({ message: 'Account is suspended' }), all: 'rejected/account' },
    {
      says: '403 without the scope',
      status: 403,
      ...says({ message: 'Insufficient permissions for the required scope' }),
      all: 'rejected/account',
    },
    {
      says: '403 for another domain',
      status: 403,
      ...says({ message: 'sender domain not found in api key scopes' }),
      all: 'rejected/identity',
    },
    { says: '404', status: 404, ...says({ message: 'account not found' }), all: 'rejected/account' },
    {
      says: '409 the same call is on its way',
      status: 409,
      ...says({ message: 'A request with this idempotency key is already in progress' }),
      headers: { 'idempotent-replayed': 'false', 'retry-after': '7' },
      all: 'deferred/provider 7000',
    },
    {
      says: '422 the key was another call’s',
      status: 422,
      ...says({ message: 'idempotency key was already used with a different request payload' }),
      all: 'rejected/message',
    },
    {
      says: '429',
      about: 'throttled',
      status: 429,
      ...says({ message: 'Too many requests, rate limited.' }),
      all: 'deferred/provider',
    },
    { says: '500', status: 500, ...says({ message: 'Internal server error' }), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, {
      from: { email: 'sender@example.com', name: 'Sender, Inc.' },
      to: [{ email: 'ann@example.com', name: 'Ann "A" Ärger' }],
      cc: [{ email: 'bob@example.com', name: 'Bob' }],
      subject: letter.subject,
      html_content: letter.html,
      text_content: letter.text,
      headers: {
        'X-Order': '17',
        'List-Unsubscribe': '<https://example.com/u>',
        'Reply-To': 'Help <help@example.com>, desk@example.com',
      },
      tags: [message.id, 'welcome'],
      attachments: [
        {
          base64: true,
          data: letter.attachments[0]!.content,
          content_type: 'application/pdf',
          file_name: 'räport.pdf',
          content_disposition: 'attachment',
        },
        {
          base64: true,
          data: letter.attachments[1]!.content,
          content_type: 'image/png',
          file_name: 'logo.png',
          content_disposition: 'inline',
          content_id: '<logo>',
        },
      ],
    })
  },
  smtp: {
    options: { username: 'fake-user', password: 'fake-password', sandbox: true },
    server: ['send.ahasend.com', 587],
    user: 'fake-user',
    headers: { 'AhaSend-Tags': `${message.id},welcome`, 'AhaSend-Sandbox': 'true' },
  },
  hooks: {
    options: { webhookSecret: secret },
    call: (body, at) => call(body, { at }),
    forgeries: (genuine) => [
      ...tampered(genuine),
      { how: 'another secret', forged: call(event('message.delivered'), { with_: 'aha-whsec-another' }) },
      { how: 'the secret without its prefix', forged: call(event('message.delivered'), { with_: 'fake-secret' }) },
    ],
    cases: [
      { says: 'reception', body: event('message.reception'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'transient_error',
        body: event('message.transient_error', { delivery_attempt: { smtp_code: 451, response: '451 later' } }),
        events: [told({ type: 'deferred', ...about, detail: '451 later' })],
      },
      { says: 'delivered', body: event('message.delivered'), events: [told({ type: 'delivered', ...about })] },
      {
        says: 'delivered, under a Message-ID of ours',
        body: event('message.delivered', { message_id_header: message.messageId }),
        events: [
          told({
            type: 'delivered',
            ...about,
            messageId: message.id,
            providerMessageId: message.messageId.replace(/[<>]/g, ''),
          }),
        ],
      },
      bounced({ classification: 'InvalidRecipient', response: '550 no' }, 'hard', 'InvalidRecipient 550 no'),
      bounced({ classification: 'BadDomain' }, 'hard', 'BadDomain'),
      bounced({ classification: 'QuotaIssues' }, 'soft', 'QuotaIssues'),
      bounced({ classification: 'PolicyRelated', enhanced_status_code: '5.1.1' }, 'block', 'PolicyRelated'),
      bounced({ classification: 'Uncategorized', enhanced_status_code: '5.1.1' }, 'hard', 'Uncategorized'),
      bounced({ enhanced_status_code: '5.7.1' }, 'block', null),
      bounced(undefined, 'soft', null),
      {
        says: 'failed',
        body: event('message.failed', { delivery_attempt: { classification: 'MessageExpired' } }),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: 'MessageExpired' })],
      },
      { says: 'suppressed', body: event('message.suppressed'), events: [told({ type: 'suppressed', ...about })] },
      {
        says: 'opened',
        body: event('message.opened', { is_bot: true }),
        events: [told({ type: 'opened', ...about, detail: 'by a bot' })],
      },
      {
        says: 'clicked',
        body: event('message.clicked', { url: 'https://example.com/a', is_bot: false }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      { says: 'of a domain', body: { type: 'domain.dns_error', data: { domain: 'example.com' } }, events: [] },
    ],
  },
} satisfies VendorData
