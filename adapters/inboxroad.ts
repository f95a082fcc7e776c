/**
 * Inboxroad: JSON over HTTP, one recipient a call, and an SMTP relay whose name the account is told.
 * https://webapi.inboxroad.com (sending-message) and its pages on webhooks
 * Unverified: the shape of errors; sizes; in which header its dashboard's webhooks are signed, so that the address bears the
 * secret; whether it was told to bring `X-Waypost` back with events, which support has to set up.
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import { byStatus, everyone, jsonObject, rejected } from '../src/mail/answer.ts'
import { bareType, headerObject, partsOf, postJson } from '../src/mail/asking.ts'
import { type Bounce, bounceOf } from '../src/mail/bounce.ts'
import type { Mailbox } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, baseUrl, credential, hostName, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import {
  bareId,
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  ourId,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const options = z.strictObject({
  apiKey: credential('A token of the Web API'),
  webhookSecret: addressSecret,
  baseUrl: baseUrl('https://webapi.inboxroad.com'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['delivered', 'deferred', 'bounced', 'complained', 'opened', 'clicked', 'unsubscribed'],
  setup: 'Webhooks in the dashboard: every event it offers; support can add the header X-Waypost to what is told',
  ...bySecretInAddress,
  read,
}

// Not published.
const maxBytes = 10_000_000

export default adapter<Options>({
  name: 'inboxroad',
  title: 'Inboxroad, over its Web API',
  options,
  features: {
    forms: ['parts'],
    maxBytes,
    maxRecipients: 1,
    maxReplyTo: 1,
    attachments: true,
    inline: false,
    // It drops these without a word; the others of its list are no custom headers.
    headersRefused: ['delivered-to', 'return-path'],
    maxTags: 0,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  smtp: overSmtp({
    name: 'inboxroad',
    title: 'Inboxroad, over SMTP',
    options: z.strictObject({
      ...smtpSettings(''),
      host: hostName.describe('The relay, as the dashboard shows it'),
      user: credential('The SMTP user, as the dashboard shows it'),
      pass: credential('Its password'),
      webhookSecret: addressSecret,
    }),
    features: { maxBytes, maxRecipients: 100 },
    login: ({ user, pass }) => ({ user, pass }),
    headers: ({ message }) => [['X-Waypost', message.id]],
    webhook,
  }),
})

function request(handoff: Handoff, { apiKey, baseUrl }: Options): HttpRequest {
  const parts = partsOf(handoff)
  const { to } = roles(handoff, parts)
  return postJson(
    baseUrl,
    '/api/v1/messages/',
    { 'x-api-key': apiKey },
    {
      ...mailbox('from', parts.from),
      ...mailbox('to', to[0]!),
      ...(parts.replyTo[0] ? mailbox('reply_to', parts.replyTo[0]) : {}),
      subject: parts.subject || ' ',
      ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
      ...(parts.html ? { html: parts.html } : {}),
      headers: { ...headerObject(parts.headers), 'X-Waypost': handoff.message.id },
      ...(parts.attachments.length > 0
        ? {
            attachments: parts.attachments.map(({ filename, contentType, content }) => ({
              filename,
              mime_type: bareType(contentType),
              file_data: content,
            })),
          }
        : {}),
    },
  )
}

/** A name must not have a backslash. */
function mailbox(role: string, { email, name }: Mailbox): Record<string, string> {
  return { [`${role}_email`]: email, ...(name ? { [`${role}_name`]: name.replaceAll('\\', '/') } : {}) }
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  const id = bareId(body?.message_id)
  if (answer.status < 300) {
    return all(id ? { kind: 'accepted', providerMessageId: id } : byStatus(answer, 'no message_id'))
  }
  // `{"detail": "text"}`, or `{"field": ["text"]}` for each field that is wrong.
  const fields = Object.entries(body ?? {}).filter(([, said]) => Array.isArray(said))
  const words = line(body?.detail, ...fields.map(([field, said]) => `${field}: ${line(...(said as unknown[]))}`))
  if (words === null || answer.status !== 400) return all(byStatus(answer, words))
  const said = diagnostic(`400/${fields.map(([field]) => field).join(',')}`, words)
  const names = (field: string) => fields.some(([name]) => name === field)
  if (names('to_email')) return all(rejected('recipient', said))
  return all(rejected(names('from_email') ? 'identity' : 'message', said))
}

/** By the letters of PowerMTA's records, and by the dashboard's names. */
const types: Record<string, ProviderEventType> = {
  d: 'delivered',
  delivery: 'delivered',
  delivered: 'delivered',
  t: 'deferred',
  deferral: 'deferred',
  deferred: 'deferred',
  b: 'bounced',
  rb: 'bounced',
  bounce: 'bounced',
  bounced: 'bounced',
  f: 'complained',
  complaint: 'complained',
  open: 'opened',
  opened: 'opened',
  click: 'clicked',
  clicked: 'clicked',
  unsubscribe: 'unsubscribed',
  unsubscribed: 'unsubscribed',
}

/** PowerMTA's categories; those that are not here say too little. */
const categories: Record<string, Bounce> = {
  'bad-mailbox': 'hard',
  'inactive-mailbox': 'soft',
  'quota-issues': 'soft',
  'no-answer-from-host': 'soft',
  'bad-connection': 'soft',
  'message-expired': 'soft',
  'routing-errors': 'soft',
  'spam-related': 'block',
  'virus-related': 'block',
  'content-related': 'block',
  'policy-related': 'block',
  'relaying-issues': 'block',
}

/** One event a call, or a list of them. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const type = types[(text(event.type) ?? text(event.event) ?? '').toLowerCase()]
    if (type === undefined) return []
    const fields = Object.fromEntries(Object.entries(event).map(([name, value]) => [name.toLowerCase(), value]))
    const id = bareId(fields['header_message-id']) ?? bareId(event.message_id)
    const recipient = text(event.rcpt) ?? text(event.recipient) ?? text(event.email)
    const at = instant(event.timeLogged) ?? instant(event.timestamp)
    const link = text(event.url)
    const [status, diagnosis] = [text(event.dsnStatus), text(event.dsnDiag)]
    // A status of zeros says less than the reply.
    const reply = status === null || /^\d\.0\.0/.test(status) ? diagnosis : status
    return {
      type,
      at,
      recipient,
      // By SMTP the Message-ID is ours, and begins with our id where we made it.
      messageId: ourId(fields['header_x-waypost']) ?? ourId(id?.split('@')[0]),
      providerMessageId: id,
      key: keyOf(type, id, recipient, at, link),
      ...(type === 'bounced' ? { bounce: bounceOf(reply, categories[text(event.bounceCat) ?? '']) } : {}),
      detail: line(event.bounceCat, status, diagnosis, link),
    }
  })
}
