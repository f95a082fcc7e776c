import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { SendMailClient } from 'zeptomail'
import zeptomail from '../../adapters/zeptomail.ts'
import { type Asked, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { hookTime, jsonCall, letter, message, says, tampered, told, type VendorData } from './fixture.ts'

const token = 'fake-send-mail-token=='

function desk(asked: Asked): Reply {
  if (asked.path !== '/v1.1/email' || asked.method !== 'POST') return { status: 404, body: '' }
  if (asked.headers.authorization !== `Zoho-enczapikey ${token}`) return refuse(401, 'TM_4001', 'SERR_157')
  if (!asked.headers['content-type']?.startsWith('application/json')) return refuse(400, 'TM_3301', 'SM_101')
  const mail = JSON.parse(asked.body.toString())
  const wrong = problemOf(mail)
  if (wrong !== null) return wrong
  const { to, cc = [], bcc = [] } = mail
  const addresses = (people: Person[]) => people.map(({ email_address: { address } }) => address)
  const id = `2d6f.${crypto.randomUUID()}`
  return {
    ...json(201, {
      data: [{ code: 'EM_104', additional_info: [], message: 'Email request received' }],
      message: 'OK',
      request_id: id,
      object: 'email',
    }),
    takes: {
      id,
      recipients: addresses([...to, ...cc, ...bcc]),
      hidden: addresses(bcc),
      subject: mail.subject,
      fields: mail,
    },
  }
}

interface Person {
  email_address: { address: string; name?: string }
}

const known = new Set(
  'from to cc bcc reply_to bounce_address subject htmlbody textbody mime_headers client_reference attachments inline_images track_clicks track_opens'.split(
    ' ',
  ),
)

function problemOf(mail: ReturnType<typeof JSON.parse>): Reply | null {
  const stranger = Object.keys(mail).find((name) => !known.has(name))
  if (stranger !== undefined) return refuse(400, 'TM_3301', 'SM_101', stranger)
  const isAddress = (text: unknown) => /^[!-~]+@[a-z0-9.-]+$/i.test(String(text))
  if (!isAddress(mail.from?.address)) return refuse(400, 'TM_3201', 'GE_102', 'from')
  if (mail.from.address.endsWith('@unverified.test')) return refuse(400, 'TM_4001', 'SM_111')
  for (const field of ['to', 'cc', 'bcc']) {
    if (field in mail && mail[field].length === 0) return refuse(400, 'TM_3201', 'GE_102', field)
    for (const { email_address } of mail[field] ?? []) {
      const { address, name } = email_address ?? {}
      if (!isAddress(address) || address.startsWith('bad@') || name === '')
        return refuse(400, 'TM_3301', 'SM_113', `${field}[0].email_address.address`)
    }
  }
  if (!mail.to) return refuse(400, 'TM_3201', 'GE_102', 'to')
  if (!mail.subject) return refuse(400, 'TM_3201', 'GE_102', 'subject')
  if (!mail.htmlbody && !mail.textbody) return refuse(400, 'TM_3201', 'GE_102', 'htmlbody')
  for (const { address } of mail.reply_to ?? [])
    if (!isAddress(address)) return refuse(400, 'TM_3201', 'GE_102', 'reply_to')
  for (const file of mail.attachments ?? []) {
    if (!file.name || !file.content || !file.mime_type) return refuse(400, 'TM_3301', 'SM_120')
  }
  for (const file of mail.inline_images ?? []) {
    if (!file.cid || !file.content || !file.mime_type) return refuse(400, 'TM_3301', 'SM_120')
  }
  return null
}

function refuse(status: number, code: string, detail: string, target?: string): Reply {
  const details = [{ code: detail, message: 'Why not.', ...(target === undefined ? {} : { target }) }]
  return json(status, { error: { code, message: 'No.', details, request_id: 'r-0' } })
}

const error = (status: number, code: string, ...details: string[]) => ({
  status,
  ...says({ error: { code, message: 'No.', details: details.map((code) => ({ code, message: 'Why not.' })) } }),
})

const authenticationKey = 'an authentication key of ZeptoMail'

/** Signed as most say it is: over the body alone. */
function signed(body: unknown, { at = hookTime, over = (payload: string) => payload, key = authenticationKey } = {}) {
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  const signature = createHmac('sha256', key).update(over(payload)).digest('base64')
  const value = `ts=${at - 1000};s=${encodeURIComponent(signature)};s-algorithm=HmacSHA256`
  return jsonCall(payload, { 'producer-signature': value })
}

const event = (name: string, details: object, info: object = {}) => ({
  event_name: [name],
  event_message: [
    {
      request_id: 'r-1',
      email_info: {
        email_reference: '2d6f.e-1',
        client_reference: message.id,
        is_smtp_trigger: false,
        subject: 'hello',
        from: { address: 'sender@example.com' },
        to: [{ email_address: { address: 'ann@example.com', name: 'Ann' } }],
        processed_time: '2026-11-25T11:58:00.000Z',
        ...info,
      },
      event_data: [{ object: name, details: [details] }],
    },
  ],
  mailagent_key: 'agent',
  webhook_request_id: 'w-1',
})
const time = '2026-11-25T11:59:00.000Z'
const about = { at: hookTime - 60_000, recipient: 'ann@example.com', messageId: message.id, providerMessageId: 'r-1' }
const bounced = (name: string, diagnostic_message: string, bounce: 'hard' | 'soft' | 'block') => ({
  says: `${name}: ${diagnostic_message}`,
  body: event(name, { reason: 'Why', bounced_recipient: 'ann@example.com', diagnostic_message, time }),
  events: [told({ type: 'bounced', bounce, ...about, detail: `Why ${diagnostic_message}` })],
})

export default {
  adapter: zeptomail,
  vendor: () => fakeVendor(desk),
  options: (baseUrl) => ({ token: `Zoho-enczapikey ${token}`, baseUrl }),
  secret: token,
  cases: [
    { says: '201', status: 201, ...says({ message: 'OK', request_id: 'r-1', object: 'email' }), all: 'accepted r-1' },
    { says: '200', status: 200, ...says({ message: 'OK', request_id: 'r-1' }), all: 'accepted r-1' },
    { says: '201 without an id', status: 201, ...says({ message: 'OK' }), all: 'unknown' },
    ...['GE_102', 'SM_101', 'SM_120', 'UE_106', 'MTR_101'].map((code) => ({
      says: `400 ${code}`,
      ...error(400, 'TM_3301', code),
      all: 'rejected/message',
    })),
    {
      says: '400 of an address',
      status: 400,
      ...says({ error: { code: 'TM_3301', message: 'No.', details: [{ code: 'SM_113', target: 'to' }] } }),
      about: 'recipient',
      all: 'deferred/message 0',
      lone: 'rejected/recipient',
    },
    { says: '400 no credits', ...error(400, 'TM_3501', 'LE_101'), about: 'credit', all: 'rejected/account' },
    { says: '400 our address', ...error(400, 'TM_3601', 'SERR_156'), all: 'rejected/account' },
    { says: '400 trial', ...error(400, 'TM_3601', 'SM_133'), all: 'rejected/account' },
    { says: '400 blocked', ...error(400, 'TM_3601', 'AE_101'), all: 'rejected/account' },
    { says: '400 the day’s limit', ...error(400, 'TM_3601', 'SMI_115'), all: 'deferred/account' },
    { says: '400 the agent’s limit', ...error(400, 'TM_3601', 'SM_151'), all: 'deferred/account' },
    { says: '400 From', ...error(400, 'TM_4001', 'SM_111'), about: 'identity', all: 'rejected/identity' },
    { says: '401 token', ...error(401, 'TM_4001', 'SERR_157'), about: 'credential', all: 'rejected/account' },
    { says: '400 TM_5001', ...error(400, 'TM_5001'), all: 'rejected/account' },
    { says: '400 TM_8001', ...error(400, 'TM_8001'), all: 'rejected/account' },
    { says: '400 TM_4001 for another reason', ...error(400, 'TM_4001', 'XX_1'), all: 'rejected/account' },
    { says: '429', ...error(429, 'TM_9999'), about: 'throttled', all: 'deferred/provider' },
    { says: '500', ...error(500, 'TM_9999'), all: 'deferred/provider' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    assert.deepEqual(fields, sent())
  },
  sdk: (baseUrl) =>
    new SendMailClient({ url: `${baseUrl}/`, token: `Zoho-enczapikey ${token}` }, {
      useHttps: false,
    } as never).sendMail(sent() as never),
  smtp: {
    options: { token: `Zoho-enczapikey ${token}`, region: 'eu' },
    server: ['smtp.zeptomail.eu', 587],
    user: 'emailapikey',
  },
  hooks: {
    options: { webhookSecret: authenticationKey },
    call: (body, at) => signed(body, { at }),
    forgeries: (genuine) => [
      ...tampered(genuine),
      { how: 'another key', forged: signed(genuine.body.toString(), { key: 'another' }) },
      {
        how: 'half of it signed',
        forged: signed(JSON.parse(Buffer.from(genuine.body).toString()), { over: (all) => all.slice(9) }),
      },
      { how: 'no time', forged: { ...genuine, headers: { 'producer-signature': 's=abc' } } },
      {
        how: 'what cannot be decoded',
        forged: { ...genuine, headers: { 'producer-signature': `ts=${hookTime - 1000};s=%E0%A4%A` } },
      },
    ],
    cases: [
      bounced('softbounce', '452 4.2.2 full', 'soft'),
      bounced('hardbounce', '550 5.1.1 no such user', 'hard'),
      bounced('hardbounce', 'unknown user', 'hard'),
      bounced('hardbounce', '550 5.7.1 blocked', 'block'),
      {
        says: 'opened',
        body: event('email_open', { modified_time: time, ip_address: '192.0.2.1' }),
        events: [told({ type: 'opened', ...about })],
      },
      {
        says: 'opened by one of two',
        body: event('email_open', { time }, { cc: [{ email_address: { address: 'bob@example.com' } }] }),
        events: [told({ type: 'opened', ...about, recipient: null })],
      },
      {
        says: 'clicked',
        body: event('email_link_click', { time, clicked_link: 'https://example.com/a' }),
        events: [told({ type: 'clicked', ...about, detail: 'https://example.com/a' })],
      },
      { says: 'complained', body: event('feedback_loop', { time }), events: [told({ type: 'complained', ...about })] },
      {
        says: 'delivered',
        body: event('delivered', {}),
        events: [told({ type: 'delivered', ...about, at: hookTime - 120_000 })],
      },
      {
        says: 'complained, one of two',
        body: event('feedback_loop', { time }, { cc: [{ email_address: { address: 'bob@example.com' } }] }),
        events: [],
      },
      { says: 'of something else', body: event('mailagent_created', {}), events: [] },
    ],
  },
} satisfies VendorData

function sent() {
  const [pdf, logo] = letter.attachments
  return {
    from: { address: 'sender@example.com', name: 'Sender, Inc.' },
    to: [{ email_address: { address: 'ann@example.com', name: 'Ann "A" Ärger' } }],
    cc: [{ email_address: { address: 'bob@example.com', name: 'Bob' } }],
    reply_to: [{ address: 'help@example.com', name: 'Help' }, { address: 'desk@example.com' }],
    subject: letter.subject,
    htmlbody: letter.html!,
    textbody: letter.text!,
    mime_headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>' },
    client_reference: message.id,
    attachments: [{ name: 'räport.pdf', mime_type: 'application/pdf', content: pdf!.content }],
    inline_images: [{ cid: 'logo', mime_type: 'image/png', content: logo!.content }],
  }
}
