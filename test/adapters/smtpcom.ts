import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import smtpcom from '../../adapters/smtpcom.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

const key = 'fake-smtpcom-key'

/** `POST /v4/messages` and the log, by the sheet: refuses what SMTP.com refuses. */
async function fakeSmtpCom(): Promise<FakeVendor> {
  const vendor = await fakeVendor((asked) => {
    if (asked.headers.authorization !== `Bearer ${key}`) {
      return json(401, { status: 'fail', data: { errors: [{ api_key: 'Invalid API key' }] } })
    }
    if (asked.path !== '/v4/messages') return fail(404, { path: 'Not found' })
    return asked.method === 'GET' ? log(asked, vendor) : take(asked)
  })
  return vendor
}

const known = new Set('channel originator recipients subject body custom_headers'.split(' '))

function take(asked: Asked): Reply {
  const mail = JSON.parse(asked.body.toString())
  const unknown = Object.keys(mail).find((field) => !known.has(field))
  if (unknown) return fail(400, { [unknown]: 'Unknown field' })
  if (mail.channel !== 'main') return fail(400, { channel: 'Channel not found' })
  const from = mail.originator?.from?.address ?? ''
  if (!from.includes('@') || from.endsWith('@unverified.test')) {
    return fail(400, { 'originator.from': 'Sender domain is not verified' })
  }
  const groups = ['to', 'cc', 'bcc'].map((role) => (mail.recipients?.[role] ?? []) as { address: string }[])
  const recipients = groups.flat().map(({ address }) => address)
  const bad = recipients.find((address) => address.startsWith('bad@') || !address.includes('@'))
  if (bad !== undefined) return fail(400, { 'recipients.to': `${bad} is not a valid email address` })
  if (groups[0]!.length === 0) return fail(400, { 'recipients.to': 'Required' })
  if (recipients.length > 1000) return fail(400, { recipients: 'Too many' })
  if (!mail.subject || mail.subject.length > 998) return fail(400, { subject: 'Required, at most 998 characters' })
  if (!Array.isArray(mail.body?.parts) || mail.body.parts.length === 0) return fail(400, { 'body.parts': 'Required' })
  for (const { type, content } of mail.body.parts) {
    if (!/^text\/(plain|html)$/.test(type) || !content) return fail(400, { 'body.parts': 'A part is wrong' })
  }
  for (const { type, content, encoding } of mail.body.attachments ?? []) {
    if (!type || !content || encoding !== 'base64') return fail(400, { 'body.attachments': 'An attachment is wrong' })
  }
  const id = randomUUID()
  const { 'X-SMTPAPI': api, ...custom_headers } = mail.custom_headers
  const fields = { ...mail, custom_headers, unique_args: JSON.parse(api).unique_args }
  return {
    ...json(200, { status: 'success', data: { message: `1 messages queued. msg_id: ${id}`, msg_id: id } }),
    takes: { id, recipients, hidden: groups[2]!.map(({ address }) => address), subject: mail.subject, fields },
  }
}

/** An item for every recipient, the newest first. */
function log({ query }: Asked, vendor: FakeVendor): Reply {
  for (const field of ['channel', 'start', 'limit', 'offset']) {
    if (!query.get(field)) return fail(400, { [field]: 'Required' })
  }
  const all = vendor.found.toReversed().flatMap(({ id, recipients, subject, fields }) =>
    recipients.map((rcpt_to) => ({
      msg_id: id,
      channel: 'main',
      smtp_vars: fields.unique_args,
      msg_data: { rcpt_to, from: 'sender@example.com', subject },
    })),
  )
  const offset = Number(query.get('offset'))
  return json(200, { status: 'success', data: { items: all.slice(offset, offset + Number(query.get('limit'))) } })
}

function fail(status: number, data: object): Reply {
  return json(status, { status: 'fail', data })
}

const refused = (data: object, status = 400) => ({ status, ...says({ status: 'fail', data }) })

const about = {
  at: hookTime,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: 't-1',
}
const event = (event_label: string, more: object = {}) => ({
  id: `cb-${event_label}-1`,
  event_label,
  tracking_id: 't-1',
  sender_id: 7,
  mail_from: 'sender@example.com',
  rcpt_to: 'ann@example.com',
  time_started: hookTime / 1000 - 60,
  time_finished: hookTime / 1000,
  waypost: message.id,
  order: '17',
  ...more,
})

export default {
  adapter: smtpcom,
  vendor: fakeSmtpCom,
  options: (baseUrl) => ({ apiKey: key, channel: 'main', baseUrl }),
  secret: key,
  cases: [
    { says: '200', status: 200, ...says({ status: 'success', data: { msg_id: 'm-1' } }), all: 'accepted m-1' },
    {
      says: '200 with the id in a sentence',
      status: 200,
      ...says({ status: 'success', data: { message: '1 message queued. msg_id: m-1' } }),
      all: 'accepted m-1',
    },
    { says: '200 without an id', status: 200, ...says({ status: 'success', data: {} }), all: 'unknown' },
    { says: '400 for the subject', ...refused({ subject: 'Too long' }), all: 'rejected/message' },
    { says: '400 for the body', ...refused({ errors: { 'body.parts': 'Required' } }), all: 'rejected/message' },
    { says: '400 in a list', ...refused({ errors: ['Something is wrong'] }), all: 'rejected/message' },
    { says: '400 for the channel', ...refused({ channel: 'Not found' }), all: 'rejected/account' },
    {
      says: '400 for a channel over quota',
      about: 'credit',
      ...refused({ errors: { quota: 'The channel is over its quota' } }),
      all: 'rejected/account',
    },
    {
      says: '400 for From',
      about: 'identity',
      ...refused({ 'originator.from': 'Not verified' }),
      all: 'rejected/identity',
    },
    { says: '400 for Reply-To', ...refused({ 'originator.reply_to': 'Not an address' }), all: 'rejected/message' },
    {
      says: '400 for a recipient',
      about: 'recipient',
      ...refused({ errors: { 'recipients.to': 'ann@example.com is not valid' } }),
      ann: 'rejected/recipient',
      bob: 'deferred/message 0',
    },
    {
      says: '400 for a recipient that it does not name',
      ...refused({ 'recipients.cc': 'Not an address' }),
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    {
      says: '401',
      about: 'credential',
      ...refused({ errors: [{ api_key: 'Invalid' }] }, 401),
      all: 'rejected/account',
    },
    { says: '403', ...refused({ errors: [{ api_key: 'Not allowed' }] }, 403), all: 'rejected/account' },
    { says: '404', ...refused({ channel: 'Not found' }, 404), all: 'rejected/account' },
    { says: '429', about: 'throttled', ...refused({ rate: 'Too many requests' }, 429), all: 'deferred/provider' },
    { says: '500', status: 500, ...says({ status: 'error', message: 'Oops' }), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, {
      channel: 'main',
      originator: { from: { name: 'Sender, Inc.', address: 'sender@example.com' } },
      recipients: {
        to: [{ name: 'Ann "A" Ärger', address: 'ann@example.com' }],
        cc: [{ name: 'Bob', address: 'bob@example.com' }],
      },
      subject: letter.subject,
      body: {
        parts: [
          { type: 'text/plain', charset: 'UTF-8', content: letter.text },
          { type: 'text/html', charset: 'UTF-8', content: letter.html },
        ],
        attachments: [
          {
            type: 'application/pdf',
            disposition: 'attachment',
            filename: 'räport.pdf',
            encoding: 'base64',
            content: letter.attachments[0]!.content,
          },
          {
            type: 'image/png',
            disposition: 'inline',
            filename: 'logo.png',
            cid: 'logo',
            encoding: 'base64',
            content: letter.attachments[1]!.content,
          },
        ],
      },
      custom_headers: {
        'X-Order': '17',
        'List-Unsubscribe': '<https://example.com/u>',
        'Reply-To': 'Help <help@example.com>, desk@example.com',
        'Message-ID': message.messageId,
      },
      unique_args: { tag: 'welcome', order: '17', waypost: message.id },
    })
  },
  smtp: {
    options: { user: 'main-user', pass: 'main-pass' },
    server: ['send.smtp.com', 2525],
    user: 'main-user',
    headers: { 'X-SMTPAPI': `{"unique_args":{"tag":"welcome","order":"17","waypost":"${message.id}"}}` },
  },
  hooks: {
    ...addressHooks,
    cases: [
      {
        says: 'two in one call',
        body: [event('delivery', { resp_code: 250, resp_msg: 'OK' }), event('opened')],
        events: [told({ type: 'delivered', ...about, detail: '250 OK' }), told({ type: 'opened', ...about })],
      },
      { says: 'received', body: [event('received')], events: [told({ type: 'accepted', ...about })] },
      {
        says: 'queued',
        body: [event('queued', { resp_code: 451, resp_msg: '451 4.7.1 Later' })],
        events: [told({ type: 'deferred', ...about, detail: '451 4.7.1 Later' })],
      },
      {
        says: 'no such mailbox',
        body: [event('bounce', { resp_code: 550, resp_msg: '5.1.1 No such user' })],
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 5.1.1 No such user' })],
      },
      {
        says: 'refused by policy',
        body: [event('bounce', { resp_code: 550, resp_msg: '5.7.1 Blocked' })],
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '550 5.7.1 Blocked' })],
      },
      {
        says: 'an older bounce, for now',
        body: [{ ...event('x', { resp_code: 452, resp_msg: 'Full' }), event_label: undefined, event_code: 101 }],
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: '452 Full' })],
      },
      {
        says: 'marked as spam',
        body: [event('complaint', { feedback_type: 'spam', time_finished: undefined, time_sent: hookTime / 1000 })],
        events: [told({ type: 'complained', ...about })],
      },
      {
        says: 'asked to be removed',
        body: [event('complaint', { feedback_type: 'remove' })],
        events: [told({ type: 'unsubscribed', ...about })],
      },
      { says: 'clicked', body: [event('clicked')], events: [told({ type: 'clicked', ...about })] },
      { says: 'something new', body: [event('pondered')], events: [] },
    ],
  },
} satisfies VendorData
