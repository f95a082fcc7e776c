/**
 * Postal, on a host of one's own: mail as it is, with its envelope, by the `send/raw` call. It answers 200 to everything and
 * says in the body what became of it. No idempotency key and no search: an unknown waits for events.
 * https://docs.postalserver.io/developer/api, …/webhooks, and the source of `app/controllers/legacy_api` and `lib/postal/message_db`
 * Unverified: the largest mail over HTTP (14 MB is what its SMTP server takes unless its operator says otherwise).
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import { byStatus, deferred, everyone, jsonObject, rejected } from '../src/mail/answer.ts'
import { postJson } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import type { Message } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { baseUrl, credential, hostName, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { fromBase64, joined, signedByRsa } from '../src/mail/signature.ts'
import {
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  object,
  ourIdIn,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const maxBytes = 14 * 1024 * 1024

const common = {
  webhookSecret: webhookSecret(
    'the public key that its calls are signed for: PEM, or the p= of the DKIM record it shows',
  ),
}
const options = z.strictObject({
  apiKey: credential('The key of an API credential of one mail server'),
  ...common,
  baseUrl: baseUrl('https://postal.example.com').unwrap().describe('Where your Postal is: https://postal.example.com'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['delivered', 'deferred', 'bounced', 'rejected', 'suppressed', 'opened', 'clicked'],
  secrets: ['webhookSecret'],
  setup: 'Webhooks of the mail server, Add new webhook: choose every event of messages, and enable signing',
  verify(call, { webhookSecret = '' }) {
    const key = publicKey(webhookSecret)
    // Older versions sign with SHA-1 alone.
    const by256 = call.headers['x-postal-signature-256']
    const signature = fromBase64(by256 ?? call.headers['x-postal-signature'] ?? '')
    if (key === null || signature === null) return false
    return signedByRsa(by256 === undefined ? 'SHA-1' : 'SHA-256', key, signature, call.body)
  },
  read,
}

export default adapter<Options>({
  name: 'postal',
  title: 'Postal, over its HTTP API',
  options,
  features: {
    forms: ['raw'],
    maxBytes,
    maxRecipients: 100,
    attachments: true,
    inline: true,
    headersRefused: [],
    maxTags: 1,
    metadata: false,
    addressing: 'envelope',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  smtp: overSmtp({
    name: 'postal',
    title: 'Postal, over SMTP',
    options: z.strictObject({
      username: z.string().min(1).default('waypost').describe('Any will do: the password tells who we are'),
      password: credential('The key of an SMTP credential of one mail server'),
      ...common,
      ...smtpSettings('postal.example.com', 25),
      host: hostName,
    }),
    features: { maxBytes, maxRecipients: 100, maxTags: 1 },
    login: ({ username, password }) => ({ user: username, pass: password }),
    headers: ({ message }) => tag(message),
    webhook,
  }),
})

/** The bytes of a key in PEM, in a DKIM record, or bare. */
function publicKey(given: string): Uint8Array | null {
  const key = /\bp=([A-Za-z0-9+/=\s]+)/.exec(given)?.[1] ?? given.replace(/-----[^-]+-----/g, '')
  return fromBase64(key.replace(/\s+/g, ''))
}

/** It takes one tag, from a header. */
function tag({ tags }: Message): (readonly [string, string])[] {
  return tags[0] === undefined ? [] : [['X-Postal-Tag', tags[0].replace(/[^\x20-\x7e]/g, '_').slice(0, 200)]]
}

async function request(handoff: Handoff, { baseUrl, apiKey }: Options): Promise<HttpRequest> {
  const { content, message, recipients } = handoff
  if (content.form !== 'raw') throw new TypeError('Postal takes raw mail')
  const head = tag(message).map(([name, value]) => `${name}: ${value}\r\n`)
  const raw = joined(...head, await content.bytes())
  return postJson(
    baseUrl,
    '/api/v1/send/raw',
    { 'x-server-api-key': apiKey },
    {
      mail_from: message.returnPath,
      rcpt_to: recipients.map(({ email }) => email),
      data: Buffer.from(raw).toString('base64'),
    },
  )
}

const account = new Set(['AccessDenied', 'InvalidServerAPIKey', 'ServerSuspended'])
const message = new Set(['NoRecipients', 'NoContent', 'FromAddressMissing'])

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = answer.status < 300 ? jsonObject(answer) : null
  const data = object(body?.data)
  if (body?.status === 'success') {
    const messages = object(data?.messages)
    return new Map(
      handoff.recipients.map(({ email }) => {
        const id = text(object(messages?.[email])?.id)
        return [email, id === null ? byStatus(answer, null) : { kind: 'accepted', providerMessageId: id }]
      }),
    )
  }
  if (body?.status === 'parameter-error') {
    return all(rejected('message', diagnostic('200/parameter-error', text(data?.message) ?? '')))
  }
  const code = body?.status === 'error' ? text(data?.code) : null
  if (code === null) return all(byStatus(answer, null))
  // Not all of the data: it says the key back.
  const said = diagnostic(`200/${code}`, text(data?.message) ?? code)
  if (account.has(code)) return all(rejected('account', said))
  if (code === 'UnauthenticatedFromAddress') return all(rejected('identity', said))
  return all(message.has(code) ? rejected('message', said) : deferred('provider', said))
}

const types: Record<string, ProviderEventType> = {
  MessageSent: 'delivered',
  MessageDelayed: 'deferred',
  MessageDeliveryFailed: 'bounced',
  MessageBounced: 'bounced',
  MessageHeld: 'rejected',
  MessageLoaded: 'opened',
  MessageLinkClicked: 'clicked',
}

/** One event a call. Mail that came in is none of ours, nor is news of domains and limits. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const name = text(event.event) ?? ''
    const payload = object(event.payload)
    const about = object(payload?.message) ?? object(payload?.original_message)
    const said = types[name]
    if (said === undefined || payload === null || about === null || about.direction === 'incoming') return []
    const details = text(payload.details) ?? ''
    const type = typeOf(said, details)
    return [
      {
        type,
        at: instant(payload.timestamp) ?? instant(event.timestamp),
        recipient: text(about.to),
        messageId: ourIdIn(about.message_id),
        providerMessageId: text(about.id),
        key: keyOf(event.uuid, name, about.id),
        // Of the last reply; a bounce by mail has none, and when all tries are used up it says little.
        ...(type === 'bounced' ? { bounce: bounceOf(text(payload.output)) } : {}),
        detail: line(details, payload.output, payload.url),
      },
    ]
  })
}

/** What it did by itself stands in words alone: it held or failed mail that it never tried to deliver. */
function typeOf(said: ProviderEventType, details: string): ProviderEventType {
  if (said === 'rejected' && /suppression list/i.test(details)) return 'suppressed'
  return said === 'bounced' && /likely spam|domain no longer exist|RCPT to/i.test(details) ? 'rejected' : said
}
