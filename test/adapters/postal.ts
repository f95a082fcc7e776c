import assert from 'node:assert/strict'
import { createSign, generateKeyPairSync } from 'node:crypto'
import PostalMime from 'postal-mime'
import postal from '../../adapters/postal.ts'
import type { HookCall } from '../../src/mail/webhook.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import { hookTime, jsonCall, letter, message, says, told, type VendorData } from './fixture.ts'

const key = 'fake-postal-key'

const answer = (status: string, data: object) => ({ status, time: 0.02, flags: {}, data })
const error = (code: string, more: object = {}) => answer('error', { ...more, code })

/** `send/raw`: whatever the method, and 200 whatever it says. */
function desk(): Promise<FakeVendor> {
  let serial = 0
  return fakeVendor(async (asked) => {
    const given = asked.headers['x-server-api-key']
    if (!given) return json(200, error('AccessDenied', { message: 'Must be authenticated as a server.' }))
    if (given !== key) return json(200, error('InvalidServerAPIKey', { message: 'not valid', token: given }))
    if (asked.path !== '/api/v1/send/raw') return { status: 404, body: '<h1>Not found</h1>' }
    return take(asked, () => ++serial)
  })
}

async function take(asked: Asked, next: () => number): Promise<Reply> {
  const missing = (field: string) => {
    return json(200, answer('parameter-error', { message: `\`${field}\` parameter is required but is missing` }))
  }
  const { mail_from, rcpt_to, data, ...rest } = JSON.parse(asked.body.toString())
  assert.deepEqual(rest, {})
  if (!Array.isArray(rcpt_to)) return missing('rcpt_to')
  if (!mail_from) return missing('mail_from')
  if (!data) return missing('data')
  const raw = Buffer.from(data, 'base64')
  const head = raw
    .toString()
    .split('\r\n\r\n')[0]!
    .replace(/\r\n[ \t]+/g, ' ')
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]
  const from = mailboxes(header('From'))[0] ?? ''
  if (from === '' || from.endsWith('@unverified.test')) return json(200, error('UnauthenticatedFromAddress'))
  const messages = Object.fromEntries(rcpt_to.map((email: string) => [email, { id: next(), token: `t-${email}` }]))
  const visible = new Set([...mailboxes(header('To')), ...mailboxes(header('Cc'))])
  return {
    ...json(200, answer('success', { message_id: header('Message-ID')?.replace(/[<>]/g, ''), messages })),
    takes: {
      id: String(messages[rcpt_to[0]]!.id),
      ids: Object.fromEntries(Object.entries(messages).map(([email, { id }]) => [email, String(id)])),
      recipients: rcpt_to,
      hidden: rcpt_to.filter((email: string) => !visible.has(email)),
      subject: header('Subject') ?? '',
      fields: { mail_from, tag: header('X-Postal-Tag'), mail: await PostalMime.parse(raw) },
    },
  }
}

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
/** As Postal shows it, for a record of DKIM. */
export const postalKey = `v=DKIM1; t=s; h=sha256; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')};`
export const postalPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()

/** A call, signed as newer versions sign it, or as older ones do. */
export function postalCall(body: unknown, hash: 'sha256' | 'sha1' = 'sha256', by = privateKey): HookCall {
  const unsigned = jsonCall(body)
  const signature = createSign(hash).update(unsigned.body).sign(by, 'base64')
  const name = hash === 'sha256' ? 'x-postal-signature-256' : 'x-postal-signature'
  return { ...unsigned, headers: { ...unsigned.headers, [name]: signature } }
}

const mail = {
  id: 123,
  token: 'abc',
  direction: 'outgoing',
  message_id: message.messageId.replace(/[<>]/g, ''),
  to: 'ann@example.com',
  from: 'bounces@example.com',
  subject: 'hello',
  timestamp: hookTime / 1000 - 90.5,
  spam_status: 'NotChecked',
  tag: 'welcome',
}
const event = (name: string, payload: object) => ({
  event: name,
  timestamp: hookTime / 1000 - 30,
  payload: { message: mail, ...payload },
  uuid: 'd9a5b4d1',
})
const delivery = (name: string, status: string, details: string, output = '') =>
  event(name, { status, details, output, sent_with_ssl: true, timestamp: hookTime / 1000 - 60, time: 0.2 })
const about = { at: hookTime - 60_000, recipient: 'ann@example.com', messageId: message.id, providerMessageId: '123' }
const later = { ...about, at: hookTime - 30_000 }
const failed = (output: string, bounce: 'hard' | 'soft' | 'block') => ({
  says: `failed for good: ${output}`,
  body: delivery('MessageDeliveryFailed', 'HardFail', 'Permanent error', output),
  events: [told({ type: 'bounced', bounce, ...about, detail: `Permanent error ${output}`.trim() })],
})

export default {
  adapter: postal,
  vendor: desk,
  options: (baseUrl) => ({ apiKey: key, baseUrl }),
  secret: key,
  silent: {
    credit: 'it is software of one’s own, and knows no credit',
    recipient: 'it takes every recipient, and holds the mail of those it will not mail',
  },
  cases: [
    {
      says: 'success for each',
      status: 200,
      ...says(
        answer('success', {
          message_id: 'x@example.com',
          messages: { 'ann@example.com': { id: 1, token: 'a' }, 'bob@example.com': { id: 2, token: 'b' } },
        }),
      ),
      ann: 'accepted 1',
      bob: 'accepted 2',
    },
    {
      says: 'success that leaves one out',
      status: 200,
      ...says(answer('success', { messages: { 'bob@example.com': { id: 2, token: 'b' } } })),
      ann: 'unknown',
      bob: 'accepted 2',
    },
    { says: 'success without messages', status: 200, ...says(answer('success', {})), all: 'unknown' },
    { says: 'AccessDenied', status: 200, ...says(error('AccessDenied')), all: 'rejected/account' },
    {
      says: 'InvalidServerAPIKey',
      about: 'credential',
      status: 200,
      ...says(error('InvalidServerAPIKey', { message: 'not valid', token: key })),
      all: 'rejected/account',
    },
    { says: 'ServerSuspended', status: 200, ...says(error('ServerSuspended')), all: 'rejected/account' },
    {
      says: 'UnauthenticatedFromAddress',
      about: 'identity',
      status: 200,
      ...says(error('UnauthenticatedFromAddress')),
      all: 'rejected/identity',
    },
    { says: 'NoRecipients', status: 200, ...says(error('NoRecipients')), all: 'rejected/message' },
    { says: 'NoContent', status: 200, ...says(error('NoContent')), all: 'rejected/message' },
    { says: 'FromAddressMissing', status: 200, ...says(error('FromAddressMissing')), all: 'rejected/message' },
    { says: 'a code of another kind', status: 200, ...says(error('Whatever')), all: 'deferred/provider' },
    {
      says: 'parameter-error',
      status: 200,
      ...says(answer('parameter-error', { message: '`data` parameter is required but is missing' })),
      all: 'rejected/message',
    },
    { says: 'a status of another kind', status: 200, ...says(answer('whatever', {})), all: 'unknown' },
    { says: '429 of a proxy', about: 'throttled', status: 429, body: 'slow down', all: 'deferred/provider' },
    { says: '404 of a proxy', status: 404, body: 'no such host', all: 'rejected/account' },
    { says: '500 of the application', status: 500, ...says({ status: 500, error: 'Oops' }), all: 'unknown' },
  ],
  faithful({ fields, recipients }) {
    assert.deepEqual(recipients, ['ann@example.com', 'bob@example.com'])
    const { mail, ...envelope } = fields as { mail: Awaited<ReturnType<typeof PostalMime.parse>> }
    assert.deepEqual(envelope, { mail_from: 'bounces@example.com', tag: 'welcome' })
    assert.equal(mail.messageId, message.messageId)
    assert.equal(mail.subject, letter.subject)
    assert.equal(mail.text?.trim().replace('\r\n', '\n'), letter.text)
    assert.equal(mail.html?.trim(), letter.html)
    assert.deepEqual(mail.from, { address: 'sender@example.com', name: 'Sender, Inc.' })
    assert.deepEqual(mail.to, [{ address: 'ann@example.com', name: 'Ann "A" Ärger' }])
    assert.deepEqual(mail.cc, [{ address: 'bob@example.com', name: 'Bob' }])
    assert.deepEqual(
      mail.replyTo?.map(({ address }) => address),
      ['help@example.com', 'desk@example.com'],
    )
    for (const [name, value] of letter.headers) {
      assert.equal(mail.headers.find((header) => header.key === name.toLowerCase())?.value, value)
    }
    assert.deepEqual(
      mail.attachments.map((file) => [
        file.filename,
        file.mimeType,
        file.contentId,
        Buffer.from(file.content as ArrayBuffer).toString('base64'),
      ]),
      [
        ['logo.png', 'image/png', '<logo>', letter.attachments[1]!.content],
        ['räport.pdf', 'application/pdf', undefined, letter.attachments[0]!.content],
      ],
    )
  },
  smtp: {
    options: { password: 'fake-postal-password', host: 'postal.example.com' },
    server: ['postal.example.com', 25],
    user: 'waypost',
    headers: { 'X-Postal-Tag': 'welcome' },
  },
  hooks: {
    options: { webhookSecret: postalKey },
    call: (body) => postalCall(body),
    forgeries: (genuine) => [
      { how: 'another body', forged: { ...genuine, body: jsonCall(event('MessageSent', { x: 1 })).body } },
      { how: 'another key', forged: postalCall(delivery('MessageSent', 'Sent', 'ok'), 'sha256', other.privateKey) },
      { how: 'a signature that is none', forged: { ...genuine, headers: { 'x-postal-signature-256': '%%%' } } },
      {
        how: 'the signature of one hash as that of another',
        forged: { ...genuine, headers: { 'x-postal-signature': genuine.headers['x-postal-signature-256']! } },
      },
    ],
    cases: [
      {
        says: 'sent',
        body: delivery('MessageSent', 'Sent', 'Message sent by SMTP to mx.example.com', '250 ok'),
        events: [told({ type: 'delivered', ...about, detail: 'Message sent by SMTP to mx.example.com 250 ok' })],
      },
      {
        says: 'delayed',
        body: delivery('MessageDelayed', 'SoftFail', 'Temporary error', '451 later'),
        events: [told({ type: 'deferred', ...about, detail: 'Temporary error 451 later' })],
      },
      failed('550 5.1.1 no such user', 'hard'),
      failed('550 5.7.1 blocked', 'block'),
      failed('552 5.2.2 full', 'soft'),
      failed('550 no', 'soft'),
      failed('', 'soft'),
      {
        says: 'failed as spam',
        body: delivery('MessageDeliveryFailed', 'HardFail', 'Message is likely spam. Threshold is 5.'),
        events: [told({ type: 'rejected', ...about, detail: 'Message is likely spam. Threshold is 5.' })],
      },
      {
        says: 'held for the suppression list',
        body: delivery('MessageHeld', 'Held', 'Recipient (ann@example.com) is on the suppression list (reason: x)'),
        events: [
          told({
            type: 'suppressed',
            ...about,
            detail: 'Recipient (ann@example.com) is on the suppression list (reason: x)',
          }),
        ],
      },
      {
        says: 'held for the send limit',
        body: delivery('MessageHeld', 'Held', 'Message held because send limit (10) has been reached.'),
        events: [
          told({ type: 'rejected', ...about, detail: 'Message held because send limit (10) has been reached.' }),
        ],
      },
      {
        says: 'a bounce by mail',
        body: {
          ...event('MessageBounced', {}),
          payload: { original_message: mail, bounce: { ...mail, id: 124, direction: 'incoming' } },
        },
        events: [told({ type: 'bounced', bounce: 'soft', ...later })],
      },
      {
        says: 'loaded',
        body: event('MessageLoaded', { ip_address: '192.0.2.1', user_agent: 'x' }),
        events: [told({ type: 'opened', ...later })],
      },
      {
        says: 'clicked',
        body: event('MessageLinkClicked', { url: 'https://example.com/a', token: 'x' }),
        events: [told({ type: 'clicked', ...later, detail: 'https://example.com/a' })],
      },
      {
        says: 'of mail with a Message-ID of another',
        body: event('MessageLoaded', { message: { ...mail, message_id: '1@example.com' } }),
        events: [told({ type: 'opened', ...later, messageId: null })],
      },
      {
        says: 'of mail that came in',
        body: event('MessageSent', { message: { ...mail, direction: 'incoming' } }),
        events: [],
      },
      { says: 'of a domain', body: { event: 'DomainDNSError', payload: { domain: 'x' }, uuid: 'x' }, events: [] },
    ],
  },
} satisfies VendorData
