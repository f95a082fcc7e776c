/** Amazon SES's own SDK (v2), and signed forms (v1), pointed at us: what arrives at another vendor means the same. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  BadRequestException,
  GetAccountCommand,
  MessageRejected,
  NotFoundException,
  SESv2Client,
  SendBulkEmailCommand,
  SendEmailCommand,
  type SendEmailCommandInput,
} from '@aws-sdk/client-sesv2'
import { signingName, signingSecret } from '../../src/accept/auth.ts'
import { signedHeaders } from '../../src/mail/request-signature.ts'
import { eventually } from '../support/waypost.ts'
import { webhookTarget } from '../support/webhook-target.ts'
import { spoken } from './speaking.ts'

const hash = createHash('sha256').update('wp_live_signer').digest('hex')
const own = 'a secret of thirty-two characters and more'
const signing = `
signing: "${own}"
keys: [{ hash: "sha256:${hash}", tenant: acme, scopes: [send, read, manage], from: [example.com] }]`
const credentials = { accessKeyId: signingName({ hash }), secretAccessKey: signingSecret(own, signingName({ hash })) }

function client(endpoint: string, key = credentials) {
  return new SESv2Client({ endpoint, region: 'eu-west-1', credentials: key, maxAttempts: 1 })
}

const rich: SendEmailCommandInput = {
  FromEmailAddress: '=?utf-8?q?S=C3=A9nder=2C_Inc=2E?= <sender@example.com>',
  Destination: {
    ToAddresses: ['Ann <ann@example.org>'],
    CcAddresses: ['bob@example.org'],
    BccAddresses: ['carl@example.org'],
  },
  ReplyToAddresses: ['help@example.com', 'desk@example.com'],
  EmailTags: [{ Name: 'campaign', Value: 'spring' }],
  Content: {
    Simple: {
      Subject: { Data: 'Grüße', Charset: 'UTF-8' },
      Body: { Text: { Data: 'Hello Ann' }, Html: { Data: '<p>Hello <img src="cid:logo"></p>' } },
      Headers: [{ Name: 'X-Order', Value: '17' }],
      Attachments: [
        { FileName: 'a.pdf', RawContent: Buffer.from('%PDF'), ContentType: 'application/pdf' },
        { FileName: 'logo.png', RawContent: Buffer.from('png'), ContentDisposition: 'INLINE', ContentId: 'logo' },
      ],
    },
  },
}

const means = {
  from: 'Sénder, Inc. <sender@example.com>',
  to: ['Ann <ann@example.org>'],
  cc: ['bob@example.org'],
  bcc: ['carl@example.org'],
  replyTo: ['help@example.com', 'desk@example.com'],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  tags: [],
  metadata: { campaign: 'spring' },
  attachments: [
    { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
    { filename: 'logo.png', type: 'image/png', content: 'cG5n', contentId: 'logo', inline: true },
  ],
}

const simple = (more: object = {}): SendEmailCommandInput => ({
  FromEmailAddress: 'ann@example.com',
  Destination: { ToAddresses: ['bob@example.org'] },
  Content: { Simple: { Subject: { Data: 'Hi' }, Body: { Text: { Data: 'Hello' } } } },
  ...more,
})

for (const prefix of ['', '/amazon-ses']) {
  test(`carries a rich message whole${prefix && ' under its name'}, signed`, () =>
    spoken(
      async ({ gateway, arrived }) => {
        const ses = client(gateway.url + prefix)
        const { MessageId } = await ses.send(new SendEmailCommand(rich))
        assert.match(MessageId!, /^0100[0-9a-f]{12}-[0-9a-f-]{36}-000000$/)
        assert.deepEqual(await arrived(1), [means])
        const account = await ses.send(new GetAccountCommand({}))
        assert.deepEqual([account.SendingEnabled, account.SendQuota?.Max24HourSend], [true, -1])
      },
      { more: signing },
    ))
}

const raw = [
  'From: Ann <ann@example.com>',
  'To: bob@example.org',
  'Bcc: carl@example.org',
  'Subject: Raw',
  'X-SES-CONFIGURATION-SET: main',
  '',
  'Hello',
  '',
].join('\r\n')

test('raw mail goes to its destination or to those that it names; its Bcc does not leave', () =>
  spoken(async ({ gateway, arrived }) => {
    const ses = client(gateway.url)
    await ses.send(new SendEmailCommand({ Content: { Raw: { Data: Buffer.from(raw) } } }))
    const [all] = await arrived(1)
    assert.deepEqual([all!.to, all!.bcc, all!.subject], [['bob@example.org'], ['carl@example.org'], 'Raw'])
    await ses.send(
      new SendEmailCommand({
        FromEmailAddress: 'Ann <ann@example.com>',
        Destination: { ToAddresses: ['dan@example.org'] },
        EmailTags: [{ Name: 'order', Value: '17' }],
        Content: { Raw: { Data: Buffer.from(raw) } },
      }),
    )
    const [one] = await arrived(1)
    assert.deepEqual([one!.to, one!.metadata], [['dan@example.org'], { order: '17' }])
  }))

test('fills inline templates, in bulk for each entry', () =>
  spoken(async ({ gateway, arrived }) => {
    const ses = client(gateway.url)
    const template = {
      TemplateContent: { Subject: 'Hi {{name}}', Text: '{{ greeting }} {{user.first}}', Html: '<p>{{name}}</p>' },
      TemplateData: JSON.stringify({ greeting: 'Hello', name: '<b>', user: { first: 'Ann' } }),
    }
    await ses.send(new SendEmailCommand(simple({ Content: { Template: template } })))
    const [one] = await arrived(1)
    assert.deepEqual([one!.subject, one!.text, one!.html], ['Hi <b>', 'Hello Ann', '<p><b></p>'])

    const entry = (to: string, data?: object) => ({
      Destination: { ToAddresses: [to] },
      ReplacementTags: [{ Name: 'to', Value: 'x' }],
      ...(data && {
        ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: JSON.stringify(data) } },
      }),
    })
    const { BulkEmailEntryResults: results } = await ses.send(
      new SendBulkEmailCommand({
        FromEmailAddress: 'ann@example.com',
        DefaultEmailTags: [{ Name: 'campaign', Value: 'spring' }],
        DefaultContent: { Template: template },
        BulkEmailEntries: [
          entry('a@example.org', { name: 'A' }),
          entry('nobody', { name: 'B' }),
          entry('c@example.org', { user: {} }),
          entry('d@example.org', { name: 'D' }),
        ],
      }),
    )
    assert.deepEqual(
      results!.map(({ Status }) => Status),
      ['SUCCESS', 'INVALID_PARAMETER', 'INVALID_PARAMETER', 'SUCCESS'],
    )
    assert.match(results![2]!.Error!, /Attribute 'user\.first' is not present/)
    const two = await arrived(2)
    assert.deepEqual(two.map(({ subject }) => subject).toSorted(), ['Hi A', 'Hi D'])
    assert.deepEqual(two[0]!.metadata, { campaign: 'spring', to: 'x' })
  }))

test('says no in its own words', async () => {
  await spoken(
    async ({ gateway, vendor }) => {
      const refused = (key: typeof credentials, input = simple(), url = gateway.url) =>
        client(url, key)
          .send(new SendEmailCommand(input))
          .then(
            () => assert.fail('it was taken'),
            (error) => error,
          )
      const stranger = await refused({ ...credentials, accessKeyId: 'AKIA0' })
      assert.deepEqual([stranger.name, stranger.$metadata.httpStatusCode], ['UnrecognizedClientException', 403])
      const forged = await refused({ ...credentials, secretAccessKey: 'x' })
      assert.equal(forged.name, 'InvalidSignatureException')
      const elsewhere = await refused(credentials, simple({ FromEmailAddress: 'ann@elsewhere.test' }))
      assert.ok(elsewhere instanceof MessageRejected)
      assert.match(elsewhere.message, /not verified/)
      assert.match(String((await refused(credentials, simple(), `${gateway.url}/amazon-ses/nothing`)).name), /NotFound/)

      const old = new Date(Date.now() - 10 * 60_000)
      const headers = await signed(`${gateway.url}/v2/email/account`, 'GET', '', old.getTime())
      const late = await fetch(`${gateway.url}/v2/email/account`, { headers })
      assert.deepEqual([late.status, late.headers.get('x-amzn-errortype')], [403, 'InvalidSignatureException'])
      const missing = await fetch(`${gateway.url}/v2/email/account`)
      assert.equal(missing.headers.get('x-amzn-errortype'), 'MissingAuthenticationTokenException')
      assert.equal(vendor.taken.length, 0)
    },
    { more: signing },
  )
  await spoken(async ({ gateway }) => {
    const ses = client(gateway.url)
    const says = (more: object) =>
      ses.send(new SendEmailCommand(simple(more))).then(
        () => assert.fail('it was taken'),
        (error) => error,
      )
    assert.ok((await says({ FromEmailAddress: 'nobody' })) instanceof BadRequestException)
    const bad = await says({ Destination: { ToAddresses: ['nobody'] } })
    assert.ok(bad instanceof BadRequestException)
    assert.match(bad.message, /^Destination\.ToAddresses\.0: /)
    const stored = await says({ Content: { Template: { TemplateName: 'welcome', TemplateData: '{}' } } })
    assert.ok(stored instanceof NotFoundException)
    const block = { TemplateContent: { Subject: 'x', Text: '{{#if a}}b{{/if}}' }, TemplateData: '{}' }
    assert.ok((await says({ Content: { Template: block } })) instanceof BadRequestException)
    assert.ok((await says({ ListManagementOptions: { ContactListName: 'l' } })) instanceof BadRequestException)
    const taken = await gateway.post('/v2/email/outbound-emails', simple({ ConfigurationSetName: 'main' }))
    assert.equal(taken.headers.get('x-waypost-ignored'), 'ConfigurationSetName')
    const nothing = await fetch(`${gateway.url}/amazon-ses/v2/email/outbound-emails`)
    assert.deepEqual([nothing.status, nothing.headers.get('content-type')], [405, 'application/json'])
  })
})

function signed(url: string, method: string, body: string, at: number) {
  const key = { ...credentials, region: 'us-east-1', service: 'ses' }
  const headers = body === '' ? {} : { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  return signedHeaders({ method, url, headers, body }, key, at)
}

/** A call of v1 as its SDKs make it. */
async function form(url: string, fields: Record<string, string>) {
  const body = new URLSearchParams({ Version: '2010-12-01', ...fields }).toString()
  const answer = await fetch(url, { method: 'POST', headers: await signed(url, 'POST', body, Date.now()), body })
  const text = await answer.text()
  const said = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]
  return { status: answer.status, type: answer.headers.get('content-type'), text, said }
}

test('v1: forms, answered in XML', () =>
  spoken(
    async ({ gateway, arrived }) => {
      const url = `${gateway.url}/`
      const sent = await form(url, {
        Action: 'SendEmail',
        Source: 'ann@example.com',
        'Destination.ToAddresses.member.1': 'Bob <bob@example.org>',
        'Destination.ToAddresses.member.2': 'dan@example.org',
        'Destination.BccAddresses.member.1': 'carl@example.org',
        'ReplyToAddresses.member.1': 'help@example.com',
        'Message.Subject.Data': 'Grüße',
        'Message.Body.Text.Data': 'a + b',
        'Message.Body.Html.Data': '<p>a</p>',
        'Tags.member.1.Name': 'campaign',
        'Tags.member.1.Value': 'spring',
      })
      assert.deepEqual([sent.status, sent.type], [200, 'text/xml'])
      assert.match(sent.text, /<SendEmailResponse xmlns="http:\/\/ses\.amazonaws\.com\/doc\/2010-12-01\/">/)
      assert.match(sent.said('MessageId')!, /^0100/)
      const [mail] = await arrived(1)
      assert.deepEqual(
        [mail!.to, mail!.bcc, mail!.replyTo, mail!.subject, mail!.text, mail!.metadata],
        [
          ['Bob <bob@example.org>', 'dan@example.org'],
          ['carl@example.org'],
          ['help@example.com'],
          'Grüße',
          'a + b',
          { campaign: 'spring' },
        ],
      )
      const rawSent = await form(`${gateway.url}/amazon-ses/`, {
        Action: 'SendRawEmail',
        'RawMessage.Data': Buffer.from(raw).toString('base64'),
        'Destinations.member.1': 'dan@example.org',
      })
      assert.equal(rawSent.status, 200)
      assert.deepEqual((await arrived(1))[0]!.to, ['dan@example.org'])
      assert.equal((await form(url, { Action: 'GetSendQuota' })).said('Max24HourSend'), '-1.0')

      const bad = await form(url, { Action: 'SendEmail', Source: 'ann@example.com' })
      assert.deepEqual([bad.status, bad.said('Type'), bad.said('Code')], [400, 'Sender', 'InvalidParameterValue'])
      const other = await form(url, { Action: 'VerifyEmailIdentity' })
      assert.deepEqual([other.status, other.said('Code')], [400, 'InvalidAction'])
      const template = await form(url, { Action: 'SendTemplatedEmail' })
      assert.deepEqual([template.status, template.said('Code')], [400, 'TemplateDoesNotExist'])
      const unsigned = await fetch(url, { method: 'POST', body: 'Action=GetSendQuota' })
      assert.deepEqual([unsigned.status, /InvalidClientTokenId/.test(await unsigned.text())], [403, true])
    },
    { more: signing },
  ))

test('whatever comes is no bug', () =>
  spoken(async ({ gateway }) => {
    const one: object = simple()
    const template = { TemplateContent: { Subject: 'a', Text: 'b' } }
    for (const strange of [null, 7, 'x', [null], [7], [[]], {}, { a: null }]) {
      const bodies: [string, unknown][] = [
        ...['FromEmailAddress', 'Destination', 'ReplyToAddresses', 'EmailTags', 'Content'].map(
          (field) => ['outbound-emails', { ...one, [field]: strange }] as [string, unknown],
        ),
        ...['Subject', 'Body', 'Headers', 'Attachments'].map(
          (field) =>
            [
              'outbound-emails',
              simple({ Content: { Simple: { Body: { Text: { Data: 'a' } }, [field]: strange } } }),
            ] as [string, unknown],
        ),
        ['outbound-emails', simple({ Content: { Raw: strange } })],
        ['outbound-emails', simple({ Content: { Template: strange } })],
        [
          'outbound-emails',
          simple({ Content: { Template: { ...template, TemplateData: strange, Headers: strange } } }),
        ],
        ['outbound-bulk-emails', { ...one, DefaultContent: strange, BulkEmailEntries: [{}] }],
        ['outbound-bulk-emails', { ...one, DefaultContent: { Template: template }, BulkEmailEntries: strange }],
        ...['Destination', 'ReplacementTags', 'ReplacementHeaders', 'ReplacementEmailContent'].map(
          (field) =>
            [
              'outbound-bulk-emails',
              { ...one, DefaultContent: { Template: template }, BulkEmailEntries: [{ [field]: strange }] },
            ] as [string, unknown],
        ),
      ]
      for (const [path, body] of bodies) {
        const { status } = await gateway.post(`/v2/email/${path}`, body)
        assert.ok([200, 400, 404].includes(status), `${JSON.stringify(body)} is ${status}`)
      }
    }
  }))

test('attempts of one call are one mail', () =>
  spoken(async ({ gateway, arrived }) => {
    const headers = { 'amz-sdk-invocation-id': '0a1b2c3d-0000-4000-8000-000000000001' }
    const first = await gateway.post('/v2/email/outbound-emails', simple(), headers)
    const again = await gateway.post('/v2/email/outbound-emails', simple(), headers)
    assert.equal(again.body.MessageId, first.body.MessageId)
    assert.equal((await arrived(1)).length, 1)
  }))

test('tells webhooks as SNS posts them, unsigned', () =>
  spoken(
    async ({ gateway }) => {
      const target = await webhookTarget()
      try {
        const url = target.url.replace('http://', 'http://hook:secret@')
        await gateway.post('/v1/webhooks', { url, dialect: 'amazon-ses' })
        const { MessageId } = await client(gateway.url).send(
          new SendEmailCommand(simple({ EmailTags: [{ Name: 'order', Value: '17' }] })),
        )
        const told = await eventually(() => target.posted[0], 'it is told')
        assert.match(String(told.headers.authorization), /^Basic /)
        assert.deepEqual(
          [told.headers['content-type'], told.headers['x-amz-sns-message-type']],
          ['text/plain; charset=UTF-8', 'Notification'],
        )
        const { Type, Message } = JSON.parse(told.body)
        const said = JSON.parse(Message)
        assert.deepEqual(
          [Type, said.eventType, said.mail.messageId, said.mail.destination, said.mail.tags, said.send],
          ['Notification', 'Send', MessageId, ['bob@example.org'], { order: ['17'] }, {}],
        )
      } finally {
        await target.close()
      }
    },
    { more: 'webhooks: { allowPrivate: true }' },
  ))
