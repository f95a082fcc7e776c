import assert from 'node:assert/strict'
import ongage from '../../adapters/ongage.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { addressHooks, letter, message, says, told, type VendorData } from './fixture.ts'

const password = 'fake-ongage-password'

/** `POST /{list}/api/transactional/send_embed_content`, by the sheet. */
function fakeOngage(): Promise<FakeVendor> {
  return fakeVendor((asked) => {
    const { x_username, x_password, x_account_code } = asked.headers
    if (x_username !== 'us' || x_password !== password || x_account_code !== 'abc1') return refuse(401, 'Unauthorized')
    if (asked.path !== '/9997/api/transactional/send_embed_content') return refuse(404, 'List not found')
    return asked.method === 'POST' ? take(asked) : refuse(405, 'Method not allowed')
  })
}

const known = new Set('message recipients check_status check_suppression campaign_id sending_connection_id'.split(' '))
const ofMessage = new Set('subject content_html content_text addresses'.split(' '))

function take(asked: Asked): Reply {
  const mail = JSON.parse(asked.body.toString())
  const unknown = [
    ...Object.keys(mail).filter((field) => !known.has(field)),
    ...Object.keys(mail.message ?? {}).filter((field) => !ofMessage.has(field)),
  ]
  if (unknown.length > 0) return refuse(412, `Unknown: ${unknown}`)
  const { subject, content_html, addresses } = mail.message
  if (!subject || !content_html) return refuse(412, 'Subject and content are required')
  if (!addresses?.from_address?.includes('@') || !addresses.reply_address?.includes('@'))
    return refuse(412, 'Addresses')
  if (!Array.isArray(mail.recipients) || mail.recipients.length === 0) return refuse(412, 'Recipients are required')
  // It names no id: ours stands for it.
  return {
    ...json(200, { metadata: { error: false }, payload: { success: true } }),
    takes: { id: message.id, recipients: mail.recipients, hidden: [], subject, fields: mail },
  }
}

function refuse(status: number, words: string): Reply {
  return json(status, { metadata: { error: true }, payload: { message: words, code: status } })
}

const event = (status: string, more: object = {}) => ({
  email: 'ann@example.com',
  list_id: 9997,
  status,
  esp_name: 'Amazon SES',
  ...more,
})
const about = { recipient: 'ann@example.com', detail: 'Amazon SES' }

const refused = (status: number, words = 'No.') => ({
  status,
  ...says({ metadata: { error: true }, payload: { message: words, code: status } }),
})

export default {
  adapter: ongage,
  vendor: fakeOngage,
  options: (baseUrl) => ({ username: 'us', password, accountCode: 'abc1', listId: 9997, campaignId: 213, baseUrl }),
  secret: password,
  people: ['ann@example.com'],
  silent: {
    recipient: 'contacts that it may not mail are skipped without a word',
    identity: 'its documents name no answer for a From that its connection may not use',
    credit: 'it is paid by contract, and its documents name no answer for it',
  },
  cases: [
    {
      says: '200',
      status: 200,
      ...says({ metadata: { error: false }, payload: {} }),
      all: `accepted ${message.id}`,
    },
    { says: '200 with an error', ...refused(200), all: 'rejected/message' },
    { says: '200 that says neither', status: 200, ...says({ payload: {} }), all: 'unknown' },
    { says: '400', ...refused(400), all: 'rejected/message' },
    { says: '412', ...refused(412), all: 'rejected/message' },
    {
      says: '422 with a list of errors',
      status: 422,
      ...says({ metadata: { error: true }, payload: { errors: [{ subject: 'Required' }] } }),
      all: 'rejected/message',
    },
    { says: '401', about: 'credential', ...refused(401, 'Unauthorized'), all: 'rejected/account' },
    { says: '403', ...refused(403, 'Permission error'), all: 'rejected/account' },
    { says: '404', ...refused(404, 'Not found'), all: 'rejected/account' },
    {
      says: '429',
      about: 'throttled',
      ...refused(429, 'Too many calls'),
      all: 'deferred/provider',
    },
    { says: '500', ...refused(500), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com'])
    assert.deepEqual(fields, {
      message: {
        subject: letter.subject,
        content_html: letter.html,
        content_text: letter.text,
        addresses: {
          from_name: 'Sender, Inc.',
          from_address: 'sender@example.com',
          reply_address: 'help@example.com',
        },
      },
      recipients: ['ann@example.com'],
      check_status: true,
      check_suppression: true,
      campaign_id: 213,
    })
  },
  hooks: {
    ...addressHooks,
    cases: [
      {
        says: 'all that came together',
        body: [event('soft'), event('hard'), event('unsubscribe'), event('complaint'), event('something new')],
        events: [
          told({ type: 'bounced', bounce: 'soft', ...about }),
          told({ type: 'bounced', bounce: 'hard', ...about }),
          told({ type: 'unsubscribed', ...about }),
          told({ type: 'complained', ...about }),
        ],
      },
      { says: 'of another list', body: [event('hard', { list_id: 1 })], events: [] },
      { says: 'of nobody', body: [event('hard', { email: '' })], events: [] },
    ],
  },
} satisfies VendorData
