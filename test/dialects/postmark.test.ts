/** Postmark's own SDK, pointed at us: what arrives at another vendor means the same, and errors are its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Errors, Models, ServerClient } from 'postmark'
import { eventually } from '../support/waypost.ts'
import { webhookTarget } from '../support/webhook-target.ts'
import { spoken } from './speaking.ts'

const rich = {
  From: '"Sender, Inc." <sender@example.com>',
  To: 'Änn Õne <ann@example.org>, "Two, Dan" <dan@example.org>',
  Cc: 'bob@example.org',
  Bcc: 'carl@example.org',
  ReplyTo: 'help@example.com, desk@example.com',
  Subject: 'Grüße',
  TextBody: 'Hello Ann',
  HtmlBody: '<p>Hello <img src="cid:logo"></p>',
  Headers: [{ Name: 'X-Order', Value: '17' }],
  Tag: 'spring',
  Metadata: { campaign: 'spring' },
  MessageStream: 'outbound',
  Attachments: [
    new Models.Attachment('a.pdf', Buffer.from('%PDF').toString('base64'), 'application/pdf'),
    new Models.Attachment('logo.png', Buffer.from('png').toString('base64'), 'image/png', 'cid:logo'),
  ],
}

const means = {
  from: 'Sender, Inc. <sender@example.com>',
  to: ['Änn Õne <ann@example.org>', 'Two, Dan <dan@example.org>'],
  cc: ['bob@example.org'],
  bcc: ['carl@example.org'],
  replyTo: ['help@example.com', 'desk@example.com'],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  tags: ['spring'],
  metadata: { campaign: 'spring' },
  attachments: [
    { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
    { filename: 'logo.png', type: 'image/png', content: 'cG5n', contentId: 'logo', inline: true },
  ],
}

const plain = { From: 'ann@example.com', To: 'bob@example.org', Subject: 'Hi', TextBody: 'Hello' }

function client(url: string, token = 'token') {
  return new ServerClient(token, { useHttps: false, requestHost: url.replace('http://', '') })
}

for (const prefix of ['', '/postmark']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const postmark = client(gateway.url + prefix)
      const sent = await postmark.sendEmail(rich)
      assert.deepEqual(
        [sent.ErrorCode, sent.Message, sent.To],
        [0, 'OK', 'Änn Õne <ann@example.org>, "Two, Dan" <dan@example.org>'],
      )
      assert.match(sent.SubmittedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/)
      assert.deepEqual(await arrived(1), [means])
      const details = await eventually(async () => {
        const read = await postmark.getOutboundMessageDetails(sent.MessageID)
        return read.Status === 'Sent' && read
      }, 'it is sent')
      assert.deepEqual(
        [details.Subject, details.Tag, details.Metadata, details.Recipients.length, details.Bcc[0]?.Email],
        ['Grüße', 'spring', { campaign: 'spring' }, 4, 'carl@example.org'],
      )
      assert.equal((await postmark.getServer()).DeliveryType, 'Live')
    }))
}

test('takes a batch, and says of each what became of it', () =>
  spoken(async ({ gateway, arrived }) => {
    const postmark = client(gateway.url)
    const batch = ['a@example.org', 'nobody', 'b@example.org'].map((To) => ({ ...plain, To }))
    const results = await postmark.sendEmailBatch(batch)
    assert.deepEqual(
      results.map(({ ErrorCode }) => ErrorCode),
      [0, 300, 0],
    )
    assert.match(results[1]!.Message, /^Invalid 'To' address/)
    assert.deepEqual((await arrived(2)).flatMap(({ to }) => to).toSorted(), ['a@example.org', 'b@example.org'])
    const many = Array.from({ length: 501 }, () => plain)
    await assert.rejects(postmark.sendEmailBatch(many), { code: 410, statusCode: 422 })
  }))

test('refuses templates in its words', () =>
  spoken(async ({ gateway }) => {
    const postmark = client(gateway.url)
    const template = { From: 'a@example.com', To: 'b@example.org', TemplateAlias: 'welcome', TemplateModel: {} }
    await assert.rejects(postmark.sendEmailWithTemplate(template), {
      code: 1101,
      statusCode: 422,
      name: 'ApiInputError',
    })
    const each = await postmark.sendEmailBatchWithTemplates([template, template])
    assert.deepEqual(
      each.map(({ ErrorCode }) => ErrorCode),
      [1101, 1101],
    )
  }))

test('whom a list keeps from mail is an inactive recipient', () =>
  spoken(async ({ gateway, arrived }) => {
    const postmark = client(gateway.url)
    for (const email of ['gone', 'left']) {
      await fetch(`${gateway.url}/v1/suppressions/${email}@example.org`, { method: 'PUT' })
    }
    const both = await postmark
      .sendEmail({ ...plain, To: 'Gone@example.org, left@example.org' })
      .catch((error) => error)
    assert.ok(both instanceof Errors.InactiveRecipientsError)
    assert.deepEqual([both.code, both.recipients], [406, ['gone@example.org', 'left@example.org']])
    const one = await postmark.sendEmail({ ...plain, Cc: 'gone@example.org' })
    assert.equal(one.ErrorCode, 0)
    assert.match(one.Message, /will not deliver to these inactive addresses: gone@example.org\. Inactive/)
    assert.deepEqual((await arrived(1))[0]!.cc, [])
  }))

test('says no in its own words', async () => {
  const more = `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]`
  await spoken(
    async ({ gateway }) => {
      const wrong = await client(gateway.url, 'wrong')
        .sendEmail(plain)
        .catch((error) => error)
      assert.ok(wrong instanceof Errors.InvalidAPIKeyError)
      assert.deepEqual([wrong.code, wrong.statusCode], [10, 401])
    },
    { more },
  )
  await spoken(async ({ gateway, vendor }) => {
    const postmark = client(gateway.url)
    const says = async (email: object) => {
      const error = await postmark.sendEmail({ ...plain, ...email } as never).catch((error) => error)
      assert.ok(error instanceof Errors.ApiInputError, String(error))
      return [error.code, error.message]
    }
    assert.match(String(await says({ From: 'nobody' })), /^300,Invalid 'From' address: /)
    assert.match(String(await says({ To: '' })), /^300,Invalid 'To' address: /)
    assert.match(String(await says({ TextBody: '' })), /^300,Invalid 'TextBody' field: /)
    assert.match(String(await says({ MessageStream: 'nowhere' })), /^1235,/)
    assert.match(String(await says({ Headers: [{ Name: 'Subject', Value: 'x' }] })), /^300,Invalid 'Headers' field: /)
    assert.match(String(await says({ TemplateId: 7 })), /^1101,/)
    await assert.rejects(postmark.getOutboundMessageDetails('nothing'), { code: 701, statusCode: 422 })
    await assert.rejects(postmark.getBounce(7), { code: 407, statusCode: 422 })
    const answers = await Promise.all([
      fetch(`${gateway.url}/postmark/nothing`),
      fetch(`${gateway.url}/email`),
      fetch(`${gateway.url}/postmark/email`),
      fetch(`${gateway.url}/email/`, { method: 'POST', body: 'not json' }),
    ])
    const said = await Promise.all(
      answers.map(async (answer) => [
        answer.status,
        answer.headers.get('content-type'),
        (await answer.json()).ErrorCode,
      ]),
    )
    assert.deepEqual(said[0], [404, 'application/json', 0])
    assert.deepEqual(said[2], [405, 'application/json', 0])
    assert.deepEqual(said[3], [422, 'application/json', 402])
    const tested = await client(gateway.url, 'POSTMARK_API_TEST').sendEmail(plain)
    assert.equal(tested.Message, 'Test job accepted')
    assert.equal(vendor.taken.length, 0)
  })
})

test('takes what it does not do, and says so; an Idempotency-Key sends once', () =>
  spoken(async ({ gateway, arrived }) => {
    const headers = { 'idempotency-key': 'k1' }
    const body = { ...plain, TrackOpens: true, InlineCss: true, TrackLinks: 'None' }
    const first = await gateway.post('/email', body, headers)
    assert.equal(first.headers.get('x-waypost-ignored'), 'TrackOpens, InlineCss')
    const again = await gateway.post('/email', body, headers)
    assert.equal(again.body.MessageID, first.body.MessageID)
    assert.equal((await arrived(1)).length, 1)
  }))

test('tells webhooks as it does, with the credentials and headers that it was given', () =>
  spoken(
    async ({ gateway, vendor }) => {
      vendor.next({ reply: refusedRecipient })
      const target = await webhookTarget()
      try {
        const url = target.url.replace('http://', 'http://hook:p%40ss@')
        const added = await gateway.post('/v1/webhooks', { url, dialect: 'postmark', headers: { 'X-Token': 't1' } })
        assert.deepEqual([added.status, added.body.url, added.body.secret], [201, target.url, undefined])
        const postmark = client(gateway.url)
        const sent = await postmark.sendEmail({ ...plain, Tag: 'spring', Metadata: { order: '17' } })
        const told = await eventually(() => target.posted[0], 'it is told')
        assert.equal(told.headers.authorization, `Basic ${Buffer.from('hook:p@ss').toString('base64')}`)
        assert.equal(told.headers['x-token'], 't1')
        const record = JSON.parse(told.body)
        assert.deepEqual(
          [record.RecordType, record.MessageID, record.Email, record.Tag, record.Metadata, record.MessageStream],
          ['Bounce', sent.MessageID, 'bob@example.org', 'spring', { order: '17' }, 'outbound'],
        )
        const bounce = await postmark.getBounce(record.ID)
        assert.deepEqual([bounce.ID, bounce.MessageID, bounce.Type], [record.ID, sent.MessageID, record.Type])
        const list = await postmark.getBounces({ emailFilter: 'bob@example.org' })
        assert.deepEqual([list.TotalCount, list.Bounces[0]!.ID], [1, record.ID])
        assert.equal((await postmark.getBounces({ offset: 1 })).Bounces.length, 0)
        assert.equal((await postmark.getBounces({ emailFilter: 'ann@example.org' })).TotalCount, 0)
      } finally {
        await target.close()
      }
    },
    { more: 'webhooks: { allowPrivate: true }' },
  ))

test('credentials and headers have no place where calls are signed', () =>
  spoken(async ({ gateway }) => {
    for (const body of [
      { url: 'https://a:b@example.com/', dialect: 'resend' },
      { url: 'https://example.com/', dialect: 'resend', headers: { 'x-a': 'b' } },
      { url: 'https://example.com/', dialect: 'postmark', headers: { Host: 'b' } },
    ]) {
      assert.equal((await gateway.post('/v1/webhooks', body)).status, 422)
    }
  }))

test('whatever comes is no bug', () =>
  spoken(async ({ gateway }) => {
    for (const strange of [null, 7, 'x', [null], [7], [[]], {}, { a: null }]) {
      for (const field of [...Object.keys(rich), 'TemplateModel', 'TrackLinks']) {
        const { status } = await gateway.post('/email', { ...plain, [field]: strange })
        assert.ok(status === 200 || status === 422, `${field}: ${JSON.stringify(strange)} is ${status}`)
      }
      const batch = await gateway.post('/email/batch', [strange, plain])
      assert.deepEqual([batch.status, batch.body[1].ErrorCode], [200, 0])
      const { status } = await gateway.post('/email/batchWithTemplates', { Messages: strange })
      assert.ok(status === 200 || status === 422)
    }
  }))

/** What the vendor behind us says of one whose address it takes for wrong. */
const refusedRecipient = {
  status: 400,
  body: JSON.stringify({
    errors: [{ message: 'Does not contain a valid address.', field: 'personalizations.0.to.0.email', help: null }],
  }),
}
