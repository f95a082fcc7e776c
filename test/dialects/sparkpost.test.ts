/** SparkPost's own SDK, pointed at us: what arrives at another vendor means the same, and errors are its own. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import sparkpost from '../../src/dialects/sparkpost.ts'
import { eventually, type Waypost } from '../support/waypost.ts'
import { webhookTarget } from '../support/webhook-target.ts'
import { everything } from './happened.ts'
import { eventOf, sentMessage } from './hook.ts'
import { type Arrived, spoken } from './speaking.ts'

// It has no types.
const SparkPost = createRequire(import.meta.url)('sparkpost')

interface Answer {
  errors?: { message: string; code: string }[]
  results: {
    id: string
    total_accepted_recipients: number
    total_rejected_recipients: number
    rcpt_to_errors?: { message: string; description: string; code: string }[]
  }
}

function client(gateway: Waypost, { key = 'key-1', prefix = '' } = {}) {
  const sdk = new SparkPost(key, { origin: gateway.url + prefix })
  return {
    send: async (transmission: object, options = {}) =>
      (await sdk.transmissions.send(transmission, options)) as unknown as Answer,
    events: async (asked: object) =>
      (await sdk.events.searchMessage(asked)) as unknown as { results: Record<string, unknown>[] },
  }
}

const png = Buffer.from('png').toString('base64')

const rich = {
  options: { transactional: true, open_tracking: false },
  campaign_id: 'spring',
  metadata: { place: 'Bedrock', age: 24 },
  recipients: [{ address: { email: 'ann@example.org', name: 'Änn' }, tags: ['sale'] }],
  cc: [{ address: { email: 'bob@example.org', name: 'Bob' }, tags: ['sale'] }],
  bcc: [{ address: 'carl@example.org', tags: ['sale'] }],
  content: {
    from: { name: 'Sender, Inc.', email: 'sender@example.com' },
    subject: 'Grüße aus {{place}}',
    reply_to: 'help@example.com, desk@example.com',
    headers: { 'X-Order': '17' },
    text: 'Hello from {{place}}',
    html: '<p>Hello from {{place}} <img src="cid:logo"></p>',
    attachments: [{ name: 'a.pdf', type: 'application/pdf', data: 'JVBERg==' }],
    inline_images: [{ name: 'logo', type: 'image/png', data: png }],
  },
}

const means: Arrived = {
  from: 'Sender, Inc. <sender@example.com>',
  to: ['Änn <ann@example.org>'],
  cc: ['Bob <bob@example.org>'],
  bcc: ['carl@example.org'],
  replyTo: ['help@example.com', 'desk@example.com'],
  subject: 'Grüße aus Bedrock',
  text: 'Hello from Bedrock',
  html: '<p>Hello from Bedrock <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  tags: ['spring', 'sale'],
  metadata: { place: 'Bedrock', age: '24', campaign_id: 'spring' },
  attachments: [
    { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
    { filename: 'logo', type: 'image/png', content: png, contentId: 'logo', inline: true },
  ],
}

const plain = {
  recipients: [{ address: 'bob@example.org' }],
  content: { from: 'ann@example.com', subject: 'Hi', text: 'Hello' },
}

const failed = (status: number, code: string | undefined, message: RegExp) => (thrown: unknown) => {
  const error = thrown as { name: string; statusCode: number; errors: { message: string; code?: string }[] }
  assert.deepEqual([error.name, error.statusCode, error.errors[0]?.code], ['SparkPostError', status, code])
  assert.match(JSON.stringify(error.errors[0]), message)
  return true
}

/** Without the SDK. */
async function call(gateway: Waypost, method: string, path: string, body?: string) {
  const headers = { authorization: 'key-1', 'content-type': 'application/json' }
  const answer = await fetch(gateway.url + path, { method, headers, ...(body === undefined ? {} : { body }) })
  return { status: answer.status, headers: answer.headers, body: await answer.json() }
}

for (const prefix of ['', '/sparkpost']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const { results } = await client(gateway, { prefix }).send(rich)
      assert.match(results.id, /^\d+$/)
      assert.deepEqual([results.total_accepted_recipients, results.total_rejected_recipients], [3, 0])
      assert.deepEqual(await arrived(1), [means])
    }))
}

test('makes a copy for each recipient, merged, and others who are shown are not mailed twice', () =>
  spoken(async ({ gateway, arrived }) => {
    const people = ['Ann', 'Bob', '<Carl>'].map((name, n) => ({
      address: { email: `p${n}@example.org`, name },
      substitution_data: { name },
      metadata: { n },
    }))
    const { results } = await client(gateway).send({
      recipients: people,
      substitution_data: { name: 'nobody', items: [{ n: 1 }, { n: 2 }] },
      content: {
        from: 'ann@example.com',
        subject: 'Hi {{name}}',
        html: '<p>{{name}}: {{each items}}{{loop_var.n}};{{end}} {{email}}</p>',
        text: '{{name}}{{if n == 1}} the second{{end}}',
        headers: { 'X-Name': '{{address.email}}' },
      },
    })
    assert.equal(results.total_accepted_recipients, 3)
    const mails = (await arrived(3)).toSorted((a, b) => a.to[0]!.localeCompare(b.to[0]!))
    assert.deepEqual(
      mails.map(({ subject, html, text, headers, metadata }) => [subject, html, text, headers, metadata]),
      [
        ['Hi Ann', '<p>Ann: 1;2; p0@example.org</p>', 'Ann', { 'X-Name': 'p0@example.org' }, { n: '0' }],
        ['Hi Bob', '<p>Bob: 1;2; p1@example.org</p>', 'Bob the second', { 'X-Name': 'p1@example.org' }, { n: '1' }],
        ['Hi <Carl>', '<p>&lt;Carl&gt;: 1;2; p2@example.org</p>', '<Carl>', { 'X-Name': 'p2@example.org' }, { n: '2' }],
      ].toSorted(),
    )
    await client(gateway).send({
      ...plain,
      recipients: [{ address: 'ann@example.org' }, { address: 'bob@example.org' }],
      cc: [{ address: 'carl@example.org' }],
    })
    const copies = (await arrived(3)).flatMap(({ to, cc, bcc }) => [...to, ...cc, ...bcc])
    assert.deepEqual(copies.toSorted(), ['ann@example.org', 'bob@example.org', 'carl@example.org'])
    const everyone = 'ann@example.org, Bob <bob@example.org>'
    const shown = ['ann@example.org', 'bob@example.org', 'carl@example.org'].map((email) => ({
      address: { email, header_to: everyone },
    }))
    await client(gateway).send({ ...plain, recipients: shown })
    const [one] = await arrived(1)
    assert.deepEqual([one?.to, one?.bcc], [['ann@example.org', 'Bob <bob@example.org>'], ['carl@example.org']])
  }))

test('leaves bodies as they are where it is asked to, but not the headers', () =>
  spoken(async ({ gateway, arrived }) => {
    await client(gateway).send({
      ...plain,
      options: { perform_substitutions: false },
      substitution_data: { name: 'Ann' },
      content: { from: 'ann@example.com', subject: 'Hi {{name}}', text: 'Hello {{name}}' },
    })
    const [one] = await arrived(1)
    assert.deepEqual([one?.subject, one?.text], ['Hi Ann', 'Hello {{name}}'])
  }))

test('sends ready-made mail, with values put in', () =>
  spoken(async ({ gateway, arrived }) => {
    const mail = (subject: string, body: string) =>
      [
        'From: Sender <sender@example.com>',
        'To: "{{address.name}}" <{{address.email}}>',
        `Subject: ${subject}`,
        'Content-Type: text/plain; charset=utf-8',
        'Content-Transfer-Encoding: base64',
        '',
        Buffer.from(body).toString('base64'),
        '',
      ].join('\n')
    const recipients = ['Ann', 'Zoë\r\nBcc: eve@example.org'].map((name, n) => ({
      address: { email: `p${n}@example.org`, name },
    }))
    await client(gateway).send({
      recipients,
      content: { email_rfc822: mail('Hi {{address.name}}', 'Hello {{email}}') },
    })
    const mails = (await arrived(2)).toSorted((a, b) => a.to[0]!.localeCompare(b.to[0]!))
    assert.deepEqual(
      mails.map(({ to, bcc, subject, text }) => [to, bcc, subject, text?.trim()]),
      [
        [['Ann <p0@example.org>'], [], 'Hi Ann', 'Hello p0@example.org'],
        [['Zoë Bcc: eve@example.org <p1@example.org>'], [], 'Hi Zoë Bcc: eve@example.org', 'Hello p1@example.org'],
      ],
    )
    const fixed = 'From: sender@example.com\nTo: all@example.org\nSubject: Hi\n\nHello\n'
    await client(gateway).send({ recipients, content: { email_rfc822: fixed } })
    // Nobody of them stands in it, and nobody is shown to another.
    assert.deepEqual((await arrived(2)).flatMap(({ to }) => to).toSorted(), ['p0@example.org', 'p1@example.org'])
  }))

test('schedules and cancels, and sends nothing from the sandbox', () =>
  spoken(async ({ gateway, vendor }) => {
    const at = new Date(Date.now() + 3_600_000)
    await client(gateway).send({ ...plain, options: { start_time: at.toISOString() } })
    const { body } = await gateway.get('/v1/messages')
    const message = (await gateway.get(`/v1/messages/${body.messages[0].id}`)).body
    assert.equal(Date.parse(message.sendAt), at.getTime())
    const two = [...plain.recipients, { address: 'ann@example.org' }]
    const { results } = await client(gateway).send({
      ...plain,
      recipients: two,
      options: { start_time: at.toISOString() },
    })
    const path = `/api/v1/transmissions/${results.id}`
    const state = async () => (await call(gateway, 'GET', path)).body.results.transmission.state
    assert.equal(await state(), 'submitted')
    const remove = () => fetch(gateway.url + path, { method: 'DELETE' })
    assert.equal((await remove()).status, 204)
    assert.equal(await state(), 'Canceled')
    const [, second] = (await gateway.get('/v1/messages')).body.messages
    assert.equal((await gateway.get(`/v1/messages/${second.id}`)).body.recipients[0].status, 'canceled')
    const again = await remove()
    assert.deepEqual([again.status, (await again.json()).errors[0].code], [409, '2006'])
    const gone = await call(gateway, 'GET', '/api/v1/transmissions/17')
    assert.deepEqual([gone.status, gone.body.errors[0].code], [404, '1600'])
    const dry = await client(gateway).send({ ...plain, options: { sandbox: true } })
    assert.deepEqual([dry.results.total_accepted_recipients, /^\d+$/.test(dry.results.id)], [1, true])
    assert.equal((await gateway.get('/v1/messages')).body.messages.length, 3)
    assert.equal(vendor.taken.length, 0)
  }))

test('sends to those who can be mailed, and says who cannot', () =>
  spoken(async ({ gateway, arrived }) => {
    const recipients = [{ address: 'nobody' }, { address: 'bob@example.org' }, { address: { name: 'No one' } }]
    const answer = await client(gateway).send({ ...plain, recipients })
    const { errors, results } = answer
    assert.deepEqual(errors, [{ message: 'transmission created, but with validation errors', code: '2000' }])
    assert.deepEqual([results.total_accepted_recipients, results.total_rejected_recipients], [1, 2])
    assert.deepEqual(
      results.rcpt_to_errors?.map(({ code, description }) => [code, description]),
      [
        ['1300', 'invalid recipient address: nobody'],
        ['1400', 'address.email is required for each recipient'],
      ],
    )
    const few = await client(gateway).send({ ...plain, recipients }, { num_rcpt_errors: 1 })
    assert.equal(few.results.rcpt_to_errors?.length, 1)
    assert.equal((await arrived(2)).length, 2)
    await assert.rejects(
      client(gateway).send({ ...plain, recipients: [{ address: 'nobody' }] }),
      failed(400, '5002', /no valid recipients/),
    )
  }))

test('says no in its own words', async () => {
  const hash = createHash('sha256').update('key-1').digest('hex')
  const more = `keys: [{ hash: "sha256:${hash}", tenant: acme, scopes: [send], from: [example.com] }]`
  await spoken(
    async ({ gateway }) => {
      await assert.rejects(client(gateway, { key: 'wrong' }).send(plain), failed(401, undefined, /Unauthorized\./))
      const foreign = { ...plain, content: { ...plain.content, from: 'ann@example.net' } }
      await assert.rejects(client(gateway).send(foreign), failed(400, '7001', /Invalid domain/))
      assert.equal((await client(gateway).send(plain)).results.total_accepted_recipients, 1)
      await assert.rejects(client(gateway).events({}), failed(403, undefined, /Forbidden\./))
      const basic = await fetch(`${gateway.url}/api/v1/transmissions`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('key-1:')}` },
        body: JSON.stringify(plain),
      })
      assert.equal(basic.status, 200)
    },
    { more },
  )
  await spoken(async ({ gateway, vendor }) => {
    const refused = (more: object, code: string, message: RegExp) =>
      assert.rejects(client(gateway).send({ ...plain, ...more }), failed(422, code, message))
    const content = (more: object) => ({ content: { ...plain.content, ...more } })
    await refused({ recipients: { list_id: 'all' } }, '1603', /Subresource not found/)
    await refused({ content: { template_id: 'welcome' } }, '1603', /template_id 'welcome'/)
    await refused({ content: { ab_test_id: 'x' } }, '1603', /ab_test_id/)
    await refused({ content: { from: 'ann@example.com', text: 'x' } }, '1400', /subject/)
    await refused({ content: { from: 'ann@example.com', subject: 'x' } }, '1400', /html.*text/)
    await refused({ recipients: [] }, '1400', /recipients or list_id required/)
    await refused(content({ text: 'Hello {{name' }), '3000', /substitution language syntax error/)
    await refused(content({ from: 'nobody' }), '1300', /content\.from/)
    await refused(content({ headers: { From: 'x' } }), '1300', /content\.headers\.From/)
    await refused(content({ attachments: [{ name: 'a', type: 'text/plain', url: 'https://x' }] }), '1400', /data/)
    await refused({ options: { skip_suppression: true } }, '1300', /skip_suppression/)
    const answers = await Promise.all([
      call(gateway, 'GET', '/sparkpost/api/v1/nothing'),
      call(gateway, 'DELETE', '/sparkpost/api/v1/transmissions'),
      call(gateway, 'POST', '/api/v1/transmissions/', 'not json'),
      call(gateway, 'GET', '/api/v1/events/message?ip_pools=x'),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [404, 405, 400, 422],
    )
    for (const { body } of answers) assert.equal(typeof body.errors[0].message, 'string')
    const odd = JSON.stringify({ ...plain, options: { ip_pool: 'x', transactional: true }, description: 'y' })
    const taken = await call(gateway, 'POST', '/api/v1/transmissions', odd)
    assert.equal(taken.headers.get('x-waypost-ignored'), 'description, options.ip_pool')
    await eventually(() => vendor.taken.length === 1, 'the last one arrives, and no other')
  })
})

test('tells events: when it is asked, and to webhooks with their credentials', () =>
  spoken(
    async ({ gateway }) => {
      const target = await webhookTarget()
      try {
        const url = target.url.replace('//', '//user:secret@')
        const headers = { 'X-Own': 'yes' }
        assert.equal((await gateway.post('/v1/webhooks', { url, dialect: 'sparkpost', headers })).status, 201)
        const two = [...rich.recipients, { address: 'dora@example.org' }]
        const { results } = await client(gateway).send({ ...rich, recipients: two, cc: [], bcc: [] })
        const told = await eventually(() => target.posted.find(({ body }) => body.includes('ann@')), 'it is told')
        assert.deepEqual([told.headers.authorization, told.headers['x-own']], [`Basic ${btoa('user:secret')}`, 'yes'])
        assert.ok(told.headers['x-messagesystems-batch-id'])
        const [{ msys }] = JSON.parse(told.body)
        const event = msys.message_event
        assert.deepEqual(
          [event.type, event.transmission_id, event.campaign_id, event.rcpt_tags, event.rcpt_meta, event.rcpt_to],
          ['injection', results.id, 'spring', ['sale'], { place: 'Bedrock', age: '24' }, 'ann@example.org'],
        )
        const asked = { events: ['injection', 'bounce'], transmissions: results.id, campaigns: 'spr*' }
        const found = await eventually(async () => {
          const { results } = await client(gateway).events(asked)
          return results.length === 2 && results
        }, 'both are found')
        assert.deepEqual(found.map(({ rcpt_to }) => rcpt_to).toSorted(), ['ann@example.org', 'dora@example.org'])
        assert.equal(found.find(({ rcpt_to }) => rcpt_to === 'ann@example.org')?.event_id, event.event_id)
        const page = await call(gateway, 'GET', '/api/v1/events/message?per_page=1&events=injection')
        const next = page.body.links.find(({ rel }: { rel: string }) => rel === 'next').href
        const second = await call(gateway, 'GET', next)
        assert.deepEqual([page.body.results.length, second.body.results.length], [1, 1])
        assert.notEqual(page.body.results[0].event_id, second.body.results[0].event_id)
        assert.deepEqual((await client(gateway).events({ transmissions: '1' })).results, [])
        assert.deepEqual((await client(gateway).events({ events: 'relay_tempfail' })).results, [])
      } finally {
        await target.close()
      }
    },
    { more: 'webhooks: { allowPrivate: true }' },
  ))

test('has a word for what happened to each recipient, and for nothing else', () => {
  const told: Record<string, unknown[] | null> = {}
  for (const [type, detail] of everything) {
    const call = sparkpost.tells.call(eventOf(type, detail), sentMessage, '{}')
    const [[kind, event]] = call
      ? Object.entries<Record<string, string>>(JSON.parse(call.body)[0].msys)
      : [[null, null]]
    told[detail === null ? type : `${type}: ${detail}`] = event && [
      kind,
      event.type,
      ...(event.bounce_class ? [event.bounce_class, event.error_code] : []),
      ...(event.target_link_url ? [event.target_link_url] : []),
    ]
  }
  assert.deepEqual(told, {
    accepted: null,
    sent: ['message_event', 'injection'],
    deferred: ['message_event', 'delay', '20', '450'],
    delivered: ['message_event', 'delivery'],
    bounced: ['message_event', 'bounce', '20', '550'],
    complained: ['message_event', 'spam_complaint'],
    opened: ['track_event', 'open'],
    clicked: ['track_event', 'click'],
    unsubscribed: ['unsubscribe_event', 'list_unsubscribe'],
    rejected: ['message_event', 'policy_rejection', '50', '550'],
    suppressed: ['message_event', 'policy_rejection', '25', '554'],
    expired: ['message_event', 'bounce', '24', '554'],
    held: null,
    failover: null,
    canceled: null,
    'bounced: hard bounce: 550 5.1.1 no such user': ['message_event', 'bounce', '10', '550'],
    'bounced: soft bounce: mailbox full': ['message_event', 'bounce', '20', '550'],
    'bounced: block bounce: 554 5.7.1 spam': ['message_event', 'bounce', '50', '554'],
    'deferred: 451 4.7.1 greylisted': ['message_event', 'delay', '20', '451'],
    'suppressed: on the suppression list': ['message_event', 'policy_rejection', '25', '554'],
    'suppressed: complaint told by main': null,
    'clicked: https://example.com/a': ['track_event', 'click', 'https://example.com/a'],
  })
})
