/** Mailgun's own SDK, pointed at us: what arrives at another vendor means the same, and errors are its own. */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import Mailgun from 'mailgun.js'
import type { MailgunMessageData } from 'mailgun.js/definitions'
import mailgun from '../../src/dialects/mailgun.ts'
import { eventually, type Waypost } from '../support/waypost.ts'
import { status, webhookTarget } from '../support/webhook-target.ts'
import { everything } from './happened.ts'
import { eventOf, sentMessage } from './hook.ts'
import { type Arrived, spoken } from './speaking.ts'

const domain = 'mg.example.com'

const client = (gateway: Waypost, { key = 'key-1', prefix = '' } = {}) =>
  new Mailgun(FormData).client({ username: 'api', key, url: gateway.url + prefix })

const rich = {
  from: '"Sender, Inc." <sender@example.com>',
  to: ['Änn <ann@example.org>'],
  cc: 'bob@example.org',
  bcc: 'carl@example.org',
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo.png"></p>',
  'h:Reply-To': 'help@example.com, desk@example.com',
  'h:X-Order': '17',
  'o:tag': ['spring', 'sale'],
  'o:tracking-opens': true,
  'v:campaign': 'spring',
  attachment: [{ data: Buffer.from('%PDF'), filename: 'a.pdf' }],
  inline: [{ data: Buffer.from('png'), filename: 'logo.png' }],
} as unknown as MailgunMessageData

const means: Arrived = {
  from: 'Sender, Inc. <sender@example.com>',
  to: ['Änn <ann@example.org>'],
  cc: ['bob@example.org'],
  bcc: ['carl@example.org'],
  replyTo: ['help@example.com', 'desk@example.com'],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo.png"></p>',
  headers: { 'X-Order': '17' },
  tags: ['spring', 'sale'],
  metadata: { campaign: 'spring' },
  attachments: [
    { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
    { filename: 'logo.png', type: 'image/png', content: 'cG5n', contentId: 'logo.png', inline: true },
  ],
}

const plain = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hello' }

const auth = { authorization: `Basic ${btoa('api:key-1')}` }

/** Without the SDK. */
async function call(gateway: Waypost, method: string, path: string, form?: Record<string, string>) {
  const body = form && new URLSearchParams(form)
  const answer = await fetch(gateway.url + path, { method, headers: auth, ...(body ? { body } : {}) })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text.startsWith('{') ? JSON.parse(text) : text }
}

const failed = (status: number, details: RegExp) => (error: { status: number; type: string; details: string }) => {
  assert.equal(error.type, 'MailgunAPIError')
  assert.equal(error.status, status)
  assert.match(error.details, details)
  return true
}

for (const prefix of ['', '/mailgun']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const answer = await client(gateway, { prefix }).messages.create(domain, rich)
      assert.match(answer.id!, /^<[0-9a-f-]{36}@mg\.example\.com>$/)
      assert.deepEqual([answer.status, answer.message], [200, 'Queued. Thank you.'])
      assert.deepEqual(await arrived(1), [means])
    }))
}

test('the id is the Message-ID, and one of the client is kept', () =>
  spoken(async ({ gateway, vendor }) => {
    const { id } = await client(gateway).messages.create(domain, plain)
    const own = { ...plain, 'h:Message-Id': '<mine@example.com>' }
    assert.equal((await client(gateway).messages.create(domain, own)).id, '<mine@example.com>')
    await eventually(() => vendor.taken.length === 2, 'both arrive')
    const ids = vendor.taken.map(({ fields }) => (fields.headers as Record<string, string>)['Message-ID'])
    assert.deepEqual(ids.toSorted(), [id, '<mine@example.com>'].toSorted())
  }))

test('merges a batch into a copy for each, under one id', () =>
  spoken(async ({ gateway, arrived, vendor }) => {
    const people = { 'a@example.org': 'Ann', 'b@example.org': 'Bob', 'c@example.org': '<Carl>' }
    const { id } = await client(gateway).messages.create(domain, {
      ...plain,
      to: Object.keys(people),
      subject: 'Hi %recipient.first%',
      html: '<p>%recipient.first%, you are %recipient%. %recipient.other% 100%</p>',
      'h:X-Person': '%recipient.n%',
      'v:person': '%recipient.first%',
      'recipient-variables': JSON.stringify(
        Object.fromEntries(Object.entries(people).map(([email, first], n) => [email.toUpperCase(), { first, n }])),
      ),
    })
    const mails = (await arrived(3)).toSorted((a, b) => a.to[0]!.localeCompare(b.to[0]!))
    assert.deepEqual(
      mails.map(({ to, subject, html, headers, metadata }) => [to, subject, html, headers, metadata]),
      Object.entries(people).map(([email, first], n) => [
        [email],
        `Hi ${first}`,
        `<p>${first}, you are ${email}. %recipient.other% 100%</p>`,
        { 'X-Person': String(n) },
        { person: first },
      ]),
    )
    const ids = new Set(vendor.taken.map(({ fields }) => (fields.headers as Record<string, string>)['Message-ID']))
    assert.equal(ids.size, 3, 'each mail has a Message-ID of its own')
    const { items } = await eventually(async () => {
      const page = await client(gateway).events.get(domain, { event: 'accepted' })
      return page.items.length === 3 && page
    }, 'all are sent')
    assert.deepEqual(new Set(items.map(({ message }) => `<${message?.headers?.['message-id']}>`)), new Set([id]))
  }))

test('takes ready-made mail, its envelope in one list, and reads what its headers say to Mailgun', () =>
  spoken(async ({ gateway, arrived }) => {
    const mail = [
      'From: Sender <sender@example.com>',
      'To: Ann <ann@example.org>',
      'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
      'Message-ID: <made@example.com>',
      'X-Mailgun-Tag: spring',
      'X-Mailgun-Variables: {"campaign":"spring"}',
      'X-Mailgun-Dkim: yes',
      'X-Order: 17',
      '',
      'Hello Ann',
    ]
    const form = new FormData()
    form.set('to', 'ann@example.org,Carl <carl@example.org>')
    form.set('message', new File([mail.join('\r\n')], 'message.mime', { type: 'message/rfc822' }))
    form.set('v:more', 'yes')
    const answer = await fetch(`${gateway.url}/v3/${domain}/messages.mime`, {
      method: 'POST',
      headers: auth,
      body: form,
    })
    assert.deepEqual(await answer.json(), { id: '<made@example.com>', message: 'Queued. Thank you.' })
    assert.equal(answer.headers.get('x-waypost-ignored'), 'X-Mailgun-Dkim')
    const [one] = await arrived(1)
    assert.deepEqual(
      [one?.subject, one?.to, one?.bcc, one?.tags, one?.metadata, one?.headers, one?.text?.trim()],
      [
        'Grüße',
        ['Ann <ann@example.org>'],
        ['carl@example.org'],
        ['spring'],
        { campaign: 'spring', more: 'yes' },
        { 'X-Order': '17' },
        'Hello Ann',
      ],
    )
    const { id } = await client(gateway).messages.create(domain, {
      to: 'ann@example.org',
      message: `From: sender@example.com\nTo: ann@example.org\nSubject: Hi\n\nHello`,
    } as MailgunMessageData)
    assert.match(id!, /^<[0-9a-f-]{36}@mg\.example\.com>$/)
    assert.equal((await arrived(1))[0]?.text?.trim(), 'Hello')
  }))

test('reads forms as Symfony and PHP write them', () =>
  spoken(async ({ gateway, arrived }) => {
    const part = (name: string, value: string, more = '', type = 'text/plain; charset=utf-8') =>
      [
        '--_=_symfony_1',
        `Content-Type: ${type}`,
        'Content-Transfer-Encoding: 8bit',
        `Content-Disposition: form-data; name="${name}"${more}`,
        '',
        value,
      ].join('\r\n')
    const body = [
      part('from', 'Änn <ann@example.com>'),
      part('to[0]', 'bob@example.org'),
      part('to[1]', 'Carl <carl@example.org>'),
      part('subject', 'Grüße'),
      part('text', 'Hello\r\nthere'),
      part('o:tag[]', 'a'),
      part('o:tag[]', 'b'),
      part('v:x[0]', '1'),
      part('attachment[0]', '%PDF', '; filename="Grüße.pdf"', 'application/pdf'),
      '--_=_symfony_1--',
      '',
    ].join('\r\n')
    const type = 'multipart/form-data; boundary=_=_symfony_1'
    const path = `${gateway.url}/v3/${domain}/messages`
    const answer = await fetch(path, { method: 'POST', headers: { ...auth, 'content-type': type }, body })
    assert.equal(answer.status, 200, await answer.text())
    const [one] = await arrived(1)
    assert.deepEqual(
      [one?.from, one?.to, one?.text, one?.tags, one?.metadata, one?.attachments[0]?.filename],
      [
        'Änn <ann@example.com>',
        ['bob@example.org', 'Carl <carl@example.org>'],
        'Hello\nthere',
        ['a', 'b'],
        { 'x[0]': '1' },
        'Grüße.pdf',
      ],
    )
  }))

test('schedules, limits, tests, and takes urlencoded forms', () =>
  spoken(async ({ gateway, vendor }) => {
    const at = new Date(Date.now() + 3_600_000)
    const later = { 'o:deliverytime': at.toUTCString(), 'o:deliver-within': '1h30m' }
    await client(gateway).messages.create(domain, { ...plain, ...later })
    const { body } = await gateway.get('/v1/messages')
    const message = (await gateway.get(`/v1/messages/${body.messages[0].id}`)).body
    assert.equal(Date.parse(message.sendAt), Math.floor(at.getTime() / 1000) * 1000)
    assert.equal(Date.parse(message.expireAt) - Date.parse(message.sendAt), 5_400_000)
    const mime = { to: 'ann@example.org', message: 'From: me@example.com\r\n\r\nHello', ...later }
    await client(gateway).messages.create(domain, mime as MailgunMessageData)
    const raw = (await gateway.get('/v1/messages?limit=1')).body.messages[0]
    assert.deepEqual(
      [raw.sendAt, (await gateway.get(`/v1/messages/${raw.id}`)).body.expireAt],
      [message.sendAt, message.expireAt],
    )
    const dry = await client(gateway).messages.create(domain, { ...plain, 'o:testmode': true })
    assert.match(dry.id!, /^<.+@mg\.example\.com>$/)
    const ago = { 'o:deliverytime': new Date(Date.now() - 3_600_000).toUTCString() }
    const now = await call(gateway, 'POST', `/v3/${domain}/messages/`, { ...plain, ...ago, 'o:dkim': 'yes', more: '1' })
    assert.deepEqual([now.status, now.headers.get('x-waypost-ignored')], [200, 'o:dkim, more'])
    await eventually(() => vendor.taken.length === 1, 'what is not scheduled arrives, the test does not')
    assert.equal((await gateway.get('/v1/messages')).body.messages.length, 3)
  }))

test('the same key is the same mail', () =>
  spoken(async ({ gateway, arrived }) => {
    const send = (text: string) =>
      fetch(`${gateway.url}/v3/${domain}/messages`, {
        method: 'POST',
        headers: { ...auth, 'idempotency-key': 'k1' },
        body: new URLSearchParams({ ...plain, text }),
      })
    const [first, again, other] = [await send('Hello'), await send('Hello'), await send('Other')]
    assert.deepEqual(await again.json(), await first.json())
    assert.equal(other.status, 400)
    assert.equal((await arrived(1)).length, 1)
  }))

test('says no in its own words', async () => {
  const hash = createHash('sha256').update('key-1').digest('hex')
  const more = `keys: [{ hash: "sha256:${hash}", tenant: acme, scopes: [send], from: [example.com] }]`
  await spoken(
    async ({ gateway }) => {
      await assert.rejects(client(gateway, { key: 'wrong' }).messages.create(domain, plain), failed(401, /^Forbidden$/))
      const foreign = { ...plain, from: 'ann@example.net' }
      await assert.rejects(
        client(gateway).messages.create(domain, foreign),
        failed(400, /^Domain mg\.example\.com is not allowed to send: /),
      )
      assert.equal((await client(gateway).messages.create(domain, plain)).status, 200)
      assert.equal((await call(gateway, 'GET', `/v3/${domain}/events`)).status, 403)
    },
    { more },
  )
  await spoken(async ({ gateway, vendor }) => {
    const refused = (data: object, details: RegExp) =>
      assert.rejects(
        client(gateway).messages.create(domain, { ...plain, ...data } as MailgunMessageData),
        failed(400, details),
      )
    await refused({ to: 'nobody' }, /^to parameter is not a valid address/)
    await refused({ from: 'nobody' }, /^from parameter is not a valid address/)
    await refused({ template: 'welcome' }, /^template: Templates/)
    await refused({ 'o:require-tls': true }, /^o:require-tls/)
    await refused({ 'o:time-zone-localize': '02:00PM' }, /^o:time-zone-localize/)
    await refused({ 'o:deliverytime': 'soon' }, /^o:deliverytime/)
    await refused({ 'h:From': 'other@example.com' }, /^h:From/)
    await refused({ html: '<a href="%unsubscribe_url%">' }, /^html: .*%unsubscribe_url%/)
    await refused({ text: '' }, /text/)
    const batch = { to: ['ann@example.org', 'bob@example.org'], 'recipient-variables': '{}', subject: 'a'.repeat(1000) }
    await refused(batch, /^subject/)
    const answers = await Promise.all([
      call(gateway, 'GET', '/mailgun/v3/nothing'),
      call(gateway, 'GET', `/mailgun/v3/${domain}/messages`),
      call(gateway, 'POST', `/v3/${domain}/messages`),
      call(gateway, 'GET', `/v3/${domain}/events/nonsense`),
      call(gateway, 'DELETE', `/v3/${domain}/bounces/ann@example.org`),
      call(gateway, 'GET', `/v3/${domain}/events?list=x`),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [404, 405, 400, 404, 404, 400],
    )
    for (const { body } of answers) assert.equal(typeof body.message, 'string')
    assert.equal(answers[2]!.body.message, 'from parameter is missing')
    const json = await fetch(`${gateway.url}/v3/${domain}/messages`, { method: 'POST', headers: auth, body: '{}' })
    assert.equal(json.status, 400)
    assert.equal(vendor.taken.length, 0)
  })
})

test('lists events by tags, words and times, and suppressions page by page', () =>
  spoken(async ({ gateway, arrived }) => {
    for (const tags of [['a'], ['a', 'b'], ['c']]) {
      await client(gateway).messages.create(domain, { ...plain, 'o:tag': tags, subject: `to ${tags.join('')}` })
    }
    await arrived(3)
    const subjects = async (query: Record<string, string>) => {
      const text = new URLSearchParams({ event: 'accepted', ...query })
      const { body } = await call(gateway, 'GET', `/v3/${domain}/events?${text}`)
      return body.items.map((item: { message: { headers: { subject: string } } }) => item.message.headers.subject)
    }
    await eventually(async () => (await subjects({})).length === 3, 'all are sent')
    assert.deepEqual((await subjects({ tags: 'a AND b' })).toSorted(), ['to ab'])
    assert.deepEqual((await subjects({ tags: 'b OR c' })).toSorted(), ['to ab', 'to c'])
    assert.deepEqual((await subjects({ tags: 'NOT a' })).toSorted(), ['to c'])
    assert.deepEqual(await subjects({ event: 'delivered OR failed' }), [])
    assert.deepEqual(await subjects({ recipient: 'nobody@example.org' }), [])
    assert.deepEqual(await subjects({ begin: String(Date.now() / 1000 + 60), ascending: 'yes' }), [])
    assert.equal((await subjects({ begin: String(Date.now() / 1000 + 60), ascending: 'no' })).length, 3)
    for (const name of ['x', 'y', 'z']) {
      await fetch(`${gateway.url}/v1/suppressions/${name}@example.org`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: '{"reason":"bounce"}',
      })
    }
    const listed: string[] = []
    let query: { limit: number; page?: string } = { limit: 2 }
    for (let pages = 0; pages < 5; pages++) {
      const page = await client(gateway).suppressions.list(domain, 'bounces', query)
      if (page.items.length === 0) break
      listed.push(...page.items.map((item) => ('address' in item ? String(item.address) : '')))
      query = { limit: 2, page: page.pages.next.page! }
    }
    assert.deepEqual(listed, ['x@example.org', 'y@example.org', 'z@example.org'])
    assert.deepEqual((await client(gateway).suppressions.list(domain, 'complaints')).items, [])
    // Only what was a bounce is lifted as one.
    assert.equal((await call(gateway, 'DELETE', `/v3/${domain}/complaints/x@example.org`)).status, 404)
    const gone = await client(gateway).suppressions.destroy(domain, 'bounces', 'x@example.org')
    assert.deepEqual([gone.status, gone.address], [200, 'x@example.org'])
    assert.equal((await gateway.get('/v1/suppressions/x@example.org')).status, 404)
  }))

test('tells webhooks as it does, signed in the body, and takes 406 for an answer', () =>
  spoken(
    async ({ gateway }) => {
      const target = await webhookTarget(status(406))
      try {
        const { body: hook } = await gateway.post('/v1/webhooks', { url: target.url, dialect: 'mailgun' })
        const { id } = await client(gateway).messages.create(domain, rich)
        const told = await eventually(() => target.posted.find(({ body }) => body.includes('ann@')), 'it is told')
        const { signature, 'event-data': data } = JSON.parse(told.body)
        const expected = createHmac('sha256', hook.webhookSigningKey).update(signature.timestamp + signature.token)
        assert.equal(signature.signature, expected.digest('hex'))
        assert.equal(signature.token.length, 50)
        assert.deepEqual(
          [data.event, data.recipient, data.tags, data['user-variables'], `<${data.message.headers['message-id']}>`],
          ['accepted', 'ann@example.org', ['spring', 'sale'], { campaign: 'spring' }, id],
        )
        const metrics = await eventually(async () => {
          const text = await (await fetch(`${gateway.url}/metrics`)).text()
          return /waypost_notices_total\{result="taken"\} [4-9]/.test(text) && text
        }, 'all three and the acceptance, for which there is no word, are done with')
        assert.doesNotMatch(metrics, /waypost_notices_total\{result="failed"\} [1-9]/)
      } finally {
        await target.close()
      }
    },
    { more: 'webhooks: { allowPrivate: true }' },
  ))

test('has a word for what happened to each recipient, and for nothing else', async () => {
  const told: Record<string, unknown[]> = {}
  for (const [type, detail] of everything) {
    const call = await mailgun.tells.call(eventOf(type, detail), sentMessage, 'secret', Date.UTC(2026, 10, 26, 11))
    const data = call && JSON.parse(call.body)['event-data']
    const status = data?.['delivery-status']
    told[detail === null ? type : `${type}: ${detail}`] = data && [
      data.event,
      ...(data.severity ? [data.severity, data.reason, status.code, status['enhanced-code']] : []),
      ...(data.url ? [data.url] : []),
    ]
  }
  assert.deepEqual(told, {
    accepted: null,
    sent: ['accepted'],
    deferred: ['failed', 'temporary', 'generic', 450, ''],
    delivered: ['delivered'],
    bounced: ['failed', 'permanent', 'generic', 550, ''],
    complained: ['complained'],
    opened: ['opened'],
    clicked: ['clicked'],
    unsubscribed: ['unsubscribed'],
    rejected: ['failed', 'permanent', 'generic', 550, ''],
    suppressed: ['failed', 'permanent', 'suppress-bounce', 605, undefined],
    expired: ['failed', 'permanent', 'old', 602, ''],
    held: null,
    failover: null,
    canceled: null,
    'bounced: hard bounce: 550 5.1.1 no such user': ['failed', 'permanent', 'bounce', 550, '5.1.1'],
    'bounced: soft bounce: mailbox full': ['failed', 'permanent', 'generic', 550, ''],
    'bounced: block bounce: 554 5.7.1 spam': ['failed', 'permanent', 'generic', 554, '5.7.1'],
    'deferred: 451 4.7.1 greylisted': ['failed', 'temporary', 'generic', 451, '4.7.1'],
    'suppressed: on the suppression list': ['failed', 'permanent', 'suppress-bounce', 605, undefined],
    'suppressed: complaint told by main': null,
    'clicked: https://example.com/a': ['clicked', 'https://example.com/a'],
  })
})
