/** Brevo's own SDK, pointed at us: what arrives at another vendor means the same, and errors are its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Brevo, BrevoClient, BrevoError } from '@getbrevo/brevo'
import brevo from '../../src/dialects/brevo.ts'
import { eventOf, hooked, hooksHere, sentMessage } from './hook.ts'
import { spoken } from './speaking.ts'

const client = (url: string, apiKey = 'xkeysib-1') =>
  new BrevoClient({ apiKey, baseUrl: `${url}/v3`, maxRetries: 0 }).transactionalEmails

const plain = {
  sender: { email: 'ann@example.com' },
  to: [{ email: 'bob@example.org' }],
  subject: 'Hi',
  textContent: 'Hello',
}

const rich = {
  sender: { email: 'sender@example.com', name: 'Sénder' },
  to: [{ email: 'ann@example.org', name: 'Änn' }],
  cc: [{ email: 'bob@example.org' }],
  bcc: [{ email: 'carl@example.org' }],
  replyTo: { email: 'help@example.com', name: 'Help' },
  subject: 'Grüße, {{ params.who }}',
  textContent: 'Hello {{params.who}}',
  htmlContent: '<p>Hello {{ params.who }}{% if params.vip %}!{% endif %}</p>',
  params: { who: 'Tom & Ann', vip: true },
  headers: { 'X-Order': '17', 'X-Mailin-custom': '{"order":"17"}', 'sender.ip': '192.0.2.1' },
  tags: ['spring'],
  attachment: [{ name: 'a.pdf', content: Buffer.from('%PDF').toString('base64') }],
}

for (const prefix of ['', '/brevo']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const { data, rawResponse } = await client(gateway.url + prefix)
        .sendTransacEmail(rich)
        .withRawResponse()
      assert.equal(rawResponse.status, 201)
      assert.equal(rawResponse.headers.get('x-waypost-ignored'), 'headers.sender.ip')
      assert.match(data.messageId!, /^<msg_\w+@example\.com>$/)
      const [mail] = await arrived(1)
      assert.deepEqual(mail, {
        from: 'Sénder <sender@example.com>',
        to: ['Änn <ann@example.org>'],
        cc: ['bob@example.org'],
        bcc: ['carl@example.org'],
        replyTo: ['Help <help@example.com>'],
        subject: 'Grüße, Tom & Ann',
        text: 'Hello Tom & Ann',
        html: '<p>Hello Tom &amp; Ann!</p>',
        headers: { 'X-Order': '17' },
        tags: ['spring'],
        metadata: { order: '17' },
        attachments: [
          { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
        ],
      })
    }))
}

test('makes a mail of each version, all of them or none', () =>
  spoken(async ({ gateway, vendor, arrived }) => {
    const emails = client(gateway.url)
    const { to: _, ...shared } = {
      ...plain,
      subject: 'Hi {{params.name}}',
      textContent: '{{params.name}}: {{params.what}}',
    }
    const versions = ['a', 'b', 'c'].map((name) => ({ to: [{ email: `${name}@example.org` }], params: { name } }))
    const batch = { ...shared, params: { what: 'tea' }, messageVersions: versions }
    const { messageIds } = await emails.sendTransacEmail(batch)
    assert.equal(new Set(messageIds).size, 3)
    const mails = (await arrived(3)).map(({ to, subject, text }) => [to[0], subject, text]).toSorted()
    assert.deepEqual(mails[2], ['c@example.org', 'Hi c', 'c: tea'])
    const wrong = [...versions, { to: [{ email: 'nobody' }], params: { name: 'd' } }]
    await assert.rejects(
      emails.sendTransacEmail({ ...batch, messageVersions: wrong }),
      /messageVersions\[3\]\.to\[0\]\.email/,
    )
    assert.equal(vendor.taken.length, 3)
  }))

test('schedules and cancels', () =>
  spoken(async ({ gateway }) => {
    const emails = client(gateway.url)
    const scheduledAt = new Date(Date.now() + 3_600_000).toISOString()
    const { data, rawResponse } = await emails.sendTransacEmail({ ...plain, scheduledAt }).withRawResponse()
    assert.equal(rawResponse.status, 202)
    const identifier = data.messageId!
    const shown = await fetch(`${gateway.url}/v3/smtp/emailStatus/${encodeURIComponent(identifier)}`)
    const { createdAt, ...status } = (await shown.json()) as Record<string, string>
    assert.deepEqual(status, { scheduledAt, status: 'queued' })
    await emails.deleteScheduledEmailById({ identifier })
    await assert.rejects(emails.deleteScheduledEmailById({ identifier }), BrevoError)
  }))

test('the same key is the same mail, and the sandbox sends none', () =>
  spoken(async ({ gateway, arrived }) => {
    const emails = client(gateway.url)
    const keyed = { ...plain, headers: { 'Idempotency-Key': 'k1' } }
    const first = await emails.sendTransacEmail(keyed)
    assert.deepEqual(await emails.sendTransacEmail(keyed), first)
    await assert.rejects(emails.sendTransacEmail({ ...keyed, subject: 'Other' }), /duplicate_parameter/)
    const { messageId } = await emails.sendTransacEmail({ ...plain, headers: { 'X-Sib-Sandbox': 'drop' } })
    assert.match(messageId!, /^<msg_0+@/)
    await assert.rejects(
      emails.sendTransacEmail({ ...plain, to: [{ email: 'x' }], headers: { 'X-Sib-Sandbox': 'drop' } }),
      Brevo.BadRequestError,
    )
    assert.equal((await arrived(1)).length, 1)
  }))

test('fields of whatever name are told as ignored', () =>
  spoken(async ({ gateway }) => {
    const { status, headers } = await gateway.post('/v3/smtp/email', { ...plain, headers: [], params: [], 'été\n': 1 })
    assert.deepEqual([status, headers.get('x-waypost-ignored')], [201, '?t??'])
  }))

test('says no in its own words', async () => {
  await spoken(
    async ({ gateway }) => {
      await assert.rejects(client(gateway.url, 'xkeysib-wrong').sendTransacEmail(plain), BrevoError)
    },
    { more: `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]` },
  )
  await spoken(async ({ gateway }) => {
    const said = async (mail: object) => {
      try {
        return String((await client(gateway.url).sendTransacEmail({ ...plain, ...mail } as never)).messageId)
      } catch (error) {
        assert(error instanceof Brevo.BadRequestError)
        const { code, message } = error.body as unknown as Record<string, string>
        return [code, message]
      }
    }
    assert.deepEqual(await said({ sender: { email: 'nobody' } }), [
      'invalid_parameter',
      'sender.email: The address has no @.',
    ])
    assert.deepEqual(await said({ to: [] }), ['missing_parameter', 'to is missing'])
    assert.deepEqual((await said({ templateId: 7 }))[0], 'invalid_parameter')
    assert.match((await said({ attachment: [{ url: 'https://example.com/a.pdf' }] }))[1]!, /attachment\.url/)
    assert.match((await said({ textContent: '{{ contact.FIRSTNAME }}' }))[1]!, /`contact` is not known here/)
    assert.match((await said({ headers: { Subject: 'x' } }))[1]!, /^headers\.Subject: /)
    const answers = await Promise.all([
      fetch(`${gateway.url}/brevo/v3/nothing`),
      fetch(`${gateway.url}/brevo/v3/smtp/email`),
      fetch(`${gateway.url}/v3/smtp/email/`, { method: 'POST', body: 'not json' }),
      fetch(`${gateway.url}/v3/smtp/emailStatus/none`),
      fetch(`${gateway.url}/v3/account`),
    ])
    const codes = await Promise.all(answers.map(async (answer) => [answer.status, (await answer.json()).code]))
    assert.deepEqual(codes, [
      [404, 'document_not_found'],
      [405, 'method_not_allowed'],
      [400, 'bad_request'],
      [404, 'document_not_found'],
      [200, undefined],
    ])
  })
})

test('tells webhooks as it does, under the token of their owner', () =>
  spoken(
    ({ gateway }) =>
      hooked(gateway, 'brevo', async ({ added, told }) => {
        const { messageId } = await client(gateway.url).sendTransacEmail(rich)
        const { body, headers } = await told('request')
        assert.equal(headers.authorization, `Bearer ${added.token}`)
        const event = JSON.parse(body)
        assert.deepEqual(
          [event.event, event['message-id'], event.subject, event.tags, event['X-Mailin-custom']],
          ['request', messageId, 'Grüße, Tom & Ann', ['spring'], '{"order":"17"}'],
        )
      }),
    hooksHere,
  ))

test('has its own words for what happens', () => {
  const told = (...event: Parameters<typeof eventOf>) => {
    const call = brevo.tells.call(eventOf(...event), sentMessage, 'x', 0)
    return call === null ? null : JSON.parse(call.body)
  }
  assert.equal(told('accepted'), null)
  const hard = told('bounced', 'hard bounce: 550 5.1.1 no such user')
  assert.deepEqual([hard.event, hard.reason, hard.ts_epoch], ['hard_bounce', '550 5.1.1 no such user', 1801387860000])
  assert.equal(told('bounced', 'block bounce').event, 'soft_bounce')
  assert.equal(told('clicked', 'https://example.com/x by a bot').link, 'https://example.com/x')
  assert.deepEqual(
    (['complained', 'suppressed', 'rejected', 'unsubscribed'] as const).map((type) => told(type).event),
    ['spam', 'blocked', 'error', 'unsubscribed'],
  )
})
