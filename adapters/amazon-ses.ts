/**
 * Amazon SES, over API v2: calls signed with AWS Signature Version 4, raw mail by its envelope, parts as "simple" mail. SES gives
 * every mail a Message-ID of its own. Events come through an SNS topic.
 * https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html and
 * https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
 * Unverified: how many tags one mail may have; the words for a bad address, which has no code of its own.
 */
import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  refusedRecipients,
  rejected,
  retryAfter,
} from '../src/mail/answer.ts'
import { partsOf } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import { asciiMailbox, compose } from '../src/mail/compose.ts'
import type { Fetch } from '../src/mail/fetch.ts'
import { wordOn, wordOnNone } from '../src/mail/identity.ts'
import type { Mailbox, Message, Parts } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { askIfThere, objectsIn } from '../src/mail/question.ts'
import { signedHeaders } from '../src/mail/request-signature.ts'
import { roles } from '../src/mail/roles.ts'
import { credential, hostName, smtpSettings } from '../src/mail/settings.ts'
import { fromTopic, type Topics, topicAnswer, topicMessage } from '../src/mail/sns.ts'
import {
  type HookCall,
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

const common = {
  accessKeyId: credential('The id of an access key that may ses:SendEmail and ses:SendRawEmail: AKIA…'),
  secretAccessKey: credential('The secret of that access key'),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region such as eu-west-1')
    .describe('The region where the From domain is verified: eu-west-1'),
  configurationSet: z.string().trim().min(1).optional().describe('The configuration set to send with; events need one'),
  topicArns: z
    .array(z.string().regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d+:.+$/, 'must be the ARN of an SNS topic'))
    .min(1)
    .optional()
    .describe('For events in: the ARNs of the SNS topics that may tell us of mail'),
}
const options = z.strictObject({
  ...common,
  sessionToken: credential('Of temporary credentials, with the access key that came with it').optional(),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Where the API is, instead of the region's host"),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ topicArns?: string[] | undefined }> = {
  tells: [
    'accepted',
    'delivered',
    'deferred',
    'bounced',
    'complained',
    'opened',
    'clicked',
    'rejected',
    'suppressed',
    'unsubscribed',
  ],
  secrets: ['topicArns'],
  setup: 'SNS, the topic that the configuration set publishes to: an HTTPS subscription, without raw message delivery',
  verify: (call, options, fetch) => fromTopic(call, topics(options), fetch),
  answer: (call, options, fetch) => topicAnswer(call, topics(options), fetch),
  read,
}

const awsTopics = /^sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?$/

function topics({ topicArns = [] }: { topicArns?: string[] | undefined }): Topics {
  return {
    arns: topicArns,
    certificateAt: (url) => awsTopics.test(url.hostname) && url.pathname.endsWith('.pem'),
    confirmedAt: (url) => awsTopics.test(url.hostname),
  }
}

export default adapter<Options>({
  name: 'amazon-ses',
  title: 'Amazon SES, over its API v2',
  options,
  features: {
    forms: ['raw', 'parts'],
    // After base64. Above 10 MB SES slows down.
    maxBytes: 40_000_000,
    maxRecipients: 50,
    attachments: true,
    inline: true,
    // They steer SES, which is this adapter's to do.
    headersRefused: [/^x-ses-/],
    maxTags: 49,
    metadata: false,
    addressing: { raw: 'envelope', parts: 'headers' },
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  // A domain that is verified is so with all below it.
  async identity(domain, options, fetch) {
    for (let name = domain; name.includes('.'); name = name.slice(name.indexOf('.') + 1)) {
      const { url, headers } = await signed('GET', `/v2/email/identities/${name}`, '', options)
      const found = object(await askIfThere(fetch, url, headers))
      if (found) return wordOn(name, found.VerifiedForSendingStatus, `${found.VerificationStatus}`)
    }
    return wordOnNone(domain, 'single addresses of it may be verified')
  },
  async *suppressions(options, fetch) {
    let next: string | null = null
    do {
      const page: Record<string, unknown> = await suppressed(options, fetch, next)
      for (const entry of objectsIn(page.SuppressedDestinationSummaries)) {
        const email = text(entry.EmailAddress)
        const reason = entry.Reason === 'COMPLAINT' ? ('complaint' as const) : ('bounce' as const)
        if (email !== null) yield { email, reason, at: instant(entry.LastUpdateTime) }
      }
      next = text(page.NextToken)
    } while (next !== null)
  },
  smtp: overSmtp({
    name: 'amazon-ses',
    title: 'Amazon SES, over SMTP',
    options: z
      .strictObject({
        ...common,
        ...smtpSettings(''),
        host: hostName.optional().describe("The server, instead of the region's."),
      })
      .transform((given) => ({ ...given, host: given.host ?? `email-smtp.${hostIn(given.region)}` })),
    features: { maxBytes: 40_000_000, maxRecipients: 50, headersRefused: [/^x-ses-/] },
    login: (given) => ({ user: given.accessKeyId, pass: smtpPassword(given.secretAccessKey, given.region) }),
    headers: ({ message }, { configurationSet }) => [
      ...(configurationSet === undefined ? [] : [['X-SES-CONFIGURATION-SET', configurationSet] as const]),
      [
        'X-SES-MESSAGE-TAGS',
        tags(message)
          .map(({ Name, Value }) => `${Name}=${Value}`)
          .join(', '),
      ],
    ],
    webhook,
  }),
})

function hostIn(region: string): string {
  return `${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
}

/** https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html: always as on 11 November 1111. */
function smtpPassword(secretAccessKey: string, region: string): string {
  const steps = ['11111111', region, 'ses', 'aws4_request', 'SendRawEmail']
  const key = steps.reduce<Buffer>(
    (key, step) => createHmac('sha256', key).update(step).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  )
  return Buffer.concat([Buffer.of(4), key]).toString('base64')
}

async function request(handoff: Handoff, options: Options): Promise<HttpRequest> {
  const mail = {
    ...(handoff.content.form === 'raw' ? await raw(handoff, handoff.content.bytes) : await parts(handoff)),
    EmailTags: tags(handoff.message),
    ...(options.configurationSet === undefined ? {} : { ConfigurationSetName: options.configurationSet }),
  }
  return signed('POST', '/v2/email/outbound-emails', JSON.stringify(mail), options)
}

async function signed<Method extends string>(method: Method, path: string, body: string, options: Options) {
  const { baseUrl = `https://email.${hostIn(options.region)}` } = options
  const asked = {
    method,
    url: baseUrl.replace(/\/+$/, '') + path,
    headers: body === '' ? {} : { 'content-type': 'application/json' },
    body,
  }
  return { ...asked, headers: await signedHeaders(asked, { ...options, service: 'ses' }, Date.now()) }
}

/** `Destination` is the envelope of raw mail; its headers stay as they are. */
async function raw({ recipients }: Pick<Handoff, 'recipients'>, bytes: () => Promise<Uint8Array>) {
  return {
    Destination: { ToAddresses: recipients.map(({ email }) => email) },
    Content: { Raw: { Data: Buffer.from(await bytes()).toString('base64') } },
  }
}

async function parts(handoff: Handoff) {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  // What simple mail cannot carry goes as the raw mail that it would have become.
  if (!simple(parts)) return raw(handoff, () => compose(handoff.message, { ...parts, to, cc }))
  const addresses = (mailboxes: Mailbox[]) => mailboxes.map(asciiMailbox)
  return {
    FromEmailAddress: asciiMailbox(parts.from),
    Destination: {
      ToAddresses: addresses(to),
      ...(cc.length > 0 ? { CcAddresses: addresses(cc) } : {}),
      ...(bcc.length > 0 ? { BccAddresses: addresses(bcc) } : {}),
    },
    ...(parts.replyTo.length > 0 ? { ReplyToAddresses: addresses(parts.replyTo) } : {}),
    Content: {
      Simple: {
        Subject: content(parts.subject || ' '),
        Body: {
          ...(parts.html ? { Html: content(parts.html) } : {}),
          ...(parts.text || !parts.html ? { Text: content(parts.text || ' ') } : {}),
        },
        ...(parts.headers.length > 0 ? { Headers: parts.headers.map(([Name, Value]) => ({ Name, Value })) } : {}),
        ...(parts.attachments.length > 0 ? { Attachments: parts.attachments.map(attachment) } : {}),
      },
    },
  }
}

/** API_MessageHeader and API_Attachment: 15 headers of ASCII, 870 characters each; names and types of some length. */
function simple(parts: Parts): boolean {
  const fits = (value: string, longest: number) => value.length >= 1 && value.length <= longest
  const names = parts.headers.map(([name]) => name.toLowerCase())
  return (
    names.length <= 15 &&
    new Set(names).size === names.length &&
    parts.headers.every(([name, value]) => fits(name, 126) && /^[ -~]{1,870}$/.test(value)) &&
    parts.attachments.every(
      (file) => fits(file.filename, 255) && fits(file.contentType, 78) && (file.contentId ?? '').length <= 78,
    )
  )
}

function content(Data: string) {
  return { Data, Charset: 'UTF-8' }
}

function attachment({ filename, contentType, contentId, inline, content }: Parts['attachments'][number]) {
  const embedded = inline && contentId !== undefined && contentId !== ''
  return {
    FileName: filename,
    ContentType: contentType,
    ContentDisposition: embedded ? 'INLINE' : 'ATTACHMENT',
    ContentTransferEncoding: 'BASE64',
    ...(embedded ? { ContentId: contentId } : {}),
    RawContent: content,
  }
}

/** Pairs of ASCII letters, digits, `_` and `-`: our id, by which a later event is joined, and the message's tags. */
function tags(message: Message): { Name: string; Value: string }[] {
  return [
    { Name: 'waypost', Value: message.id },
    ...message.tags.map((tag, index) => ({
      Name: index === 0 ? 'tag' : `tag_${index + 1}`,
      Value: tag.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 256) || '_',
    })),
  ]
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const body = jsonObject(answer)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const id = text(body?.MessageId)
  if (answer.status < 300) {
    return all(id === null ? byStatus(answer, null) : { kind: 'accepted', providerMessageId: id })
  }
  // `TooManyRequestsException:http://…`, or `com.amazon.coral.service#TooManyRequestsException`.
  const name = (answer.headers['x-amzn-errortype'] ?? text(body?.__type) ?? '').replace(/:.*$|^.*#/g, '')
  const message = text(body?.message) ?? text(body?.Message)
  if (body === null || (name === '' && message === null)) return all(byStatus(answer, null))
  const said = diagnostic(`${answer.status}/${name}`, message ?? name)
  const quota = /quota exceeded|sending quota/i.test(message ?? '')
  if (throttles.has(name) || answer.status === 429) {
    return all(quota ? deferred('account', said) : deferred('provider', said, retryAfter(answer.headers) ?? 1_000))
  }
  if (accounts.has(name)) return all(rejected('account', said))
  if (name === 'MailFromDomainNotVerifiedException') return all(rejected('identity', said))
  if (name === 'MessageRejected' && /is not verified/i.test(message ?? '')) return all(rejected('identity', said))
  if (name === 'BadRequestException' && badAddress.test(message ?? '')) {
    return refusedRecipients(handoff.recipients, addressesIn(message ?? ''), said)
  }
  const outcome = byStatus(answer, message ?? name)
  return all(outcome.kind === 'accepted' ? outcome : { ...outcome, diagnostic: said })
}

/** `LimitExceededException` is about resources elsewhere, and about the rate here. */
const throttles = new Set([
  'TooManyRequestsException',
  'LimitExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
])
const accounts = new Set([
  'AccountSuspendedException',
  'SendingPausedException',
  // Of a configuration set, or of what the address of the API names.
  'NotFoundException',
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'ExpiredTokenException',
  'RequestExpired',
  'OptInRequired',
])
const badAddress =
  /illegal address|missing final '@domain'|invalid domain name|user name is missing|domain (contains|starts|ends)|local address|missing '?@/i

async function suppressed(options: Options, fetch: Fetch, next: string | null): Promise<Record<string, unknown>> {
  const query = new URLSearchParams({ PageSize: '1000', ...(next === null ? {} : { NextToken: next }) })
  const { url, headers } = await signed('GET', `/v2/email/suppression/addresses?${query}`, '', options)
  const answer = await fetch(url, { headers })
  const page = jsonObject({ body: await answer.text() })
  if (!answer.ok || page === null) throw new Error(`Amazon SES answered ${answer.status}: ${line(page?.message) ?? ''}`)
  return page
}

const types: Record<string, ProviderEventType> = {
  Send: 'accepted',
  DeliveryDelay: 'deferred',
  Delivery: 'delivered',
  Bounce: 'bounced',
  Complaint: 'complained',
  Open: 'opened',
  Click: 'clicked',
  Subscription: 'unsubscribed',
  Reject: 'rejected',
  'Rendering Failure': 'rejected',
}

/** One event of SES a call; what happened is in a field that is named after it. */
function read(call: HookCall): ProviderEvent[] {
  const { id, message } = topicMessage(call)
  const mail = object(message?.mail)
  const name = text(message?.eventType) ?? text(message?.notificationType) ?? ''
  const type = types[name]
  if (message === null || mail === null || type === undefined) return []
  const what = object(message[name === 'Rendering Failure' ? 'failure' : name[0]!.toLowerCase() + name.slice(1)]) ?? {}
  if (what.complaintFeedbackType === 'not-spam') return []
  if (type === 'unsubscribed' && !leaves(what)) return []
  const tag = object(mail.tags)?.waypost
  return people(what, mail, type).map(({ email, about }) => {
    const bounce = type === 'bounced' ? kindOfBounce(what, about) : null
    return {
      type: bounce === 'suppressed' ? 'suppressed' : type,
      at: instant(what.timestamp) ?? instant(mail.timestamp),
      recipient: email,
      messageId: ourId(Array.isArray(tag) ? tag[0] : tag),
      providerMessageId: text(mail.messageId),
      key: keyOf(id, email),
      ...(bounce === null || bounce === 'suppressed' ? {} : { bounce }),
      detail: line(
        what.bounceSubType,
        what.delayType,
        about.diagnosticCode ?? about.status,
        what.smtpResponse,
        what.complaintFeedbackType,
        what.link,
        what.reason,
        what.errorMessage,
      ),
    }
  })
}

/** Whom the event names, or all that the mail went to. Null would mean everyone: only of who opened it SES does not know more. */
function people(what: Record<string, unknown>, { destination }: Record<string, unknown>, type: ProviderEventType) {
  const all: unknown[] = [what.recipients, destination].find(Array.isArray) ?? []
  if (all.length > 1 && (type === 'opened' || type === 'clicked')) return [{ email: null, about: nothing }]
  const found = naming.has(type)
    ? objectsIn(what.bouncedRecipients ?? what.complainedRecipients ?? what.delayedRecipients)
    : all.map((emailAddress): Record<string, unknown> => ({ emailAddress }))
  return found.map((about) => ({ email: text(about.emailAddress), about })).filter(({ email }) => email !== null)
}

const naming: ReadonlySet<ProviderEventType> = new Set(['bounced', 'complained', 'deferred'])
const nothing: Record<string, unknown> = {}

function kindOfBounce({ bounceType, bounceSubType }: Record<string, unknown>, { status }: Record<string, unknown>) {
  const kind = text(bounceSubType) ?? ''
  if (/Suppress|Unsubscribed/.test(kind)) return 'suppressed' as const
  if (/Rejected|TooLarge/.test(kind)) return 'block' as const
  if (bounceType !== 'Permanent') return 'soft' as const
  // "General" is every other 5xx; without a status SES itself takes the address for dead.
  return kind === 'NoEmail' ? ('hard' as const) : bounceOf(text(status), 'hard')
}

/** Whether a change of preferences takes the contact off something. */
function leaves(what: Record<string, unknown>): boolean {
  const wishes = object(what.newTopicPreferences)
  return (
    wishes?.unsubscribeAll === true ||
    objectsIn(wishes?.topicSubscriptionStatus).some(({ subscriptionStatus }) => subscriptionStatus === 'OptOut')
  )
}
