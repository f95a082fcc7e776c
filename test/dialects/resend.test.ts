/** Resend's own SDK, pointed at us: what arrives at another vendor means the same, and errors are its own. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { Resend } from 'resend'
import { eventually } from '../support/waypost.ts'
import { spoken } from './speaking.ts'

const rich = {
  from: 'Sender, Inc. <sender@example.com>'.replace('Sender, Inc.', '"Sender, Inc."'),
  to: ['Ann <ann@example.org>'],
  cc: 'bob@example.org',
  bcc: ['carl@example.org'],
  replyTo: ['help@example.com', 'desk@example.com'],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  tags: [{ name: 'campaign', value: 'spring' }],
  attachments: [
    { filename: 'a.pdf', content: Buffer.from('%PDF'), contentType: 'application/pdf' },
    { filename: 'logo.png', content: Buffer.from('png').toString('base64'), contentId: 'logo' },
  ],
}

const means = {
  from: 'Sender, Inc. <sender@example.com>',
  to: ['Ann <ann@example.org>'],
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

const plain = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hello' }

for (const prefix of ['', '/resend']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const resend = new Resend('re_123', { baseUrl: gateway.url + prefix })
      const { data, error } = await resend.emails.send(rich)
      assert.equal(error, null)
      assert.deepEqual(await arrived(1), [means])
      await eventually(async () => (await resend.emails.get(data!.id)).data?.last_event === 'sent', 'it is sent')
      const shown = await resend.emails.get(data!.id)
      assert.deepEqual([shown.data?.subject, shown.data?.to], ['Grüße', ['ann@example.org', 'bob@example.org']])
    }))
}

test('takes a batch, all of it or what is right', () =>
  spoken(async ({ gateway, arrived }) => {
    const resend = new Resend('re_123', { baseUrl: gateway.url })
    const three = ['a', 'b', 'c'].map((name) => ({ ...plain, to: `${name}@example.org` }))
    const { data } = await resend.batch.send(three)
    assert.equal(data?.data.length, 3)
    assert.deepEqual(
      (await arrived(3)).flatMap(({ to }) => to).toSorted(),
      three.map(({ to }) => to),
    )
    const mixed = [plain, { ...plain, to: 'nobody' }]
    assert.equal((await resend.batch.send(mixed)).error?.name, 'validation_error')
    const permissive = await resend.batch.send(mixed, { batchValidation: 'permissive' })
    assert.deepEqual([permissive.data?.data.length, permissive.data?.errors?.[0]?.index], [1, 1])
    assert.deepEqual((await arrived(1)).length, 1)
  }))

test('schedules, moves and cancels', () =>
  spoken(async ({ gateway }) => {
    const resend = new Resend('re_123', { baseUrl: gateway.url })
    const soon = new Date(Date.now() + 3_600_000).toISOString()
    const later = new Date(Date.now() + 7_200_000).toISOString()
    const { data } = await resend.emails.send({ ...plain, scheduledAt: soon })
    const id = data!.id
    assert.equal((await resend.emails.get(id)).data?.last_event, 'scheduled')
    assert.equal((await resend.emails.update({ id, scheduledAt: later })).data?.id, id)
    assert.equal((await resend.emails.get(id)).data?.scheduled_at, later)
    assert.equal((await resend.emails.cancel(id)).data?.id, id)
    assert.equal((await resend.emails.get(id)).data?.last_event, 'canceled')
    assert.equal((await resend.emails.cancel(id)).error?.message.length !== 0, true)
  }))

test('the same key is the same email, and with another body it is a mistake', () =>
  spoken(async ({ gateway, arrived }) => {
    const resend = new Resend('re_123', { baseUrl: gateway.url })
    const first = await resend.emails.send(plain, { idempotencyKey: 'k1' })
    const again = await resend.emails.send(plain, { idempotencyKey: 'k1' })
    assert.equal(again.data?.id, first.data?.id)
    const other = await resend.emails.send({ ...plain, subject: 'Other' }, { idempotencyKey: 'k1' })
    assert.equal(other.error?.name, 'invalid_idempotent_request')
    assert.equal((await arrived(1)).length, 1)
  }))

test('says no in its own words', async () => {
  const more = `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]`
  await spoken(
    async ({ gateway }) => {
      const { error } = await new Resend('re_wrong', { baseUrl: gateway.url }).emails.send(plain)
      assert.deepEqual([error?.name, error?.statusCode], ['invalid_api_key', 403])
      const missing = await fetch(`${gateway.url}/emails`, { method: 'POST', body: '{}' })
      assert.deepEqual([missing.status, (await missing.json()).name], [401, 'missing_api_key'])
    },
    { more },
  )
  await spoken(async ({ gateway }) => {
    const resend = new Resend('re_123', { baseUrl: gateway.url })
    const name = async (email: object) => (await resend.emails.send({ ...plain, ...email } as never)).error?.name
    assert.equal(await name({ from: 'nobody' }), 'invalid_from_address')
    assert.equal(await name({ to: 'nobody' }), 'validation_error')
    assert.equal(await name({ attachments: [{ filename: 'a', path: 'https://example.com/a' }] }), 'validation_error')
    assert.equal((await resend.emails.get('00000000-0000-0000-0000-000000000000')).error?.name, 'not_found')
    const answers = await Promise.all([
      fetch(`${gateway.url}/resend/nothing`),
      fetch(`${gateway.url}/resend/emails`),
      fetch(`${gateway.url}/emails/`, { method: 'POST', body: 'not json' }),
    ])
    const said = await Promise.all(answers.map(async (answer) => [answer.status, (await answer.json()).name]))
    assert.deepEqual(said, [
      [404, 'not_found'],
      [405, 'method_not_allowed'],
      [400, 'validation_error'],
    ])
  })
})

test('tells webhooks as it does, and its SDK believes them', () =>
  spoken(
    async ({ gateway }) => {
      const calls: { headers: Record<string, string>; body: string }[] = []
      const target = createServer((request, response) => {
        let body = ''
        request.on('data', (piece) => (body += piece))
        request.on('end', () => {
          calls.push({ headers: request.headers as Record<string, string>, body })
          response.end()
        })
      })
      await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
      try {
        const url = `http://127.0.0.1:${(target.address() as { port: number }).port}/hook`
        const { body: webhook } = await gateway.post('/v1/webhooks', { url, dialect: 'resend' })
        const resend = new Resend('re_123', { baseUrl: gateway.url })
        const { data } = await resend.emails.send(rich)
        const sent = await eventually(() => calls.find(({ body }) => body.includes('email.sent')), 'it is told')
        const event = resend.webhooks.verify({
          payload: sent.body,
          headers: {
            id: sent.headers['svix-id']!,
            timestamp: sent.headers['svix-timestamp']!,
            signature: sent.headers['svix-signature']!,
          },
          webhookSecret: webhook.secret,
        }) as { type: string; data: { email_id: string; tags: object } }
        assert.deepEqual(
          [event.type, event.data.email_id, event.data.tags],
          ['email.sent', data!.id, { campaign: 'spring' }],
        )
      } finally {
        target.closeAllConnections()
        target.close()
      }
    },
    { more: 'webhooks: { allowPrivate: true }' },
  ))
