import assert from 'node:assert/strict'
import { SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2'
import { addressParser, decodeWords } from 'postal-mime'
import amazonSes from '../../adapters/amazon-ses.ts'
import { signedHeaders } from '../../src/mail/request-signature.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import { type Asked, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { type TopicVendor, topicHooks } from '../support/topics.ts'
import { hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

const credentials = { accessKeyId: 'AKIAFAKEFAKEFAKEFAKE', secretAccessKey: 'fake/secret+of+SES' }
const region = 'eu-west-1'

/** Addresses that SES keeps on its list, two a page. */
const suppressed = ['gone@example.com', 'angry@example.com', 'left@example.com']

async function desk(asked: Asked): Promise<Reply> {
  const problem = await signatureProblem(asked)
  if (problem !== null) return refuse(403, problem, 'The request signature we calculated does not match.')
  if (asked.method === 'GET' && asked.path === '/v2/email/suppression/addresses') return listed(asked)
  if (asked.path !== '/v2/email/outbound-emails' || asked.method !== 'POST')
    return refuse(404, 'UnknownOperationException', '')
  const mail = JSON.parse(asked.body.toString())
  const unknown =
    strangers(mail, 'FromEmailAddress Destination ReplyToAddresses Content EmailTags ConfigurationSetName') ??
    strangers(mail.Destination ?? {}, 'ToAddresses CcAddresses BccAddresses') ??
    strangers(mail.Content ?? {}, 'Simple Raw') ??
    strangers(mail.Content?.Simple ?? {}, 'Subject Body Headers Attachments')
  if (unknown !== null) return refuse(400, 'BadRequestException', `Unknown field ${unknown}`)
  const { ToAddresses = [], CcAddresses = [], BccAddresses = [] } = mail.Destination ?? {}
  const recipients: string[] = []
  for (const text of [...ToAddresses, ...CcAddresses, ...BccAddresses]) {
    if (/[^ -~]/.test(text)) return refuse(400, 'BadRequestException', 'Local address contains control or whitespace')
    const found = mailboxes(text)
    if (found.length !== 1 || found[0]!.startsWith('bad@'))
      return refuse(400, 'BadRequestException', "Missing final '@domain'")
    recipients.push(found[0]!)
  }
  if (recipients.length < 1 || recipients.length > 50)
    return refuse(400, 'BadRequestException', 'Recipient count exceeds 50.')
  for (const { Name, Value } of mail.EmailTags ?? []) {
    if (![Name, Value].every((word) => /^[A-Za-z0-9_-]{1,256}$/.test(word)))
      return refuse(400, 'BadRequestException', 'Invalid tag')
  }
  const wrong = mail.Content.Raw ? null : simpleProblem(mail)
  if (wrong !== null) return wrong
  const id = `0102018c-${crypto.randomUUID()}-000000`
  return {
    ...json(200, { MessageId: id }),
    takes: {
      id,
      recipients,
      hidden: BccAddresses.flatMap((text: string) => mailboxes(text)),
      subject: mail.Content.Simple?.Subject.Data ?? '',
      fields: mail,
    },
  }
}

function simpleProblem({ FromEmailAddress = '', Content: { Simple } }: ReturnType<typeof JSON.parse>): Reply | null {
  const bad = (why: string) => refuse(400, 'BadRequestException', why)
  if (/[^ -~]/.test(FromEmailAddress) || mailboxes(FromEmailAddress).length !== 1) return bad('Invalid from address')
  if (FromEmailAddress.includes('@unverified.test')) {
    const words = `Email address is not verified. The following identities failed the check in region EU-WEST-1: ${FromEmailAddress}`
    return refuse(400, 'MessageRejected', words)
  }
  if (!Simple?.Subject?.Data) return bad('Subject is missing')
  if (!Simple.Body?.Text?.Data && !Simple.Body?.Html?.Data) return bad('Body is missing')
  if ((Simple.Headers ?? []).length > 15) return bad('Too many headers')
  for (const { Name, Value } of Simple.Headers ?? []) {
    if (!/^[!-9;-~]{1,126}$/.test(Name) || !/^[ -~]{1,870}$/.test(Value)) return bad(`Invalid header ${Name}`)
  }
  for (const file of Simple.Attachments ?? []) {
    if (!file.FileName || !file.RawContent || file.ContentTransferEncoding !== 'BASE64')
      return bad('Invalid attachment')
    if ((file.ContentDisposition === 'INLINE') !== (file.ContentId !== undefined)) return bad('Invalid attachment')
  }
  return null
}

/** Signs what came as the far end would, and compares. */
async function signatureProblem(asked: Asked): Promise<string | null> {
  const given = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/.*SignedHeaders=([^,]+), ?Signature=/.exec(
    asked.headers.authorization?.replace(/, /g, ', ') ?? '',
  )
  if (given === null) return 'MissingAuthenticationTokenException'
  if (given[1] !== credentials.accessKeyId) return 'UnrecognizedClientException'
  const names = given[2]!.split(';')
  if (!names.includes('host') || !names.includes('x-amz-date')) return 'IncompleteSignature'
  const time = asked.headers['x-amz-date']!
  const at = Date.parse(time.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  const query = asked.query.size > 0 ? `?${asked.query}` : ''
  const again = await signedHeaders(
    {
      method: asked.method,
      url: `http://${asked.headers.host}${asked.path}${query}`,
      headers: Object.fromEntries(
        names.filter((name) => !/^(host|x-amz-date)$/.test(name)).map((name) => [name, asked.headers[name] ?? '']),
      ),
      body: asked.body,
    },
    { ...credentials, region, service: 'ses' },
    at,
  )
  return again.authorization === asked.headers.authorization ? null : 'SignatureDoesNotMatch'
}

function listed(asked: Asked): Reply {
  const from = Number(asked.query.get('NextToken') ?? 0)
  return json(200, {
    SuppressedDestinationSummaries: suppressed.slice(from, from + 2).map((EmailAddress) => ({
      EmailAddress,
      Reason: EmailAddress.startsWith('angry') ? 'COMPLAINT' : 'BOUNCE',
      LastUpdateTime: 1_795_600_000.5,
    })),
    ...(from + 2 < suppressed.length ? { NextToken: String(from + 2) } : {}),
  })
}

function strangers(fields: object, known: string): string | null {
  return Object.keys(fields).find((name) => !known.split(' ').includes(name)) ?? null
}

function refuse(status: number, name: string, text: string): Reply {
  return json(status, { message: text }, { 'x-amzn-errortype': `${name}:http://internal.amazon.com/coral/` })
}

const error = (status: number, name: string, text = 'No.') => {
  const { headers, body } = refuse(status, name, text)
  return { status, headers: headers!, body: body! }
}

export const topic: TopicVendor = {
  arn: 'arn:aws:sns:eu-west-1:123456789012:mail',
  certificateUrl: 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem',
  subscribeUrl: 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=a-token',
}

const mail = {
  timestamp: '2026-11-25T11:58:00.000Z',
  messageId: '0102018c-1',
  source: 'sender@example.com',
  destination: ['ann@example.com'],
  tags: { waypost: [message.id], 'ses:configuration-set': ['all'] },
}
const timestamp = '2026-11-25T11:59:00.000Z'
const event = (eventType: string, more: object) => ({ eventType, mail, ...more })
const bounced = (bounceType: string, bounceSubType: string, about: object = {}) => ({
  says: `bounced, ${bounceType} ${bounceSubType} ${JSON.stringify(about)}`,
  body: event('Bounce', {
    bounce: {
      bounceType,
      bounceSubType,
      bouncedRecipients: [{ emailAddress: 'ann@example.com', ...about }],
      timestamp,
    },
  }),
})
const about = {
  at: hookTime - 60_000,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: '0102018c-1',
}
const bounce = (kind: 'hard' | 'soft' | 'block', detail: string) => [
  told({ type: 'bounced', bounce: kind, ...about, detail }),
]

const data = {
  adapter: amazonSes,
  vendor: () => fakeVendor(desk),
  options: (baseUrl) => ({ ...credentials, region, baseUrl, configurationSet: 'all' }),
  secret: credentials.secretAccessKey,
  cases: [
    { says: '200', status: 200, ...says({ MessageId: '0102-1' }), all: 'accepted 0102-1' },
    { says: '200 without an id', status: 200, ...says({}), all: 'unknown' },
    { says: '400 of a field', ...error(400, 'BadRequestException', 'Invalid tag'), all: 'rejected/message' },
    {
      says: '400 of an address',
      ...error(400, 'BadRequestException', "Missing final '@domain'"),
      about: 'recipient',
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '400 of the content', ...error(400, 'MessageRejected', 'Bad content'), all: 'rejected/message' },
    {
      says: '400 of a From that is not verified',
      ...error(400, 'MessageRejected', 'Email address is not verified. The following identities failed the check'),
      about: 'identity',
      all: 'rejected/identity',
    },
    {
      says: '400 of a MAIL FROM domain',
      ...error(400, 'MailFromDomainNotVerifiedException'),
      all: 'rejected/identity',
    },
    { says: '404 of a configuration set', ...error(404, 'NotFoundException'), all: 'rejected/account' },
    { says: '400 suspended', ...error(400, 'AccountSuspendedException'), about: 'credit', all: 'rejected/account' },
    { says: '400 paused', ...error(400, 'SendingPausedException'), all: 'rejected/account' },
    { says: '400 limit', ...error(400, 'LimitExceededException'), all: 'deferred/provider 1000' },
    {
      says: '429 rate',
      ...error(429, 'TooManyRequestsException', 'Maximum sending rate exceeded.'),
      about: 'throttled',
      all: 'deferred/provider 1000',
    },
    {
      says: '429 of the day',
      ...error(429, 'TooManyRequestsException', 'Daily message quota exceeded.'),
      all: 'deferred/account',
    },
    { says: '400 throttled', ...error(400, 'ThrottlingException', 'Rate exceeded'), all: 'deferred/provider 1000' },
    { says: '400 RequestLimitExceeded', ...error(400, 'RequestLimitExceeded'), all: 'deferred/provider 1000' },
    {
      says: '403 UnrecognizedClientException',
      ...error(403, 'UnrecognizedClientException', 'The security token included in the request is invalid.'),
      about: 'credential',
      all: 'rejected/account',
    },
    ...[
      'AccessDeniedException',
      'InvalidSignatureException',
      'SignatureDoesNotMatch',
      'ExpiredTokenException',
      'IncompleteSignature',
    ].map((name) => ({ says: `400 ${name}`, ...error(400, name), all: 'rejected/account' })),
    {
      says: '403 with its name in the body alone',
      status: 403,
      ...says({ __type: 'com.amazon.coral.service#AccessDeniedException', Message: 'User is not authorized' }),
      all: 'rejected/account',
    },
    { says: '500 InternalFailure', ...error(500, 'InternalFailure'), all: 'deferred/provider' },
    {
      says: '500 InternalServiceErrorException',
      ...error(500, 'InternalServiceErrorException'),
      all: 'deferred/provider',
    },
    { says: '503 ServiceUnavailable', ...error(503, 'ServiceUnavailable'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients, asked }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    const { FromEmailAddress, Destination, ReplyToAddresses, ...rest } = fields
    const people = (texts: unknown) =>
      (texts as string[]).map((one) => addressParser(one).map(({ name, address }) => [decodeWords(name), address])[0])
    assert.deepEqual(people([FromEmailAddress]), [['Sender, Inc.', 'sender@example.com']])
    const { ToAddresses, CcAddresses, ...others } = Destination as Record<string, unknown>
    assert.deepEqual(people(ToAddresses), [['Ann "A" Ärger', 'ann@example.com']])
    assert.deepEqual(people(CcAddresses), [['Bob', 'bob@example.com']])
    assert.deepEqual(others, {})
    assert.deepEqual(people(ReplyToAddresses), [
      ['Help', 'help@example.com'],
      ['', 'desk@example.com'],
    ])
    assert.deepEqual(rest, sent(letter.attachments.map(({ content }) => content)))
    assert.match(asked.headers.authorization!, /\/eu-west-1\/ses\/aws4_request/)
  },
  async sdk(baseUrl) {
    const client = new SESv2Client({ endpoint: baseUrl, region, credentials, maxAttempts: 1 })
    const words = '=?UTF-8?B?QW5uICJBIiDDhHJnZXI=?='
    const attachments = letter.attachments.map(({ content }) => Buffer.from(content, 'base64'))
    await client.send(
      new SendEmailCommand({
        FromEmailAddress: '"Sender, Inc." <sender@example.com>',
        Destination: { ToAddresses: [`${words} <ann@example.com>`], CcAddresses: ['Bob <bob@example.com>'] },
        ReplyToAddresses: ['Help <help@example.com>', 'desk@example.com'],
        ...sent(attachments),
      }),
    )
    client.destroy()
  },
  smtp: {
    options: { ...credentials, region, configurationSet: 'all' },
    server: ['email-smtp.eu-west-1.amazonaws.com', 587],
    user: credentials.accessKeyId,
    headers: {
      'X-SES-CONFIGURATION-SET': 'all',
      'X-SES-MESSAGE-TAGS': `waypost=${message.id}, tag=welcome`,
    },
  },
  hooks: {
    options: { topicArns: ['arn:aws:sns:eu-west-1:123456789012:other', topic.arn] },
    ...topicHooks(topic),
    cases: [
      {
        says: 'sent',
        body: event('Send', { send: {} }),
        events: [told({ type: 'accepted', ...about, at: hookTime - 120_000 })],
      },
      {
        says: 'delivered to two',
        body: event('Delivery', {
          delivery: { recipients: ['ann@example.com', 'bob@example.com'], smtpResponse: '250 ok', timestamp },
        }),
        events: [
          told({ type: 'delivered', ...about, detail: '250 ok' }),
          told({ type: 'delivered', ...about, recipient: 'bob@example.com', detail: '250 ok' }),
        ],
      },
      {
        says: 'of an identity, without tags',
        body: {
          notificationType: 'Delivery',
          mail: { ...mail, tags: undefined },
          delivery: { recipients: ['ann@example.com'], timestamp },
        },
        events: [told({ type: 'delivered', ...about, messageId: null })],
      },
      {
        says: 'delayed',
        body: event('DeliveryDelay', {
          deliveryDelay: {
            delayType: 'MailboxFull',
            delayedRecipients: [{ emailAddress: 'ann@example.com', status: '4.2.2', diagnosticCode: 'smtp; 452 full' }],
            timestamp,
          },
        }),
        events: [told({ type: 'deferred', ...about, detail: 'MailboxFull smtp; 452 full' })],
      },
      {
        says: 'bounced, nobody at all',
        body: event('Bounce', { bounce: { bounceType: 'Permanent', bounceSubType: 'General', timestamp } }),
        events: [],
      },
      {
        says: 'bounced, nobody named',
        body: event('Bounce', {
          bounce: {
            bounceType: 'Permanent',
            bounceSubType: 'General',
            bouncedRecipients: [{ status: '5.1.1' }],
            timestamp,
          },
        }),
        events: [],
      },
      { ...bounced('Permanent', 'General'), events: bounce('hard', 'General') },
      { ...bounced('Permanent', 'NoEmail', { status: '5.0.0' }), events: bounce('hard', 'NoEmail 5.0.0') },
      {
        ...bounced('Permanent', 'General', { status: '5.1.1', diagnosticCode: 'smtp; 550 5.1.1 no such user' }),
        events: bounce('hard', 'General smtp; 550 5.1.1 no such user'),
      },
      { ...bounced('Permanent', 'General', { status: '5.7.1' }), events: bounce('block', 'General 5.7.1') },
      { ...bounced('Permanent', 'General', { status: '5.2.2' }), events: bounce('soft', 'General 5.2.2') },
      { ...bounced('Transient', 'MailboxFull'), events: bounce('soft', 'MailboxFull') },
      { ...bounced('Transient', 'ContentRejected'), events: bounce('block', 'ContentRejected') },
      { ...bounced('Undetermined', 'Undetermined'), events: bounce('soft', 'Undetermined') },
      ...['Suppressed', 'OnAccountSuppressionList'].map((kind) => ({
        ...bounced('Permanent', kind),
        events: [told({ type: 'suppressed', ...about, detail: kind })],
      })),
      {
        says: 'complained',
        body: event('Complaint', {
          complaint: {
            complainedRecipients: [{ emailAddress: 'ann@example.com' }],
            complaintFeedbackType: 'abuse',
            timestamp,
          },
        }),
        events: [told({ type: 'complained', ...about, detail: 'abuse' })],
      },
      {
        says: 'no spam after all',
        body: event('Complaint', {
          complaint: { complainedRecipients: [{ emailAddress: 'ann@example.com' }], complaintFeedbackType: 'not-spam' },
        }),
        events: [],
      },
      {
        says: 'opened',
        body: event('Open', { open: { timestamp, userAgent: 'x' } }),
        events: [told({ type: 'opened', ...about })],
      },
      {
        says: 'opened by one of two',
        body: {
          ...event('Open', { open: { timestamp } }),
          mail: { ...mail, destination: ['ann@example.com', 'bob@example.com'] },
        },
        events: [told({ type: 'opened', ...about, recipient: null })],
      },
      {
        says: 'clicked',
        body: event('Click', { click: { timestamp, link: 'https://example.com/a' } }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      {
        says: 'left',
        body: event('Subscription', {
          subscription: { timestamp, source: 'UnsubscribeHeader', newTopicPreferences: { unsubscribeAll: true } },
        }),
        events: [told({ type: 'unsubscribed', ...about })],
      },
      {
        says: 'came back',
        body: event('Subscription', {
          subscription: { timestamp, newTopicPreferences: { unsubscribeAll: false, topicSubscriptionStatus: [] } },
        }),
        events: [],
      },
      {
        says: 'rejected',
        body: event('Reject', { reject: { reason: 'Bad content' } }),
        events: [told({ type: 'rejected', ...about, at: hookTime - 120_000, detail: 'Bad content' })],
      },
      {
        says: 'not rendered',
        body: event('Rendering Failure', { failure: { templateName: 't', errorMessage: 'no such field' } }),
        events: [told({ type: 'rejected', ...about, at: hookTime - 120_000, detail: 'no such field' })],
      },
      {
        says: 'the first words of a topic',
        body: 'Successfully validated SNS topic for Amazon SES event publishing.',
        events: [],
      },
    ],
  },
} satisfies VendorData

/** All but the addresses. */
function sent<Bytes>([pdf, logo]: Bytes[]) {
  const content = (Data: string) => ({ Data, Charset: 'UTF-8' })
  return {
    Content: {
      Simple: {
        Subject: content(letter.subject),
        Body: { Html: content(letter.html!), Text: content(letter.text!) },
        Headers: letter.headers.map(([Name, Value]) => ({ Name, Value })),
        Attachments: [
          {
            FileName: 'räport.pdf',
            ContentType: 'application/pdf',
            ContentDisposition: 'ATTACHMENT' as const,
            ContentTransferEncoding: 'BASE64' as const,
            RawContent: pdf!,
          },
          {
            FileName: 'logo.png',
            ContentType: 'image/png',
            ContentDisposition: 'INLINE' as const,
            ContentTransferEncoding: 'BASE64' as const,
            ContentId: 'logo',
            RawContent: logo!,
          },
        ],
      },
    },
    EmailTags: [
      { Name: 'waypost', Value: message.id },
      { Name: 'tag', Value: 'welcome' },
    ],
    ConfigurationSetName: 'all',
  }
}

export default data
