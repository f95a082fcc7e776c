/**
 * Flowmailer, now Spotler SendPro: a token first, then JSON, one recipient a call.
 * https://flowmailer.com/apidoc and https://sendpro.spotler.help (webhook events)
 * Unverified: sizes; SMTP's host, which the account's setup screen shows; whether a Message-ID among the headers is kept; in
 * which order its list of messages goes on. Mail sent by SMTP has tags that we know no header for, and but for the first
 * its events name an id of Flowmailer's alone, neither ours nor a recipient: they could not be joined to it, so that way has no webhook.
 */
import { z } from 'zod'
import { adapter, type Fetch, type Handoff, type HttpAnswer } from '../src/mail/adapter.ts'
import { formatMailboxes } from '../src/mail/address.ts'
import { byStatus, everyone, jsonObject, rejected } from '../src/mail/answer.ts'
import { bareType, partsOf, postJson, under } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import type { Parts } from '../src/mail/message.ts'
import { sendWithToken, type TokenDesk, withoutToken, withToken } from '../src/mail/oauth.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { listOf, readJson } from '../src/mail/question.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, baseUrl, credential, smtpSettings } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import {
  type HookCall,
  hookObjects,
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

const options = z.strictObject({
  accountId: z.string().trim().regex(/^\w+$/).describe('The number of the account, as its addresses have it'),
  clientId: credential('The ID of a source of type API'),
  clientSecret: credential('The secret beside it'),
  flowSelector: z.string().min(1).optional().describe('Picks the flow that handles the mail'),
  webhookSecret: addressSecret,
  authBaseUrl: baseUrl('https://login.flowmailer.net').describe('Where tokens are given'),
  baseUrl: baseUrl('https://api.flowmailer.net'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<Options> = {
  tells: [
    'accepted',
    'deferred',
    'delivered',
    'bounced',
    'rejected',
    'suppressed',
    'complained',
    'unsubscribed',
    'opened',
    'clicked',
  ],
  setup: 'Webhooks in the dashboard: every type of event, with the original message tags',
  ...bySecretInAddress,
  read,
}

// Not published.
const maxBytes = 10_000_000

export default adapter<Options>({
  name: 'flowmailer',
  title: 'Flowmailer (Spotler SendPro), over its REST API',
  options,
  features: {
    // It takes MIME too, as a JSON text, which cannot carry every byte that raw mail may have.
    forms: ['parts'],
    maxBytes,
    maxRecipients: 1,
    attachments: true,
    inline: true,
    headersRefused: [],
    maxTags: Number.POSITIVE_INFINITY,
    metadata: true,
    addressing: 'headers',
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'sdk', call, outcomes },
  reconcile,
  webhook,
  smtp: overSmtp({
    name: 'flowmailer',
    title: 'Flowmailer (Spotler SendPro), over SMTP',
    options: z.strictObject({
      user: credential('The user of a source of type SMTP'),
      pass: credential('Its password'),
      ...smtpSettings('smtp.flowmailer.net'),
    }),
    features: { maxBytes, maxRecipients: 100 },
    login: ({ user, pass }) => ({ user, pass }),
  }),
})

function desk({ authBaseUrl, clientId, clientSecret }: Options): TokenDesk {
  return { url: under(authBaseUrl, '/oauth/token'), clientId, clientSecret, as: 'form', scope: 'api' }
}

/** The version that this was written for. */
const version = 'application/vnd.flowmailer.v1.12+json'

async function call(handoff: Handoff, options: Options, fetch: Fetch): Promise<unknown> {
  const path = `/${options.accountId}/messages/submit`
  const headers = { 'content-type': version, accept: version }
  return sendWithToken(options, desk(options), fetch, postJson(options.baseUrl, path, headers, mail(handoff, options)))
}

function mail(handoff: Handoff, { flowSelector }: Options): Record<string, unknown> {
  const { message } = handoff
  const parts = partsOf(handoff)
  const to = roles(handoff, parts).to[0]!
  return {
    messageType: 'EMAIL',
    senderAddress: parts.from.email,
    recipientAddress: to.email,
    headerFromAddress: parts.from.email,
    ...(parts.from.name ? { headerFromName: parts.from.name } : {}),
    headerToAddress: to.email,
    ...(to.name ? { headerToName: to.name } : {}),
    subject: parts.subject || ' ',
    ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
    ...(parts.html ? { html: parts.html } : {}),
    headers: headers(parts, message.messageId),
    ...(parts.attachments.length > 0 ? { attachments: attachments(parts) } : {}),
    tags: [planted(message.id), ...message.tags],
    data: { ...message.metadata, waypost: message.id },
    ...(flowSelector ? { flowSelector } : {}),
  }
}

function headers({ headers, replyTo }: Parts, messageId: string): { name: string; value: string }[] {
  return [
    ...headers.map(([name, value]) => ({ name, value })),
    ...(replyTo.length > 0 ? [{ name: 'Reply-To', value: formatMailboxes(replyTo) }] : []),
    { name: 'Message-ID', value: messageId },
  ]
}

function attachments({ attachments }: Parts) {
  return attachments.map(({ filename, contentType, content, contentId, inline }) => ({
    filename,
    contentType: bareType(contentType),
    content,
    ...(inline && contentId
      ? { disposition: 'related', contentId }
      : { disposition: inline ? 'inline' : 'attachment' }),
  }))
}

/** Our message id as a tag, which events bring back. */
function planted(id: string): string {
  return `waypost:${id}`
}

/** What `planted` says, among a mail's tags. */
function idIn(tags: unknown): string | null {
  const found = Array.isArray(tags) ? tags.find((tag) => text(tag)?.startsWith('waypost:')) : null
  return ourId(text(found)?.slice('waypost:'.length))
}

function outcomes(handoff: Handoff, given: HttpAnswer, options: Options): Outcomes {
  const answer = withoutToken(given, options)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  if (answer.status < 300) {
    const id = /\/messages\/([\w.-]+)\/?$/.exec(answer.headers.location ?? '')?.[1]
    return all(id ? { kind: 'accepted', providerMessageId: id } : byStatus(answer, 'no Location of the message'))
  }
  const body = jsonObject(answer)
  const errors = Array.isArray(body?.allErrors) ? body.allErrors.map(object).filter((error) => error !== null) : null
  const words = errors
    ? (line(...errors.map(({ field, defaultMessage, code }) => line(field, defaultMessage, code))) ?? 'no reason given')
    : line(body?.error, body?.error_description)
  if (errors === null || answer.status !== 400) return all(byStatus(answer, words))
  const said = diagnostic(`400/${errors.map(({ code, field }) => text(code) ?? text(field)).join(',')}`, words ?? '')
  const names = (field: RegExp) => errors.some((error) => field.test(text(error.field) ?? ''))
  if (names(/^(?:recipient|headerTo)Address$/)) return all(rejected('recipient', said))
  return all(rejected(names(/^(?:sender|headerFrom)Address$/) ? 'identity' : 'message', said))
}

/** How far its clock may be from ours. */
const skew = 600_000

/** Reads its list of messages, the newest first, back to when ours was accepted. */
async function reconcile(
  { message, recipients }: Omit<Handoff, 'content'>,
  options: Options,
  fetch: Fetch,
): Promise<Outcomes | 'absent'> {
  const url = under(options.baseUrl, `/${options.accountId}/messages?addtags=true&sortfield=SUBMITTED&sortorder=DESC`)
  const emails = new Set(recipients.map(({ email }) => email.toLowerCase()))
  for (let range: string | null = 'items=:100'; range !== null; ) {
    const headers = { accept: version, range }
    const answer = await withToken(options, desk(options), fetch, (token) =>
      fetch(url, { headers: { ...headers, authorization: `Bearer ${token}` } }),
    )
    const known = listOf(await readJson(answer, '/messages'))
    const ours = known.find(
      ({ tags, recipientAddress }) =>
        idIn(tags) === message.id && emails.has(text(recipientAddress)?.toLowerCase() ?? ''),
    )
    const id = text(ours?.id)
    if (id !== null) return everyone({ recipients }, { kind: 'accepted', providerMessageId: id })
    if (known.some(({ submitted }) => (instant(submitted) ?? message.acceptedAt) < message.acceptedAt - skew)) break
    const next: string | null = answer.headers.get('next-range')
    range = known.length === 0 || next === range ? null : next
  }
  return 'absent'
}

const types: Record<string, ProviderEventType> = {
  SUBMITTED: 'accepted',
  ATTEMPT: 'deferred',
  HELD: 'deferred',
  SUSPENDED: 'deferred',
  DELIVERED: 'delivered',
  HARDBOUNCE: 'bounced',
  SOFTBOUNCE: 'bounced',
  // The address is on its filter list.
  REJECT: 'suppressed',
  DISCARD: 'rejected',
  ERROR: 'rejected',
  COMPLAINT: 'complained',
  UNSUBSCRIBE: 'unsubscribed',
  OPENED: 'opened',
  CLICKED: 'clicked',
}

/** Events in a list, or the message alone when it was submitted. They name no recipient: a message has one. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((entry) => {
    const message = object(entry.message)
    const event = object(entry.messageEvent) ?? (message ? { type: 'SUBMITTED', ...entry } : entry)
    const named = text(event.type) ?? ''
    const type = types[named]
    if (type === undefined) return []
    const id = text(event.messageId) ?? text(message?.id)
    const at = instant(event.received) ?? instant(event.inserted) ?? instant(message?.submitted)
    const [snippet, link] = [text(event.snippet), text(event.linkTarget)]
    return {
      type,
      at,
      recipient: text(message?.recipientAddress),
      messageId: idIn(entry.messageTags) ?? idIn(message?.tags),
      providerMessageId: id,
      key: text(event.id) ? keyOf(event.id) : keyOf(type, id, at, link),
      ...(type === 'bounced' ? { bounce: bounceOf(snippet, named === 'HARDBOUNCE' ? 'hard' : 'soft') } : {}),
      detail: line(event.subType, snippet, link),
    }
  })
}
