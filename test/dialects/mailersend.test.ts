/** MailerSend's own SDK, pointed at us: what arrives at another vendor means the same, and errors are its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attachment, EmailParams, MailerSend, Recipient, Sender } from 'mailersend'
import { MailerSendUtils } from 'mailersend/lib/services/mailersend.utils.js'
import { call } from '../../src/dialects/mailersend-events.ts'
import type { Waypost } from '../support/waypost.ts'
import { eventOf, hooked, hooksHere, sentMessage } from './hook.ts'
import { spoken } from './speaking.ts'

/** It knows no other address than its own. */
function sdk(gateway: Waypost, prefix = ''): MailerSend['email'] {
  const { email } = new MailerSend({ apiKey: 'mlsn.123' })
  for (const module of [email, email.schedule]) Object.assign(module, { baseUrl: `${gateway.url}${prefix}/v1` })
  // `/v1/messages` at the root is our own.
  Object.assign(email.message, { baseUrl: `${gateway.url}/mailersend/v1` })
  return email
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

function rich(): EmailParams {
  return new EmailParams()
    .setFrom(new Sender('sender@example.com', 'Sender, Inc.'))
    .setTo([new Recipient('ann@example.org', 'Änn')])
    .setCc([new Recipient('bob@example.org')])
    .setBcc([new Recipient('carl@example.org')])
    .setReplyTo(new Sender('help@example.com'))
    .setSubject('Grüße')
    .setText('Hello Ann')
    .setHtml('<p>Hello <img src="cid:logo"></p>')
    .setHeaders([{ name: 'X-Order', value: '17' }])
    .setTags(['spring'])
    .setAttachments([
      new Attachment(base64('%PDF'), 'a.pdf'),
      new Attachment(base64('png'), 'logo.png', 'inline', 'logo'),
    ])
}

const means = {
  from: 'Sender, Inc. <sender@example.com>',
  to: ['Änn <ann@example.org>'],
  cc: ['bob@example.org'],
  bcc: ['carl@example.org'],
  replyTo: ['help@example.com'],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  tags: ['spring'],
  metadata: {},
  attachments: [
    { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
    { filename: 'logo.png', type: 'image/png', content: 'cG5n', contentId: 'logo', inline: true },
  ],
}

function plain(...to: string[]): EmailParams {
  return new EmailParams()
    .setFrom(new Sender('ann@example.com'))
    .setTo((to.length > 0 ? to : ['bob']).map((name) => new Recipient(`${name}@example.org`)))
    .setSubject('Hi')
    .setText('Hello')
}

for (const prefix of ['', '/mailersend']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const email = sdk(gateway, prefix)
      const { statusCode, headers, body } = await email.send(rich())
      assert.equal(statusCode, 202)
      assert.ok(!body)
      const id = headers['x-message-id']
      assert.match(id, /^[0-9a-f]{32}$/)
      assert.deepEqual(await arrived(1), [means])
      const { data } = (await email.message.single(id)).body
      assert.deepEqual([data.id, data.emails.length, data.emails[0].subject], [id, 3, 'Grüße'])
    }))
}

test('fills in what each recipient is to see', () =>
  spoken(async ({ gateway, arrived }) => {
    const greeting = plain('a', 'b', 'c')
      .setSubject('Hi {{ name }}')
      .setText('{% if vip %}Dear{% else %}Hello{% endif %} {{ person.first | upper }}')
      .setHtml('<p>{{ name }}</p>')
      .setCc([new Recipient('copy@example.org')])
      .setPersonalization(
        ['a', 'b'].map((name, n) => ({
          email: `${name}@example.org`,
          data: { name: `<${name}>`, person: { first: name }, vip: n === 0 },
        })),
      )
    const { headers } = await sdk(gateway).send(greeting)
    assert.ok(headers['x-message-id'])
    const found = (await arrived(3)).map(({ to, cc, subject, text, html }) => [...to, cc.length, subject, text, html])
    assert.deepEqual(found.toSorted(), [
      ['a@example.org', 1, 'Hi <a>', 'Dear A', '<p>&lt;a&gt;</p>'],
      ['b@example.org', 0, 'Hi <b>', 'Hello B', '<p>&lt;b&gt;</p>'],
      ['c@example.org', 0, 'Hi ', 'Hello ', '<p></p>'],
    ])
    const variables = [{ email: 'a@example.org', substitutions: [{ var: 'name', value: 'Ann' }] }]
    await sdk(gateway).send({ ...plain('a'), text: 'Hello {$name} {{ kept }}', variables } as never)
    assert.deepEqual((await arrived(1))[0]!.text, 'Hello Ann {{ kept }}')
  }))

test('takes many in one call, and tells how it stands with them', () =>
  spoken(async ({ gateway, arrived }) => {
    const email = sdk(gateway)
    const { body, statusCode } = await email.sendBulk([plain('a'), plain('b', 'c'), plain('d')])
    assert.equal(statusCode, 202)
    assert.equal((await arrived(3)).length, 3)
    const { data } = (await email.getBulkStatus(body.bulk_email_id)).body
    assert.deepEqual([data.state, data.total_recipients_count, data.messages_id.length], ['completed', 4, 3])
    const subjects = await Promise.all(
      data.messages_id.map(async (id: string) => (await email.message.single(id)).body.data.emails[0].recipient.email),
    )
    assert.deepEqual(subjects, ['a@example.org', 'b@example.org', 'd@example.org'])
    await assert.rejects(email.sendBulk([plain('a'), plain('not an address')]), (error: { body: { errors: object } }) =>
      Object.keys(error.body.errors).includes('1.to.0.email'),
    )
    await email.send(plain('e'))
    assert.deepEqual((await arrived(1))[0]!.to, ['e@example.org'])
  }))

test('schedules and cancels, all that is under one id', () =>
  spoken(async ({ gateway }) => {
    const email = sdk(gateway)
    const later = plain('a', 'b')
      .setSendAt(Math.floor(Date.now() / 1000) + 3600)
      .setPersonalization([{ email: 'a@example.org', data: { n: 1 } }])
    const { headers } = await email.send(later)
    const id = headers['x-message-id']
    assert.equal((await email.schedule.single(id)).body.data.status, 'scheduled')
    assert.equal((await email.schedule.delete(id)).statusCode, 204)
    assert.equal((await email.schedule.single(id)).body.data.status, 'error')
    const { body } = await gateway.get('/v1/messages')
    assert.deepEqual(
      body.messages.map(({ status }: { status: string }) => status),
      ['canceled', 'canceled'],
    )
  }))

test('warns of suppressed recipients', () =>
  spoken(async ({ gateway, arrived }) => {
    await fetch(`${gateway.url}/v1/suppressions/a@example.org`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    const some = await sdk(gateway).send(plain('a', 'b'))
    assert.deepEqual([some.statusCode, some.body.warnings[0].type], [202, 'SOME_SUPPRESSED'])
    assert.ok(some.headers['x-message-id'])
    const all = await sdk(gateway).send(plain('a'))
    assert.deepEqual([all.statusCode, all.body.warnings[0].type], [202, 'ALL_SUPPRESSED'])
    assert.equal(all.headers['x-message-id'], undefined)
    assert.equal((await arrived(1)).length, 1)
  }))

test('says no in its own words', async () => {
  const more = `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]`
  // It throws plain objects.
  const said = (sending: Promise<unknown>) =>
    sending.then(
      () => assert.fail('it was taken'),
      (error: { statusCode: number; body: { message: string; errors?: object } }) => error,
    )
  await spoken(
    async ({ gateway }) => {
      const { statusCode, body } = await said(sdk(gateway).send(plain()))
      assert.deepEqual([statusCode, body], [401, { message: 'Unauthenticated.' }])
    },
    { more },
  )
  await spoken(async ({ gateway }) => {
    const fields = async (mail: object) => {
      const { statusCode, body } = await said(sdk(gateway).send({ ...plain(), ...mail } as EmailParams))
      assert.deepEqual([statusCode, body.message.length > 0], [422, true])
      return Object.keys(body.errors!)
    }
    assert.deepEqual(await fields({ to: [] }), ['to'])
    assert.deepEqual(await fields({ subject: undefined }), ['subject'])
    assert.deepEqual(await fields({ text: undefined }), ['text'])
    assert.deepEqual(await fields({ from: { email: 'nobody' } }), ['from.email'])
    assert.deepEqual(await fields({ reply_to: { email: 'nobody' } }), ['reply_to.email'])
    assert.deepEqual(await fields({ to: [{ email: 'a@example.org' }, { email: 'nobody' }] }), ['to.1.email'])
    assert.deepEqual(await fields({ template_id: 'x' }), ['template_id'])
    assert.deepEqual(await fields({ attachments: [{ filename: 'a', content: '!' }] }), ['attachments.0.content'])
    assert.deepEqual(await fields({ personalization: [{ email: 'x@y.test', data: {} }] }), ['personalization.0.email'])
    assert.deepEqual(
      await fields({ text: '{% nothing %}', personalization: [{ email: 'bob@example.org', data: {} }] }),
      ['text'],
    )
    const answers = await Promise.all([
      fetch(`${gateway.url}/mailersend/v1/nothing`),
      fetch(`${gateway.url}/mailersend/v1/email`),
      fetch(`${gateway.url}/v1/email`, { method: 'POST', body: 'not json' }),
      fetch(`${gateway.url}/v1/bulk-email`, { method: 'POST', body: '[]' }),
      fetch(`${gateway.url}/v1/bulk-email/123`),
    ])
    const found = await Promise.all(
      answers.map(async (answer) => [answer.status, typeof (await answer.json()).message]),
    )
    assert.deepEqual(
      found,
      [404, 405, 400, 422, 404].map((status) => [status, 'string']),
    )
    const ignored = await fetch(`${gateway.url}/v1/email`, {
      method: 'POST',
      body: JSON.stringify({ ...plain(), settings: { track_clicks: true }, language: 'de' }),
    })
    assert.equal(ignored.headers.get('x-waypost-ignored'), 'language, settings.track_clicks')
  })
})

test('tells webhooks as it does, and its SDK believes them', () =>
  spoken(
    ({ gateway }) =>
      hooked(gateway, 'mailersend', async ({ added, told }) => {
        const { headers } = await sdk(gateway).send(rich())
        const { headers: signed, body } = await told('carl@example.org')
        assert.ok(MailerSendUtils.verifyWebHook(body as never, signed.signature as string, added.secret!))
        const { type, data } = JSON.parse(body)
        assert.deepEqual(
          [type, data.type, data.email.message.id, data.email.tags],
          ['activity.sent', 'sent', headers['x-message-id'], ['spring']],
        )
      }),
    hooksHere,
  ))

test('has a word for each kind of event', async () => {
  const told = async (...event: Parameters<typeof eventOf>) => {
    const made = await call(eventOf(...event), sentMessage, 'secret')
    const found = made && JSON.parse(made.body)
    return found && [found.type, found.data.morph]
  }
  const bounce = (reason: string) => ({ object: 'recipient_bounce', reason, readable_reason: reason })
  assert.deepEqual(await told('bounced', 'hard bounce: 550 5.1.1 no'), [
    'activity.hard_bounced',
    bounce('550 5.1.1 no'),
  ])
  assert.deepEqual(await told('bounced', 'block bounce: spam'), ['activity.soft_bounced', bounce('spam')])
  assert.deepEqual(await told('clicked', 'https://x.test/'), [
    'activity.clicked',
    { object: 'click', url: 'https://x.test/', ip: null },
  ])
  assert.equal((await told('complained'))![0], 'activity.spam_complaint')
  assert.equal((await told('expired', 'too late'))![0], 'activity.soft_bounced')
  assert.equal(await told('suppressed', 'on the suppression list'), null)
})
