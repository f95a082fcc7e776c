import assert from 'node:assert/strict'
import smtp2goSdk, { type ApiClient, type MailService } from 'smtp2go-nodejs'
import smtp2go from '../../adapters/smtp2go.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import { type FakeVendor, fakeVendor, json, type Reply, type Taken } from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, jsonCall, letter, message, says, told, type VendorData } from './fixture.ts'

const apiKey = 'api-0123456789abcdef0123456789abcdef'

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent
type Json = any

/** SMTP2GO's desk: the key in a header or in the body, a search by header, and a list of suppressions. */
function fakeSmtp2go(): Promise<FakeVendor> {
  const sent: Taken[] = []
  let serial = 0
  return fakeVendor(
    (asked) => {
      if (asked.method !== 'POST') return refuse(404, 'API_EXCEPTION', 'Every endpoint is a POST')
      const { api_key: inBody, ...body }: Json = JSON.parse(asked.body.toString())
      if ((asked.headers['x-smtp2go-api-key'] ?? inBody) !== apiKey) {
        return refuse(401, 'NON_VALIDATING_IN_PAYLOAD', 'The API key is not valid')
      }
      if (asked.path === '/v3/email/search') return search(body, sent)
      if (asked.path === '/v3/suppression/view') return list(body)
      if (asked.path !== '/v3/email/send') return refuse(404, 'API_EXCEPTION', 'There is no such endpoint')
      return take(body, `1u0SwL-${++serial}`)
    },
    (taken) => sent.push(taken),
  )
}

const known = new Set(
  'sender to cc bcc subject text_body html_body custom_headers attachments inlines fastaccept'.split(' '),
)

function take(mail: Json, id: string): Reply {
  for (const key of Object.keys(mail)) if (!known.has(key)) return invalid(key, 'is not allowed')
  if (mailboxes(mail.sender).length !== 1) return invalid('sender', 'is not a valid address')
  if (!Array.isArray(mail.to) || mail.to.length === 0) return invalid('to', 'is required')
  for (const list of ['to', 'cc', 'bcc']) {
    if (mail[list]?.length > 100) return invalid(list, 'has more than 100 addresses')
    for (const text of mail[list] ?? []) {
      if (mailboxes(text).length !== 1) return invalid(list, `"${text}" is not a valid address`)
    }
  }
  if (!mail.subject) return invalid('subject', 'is too short')
  if (!mail.text_body && !mail.html_body) return invalid('text_body', 'is required')
  for (const { header, value, ...more } of mail.custom_headers ?? []) {
    if (!header || !value || Object.keys(more).length > 0) return invalid('custom_headers', 'must be header and value')
    if (/^(content-type|content-transfer-encoding|mime-version)$/i.test(header))
      return invalid('custom_headers', header)
  }
  for (const file of [...(mail.attachments ?? []), ...(mail.inlines ?? [])]) {
    if (!file.filename || !file.fileblob || !file.mimetype) return invalid('attachments', 'must be whole')
  }
  const lists = ['to', 'cc', 'bcc'].map((list) => (mail[list] ?? []).flatMap(mailboxes))
  const recipients = lists.flat()
  const bad = recipients.find((email) => email.startsWith('bad@'))
  if (bad) return failed(`An error occurred during the SMTP request: 550 <${bad}> is not a valid recipient`)
  const [from] = mailboxes(mail.sender)
  if (from!.endsWith('@unverified.test')) return failed(notVerified(from!))
  // False is what it is when it is not said.
  const { fastaccept: _, ...fields } = mail
  return {
    ...json(200, { request_id: 'aa253464', data: { succeeded: 1, failed: 0, failures: [], email_id: id } }),
    takes: { id, recipients, hidden: lists[2]!, subject: mail.subject, fields },
  }
}

function search({ start_date, end_date, filter_query, headers }: Json, sent: readonly Taken[]): Reply {
  if (!start_date || !end_date) return invalid('start_date', 'is not a date')
  const [, name, value] = /^headers:'([^:]+): ([^']+)'$/.exec(filter_query)!
  const has = ({ fields }: Taken) =>
    (fields.custom_headers as Json[]).some((one) => one.header === name && one.value === value)
  const emails = sent.filter(has).flatMap(({ id, recipients }) =>
    recipients.map((recipient) => ({
      email_id: id,
      recipient,
      status: 'ok',
      headers: headers.map((key: string) => ({ key, value })),
    })),
  )
  return json(200, { request_id: 'aa253464', data: { count: emails.length, emails } })
}

/** Two pages, and a domain among the addresses. */
function list({ start_date, end_date, continue_token: token }: Json): Reply {
  if (!start_date || !end_date) return invalid('start_date', 'is not a date')
  const entry = (email_address: string, reason: string, timestamp = '2026-11-25 12:00:00') => ({
    email_address,
    reason,
    timestamp,
    block_description: '',
    complaint: '',
  })
  const results =
    token === undefined
      ? [entry('1@example.com', 'bounce'), entry('2@example.com', 'spam'), entry('example.net', 'manual')]
      : [
          entry('3@example.com', 'unsubscribe', '2026-11-25 12:00:00.000000+00:00'),
          entry('4@example.com', 'compliance'),
        ]
  return json(200, { request_id: 'a', data: { results, continue_token: token ? null : 'next', total_results: 5 } })
}

/** A failure within a success. */
function failed(text: string): Reply {
  return json(200, { request_id: 'aa253464', data: { succeeded: 0, failed: 1, failures: [text], email_id: '' } })
}

function invalid(fieldname: string, text: string): Reply {
  const data = {
    error: `${fieldname} ${text}`,
    error_code: 'E_ApiResponseCodes.NON_VALIDATING_IN_PAYLOAD',
    field_validation_errors: { fieldname, message: text },
  }
  return json(400, { request_id: '22e5acba', data })
}

function refuse(status: number, code: string, error: string): Reply {
  return json(status, { request_id: '22e5acba', data: { error, error_code: `E_ApiResponseCodes.${code}` } })
}

const notVerified = (from: string) =>
  `An error occurred during the SMTP request: Verification failed for <${from}>\nUnrouteable address\ndomain verify fail <${from}>`

const error = (status: number, code: string, text = 'No.') => plain(refuse(status, code, text))
const plain = ({ status, headers = {}, body = '' }: Reply) => ({ status, headers, body })

const headers = [
  { header: 'Reply-To', value: 'Help <help@example.com>, desk@example.com' },
  { header: 'X-Order', value: '17' },
  { header: 'List-Unsubscribe', value: '<https://example.com/u>' },
  { header: 'X-Waypost-Id', value: message.id },
  { header: 'X-Waypost-Tags', value: 'welcome' },
]

const event = (name: string, more: object = {}) => ({
  event: name,
  time: '2026-11-25T12:00:00Z',
  sendtime: '2026-11-25T11:59:00Z',
  sender: 'bounces@example.com',
  from: 'sender@example.com',
  rcpt: 'ann@example.com',
  recipients: ['ann@example.com'],
  id: 'a webhook, not an event',
  email_id: '1u0SwL-1',
  'Message-Id': '<1@example.com>',
  'X-Waypost-Id': message.id,
  ...more,
})
const about = { at: hookTime, recipient: 'ann@example.com', messageId: message.id, providerMessageId: '1u0SwL-1' }

export default {
  adapter: smtp2go,
  vendor: fakeSmtp2go,
  options: (baseUrl) => ({ apiKey, baseUrl }),
  secret: apiKey,
  // The document is of 2017: it wants the key in the body, and does not know `fastaccept`.
  openapi({ asked }) {
    const { fastaccept: _, ...body } = JSON.parse(asked.body.toString())
    return { ...body, api_key: asked.headers['x-smtp2go-api-key'] }
  },
  cases: [
    {
      says: '200',
      status: 200,
      ...says({ request_id: 'a', data: { succeeded: 1, failed: 0, failures: [], email_id: 'e-1' } }),
      all: 'accepted e-1',
    },
    { says: '200 accepted fast', status: 200, ...says({ data: { email_id: 'e-1' } }), all: 'accepted e-1' },
    { says: '200 without an id', status: 200, ...says({ data: { succeeded: 1, failed: 0 } }), all: 'unknown' },
    {
      says: '200 with a failure of one recipient',
      about: 'recipient',
      ...plain(failed('550 <bob@example.com> is not a valid recipient')),
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      lone: 'rejected/message',
    },
    {
      says: '200 with a failure of both',
      about: 'recipient',
      ...plain(failed('suppressed: Ann@example.com, bob@example.com')),
      all: 'rejected/recipient 5.7.1',
    },
    {
      says: '200 of which some went',
      status: 200,
      ...says({ data: { succeeded: 1, failed: 1, failures: ['550 bob@example.com'], email_id: 'e-1' } }),
      ann: 'accepted e-1',
      bob: 'rejected/recipient',
      lone: 'rejected/message',
    },
    {
      says: '200 with a sender that is not verified',
      about: 'identity',
      ...plain(failed(notVerified('sender@example.com'))),
      all: 'rejected/identity',
    },
    {
      says: '200 with a failure that names nobody',
      ...plain(failed('An error occurred')),
      all: 'rejected/message',
    },
    { says: '400 NON_VALIDATING_IN_PAYLOAD', ...plain(invalid('subject', 'is too long')), all: 'rejected/message' },
    {
      says: '400 NON_VALIDATING_IN_PAYLOAD of a recipient',
      ...plain(invalid('to', '"ann@example.com" is not valid')),
      ann: 'rejected/recipient',
      bob: 'deferred/message 0',
    },
    { says: '400 API_EXCEPTION', ...error(400, 'API_EXCEPTION'), all: 'rejected/message' },
    {
      says: '400 API_EXCEPTION of the sender',
      ...error(400, 'API_EXCEPTION', 'Unable to verify sender domain'),
      all: 'rejected/identity',
    },
    {
      says: '400 ENDPOINT_PERMISSION_DENIED',
      ...error(400, 'ENDPOINT_PERMISSION_DENIED', 'You do not have permission to access this API endpoint'),
      all: 'rejected/account',
    },
    {
      says: '401, with the keys at the root',
      about: 'credential',
      status: 401,
      ...says({ error: 'Invalid API key', error_code: 'E_ApiResponseCodes.API_EXCEPTION' }),
      all: 'rejected/account',
    },
    { says: '402', about: 'credit', ...error(402, 'API_EXCEPTION', 'Over quota'), all: 'rejected/account' },
    { says: '403', ...error(403, 'API_EXCEPTION'), all: 'rejected/account' },
    { says: '404', ...error(404, 'API_EXCEPTION'), all: 'rejected/account' },
    { says: '429', about: 'throttled', ...error(429, 'API_EXCEPTION'), all: 'deferred/provider 60000' },
    {
      says: '429 REQ_LIMIT_EXCEEDED',
      ...error(429, 'REQ_LIMIT_EXCEEDED'),
      headers: { ...says({}).headers, 'x-ratelimit-reset': '12' },
      all: 'deferred/provider 12000',
    },
    { says: '500', ...error(500, 'API_EXCEPTION'), all: 'deferred/provider' },
    { says: '503', ...error(503, 'API_EXCEPTION'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, {
      sender: '"Sender, Inc." <sender@example.com>',
      to: ['"Ann \\"A\\" Ärger" <ann@example.com>'],
      cc: ['Bob <bob@example.com>'],
      subject: letter.subject,
      text_body: letter.text,
      html_body: letter.html,
      custom_headers: headers,
      attachments: [{ filename: 'räport.pdf', fileblob: letter.attachments[0]!.content, mimetype: 'application/pdf' }],
      inlines: [{ filename: 'logo', fileblob: letter.attachments[1]!.content, mimetype: 'image/png' }],
    })
  },
  async sdk(baseUrl) {
    // What a CommonJS module exports is its default here. It quotes no name.
    const { default: api, InlineAttachment, MailAttachment } = smtp2goSdk as unknown as Sdk
    const mail = api(apiKey)
      .mail()
      .from({ name: '"Sender, Inc."', email: 'sender@example.com' })
      .to({ name: '"Ann \\"A\\" Ärger"', email: 'ann@example.com' })
      .cc({ name: 'Bob', email: 'bob@example.com' })
      .subject(letter.subject)
      .text(letter.text!)
      .html(letter.html!)
      .headers(headers)
      .attach(new MailAttachment('räport.pdf').setFileBlob(letter.attachments[0]!.content))
    const logo = new InlineAttachment('logo', 'logo.png').setFileBlob(letter.attachments[1]!.content)
    // Its own way to an inline file reads it from the disk.
    ;(mail as unknown as { inlines: unknown[] }).inlines.push(logo)
    const client = api(apiKey).client()
    client.apiUrl = `${baseUrl}/v3/`
    return client.consume(mail)
  },
  smtp: {
    options: { username: 'me', password: 'fake-password' },
    server: ['mail.smtp2go.com', 587],
    user: 'me',
    headers: { 'X-Waypost-Id': message.id, 'X-Waypost-Tags': 'welcome' },
  },
  hooks: {
    ...addressHooks,
    // As a form where the case is a text.
    call: (body) => {
      const call = jsonCall(body, {}, '?secret=a-secret-of-our-own')
      return typeof body === 'string'
        ? { ...call, headers: { 'content-type': 'application/x-www-form-urlencoded' } }
        : call
    },
    cases: [
      { says: 'processed', body: event('processed'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'delivered, as a form, with a time that names no zone',
        body: new URLSearchParams({
          event: 'delivered',
          time: '2026-11-25 12:00:00.000000',
          rcpt: 'ann@example.com',
          email_id: '1u0SwL-1',
          'x-waypost-id': message.id,
          message: '250 OK',
        }).toString(),
        events: [told({ type: 'delivered', ...about, detail: '250 OK' })],
      },
      {
        says: 'bounced for good',
        body: event('bounce', { bounce: 'hard', message: '550 5.1.1 No such user', context: 'RCPT TO' }),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 5.1.1 No such user RCPT TO' })],
      },
      {
        says: 'bounced for a policy',
        body: event('bounce', { bounce: 'hard', message: '550 5.7.1 Blocked' }),
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '550 5.7.1 Blocked' })],
      },
      {
        says: 'bounced for now',
        body: event('bounce', { bounce: 'soft', message: '452 4.2.2 Full' }),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: '452 4.2.2 Full' })],
      },
      {
        says: 'rejected, for the sender',
        body: event('reject', { message: 'Sender not verified' }),
        events: [told({ type: 'rejected', ...about, detail: 'Sender not verified' })],
      },
      {
        says: 'rejected, for the recipient is suppressed',
        body: event('reject', { message: 'Recipient is suppressed' }),
        events: [told({ type: 'suppressed', ...about, detail: 'Recipient is suppressed' })],
      },
      { says: 'spam', body: event('spam'), events: [told({ type: 'complained', ...about })] },
      { says: 'open', body: event('open', { 'read-secs': 5 }), events: [told({ type: 'opened', ...about })] },
      {
        says: 'click',
        body: event('click', { url: 'https://example.com/a' }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      { says: 'unsubscribe', body: event('unsubscribe'), events: [told({ type: 'unsubscribed', ...about })] },
      {
        says: 'of a webhook that hands our header not back',
        body: event('delivered', { 'X-Waypost-Id': undefined }),
        events: [told({ type: 'delivered', ...about, messageId: null })],
      },
      { says: 'resubscribe', body: event('resubscribe'), events: [] },
      { says: 'of a text message', body: { event: 'sms_delivered' }, events: [] },
    ],
  },
} satisfies VendorData

interface Sdk {
  default(key: string): { mail(): MailService; client(): ApiClient }
  InlineAttachment: typeof import('smtp2go-nodejs').InlineAttachment
  MailAttachment: typeof import('smtp2go-nodejs').MailAttachment
}
