import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { EmailClient } from '@azure/communication-email'
import azureAcs from '../../adapters/azure-acs.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

const accessKey = Buffer.from('a key of the resource in Azure').toString('base64')

/** Azure's desk: it tells of its operations, and takes each once. */
function fakeAzure(): Promise<FakeVendor> {
  const ids = new Set<string>()
  const operations = new Map<string, Reply>()
  const desk = (asked: Asked): Reply => {
    const problem = signatureProblem(asked)
    if (problem !== null) return refuse(401, 'Denied', problem)
    if (asked.query.get('api-version') !== '2025-09-01') return refuse(400, 'UnsupportedApiVersion', 'No such version')
    if (asked.method === 'GET') {
      return (
        operations.get(asked.path.replace(/^\/emails\/operations\//, '')) ?? refuse(404, 'NotFound', 'No operation')
      )
    }
    if (asked.path !== '/emails:send' || asked.method !== 'POST') return refuse(404, 'NotFound', 'No such resource')
    if (!asked.headers['content-type']?.startsWith('application/json')) return { status: 415 }
    const mail = JSON.parse(asked.body.toString())
    const id = asked.headers['operation-id'] ?? crypto.randomUUID()
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return refuse(400, 'InvalidOperationId', 'No UUID')
    if (ids.has(id)) return refuse(409, 'Conflict', 'The operation is there already')
    const wrong = problemOf(mail)
    if (wrong !== null) return wrong
    const { to = [], cc = [], bcc = [] } = mail.recipients
    const addresses = (people: { address: string }[]) => people.map(({ address }) => address)
    return {
      ...json(
        202,
        { id, status: 'Running', error: null },
        {
          'operation-location': `http://${asked.headers.host}/emails/operations/${id}?api-version=2025-09-01`,
          'retry-after': '0',
        },
      ),
      kept: () => void ids.add(id),
      takes: {
        id,
        recipients: addresses([...to, ...cc, ...bcc]),
        hidden: addresses(bcc),
        subject: mail.content.subject,
        fields: mail,
      },
    }
  }
  return fakeVendor(desk, ({ id }) => operations.set(id, json(200, { id, status: 'Succeeded', error: null })))
}

function problemOf(mail: ReturnType<typeof JSON.parse>): Reply | null {
  const known: [object, string][] = [
    [mail, 'senderAddress recipients replyTo content headers attachments userEngagementTrackingDisabled'],
    [mail.recipients ?? {}, 'to cc bcc'],
    [mail.content ?? {}, 'subject html plainText'],
  ]
  for (const [fields, names] of known) {
    const stranger = Object.keys(fields).find((name) => !names.split(' ').includes(name))
    if (stranger !== undefined) return refuse(400, 'InvalidArgument', `Unknown field ${stranger}`)
  }
  const isAddress = (text: unknown) => /^[!-~]+@[a-z0-9.-]+$/i.test(String(text))
  if (!isAddress(mail.senderAddress)) return refuse(400, 'InvalidArgument', 'Invalid sender')
  if (mail.senderAddress.endsWith('@unverified.test'))
    return refuse(404, 'DomainNotLinked', 'The specified sender domain has not been linked.')
  const { to = [], cc = [], bcc = [] } = mail.recipients ?? {}
  const everyone = [...to, ...cc, ...bcc]
  if (everyone.length < 1 || everyone.length > 50) return refuse(400, 'InvalidArgument', 'Number of recipients')
  for (const { address, displayName } of [...everyone, ...(mail.replyTo ?? [])]) {
    if (displayName === '') return refuse(400, 'InvalidArgument', 'Empty display name')
    if (!isAddress(address) || address.startsWith('bad@'))
      return refuse(400, 'BadRequest', 'Invalid format for email address')
  }
  if (!mail.content?.subject) return refuse(400, 'InvalidArgument', 'Subject is required')
  if (!mail.content.html && !mail.content.plainText) return refuse(400, 'InvalidArgument', 'Body is required')
  for (const file of mail.attachments ?? []) {
    if (!file.name || !file.contentType || !file.contentInBase64) return refuse(400, 'InvalidArgument', 'Attachment')
  }
  return null
}

/** By the tutorial, with another library's cryptography. */
function signatureProblem({ method, path, query, headers, body }: Asked): string | null {
  const hash = createHash('sha256').update(body).digest('base64')
  if (headers['x-ms-content-sha256'] !== hash) return 'The content hash does not match'
  const toSign = `${method}\n${path}?${query}\n${headers['x-ms-date']};${headers.host};${hash}`
  const signature = createHmac('sha256', Buffer.from(accessKey, 'base64')).update(toSign).digest('base64')
  const expected = `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`
  return headers.authorization === expected ? null : 'The signature does not match'
}

function refuse(status: number, code: string, text: string): Reply {
  return json(status, { error: { code, message: text } }, { 'x-ms-error-code': code })
}

const error = (status: number, code: string, text = 'No.', more: object = {}) => ({
  status,
  ...says({ error: { code, message: text, ...more } }),
})

const event = (status: string, statusMessage?: string) => ({
  id: 'e-1',
  topic: '/subscriptions/s',
  subject: 'sender/sender@example.com/message/op-1',
  eventType: 'Microsoft.Communication.EmailDeliveryReportReceived',
  eventTime: '2026-11-25T11:59:30.000Z',
  dataVersion: '1.0',
  data: {
    sender: 'sender@example.com',
    recipient: 'ann@example.com',
    messageId: 'op-1',
    internetMessageId: '<m@example.com>',
    status,
    ...(statusMessage === undefined ? {} : { deliveryStatusDetails: { statusMessage } }),
    deliveryAttemptTimestamp: '2026-11-25T11:59:00.0000000+00:00',
  },
})
const engagement = (engagementType: string, engagementContext: string) => ({
  ...event(''),
  eventType: 'Microsoft.Communication.EmailEngagementTrackingReportReceived',
  data: {
    sender: 'sender@example.com',
    recipient: 'ann@example.com',
    messageId: 'op-1',
    userActionTimeStamp: '2026-11-25T11:59:00.0000000+00:00',
    engagementType,
    engagementContext,
  },
})
const about = { at: hookTime - 60_000, recipient: 'ann@example.com', providerMessageId: 'op-1' }
const bounced = (kind: 'hard' | 'soft' | 'block', detail: string) => [
  told({ type: 'bounced', bounce: kind, ...about, detail }),
]

export default {
  adapter: azureAcs,
  vendor: fakeAzure,
  options: (baseUrl) => ({ endpoint: 'https://mail.communication.azure.com', accessKey, baseUrl }),
  secret: accessKey,
  cases: [
    { says: '202', status: 202, ...says({ id: 'op-1', status: 'Running', error: null }), all: 'accepted op-1' },
    { says: '202 without an id', status: 202, ...says({ status: 'Running' }), all: 'unknown' },
    { says: '400 of a field', ...error(400, 'InvalidArgument'), all: 'rejected/message' },
    {
      says: '400 of an address',
      ...error(400, 'BadRequest', 'Invalid format for email address'),
      about: 'recipient',
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    {
      says: '400 of an address that it names',
      ...error(400, 'BadRequest', 'Not valid: bob@example.com', { target: 'recipients.cc[0]' }),
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      lone: 'rejected/recipient',
    },
    {
      says: '400 of people who are all suppressed',
      ...error(400, 'EmailDroppedAllRecipientsSuppressed'),
      all: 'rejected/recipient',
    },
    {
      says: '404 of a domain that is not linked',
      ...error(404, 'DomainNotLinked'),
      about: 'identity',
      all: 'rejected/identity',
    },
    { says: '400 of a sender', ...error(400, 'InvalidSenderUserName'), all: 'rejected/identity' },
    { says: '401', ...error(401, 'Denied'), about: 'credential', all: 'rejected/account' },
    { says: '403', ...error(403, 'Forbidden'), all: 'rejected/account' },
    { says: '404', ...error(404, 'NotFound'), all: 'rejected/account' },
    { says: '409 of an operation that is there', ...error(409, 'Conflict'), all: 'unknown' },
    { says: '413', ...error(413, 'RequestTooLarge'), all: 'rejected/message' },
    {
      says: '429',
      ...error(429, 'TooManyRequests'),
      headers: { 'content-type': 'application/json', 'retry-after': '30' },
      about: 'throttled',
      all: 'deferred/provider 30000',
    },
    { says: '500', ...error(500, 'InternalServerError'), all: 'deferred/provider' },
    { says: '503', ...error(503, 'ServiceUnavailable'), all: 'deferred/provider' },
  ],
  silent: { credit: 'Azure bills afterwards; a subscription that is disabled has no documented answer of its own' },
  faithful({ fields, recipients, asked }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, sent())
    assert.match(asked.headers['operation-id']!, /^[0-9a-f-]{14}8/)
  },
  async sdk(baseUrl) {
    const connection = `endpoint=${baseUrl};accesskey=${accessKey}`
    await new EmailClient(connection, { allowInsecureConnection: true }).beginSend(sent())
  },
  smtp: {
    options: { username: 'gateway@example.com', clientSecret: 'a secret of Entra' },
    server: ['smtp.azurecomm.net', 587],
    user: 'gateway@example.com',
  },
  hooks: {
    ...addressHooks,
    cases: [
      { says: 'delivered', body: [event('Delivered')], events: [told({ type: 'delivered', ...about })] },
      {
        says: 'delivered, as a CloudEvent',
        body: {
          ...event('Delivered'),
          eventType: undefined,
          type: 'Microsoft.Communication.EmailDeliveryReportReceived',
          specversion: '1.0',
        },
        events: [told({ type: 'delivered', ...about })],
      },
      { says: 'bounced', body: [event('Bounced')], events: bounced('hard', 'Bounced') },
      {
        says: 'bounced for what it holds',
        body: [event('Bounced', '550 5.7.1 blocked')],
        events: bounced('block', 'Bounced 550 5.7.1 blocked'),
      },
      {
        says: 'bounced, nobody named',
        body: [{ ...event('Bounced'), data: { ...event('Bounced').data, recipient: '' } }],
        events: [],
      },
      { says: 'failed', body: [event('Failed')], events: bounced('soft', 'Failed') },
      {
        says: 'failed for good',
        body: [event('Failed', '550 5.1.1 unknown')],
        events: bounced('hard', 'Failed 550 5.1.1 unknown'),
      },
      {
        says: 'suppressed',
        body: [event('Suppressed')],
        events: [told({ type: 'suppressed', ...about, detail: 'Suppressed' })],
      },
      {
        says: 'spam',
        body: [event('FilteredSpam')],
        events: [told({ type: 'rejected', ...about, detail: 'FilteredSpam' })],
      },
      {
        says: 'in quarantine',
        body: [event('Quarantined')],
        events: [told({ type: 'rejected', ...about, detail: 'Quarantined' })],
      },
      { says: 'a list that was made longer', body: [event('Expanded')], events: [] },
      { says: 'opened', body: [engagement('view', '')], events: [told({ type: 'opened', ...about })] },
      {
        says: 'clicked',
        body: [engagement('Click', 'https://example.com/a')],
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      {
        says: 'of an SMS',
        body: [{ ...event('Delivered'), eventType: 'Microsoft.Communication.SMSReceived' }],
        events: [],
      },
    ],
  },
} satisfies VendorData

function sent() {
  return {
    senderAddress: 'sender@example.com',
    recipients: {
      to: [{ address: 'ann@example.com', displayName: 'Ann "A" Ärger' }],
      cc: [{ address: 'bob@example.com', displayName: 'Bob' }],
    },
    replyTo: [{ address: 'help@example.com', displayName: 'Help' }, { address: 'desk@example.com' }],
    content: { subject: letter.subject, html: letter.html!, plainText: letter.text! },
    headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>', 'Message-ID': message.messageId },
    attachments: letter.attachments.map(({ filename, contentType, content, contentId, inline }) => ({
      name: filename,
      contentType,
      contentInBase64: content,
      ...(inline ? { contentId: contentId! } : {}),
    })),
  }
}
