/** Mandrill's own SDK, pointed at us: what arrives at another vendor means the same, and answers have an entry for each recipient. */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import mandrill from '../../src/dialects/mandrill.ts'
import { eventually } from '../support/waypost.ts'
import { eventOf, hooked, hooksHere, sentMessage } from './hook.ts'
import { spoken } from './speaking.ts'

// It has no types.
const mailchimp = createRequire(import.meta.url)('@mailchimp/mailchimp_transactional')

function client(url: string, key = 'md-1') {
  const client = mailchimp(key)
  client.basePath = `${url}/api/1.3`
  return client
}

/** What the SDK resolves with when it should reject. */
// biome-ignore lint/suspicious/noExplicitAny: an error of its HTTP client
const said = ({ response: { status, data } }: any) => [status, data.code, data.name, data.message]

const plain = {
  from_email: 'ann@example.com',
  to: [{ email: 'bob@example.org' }],
  subject: 'Hi',
  text: 'Hello',
}

const rich = {
  from_email: 'sender@example.com',
  from_name: 'Sénder',
  to: [
    { email: 'ann@example.org', name: 'Änn' },
    { email: 'bob@example.org', type: 'cc' as const },
    { email: 'carl@example.org', type: 'bcc' as const },
  ],
  preserve_recipients: true,
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17', 'Reply-To': 'Help <help@example.com>, desk@example.com' },
  tags: ['spring'],
  metadata: { order: 17 },
  track_opens: true,
  attachments: [{ type: 'application/pdf', name: 'a.pdf', content: 'JVBE\r\nRg==' }],
  images: [{ type: 'image/png', name: 'logo', content: 'cG5n' }],
}

for (const prefix of ['', '/mandrill']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const sdk = client(gateway.url + prefix)
      const entries = await sdk.messages.send({ message: rich })
      assert.deepEqual(
        entries.map(({ email, status }: Record<string, string>) => [email, status]),
        rich.to.map(({ email }) => [email, 'sent']),
      )
      assert.match(entries[0]._id, /^[0-9a-f]{32}$/)
      const [mail] = await arrived(1)
      assert.deepEqual(mail, {
        from: 'Sénder <sender@example.com>',
        to: ['Änn <ann@example.org>'],
        cc: ['bob@example.org'],
        bcc: ['carl@example.org'],
        replyTo: ['Help <help@example.com>', 'desk@example.com'],
        subject: 'Grüße',
        text: 'Hello Ann',
        html: '<p>Hello <img src="cid:logo"></p>',
        headers: { 'X-Order': '17' },
        tags: ['spring'],
        metadata: { order: '17' },
        attachments: [
          { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
          { filename: 'logo', type: 'image/png', content: 'cG5n', contentId: 'logo', inline: true },
        ],
      })
      const state = async () => (await sdk.messages.info({ id: entries[0]._id })).state
      await eventually(async () => (await state()) === 'sent', 'it is sent')
      const { subject, metadata, tags } = await sdk.messages.info({ id: entries[0]._id })
      assert.deepEqual([subject, metadata, tags], ['Grüße', { order: '17' }, ['spring']])
    }))
}

const three = {
  ...plain,
  to: ['a', 'b', 'c'].map((name) => ({ email: `${name}@example.org` })),
  global_merge_vars: [{ name: 'what', content: 'tea' }],
  merge_vars: ['a', 'b', 'c'].map((name) => ({
    rcpt: `${name}@example.org`,
    vars: [{ name: 'Who', content: `${name} & co` }],
  })),
  recipient_metadata: [{ rcpt: 'b@example.org', values: { id: 2 } }],
}

test('makes a mail for each recipient, with merge fields in either language', () =>
  spoken(async ({ gateway, arrived }) => {
    const sdk = client(gateway.url)
    const entries = await sdk.messages.send({
      message: { ...three, subject: 'Hi *|WHO|*', html: '<p>*|WHO|*: *|UPPER:WHAT|*</p>' },
    })
    assert.equal(new Set(entries.map(({ _id }: { _id: string }) => _id)).size, 3)
    const mails = (await arrived(3)).toSorted((one, two) => one.to[0]!.localeCompare(two.to[0]!))
    assert.deepEqual(
      [mails[1]!.to, mails[1]!.subject, mails[1]!.html],
      [['b@example.org'], 'Hi b & co', '<p>b & co: TEA</p>'],
    )
    assert.deepEqual([mails[0]!.metadata, mails[1]!.metadata], [{}, { id: '2' }])
    await sdk.messages.send({
      message: {
        ...three,
        merge_language: 'handlebars',
        subject: 'Hi {{Who}}',
        html: '<p>{{Who}}: {{upper what}}</p>',
      },
    })
    const braced = (await arrived(3)).find(({ to }) => to[0] === 'c@example.org')
    assert.deepEqual([braced?.subject, braced?.html], ['Hi c & co', '<p>c &amp; co: TEA</p>'])
  }))

test('an address that is none is an entry, and so is a domain that may not be used', async () => {
  await spoken(async ({ gateway, arrived }) => {
    const to = [{ email: 'nobody' }, { email: 'bob@example.org' }]
    const both = await client(gateway.url).messages.send({ message: { ...plain, to } })
    const status = (entries: Record<string, string>[]) => entries.map(({ email, status }) => [email, status])
    const expected = [
      ['nobody', 'invalid'],
      ['bob@example.org', 'sent'],
    ]
    assert.deepEqual(status(both), expected)
    const shown = await client(gateway.url).messages.send({ message: { ...plain, to, preserve_recipients: true } })
    assert.deepEqual(status(shown), expected)
    const none = await client(gateway.url).messages.send({ message: { ...plain, to: to.slice(0, 1) } })
    assert.deepEqual(status(none), expected.slice(0, 1))
    await arrived(2)
  })
  const hash = createHash('sha256').update('md-1').digest('hex')
  const more = `keys: [{ hash: "sha256:${hash}", tenant: acme, scopes: [send], from: [example.net] }]`
  await spoken(
    async ({ gateway }) => {
      const [entry] = await client(gateway.url).messages.send({ message: plain })
      assert.deepEqual([entry.status, entry.reject_reason], ['rejected', 'unsigned'])
    },
    { more },
  )
})

test('who is alone in To has fields of their own, with copies for others', () =>
  spoken(async ({ gateway, arrived }) => {
    const to = [{ email: 'a@example.org' }, { email: 'boss@example.org', type: 'bcc' }]
    const message = { ...three, to, preserve_recipients: true, subject: 'Hi *|WHO|*' }
    await client(gateway.url).messages.send({ message })
    const [mail] = await arrived(1)
    assert.deepEqual([mail?.subject, mail?.bcc], ['Hi a & co', ['boss@example.org']])
  }))

test('takes raw mail, and does what its headers for Mandrill say', () =>
  spoken(async ({ gateway, arrived }) => {
    const raw_message = [
      'From: Ann <ann@example.com>',
      'To: bob@example.org',
      'Subject: Hi',
      'X-MC-Tags: spring, tea',
      'X-MC-Metadata: {"order":',
      ' "17"}',
      'X-Order: 17',
      '',
      'Hello',
    ].join('\r\n')
    const entries = await client(gateway.url).messages.sendRaw({ raw_message })
    assert.deepEqual([entries[0].email, entries[0].status], ['bob@example.org', 'sent'])
    const [mail] = await arrived(1)
    assert.deepEqual([mail?.to, mail?.subject, mail?.tags], [['bob@example.org'], 'Hi', ['spring', 'tea']])
    assert.deepEqual([mail?.metadata, mail?.headers], [{ order: '17' }, { 'X-Order': '17' }])
    const hidden = await client(gateway.url).messages.sendRaw({ raw_message, to: ['carl@example.org', 'nobody'] })
    assert.deepEqual(
      hidden.map(({ email, status }: Record<string, string>) => [email, status]),
      [
        ['carl@example.org', 'sent'],
        ['nobody', 'invalid'],
      ],
    )
  }))

test('schedules, moves and cancels', () =>
  spoken(async ({ gateway }) => {
    const { messages } = client(gateway.url)
    const spaced = (at: number) => new Date(at).toISOString().slice(0, 19).replace('T', ' ')
    const [soon, later] = [spaced(Date.now() + 3_600_000), spaced(Date.now() + 7_200_000)]
    const [entry] = await messages.send({ message: plain, send_at: soon })
    assert.equal(entry.status, 'scheduled')
    const id = entry._id
    assert.equal((await messages.info({ id })).state, 'scheduled')
    assert.equal((await messages.reschedule({ id, send_at: later })).send_at, later)
    assert.deepEqual((await messages.cancelScheduled({ id }))._id, id)
    assert.equal((await messages.info({ id })).state, 'canceled')
    assert.deepEqual(said(await messages.cancelScheduled({ id })).slice(0, 3), [404, 11, 'Unknown_Message'])
  }))

test('says no in its own words', async () => {
  await spoken(
    async ({ gateway }) => {
      const wrong = client(gateway.url, 'md-wrong')
      assert.deepEqual(said(await wrong.users.ping()), [401, 401, 'Invalid_Key', 'Invalid API key'])
      const old = await gateway.post('/api/1.0/messages/send.json', { key: 'md-wrong', message: plain })
      assert.deepEqual([old.status, old.body.code, old.body.status], [500, -1, 'error'])
    },
    { more: `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]` },
  )
  await spoken(async ({ gateway }) => {
    const sdk = client(gateway.url)
    const [empty] = await sdk.messages.send({ message: { ...plain, headers: [], metadata: [], to: plain.to } })
    assert.equal(empty.status, 'sent')
    const name = async (message: object) =>
      said(await sdk.messages.send({ message: { ...plain, ...message } })).slice(0, 3)
    const invalid = [500, -2, 'ValidationError']
    assert.deepEqual(await name({ from_email: 'nobody' }), invalid)
    assert.deepEqual(await name({ to: [] }), invalid)
    assert.deepEqual(await name({ attachments: [{ name: 'a.pdf', content: '%%' }] }), invalid)
    assert.deepEqual(await name({ ...three, text: '*|UNSUB:x|*' }), invalid)
    assert.deepEqual(await name({ ...three, preserve_recipients: true }), invalid)
    const from = said(await sdk.messages.send({ message: { ...plain, from_email: 'nobody' } }))
    assert.match(from[3], /^Validation error: \{"message.from_email":/)
    const template = await sdk.messages.sendTemplate({ template_name: 'x', template_content: [], message: plain })
    assert.deepEqual(said(template).slice(0, 3), [404, 5, 'Unknown_Template'])
    assert.deepEqual([await sdk.users.ping(), await sdk.users.ping2()], ['PONG!', { PING: 'PONG!' }])
    assert.equal((await sdk.users.info()).reputation, 100)
    assert.deepEqual(said(await sdk.messages.info({ id: '0'.repeat(32) })).slice(0, 3), [404, 11, 'Unknown_Message'])
    const answers = await Promise.all([
      gateway.post('/mandrill/api/1.4/nothing.json', {}),
      gateway.get('/mandrill/api/1.4/users/ping'),
      gateway.post('/api/1.0/messages/send.json', 'not json'),
      gateway.post('/api/1.0/users/ping.json', {}),
    ])
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.name ?? body]),
      [
        [404, 'Unknown_Method'],
        [405, 'Unknown_Method'],
        [500, 'ValidationError'],
        [200, 'PONG!'],
      ],
    )
  })
})

test('tells webhooks as it does, signed over their address', () =>
  spoken(
    ({ gateway }) =>
      hooked(gateway, 'mandrill', async ({ url, added, told }) => {
        const [{ _id }] = await client(gateway.url).messages.send({ message: rich })
        const { body, headers } = await told('mandrill_events')
        const form = new URLSearchParams(body)
        // As its documents have it: the address, then each field's name and value.
        const signed = [...form].toSorted().reduce((text, [name, value]) => text + name + value, url)
        const signature = createHmac('sha1', added.auth_key!).update(signed).digest('base64')
        assert.equal(headers['x-mandrill-signature'], signature)
        const [event] = JSON.parse(form.get('mandrill_events')!)
        assert.deepEqual(
          [event.event, event._id, event.msg._id, event.msg.tags, event.msg.metadata],
          ['send', _id, _id, ['spring'], { order: '17' }],
        )
      }),
    hooksHere,
  ))

test('has its own words for what happens', async () => {
  const told = async (...event: Parameters<typeof eventOf>) => {
    const call = await mandrill.tells.call(eventOf(...event), sentMessage, 'x', 0, 'https://example.com/')
    return call === null ? null : JSON.parse(new URLSearchParams(call.body).get('mandrill_events')!)[0]
  }
  assert.equal(await told('accepted'), null)
  const hard = await told('bounced', 'hard bounce: 550 5.1.1 no such user')
  assert.deepEqual(
    [hard.event, hard.msg.bounce_description, hard.msg.diag, hard.msg.state],
    ['hard_bounce', 'bad_mailbox', '550 5.1.1 no such user', 'bounced'],
  )
  assert.equal((await told('bounced', 'soft bounce'))?.event, 'soft_bounce')
  assert.equal((await told('clicked', 'https://example.com/x')).url, 'https://example.com/x')
  const types = ['deferred', 'delivered', 'opened', 'complained', 'unsubscribed', 'suppressed'] as const
  const names = await Promise.all(types.map(async (type) => (await told(type)).event))
  assert.deepEqual(names, ['deferral', 'delivered', 'open', 'spam', 'unsub', 'reject'])
})
