/**
 * Postmark, through its own SDK. One tag a message; our own Message-ID is kept on request.
 * https://postmarkapp.com/developer/api/email-api and …/developer/api/overview (error codes)
 */
import { ServerClient } from 'postmark'
import { z } from 'zod'
import { adapter, type Fetch, type Handoff, type HttpAnswer } from '../src/mail/adapter.ts'
import { formatMailbox } from '../src/mail/address.ts'
import { addressesIn, byStatus, deferred, jsonObject, refusedRecipients, rejected } from '../src/mail/answer.ts'
import type { Message, Parts } from '../src/mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { roles } from '../src/mail/roles.ts'

const options = z.strictObject({
  serverToken: z.string().trim().min(1).describe('The token of one Postmark server (not of the account)'),
  messageStream: z
    .string()
    .min(1)
    .default('outbound')
    .describe('The message stream to send on: outbound, or the id of a broadcast stream'),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .default('https://api.postmarkapp.com')
    .describe('Where the API is'),
})
type Options = z.infer<typeof options>

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
      if (handoff.content.form !== 'parts') throw new TypeError('postmark takes parts')
      return client(options, fetch, handoff.timeout).sendEmail(email(handoff, handoff.content.parts, options))
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
    const emails = handoff.recipients.map((recipient) => recipient.email)
    return forAll(emails, { kind: 'accepted', providerMessageId: ours.MessageID })
  },
})

/** A client holds nothing that is worth keeping: the connections are the carrier's. */
function client(options: Options, fetch: Fetch, timeout: number): ServerClient {
  const base = new URL(options.baseUrl)
  return new ServerClient(options.serverToken, {
    requestHost: base.host + base.pathname.replace(/\/+$/, ''),
    useHttps: base.protocol === 'https:',
    fetch,
    // In seconds. The carrier's deadline comes first.
    timeout: timeout / 1000 + 60,
  })
}

function email(handoff: Handoff, parts: Parts, options: Options) {
  const { to, cc, bcc } = roles(handoff, parts)
  const list = (mailboxes: Parts['to']) => mailboxes.map(formatMailbox).join(', ')
  return {
    From: formatMailbox(parts.from),
    To: list(to),
    ...(cc.length > 0 ? { Cc: list(cc) } : {}),
    ...(bcc.length > 0 ? { Bcc: list(bcc) } : {}),
    ...(parts.replyTo.length > 0 ? { ReplyTo: list(parts.replyTo) } : {}),
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
    const said = diagnostic('200/406', message)
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
    return named.length === 0 ? all(rejected('recipient', said)) : refusedRecipients(handoff.recipients, named, said)
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
