/** Mailjet's own SDK, pointed at us over TLS, as it speaks nothing else. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import Mailjet from 'node-mailjet'
import mailjet from '../../src/dialects/mailjet.ts'
import { testCertificate } from '../support/tls/certificate.ts'
import { newFolder, remove, type Waypost } from '../support/waypost.ts'
import { eventOf, hooked, sentMessage } from './hook.ts'
import { spoken } from './speaking.ts'

// What a CommonJS module exports is its default here; its types say otherwise.
const Client = Mailjet as unknown as typeof Mailjet.default

const folder = newFolder()
const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
writeFileSync(cert, testCertificate.cert)
writeFileSync(key, testCertificate.key)
setDefaultCACertificates([...getCACertificates('default'), testCertificate.cert])
test.after(() => remove(folder))

const listeners = `
http: { listen: "127.0.0.1:0", tls: { cert: "${cert}", key: "${key}" } }
smtp: { listen: "127.0.0.1:0" }
`
const tls = { more: listeners }

// biome-ignore lint/suspicious/noExplicitAny: its types know less than it takes
type Json = any

async function send({ url }: Waypost, body: Json, { prefix = '', secret = 'secret' } = {}): Promise<Json> {
  const client = Client.apiConnect('public', secret, { config: { host: new URL(url).host + prefix } })
  return (await client.post('send', { version: 'v3.1' }).request(body)).body
}

const plain = {
  From: { Email: 'ann@example.com' },
  To: [{ Email: 'bob@example.org' }],
  Subject: 'Hi',
  TextPart: 'Hello',
}

const rich = {
  From: { Email: 'sender@example.com', Name: 'Sénder' },
  To: [{ Email: 'ann@example.org', Name: 'Änn' }],
  Cc: [{ Email: 'bob@example.org' }],
  Bcc: [{ Email: 'carl@example.org' }],
  ReplyTo: { Email: 'help@example.com', Name: 'Help' },
  Subject: 'Grüße, {{var:who}}',
  TextPart: 'Hello {{var:who}}, {{var:what:"tea"}}{{ var:more:there }}',
  HTMLPart: '<p>{% if var:vip = "yes" %}Dear{% else %}Hello{% endif %} {{var:who}} <img src="cid:logo"></p>',
  TemplateLanguage: true,
  Variables: { who: 'Ann', vip: 'yes' },
  Headers: { 'X-Order': '17' },
  CustomID: 'order-17',
  EventPayload: '{"order":17}',
  CustomCampaign: 'spring',
  TrackOpens: 'enabled',
  Attachments: [{ ContentType: 'application/pdf', Filename: 'a.pdf', Base64Content: 'JVBERg==' }],
  InlinedAttachments: [{ ContentType: 'image/png', Filename: 'logo.png', Base64Content: 'cG5n', ContentID: 'logo' }],
}

for (const prefix of ['', '/mailjet']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const { Messages } = await send(gateway, { Messages: [rich] }, { prefix })
      const [{ Status, CustomID, To, Cc, Bcc }] = Messages
      assert.deepEqual(
        [Status, CustomID, Cc[0].Email, Bcc[0].Email],
        ['success', 'order-17', 'bob@example.org', 'carl@example.org'],
      )
      assert.match(To[0].MessageUUID, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      // Beyond 2^53: its SDK reads them whole.
      assert.equal(new Set([To[0], Cc[0], Bcc[0]].map(({ MessageID }) => String(MessageID))).size, 3)
      assert.ok(BigInt(String(To[0].MessageID)) > 2n ** 58n)
      const [mail] = await arrived(1)
      assert.deepEqual(mail, {
        from: 'Sénder <sender@example.com>',
        to: ['Änn <ann@example.org>'],
        cc: ['bob@example.org'],
        bcc: ['carl@example.org'],
        replyTo: ['Help <help@example.com>'],
        subject: 'Grüße, Ann',
        text: 'Hello Ann, teathere',
        html: '<p>Dear Ann <img src="cid:logo"></p>',
        headers: { 'X-Order': '17' },
        tags: ['spring'],
        metadata: { CustomID: 'order-17', EventPayload: '{"order":17}' },
        attachments: [
          { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
          { filename: 'logo.png', type: 'image/png', content: 'cG5n', contentId: 'logo', inline: true },
        ],
      })
    }, tls))
}

test('messages of a call share what is global, and the bad ones stand beside the good ones', () =>
  spoken(async ({ gateway, arrived }) => {
    const Messages: Json[] = ['a', 'b', 'c'].map((who) => ({
      To: [{ Email: `${who}@example.org` }],
      Variables: { who },
    }))
    const Globals = {
      ...plain,
      To: undefined,
      Subject: 'Hi [[var:who]]',
      Variables: { what: 'tea' },
      TextPart: '[[var:what]] {{var:who}}',
    }
    await send(gateway, { Messages, Globals })
    const mails = (await arrived(3)).map(({ to, subject, text }) => [to[0], subject, text]).toSorted()
    assert.deepEqual(mails[1], ['b@example.org', 'Hi b', 'tea {{var:who}}'])
    Messages[1].To = [{ Email: 'nobody' }]
    await assert.rejects(send(gateway, { Messages, Globals }), ({ statusCode, response }: Json) => {
      const [first, second] = response.data.Messages
      assert.deepEqual([statusCode, first.Status, second.Status], [400, 'success', 'error'])
      const { ErrorCode, StatusCode, ErrorRelatedTo } = second.Errors[0]
      assert.deepEqual([ErrorCode, StatusCode, ErrorRelatedTo], ['mj-0013', 400, ['To[0].Email']])
      return true
    })
    assert.equal((await arrived(2)).length, 2)
  }, tls))

test('the sandbox checks and sends nothing', () =>
  spoken(async ({ gateway, vendor }) => {
    const { Messages } = await send(gateway, { Messages: [plain], SandboxMode: true })
    assert.deepEqual([Messages[0].Status, Messages[0].To[0].MessageID], ['success', 0])
    await assert.rejects(
      send(gateway, { Messages: [{ ...plain, From: { Email: 'x' } }], SandboxMode: true }),
      /mj|400|address/,
    )
    assert.equal(vendor.taken.length, 0)
  }, tls))

test('says no in its own words', async () => {
  const more = `${listeners}keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]`
  await spoken(
    async ({ gateway }) => {
      await assert.rejects(
        send(gateway, { Messages: [plain] }, { secret: 'wrong' }),
        ({ statusCode, ErrorMessage }: Json) => {
          assert.equal(statusCode, 401)
          assert.match(ErrorMessage, /^API key authentication/)
          return true
        },
      )
    },
    { more },
  )
  await spoken(async ({ gateway }) => {
    const said = async (mail: object) => {
      const { body } = await gateway.post('/v3.1/send', { Messages: [{ ...plain, ...mail }] })
      const { ErrorCode, ErrorRelatedTo } = body.Messages[0].Errors[0]
      return [ErrorCode, ...ErrorRelatedTo]
    }
    assert.deepEqual(await said({ From: undefined }), ['mj-0003', 'From'])
    assert.deepEqual(await said({ From: { Email: 'x' } }), ['mj-0013', 'From.Email'])
    assert.deepEqual(await said({ TextPart: '' }), ['send-0003', 'TextPart'])
    assert.deepEqual(await said({ TemplateID: 7 }), ['send-0010', 'TemplateID'])
    assert.deepEqual(await said({ Headers: { 'Reply-To': 'x' } }), ['send-0011', 'Headers.Reply-To'])
    assert.deepEqual(await said({ Colour: 'red' }), ['mj-0004', 'Colour'])
    assert.deepEqual(await said({ TextPart: '{{data:name}}', TemplateLanguage: true }), ['mj-0004', 'TextPart'])
    const file = { ContentType: 'image/png', Filename: 'a.png', ContentID: 'a' }
    assert.deepEqual(await said({ InlinedAttachments: [{ ...file, Base64Content: '%' }] }), [
      'mj-0004',
      'InlinedAttachments[0].Base64Content',
    ])
    const answers = await Promise.all([
      gateway.post('/mailjet/v3.1/nothing', {}),
      gateway.get('/mailjet/v3.1/send'),
      gateway.post('/v3.1/send', 'not json'),
      gateway.post('/v3/send', {}),
      gateway.post('/v3.1/send/', { Messages: [{ ...plain, Headers: [], Variables: [] }] }),
    ])
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.ErrorCode]),
      [
        [404, 'mj-0001'],
        [405, 'mj-0001'],
        [400, 'mj-0002'],
        [400, 'mj-0002'],
        [200, undefined],
      ],
    )
  }, tls)
})

test('tells webhooks as it does, under a user and a password', () =>
  spoken(
    ({ gateway }) =>
      hooked(gateway, 'mailjet', async ({ added, told }) => {
        const to = [{ Email: 'bad@example.com' }]
        const { Messages } = await send(gateway, { Messages: [{ ...rich, To: to, Cc: [], Bcc: [] }] })
        const { body, headers } = await told('bounce')
        const expected = Buffer.from(`${added.username}:${added.password}`).toString('base64')
        assert.equal(headers.authorization, `Basic ${expected}`)
        const event = JSON.parse(body)
        assert.equal(/"MessageID":(\d+)/.exec(body)?.[1], String(Messages[0].To[0].MessageID))
        assert.deepEqual(
          [event.event, event.email, event.Message_GUID, event.CustomID, event.Payload, event.customcampaign],
          ['bounce', 'bad@example.com', Messages[0].To[0].MessageUUID, 'order-17', '{"order":17}', 'spring'],
        )
      }),
    { more: `${listeners}webhooks: { allowPrivate: true }` },
  ))

test('has its own words for what happens', () => {
  const told = (...event: Parameters<typeof eventOf>) => {
    const call = mailjet.tells.call(eventOf(...event), sentMessage, 'x')
    return call === null ? null : JSON.parse(call.body)
  }
  assert.deepEqual([told('accepted'), told('sent'), told('deferred')], [null, null, null])
  const hard = told('bounced', 'hard bounce: 550 5.1.1 no such user')
  assert.deepEqual(
    [hard.event, hard.hard_bounce, hard.error, hard.comment, hard.time],
    ['bounce', true, 'user unknown', '550 5.1.1 no such user', 1801387860],
  )
  assert.equal(told('bounced', 'soft bounce').hard_bounce, false)
  assert.equal(told('clicked', 'https://example.com/x').url, 'https://example.com/x')
  const types = ['delivered', 'opened', 'complained', 'unsubscribed', 'suppressed'] as const
  assert.deepEqual(
    types.map((type) => told(type).event),
    ['sent', 'open', 'spam', 'unsub', 'blocked'],
  )
})
