/**
 * MailPace: a small JSON API, one token a domain, and calls back that are signed with Ed25519. Of a mail's own headers it takes
 * three, each in a field. A mail has one status, however many it is for.
 * https://docs.mailpace.com/reference/send, …/reference/responses and …/guide/webhooks
 * Unverified: an idempotency key (none is sent); how a `cid` is written; how many tags there may be, and how many addresses in `replyto`; SMTP's other ports.
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import { formatMailbox, formatMailboxes } from '../src/mail/address.ts'
import { addressesIn, byStatus, everyone, jsonObject, onList, refusedRecipients, rejected } from '../src/mail/answer.ts'
import { headerObject, partsOf, postJson } from '../src/mail/asking.ts'
import type { Message, Parts } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { headerTags, overSmtp } from '../src/mail/over-smtp.ts'
import { roles } from '../src/mail/roles.ts'
import { baseUrl, credential, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { fromBase64, signedByEd25519 } from '../src/mail/signature.ts'
import {
  type HookCall,
  hookObjects,
  instant,
  keyOf,
  line,
  object,
  ourIdAmong,
  type ProviderEvent,
  type ProviderEventType,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const maxBytes = 50_000_000

const common = {
  serverToken: credential('The API token of the domain that mail is from'),
  webhookSecret: webhookSecret('the public key of the webhooks, as the domain shows it'),
}
const options = z.strictObject({ ...common, baseUrl: baseUrl('https://app.mailpace.com') })
type Options = z.infer<typeof options>

/** Headers that have a field. */
const fields: Record<string, string> = {
  'in-reply-to': 'inreplyto',
  references: 'references',
  'list-unsubscribe': 'list_unsubscribe',
}

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['accepted', 'deferred', 'delivered', 'bounced', 'rejected'],
  secrets: ['webhookSecret'],
  setup: 'Webhooks of the domain: add the address, and choose every email.* event',
  verify(call, { webhookSecret = '' }) {
    const key = fromBase64(webhookSecret)
    const signature = fromBase64(call.headers['x-mailpace-signature'] ?? '')
    return key !== null && signature !== null && signedByEd25519(key, signature, call.body)
  },
  read,
}

export default adapter<Options>({
  name: 'mailpace',
  title: 'MailPace, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes,
    // Documented for `to` alone.
    maxRecipients: 50,
    attachments: true,
    inline: true,
    headersRefused: [new RegExp(`^(?!(?:${Object.keys(fields).join('|')})$)`)],
    maxTags: Number.POSITIVE_INFINITY,
    metadata: false,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  smtp: overSmtp({
    name: 'mailpace',
    title: 'MailPace, over SMTP',
    options: z.strictObject({ ...common, ...smtpSettings('smtp.mailpace.com') }),
    features: { maxBytes, maxRecipients: 50 },
    login: ({ serverToken }) => ({ user: serverToken, pass: serverToken }),
    headers: ({ message }) => [['X-MailPace-Tags', headerTags(tags(message))]],
    webhook,
  }),
})

function request(handoff: Handoff, { baseUrl, serverToken }: Options): HttpRequest {
  return postJson(baseUrl, '/api/v1/send', { 'mailpace-server-token': serverToken }, email(handoff))
}

function email(handoff: Handoff): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  return {
    from: formatMailbox(parts.from),
    to: formatMailboxes(to),
    ...(cc.length > 0 ? { cc: formatMailboxes(cc) } : {}),
    ...(bcc.length > 0 ? { bcc: formatMailboxes(bcc) } : {}),
    ...(parts.replyTo.length > 0 ? { replyto: formatMailboxes(parts.replyTo) } : {}),
    subject: parts.subject || ' ',
    ...(parts.html ? { htmlbody: parts.html } : {}),
    ...(parts.text || !parts.html ? { textbody: parts.text || ' ' } : {}),
    ...ownHeaders(parts),
    tags: tags(handoff.message),
    ...(parts.attachments.length > 0
      ? {
          attachments: parts.attachments.map((file) => ({
            name: file.filename,
            content: file.content,
            content_type: file.contentType,
            ...(file.inline && file.contentId ? { cid: file.contentId } : {}),
          })),
        }
      : {}),
  }
}

function ownHeaders(parts: Parts): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(headerObject(parts.headers))) {
    const field = fields[name.toLowerCase()]
    if (field !== undefined) found[field] = value
  }
  return found
}

/** Our id, for nothing else of ours comes back with events, and the message's own. */
function tags(message: Message): string[] {
  return [message.id, ...message.tags]
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  if (answer.status < 300) {
    const id = text(body?.id)
    return all(id === null ? byStatus(answer, null) : { kind: 'accepted', providerMessageId: id })
  }
  const errors = object(body?.errors)
  const words = text(body?.error) ?? (errors === null ? null : inWords(errors))
  if (words === null) return all(byStatus(answer, null))
  const said = diagnostic(answer.status, words)
  // There are no codes: which field it is about, or the words, tell whose fault a refusal is.
  if (answer.status === 400 && /invalid api token/i.test(words)) return all(rejected('account', said))
  if (answer.status === 403) return all(rejected(/dkim|does not match/i.test(words) ? 'identity' : 'account', said))
  const addresses = ['to', 'cc', 'bcc'].flatMap((field) => errors?.[field] ?? []).join(' ')
  if (answer.status === 400 && /is invalid|blocked address/i.test(addresses)) {
    const why = /is invalid/i.test(addresses) ? said : onList(said)
    return refusedRecipients(handoff.recipients, addressesIn(addresses), why)
  }
  return all(byStatus(answer, words))
}

/** `{"to": ["is invalid"]}` in a line. */
function inWords(errors: Record<string, unknown>): string {
  return Object.entries(errors)
    .map(([field, problems]) => `${field} ${[problems].flat().map(text).join(', ')}`)
    .join('; ')
}

const types: Record<string, ProviderEventType> = {
  'email.queued': 'accepted',
  'email.deferred': 'deferred',
  'email.delivered': 'delivered',
  'email.bounced': 'bounced',
  // Its own filter took it for spam.
  'email.spam': 'rejected',
}

/** One event a call, for everyone whom the mail names: it is not said who of them it is about. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const type = types[text(event.event) ?? '']
    const payload = object(event.payload)
    if (type === undefined || payload === null) return []
    const id = text(payload.id)
    const people = [payload.to, payload.cc, payload.bcc].flatMap((list) => addressesIn(text(list) ?? ''))
    const tags = [payload.tags].flat().flatMap((tag) => (text(tag) ?? '').split(','))
    return [...new Set(people)].map((recipient, _, all) => ({
      type,
      at: instant(payload.updated_at) ?? instant(payload.created_at),
      recipient,
      messageId: ourIdAmong(tags),
      providerMessageId: id,
      key: keyOf(id, payload.status, payload.updated_at, recipient),
      // It calls nothing else a bounce, but of several it may have been any.
      ...(type === 'bounced' ? { bounce: all.length === 1 ? ('hard' as const) : ('soft' as const) } : {}),
      detail: line(all.length === 1 ? null : `said of ${all.length} recipients together`),
    }))
  })
}
