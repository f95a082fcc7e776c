import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { EmailParams, MailerSend, Recipient, Attachment as SdkAttachment, Sender } from 'mailersend'
import mailersend from '../../adapters/mailersend.ts'
import {
  type Asked,
  type FakeVendor,
  fakeVendor,
  json,
  type Reply,
  type Taken,
} from '../support/fake-vendors/vendor.ts'
import { hookTime, jsonCall, letter, message, says, told, type VendorData } from './fixture.ts'

const apiKey = 'mlsn.fake-key'
const signingSecret = 'a secret that MailerSend made for us'

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent
type Json = any

/** MailerSend's desk: a search by tag and the suppression lists beside the sending. */
function fakeMailersend(): Promise<FakeVendor> {
  const sent: Taken[] = []
  let serial = 0
  return fakeVendor(
    (asked) => {
      if (asked.headers.authorization !== `Bearer ${apiKey}`) return json(401, { message: 'Unauthenticated.' })
      if (asked.path === '/v1/domains') return json(200, { data: asked.query.get('page') === '1' ? domains : [] })
      if (asked.path === '/v1/emails') return search(asked, sent)
      if (asked.path.startsWith('/v1/suppressions/')) return list(asked)
      if (asked.path !== '/v1/email') return json(404, { message: 'The route could not be found.' })
      if (asked.method !== 'POST') return json(405, { message: 'The method is not supported.' })
      return take(asked, (++serial).toString(16).padStart(24, '0'))
    },
    (taken) => sent.push(taken),
  )
}

const domains = [
  { id: 'd-other', name: 'other.example' },
  { id: 'd-example', name: 'example.com' },
]
const known = new Set('from to cc bcc reply_to subject text html in_reply_to references tags attachments'.split(' '))

function take(asked: Asked, id: string): Reply {
  const mail: Json = JSON.parse(asked.body.toString())
  for (const key of Object.keys(mail)) {
    // Custom headers are of another plan.
    if (!known.has(key)) return refuse({ [key]: `The ${key} is not part of your plan. #MS42216` })
  }
  const errors: Record<string, string> = {}
  for (const list of ['to', 'cc', 'bcc']) {
    for (const [index, address] of (mail[list] ?? []).entries()) {
      if (!valid(address)) {
        errors[`${list}.${index}.email`] = `The ${list}.${index}.email must be a valid email address. #MS42208`
      }
    }
    if ((mail[list]?.length ?? 0) > (list === 'to' ? 50 : 10)) errors[list] = 'Too many recipients. #MS42205'
  }
  if (Object.keys(errors).length > 0) return refuse(errors)
  if (!mail.to?.length) return refuse({ to: 'The to field is required. #MS42209' })
  if (!valid(mail.from)) return refuse({ 'from.email': 'The from.email must be a valid email address. #MS42208' })
  if (mail.from.email.endsWith('@unverified.test')) return refuse({ 'from.email': notVerified })
  if (!mail.subject) return refuse({ subject: 'The subject field is required. #MS42209' })
  if (!mail.text && !mail.html) return refuse({ text: 'One of text, html or template_id is required. #MS42211' })
  if (mail.tags?.length > 5) return refuse({ tags: 'The tags must not have more than 5 items.' })
  for (const [index, file] of (mail.attachments ?? []).entries()) {
    if (!/\.[a-z0-9]+$/i.test(file.filename)) {
      return refuse({ [`attachments.${index}`]: 'The file type is not supported. #MS42210' })
    }
  }
  const emails = (list: string): string[] => (mail[list] ?? []).map(({ email }: Json) => email)
  return {
    status: 202,
    headers: { 'content-type': 'text/html; charset=UTF-8', 'x-message-id': id },
    takes: {
      id,
      recipients: ['to', 'cc', 'bcc'].flatMap(emails),
      hidden: emails('bcc'),
      subject: mail.subject,
      fields: mail,
    },
  }
}

function search(asked: Asked, sent: readonly Taken[]): Reply {
  for (const name of ['domain_id', 'date_from', 'date_to']) {
    if (!asked.query.get(name)) return refuse({ [name]: `The ${name} field is required. #MS42209` })
  }
  assert.equal(asked.query.get('domain_id'), 'd-example')
  const tag = asked.query.get('tag')!
  const found = sent.filter(({ fields }) => (fields.tags as string[]).includes(tag))
  const rows = found.flatMap(({ id, recipients, fields }) =>
    recipients.map((to) => ({ id: `e-${to}`, to, message_id: id, tags: fields.tags, status: 'sent' })),
  )
  return json(200, { data: rows, links: { next: null }, meta: { current_page: 1 } })
}

/** 120 hard bounces in pages of at most 100, and a few of the others. */
function list(asked: Asked): Reply {
  const [limit, page] = [Number(asked.query.get('limit') ?? 25), Number(asked.query.get('page') ?? 1)]
  if (limit > 100) return refuse({ limit: 'The limit must not be greater than 100.' })
  const created_at = '2026-11-25T12:00:00.000000Z'
  const of = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      id: `${name}-${index}`,
      reason: 'Unknown reason',
      created_at,
      recipient: { id: `r-${index}`, email: `${name}-${index}@example.com` },
    }))
  const lists: Record<string, unknown[]> = {
    'hard-bounces': of('bounce', 120),
    'spam-complaints': of('spam', 1),
    unsubscribes: of('unsubscribe', 1),
    blocklist: [
      { id: 'b-1', type: 'exact', pattern: 'blocked@example.com', created_at },
      { id: 'b-2', type: 'pattern', pattern: '.*@example.net', created_at },
    ],
  }
  const rows = lists[asked.path.split('/').at(-1)!]
  return rows ? json(200, { data: rows.slice((page - 1) * limit, page * limit) }) : json(404, { message: 'Not found.' })
}

function valid(address: Json): boolean {
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address?.email ?? '') && !address.email.startsWith('bad@')
}

function refuse(errors: Record<string, string>): Reply {
  const texts = Object.values(errors)
  const more = texts.length > 1 ? ` (and ${texts.length - 1} more error)` : ''
  const lists = Object.fromEntries(Object.entries(errors).map(([field, text]) => [field, [text]]))
  return json(422, { message: texts[0] + more, errors: lists })
}

const notVerified = 'The from.email domain must be verified in your account to send emails. #MS42207'

const error = (status: number, text: string) => ({ status, ...says({ message: text }) })
const invalid = (errors: Record<string, string>) => {
  const { status, headers = {}, body = '' } = refuse(errors)
  return { status, headers, body }
}
const warns = (type: string, recipients: object[]) =>
  says({
    message: 'There are some warnings for your request.',
    warnings: [{ type, warning: 'Some of the recipients have been suppressed.', recipients }],
  })

const mail = {
  from: { email: 'sender@example.com', name: 'Sender, Inc.' },
  to: [{ email: 'ann@example.com', name: 'Ann "A" Ärger' }],
  cc: [{ email: 'bob@example.com', name: 'Bob' }],
  // Of several it takes one.
  reply_to: { email: 'help@example.com', name: 'Help' },
  subject: letter.subject,
  text: letter.text!,
  html: letter.html!,
  tags: ['welcome', message.id],
  attachments: [
    { content: letter.attachments[0]!.content, filename: 'räport.pdf', disposition: 'attachment' },
    { content: letter.attachments[1]!.content, filename: 'logo.png', disposition: 'inline', id: 'logo' },
  ],
}

const event = (name: string, morph: object | null = null, more: object = {}) => ({
  type: `activity.${name}`,
  domain_id: 'd-example',
  created_at: '2026-11-25T12:00:01.000000Z',
  webhook_id: 'w-1',
  url: 'https://mail.example.com/hooks/it',
  data: {
    object: 'activity',
    id: `a-${name}`,
    type: name,
    created_at: '2026-11-25T12:00:00.000000Z',
    email: {
      object: 'email',
      id: 'e-1',
      from: 'sender@example.com',
      subject: 'hello',
      status: 'sent',
      tags: ['welcome', message.id],
      message: { object: 'message', id: '62fb66bef54a112e920b5493' },
      recipient: { object: 'recipient', email: 'ann@example.com' },
    },
    morph,
    ...more,
  },
})
const about = {
  at: hookTime,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: '62fb66bef54a112e920b5493',
}

/** Signed as MailerSend signs: over the bytes, in which every slash is escaped. */
export function signed(body: unknown, secret = signingSecret) {
  const text = JSON.stringify(body).replaceAll('/', '\\/')
  return jsonCall(text, { signature: createHmac('sha256', secret).update(text).digest('hex') })
}

export default {
  adapter: mailersend,
  vendor: fakeMailersend,
  options: (baseUrl) => ({ apiKey, baseUrl }),
  secret: apiKey,
  cases: [
    { says: '202 with nothing but an id', status: 202, headers: { 'x-message-id': 'm-1' }, all: 'accepted m-1' },
    { says: '202 without an id', status: 202, ...says({}), all: 'unknown' },
    {
      says: '202 with one suppressed',
      status: 202,
      headers: { 'x-message-id': 'm-1', 'content-type': 'application/json' },
      body: warns('SOME_SUPPRESSED', [{ email: 'bob@example.com', name: 'Bob', reasons: ['hard_bounced'] }]).body,
      ann: 'accepted m-1',
      bob: 'rejected/recipient',
    },
    {
      says: '202 with one on hold',
      status: 202,
      headers: { 'x-message-id': 'm-1', 'content-type': 'application/json' },
      body: warns('SOME_SUPPRESSED', [{ email: 'Bob@example.com', reason: ['on_hold'] }]).body,
      ann: 'accepted m-1',
      bob: 'deferred/recipient',
    },
    {
      says: '202 with all suppressed',
      status: 202,
      ...warns('ALL_SUPPRESSED', [
        { email: 'ann@example.com', reason: 'unsubscribed' },
        { email: 'bob@example.com', reasons: ['spam_complaint', 'blocklisted'] },
      ]),
      all: 'rejected/recipient 5.7.1',
    },
    {
      says: '202 with all suppressed, of whom it names one',
      status: 202,
      ...warns('ALL_SUPPRESSED', [{ email: 'bob@example.com', reasons: ['hard_bounced'] }]),
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      lone: 'rejected/recipient 5.7.1',
    },
    {
      says: '422 MS42208 of a recipient',
      about: 'recipient',
      ...invalid({ 'to.0.email': 'The to.0.email must be a valid email address. #MS42208' }),
      ann: 'rejected/recipient',
      bob: 'deferred/message 0',
    },
    {
      says: '422 MS42208 of From',
      ...invalid({ 'from.email': 'The from.email must be a valid email address. #MS42208' }),
      all: 'rejected/message',
    },
    {
      says: '422 MS42208 of a recipient and of Reply-To',
      ...invalid({ 'to.0.email': 'No. #MS42208', 'reply_to.email': 'No. #MS42208' }),
      all: 'rejected/message',
    },
    { says: '422 MS42207', about: 'identity', ...invalid({ 'from.email': notVerified }), all: 'rejected/identity' },
    { says: '422 MS42204', about: 'credit', ...error(422, 'Quota reached. #MS42204'), all: 'deferred/account' },
    { says: '422 MS42222', ...error(422, 'Trial quota reached. #MS42222'), all: 'deferred/account' },
    { says: '422 MS42225', ...error(422, 'Unique recipients limit. #MS42225'), all: 'deferred/account' },
    ...[
      'MS42201',
      'MS42202',
      'MS42205',
      'MS42206',
      'MS42209',
      'MS42210',
      'MS42211',
      'MS42213',
      'MS42214',
      'MS42215',
    ].map((code) => ({ says: `422 ${code}`, ...invalid({ field: `No. #${code}` }), all: 'rejected/message' })),
    ...['MS42216', 'MS42217', 'MS42218', 'MS42219', 'MS42227', 'MS42228'].map((code) => ({
      says: `422 ${code}`,
      ...invalid({ field: `No. #${code}` }),
      all: 'rejected/message',
    })),
    { says: '422 without a code', ...error(422, 'The given data was invalid.'), all: 'rejected/message' },
    { says: '400 MS40001', ...error(400, 'Malformed. #MS40001'), all: 'rejected/message' },
    { says: '401', about: 'credential', ...error(401, 'Unauthenticated.'), all: 'rejected/account' },
    ...['MS40301', 'MS40302', 'MS40303', 'MS40304', 'MS40305'].map((code) => ({
      says: `403 ${code}`,
      ...error(403, `No. #${code}`),
      all: 'rejected/account',
    })),
    { says: '404', ...error(404, 'Not found.'), all: 'rejected/account' },
    { says: '405', ...error(405, 'Not supported.'), all: 'rejected/account' },
    { says: '408', ...error(408, 'Timeout.'), all: 'deferred/provider' },
    { says: '421', ...error(421, 'Under maintenance.'), all: 'deferred/provider' },
    {
      says: '429 MS42903',
      about: 'throttled',
      status: 429,
      headers: { ...says({}).headers, 'retry-after': '7', 'x-ratelimit-remaining': '0' },
      body: says({ message: 'Too Many Attempts. #MS42903' }).body,
      all: 'deferred/provider 7000',
    },
    { says: '429 MS42901', ...error(429, 'Daily API quota reached. #MS42901'), all: 'deferred/account' },
    { says: '500 MS5001', ...error(500, 'Server error. #MS5001'), all: 'deferred/provider' },
    { says: '503', ...error(503, 'Service unavailable.'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, mail)
  },
  sdk(baseUrl) {
    const { email } = new MailerSend({ apiKey })
    // It has no setting for the address.
    ;(email as unknown as { baseUrl: string }).baseUrl = `${baseUrl}/v1`
    const params = new EmailParams()
      .setFrom(new Sender(mail.from.email, mail.from.name))
      .setTo([new Recipient(mail.to[0]!.email, mail.to[0]!.name)])
      .setCc([new Recipient(mail.cc[0]!.email, mail.cc[0]!.name)])
      .setReplyTo(new Recipient(mail.reply_to.email, mail.reply_to.name))
      .setSubject(mail.subject)
      .setText(mail.text)
      .setHtml(mail.html)
      .setTags(mail.tags)
      .setAttachments([
        new SdkAttachment(letter.attachments[0]!.content, 'räport.pdf', 'attachment'),
        new SdkAttachment(letter.attachments[1]!.content, 'logo.png', 'inline', 'logo'),
      ])
    return email.send(params)
  },
  smtp: {
    options: { username: 'MS_fake@example.com', password: 'fake-password' },
    server: ['smtp.mailersend.net', 587],
    user: 'MS_fake@example.com',
    headers: { 'X-MailerSend-Tags': `welcome, ${message.id}` },
  },
  hooks: {
    options: { webhookSecret: signingSecret },
    call: (body) => signed(body),
    forgeries: (genuine) => {
      const flipped = Uint8Array.from(genuine.body)
      flipped[flipped.length >> 1]! ^= 1
      return [
        { how: 'a bit of the body is another', forged: { ...genuine, body: flipped } },
        { how: 'another secret', forged: signed(event('delivered'), 'another') },
        {
          how: 'an event under the secret for tests',
          forged: signed(event('delivered'), 'test_Am3L1GuOIc4blLUuHqAPxxwkZaJyEk8G'),
        },
      ]
    },
    cases: [
      { says: 'sent', body: event('sent'), events: [told({ type: 'accepted', ...about })] },
      {
        says: 'deferred',
        body: event('deferred', { object: 'recipient_bounce', reason: 'Try later' }),
        events: [told({ type: 'deferred', ...about, detail: 'Try later' })],
      },
      { says: 'delivered', body: event('delivered'), events: [told({ type: 'delivered', ...about })] },
      {
        says: 'hard bounce',
        body: event('hard_bounced', { object: 'recipient_bounce', reason: 'No such user' }),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: 'No such user' })],
      },
      {
        says: 'hard bounce with a reply about a policy',
        body: event('hard_bounced', { object: 'recipient_bounce', reason: '550 5.7.1 Refused' }),
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: '550 5.7.1 Refused' })],
      },
      {
        says: 'soft bounce',
        body: event('soft_bounced', { object: 'recipient_bounce', reason: 'Mailbox full' }),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: 'Mailbox full' })],
      },
      {
        says: 'complaint',
        body: event('spam_complaint', { object: 'spam_complaint', reason: null }),
        events: [told({ type: 'complained', ...about })],
      },
      { says: 'open', body: event('opened', { object: 'open' }), events: [told({ type: 'opened', ...about })] },
      {
        says: 'click',
        body: event('clicked', { object: 'click', url: 'https://example.com/a' }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      {
        says: 'unsubscribe',
        body: event('unsubscribed', {
          object: 'recipient_unsubscribe',
          reason: 'option_3',
          readable_reason: 'I get too many emails',
        }),
        events: [told({ type: 'unsubscribed', ...about, detail: 'I get too many emails option_3' })],
      },
      {
        says: 'of a mail without tags',
        body: {
          type: 'activity.delivered',
          data: { id: 'a', email: { tags: null, message: { id: 'm-1' }, recipient: { email: 'ann@example.com' } } },
        },
        events: [told({ type: 'delivered', recipient: 'ann@example.com', providerMessageId: 'm-1' })],
      },
      { says: 'a survey', body: event('survey_opened'), events: [] },
      { says: 'maintenance', body: { type: 'maintenance.start', data: {} }, events: [] },
    ],
  },
} satisfies VendorData
