/** SendGrid's own SDK, pointed at us: what arrives at another vendor means the same, and errors are its own. */
import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import itsMail from '@sendgrid/mail'
import sendgrid from '../../src/dialects/sendgrid.ts'
import { read } from '../../src/dialects/sendgrid-mail.ts'
import type { Asked } from '../../src/mail/dialect.ts'
import type { Waypost } from '../support/waypost.ts'
import { eventOf, hooked, hooksHere, sentMessage } from './hook.ts'
import { spoken } from './speaking.ts'

type MailDataRequired = Exclude<Parameters<typeof itsMail.send>[0], unknown[]>

const { MailService } = itsMail as unknown as { MailService: new () => typeof itsMail }

function sdk(gateway: Waypost, prefix = ''): typeof itsMail {
  const mail = new MailService()
  mail.setApiKey('SG.123')
  ;(mail as unknown as { client: { setDefaultRequest(name: string, value: string): void } }).client.setDefaultRequest(
    'baseUrl',
    `${gateway.url}${prefix}/`,
  )
  return mail
}

const by = { by: 'postmark' } as const

const rich: MailDataRequired = {
  from: { email: 'sender@example.com', name: 'Sender, Inc.' },
  to: [{ email: 'ann@example.org', name: 'Änn' }],
  cc: 'bob@example.org',
  bcc: 'carl@example.org',
  replyToList: [{ email: 'help@example.com' }, { email: 'desk@example.com' }],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  categories: ['spring'],
  customArgs: { campaign: 'spring-26' },
  attachments: [
    { filename: 'a.pdf', content: Buffer.from('%PDF').toString('base64'), type: 'application/pdf' },
    {
      filename: 'logo.png',
      content: Buffer.from('png').toString('base64'),
      type: 'image/png',
      disposition: 'inline',
      // As its typings have it; the SDK does not make `content_id` of it.
      contentId: 'logo',
    },
  ],
}

const means = {
  from: 'Sender, Inc. <sender@example.com>',
  to: ['Änn <ann@example.org>'],
  cc: ['bob@example.org'],
  bcc: ['carl@example.org'],
  replyTo: ['help@example.com', 'desk@example.com'],
  subject: 'Grüße',
  text: 'Hello Ann',
  html: '<p>Hello <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  tags: ['spring'],
  metadata: { campaign: 'spring-26' },
  attachments: [
    { filename: 'a.pdf', type: 'application/pdf', content: 'JVBERg==', contentId: undefined, inline: false },
    { filename: 'logo.png', type: 'image/png', content: 'cG5n', contentId: 'logo', inline: true },
  ],
}

const plain = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hello' }

for (const prefix of ['', '/sendgrid']) {
  test(`carries a rich message whole${prefix && ' under its name'}`, () =>
    spoken(async ({ gateway, arrived }) => {
      const [answer] = await sdk(gateway, prefix).send(rich)
      assert.deepEqual([answer.statusCode, answer.body], [202, ''])
      assert.match((answer.headers as Record<string, string>)['x-message-id']!, /^[\w-]{22}$/)
      assert.deepEqual(await arrived(1), [means])
    }, by))
}

test('makes a message of each personalization, with what is filled in', () =>
  spoken(async ({ gateway, arrived }) => {
    const names = ['Ann', 'Bob & Co', 'Carl']
    await sdk(gateway).send({
      ...plain,
      to: [],
      subject: 'Hi {{name}}',
      text: '{{greeting}} {{other}}',
      html: '<p>{{name}}</p></body>',
      headers: { 'X-Name': '{{name}}' },
      customArgs: { campaign: 'spring', n: '-' },
      sections: { ':hello': 'Hello {{name}},' },
      mailSettings: { footer: { enable: true, text: 'Bye {{name}}', html: '<i>Bye</i>' } },
      personalizations: names.map((name, n) => ({
        to: `p${n}@example.org`,
        ...(n === 2 ? { subject: 'Other', from: 'other@example.com' } : {}),
        substitutions: { name, greeting: ':hello' },
        customArgs: { n: String(n) },
      })),
    } as MailDataRequired)
    const found = (await arrived(3)).toSorted((a, b) => a.to[0]!.localeCompare(b.to[0]!))
    assert.deepEqual(
      found.map(({ to, from, subject, text, html, headers, metadata }) => ({
        to,
        from,
        subject,
        text,
        html,
        headers,
        metadata,
      })),
      names.map((name, n) => ({
        to: [`p${n}@example.org`],
        from: n === 2 ? 'other@example.com' : 'ann@example.com',
        subject: n === 2 ? 'Other' : `Hi ${name}`,
        text: `Hello ${name}, {{other}}\nBye ${name}`,
        html: `<p>${name}</p><i>Bye</i></body>`,
        headers: { 'X-Name': name },
        metadata: { campaign: 'spring', n: String(n) },
      })),
    )
  }, by))

test('sends one to each of many', () =>
  spoken(async ({ gateway, arrived }) => {
    await sdk(gateway).sendMultiple({ ...plain, to: ['a@example.org', 'b@example.org'] })
    assert.deepEqual((await arrived(2)).map(({ to }) => to).toSorted(), [['a@example.org'], ['b@example.org']])
  }, by))

test('schedules, takes gzip, and in the sandbox sends nothing', () =>
  spoken(async ({ gateway, arrived }) => {
    const sendAt = Math.floor(Date.now() / 1000) + 3600
    await sdk(gateway).send({ ...plain, sendAt })
    const { body } = await gateway.get('/v1/messages')
    assert.equal(Date.parse(body.messages[0].sendAt), sendAt * 1000)
    const [dry] = await sdk(gateway).send({ ...plain, mailSettings: { sandboxMode: { enable: true } } })
    assert.deepEqual([dry.statusCode, dry.body], [200, ''])
    const packed = await fetch(`${gateway.url}/v3/mail/send`, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip', 'content-type': 'application/json' },
      body: gzipSync(
        JSON.stringify({
          personalizations: [{ to: [{ email: 'zip@example.org' }] }],
          from: { email: 'ann@example.com' },
          subject: 'Packed',
          content: [{ type: 'text/plain', value: 'Hello' }],
          tracking_settings: { click_tracking: { enable: true } },
          ip_pool_name: 'best',
        }),
      ),
    })
    assert.equal(packed.status, 202)
    assert.equal(packed.headers.get('x-waypost-ignored'), 'ip_pool_name, tracking_settings.click_tracking')
    assert.deepEqual(
      (await arrived(1)).map(({ to }) => to),
      [['zip@example.org']],
    )
  }, by))

test('says no in its own words', async () => {
  const more = `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: acme, scopes: [send] }]`
  const complaint = async (sending: Promise<unknown>) => {
    const error = (await sending.then(
      () => assert.fail('it was taken'),
      (error) => error,
    )) as Error & { code: number; response: { body: unknown } }
    const { errors } = error.response.body as { errors: { message: string; field: string | null }[] }
    assert.ok(errors[0]!.message.length > 0 && 'help' in errors[0]!, error.toString())
    return [error.code, errors[0]!.field]
  }
  await spoken(async ({ gateway }) => assert.deepEqual(await complaint(sdk(gateway).send(plain)), [401, null]), {
    ...by,
    more,
  })
  await spoken(async ({ gateway }) => {
    const field = (mail: object) => complaint(sdk(gateway).send({ ...plain, ...mail } as MailDataRequired))
    assert.deepEqual(await field({ to: ['ann@example.org', 'nobody'] }), [400, 'personalizations.0.to.1.email'])
    assert.deepEqual(await field({ from: 'nobody' }), [400, 'from.email'])
    assert.deepEqual(await field({ replyTo: 'nobody' }), [400, 'reply_to.email'])
    assert.deepEqual(await field({ cc: 'bob@example.org' }), [400, 'personalizations'])
    assert.deepEqual(await field({ subject: '' }), [400, 'subject'])
    assert.deepEqual(await field({ text: '' }), [400, 'content.0.value'])
    assert.deepEqual(await field({ headers: { Subject: 'x' } }), [400, 'headers.Subject'])
    assert.deepEqual(await field({ templateId: 'd-1' }), [400, 'template_id'])
    assert.deepEqual(await field({ asm: { groupId: 1 } }), [400, 'asm'])
    assert.deepEqual(await field({ customArgs: { n: 1 } }), [400, 'custom_args.n'])
    assert.deepEqual(await field({ attachments: [{ filename: 'a', content: '!' }] }), [400, 'attachments.0.content'])
    assert.deepEqual(await field({ attachments: [{ filename: 'a', content: '', disposition: 'inline' }] }), [
      400,
      'attachments.0.content_id',
    ])
    assert.deepEqual(await field({ mailSettings: { bypassListManagement: { enable: true } } }), [
      400,
      'mail_settings.bypass_list_management',
    ])
    const answers = await Promise.all([
      fetch(`${gateway.url}/sendgrid/v3/nothing`),
      fetch(`${gateway.url}/sendgrid/v3/mail/send`),
      fetch(`${gateway.url}/v3/mail/send/`, { method: 'POST', body: 'not json' }),
      fetch(`${gateway.url}/v3/mail/send`, { method: 'POST', body: '{}', headers: { 'content-encoding': 'br' } }),
      fetch(`${gateway.url}/v3/mail/send`, { method: 'POST', body: '{"personalizations":{},"subject":"a"}' }),
      fetch(`${gateway.url}/v3/mail/batch`, { method: 'POST' }),
    ])
    const said = await Promise.all(answers.map(async (answer) => [answer.status, (await answer.json()).errors.length]))
    assert.deepEqual(said, [
      [404, 1],
      [405, 1],
      [400, 1],
      [415, 1],
      [400, 1],
      [400, 1],
    ])
  }, by)
})

test('lists suppressions, and lifts them', () =>
  spoken(async ({ gateway }) => {
    for (const [email, reason] of [
      ['gone@example.org', 'bounce'],
      ['away@example.org', 'bounce'],
      ['cross@example.org', 'complaint'],
      ['bye@example.org', 'unsubscribe'],
    ]) {
      const answer = await fetch(`${gateway.url}/v1/suppressions/${email}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ reason }),
      })
      assert.ok(answer.ok, await answer.text())
    }
    const get = async (path: string) => (await fetch(`${gateway.url}/v3/suppression/${path}`)).json()
    const emails = async (path: string) => (await get(path)).map(({ email }: { email: string }) => email)
    assert.deepEqual(await emails('bounces'), ['away@example.org', 'gone@example.org'])
    assert.deepEqual(await emails('bounces?limit=1&offset=1'), ['gone@example.org'])
    assert.deepEqual(await emails(`bounces?start_time=${Math.floor(Date.now() / 1000) + 60}`), [])
    assert.deepEqual(await emails('bounces/Gone@example.org'), ['gone@example.org'])
    assert.deepEqual(await emails('bounces/cross@example.org'), [])
    assert.deepEqual(await emails('spam_reports'), ['cross@example.org'])
    assert.deepEqual(await emails('unsubscribes'), ['bye@example.org'])
    assert.deepEqual(await emails('blocks'), [])
    assert.ok(Math.abs((await get('bounces'))[0].created - Date.now() / 1000) < 60)
    assert.equal((await get('bounces?limit=501')).errors[0].field, 'limit')
    const lift = async (path: string, body?: object) =>
      (
        await fetch(`${gateway.url}/v3/suppression/${path}`, {
          method: 'DELETE',
          ...(body ? { body: JSON.stringify(body) } : {}),
        })
      ).status
    assert.equal(await lift('bounces/cross@example.org'), 404)
    assert.equal(await lift('bounces/gone@example.org'), 204)
    assert.equal(await lift('bounces', { delete_all: true }), 400)
    assert.equal(await lift('bounces', { emails: ['away@example.org', 'cross@example.org'] }), 204)
    assert.deepEqual([await emails('bounces'), await emails('spam_reports')], [[], ['cross@example.org']])
  }, by))

test('tells webhooks as it does, all of a call under its one id', () =>
  spoken(
    ({ gateway }) =>
      hooked(gateway, 'sendgrid', async ({ added, told }) => {
        assert.equal(added.secret, undefined)
        const [answer] = await sdk(gateway).send({
          ...plain,
          to: [],
          categories: ['spring'],
          customArgs: { campaign: 'spring', email: 'mine' },
          personalizations: [{ to: 'a@example.org' }, { to: 'b@example.org' }],
        } as MailDataRequired)
        const id = (answer.headers as Record<string, string>)['x-message-id']
        for (const email of ['a@example.org', 'b@example.org']) {
          const { headers, body } = await told(email)
          // As @sendgrid/eventwebhook checks it.
          const key = createPublicKey({ key: Buffer.from(added.publicKey!, 'base64'), format: 'der', type: 'spki' })
          const signed = headers['x-twilio-email-event-webhook-timestamp'] + body
          const signature = Buffer.from(headers['x-twilio-email-event-webhook-signature'] as string, 'base64')
          assert.ok(verify('sha256', Buffer.from(signed), key, signature))
          const [event, ...more] = JSON.parse(body)
          assert.deepEqual(more, [])
          assert.deepEqual(
            [event.event, event.email, event.category, event.campaign, event.sg_message_id.split('.')[0]],
            ['processed', email, ['spring'], 'spring', id],
          )
        }
      }),
    { ...by, ...hooksHere },
  ))

test('has a word for each kind of event', async () => {
  const { secret } = await sendgrid.tells.secret()
  const told = async (...event: Parameters<typeof eventOf>) => {
    const made = await sendgrid.tells.call(eventOf(...event), sentMessage, secret, 0)
    return made && JSON.parse(made.body)[0]
  }
  const hard = await told('bounced', 'hard bounce: 550 5.1.1 no such user')
  assert.deepEqual([hard.event, hard.type, hard.status, hard.order], ['bounce', 'bounce', '5.1.1', '17'])
  assert.equal((await told('bounced', 'soft bounce: 552 full')).type, 'blocked')
  assert.equal((await told('expired', 'too late')).type, 'blocked')
  assert.equal((await told('clicked', 'https://x.test/')).url, 'https://x.test/')
  assert.equal((await told('suppressed', 'on the suppression list')).event, 'dropped')
  assert.equal(await told('suppressed', 'complaint told by other'), null)
  assert.equal(await told('failover'), null)
})

/** A call as the gateway hands it on. */
function asked(mail: object): Asked {
  const body = new TextEncoder().encode(JSON.stringify(mail))
  const more = {
    method: 'POST',
    path: '/v3/mail/send',
    params: {},
    query: new URLSearchParams(),
    url: 'http://waypost.test/',
    origin: 'http://x',
  }
  return { ...more, headers: {}, body, at: 0, templates: new Map() }
}

test('fills in what stands literally, once, and no more than one call may hold', () => {
  const text = (substitutions: object, value: string, sections = {}) => {
    const mail = {
      personalizations: [{ to: [{ email: 'a@y.test' }], substitutions }],
      ...{ from: { email: 'b@y.test' }, subject: 'Hi', content: [{ type: 'text/plain', value }], sections },
    }
    const [wanted] = read(asked(mail)).messages
    return wanted && 'json' in wanted ? wanted.json.text : null
  }
  assert.equal(
    text({ '-a-': '$& -b-', '-b-': 'B', '[x]': 'X', '%x.y%': 'Y' }, '-a- -b- [x] %x.y% %xzy%'),
    '$& -b- B X Y %xzy%',
  )
  assert.equal(text({ a: '1', aa: '2' }, 'aaa'), '21')
  assert.equal(text({ n: ':s' }, 'n :s', { ':s': 'all of n' }), 'all of :s all of :s')
  const big = Array.from({ length: 400 }, (_, n) => ({ to: [{ email: `p${n}@y.test` }] }))
  const mail = {
    ...{ personalizations: big, from: { email: 'b@y.test' }, subject: 'Hi' },
    content: [{ type: 'text/plain', value: 'x'.repeat(1_000_000) }],
  }
  assert.throws(() => read(asked(mail)), /too much for one call/)
})

test('says when its limit ends', () => {
  const trouble = { status: 429, code: 'rate', detail: 'Too fast.', errors: [], retryAfter: 7 }
  const { status, headers } = sendgrid.refused(trouble, { ...asked({}), at: 1000 })
  assert.deepEqual([status, headers?.['x-ratelimit-reset'], headers?.['retry-after']], [429, '8', '7'])
})
