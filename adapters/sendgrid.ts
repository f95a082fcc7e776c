/**
 * SendGrid, through its own SDK. No idempotency key and no per-recipient answers; suppressed recipients are accepted and dropped
 * later. https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
 */
import sendgrid from '@sendgrid/mail'
import { z } from 'zod'
import { adapter, type Fetch, type Handoff, type HttpAnswer } from '../src/mail/adapter.ts'
import { byStatus, deferred, jsonObject, refusedRecipients, rejected, retryAfter, wait } from '../src/mail/answer.ts'
import type { Mailbox, Parts } from '../src/mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { roles } from '../src/mail/roles.ts'

// The SDK's types name only its global instance, which is one account for the whole process.
const { MailService } = sendgrid as unknown as { MailService: new () => typeof sendgrid }

const hosts = { global: 'https://api.sendgrid.com', eu: 'https://api.eu.sendgrid.com' }

const options = z
  .strictObject({
    apiKey: z.string().min(1).describe('An API key with the Mail Send permission: SG.…'),
    region: z
      .enum(['global', 'eu'])
      .optional()
      .describe('Where mail is processed; eu needs an EU subuser and its own key'),
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("Where the API is, instead of the region's host"),
  })
  .refine((value) => value.region === undefined || value.baseUrl === undefined, {
    path: ['region'],
    message: 'region does nothing beside baseUrl: leave one out',
  })
type Options = z.infer<typeof options>

export default adapter<Options>({
  name: 'sendgrid',
  title: 'SendGrid, through its own SDK',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 30_000_000,
    maxRecipients: 1000,
    attachments: true,
    inline: true,
    headersRefused: ['x-sg-id', 'x-sg-eid'],
    maxTags: 10,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: {
    kind: 'sdk',
    call(handoff, options, fetch) {
      if (handoff.content.form !== 'parts') throw new TypeError('sendgrid takes parts')
      const mail = new MailService()
      mail.setClient(client(options, fetch) as unknown as Parameters<typeof mail.setClient>[0])
      return mail.send(email(handoff, handoff.content.parts))
    },
    outcomes,
  },
})

/**
 * What the SDK calls the API with, in place of its axios client: that one follows redirects, and sends the mail's own headers
 * as headers of the request, so that a mail with `On-Behalf-Of` or `Authorization` would speak for another account.
 */
function client(options: Options, fetch: Fetch) {
  const base = (options.baseUrl ?? hosts[options.region ?? 'global']).replace(/\/+$/, '')
  return {
    request: (asked: { method: string; url: string; body: unknown }) =>
      fetch(base + asked.url, {
        method: asked.method,
        headers: {
          authorization: `Bearer ${options.apiKey}`,
          'content-type': 'application/json',
          accept: 'application/json',
        },
        body: JSON.stringify(asked.body),
      }),
  }
}

function email(handoff: Handoff, parts: Parts): Parameters<typeof sendgrid.send>[0] {
  const { to, cc, bcc } = roles(handoff, parts)
  const { id, messageId, tags, metadata } = handoff.message
  const headers: Record<string, string> = {}
  // An object holds a name once; a header given twice becomes one with both values.
  for (const [name, value] of parts.headers) headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  headers['Message-ID'] = messageId
  const content = [
    { type: 'text/plain', value: parts.text ?? '' },
    { type: 'text/html', value: parts.html ?? '' },
  ].filter((part) => part.value !== '')
  return {
    from: mailbox(parts.from),
    personalizations: [
      {
        to: to.map(mailbox),
        ...(cc.length > 0 ? { cc: cc.map(mailbox) } : {}),
        ...(bcc.length > 0 ? { bcc: bcc.map(mailbox) } : {}),
      },
    ],
    ...(parts.replyTo.length > 0 ? { replyToList: parts.replyTo.map(mailbox) } : {}),
    // Neither an empty subject nor an empty body is taken.
    subject: parts.subject || ' ',
    content: (content.length > 0 ? content : [{ type: 'text/plain', value: ' ' }]) as [{ type: string; value: string }],
    headers,
    categories: [...new Set(tags.map((tag) => tag.slice(0, 255)))],
    customArgs: { ...metadata, waypost: id },
    attachments: parts.attachments.map((attachment) => ({
      content: attachment.content,
      filename: attachment.filename,
      // Parameters are refused.
      type: attachment.contentType.split(';')[0]!.trim(),
      disposition: attachment.inline ? 'inline' : 'attachment',
      // As the API spells it: the SDK renames no key within a list.
      ...(attachment.contentId ? { content_id: attachment.contentId } : {}),
    })),
  }
}

function mailbox({ email, name }: Mailbox): { email: string; name?: string } {
  return name ? { email, name } : { email }
}

interface Complaint {
  message: string
  field: string | null
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) =>
    forAll(
      handoff.recipients.map((recipient) => recipient.email),
      outcome,
    )
  if (answer.status === 202) {
    return all({ kind: 'accepted', providerMessageId: answer.headers['x-message-id'] ?? '' })
  }
  const complaints = complaintsIn(answer)
  if (complaints === null) return all(byStatus(answer, null))
  const words = complaints.map(({ message, field }) => (field === null ? message : `${field}: ${message}`)).join('; ')
  const said = diagnostic(answer.status, words)
  if (answer.status === 400) {
    const fields = complaints.map(({ field }) => field ?? '')
    if (fields.length > 0 && fields.every((field) => recipientField.test(field))) {
      return refusedRecipients(handoff.recipients, culprits(handoff, fields), said)
    }
    return all(/credits exceeded/i.test(words) ? rejected('account', said) : rejected('message', said))
  }
  if (
    answer.status === 403 &&
    complaints.some(({ field, message }) => field === 'from' || /sender identity/i.test(message))
  ) {
    return all(rejected('identity', said))
  }
  if (answer.status === 429) return all(deferred('provider', said, retryAfter(answer.headers) ?? untilReset(answer)))
  return all(byStatus(answer, words))
}

function complaintsIn(answer: HttpAnswer): Complaint[] | null {
  const errors = jsonObject(answer)?.errors
  if (!Array.isArray(errors)) return null
  return errors.map((error: { message?: unknown; field?: unknown } | null) => ({
    message: typeof error?.message === 'string' ? error.message : '',
    field: typeof error?.field === 'string' ? error.field : null,
  }))
}

/** `personalizations.0.to.3.email` */
const recipientField = /^personalizations\.0\.(to|cc|bcc)\.(\d+)(\.|$)/

/** Whose place in our own request the fields name. */
function culprits(handoff: Handoff, fields: readonly string[]): string[] {
  if (handoff.content.form !== 'parts') return []
  const asked = roles(handoff, handoff.content.parts)
  return fields.flatMap((field) => {
    const [, role, index] = recipientField.exec(field) ?? []
    return asked[role as keyof typeof asked]?.[Number(index)]?.email ?? []
  })
}

/** `X-RateLimit-Reset` is a time in unix seconds. */
function untilReset({ headers }: HttpAnswer): number | undefined {
  const at = Number(headers['x-ratelimit-reset'] ?? Number.NaN) * 1000
  const sent = Date.parse(headers.date ?? '')
  return Number.isNaN(at) ? undefined : wait(at - (Number.isNaN(sent) ? Date.now() : sent))
}
