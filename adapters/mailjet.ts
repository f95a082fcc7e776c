/**
 * Mailjet: its Send API v3.1, one message a call. Every recipient gets an id of their own. Our id goes along as CustomID, by
 * which a search finds the mail, and comes back with every event. Our Message-ID cannot: the header is Mailjet's.
 * https://dev.mailjet.com/email/guides/send-api-v31/, …/reference/email/messages/ and …/guides/webhooks/
 * Unverified: the limits of size and recipients; codes beyond mj-0002, mj-0004, mj-0013 and send-0003; what a plan that is used
 * up answers.
 * Of `identity` unverified: that senders can be asked for by their `Domain`, which its own client allows and the reference does not tell of.
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import {
  byRecipient,
  byStatus,
  everyone,
  jsonObject,
  refusedRecipients,
  rejected,
  withWords,
} from '../src/mail/answer.ts'
import { headerObject, isInline, partsOf, postJson, textInBase64, under } from '../src/mail/asking.ts'
import { type Bounce, bounceOf } from '../src/mail/bounce.ts'
import { wordByStatus, wordOnNone } from '../src/mail/identity.ts'
import type { Attachment, Mailbox } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { metadataJson, overSmtp } from '../src/mail/over-smtp.ts'
import { ask, listOf, objectsIn } from '../src/mail/question.ts'
import { recipientAt, roles } from '../src/mail/roles.ts'
import { addressSecret, credential, notBoth, otherBaseUrl, sandbox, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import {
  type HookCall,
  hookObjects,
  hookText,
  instant,
  keyOf,
  line,
  object,
  ourId,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const hosts = { eu: 'https://api.mailjet.com', us: 'https://api.us.mailjet.com' }

const common = {
  apiKey: credential('The API key: 32 letters and digits'),
  secretKey: credential('The secret key beside it'),
  webhookSecret: addressSecret,
}
const options = z
  .strictObject({
    ...common,
    region: z.enum(['eu', 'us']).optional().describe('Where the account lives. Default: eu'),
    sandbox,
    baseUrl: otherBaseUrl,
  })
  .refine(...notBoth)
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: [
    'deferred',
    'delivered',
    'bounced',
    'rejected',
    'suppressed',
    'complained',
    'opened',
    'clicked',
    'unsubscribed',
  ],
  setup: 'Account settings, Event notifications: the same address for every event, grouped or not',
  ...bySecretInAddress,
  read,
}

export default adapter<Options>({
  name: 'mailjet',
  title: 'Mailjet, over its Send API v3.1',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 15_000_000,
    maxRecipients: 50,
    maxReplyTo: 1,
    attachments: true,
    inline: true,
    // https://dev.mailjet.com/email/guides/send-api-v31/#add-email-headers
    headersRefused: [
      'message-id',
      'delivered-to',
      'dkim-signature',
      'domainkey-status',
      'received-spf',
      'authentication-results',
      'x-feedback-id',
      'list-id',
      'user-agent',
      'x-mailer',
      'x-csa-complaints',
      // They steer Mailjet, which is this adapter's to do.
      /^x-(mailjet|mj)-/,
    ],
    // As the one CustomCampaign.
    maxTags: 1,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  /** A search shows one row a recipient. */
  // A sender that is the whole domain is called *@example.com.
  async identity(domain, options, fetch) {
    const url = `${api(options)}/v3/REST/sender?${new URLSearchParams({ Domain: domain, Limit: '1000' })}`
    const found = listOf(object(await ask(fetch, url, authorization(options)))?.Data)
    const whole = found.find(({ Email }) => text(Email) === `*@${domain}`)
    if (whole) return wordByStatus(domain, whole.Status, 'Active')
    return wordOnNone(domain, found.length > 0 ? 'single senders of it may be verified' : null)
  },
  async reconcile({ message, recipients }, options, fetch) {
    const query = new URLSearchParams({ CustomID: message.id, ShowContactAlt: 'true', Limit: '1000' })
    const url = `${api(options)}/v3/REST/message?${query}`
    const found = objectsIn(object(await ask(fetch, url, authorization(options), undefined, withTextIds))?.Data)
    if (found.length === 0) return 'absent'
    const rows = found.map((row) => ({ email: row.ContactAlt, id: text(row.ID) }))
    const missing = diagnostic('search', 'the search does not show this recipient')
    return byRecipient({ recipients }, rows, { kind: 'unknown', diagnostic: missing })
  },
  smtp: overSmtp({
    name: 'mailjet',
    title: 'Mailjet, over SMTP',
    options: z.strictObject({ ...common, ...smtpSettings('in-v3.mailjet.com') }),
    features: { maxBytes: 15_000_000, maxRecipients: 50, maxTags: 1 },
    login: ({ apiKey, secretKey }) => ({ user: apiKey, pass: secretKey }),
    headers: (handoff) => [
      ['X-MJ-CustomID', handoff.message.id],
      ['X-MJ-EventPayload', metadataJson(handoff)],
      ...handoff.message.tags.map((tag) => ['X-Mailjet-Campaign', tag] as const),
    ],
    webhook,
  }),
})

function api({ baseUrl, region = 'eu' }: Options): string {
  return under(baseUrl ?? hosts[region])
}

function authorization({ apiKey, secretKey }: Options): Record<string, string> {
  return { authorization: `Basic ${textInBase64(`${apiKey}:${secretKey}`)}` }
}

function request(handoff: Handoff, options: Options): HttpRequest {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const { message } = handoff
  const files = parts.attachments.filter((attachment) => !isInline(attachment))
  const inline = parts.attachments.filter(isInline)
  const mail = {
    From: person(parts.from),
    To: to.map(person),
    ...(cc.length > 0 ? { Cc: cc.map(person) } : {}),
    ...(bcc.length > 0 ? { Bcc: bcc.map(person) } : {}),
    ...(parts.replyTo[0] ? { ReplyTo: person(parts.replyTo[0]) } : {}),
    Subject: parts.subject || ' ',
    ...(parts.text || !parts.html ? { TextPart: parts.text || ' ' } : {}),
    ...(parts.html ? { HTMLPart: parts.html } : {}),
    ...(parts.headers.length > 0 ? { Headers: headerObject(parts.headers) } : {}),
    CustomID: message.id,
    EventPayload: metadataJson(handoff),
    ...(message.tags[0] === undefined ? {} : { CustomCampaign: message.tags[0] }),
    ...(files.length > 0 ? { Attachments: files.map(file) } : {}),
    ...(inline.length > 0
      ? { InlinedAttachments: inline.map((one) => ({ ...file(one), ContentID: one.contentId })) }
      : {}),
  }
  const body = { Messages: [mail], ...(options.sandbox ? { SandboxMode: true } : {}) }
  return postJson(api(options), '/v3.1/send', authorization(options), body)
}

function person({ email, name }: Mailbox): { Email: string; Name?: string } {
  return name ? { Email: email, Name: name } : { Email: email }
}

/** All three are required, and none may be empty. */
function file({ contentType, filename, content }: Attachment) {
  return { ContentType: contentType, Filename: filename || 'attachment', Base64Content: content }
}

/** JSON with Mailjet's ids as texts: they are larger than a number of JavaScript can tell apart. */
function withTextIds(json: string): string {
  return json.replace(/"(MessageID|ID)"(\s*:\s*)(\d+)/g, '"$1"$2"$3"')
}

function outcomes(handoff: Handoff, answer: HttpAnswer, options: Options): Outcomes {
  const { status } = answer
  const body = jsonObject({ body: withTextIds(answer.body) })
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const [mail] = objectsIn(body?.Messages)
  const error = mail?.Status === 'error' ? objectsIn(mail.Errors)[0] : (mail === undefined && body) || undefined
  if (mail?.Status === 'success' && status < 300) {
    if (options.sandbox) return all({ kind: 'accepted', providerMessageId: 'sandbox' })
    const taken = [mail.To, mail.Cc, mail.Bcc].flatMap(objectsIn)
    const said = diagnostic(status, 'it took the message, and gave no id for this recipient')
    return byRecipient(
      handoff,
      taken.map((one) => ({ email: one.Email, id: text(one.MessageID) })),
      { kind: 'unknown', diagnostic: said },
    )
  }
  const words = text(error?.ErrorMessage)
  if (error === undefined || words === null) return all(byStatus(answer, null))
  const code = text(error.ErrorCode)
  // What one message is refused for has a status of its own.
  const own = Number(text(error.StatusCode) ?? status)
  const said = diagnostic([own, code].filter(Boolean).join('/'), words)
  if (code === 'send-0008') return all(rejected('identity', said))
  if (code === 'mj-0013') {
    const named = recipientsNamed(handoff, error.ErrorRelatedTo)
    return named.length === 0 ? all(rejected('message', said)) : refusedRecipients(handoff.recipients, named, said)
  }
  // An error within a success, or without a status that is one, is still no.
  const meant = byStatus({ ...answer, status: own >= 400 && own < 600 ? own : 400 }, words)
  return all(withWords(meant, said))
}

/** Whom `To[0].Email` and its like mean. */
function recipientsNamed(handoff: Handoff, paths: unknown): string[] {
  const named = [paths].flat().map((path) => /\b(To|Cc|Bcc)\[(\d+)\]/.exec(String(path)) ?? [])
  return named.map(([, list, place]) => recipientAt(handoff, list, place)).filter((email) => email !== null)
}

const types: Record<string, ProviderEventType> = {
  sent: 'delivered',
  bounce: 'bounced',
  blocked: 'rejected',
  open: 'opened',
  click: 'clicked',
  spam: 'complained',
  unsub: 'unsubscribed',
}
/** The recipient is on a list of Mailjet's, so it was not tried. */
const listed = new Set(['preblocked', 'blacklisted', 'spam reporter'])
const nobody = new Set(['user unknown', 'invalid domain', 'no mail host', 'typofix'])
const unwanted = new Set(['relay/access denied', 'sender blocked', 'content blocked', 'policy issue'])

/** One event a call, or a group of them in a list. */
function read(call: HookCall): ProviderEvent[] {
  const body = new TextEncoder().encode(withTextIds(hookText(call)))
  return hookObjects({ body }).flatMap((event) => {
    const name = text(event.event) ?? ''
    const error = text(event.error)?.toLowerCase() ?? ''
    const id = text(event.MessageID)
    const messageId = ourId(event.CustomID)
    let type = types[name]
    if (type === undefined || (id === null && messageId === null)) return []
    if (name === 'blocked' && listed.has(error)) type = 'suppressed'
    if (name === 'bounce' && error === 'greylisted') type = 'deferred'
    return [
      {
        type,
        at: instant(event.time),
        recipient: text(event.email),
        messageId,
        providerMessageId: id,
        key: keyOf(id, event.email, name, event.time, event.url),
        ...(type === 'bounced' ? { bounce: bounce(event, error) } : {}),
        detail: line(event.error_related_to, event.error, event.comment, event.smtp_reply, event.source, event.url),
      },
    ]
  })
}

function bounce(event: Record<string, unknown>, error: string): Bounce {
  if (unwanted.has(error) || event.error_related_to === 'spam') return 'block'
  if (event.hard_bounce !== true) return 'soft'
  if (nobody.has(error)) return 'hard'
  return error === '' ? bounceOf(text(event.comment), 'hard') : 'soft'
}
