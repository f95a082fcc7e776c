/**
 * Azure Communication Services Email: calls signed with the resource's access key, taken as an operation whose id we choose, so
 * that an answer that was lost can be asked for. The name beside the From address is the resource's, not the message's.
 * https://learn.microsoft.com/rest/api/communication/email/email/send and
 * https://learn.microsoft.com/azure/event-grid/communication-services-email-events
 * Unverified: what a second call with the same Operation-Id is answered (taken for unknown, and asked for); the codes for bad
 * addresses; SMTP.
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import { addressesIn, byStatus, everyone, jsonObject, refusedRecipients, rejected } from '../src/mail/answer.ts'
import { headerObject, partsOf } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import type { Mailbox } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, credential, smtpSettings } from '../src/mail/settings.ts'
import { base64, digest, fromBase64, hex, hmac, secretInAddress } from '../src/mail/signature.ts'
import {
  type HookAnswer,
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  object,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const options = z.strictObject({
  endpoint: z
    .url({ protocol: /^https$/ })
    .describe('The endpoint of the Communication Services resource: https://….communication.azure.com'),
  accessKey: credential('One of the two keys of that resource').regex(/^[A-Za-z0-9+/]+={0,2}$/, 'must be base64'),
  webhookSecret: addressSecret,
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where the API is, instead of the endpoint'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['delivered', 'bounced', 'rejected', 'suppressed', 'opened', 'clicked'],
  secrets: ['webhookSecret'],
  setup: 'Events, Event Subscription: the e-mail delivery reports and engagement tracking, to a Web Hook endpoint',
  inAddress: true,
  verify: (call, { webhookSecret }) => secretInAddress(call, webhookSecret),
  answer: handshake,
  read,
}

const apiVersion = '2025-09-01'

export default adapter<Options>({
  name: 'azure-acs',
  title: 'Azure Communication Services Email, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    // After base64, the whole call. Microsoft raises it to 30 MB on request.
    maxBytes: 10_000_000,
    maxRecipients: 50,
    attachments: true,
    inline: true,
    // They steer Azure, which is this adapter's to do.
    headersRefused: [/^x-ms-acsemail-/],
    maxTags: 0,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  /** Asks for the operation under the id that we gave it. */
  async reconcile(handoff, options, fetch) {
    const path = `/emails/operations/${await operationId(handoff)}?api-version=${apiVersion}`
    const { url, headers } = await signed('GET', path, '', options, Date.now())
    const answer = await fetch(url, { headers })
    if (answer.status === 404) return 'absent'
    const operation = jsonObject({ body: await answer.text() })
    const id = text(operation?.id)
    if (!answer.ok || operation === null || id === null) throw new Error(`no operation: ${answer.status}`)
    const error = object(operation.error)
    if (operation.status !== 'Failed' && operation.status !== 'Canceled') {
      return everyone(handoff, { kind: 'accepted', providerMessageId: id })
    }
    return refusal(handoff, { status: 400, headers: {}, body: '' }, text(error?.code) ?? 'Failed', error)
  },
  webhook,
  smtp: overSmtp({
    name: 'azure-acs',
    title: 'Azure Communication Services Email, over SMTP',
    options: z.strictObject({
      username: credential('The SMTP username of the resource'),
      clientSecret: credential('A client secret of the Entra application that the SMTP username belongs to'),
      webhookSecret: addressSecret,
      ...smtpSettings('smtp.azurecomm.net'),
    }),
    features: { maxBytes: 10_000_000, maxRecipients: 50, headersRefused: [/^x-ms-acsemail-/] },
    login: ({ username, clientSecret }) => ({ user: username, pass: clientSecret }),
    webhook,
  }),
})

async function request(handoff: Handoff, options: Options): Promise<HttpRequest> {
  const body = JSON.stringify(email(handoff))
  const { url, headers } = await signed('POST', `/emails:send?api-version=${apiVersion}`, body, options, Date.now())
  return {
    method: 'POST',
    url,
    headers: { ...headers, 'content-type': 'application/json', 'operation-id': await operationId(handoff) },
    body,
  }
}

/** https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial */
async function signed(method: string, path: string, body: string, options: Options, at: number) {
  const url = new URL((options.baseUrl ?? options.endpoint).replace(/\/+$/, '') + path)
  const date = new Date(at).toUTCString()
  const hash = base64(await digest('SHA-256', body))
  const toSign = `${method}\n${url.pathname}${url.search}\n${date};${url.host};${hash}`
  const signature = base64(await hmac('SHA-256', fromBase64(options.accessKey) ?? '', toSign))
  const headers = {
    'x-ms-date': date,
    'x-ms-content-sha256': hash,
    authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
  }
  return { url: url.href, headers }
}

/** A UUID that is the same for every attempt of the same recipients here. */
async function operationId({ idempotencyKey }: Pick<Handoff, 'idempotencyKey'>): Promise<string> {
  const bytes = await digest('SHA-256', idempotencyKey)
  // Of version 8 (RFC 9562 section 5.8): ours to fill.
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return hex(bytes.subarray(0, 16)).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function email(handoff: Handoff): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const people = (mailboxes: Mailbox[]) =>
    mailboxes.map(({ email, name }) => ({ address: email, ...(name ? { displayName: name } : {}) }))
  return {
    // A bare address is all it takes.
    senderAddress: parts.from.email,
    recipients: {
      to: people(to),
      ...(cc.length > 0 ? { cc: people(cc) } : {}),
      ...(bcc.length > 0 ? { bcc: people(bcc) } : {}),
    },
    ...(parts.replyTo.length > 0 ? { replyTo: people(parts.replyTo) } : {}),
    content: {
      subject: parts.subject || ' ',
      ...(parts.html ? { html: parts.html } : {}),
      ...(parts.text || !parts.html ? { plainText: parts.text || ' ' } : {}),
    },
    headers: { ...headerObject(parts.headers), 'Message-ID': handoff.message.messageId },
    ...(parts.attachments.length > 0
      ? {
          attachments: parts.attachments.map((file) => ({
            name: file.filename,
            contentType: file.contentType,
            contentInBase64: file.content,
            ...(file.inline && file.contentId ? { contentId: file.contentId } : {}),
          })),
        }
      : {}),
  }
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const body = jsonObject(answer)
  const error = object(body?.error)
  const code = text(error?.code)
  if (answer.status < 300) {
    const id = text(body?.id)
    const taken = id !== null && text(body?.status) !== null && code === null
    return everyone(handoff, taken ? { kind: 'accepted', providerMessageId: id } : byStatus(answer, null))
  }
  return code === null ? everyone(handoff, byStatus(answer, null)) : refusal(handoff, answer, code, error)
}

function refusal(
  handoff: Pick<Handoff, 'recipients'>,
  answer: HttpAnswer,
  code: string,
  error: Record<string, unknown> | null,
): Outcomes {
  const message = line(error?.message) ?? code
  const said = diagnostic(`${answer.status}/${code}`, message)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  if (identities.has(code)) return all(rejected('identity', said))
  if (code === 'EmailDroppedAllRecipientsSuppressed') return all(rejected('recipient', said))
  // The operation under this id is there already, or this is about something that we do not know.
  if (answer.status === 409) return all({ kind: 'unknown', diagnostic: said })
  const about = text(error?.target) ?? ''
  if (answer.status === 400 && (/^recipients?\b/i.test(about) || badAddress.test(message))) {
    return refusedRecipients(handoff.recipients, addressesIn(`${message} ${about}`), said)
  }
  const outcome = byStatus(answer, message)
  return all(outcome.kind === 'accepted' ? outcome : { ...outcome, diagnostic: said })
}

const identities = new Set([
  'DomainNotLinked',
  'InvalidSenderUserName',
  'InvalidSenderAddress',
  'SenderNotFound',
  'SenderDomainNotVerified',
])
const badAddress = /invalid format for email address|invalid (recipient|email) address/i

/** Event Grid asks whether we want its calls: by an event of its own, or by CloudEvents' OPTIONS. */
function handshake(call: HookCall): HookAnswer | null {
  if (call.method === 'OPTIONS') {
    const origin = call.headers['webhook-request-origin'] ?? ''
    const allowed = /^[a-z0-9.-]+$/i.test(origin)
    return allowed ? { status: 200, headers: { 'webhook-allowed-origin': origin } } : { status: 400 }
  }
  const asked = hookObjects(call).find(
    ({ eventType }) => eventType === 'Microsoft.EventGrid.SubscriptionValidationEvent',
  )
  const code = text(object(asked?.data)?.validationCode)
  if (code === null) return null
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ validationResponse: code }),
  }
}

const reports: Record<string, ProviderEventType> = {
  Delivered: 'delivered',
  Bounced: 'bounced',
  Failed: 'bounced',
  Suppressed: 'suppressed',
  FilteredSpam: 'rejected',
  Quarantined: 'rejected',
}
const acts: Record<string, ProviderEventType> = { view: 'opened', click: 'clicked' }
const opens = new Set<ProviderEventType>(Object.values(acts))

/** Events of Event Grid's own schema, or of CloudEvents. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const data = object(event.data)
    const name = text(event.eventType) ?? text(event.type)
    if (data === null) return []
    const status = text(data.status) ?? ''
    const type =
      name === 'Microsoft.Communication.EmailDeliveryReportReceived'
        ? reports[status]
        : name === 'Microsoft.Communication.EmailEngagementTrackingReportReceived'
          ? acts[(text(data.engagementType) ?? text(data.engagement) ?? '').toLowerCase()]
          : undefined
    const recipient = text(data.recipient)
    // Nobody would mean everyone. Who opened or clicked is left out by some versions of the event.
    if (type === undefined || (recipient === null && !opens.has(type))) return []
    const details = object(data.deliveryStatusDetails)
    const said = text(details?.statusMessage)
    const kind = bounceOf(said, status === 'Bounced' ? 'hard' : 'soft')
    return {
      type,
      // Their documents spell it both ways.
      at:
        instant(data.deliveryAttemptTimestamp ?? data.deliveryAttemptTimeStamp) ??
        instant(data.userActionTimestamp ?? data.userActionTimeStamp) ??
        instant(event.eventTime ?? event.time),
      recipient,
      messageId: null,
      providerMessageId: text(data.messageId),
      key: keyOf(event.id),
      ...(type === 'bounced' ? { bounce: kind } : {}),
      detail: line(status === 'Delivered' ? null : status, said, data.engagementContext),
    }
  })
}
