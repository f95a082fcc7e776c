import assert from 'node:assert/strict'
import { Configuration, EmailsApi } from '@elasticemail/elasticemail-client-ts-axios'
import elasticemail from '../../adapters/elasticemail.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import { type Asked, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import {
  addressHooks,
  hookSecret,
  hookTime,
  jsonCall,
  letter,
  message,
  says,
  told,
  type VendorData,
} from './fixture.ts'

const key = 'fake-elastic-key'
const error = (status: number, text: string) => ({ status, ...says({ Error: text }) })

/** On its lists. */
export const elasticLists: Record<string, { Email: string; ErrorCode: number | null; DateUpdated: string | null }[]> = {
  bounces: Array.from({ length: 201 }, (_, n) => ({
    Email: `gone-${n}@example.com`,
    ErrorCode: 550,
    DateUpdated: '2026-01-23T04:56:07.000',
  })),
  complaints: [{ Email: 'cross@example.com', ErrorCode: null, DateUpdated: null }],
  unsubscribes: [{ Email: 'leaver@example.com', ErrorCode: null, DateUpdated: '2026-01-23T04:56:07+00:00' }],
}

const known = {
  Recipients: ['To', 'CC', 'BCC'],
  Content:
    'From EnvelopeFrom ReplyTo Subject Body Headers Postback Attachments Merge AttachFiles TemplateName Utm'.split(' '),
  Options: 'TimeOffset PoolName ChannelName Encoding TrackOpens TrackClicks'.split(' '),
} as Record<string, string[]>

/** Elastic Email's `POST /v4/emails/transactional` and its suppressions. */
function desk() {
  let serial = 0
  return fakeVendor((asked) => {
    if (asked.headers['x-elasticemail-apikey'] !== key) return json(401, { Error: 'Access denied.' })
    const list = elasticLists[asked.path.replace('/v4/suppressions/', '')]
    if (list && asked.method === 'GET') {
      const [limit, offset] = [Number(asked.query.get('limit') ?? 100), Number(asked.query.get('offset') ?? 0)]
      return json(200, list.slice(offset, offset + limit))
    }
    if (asked.path !== '/v4/emails/transactional') return json(404, { Error: 'Not found.' })
    if (asked.method !== 'POST') return json(405, { Error: 'Method not allowed.' })
    if (!asked.headers['content-type']?.startsWith('application/json')) return json(415, { Error: 'JSON only.' })
    return take(asked, `m-${++serial}`)
  })
}

function take(asked: Asked, id: string): Reply {
  const refuse = (text: string) => json(400, { Error: text })
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent
  const mail: any = JSON.parse(asked.body.toString())
  for (const [part, fields] of Object.entries(mail)) {
    for (const field of Object.keys(fields as object)) {
      if (!known[part]?.includes(field)) return refuse(`Unknown field ${part}.${field}.`)
    }
  }
  const { Recipients: to = {}, Content: content = {} } = mail
  const from = mailboxes(content.From)
  if (from.length !== 1) return refuse('The From address is invalid.')
  if (from[0]!.endsWith('@unverified.test')) return refuse('The domain unverified.test is not verified.')
  const recipients: string[] = []
  for (const given of [to.To, to.CC, to.BCC].flatMap((list) => list ?? [])) {
    const found = mailboxes(given)
    if (found.length !== 1 || found[0]!.startsWith('bad@')) return refuse(`Invalid recipient: ${found[0] ?? given}`)
    recipients.push(found[0]!)
  }
  if (!to.To?.length) return refuse('Recipients are required.')
  if (!content.Subject) return refuse('A subject is required.')
  for (const body of content.Body ?? []) {
    if (!['HTML', 'PlainText', 'AMP', 'CSS'].includes(body.ContentType) || !body.Content) return refuse('Invalid Body.')
  }
  if (!content.Body?.length) return refuse('A body is required.')
  for (const value of Object.values(content.Headers ?? {}))
    if (typeof value !== 'string') return refuse('Invalid Headers.')
  for (const file of content.Attachments ?? []) {
    if (!file.BinaryContent || !file.Name) return refuse('Invalid attachment.')
    if (Object.keys(file).some((field) => !['BinaryContent', 'Name', 'ContentType', 'Size'].includes(field))) {
      return refuse('Unknown field of an attachment.')
    }
  }
  const hidden = (to.BCC ?? []).flatMap(mailboxes)
  return {
    ...json(200, { TransactionID: `t-${id}`, MessageID: id }),
    takes: { id, recipients, hidden, subject: content.Subject, fields: mail },
  }
}

const notification = (status: string, more: object = {}) => ({
  status,
  from: 'sender@example.com',
  to: 'ann@example.com',
  subject: 'hello',
  date: '11/25/2026 11:59:00 AM',
  messageid: 'm-1',
  transaction: 't-1',
  channel: 'welcome',
  account: 'us@example.com',
  category: 'Unknown',
  postback: message.id,
  ...more,
})
const inAddress = (fields: object) => new URLSearchParams(fields as Record<string, string>).toString()
const about = { at: hookTime - 60_000, recipient: 'ann@example.com', messageId: message.id, providerMessageId: 'm-1' }
const failed = (category: string, means: Parameters<typeof told>[0]) => ({
  says: `error: ${category}`,
  body: inAddress(notification('Error', { category })),
  events: [told({ ...about, detail: category, ...means })],
})

const mail = {
  Recipients: { To: ['"Ann \\"A\\" Ärger" <ann@example.com>'], CC: ['Bob <bob@example.com>'] },
  Content: {
    From: '"Sender, Inc." <sender@example.com>',
    ReplyTo: 'Help <help@example.com>',
    Subject: letter.subject,
    Body: [
      { ContentType: 'HTML' as const, Content: letter.html!, Charset: 'utf-8' },
      { ContentType: 'PlainText' as const, Content: letter.text!, Charset: 'utf-8' },
    ],
    Headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>' },
    Postback: message.id,
    Attachments: [
      { BinaryContent: letter.attachments[0]!.content, Name: 'räport.pdf', ContentType: 'application/pdf' },
    ],
  },
  Options: { ChannelName: 'welcome' },
}

export default {
  adapter: elasticemail,
  vendor: desk,
  options: (baseUrl) => ({ apiKey: key, baseUrl }),
  secret: key,
  cases: [
    { says: '200', status: 200, ...says({ TransactionID: 't-1', MessageID: 'm-1' }), all: 'accepted m-1' },
    { says: '200 without a message id', status: 200, ...says({ TransactionID: 't-1' }), all: 'accepted t-1' },
    { says: '200 without any', status: 200, ...says({}), all: 'unknown' },
    { says: '202 and nothing', status: 202, all: 'unknown' },
    { says: '400', ...error(400, 'Invalid Body.'), all: 'rejected/message' },
    {
      says: '400 for a domain',
      ...error(400, 'The domain example.com is not verified.'),
      about: 'identity',
      all: 'rejected/identity',
    },
    { says: '400 for a size', ...error(400, 'Message size limit exceeded.'), all: 'rejected/message' },
    { says: '400 for From', ...error(400, 'From address is not valid.'), all: 'rejected/identity' },
    { says: '400 without credits', ...error(400, 'Not enough credits.'), about: 'credit', all: 'rejected/account' },
    { says: '400 at a limit', ...error(400, 'Daily limit exceeded.'), all: 'rejected/account' },
    {
      says: '400 for a recipient that it names',
      ...error(400, 'Not an address: bob@example.com.'),
      about: 'recipient',
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      lone: 'rejected/message',
    },
    {
      says: '400 for a recipient that it does not name',
      ...error(400, 'Invalid recipients.'),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '401', ...error(401, 'Access denied.'), about: 'credential', all: 'rejected/account' },
    { says: '403', ...error(403, 'Access denied.'), all: 'rejected/account' },
    { says: '404', ...error(404, 'Not found.'), all: 'rejected/account' },
    { says: '409', ...error(409, 'Conflict.'), all: 'rejected/message' },
    { says: '429', ...error(429, 'Too many connections.'), about: 'throttled', all: 'deferred/provider' },
    { says: '500', ...error(500, 'Something went wrong.'), all: 'deferred/provider' },
    { says: '503', ...error(503, 'Unavailable.'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, mail)
  },
  sdk: (baseUrl) =>
    new EmailsApi(new Configuration({ apiKey: key, basePath: `${baseUrl}/v4` })).emailsTransactionalPost(mail),
  smtp: {
    options: { user: 'us@example.com', pass: 'fake-smtp-key' },
    server: ['smtp.elasticemail.com', 2525],
    user: 'us@example.com',
    headers: { 'X-ElasticEmail-Postback': message.id },
  },
  hooks: {
    ...addressHooks,
    call: (body) => {
      const query = `?secret=${hookSecret}`
      const call = jsonCall(body, {}, typeof body === 'string' ? `${query}&${body}` : query)
      if (typeof body === 'string') return { ...call, method: 'GET', headers: {}, body: new Uint8Array() }
      const { form } = body as { form?: string }
      return form === undefined
        ? call
        : jsonCall(form, { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }, query)
    },
    cases: [
      { says: 'sent, as JSON', body: notification('Sent'), events: [told({ type: 'delivered', ...about })] },
      {
        says: 'sent, in the address',
        body: inAddress(notification('Sent', { date: '2026-11-25T11:59:00' })),
        events: [told({ type: 'delivered', ...about })],
      },
      {
        says: 'sent, as a form with names of another case',
        body: { form: inAddress({ Status: 'Sent', To: 'ann@example.com', MessageID: 'm-1', PostBack: message.id }) },
        events: [told({ type: 'delivered', ...about, at: null })],
      },
      { says: 'opened', body: inAddress(notification('Opened')), events: [told({ type: 'opened', ...about })] },
      {
        says: 'clicked',
        body: inAddress(notification('Clicked', { target: 'https://example.com/a?b=1&c=2' })),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a?b=1&c=2' })],
      },
      {
        says: 'complained',
        body: inAddress(notification('AbuseReport', { category: 'Spam' })),
        events: [told({ type: 'complained', ...about, detail: 'Spam' })],
      },
      {
        says: 'unsubscribed',
        body: inAddress(notification('Unsubscribed')),
        events: [told({ type: 'unsubscribed', ...about })],
      },
      failed('NoMailbox', { type: 'bounced', bounce: 'hard' }),
      ...[
        'GreyListed',
        'Throttled',
        'Timeout',
        'ConnectionProblem',
        'DNSProblem',
        'AccountProblem',
        'NotDelivered',
        'New',
      ].map((category) => failed(category, { type: 'bounced', bounce: 'soft' })),
      ...['BlackListed', 'Spam', 'ContentFilter', 'SPFProblem', 'WhitelistingProblem'].map((category) =>
        failed(category, { type: 'bounced', bounce: 'block' }),
      ),
      ...['ManualCancel', 'NotDeliveredCancelled', 'Ignore'].map((category) => failed(category, { type: 'rejected' })),
      { says: 'nothing known', body: inAddress(notification('Submission')), events: [] },
    ],
  },
} satisfies VendorData
