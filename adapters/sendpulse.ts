/**
 * SendPulse's SMTP service, over its REST API: a token first, then JSON with the HTML in base64.
 * https://sendpulse.com/integrations/api/smtp (its OpenAPI document, 2026-08)
 * What it tells later bears a number that no answer gives, and nothing of ours: an event is joined to the latest mail that it had
 * for the recipient. Unverified: the largest mail and the most recipients; the time zone of its suppressions; the names of events,
 * which no contract of its API lists.
 */
import { z } from 'zod'
import { adapter, type Fetch, type Handoff, type HttpAnswer, type VendorSuppression } from '../src/mail/adapter.ts'
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
import { emailAndName, partsOf, postJson, textAsHtml, textInBase64, under } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import type { Mailbox, Parts } from '../src/mail/message.ts'
import { sendWithToken, type TokenDesk, withoutToken, withToken } from '../src/mail/oauth.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { listOf, readJson, suppression } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, baseUrl, credential, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import {
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  type ProviderEvent,
  type ProviderEventType,
  text,
  utc,
  type Webhook,
} from '../src/mail/webhook.ts'

const options = z.strictObject({
  clientId: credential('The ID of the account’s API, in its settings'),
  clientSecret: credential('The secret beside it'),
  webhookSecret: addressSecret,
  baseUrl: baseUrl('https://api.sendpulse.com'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['accepted', 'delivered', 'bounced', 'complained', 'opened', 'clicked', 'unsubscribed'],
  setup: 'SMTP service, Settings, Webhooks: choose every event',
  ...bySecretInAddress,
  read,
}

// Neither is published.
const limits = { maxBytes: 10_000_000, maxRecipients: 50 }

export default adapter<Options>({
  name: 'sendpulse',
  title: 'SendPulse, over its SMTP service’s API',
  options,
  features: {
    forms: ['parts'],
    ...limits,
    maxReplyTo: 1,
    attachments: true,
    inline: false,
    // It takes none at all.
    headersRefused: [/./],
    maxTags: 0,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'sdk', call, outcomes },
  webhook,
  suppressions,
  smtp: overSmtp({
    name: 'sendpulse',
    title: 'SendPulse, over SMTP',
    options: z.strictObject({
      user: credential('The address the account logs in with'),
      pass: credential('The SMTP password, in the settings of the SMTP service'),
      webhookSecret: addressSecret,
      ...smtpSettings('smtp-pulse.com', 465),
    }),
    features: limits,
    login: ({ user, pass }) => ({ user, pass }),
    webhook,
  }),
})

function desk({ baseUrl, clientId, clientSecret }: Options): TokenDesk {
  return { url: under(baseUrl, '/oauth/access_token'), clientId, clientSecret, as: 'json' }
}

async function call(handoff: Handoff, options: Options, fetch: Fetch): Promise<unknown> {
  const request = postJson(options.baseUrl, '/smtp/emails', {}, { email: email(handoff) })
  return sendWithToken(options, desk(options), fetch, request)
}

function email(handoff: Handoff): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const list = (name: string, mailboxes: Mailbox[]) =>
    mailboxes.length > 0 ? { [name]: mailboxes.map(emailAndName) } : {}
  return {
    // A name is required.
    from: { name: parts.from.name || parts.from.email, email: parts.from.email },
    ...list('to', to),
    ...list('cc', cc),
    ...list('bcc', bcc),
    ...(parts.replyTo[0] ? { reply_to: emailAndName(parts.replyTo[0]) } : {}),
    subject: parts.subject || ' ',
    // Both bodies are required; it can make the text from the HTML, but not the other way round.
    html: textInBase64(parts.html || textAsHtml(parts.text || ' ')),
    text: parts.text || ' ',
    ...(parts.html && !parts.text ? { auto_plain_text: true } : {}),
    ...(parts.attachments.length > 0 ? { attachments_binary: byName(parts.attachments) } : {}),
  }
}

/** Content by file name: a name that is there already gets a number. */
function byName(attachments: Parts['attachments']): Record<string, string> {
  const all = new Map<string, string>()
  for (const { filename, content } of attachments) {
    let name = filename
    for (let number = 2; all.has(name); number++) name = filename.replace(/(\.[^.]*)?$/, ` (${number})$1`)
    all.set(name, content)
  }
  return Object.fromEntries(all)
}

const account = new Set([400, 403, 707])
const identity = new Set([10, 20, 97])
const recipient = new Set([11, 904, 906])
const slower = new Set([905, 2020202020])

function outcomes(handoff: Handoff, given: HttpAnswer, options: Options): Outcomes {
  const answer = withoutToken(given, options)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  const id = text(body?.id)
  if (answer.status < 300) {
    return all(body?.result === true && id ? { kind: 'accepted', providerMessageId: id } : byStatus(answer, 'no id'))
  }
  const words = text(body?.message)
  const code = Number(body?.error_code)
  if (words === null || !Number.isInteger(code) || answer.status >= 500) return all(byStatus(answer, words))
  const said = diagnostic(`${answer.status}/${code}`, words)
  if (account.has(code)) return all(rejected('account', said))
  if (identity.has(code)) return all(rejected('identity', said))
  if (slower.has(code)) return all(deferred('provider', said))
  // Too many recipients: one call a recipient.
  if (code === 550 && handoff.recipients.length > 1) return all(deferred('message', said, 0))
  // A code for whatever has none, so that there are only words.
  const recipientIsBad = recipient.has(code) || (code === 422 && /recipient email/i.test(words))
  if (recipientIsBad) {
    return refusedRecipients(handoff.recipients, addressesIn(words), code === 904 ? onList(said) : said)
  }
  if (code === 422 && /quota|bandwidth|currently limited/i.test(words)) return all(deferred('account', said))
  if (code === 422 && /sender|argument from/i.test(words)) return all(rejected('identity', said))
  return all(answer.status === 422 ? rejected('message', said) : byStatus(answer, words))
}

const page = 100

/** Those who unsubscribed, complained or were taken off, page by page until one is empty, or is the one before. */
async function* suppressions(options: Options, fetch: Fetch): AsyncGenerator<VendorSuppression> {
  let first: string | null = null
  for (let offset = 0; ; ) {
    const url = under(options.baseUrl, `/smtp/unsubscribe?limit=${page}&offset=${offset}`)
    const answer = await withToken(options, desk(options), fetch, (token) =>
      fetch(url, { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } }),
    )
    const known = listOf(await readJson(answer, '/smtp/unsubscribe'))
    const begins = text(known[0]?.email)
    if (begins === null || begins === first) return
    for (const item of known) yield* suppression(item.email, reason(item), utc(item.date))
    first = begins
    offset += known.length
  }
}

function reason(item: Record<string, unknown>): VendorSuppression['reason'] {
  if (Number(item.spam_complaint) === 1) return 'complaint'
  return Number(item.unsubscribe_by_link) === 1 ? 'unsubscribe' : 'manual'
}

const types: Record<string, ProviderEventType> = {
  new: 'accepted',
  delivered: 'delivered',
  undelivered: 'bounced',
  hard_bounces: 'bounced',
  soft_bounces: 'bounced',
  opened: 'opened',
  clicked: 'clicked',
  redirected: 'clicked',
  unsubscribed: 'unsubscribed',
  spam_by_user: 'complained',
}

/** Events of half a minute in a list. One that names nobody belongs to nothing. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const name = text(event.event) ?? ''
    const type = types[name]
    const recipient = text(event.recipient) ?? text(event.email)
    if (type === undefined || recipient === null) return []
    const link = text(event.link_url)
    const status = text(event.smtp_server_response_subcode)
    const reply = line(event.smtp_server_response_code, status, event.smtp_server_response)
    return {
      type,
      at: instant(event.timestamp),
      recipient,
      messageId: null,
      providerMessageId: null,
      key: keyOf(name, event.message_id ?? event.task_id, recipient, event.timestamp, link),
      ...(type === 'bounced' ? { bounce: bounceOf(reply, name === 'hard_bounces' ? 'hard' : 'soft') } : {}),
      detail: line(type === 'delivered' ? null : reply, link),
    }
  })
}
