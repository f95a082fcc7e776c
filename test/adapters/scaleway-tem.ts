import assert from 'node:assert/strict'
import { createClient } from '@scaleway/sdk-client'
import { Temv1alpha1 } from '@scaleway/sdk-tem'
import scalewayTem from '../../adapters/scaleway-tem.ts'
import { type Asked, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { type TopicVendor, topicHooks } from '../support/topics.ts'
import { hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

const secretKey = '11111111-1111-4111-8111-111111111111'
const projectId = '22222222-2222-4222-8222-222222222222'

/** Blocklists by domain: more than a page of them, for one. */
const blocked: Record<string, { email: string; type: string; custom: boolean }[]> = {
  'domain-1': [
    ...Array.from({ length: 100 }, (_, index) => ({
      email: `gone${index}@example.com`,
      type: 'mailbox_not_found',
      custom: false,
    })),
    { email: 'full@example.com', type: 'mailbox_full', custom: false },
    { email: 'left@example.com', type: 'mailbox_full', custom: true },
  ],
  'domain-2': [],
}

function desk(asked: Asked): Reply {
  if (asked.headers['x-auth-token'] !== secretKey) {
    return refuse(401, 'denied_authentication', 'authentication is denied', { method: 'api_key', reason: 'not_found' })
  }
  const name = /^\/transactional-email\/v1alpha1\/regions\/fr-par\/([a-z]+)$/.exec(asked.path)?.[1]
  if (asked.method === 'GET' && name === 'domains')
    return page(
      asked,
      name,
      Object.keys(blocked).map((id) => ({ id })),
    )
  if (asked.method === 'GET' && name === 'blocklists') {
    const entries = blocked[asked.query.get('domain_id') ?? ''] ?? []
    return page(
      asked,
      name,
      entries.map((entry) => ({ ...entry, created_at: '2026-11-25T12:00:00Z' })),
    )
  }
  if (asked.method !== 'POST' || name !== 'emails') return refuse(404, 'not_found', 'resource is not found')
  if (!asked.headers['content-type']?.startsWith('application/json')) return { status: 415 }
  if (asked.body.length > 2_000_000 * 1.4) return { status: 413 }
  const mail = JSON.parse(asked.body.toString())
  const wrong = problemOf(mail)
  if (wrong !== null) return wrong
  const { to, cc = [], bcc = [] } = mail
  const addresses = (people: { email: string }[]) => people.map(({ email }) => email)
  const recipients = addresses([...to, ...cc, ...bcc])
  const ids = Object.fromEntries(recipients.map((email) => [email, crypto.randomUUID()]))
  const emails = recipients.map((email) => ({
    id: ids[email],
    message_id: 'm-1@fr-par.tem.scw.cloud',
    project_id: projectId,
    mail_from: mail.from.email,
    mail_rcpt: email,
    status: 'new',
    status_details: 'not yet processed',
    try_count: 0,
    last_tries: [],
    flags: [],
    created_at: '2026-11-25T12:00:00Z',
    updated_at: '2026-11-25T12:00:00Z',
  }))
  return {
    ...json(200, { emails }),
    takes: { id: '', ids, recipients, hidden: addresses(bcc), subject: mail.subject, fields: mail },
  }
}

const known = new Set(
  'project_id from to cc bcc subject text html attachments additional_headers send_before'.split(' '),
)

function problemOf(mail: ReturnType<typeof JSON.parse>): Reply | null {
  const bad = (argument_name: string, reason = 'constraint') =>
    refuse(400, 'invalid_arguments', 'invalid argument(s)', { argument_name, reason, help_message: '' })
  const stranger = Object.keys(mail).find((name) => !known.has(name))
  if (stranger !== undefined) return bad(stranger, 'unknown')
  if (mail.project_id !== projectId) return refuse(403, 'permissions_denied', 'insufficient permissions')
  const isAddress = (text: unknown) => /^[!-~]+@[a-z0-9.-]+$/i.test(String(text))
  if (!isAddress(mail.from?.email)) return bad('from')
  if (mail.from.email.endsWith('@unverified.test'))
    return refuse(412, 'precondition_failed', 'precondition failed', { precondition: 'domain_not_verified' })
  for (const field of ['to', 'cc', 'bcc']) {
    for (const { email, name } of mail[field] ?? []) {
      if (!isAddress(email) || email.startsWith('bad@') || name === '') return bad(field)
    }
  }
  const { to = [], cc = [], bcc = [] } = mail
  if (to.length === 0) return bad('to', 'required')
  if (to.length + cc.length + bcc.length > 10) return refuse(403, 'quotas_exceeded', 'quota(s) exceeded')
  for (const field of ['subject', 'text', 'html']) {
    if (mail[field] !== undefined && mail[field].length < 10) return bad(field)
  }
  if (!mail.subject || !(mail.text || mail.html)) return bad('subject', 'required')
  for (const { key, value } of mail.additional_headers ?? []) if (!key || !value) return bad('additional_headers')
  if ((mail.attachments ?? []).length > 10) return refuse(403, 'quotas_exceeded', 'quota(s) exceeded')
  for (const file of mail.attachments ?? []) {
    if (!file.name || !file.content || !/^(application\/pdf|image\/png|text\/plain)$/.test(file.type))
      return bad('attachments')
    if (Object.keys(file).length > 3) return bad('attachments', 'unknown')
  }
  return null
}

function page({ query }: Asked, name: string, entries: object[]): Reply {
  const size = Number(query.get('page_size'))
  const from = (Number(query.get('page')) - 1) * size
  if (name === 'domains' && query.get('project_id') !== projectId) return refuse(403, 'permissions_denied', 'no')
  return json(200, { total_count: entries.length, [name]: entries.slice(from, from + size) })
}

function refuse(status: number, type: string, text: string, ...details: object[]): Reply {
  return json(status, { type, message: text, details })
}

const error = (status: number, type: string, ...details: object[]) => ({
  status,
  ...says({ type, message: 'No.', details }),
})

export const topic: TopicVendor = {
  arn: `arn:scw:sns:fr-par:project-${projectId}:mail`,
  certificateUrl: 'https://messaging.s3.fr-par.scw.cloud/fr-par/sns/0123abcd.pem',
  subscribeUrl: 'https://sns.mnq.fr-par.scaleway.com/?Action=ConfirmSubscription&Token=a-token',
}

const event = (type: string, more: object = {}) => ({
  id: 'af5c1aac-cf1b-4d4d-9e46-e6d0cd40b81c',
  type,
  project_id: projectId,
  domain_name: 'example.com',
  created_at: '2026-11-25T11:59:00Z',
  email_id: 'e-1',
  email_from: 'sender@example.com',
  email_to: 'ann@example.com',
  email_headers: [
    { key: 'Subject', value: 'hello' },
    { key: 'X-Waypost', value: message.id },
  ],
  ...more,
})
const said = (email_response_code: number, email_response_message: string) => ({
  email_response_code,
  email_response_message,
})
const about = { at: hookTime - 60_000, recipient: 'ann@example.com', messageId: message.id, providerMessageId: 'e-1' }
const bounced = (type: string, code: number, reply: string, bounce: 'hard' | 'soft' | 'block') => ({
  says: `${type}: ${code} ${reply}`,
  body: event(type, said(code, reply)),
  events: [told({ type: 'bounced', bounce, ...about, detail: `${code} ${reply}` })],
})

export default {
  adapter: scalewayTem,
  vendor: () => fakeVendor(desk),
  options: (baseUrl) => ({ secretKey, projectId, baseUrl }),
  secret: secretKey,
  cases: [
    {
      says: '200 with an id each',
      status: 200,
      ...says({
        emails: [
          { id: 'e-2', mail_rcpt: 'BOB@example.com', status: 'new' },
          { id: 'e-1', rcpt_to: 'ann@example.com', status: 'new' },
        ],
      }),
      ann: 'accepted e-1',
      bob: 'accepted e-2',
    },
    {
      says: '200 with one that is blocklisted',
      status: 200,
      ...says({
        emails: [
          { id: 'e-1', mail_rcpt: 'ann@example.com', status: 'failed', flags: ['blocklisted'] },
          { id: 'e-2', mail_rcpt: 'bob@example.com', status: 'new' },
        ],
      }),
      ann: 'rejected/recipient',
      bob: 'accepted e-2',
    },
    { says: '200 without mails', status: 200, ...says({ emails: [] }), all: 'unknown' },
    { says: '400', ...error(400, 'invalid_arguments', { argument_name: 'subject' }), all: 'rejected/message' },
    {
      says: '400 of an address',
      ...error(400, 'invalid_arguments', { argument_name: 'to', reason: 'constraint' }),
      about: 'recipient',
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '401', ...error(401, 'denied_authentication'), about: 'credential', all: 'rejected/account' },
    { says: '403', ...error(403, 'permissions_denied'), all: 'rejected/account' },
    {
      says: '403 of a quota',
      ...error(403, 'quotas_exceeded', { resource: 'emails', quota: 10_000 }),
      about: 'credit',
      all: 'deferred/account',
    },
    { says: '404', ...error(404, 'not_found'), all: 'rejected/account' },
    { says: '412', ...error(412, 'precondition_failed'), about: 'identity', all: 'rejected/identity' },
    {
      says: '429',
      ...error(429, 'too_many_requests'),
      headers: { 'content-type': 'application/json', 'retry-after': '3' },
      about: 'throttled',
      all: 'deferred/provider 3000',
    },
    { says: '500', ...error(500, 'unknown'), all: 'deferred/provider' },
    { says: '503', ...error(503, 'transient_state'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    const { additionalHeaders, ...rest } = sent()
    assert.deepEqual(fields, { ...rest, project_id: projectId, additional_headers: additionalHeaders })
  },
  async sdk(baseUrl) {
    const client = createClient({
      apiURL: baseUrl,
      accessKey: 'SCW1234567890ABCDEFG',
      secretKey,
      defaultProjectId: projectId,
      defaultRegion: 'fr-par',
    })
    await new Temv1alpha1.API(client).createEmail(sent())
  },
  smtp: {
    options: { secretKey, projectId },
    server: ['smtp.tem.scaleway.com', 587],
    user: projectId,
    headers: { 'X-Waypost': message.id },
  },
  hooks: {
    options: { topicArns: [topic.arn] },
    ...topicHooks(topic),
    cases: [
      { says: 'queued', body: event('email_queued'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'delivered',
        body: event('email_delivered', said(250, '2.0.0 OK')),
        events: [told({ type: 'delivered', ...about, detail: '2.0.0 OK' })],
      },
      {
        says: 'deferred',
        body: event('email_deferred', said(451, '4.7.1 later')),
        events: [told({ type: 'deferred', ...about, detail: '451 4.7.1 later' })],
      },
      bounced('email_mailbox_not_found', 550, 'no such user', 'hard'),
      bounced('email_dropped', 550, '5.1.1 no such user', 'hard'),
      bounced('email_dropped', 550, 'go away', 'block'),
      bounced('email_dropped', 451, 'for too long', 'soft'),
      bounced('email_spam', 550, 'spam', 'block'),
      {
        says: 'blocklisted',
        body: event('email_blocklisted', { email_id: undefined, blocklist_reason: 'no such user' }),
        events: [told({ type: 'suppressed', ...about, providerMessageId: null, detail: 'no such user' })],
      },
      {
        says: 'with two ids',
        body: event('email_queued', {
          email_headers: [
            { key: 'X-Waypost', value: message.id },
            { key: 'x-waypost', value: 'msg_other' },
          ],
        }),
        events: [told({ type: 'accepted', ...about, messageId: null })],
      },
      { says: 'dropped, nobody named', body: event('email_dropped', { email_to: '' }), events: [] },
      { says: 'of a list', body: event('blocklist_created'), events: [] },
      { says: 'of an unknown type', body: event('unknown_type'), events: [] },
    ],
  },
} satisfies VendorData

/** In the SDK's words. */
function sent() {
  const [pdf] = letter.attachments
  return {
    from: { email: 'sender@example.com', name: 'Sender, Inc.' },
    to: [{ email: 'ann@example.com', name: 'Ann "A" Ärger' }],
    cc: [{ email: 'bob@example.com', name: 'Bob' }],
    subject: letter.subject,
    html: letter.html!,
    text: letter.text!,
    additionalHeaders: [
      { key: 'X-Order', value: '17' },
      { key: 'List-Unsubscribe', value: '<https://example.com/u>' },
      { key: 'Reply-To', value: 'Help <help@example.com>, desk@example.com' },
      { key: 'X-Waypost', value: message.id },
    ],
    attachments: [{ name: 'räport.pdf', type: 'application/pdf', content: pdf!.content }],
  }
}
