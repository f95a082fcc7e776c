import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import flowmailer from '../../adapters/flowmailer.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

const secret = 'fake-flowmailer-secret'
const token = 'fake-flowmailer-token'

/** Tokens, `POST /{account}/messages/submit` and the list of messages, by the sheet: refuses what Flowmailer refuses. */
async function fakeFlowmailer(): Promise<FakeVendor> {
  const desk = (asked: Asked): Reply => {
    if (asked.path === '/oauth/token') return giveToken(asked)
    if (asked.headers.authorization !== `Bearer ${token}`) return json(401, { error: 'invalid_token' })
    if (asked.path === '/77/messages' && asked.method === 'GET') return list(asked, vendor)
    if (asked.path !== '/77/messages/submit' || asked.method !== 'POST') return refuse(404, 'account', 'Not found')
    return take(asked)
  }
  const vendor = await fakeVendor(desk, undefined, (path) => path === '/oauth/token')
  return vendor
}

function giveToken({ headers, body }: Asked): Reply {
  const given = new URLSearchParams(body.toString())
  if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return json(400, { error: 'invalid' })
  if (given.get('scope') !== 'api') return json(400, { error: 'invalid_scope' })
  if (given.get('client_id') !== 'us' || given.get('client_secret') !== secret) {
    return json(401, { error: 'invalid_client', error_description: 'Bad client credentials' })
  }
  return json(200, { access_token: token, token_type: 'bearer', expires_in: 59, scope: 'api' })
}

const known = new Set(
  'messageType senderAddress recipientAddress headerFromAddress headerFromName headerToAddress headerToName subject text html headers attachments tags data flowSelector'.split(
    ' ',
  ),
)

function take(asked: Asked): Reply {
  if (!/json/.test(asked.headers['content-type'] ?? '')) return refuse(400, 'body', 'Not JSON')
  const mail = JSON.parse(asked.body.toString())
  for (const field of Object.keys(mail)) if (!known.has(field)) return refuse(400, field, 'Unknown')
  if (mail.messageType !== 'EMAIL') return refuse(400, 'messageType', 'Required')
  for (const field of ['senderAddress', 'recipientAddress', 'headerFromAddress', 'headerToAddress']) {
    if (!/^[^\s@<>,]+@[^\s@<>,]+$/.test(mail[field] ?? '')) return refuse(400, field, 'Not an address')
  }
  if (mail.senderAddress.endsWith('@unverified.test')) return refuse(400, 'senderAddress', 'Not a sender domain')
  if (mail.recipientAddress.startsWith('bad@')) return refuse(400, 'recipientAddress', 'Not an address')
  if (!mail.subject || (!mail.text && !mail.html)) return refuse(400, 'subject', 'Nothing to send')
  for (const { name, value } of mail.headers)
    if (!name || typeof value !== 'string') return refuse(400, 'headers', 'No')
  for (const { content, contentType, disposition, contentId } of mail.attachments ?? []) {
    if (!content || !contentType) return refuse(400, 'attachments', 'Incomplete')
    if (!/^(attachment|inline|related)$/.test(disposition)) return refuse(400, 'attachments', 'Disposition')
    if (disposition === 'related' && !contentId) return refuse(400, 'attachments', 'No contentId')
  }
  const id = `20261125${randomUUID().replaceAll('-', '')}`
  return {
    status: 201,
    headers: { location: `https://api.flowmailer.net/77/messages/${id}` },
    takes: { id, recipients: [mail.recipientAddress], hidden: [], subject: mail.subject, fields: mail },
  }
}

/** Two at a time, the newest first, and `Next-Range` as long as there are more. */
function list({ headers, query }: Asked, vendor: FakeVendor): Reply {
  const from = Number(/^items=(\d*):\d+$/.exec(headers.range ?? '')?.[1] ?? Number.NaN)
  if (Number.isNaN(from)) return refuse(400, 'Range', 'Required')
  const tagged = query.get('addtags') === 'true'
  const all = vendor.found.toReversed().map(({ id, fields }) => ({
    id,
    recipientAddress: fields.recipientAddress,
    submitted: new Date().toISOString(),
    ...(tagged ? { tags: fields.tags } : {}),
  }))
  const more = from + 2 < all.length
  return json(206, all.slice(from, from + 2), more ? { 'next-range': `items=${from + 2}:100` } : {})
}

function refuse(status: number, field: string, defaultMessage: string): Reply {
  return json(status, { allErrors: [{ code: 'Invalid', objectName: 'restSubmitMessage', field, defaultMessage }] })
}

const refused = (field: string, status = 400) => ({
  status,
  ...says({ allErrors: [{ code: 'Invalid', objectName: 'restSubmitMessage', field, defaultMessage: 'No.' }] }),
})

const about = { at: hookTime, messageId: message.id, providerMessageId: 'm-1' }
let number = 0
const event = (type: string, more: object = {}) => ({
  messageEvent: {
    id: `e-${++number}`,
    messageId: 'm-1',
    type,
    received: '2026-11-25T12:00:00.000Z',
    inserted: '2026-11-25T12:00:01.000Z',
    ...more,
  },
  messageTags: [`waypost:${message.id}`, 'welcome'],
})

export default {
  adapter: flowmailer,
  vendor: fakeFlowmailer,
  options: (baseUrl) => ({ accountId: '77', clientId: 'us', clientSecret: secret, authBaseUrl: baseUrl, baseUrl }),
  secret,
  people: ['ann@example.com'],
  silent: { credit: 'it is paid by contract, and its documents name no answer for it' },
  cases: [
    { says: '201', status: 201, headers: { location: 'https://x.test/77/messages/m-1' }, all: 'accepted m-1' },
    { says: '201 without a Location', status: 201, all: 'unknown' },
    { says: '400 for the subject', ...refused('subject'), all: 'rejected/message' },
    { says: '400 for nothing in particular', status: 400, ...says({ allErrors: [] }), all: 'rejected/message' },
    { says: '400 for the recipient', about: 'recipient', ...refused('recipientAddress'), all: 'rejected/recipient' },
    { says: '400 for From', about: 'identity', ...refused('senderAddress'), all: 'rejected/identity' },
    {
      says: '401',
      about: 'credential',
      status: 401,
      ...says({ error: 'invalid_token', error_description: 'Access token expired' }),
      all: 'rejected/account',
    },
    { says: '403', ...refused('account', 403), all: 'rejected/account' },
    { says: '404', ...refused('account', 404), all: 'rejected/account' },
    { says: '429', about: 'throttled', status: 429, all: 'deferred/provider' },
    { says: '500', ...refused('', 500), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com'])
    assert.deepEqual(fields, {
      messageType: 'EMAIL',
      senderAddress: 'sender@example.com',
      recipientAddress: 'ann@example.com',
      headerFromAddress: 'sender@example.com',
      headerFromName: 'Sender, Inc.',
      headerToAddress: 'ann@example.com',
      headerToName: 'Ann "A" Ärger',
      subject: letter.subject,
      text: letter.text,
      html: letter.html,
      headers: [
        { name: 'X-Order', value: '17' },
        { name: 'List-Unsubscribe', value: '<https://example.com/u>' },
        { name: 'Reply-To', value: 'Help <help@example.com>, desk@example.com' },
        { name: 'Message-ID', value: message.messageId },
      ],
      attachments: [
        {
          filename: 'räport.pdf',
          contentType: 'application/pdf',
          content: letter.attachments[0]!.content,
          disposition: 'attachment',
        },
        {
          filename: 'logo.png',
          contentType: 'image/png',
          content: letter.attachments[1]!.content,
          disposition: 'related',
          contentId: 'logo',
        },
      ],
      tags: [`waypost:${message.id}`, 'welcome'],
      data: { order: '17', waypost: message.id },
    })
  },
  smtp: {
    options: { user: 'source', pass: 'source-pass' },
    server: ['smtp.flowmailer.net', 587],
    user: 'source',
  },
  hooks: {
    ...addressHooks,
    cases: [
      {
        says: 'submitted: the message alone',
        body: {
          message: {
            submitted: '2026-11-25T12:00:00.000Z',
            id: 'm-1',
            recipientAddress: 'ann@example.com',
            tags: [`waypost:${message.id}`],
          },
        },
        events: [told({ type: 'accepted', ...about, recipient: 'ann@example.com' })],
      },
      {
        says: 'two in a list',
        body: [event('ATTEMPT', { snippet: '451 4.7.1 later' }), event('DELIVERED', { snippet: '250 2.0.0 Ok\r\n' })],
        events: [
          told({ type: 'deferred', ...about, detail: '451 4.7.1 later' }),
          told({ type: 'delivered', ...about, detail: '250 2.0.0 Ok' }),
        ],
      },
      { says: 'held', body: [event('HELD')], events: [told({ type: 'deferred', ...about })] },
      {
        says: 'bounced for good',
        body: [event('HARDBOUNCE', { subType: 'BAD_MAILBOX', snippet: '550 5.1.1 no such user' })],
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: 'BAD_MAILBOX 550 5.1.1 no such user' })],
      },
      {
        says: 'refused for its content',
        body: [event('HARDBOUNCE', { snippet: '554 5.7.1 spam' })],
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '554 5.7.1 spam' })],
      },
      {
        says: 'bounced for now',
        body: [event('SOFTBOUNCE', { snippet: '452 4.2.2 full' })],
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: '452 4.2.2 full' })],
      },
      { says: 'on the filter list', body: [event('REJECT')], events: [told({ type: 'suppressed', ...about })] },
      { says: 'discarded', body: [event('DISCARD')], events: [told({ type: 'rejected', ...about })] },
      { says: 'complained', body: [event('COMPLAINT')], events: [told({ type: 'complained', ...about })] },
      { says: 'unsubscribed', body: [event('UNSUBSCRIBE')], events: [told({ type: 'unsubscribed', ...about })] },
      { says: 'opened', body: [event('OPENED')], events: [told({ type: 'opened', ...about })] },
      {
        says: 'clicked',
        body: [event('CLICKED', { linkTarget: 'https://example.com/a' })],
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      {
        says: 'without the tags',
        body: [{ ...event('OPENED'), messageTags: [] }],
        events: [told({ type: 'opened', ...about, messageId: null })],
      },
      { says: 'processed', body: [event('PROCESSED')], events: [] },
    ],
  },
} satisfies VendorData
