import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import sparkpost from '../../adapters/sparkpost.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import {
  type Asked,
  type FakeVendor,
  fakeVendor,
  json,
  type Reply,
  type Taken,
} from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

// It has no types.
const require = createRequire(import.meta.url)
const SparkPost = require('sparkpost')

const key = 'fake-sparkpost-key'

const errors = (code: string, message: string, description?: string) => ({
  errors: [{ message, ...(description === undefined ? {} : { description }), code }],
})

/** Transmissions, the events of what was taken, and the suppression list in two pages. */
function desk(): Promise<FakeVendor> {
  let serial = 0
  const taken: Taken[] = []
  return fakeVendor(
    (asked) => {
      if (asked.headers.authorization !== key) return json(401, errors('1100', 'Unauthorized.'))
      if (asked.path === '/api/v1/events/message' && asked.method === 'GET') return events(asked, taken)
      if (asked.path === '/api/v1/suppression-list' && asked.method === 'GET') return suppressions(asked)
      if (asked.path !== '/api/v1/transmissions') return json(404, errors('1101', 'invalid URI'))
      if (asked.method !== 'POST') return json(405, errors('1102', 'invalid HTTP method'))
      if (!asked.headers['content-type']?.startsWith('application/json')) {
        return json(415, errors('1700', 'Unsupported Content-Type header'))
      }
      return take(asked, `1166878748495${++serial}`)
    },
    (mail) => taken.push(mail),
  )
}

const known = {
  body: new Set('options recipients metadata content campaign_id description substitution_data return_path'.split(' ')),
  content: new Set('from subject reply_to html text headers attachments inline_images'.split(' ')),
  address: new Set('email name header_to'.split(' ')),
}

function take(asked: Asked, id: string): Reply {
  const mail = JSON.parse(asked.body.toString())
  const { content } = mail
  const invalid = (description: string) => json(422, errors('1300', 'invalid data format/type', description))
  const missing = (description: string) => json(422, errors('1400', 'required field is missing', description))
  for (const field of Object.keys(mail)) if (!known.body.has(field)) return invalid(`unknown field ${field}`)
  if (!Array.isArray(mail.recipients) || mail.recipients.length === 0) return missing('recipients or list_id required')
  if (!content) return missing('content is required')
  for (const field of Object.keys(content)) if (!known.content.has(field)) return invalid(`unknown field ${field}`)
  if (!content.subject) return missing('content.subject is required')
  if (!content.html && !content.text) return missing('At least one of text or html needs to exist in content')
  if (content.inline_images && !content.html) return missing('content.inline_images requires content.html')
  for (const name of Object.keys(content.headers ?? {})) {
    if (/^(from|to|subject|reply-to|content-type)$/i.test(name)) return invalid(`${name} is not allowed in headers`)
  }
  for (const file of [...(content.attachments ?? []), ...(content.inline_images ?? [])]) {
    if (!file.name || !file.type || /[^A-Za-z0-9+/=]/.test(file.data)) return invalid('attachments')
  }
  if (JSON.stringify(mail.metadata ?? {}).length > 1000) return invalid('metadata is too large')
  const from = mailboxes(content.from?.email ?? content.from)
  if (from.length !== 1) return invalid('content.from')
  if (from[0]!.endsWith('@unverified.test')) {
    return json(400, errors('7001', 'Invalid domain', 'Unconfigured Sending Domain <unverified.test>'))
  }
  return deliver(asked, mail, id)
}

type Address = { email: string; name?: string; header_to?: string }

function deliver(asked: Asked, mail: Record<string, unknown> & { content: Record<string, never> }, id: string): Reply {
  const addresses = (mail.recipients as { address: Address; tags?: string[] }[]).map(({ address }) => address)
  for (const address of addresses) {
    for (const field of Object.keys(address)) {
      if (!known.address.has(field)) return json(422, errors('1300', 'invalid data format/type', `address.${field}`))
    }
  }
  const bad = addresses.filter(({ email }) => mailboxes(email).length !== 1 || email.startsWith('bad@'))
  const good = addresses.filter((address) => !bad.includes(address)).map(({ email }) => email)
  if (good.length === 0) return json(400, errors('5002', 'At least one valid recipient is required'))
  // Whoever has no header_to reads only their own name in To.
  const visible = addresses.flatMap(({ email, header_to }) => mailboxes(header_to ?? email))
  const headers = (mail.content.headers ?? {}) as Record<string, string>
  const seen = new Set([...visible, ...mailboxes(headers.CC)])
  const rejects = bad.map(({ email }) => ({
    message: 'invalid data format/type',
    description: `invalid recipient address: ${email}`,
    code: '1300',
  }))
  const told = Number(asked.query.get('num_rcpt_errors') ?? 0)
  const results = {
    ...(told > 0 && bad.length > 0 ? { rcpt_to_errors: rejects.slice(0, told) } : {}),
    total_rejected_recipients: bad.length,
    total_accepted_recipients: good.length,
    id,
  }
  return {
    ...json(200, {
      ...(bad.length > 0 ? errors('2000', 'transmission created, but with validation errors') : {}),
      results,
    }),
    takes: {
      id,
      recipients: good,
      hidden: good.filter((email) => !seen.has(email)),
      subject: String(mail.content.subject),
      fields: mail,
    },
  }
}

function events(asked: Asked, taken: readonly Taken[]): Reply {
  assert.match(asked.query.get('from') ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const people = (asked.query.get('recipients') ?? '').split(',')
  const results = taken.flatMap(({ id, recipients, fields }) =>
    recipients
      .filter((email) => people.includes(email))
      .map((rcpt_to) => ({ type: 'injection', rcpt_to, rcpt_meta: fields.metadata, transmission_id: id })),
  )
  return json(200, { results, total_count: results.length, links: {} })
}

function suppressions(asked: Asked): Reply {
  const entry = (recipient: string, source: string) => ({
    recipient,
    type: 'transactional',
    source,
    created: '2026-11-01T10:00:00+00:00',
    updated: '2026-11-02T10:00:00+00:00',
  })
  const link = (cursor: string) => [{ href: `/api/v1/suppression-list?cursor=${cursor}&per_page=1000`, rel: 'next' }]
  if (asked.query.get('cursor') === 'initial') {
    const results = [entry('a@example.com', 'Bounce Rule'), entry('b@example.com', 'Spam Complaint')]
    return json(200, { results, links: link('second'), total_count: 4 })
  }
  if (asked.query.get('cursor') === 'second') {
    const results = [entry('c@example.com', 'Unsubscribe Link'), entry('d@example.com', 'Manually Added')]
    return json(200, { results, links: link('third'), total_count: 4 })
  }
  return json(200, { results: [], links: [], total_count: 4 })
}

const transmission = {
  options: { transactional: true, perform_substitutions: false },
  recipients: [
    { address: { email: 'ann@example.com', name: 'Ann "A" Ärger' }, tags: ['welcome'] },
    {
      address: { email: 'bob@example.com', header_to: '"Ann \\"A\\" Ärger" <ann@example.com>' },
      tags: ['welcome'],
    },
  ],
  metadata: { waypost: message.id, order: '17' },
  content: {
    from: { email: 'sender@example.com', name: 'Sender, Inc.' },
    subject: letter.subject,
    reply_to: 'Help <help@example.com>, desk@example.com',
    html: letter.html!,
    text: letter.text!,
    headers: {
      'X-Order': '17',
      'List-Unsubscribe': '<https://example.com/u>',
      'Message-ID': message.messageId,
      CC: 'Bob <bob@example.com>',
    },
    attachments: [{ name: 'räport.pdf', type: 'application/pdf', data: letter.attachments[0]!.content }],
    inline_images: [{ name: 'logo', type: 'image/png', data: letter.attachments[1]!.content }],
  },
}

const accepted = (results: object) => says({ results: { id: '116', ...results } })
const invalidAddress = (email: string) => ({
  message: 'invalid data format/type',
  description: `invalid recipient address: ${email}`,
  code: '1300',
})

const event = (type: string, more: object = {}, group = 'message_event') => [
  {
    msys: {
      [group]: {
        type,
        event_id: '92356927693813856',
        timestamp: '1795607940',
        transmission_id: '116',
        message_id: '000443ee14578172be22',
        rcpt_to: 'ann@example.com',
        raw_rcpt_to: 'Ann@example.com',
        rcpt_meta: { waypost: message.id },
        ...more,
      },
    },
  },
]
const about = {
  at: hookTime - 60_000,
  recipient: 'Ann@example.com',
  messageId: message.id,
  providerMessageId: '116',
}
const bounced = (bounce_class: string, bounce: 'hard' | 'soft' | 'block') => ({
  says: `bounced, class ${bounce_class}`,
  body: event('bounce', { bounce_class, raw_reason: '550 no' }),
  events: [told({ type: 'bounced', bounce, ...about, detail: '550 no' })],
})

export default {
  adapter: sparkpost,
  vendor: desk,
  options: (baseUrl) => ({ apiKey: key, baseUrl }),
  secret: key,
  cases: [
    { says: '200', status: 200, ...accepted({ total_rejected_recipients: 0 }), all: 'accepted 116' },
    { says: '200 without an id', status: 200, ...says({ results: {} }), all: 'unknown' },
    {
      says: '200 with a recipient refused by name',
      status: 200,
      ...accepted({
        total_rejected_recipients: 1,
        total_accepted_recipients: 1,
        rcpt_to_errors: [invalidAddress('bob@example.com')],
      }),
      ann: 'accepted 116',
      bob: 'rejected/recipient',
      lone: 'unknown',
    },
    {
      says: '200 with a recipient refused, and nobody says which',
      status: 200,
      ...accepted({ total_rejected_recipients: 1, total_accepted_recipients: 1 }),
      all: 'unknown',
    },
    {
      says: '200 with everyone refused',
      status: 200,
      ...accepted({
        total_rejected_recipients: 2,
        total_accepted_recipients: 0,
        rcpt_to_errors: [invalidAddress('ann@example.com'), invalidAddress('bob@example.com')],
      }),
      all: 'rejected/recipient',
    },
    {
      says: '400 no valid recipient',
      about: 'recipient',
      status: 400,
      ...says(errors('5002', 'At least one valid recipient is required')),
      all: 'deferred/message 0',
      lone: 'rejected/recipient 5.7.1',
    },
    {
      says: '400 suppressed',
      status: 400,
      ...says(errors('1902', 'Message generation rejected', 'recipient address suppressed due to customer policy')),
      all: 'deferred/message 0',
      lone: 'rejected/recipient 5.7.1',
    },
    {
      says: '422 invalid recipient address',
      status: 422,
      ...says({ errors: [invalidAddress('bob@example.com')] }),
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      lone: 'rejected/recipient',
    },
    {
      says: '422 too large',
      status: 422,
      ...says(
        errors('1300', 'invalid data format/type', 'The estimated message size is above the 20 MB message size limit'),
      ),
      all: 'rejected/message',
    },
    {
      says: '422 a field is missing',
      status: 422,
      ...says(errors('1400', 'required field is missing', 'content.subject is required')),
      all: 'rejected/message',
    },
    { says: '422 invalid header', status: 422, ...says(errors('3002', 'Invalid header')), all: 'rejected/message' },
    { says: '400 failed to generate', status: 400, ...says(errors('1901', 'No.')), all: 'rejected/message' },
    { says: '400 resources unavailable', status: 400, ...says(errors('1502', 'No.')), all: 'deferred/provider' },
    {
      says: '400 unconfigured domain',
      about: 'identity',
      status: 400,
      ...says(errors('7001', 'Invalid domain', 'Unconfigured Sending Domain <example.com>')),
      all: 'rejected/identity',
    },
    {
      says: '400 blocked domain, without a code',
      status: 400,
      ...says({ errors: [{ message: 'Blocked Sending Domain <example.com>' }] }),
      all: 'rejected/identity',
    },
    { says: '400 restricted domain', status: 400, ...says(errors('7000', 'Restricted')), all: 'rejected/identity' },
    {
      says: '401',
      about: 'credential',
      status: 401,
      ...says({ errors: [{ message: 'Unauthorized.' }] }),
      all: 'rejected/account',
    },
    { says: '401 of another tenant', status: 401, ...says(errors('1303', 'No.')), all: 'rejected/account' },
    { says: '402', about: 'credit', status: 402, ...says({ errors: [{ message: 'No.' }] }), all: 'rejected/account' },
    { says: '403', status: 403, ...says(errors('1100', 'permission denied')), all: 'rejected/account' },
    { says: '404', status: 404, ...says(errors('1600', 'resource not found')), all: 'rejected/account' },
    { says: '405', status: 405, ...says(errors('1102', 'invalid HTTP method')), all: 'rejected/account' },
    { says: '409', status: 409, ...says(errors('1602', 'resource conflict')), all: 'rejected/message' },
    { says: '413', status: 413, ...says({ errors: [{ message: 'Too large' }] }), all: 'rejected/message' },
    { says: '415', status: 415, ...says(errors('1700', 'No.')), all: 'rejected/account' },
    {
      says: '420 over the hour’s limit',
      status: 420,
      ...says(errors('2101', 'Exceed Sending Limit (hourly)')),
      all: 'deferred/account',
    },
    { says: '420 over the month’s limit', status: 420, ...says(errors('2105', 'No.')), all: 'deferred/account' },
    { says: '420 with a page', status: 420, body: '<h1>No</h1>', all: 'deferred/account' },
    {
      says: '429',
      about: 'throttled',
      status: 429,
      ...says({ errors: [{ message: 'Too many requests' }] }),
      all: 'deferred/provider',
    },
    { says: '500', status: 500, ...says(errors('1500', 'Failed to update database')), all: 'deferred/provider' },
    { says: '503', status: 503, ...says(errors('1900', 'not available')), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, transmission)
  },
  sdk: (baseUrl) => new SparkPost(key, { origin: baseUrl }).transmissions.send(structuredClone(transmission)),
  smtp: {
    options: { apiKey: key, subaccount: 7 },
    server: ['smtp.sparkpostmail.com', 587],
    user: 'SMTP_Injection:X-MSYS-SUBACCOUNT=7',
    headers: {
      'X-MSYS-API': `{"metadata":{"waypost":"${message.id}","order":"17"},"tags":["welcome"],"options":{"transactional":true}}`,
    },
  },
  hooks: {
    ...addressHooks,
    cases: [
      { says: 'injection', body: event('injection'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'delay',
        body: event('delay', { bounce_class: '21', raw_reason: '451 later' }),
        events: [told({ type: 'deferred', ...about, detail: '451 later' })],
      },
      { says: 'delivery', body: event('delivery'), events: [told({ type: 'delivered', ...about })] },
      bounced('10', 'hard'),
      bounced('30', 'hard'),
      bounced('1', 'soft'),
      bounced('22', 'soft'),
      bounced('100', 'soft'),
      bounced('25', 'block'),
      bounced('51', 'block'),
      {
        says: 'a bounce that came later',
        body: event('out_of_band', { bounce_class: '10', reason: '550 no' }),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 no' })],
      },
      { says: 'an auto-reply', body: event('out_of_band', { bounce_class: '60' }), events: [] },
      {
        says: 'a mail that asks for no more',
        body: event('out_of_band', { bounce_class: '90' }),
        events: [told({ type: 'unsubscribed', ...about })],
      },
      { says: 'spam_complaint', body: event('spam_complaint'), events: [told({ type: 'complained', ...about })] },
      {
        says: 'policy_rejection',
        body: event('policy_rejection', { bounce_class: '25', raw_reason: '554 in black list' }),
        events: [told({ type: 'rejected', ...about, detail: '554 in black list' })],
      },
      {
        says: 'policy_rejection of one who is suppressed',
        body: event('policy_rejection', {
          bounce_class: '25',
          raw_reason: 'recipient address suppressed due to customer policy',
        }),
        events: [told({ type: 'suppressed', ...about, detail: 'recipient address suppressed due to customer policy' })],
      },
      {
        says: 'generation_failure',
        body: event('generation_failure', {}, 'gen_event'),
        events: [told({ type: 'rejected', ...about })],
      },
      { says: 'open', body: event('open', {}, 'track_event'), events: [told({ type: 'opened', ...about })] },
      {
        says: 'click',
        body: event('click', { target_link_url: 'https://example.com/a' }, 'track_event'),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      {
        says: 'list_unsubscribe',
        body: event('list_unsubscribe', {}, 'unsubscribe_event'),
        events: [told({ type: 'unsubscribed', ...about })],
      },
      { says: 'a test', body: [{ msys: {} }], events: [] },
      { says: 'of an SMS', body: event('sms_status'), events: [] },
    ],
  },
} satisfies VendorData
