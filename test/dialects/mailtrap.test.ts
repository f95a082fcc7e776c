/** Mailtrap's own SDK, pointed at us: what arrives at another vendor means the same, and errors are its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Mail, MailtrapClient, verifyWebhookSignature } from 'mailtrap'
import mailtrap from '../../src/dialects/mailtrap.ts'
import type { Waypost } from '../support/waypost.ts'
import { eventOf, hooked, hooksHere, sentMessage } from './hook.ts'
import { spoken } from './speaking.ts'

/** It knows no other address than its own. */
function sdk(gateway: Waypost, prefix = '', options = {}): MailtrapClient {
  const client = new MailtrapClient({ token: 'token', ...options })
  return Object.assign(client, { determineHost: () => gateway.url + prefix }) as MailtrapClient
}

const rich: Mail = {
  from: { email: 'sender@example.com', name: 'Sender, Inc.' },
  to: [{ email: 'ann@example.org', name: 'Änn' }],
  cc: [{ email: 'bob@example.org' }],
  bcc: [{ email: 'carl@example.org' }],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17', 'Reply-To': 'help@example.com, =?utf-8?Q?D=C3=A4sk?= <desk@example.com>' },
  category: 'spring',
  custom_variables: { campaign: 'spring-26', n: 7 },
  attachments: [
    { filename: 'a.pdf', content: Buffer.from('%PDF'), type: 'application/pdf' },
    { filename: 'logo.png', content: Buffer.from('png'), disposition: 'inline', content_id: 'logo' },
  ],
}

const means = {
  from: 'Sender, Inc. <sender@example.com>',
  to: ['Änn <ann@example.org>'],
  cc: ['bob@example.org'],
  bcc: ['carl@example.org'],
  replyTo: ['help@example.com', 'Däsk <desk@example.com>'],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  tags: ['spring'],
  metadata: { campaign: 'spring-26', n: '7' },
  attachments: [
    { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
    { filename: 'logo.png', type: 'image/png', content: 'cG5n', contentId: 'logo', inline: true },
  ],
}

const plain = {
  from: { email: 'ann@example.com' },
  to: [{ email: 'bob@example.org' }],
  subject: 'Hi',
  text: 'Hello',
}

for (const prefix of ['', '/mailtrap']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const { success, message_ids } = await sdk(gateway, prefix).send(rich)
      assert.deepEqual([success, new Set(message_ids).size], [true, 3])
      for (const id of message_ids) assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      assert.deepEqual(await arrived(1), [means])
    }))
}

test('takes a batch, each message by itself', () =>
  spoken(async ({ gateway, arrived }) => {
    const { to: _, ...base } = plain
    const answer = await sdk(gateway).batchSend({
      base,
      requests: [
        { to: [{ email: 'a@example.org' }] },
        { to: [{ email: 'nobody' }] },
        { to: [{ email: 'b@example.org' }], subject: 'Own' },
        { to: [{ email: 'c@example.org' }], template_uuid: 'x' } as never,
      ],
    })
    assert.equal(answer.success, true)
    assert.deepEqual(
      answer.responses.map((one) => [one.success, one.message_ids?.length, one.errors?.length]),
      [
        [true, 1, undefined],
        [false, undefined, 1],
        [true, 1, undefined],
        [false, undefined, 1],
      ],
    )
    const found = (await arrived(2)).map(({ to, subject }) => [...to, subject])
    assert.deepEqual(found.toSorted(), [
      ['a@example.org', 'Hi'],
      ['b@example.org', 'Own'],
    ])
  }))

test('sends nothing of what is for a test inbox, and takes a token in its own header', () =>
  spoken(async ({ gateway, arrived }) => {
    const test = sdk(gateway, '', { sandbox: true, testInboxId: 42 })
    assert.deepEqual((await test.send(rich)).message_ids.length, 1)
    assert.equal((await test.batchSend({ requests: [plain] })).responses.length, 1)
    await assert.rejects(test.send({ ...plain, to: [{ email: 'nobody' }] }))
    await fetch(`${gateway.url}/api/send/`, {
      method: 'POST',
      headers: { 'api-token': 'token' },
      body: JSON.stringify({ ...plain, subject: 'Real', tracking: false, 'f\nr\u65e5m': 1 }),
    }).then((answer) => assert.equal(answer.headers.get('x-waypost-ignored'), 'tracking, f?r?m'))
    assert.deepEqual(
      (await arrived(1)).map(({ subject }) => subject),
      ['Real'],
    )
  }))

test('says no in its own words', async () => {
  const more = `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]`
  const said = (sending: Promise<unknown>) =>
    sending.then(
      () => assert.fail('it was taken'),
      (error: Error) => {
        assert.equal(error.constructor.name, 'MailtrapError')
        return [(error.cause as { response: { status: number } }).response.status, error.message] as const
      },
    )
  await spoken(async ({ gateway }) => assert.deepEqual(await said(sdk(gateway).send(plain)), [401, 'Unauthorized']), {
    more,
  })
  await spoken(async ({ gateway }) => {
    const send = (mail: object) => said(sdk(gateway).send({ ...plain, ...mail } as Mail))
    assert.deepEqual(await send({ subject: '' }), [400, "'subject' is required"])
    assert.deepEqual(await send({ text: undefined }), [400, 'must specify either text or html body'])
    assert.match((await send({ to: [] }))[1], /^'to' is required/)
    assert.match((await send({ from: { email: 'nobody' } }))[1], /^'from\.email' /)
    assert.match((await send({ cc: [{ email: 'nobody' }] }))[1], /^'cc\.0\.email' /)
    assert.match((await send({ template_uuid: 'x' }))[1], /^'template_uuid' /)
    assert.match((await send({ headers: { Subject: 'x' } }))[1], /^'headers\.Subject' /)
    assert.match((await send({ custom_variables: { a: {} } }))[1], /^'custom_variables\.a' /)
    const answers = await Promise.all([
      fetch(`${gateway.url}/mailtrap/api/nothing`),
      fetch(`${gateway.url}/mailtrap/api/send`),
      fetch(`${gateway.url}/api/send`, { method: 'POST', body: 'not json' }),
      fetch(`${gateway.url}/api/batch`, { method: 'POST', body: '{}' }),
    ])
    const found = await Promise.all(
      answers.map(async (answer) => {
        const { success, errors } = await answer.json()
        return [answer.status, success, errors.length]
      }),
    )
    assert.deepEqual(found, [
      [404, false, 1],
      [405, false, 1],
      [400, false, 1],
      [400, false, 1],
    ])
  })
})

test('tells webhooks as it does, and its SDK believes them', () =>
  spoken(
    ({ gateway }) =>
      hooked(gateway, 'mailtrap', async ({ added, told }) => {
        assert.match(added.signing_secret!, /^[0-9a-f]{32}$/)
        const suppress = await fetch(`${gateway.url}/v1/suppressions/bob@example.org`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ reason: 'bounce' }),
        })
        assert.ok(suppress.ok)
        const { message_ids } = await sdk(gateway).send(rich)
        const { headers, body } = await told('reject')
        assert.ok(verifyWebhookSignature(body, headers['mailtrap-signature'] as string, added.signing_secret!))
        const [event] = JSON.parse(body).events
        assert.deepEqual(
          [event.event, event.email, event.message_id, event.category, event.custom_variables],
          ['reject', 'bob@example.org', message_ids[1], 'spring', { campaign: 'spring-26', n: '7' }],
        )
      }),
    hooksHere,
  ))

test('has a word for each kind of event', async () => {
  const told = async (...event: Parameters<typeof eventOf>) => {
    const made = await mailtrap.tells.call(eventOf(...event), sentMessage, 'secret')
    return made && JSON.parse(made.body).events[0]
  }
  const hard = await told('bounced', 'hard bounce: 550 5.1.1 no such user')
  assert.deepEqual(
    [hard.event, hard.bounce_category, hard.response_code, hard.response],
    ['bounce', 'badrecipient', 550, '550 5.1.1 no such user'],
  )
  assert.equal((await told('bounced', 'block bounce: spam')).bounce_category, 'other')
  assert.equal((await told('deferred', '451 later')).event, 'soft bounce')
  assert.deepEqual((await told('clicked', 'https://x.test/')).url, 'https://x.test/')
  assert.equal((await told('suppressed', 'on the suppression list')).event, 'reject')
  assert.equal(await told('suppressed', 'bounce told by other'), null)
  assert.equal(await told('sent'), null)
})
