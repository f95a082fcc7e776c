/**
 * ZeptoMail (Zoho), over its HTTP API: an agent's token, one id a call, and one reference that comes back with events.
 * https://www.zoho.com/zeptomail/help/api/email-sending.html, …/api/error-codes.html and …/help/webhooks.html
 * Unverified: how many recipients one call may have (500 is documented for batches); how a bad address is refused (read by the
 * field that the answer names); whether a Message-ID of ours would be kept (none is sent); the names of the events for a complaint
 * and a delivery; whether the time is part of what is signed (both are taken); SMTP.
 */
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
} from '../src/mail/answer.ts'
import { bareType, headerObject, partsOf, postJson } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import type { Mailbox } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { roles } from '../src/mail/roles.ts'
import { credential, hostName, smtpSettings, webhookSecret } from '../src/mail/settings.ts'
import { base64, hmac, joined, same, timely } from '../src/mail/signature.ts'
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

const common = {
  // Kept without the prefix that the vendor's page copies along, so that it is known again where it is said back.
  token: credential('A send mail token of the agent, with its prefix Zoho-enczapikey or without').transform((token) =>
    token.replace(/^zoho-enczapikey\s+/i, ''),
  ),
  region: z
    .enum(['com', 'eu', 'in', 'com.au', 'jp', 'com.cn'])
    .optional()
    .describe('The data centre that the account is in, by the end of its address. Default: com'),
  webhookSecret: webhookSecret("the authentication key of the agent's webhook"),
}
const options = z
  .strictObject({
    ...common,
    bounceAddress: z.email().optional().describe("The return-path: an address on the agent's bounce domain"),
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

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['delivered', 'bounced', 'complained', 'opened', 'clicked'],
  secrets: ['webhookSecret'],
  setup: 'Agents, Webhooks: every event, with an authentication key',
  verify,
  read,
}

export default adapter<Options>({
  name: 'zeptomail',
  title: 'ZeptoMail, over its HTTP API',
  options,
  features: {
    forms: ['parts'],
    maxBytes: 15_000_000,
    maxRecipients: 50,
    attachments: true,
    inline: true,
    headersRefused: [],
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
    name: 'zeptomail',
    title: 'ZeptoMail, over SMTP',
    options: z
      .strictObject({
        ...common,
        ...smtpSettings(''),
        host: hostName.optional().describe("The server, instead of the region's."),
      })
      .transform((given) => ({ ...given, host: given.host ?? `smtp.zeptomail.${given.region ?? 'com'}` })),
    features: { maxBytes: 15_000_000, maxRecipients: 50 },
    login: (given) => ({ user: 'emailapikey', pass: given.token }),
    webhook,
  }),
})

function request(handoff: Handoff, options: Options): HttpRequest {
  const base = options.baseUrl ?? `https://api.zeptomail.${options.region ?? 'com'}`
  const headers = { authorization: `Zoho-enczapikey ${options.token}` }
  return postJson(base, '/v1.1/email', headers, email(handoff, options))
}

function email(handoff: Handoff, { bounceAddress }: Options): Record<string, unknown> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  const people = (mailboxes: Mailbox[]) => mailboxes.map((mailbox) => ({ email_address: person(mailbox) }))
  const inline = parts.attachments.filter((file) => file.inline && file.contentId)
  const attached = parts.attachments.filter((file) => !inline.includes(file))
  return {
    from: person(parts.from),
    to: people(to),
    ...(cc.length > 0 ? { cc: people(cc) } : {}),
    ...(bcc.length > 0 ? { bcc: people(bcc) } : {}),
    ...(parts.replyTo.length > 0 ? { reply_to: parts.replyTo.map(person) } : {}),
    ...(bounceAddress === undefined ? {} : { bounce_address: bounceAddress }),
    subject: parts.subject || ' ',
    ...(parts.html ? { htmlbody: parts.html } : {}),
    ...(parts.text || !parts.html ? { textbody: parts.text || ' ' } : {}),
    ...(parts.headers.length > 0 ? { mime_headers: headerObject(parts.headers) } : {}),
    client_reference: handoff.message.id,
    ...(attached.length > 0
      ? {
          attachments: attached.map(({ filename, contentType, content }) => ({
            name: filename,
            mime_type: bareType(contentType),
            content,
          })),
        }
      : {}),
    ...(inline.length > 0
      ? {
          inline_images: inline.map(({ contentId, contentType, content }) => ({
            cid: contentId,
            mime_type: bareType(contentType),
            content,
          })),
        }
      : {}),
  }
}

function person({ email, name }: Mailbox): { address: string; name?: string } {
  return name ? { address: email, name } : { address: email }
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const body = jsonObject(answer)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const id = text(body?.request_id)
  const error = object(body?.error)
  if (answer.status < 300) {
    return all(id === null || error !== null ? byStatus(answer, null) : { kind: 'accepted', providerMessageId: id })
  }
  const code = text(error?.code)
  if (error === null || code === null) return all(byStatus(answer, null))
  const details = Array.isArray(error.details) ? error.details.map(object).filter((one) => one !== null) : []
  const codes = details.map((one) => text(one.code) ?? '')
  const words = line(error.message, ...details.flatMap((one) => [one.message, one.target])) ?? code
  const said = diagnostic([answer.status, code, ...codes].join('/'), words)
  const is = (known: ReadonlySet<string>) => codes.some((one) => known.has(one))
  if (answer.status === 401 || is(accounts)) return all(rejected('account', said))
  if (is(identities)) return all(rejected('identity', said))
  // Until the next day, by the vendor's clock.
  if (is(limits)) return all(deferred('account', said))
  if (details.some((one) => /^(to|cc|bcc)\b/.test(text(one.target) ?? ''))) {
    return refusedRecipients(handoff.recipients, addressesIn(words), said)
  }
  if (is(messages)) return all(rejected('message', said))
  if (accountCodes.has(code)) return all(rejected('account', said))
  const outcome = byStatus(answer, words)
  return all(outcome.kind === 'accepted' ? outcome : { ...outcome, diagnostic: said })
}

// Credits used up or expired, an address of ours that is not allowed, the trial's end, blocked, a bad token.
const accounts = new Set(['LE_101', 'SERR_156', 'SM_133', 'AE_101', 'SERR_157'])
const identities = new Set(['SM_111'])
const limits = new Set(['SMI_115', 'SM_151'])
// A field that is missing or empty, bad JSON, a wrong type of file, an unknown key of a file or template.
const messages = new Set(['GE_102', 'SM_101', 'SM_120', 'UE_106', 'MTR_101'])
const accountCodes = new Set(['TM_3601', 'TM_4001', 'TM_5001', 'TM_8001'])

/** `producer-signature: ts=1700000000000;s=base64, perhaps in percent signs;s-algorithm=HmacSHA256` */
async function verify(
  call: HookCall,
  { webhookSecret = '' }: { webhookSecret?: string | undefined },
): Promise<boolean> {
  const fields = new Map(
    (call.headers['producer-signature'] ?? '').split(';').map((field): [string, string] => {
      const [name = '', ...value] = field.split('=')
      return [name.trim(), value.join('=').trim()]
    }),
  )
  const time = fields.get('ts') ?? ''
  const given = plain(fields.get('s') ?? '')
  if (webhookSecret === '' || given === '' || !timely(time.replace(/\d{3}$/, ''), call.at)) return false
  const [alone, withTime] = await Promise.all([
    hmac('SHA-256', webhookSecret, call.body),
    hmac('SHA-256', webhookSecret, joined(time, call.body)),
  ])
  return [alone, withTime].filter((expected) => same(given, base64(expected))).length > 0
}

function plain(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return ''
  }
}

function typeOf(name: string): ProviderEventType | null {
  const word = name.toLowerCase().replace(/[^a-z]/g, '')
  if (/^(soft|hard)bounce$/.test(word)) return 'bounced'
  if (word === 'emailopen') return 'opened'
  if (word === 'emaillinkclick') return 'clicked'
  if (/^(email)?delivered$/.test(word)) return 'delivered'
  return /feedback|complaint|^fbl/.test(word) ? 'complained' : null
}

/** Names and messages of events side by side, each with what happened in `details`. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((body) => {
    const names = list(body.event_name)
    return list(body.event_message).flatMap((one, index) => {
      const message = object(one)
      const name = text(names[index]) ?? text(names[0]) ?? ''
      const type = typeOf(name)
      if (message === null || type === null) return []
      const info = object(message.email_info)
      const details = list(message.event_data).flatMap((data) => list(object(data)?.details))
      return (details.length === 0 ? [{}] : details).flatMap((entry, place): ProviderEvent[] => {
        const detail = object(entry) ?? {}
        const recipient = text(detail.bounced_recipient) ?? lone(info)
        // Nobody would mean everyone.
        if (recipient === null && type !== 'opened' && type !== 'clicked') return []
        const said = line(detail.reason, detail.diagnostic_message)
        const at = instant(detail.time) ?? instant(detail.modified_time) ?? instant(info?.processed_time)
        return [
          {
            type,
            at,
            recipient,
            messageId: ourId(info?.client_reference),
            providerMessageId: text(message.request_id),
            key: keyOf(message.request_id, name, recipient, at, index, place).slice(0, 500),
            ...(type === 'bounced' ? { bounce: kindOfBounce(name, said) } : {}),
            detail: line(said, detail.clicked_link),
          },
        ]
      })
    })
  })
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** The one whom the mail went to; null when there were more, for it does not say which of them it was. */
function lone(info: Record<string, unknown> | null): string | null {
  const people = [info?.to, info?.cc, info?.bcc].flatMap(list).map(object)
  const [first] = people
  return people.length === 1 ? (text(object(first?.email_address)?.address) ?? text(first?.address)) : null
}

function kindOfBounce(name: string, said: string | null): 'hard' | 'soft' | 'block' {
  return /^soft/i.test(name) ? 'soft' : bounceOf(said, 'hard')
}
