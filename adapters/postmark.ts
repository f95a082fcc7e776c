/**
 * Postmark, through its own SDK. One tag a message; our own Message-ID is kept on request.
 * https://postmarkapp.com/developer/api/email-api, …/developer/api/overview (error codes) and …/developer/webhooks/webhooks-overview
 * Unverified: X-PM-KeepID by SMTP; that a stream's list of suppressions always comes whole (no pages are documented).
 */
import { ServerClient } from 'postmark'
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type VendorSuppression } from '../src/mail/adapter.ts'
import { formatMailbox, formatMailboxes } from '../src/mail/address.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  onList,
  refusedRecipients,
  rejected,
} from '../src/mail/answer.ts'
import { partsOf, under } from '../src/mail/asking.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import type { Message } from '../src/mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { baseUrl, credential, hostName, smtpSettings } from '../src/mail/settings.ts'
import { basicCredentials } from '../src/mail/signature.ts'
import type { SuppressionReason } from '../src/mail/suppression.ts'
import {
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  object,
  ourId,
  type ProviderEvent,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const common = {
  serverToken: credential('The token of one Postmark server (not of the account)'),
  messageStream: z
    .string()
    .min(1)
    .default('outbound')
    .describe('The message stream to send on: outbound, or the id of a broadcast stream'),
  webhookUser: z
    .string()
    .regex(/^[^:]+$/, 'must not be empty, nor have a colon')
    .optional()
    .describe('For events in: the user name of the Basic auth credentials that the webhook was given'),
  webhookPassword: z
    .string()
    .min(16, 'must have 16 characters at least, for whoever guesses it can tell us what became of mail')
    .optional()
    .describe('For events in: their password'),
}
const options = z.strictObject({ ...common, baseUrl: baseUrl('https://api.postmarkapp.com') })
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookUser?: string | undefined; webhookPassword?: string | undefined }> = {
  tells: [
    'delivered',
    'deferred',
    'bounced',
    'rejected',
    'suppressed',
    'complained',
    'opened',
    'clicked',
    'unsubscribed',
  ],
  secrets: ['webhookUser', 'webhookPassword'],
  setup: 'the message stream, Webhooks: choose every event, and give Basic auth credentials of your own',
  verify: (call, { webhookUser, webhookPassword }) => basicCredentials(call, webhookUser, webhookPassword),
  read,
}

export default adapter<Options>({
  name: 'postmark',
  title: 'Postmark, through its own SDK',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 10_000_000,
    maxRecipients: 50,
    attachments: true,
    inline: true,
    // They steer Postmark, which is this adapter's to do.
    headersRefused: [/^x-pm-/],
    maxTags: 1,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: {
    kind: 'sdk',
    call(handoff, options, fetch) {
      return client(options, fetch, handoff.timeout).sendEmail(email(handoff, options))
    },
    outcomes,
  },
  /**
   * Looks among the messages kept (45 days by default) for one with our id. The recipient filter and the Metadata in answers are
   * documented; the `metadata_` filter is not in what we could read, so every hit is compared here again.
   */
  async reconcile(handoff, options, fetch) {
    const { messageId, email } = { messageId: handoff.message.id, email: handoff.recipients[0]!.email }
    const found = await client(options, fetch, handoff.timeout).getOutboundMessages({
      count: 50,
      offset: 0,
      recipient: email,
      messageStream: options.messageStream,
      metadata_waypost: messageId,
    })
    const ours = found.Messages.find((candidate) => candidate.Metadata?.waypost === messageId)
    if (!ours) return 'absent'
    return everyone(handoff, { kind: 'accepted', providerMessageId: ours.MessageID })
  },
  webhook,
  suppressions,
  smtp: overSmtp({
    name: 'postmark',
    title: 'Postmark, over SMTP',
    options: z.strictObject({
      ...common,
      ...smtpSettings('smtp.postmarkapp.com'),
      host: hostName
        .default('smtp.postmarkapp.com')
        .describe('The server; broadcast streams have smtp-broadcasts.postmarkapp.com'),
    }),
    features: { maxBytes: 10_000_000, maxRecipients: 50, maxTags: 1, headersRefused: [/^x-pm-/] },
    login: ({ serverToken }) => ({ user: serverToken, pass: serverToken }),
    headers: ({ message }, { messageStream }) => [
      ['X-PM-Message-Stream', messageStream],
      ['X-PM-KeepID', 'true'],
      ...message.tags.filter(ascii).map((tag) => ['X-PM-Tag', tag.slice(0, 900)] as const),
      ...Object.entries(metadata(message))
        .filter(([key, value]) => /^[\w-]+$/.test(key) && ascii(value))
        .map(([key, value]) => [`X-PM-Metadata-${key}`, value] as const),
    ],
    webhook,
  }),
})

/** What a header can bear as it is. */
function ascii(value: string): boolean {
  return /^[\x20-\x7e]+$/.test(value)
}

/** A client holds nothing that is worth keeping: the connections are the carrier's. */
function client(options: Options, fetch: Fetch, timeout: number): ServerClient {
  const base = new URL(options.baseUrl)
  return new ServerClient(options.serverToken, {
    requestHost: base.host + base.pathname.replace(/\/+$/, ''),
    useHttps: base.protocol === 'https:',
    fetch,
    // In seconds, whole ones: its signal takes no parts of a millisecond. The carrier's deadline comes first.
    timeout: Math.ceil(timeout / 1000) + 60,
  })
}

function email(handoff: Handoff, options: Options) {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  return {
    From: formatMailbox(parts.from),
    To: formatMailboxes(to),
    ...(cc.length > 0 ? { Cc: formatMailboxes(cc) } : {}),
    ...(bcc.length > 0 ? { Bcc: formatMailboxes(bcc) } : {}),
    ...(parts.replyTo.length > 0 ? { ReplyTo: formatMailboxes(parts.replyTo) } : {}),
    Subject: parts.subject,
    ...(parts.html ? { HtmlBody: parts.html } : {}),
    ...(parts.text || !parts.html ? { TextBody: parts.text || ' ' } : {}),
    Headers: [
      ...parts.headers.map(([Name, Value]) => ({ Name, Value })),
      { Name: 'Message-ID', Value: handoff.message.messageId },
      { Name: 'X-PM-KeepID', Value: 'true' },
    ],
    ...(handoff.message.tags[0] === undefined ? {} : { Tag: handoff.message.tags[0].slice(0, 1000) }),
    Metadata: metadata(handoff.message),
    MessageStream: options.messageStream,
    ...(parts.attachments.length > 0
      ? {
          Attachments: parts.attachments.map((attachment) => ({
            Name: attachment.filename,
            Content: attachment.content,
            ContentType: attachment.contentType,
            ContentID: attachment.inline && attachment.contentId ? `cid:${attachment.contentId}` : null,
          })),
        }
      : {}),
  }
}

/** Ten pairs, names of 20 and values of 80 characters are what it takes: our id, and what fits of the message's own. */
function metadata(message: Message): Record<string, string> {
  const fits = Object.entries(message.metadata).filter(
    ([key, value]) => key !== 'waypost' && key.length <= 20 && value.length <= 80,
  )
  return Object.fromEntries([['waypost', message.id], ...fits.slice(0, 9)])
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const body = jsonObject(answer)
  const message = typeof body?.Message === 'string' ? body.Message : ''
  const code = typeof body?.ErrorCode === 'number' ? body.ErrorCode : null
  const emails = handoff.recipients.map((recipient) => recipient.email)
  // A delayed acceptance comes without an ErrorCode.
  if (answer.status < 300 && typeof body?.MessageID === 'string' && (code ?? 0) === 0) {
    const accepted = forAll(emails, { kind: 'accepted', providerMessageId: body.MessageID })
    // Inactive for a hard bounce, a complaint or by hand: it does not say for which.
    const said = onList(diagnostic('200/406', message))
    for (const email of inactive(message, emails)) accepted.set(email, rejected('recipient', said))
    return accepted
  }
  if (code === null) return forAll(emails, byStatus(answer, null))
  // Codes overlap with HTTP statuses and mean other things: the status decides whether there is a code to look at.
  if (answer.status !== 422 && answer.status >= 300) return forAll(emails, byStatus(answer, message))
  return byCode(handoff, code, message, diagnostic(`${answer.status}/${code}`, message))
}

const account = new Set([10, 405, 409, 412, 413, 1235, 1236])

function byCode(handoff: Handoff, code: number, message: string, said: ReturnType<typeof diagnostic>): Outcomes {
  const emails = handoff.recipients.map((recipient) => recipient.email)
  const all = (outcome: Outcome) => forAll(emails, outcome)
  if (code === 406) {
    // Every recipient is inactive, and so says the list.
    const named = inactive(message, emails)
    return named.length === 0
      ? all(rejected('recipient', onList(said)))
      : refusedRecipients(handoff.recipients, named, onList(said))
  }
  if (code === 300 && /^(Invalid|Error parsing) '(To|Cc|Bcc)'/.test(message)) {
    return refusedRecipients(handoff.recipients, addressesIn(message), said)
  }
  if (code === 400 || code === 401) return all(rejected('identity', said))
  if (code === 100) return all(deferred('provider', said))
  return all(account.has(code) ? rejected('account', said) : rejected('message', said))
}

/** Our recipients among "these inactive addresses: a@b, c@d. Inactive recipients are …", which Postmark writes in lower case. */
function inactive(message: string, emails: readonly string[]): string[] {
  const list = /inactive addresses: (.*?)(?:\.? Inactive recipients|\.?$)/i.exec(message)?.[1] ?? ''
  const named = new Set(list.split(',').map((address) => address.trim().toLowerCase()))
  return emails.filter((email) => named.has(email.toLowerCase()))
}

/**
 * What a bounce means by its type. `hard` is Postmark's own word for a mailbox that does not exist. What is not here tells of
 * nothing that became of the mail: an automatic reply, a change of address, a challenge.
 * https://postmarkapp.com/developer/api/bounce-api#bounce-types
 */
const bounces: Record<string, Pick<ProviderEvent, 'type' | 'bounce'>> = {
  HardBounce: { type: 'bounced', bounce: 'hard' },
  BadEmailAddress: { type: 'bounced', bounce: 'hard' },
  SoftBounce: { type: 'bounced', bounce: 'soft' },
  Blocked: { type: 'bounced', bounce: 'block' },
  SpamNotification: { type: 'bounced', bounce: 'block' },
  VirusNotification: { type: 'bounced', bounce: 'block' },
  DMARCPolicy: { type: 'bounced', bounce: 'block' },
  Transient: { type: 'deferred' },
  DnsError: { type: 'deferred' },
  OpenRelayTest: { type: 'deferred' },
  ManuallyDeactivated: { type: 'suppressed' },
  Unconfirmed: { type: 'rejected' },
  SMTPApiError: { type: 'rejected' },
  TemplateRenderingFailed: { type: 'rejected' },
  SpamComplaint: { type: 'complained' },
  Unsubscribe: { type: 'unsubscribed' },
}

/** One event a call. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const what = meaning(event)
    if (what === undefined) return []
    const recipient = text(event.Recipient) ?? text(event.Email)
    const time = event.DeliveredAt ?? event.BouncedAt ?? event.ReceivedAt ?? event.ChangedAt
    return {
      ...what,
      at: instant(time),
      recipient,
      messageId: ourId(object(event.Metadata)?.waypost),
      providerMessageId: text(event.MessageID),
      // Only bounces and complaints are numbered.
      key: keyOf(event.RecordType, text(event.ID) ?? keyOf(event.MessageID, recipient, time, event.OriginalLink)),
      detail: line(event.Name, event.Details ?? event.Description, event.OriginalLink),
    }
  })
}

function meaning(event: Record<string, unknown>): Pick<ProviderEvent, 'type' | 'bounce'> | undefined {
  switch (event.RecordType) {
    case 'Delivery':
      return { type: 'delivered' }
    case 'Bounce':
      return bounces[text(event.Type) ?? '']
    case 'SpamComplaint':
      return { type: 'complained' }
    case 'Open':
      return { type: 'opened' }
    case 'Click':
      return { type: 'clicked' }
    case 'SubscriptionChange': {
      // Those of a bounce or a complaint were told already; what we did ourselves is nobody's wish.
      const wished = event.SuppressionReason === 'ManualSuppression' && (event.Origin ?? 'Recipient') === 'Recipient'
      return event.SuppressSending === true && wished ? { type: 'unsubscribed' } : undefined
    }
  }
}

const reasons: Record<string, SuppressionReason> = { HardBounce: 'bounce', SpamComplaint: 'complaint' }

/** Those of our message stream. https://postmarkapp.com/developer/api/suppressions-api */
async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  const stream = encodeURIComponent(options.messageStream)
  const address = under(options.baseUrl, `/message-streams/${stream}/suppressions/dump`)
  const dump = object(await ask(fetch, address, { 'x-postmark-server-token': options.serverToken }))
  for (const { EmailAddress, SuppressionReason, Origin, CreatedAt } of listOf(dump?.Suppressions)) {
    const asked = Origin === 'Recipient' ? 'unsubscribe' : 'manual'
    yield* suppression(EmailAddress, reasons[text(SuppressionReason) ?? ''] ?? asked, CreatedAt)
  }
}
