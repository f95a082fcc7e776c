/** AhaSend has no SDK for Node: calls are made as its documents say. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { Webhook } from 'standardwebhooks'
import ahasend from '../../src/dialects/ahasend.ts'
import { eventually, type Waypost } from '../support/waypost.ts'
import { eventOf, hooked, hooksHere, sentMessage } from './hook.ts'
import { spoken } from './speaking.ts'

const messages = '/v2/accounts/84d6c28b-dce0-4a1b-9d55-ee0b9f0d9b3c/messages'

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON came back
type Json = any

interface Said {
  status: number
  headers: Headers
  body: Json
}

async function call(url: string, method = 'GET', body?: unknown, headers: Record<string, string> = {}): Promise<Said> {
  const answer = await fetch(url, {
    method,
    headers: { authorization: 'Bearer aha-sk-1', 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: answer.status, headers: answer.headers, body: await answer.json() }
}

const post = ({ url }: Waypost, path: string, body: unknown, headers?: Record<string, string>) =>
  call(url + path, 'POST', body, headers)

const plain = {
  from: { email: 'ann@example.com' },
  recipients: [{ email: 'bob@example.org' }],
  subject: 'Hi',
  text_content: 'Hello',
}

const rich = {
  from: { email: 'sender@example.com', name: 'Sénder' },
  to: [{ email: 'ann@example.org', name: 'Änn' }],
  cc: [{ email: 'bob@example.org' }],
  bcc: [{ email: 'carl@example.org' }],
  reply_to: { email: 'help@example.com', name: 'Help' },
  subject: 'Grüße, {{who}}',
  text_content: 'Hello {{who}}',
  html_content: '<p>Hello <img src="cid:logo@x"></p>',
  headers: { 'X-Order': '17', 'Message-ID': '<a@example.com>' },
  tags: ['spring'],
  tracking: { open: true },
  attachments: [
    { file_name: 'a.pdf', content_type: 'application/pdf', base64: true, data: 'JVBERg==' },
    { file_name: 'ä.txt', content_type: 'text/plain', data: 'Grüße' },
    { file_name: 'logo.png', content_type: 'image/png', base64: true, data: 'cG5n', content_id: '<logo@x>' },
    { file_name: 'no.png', content_type: 'image/png', base64: true, data: 'cG5n', content_id: 'no@x' },
  ],
}

test('what is tested is what its document allows', () => {
  const ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv)
  const schema = readFileSync(new URL('../adapters/openapi/ahasend.json', import.meta.url), 'utf8')
  assert(ajv.validate(JSON.parse(schema), rich), ajv.errorsText())
})

for (const prefix of ['', '/ahasend']) {
  test(`carries a rich conversation whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const { status, headers, body } = await post(gateway, `${prefix}${messages}/conversation`, rich)
      assert.equal(status, 202)
      assert.equal(headers.get('x-waypost-ignored'), 'tracking, headers.Message-ID')
      assert.equal(body.object, 'list')
      const id = body.data[0].id
      assert.match(id, /^<[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}@example\.com>$/)
      assert.deepEqual(
        body.data,
        [...rich.to, ...rich.cc, ...rich.bcc].map((recipient) => ({
          object: 'message',
          id,
          recipient,
          status: 'queued',
          error: null,
        })),
      )
      const file = { contentId: undefined, inline: false }
      const [mail] = await arrived(1)
      assert.deepEqual(mail, {
        from: 'Sénder <sender@example.com>',
        to: ['Änn <ann@example.org>'],
        cc: ['bob@example.org'],
        bcc: ['carl@example.org'],
        replyTo: ['Help <help@example.com>'],
        // Conversations have no substitutions.
        subject: 'Grüße, {{who}}',
        text: 'Hello {{who}}',
        html: '<p>Hello <img src="cid:logo@x"></p>',
        headers: { 'X-Order': '17' },
        tags: ['spring'],
        metadata: {},
        attachments: [
          { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', ...file },
          { filename: 'ä.txt', type: 'text/plain', content: 'R3LDvMOfZQ==', ...file },
          { filename: 'logo.png', type: 'image/png', content: 'cG5n', contentId: 'logo@x', inline: true },
          { filename: 'no.png', type: 'image/png', content: 'cG5n', ...file },
        ],
      })
      for (const name of [id, id.slice(1, 37)]) {
        const shown = async () => (await call(`${gateway.url}${messages}/${encodeURIComponent(name)}`)).body
        await eventually(async () => (await shown()).status === 'sent', 'it is sent')
        const { message_id, subject, recipient } = await shown()
        assert.deepEqual([message_id, subject, recipient], [id, rich.subject, 'ann@example.org'])
      }
    }))
}

test('makes a mail for each recipient, with substitutions', () =>
  spoken(async ({ gateway, vendor, arrived }) => {
    const recipients = ['a', 'b', 'c'].map((who) => ({ email: `${who}@example.org`, substitutions: { who } }))
    const mail = {
      ...plain,
      recipients,
      substitutions: { who: 'you', what: 'tea & cake' },
      subject: 'Hi {{ who|upper }}',
      text_content: '{{what}} for {{who}}{{nobody}}, {{ nobody|default("soon") }}',
      headers: { 'X-Who': '{{who}}', 'Reply-To': 'Help <help@example.com>, desk@example.com' },
    }
    const { body } = await post(gateway, messages, mail)
    assert.equal(new Set(body.data.map(({ id }: Json) => id)).size, 3)
    assert.deepEqual(body.data[1].recipient, recipients[1])
    const mails = (await arrived(3)).toSorted((one, two) => one.to[0]!.localeCompare(two.to[0]!))
    const { to, subject, text, headers, replyTo } = mails[1]!
    assert.deepEqual([to, subject, text], [['b@example.org'], 'Hi B', 'tea & cake for b, soon'])
    assert.deepEqual([headers, replyTo], [{ 'X-Who': 'b' }, ['Help <help@example.com>', 'desk@example.com']])
    const wrong = await post(gateway, messages, { ...mail, recipients: [...recipients, { email: 'nobody' }] })
    assert.deepEqual([wrong.status, wrong.body.message], [400, 'recipients[3].email: The address has no @.'])
    assert.equal(vendor.taken.length, 3)
  }))

test('schedules and cancels', () =>
  spoken(async ({ gateway }) => {
    const schedule = {
      first_attempt: new Date(Date.now() + 3_600_000).toISOString(),
      expires: new Date(Date.now() + 7_200_000).toISOString(),
    }
    const { body } = await post(gateway, messages, { ...plain, schedule })
    assert.deepEqual([body.data[0].status, body.data[0].schedule], ['scheduled', schedule])
    const one = `${gateway.url}${messages}/${encodeURIComponent(body.data[0].id)}`
    assert.equal((await call(one)).body.status, 'scheduled')
    assert.equal((await call(`${one}/cancel`, 'DELETE')).status, 200)
    assert.equal((await call(one)).body.status, 'canceled')
    assert.equal((await call(`${one}/cancel`, 'DELETE')).status, 400)
  }))

test('the same key is the same mail, and with another body it is a mistake; the sandbox sends none', () =>
  spoken(async ({ gateway, arrived }) => {
    const key = { 'idempotency-key': 'k1' }
    const first = await post(gateway, messages, plain, key)
    const again = await post(gateway, messages, plain, key)
    assert.deepEqual([again.status, again.body], [202, first.body])
    assert.deepEqual(
      [first, again].map(({ headers }) => headers.get('idempotent-replayed')),
      ['false', 'true'],
    )
    assert.equal((await post(gateway, messages, { ...plain, subject: 'Other' }, key)).status, 422)
    assert.equal((await post(gateway, messages, { ...plain, headers: [], sandbox: true })).status, 202)
    assert.equal((await post(gateway, messages, { ...plain, from: { email: 'x' }, sandbox: true })).status, 400)
    assert.equal((await arrived(1)).length, 1)
  }))

test('says no in its own words', async () => {
  await spoken(
    async ({ gateway }) => {
      const wrong = await post(gateway, messages, plain)
      assert.deepEqual([wrong.status, wrong.body], [401, { message: 'Invalid API key' }])
      const none = await post(gateway, messages, plain, { authorization: '' })
      assert.deepEqual([none.status, none.body], [401, { message: 'Missing or malformed bearer token' }])
    },
    { more: `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]` },
  )
  await spoken(async ({ gateway }) => {
    const said = async (mail: object, path = messages) => {
      const { status, body } = await post(gateway, path, { ...plain, ...mail })
      return [status, body.message]
    }
    assert.deepEqual(await said({ from: { email: 'x' } }), [400, 'from.email: The address has no @.'])
    assert.deepEqual(await said({ recipients: [] }), [400, 'recipients is required'])
    assert.deepEqual(await said({ text_content: '' }), [400, 'either text_content or html_content is required'])
    assert.match((await said({ text_content: '{% shell %}' }))[1], /^text_content: The tag `shell`/)
    assert.match(
      (await said({ reply_to: plain.from, headers: { 'reply-to': 'a@example.com' } }))[1],
      /: reply-to header cannot/,
    )
    assert.deepEqual(await said({}, '/v2/accounts/17/messages'), [400, 'invalid account_id'])
    assert.equal((await said({}, `${messages}/template`))[0], 404)
    const answers = await Promise.all([
      call(`${gateway.url}/ahasend/v2/nothing`),
      call(`${gateway.url}/ahasend/v2/ping`, 'POST', {}),
      call(`${gateway.url}${messages}/`, 'POST', 'not json'),
      call(`${gateway.url}${messages}/00000000-0000-0000-0000-000000000000`),
      call(`${gateway.url}/v2/ping`),
    ])
    assert.deepEqual(
      answers.map(({ status, body }) => [status, Object.keys(body)]),
      [404, 405, 400, 404, 200].map((status) => [status, ['message']]),
    )
  })
})

test('tells webhooks as it does, signed with the secret as it is written', () =>
  spoken(
    ({ gateway }) =>
      hooked(gateway, 'ahasend', async ({ added, told }) => {
        const { body: sent } = await post(gateway, messages, plain)
        const { body, headers } = await told('message.reception')
        // As its documents have it: the library of the standard, given the secret raw.
        const verified = new Webhook(added.secret!, { format: 'raw' }).verify(
          body,
          headers as Record<string, string>,
        ) as Json
        assert.deepEqual(
          [verified.type, verified.data.message_id_header, verified.data.recipient],
          ['message.reception', sent.data[0].id, 'bob@example.org'],
        )
      }),
    hooksHere,
  ))

test('has its own words for what happens', async () => {
  const told = async (...event: Parameters<typeof eventOf>) => {
    const call = await ahasend.tells.call(eventOf(...event), sentMessage, 'x', 0)
    return call === null ? null : JSON.parse(call.body)
  }
  assert.deepEqual([await told('accepted'), await told('complained')], [null, null])
  const hard = await told('bounced', 'hard bounce: 550 5.1.1 no such user')
  assert.deepEqual(
    [hard.type, hard.data.event, hard.data.delivery_attempt],
    [
      'message.bounced',
      'on_bounced',
      {
        classification: 'InvalidRecipient',
        smtp_code: 550,
        enhanced_status_code: '5.1.1',
        response: '550 5.1.1 no such user',
      },
    ],
  )
  assert.equal((await told('clicked', 'https://example.com/x')).data.url, 'https://example.com/x')
  const types = ['deferred', 'delivered', 'opened', 'rejected', 'suppressed'] as const
  assert.deepEqual(await Promise.all(types.map(async (type) => (await told(type)).type)), [
    'message.transient_error',
    'message.delivered',
    'message.opened',
    'message.failed',
    'message.suppressed',
  ])
})
