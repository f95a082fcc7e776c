import assert from 'node:assert/strict'
import Mailjet from 'node-mailjet'
import mailjet from '../../adapters/mailjet.ts'
import {
  type Asked,
  type FakeVendor,
  fakeVendor,
  json,
  type Reply,
  type Taken,
} from '../support/fake-vendors/vendor.ts'
import { addressHooks, hookTime, letter, message, says, told, type VendorData } from './fixture.ts'

const apiKey = '0123456789abcdef0123456789abcdef'
const secretKey = 'fedcba9876543210fedcba9876543210'

// What a CommonJS module exports is its default here; its types say otherwise.
const Client = Mailjet as unknown as typeof Mailjet.default

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent
type Json = any

/** Mailjet's desk: a search by CustomID beside the sending. */
function fakeMailjet(): Promise<FakeVendor> {
  const sent: Taken[] = []
  // Beyond what a number of JavaScript can tell apart.
  let serial = 576_460_765_503_091_475n
  const next = () => String(++serial)
  return fakeVendor(
    (asked) => {
      const login = `Basic ${Buffer.from(`${apiKey}:${secretKey}`).toString('base64')}`
      if (asked.headers.authorization !== login) {
        return refuse(401, 'mj-0001', 'API key authentication/authorization failure.')
      }
      if (asked.path === '/v3/REST/message') return search(asked, sent)
      if (asked.path !== '/v3.1/send') return refuse(404, 'mj-0001', 'Resource not found')
      if (asked.method !== 'POST') return refuse(405, 'mj-0001', 'Method not allowed')
      if (asked.body.length > 20_500_000) return refuse(413, 'mj-0001', 'Too large')
      return take(asked, next)
    },
    (taken) => sent.push(taken),
  )
}

const known = new Set(
  'From Sender To Cc Bcc ReplyTo Subject TextPart HTMLPart Headers CustomID EventPayload CustomCampaign Attachments InlinedAttachments'.split(
    ' ',
  ),
)
const forbidden =
  /^(from|sender|subject|to|cc|bcc|reply-to|date|message-id|return-path|received|list-id|user-agent|x-mailer|x-mj-.*)$/i

function take(asked: Asked, next: () => string): Reply {
  const { Messages: messages, SandboxMode: _, ...more }: Json = JSON.parse(asked.body.toString())
  if (!Array.isArray(messages) || messages.length !== 1 || Object.keys(more).length > 0) {
    return refuse(400, 'mj-0002', 'Malformed JSON, please review the syntax and properties types.')
  }
  const [mail] = messages
  for (const key of Object.keys(mail)) if (!known.has(key)) return no('mj-0004', 400, `Unknown property ${key}`, key)
  if (!valid(mail.From)) return no('mj-0013', 400, '"x" is an invalid email address.', 'From.Email')
  if (mail.From.Email.endsWith('@unverified.test')) return no('send-0008', 403, 'Not a validated sender', 'From.Email')
  if (!mail.To?.length) return no('mj-0003', 400, 'Missing mandatory property.', 'To')
  for (const list of ['To', 'Cc', 'Bcc']) {
    for (const [index, address] of (mail[list] ?? []).entries()) {
      if (!valid(address)) {
        return no('mj-0013', 400, `"${address.Email}" is an invalid email address.`, `${list}[${index}].Email`)
      }
    }
  }
  if (mail.ReplyTo && !valid(mail.ReplyTo)) return no('mj-0013', 400, 'invalid email address', 'ReplyTo.Email')
  if (!mail.TextPart && !mail.HTMLPart) return no('send-0003', 400, 'At least "HTMLPart", "TextPart"…', 'TextPart')
  for (const [name, value] of Object.entries(mail.Headers ?? {})) {
    if (forbidden.test(name) || typeof value !== 'string') return no('send-0011', 400, 'Header cannot be set', name)
  }
  for (const file of [...(mail.Attachments ?? []), ...(mail.InlinedAttachments ?? [])]) {
    if (!file.ContentType || !file.Filename || !file.Base64Content) return no('mj-0003', 400, 'Missing', 'Attachments')
  }
  const emails = (list: string): string[] => (mail[list] ?? []).map(({ Email }: Json) => Email)
  const recipients = ['To', 'Cc', 'Bcc'].flatMap(emails)
  const ids = Object.fromEntries(recipients.map((email) => [email, next()]))
  const rows = (list: string) =>
    emails(list).map((Email) => ({
      Email,
      MessageUUID: crypto.randomUUID(),
      MessageID: ids[Email],
      MessageHref: `https://api.mailjet.com/v3/message/${ids[Email]}`,
    }))
  const answer = {
    Messages: [{ Status: 'success', CustomID: mail.CustomID ?? '', To: rows('To'), Cc: rows('Cc'), Bcc: rows('Bcc') }],
  }
  return {
    ...json(200, answer),
    body: withNumbers(answer),
    takes: { id: ids[recipients[0]!]!, ids, recipients, hidden: emails('Bcc'), subject: mail.Subject, fields: mail },
  }
}

function search(asked: Asked, sent: readonly Taken[]): Reply {
  const found = sent.filter(({ fields }) => fields.CustomID === asked.query.get('CustomID'))
  const rows = found.flatMap(({ ids }) =>
    Object.entries(ids!).map(([email, ID]) => ({
      ID,
      UUID: crypto.randomUUID(),
      ArrivedAt: '2026-11-25T12:00:00Z',
      ContactAlt: asked.query.get('ShowContactAlt') === 'true' ? email : '',
      Status: 'sent',
    })),
  )
  return { ...json(200, {}), body: withNumbers({ Count: rows.length, Data: rows, Total: rows.length }) }
}

/** Ids are numbers at Mailjet. */
function withNumbers(value: unknown): string {
  return JSON.stringify(value).replace(/"(MessageID|ID)":"(\d+)"/g, '"$1":$2')
}

function valid(address: Json): boolean {
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address?.Email ?? '') && !address.Email.startsWith('bad@')
}

function problem(ErrorCode: string, StatusCode: number, ErrorMessage: string, ...ErrorRelatedTo: string[]) {
  return {
    ErrorIdentifier: '06df1144-c6f3-4ca7-8885-7ec5d4344113',
    ErrorCode,
    StatusCode,
    ErrorMessage,
    ErrorRelatedTo,
  }
}

/** The call is refused whole. */
function refuse(status: number, code: string, text: string): Reply {
  const { ErrorRelatedTo: _, ...root } = problem(code, status, text)
  return json(status, root)
}

/** The one message is refused. */
function no(...error: Parameters<typeof problem>): Reply {
  return json(error[1] === 403 ? 403 : 400, { Messages: [{ Status: 'error', Errors: [problem(...error)] }] })
}

const whole = (status: number, code = 'mj-0001', text = 'No.') => {
  const { headers = {}, body = '' } = refuse(status, code, text)
  return { status, headers, body }
}
const one = (...error: Parameters<typeof problem>) => {
  const { status, headers = {}, body = '' } = no(...error)
  return { status, headers, body }
}

const payload = JSON.stringify({ order: '17', waypost: message.id })
const mail = {
  From: { Email: 'sender@example.com', Name: 'Sender, Inc.' },
  To: [{ Email: 'ann@example.com', Name: 'Ann "A" Ärger' }],
  Cc: [{ Email: 'bob@example.com', Name: 'Bob' }],
  // Of several it takes one.
  ReplyTo: { Email: 'help@example.com', Name: 'Help' },
  Subject: letter.subject,
  TextPart: letter.text!,
  HTMLPart: letter.html!,
  Headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>' },
  CustomID: message.id,
  EventPayload: payload,
  CustomCampaign: 'welcome',
  Attachments: [
    { ContentType: 'application/pdf', Filename: 'räport.pdf', Base64Content: letter.attachments[0]!.content },
  ],
  InlinedAttachments: [
    {
      ContentType: 'image/png',
      Filename: 'logo.png',
      Base64Content: letter.attachments[1]!.content,
      ContentID: 'logo',
    },
  ],
}

// As text, for the id is larger than a number that JSON.stringify could write.
const event = (name: string, more: object = {}) => ({
  event: name,
  time: hookTime / 1000,
  MessageID: '19421777396190490',
  Message_GUID: '1ab23cd4-e567-8901-2345-6789f0gh1i2j',
  email: 'ann@example.com',
  mj_campaign_id: 7173,
  mj_contact_id: 320,
  customcampaign: 'welcome',
  CustomID: message.id,
  Payload: payload,
  ...more,
})
const about = {
  at: hookTime,
  recipient: 'ann@example.com',
  messageId: message.id,
  providerMessageId: '19421777396190490',
}
const bounced = (hard: boolean, related: string, error: string, comment = '') =>
  event('bounce', { blocked: false, hard_bounce: hard, error_related_to: related, error, comment })

export default {
  adapter: mailjet,
  vendor: fakeMailjet,
  options: (baseUrl) => ({ apiKey, secretKey, baseUrl }),
  secret: secretKey,
  cases: [
    {
      says: '200, an id for each',
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: withNumbers({
        Messages: [
          {
            Status: 'success',
            To: [{ Email: 'Ann@example.com', MessageID: '576460765503091475' }],
            Cc: [{ Email: 'bob@example.com', MessageID: '576460765503091476' }],
          },
        ],
      }),
      ann: 'accepted 576460765503091475',
      bob: 'accepted 576460765503091476',
    },
    {
      says: '200, an id for one',
      status: 200,
      ...says({ Messages: [{ Status: 'success', To: [{ Email: 'ann@example.com', MessageID: 17 }] }] }),
      ann: 'accepted 17',
      bob: 'unknown',
    },
    { says: '200 without messages', status: 200, ...says({ Messages: [] }), all: 'unknown' },
    {
      says: '400 mj-0013 for a recipient that it names',
      about: 'recipient',
      ...one('mj-0013', 400, '"x" is an invalid email address.', 'Cc[0].Email'),
      ann: 'deferred/message 0',
      bob: 'rejected/recipient',
      // There is no Cc then.
      lone: 'rejected/message',
    },
    {
      says: '400 mj-0013 for the first',
      about: 'recipient',
      ...one('mj-0013', 400, '"x" is an invalid email address.', 'To[0].Email'),
      ann: 'rejected/recipient',
      bob: 'deferred/message 0',
    },
    {
      says: '400 mj-0013 for From',
      ...one('mj-0013', 400, '"x" is an invalid email address.', 'From.Email'),
      all: 'rejected/message',
    },
    { says: '400 mj-0004', ...one('mj-0004', 400, 'Type mismatch.', 'Subject'), all: 'rejected/message' },
    { says: '400 mj-0003', ...one('mj-0003', 400, 'Missing mandatory property.', 'To'), all: 'rejected/message' },
    { says: '400 send-0003', ...one('send-0003', 400, 'At least "HTMLPart"…', 'TextPart'), all: 'rejected/message' },
    { says: '400 send-0010', ...one('send-0010', 400, 'Template not found', 'TemplateID'), all: 'rejected/message' },
    {
      says: '403 send-0008',
      about: 'identity',
      ...one('send-0008', 403, 'Not a validated sender', 'From.Email'),
      all: 'rejected/identity',
    },
    { says: '400 send-0008', ...one('send-0008', 400, 'Not a validated sender', 'From'), all: 'rejected/identity' },
    { says: '400 with 500 within', ...one('mj-0001', 500, 'Internal error'), all: 'deferred/provider' },
    { says: '400 mj-0002, of the whole call', ...whole(400, 'mj-0002', 'Malformed JSON'), all: 'rejected/message' },
    { says: '401', about: 'credential', ...whole(401), all: 'rejected/account' },
    { says: '403', ...whole(403, 'mj-0001', 'Your account has been temporarily blocked'), all: 'rejected/account' },
    { says: '404', ...whole(404), all: 'rejected/account' },
    { says: '405', ...whole(405), all: 'rejected/account' },
    { says: '413', ...whole(413), all: 'rejected/message' },
    { says: '429', about: 'throttled', ...whole(429), all: 'deferred/provider' },
    { says: '500', ...whole(500), all: 'deferred/provider' },
    { says: '502 of its own', ...whole(502), all: 'deferred/provider' },
    { says: '503', ...whole(503), all: 'deferred/provider' },
  ],
  silent: { credit: 'no answer is documented for a plan that is used up' },
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, mail)
  },
  async sdk(baseUrl) {
    // It has no setting for the scheme.
    const request = Client.Request as unknown as { protocol: string }
    const { protocol } = request
    request.protocol = 'http://'
    try {
      const client = Client.apiConnect(apiKey, secretKey, { config: { host: new URL(baseUrl).host } })
      await client.post('send', { version: 'v3.1' }).request({ Messages: [mail] })
    } finally {
      request.protocol = protocol
    }
  },
  smtp: {
    options: { apiKey, secretKey },
    server: ['in-v3.mailjet.com', 587],
    user: apiKey,
    headers: { 'X-MJ-CustomID': message.id, 'X-MJ-EventPayload': payload, 'X-Mailjet-Campaign': 'welcome' },
  },
  hooks: {
    ...addressHooks,
    cases: [
      {
        says: 'sent',
        body: event('sent', { smtp_reply: '250 2.0.0 OK' }),
        events: [told({ type: 'delivered', ...about, detail: '250 2.0.0 OK' })],
      },
      {
        says: 'an id as the number that it is',
        body: withNumbers(event('sent')),
        events: [told({ type: 'delivered', ...about })],
      },
      {
        says: 'user unknown',
        body: bounced(true, 'recipient', 'user unknown'),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: 'recipient user unknown' })],
      },
      {
        says: 'a full mailbox, for good',
        body: bounced(true, 'recipient', 'quota exceeded'),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: 'recipient quota exceeded' })],
      },
      {
        says: 'a blocked sender',
        body: bounced(true, 'spam', 'sender blocked'),
        events: [told({ type: 'bounced', bounce: 'block', ...about, detail: 'spam sender blocked' })],
      },
      {
        says: 'no reason, but a reply',
        body: bounced(true, '', '', '550 5.1.1 unknown'),
        events: [told({ type: 'bounced', bounce: 'hard', ...about, detail: '550 5.1.1 unknown' })],
      },
      {
        says: 'a soft bounce',
        body: bounced(false, 'system', 'connection issue'),
        events: [told({ type: 'bounced', bounce: 'soft', ...about, detail: 'system connection issue' })],
      },
      {
        says: 'greylisted',
        body: bounced(false, 'domain', 'greylisted'),
        events: [told({ type: 'deferred', ...about, detail: 'domain greylisted' })],
      },
      {
        says: 'blocked before',
        body: event('blocked', { error_related_to: 'mailjet', error: 'preblocked' }),
        events: [told({ type: 'suppressed', ...about, detail: 'mailjet preblocked' })],
      },
      {
        says: 'blocked for its content',
        body: event('blocked', { error_related_to: 'spam', error: 'content blocked' }),
        events: [told({ type: 'rejected', ...about, detail: 'spam content blocked' })],
      },
      {
        says: 'open and click, grouped',
        body: [event('open', { ip: '192.0.2.1' }), event('click', { url: 'https://example.com/a' })],
        events: [
          told({ type: 'opened', ...about }),
          told({ type: 'clicked', ...about, detail: 'https://example.com/a' }),
        ],
      },
      {
        says: 'spam',
        body: event('spam', { source: 'JMRPP' }),
        events: [told({ type: 'complained', ...about, detail: 'JMRPP' })],
      },
      { says: 'unsub', body: event('unsub'), events: [told({ type: 'unsubscribed', ...about })] },
      { says: 'another', body: event('typofix'), events: [] },
    ],
  },
} satisfies VendorData
