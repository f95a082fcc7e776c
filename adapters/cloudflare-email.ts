/**
 * Cloudflare Email Service, over its REST API: parts as JSON, raw mail by its envelope; each recipient's own result comes with the
 * answer. It gives every mail a Message-ID of its own. Events come out of a Cloudflare Queue, posted on by a small Worker.
 * https://developers.cloudflare.com/email-service/api/send-emails/rest-api/, …/reference/headers/ and
 * https://developers.cloudflare.com/email-service/platform/event-subscriptions/
 * Unverified: the code of a call refused for a suppressed recipient (read by the last word of its message); whether raw mail with
 * a header that is not on the list of allowed ones is refused.
 */
import { z } from 'zod'
import { adapter, type Fetch, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import {
  addressesIn,
  byStatus,
  deferred,
  everyone,
  jsonObject,
  onList,
  refusedRecipients,
  rejected,
  retryAfter,
} from '../src/mail/answer.ts'
import { headerObject, partsOf, postJson } from '../src/mail/asking.ts'
import { bounceOf } from '../src/mail/bounce.ts'
import { compose } from '../src/mail/compose.ts'
import type { Mailbox } from '../src/mail/message.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { parse } from '../src/mail/parse.ts'
import { roles } from '../src/mail/roles.ts'
import { addressSecret, baseUrl, credential, smtpSettings } from '../src/mail/settings.ts'
import { secretInAddress } from '../src/mail/signature.ts'
import {
  bareId,
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

const common = {
  apiToken: credential('An API token with the permission Email Sending: Edit'),
  webhookSecret: addressSecret,
}
const options = z.strictObject({
  ...common,
  accountId: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'must be 32 hexadecimal digits')
    .describe('The account that the From domain is onboarded in'),
  baseUrl: baseUrl('https://api.cloudflare.com/client/v4'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<{ webhookSecret?: string | undefined }> = {
  tells: ['delivered', 'deferred', 'bounced', 'rejected', 'suppressed', 'complained'],
  secrets: ['webhookSecret'],
  setup:
    'Queues: subscribe a queue to all events of Email Sending, and have a consumer Worker post its messages on: fetch(address, { method: "POST", body: JSON.stringify(batch.messages.map(({ body }) => body)) })',
  inAddress: true,
  verify: (call, { webhookSecret }) => secretInAddress(call, webhookSecret),
  read,
}

// 25 MiB to addresses that are verified in the account, which we do not know.
const maxBytes = 5 * 1024 * 1024

export default adapter<Options>({
  name: 'cloudflare-email',
  title: 'Cloudflare Email Service, over its REST API',
  options,
  features: {
    forms: ['parts', 'raw'],
    maxBytes,
    maxRecipients: 50,
    attachments: true,
    inline: true,
    // Everything but X- headers and those on its list.
    headersRefused: [
      /^(?!x-[a-z0-9_-]{1,98}$|(in-reply-to|references|list-(unsubscribe|unsubscribe-post|id|archive|help|owner|post|subscribe)|precedence|auto-submitted|content-language|keywords|comments|importance|priority|sensitivity|organization|require-recipient-valid-since|expires|reply-by|archived-at)$)/,
    ],
    maxTags: 0,
    metadata: false,
    addressing: { raw: 'envelope', parts: 'headers' },
    returnPath: 'fixed',
    smtpUtf8: false,
    idempotency: null,
  },
  send: { kind: 'http', request, outcomes },
  webhook,
  async *suppressions(options, fetch) {
    let cursor: string | null = null
    do {
      const page: Record<string, unknown> = await suppressed(options, fetch, cursor)
      for (const entry of Array.isArray(page.result) ? page.result.map(object) : []) {
        const email = text(entry?.email)
        // A soft bounce is kept for a day.
        if (email === null || entry!.reason === 'soft_bounce') continue
        const reason = entry!.reason === 'hard_bounce' ? ('bounce' as const) : ('manual' as const)
        yield {
          email,
          reason: entry!.reason === 'complaint' ? 'complaint' : reason,
          at: instant(entry!.created_at),
        }
      }
      const info = object(page.result_info)
      // Its documents say the one, its SDK the other.
      cursor = text(info?.next_cursor) ?? text(info?.cursor)
    } while (cursor !== null)
  },
  smtp: overSmtp({
    name: 'cloudflare-email',
    title: 'Cloudflare Email Service, over SMTP',
    options: z.strictObject({ ...common, ...smtpSettings('smtp.mx.cloudflare.net', 465) }),
    features: { maxBytes, maxRecipients: 50 },
    login: ({ apiToken }) => ({ user: 'api_token', pass: apiToken }),
    webhook,
  }),
})

async function request(handoff: Handoff, options: Options): Promise<HttpRequest> {
  const { content } = handoff
  const [way, body] =
    content.form === 'raw' ? ['send_raw', await raw(handoff, await mime(handoff, content.bytes))] : await parts(handoff)
  const headers = { authorization: `Bearer ${options.apiToken}` }
  return postJson(options.baseUrl, `/accounts/${options.accountId}/email/sending/${way}`, headers, body)
}

/** Its envelope names whom it goes to, and a From on the domain that is onboarded. */
function raw({ message, recipients }: Pick<Handoff, 'message' | 'recipients'>, mime_message: string) {
  return { from: message.from.email, recipients: recipients.map(({ email }) => email), mime_message }
}

/** Raw mail as text, which must be UTF-8; other mail is composed anew, in ASCII. */
async function mime({ message }: Pick<Handoff, 'message'>, read: () => Promise<Uint8Array>): Promise<string> {
  const bytes = await read()
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return ascii(await compose(message, await parse(bytes)))
  }
}

function ascii(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

async function parts(handoff: Handoff): Promise<[way: string, body: unknown]> {
  const parts = partsOf(handoff)
  const { to, cc, bcc } = roles(handoff, parts)
  // It takes one, so that more go as the raw mail that it would have become.
  if (parts.replyTo.length > 1) {
    return ['send_raw', raw(handoff, ascii(await compose(handoff.message, { ...parts, to, cc })))]
  }
  const person = ({ email, name }: Mailbox) => (name ? { address: email, name } : { address: email })
  const body = {
    from: person(parts.from),
    to: to.map(person),
    ...(cc.length > 0 ? { cc: cc.map(person) } : {}),
    ...(bcc.length > 0 ? { bcc: bcc.map(person) } : {}),
    ...(parts.replyTo[0] ? { reply_to: person(parts.replyTo[0]) } : {}),
    subject: parts.subject || ' ',
    ...(parts.html ? { html: parts.html } : {}),
    ...(parts.text || !parts.html ? { text: parts.text || ' ' } : {}),
    ...(parts.headers.length > 0 ? { headers: headerObject(parts.headers) } : {}),
    ...(parts.attachments.length > 0
      ? {
          attachments: parts.attachments.map(({ filename, content, contentType, contentId, inline }) => ({
            content,
            filename,
            type: contentType,
            ...(inline && contentId ? { disposition: 'inline', content_id: contentId } : { disposition: 'attachment' }),
          })),
        }
      : {}),
  }
  return ['send', body]
}

function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const body = jsonObject(answer)
  const result = object(body?.result)
  if (answer.status < 300 && body?.success === true && result !== null) return results(handoff, answer, result)
  const error = Array.isArray(body?.errors) ? object(body.errors[0]) : null
  const message = text(error?.message)
  // An error may come with a 200.
  if (message === null || body?.success !== false) return everyone(handoff, byStatus(answer, null))
  const code = text(error?.code) ?? ''
  const said = diagnostic(`${answer.status}/${code}`, message)
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  if (/suppressed\b/.test(message)) return refusedRecipients(handoff.recipients, addressesIn(message), onList(said))
  if (identities.has(code) || message.endsWith('.sender_not_configured')) return all(rejected('identity', said))
  if (accounts.has(code)) return all(rejected('account', said))
  if (messages.has(code)) return all(rejected('message', said))
  if (code === '10004' || answer.status === 429) return all(deferred('provider', said, retryAfter(answer.headers)))
  const outcome = byStatus(answer, message)
  return all(outcome.kind === 'accepted' ? outcome : { ...outcome, diagnostic: said })
}

// Sending disabled for this zone, or account.
const identities = new Set(['10203'])
// Bad, wrong or too weak tokens, an account without the service, a wrong address; 6003, 7003 and 9109 are of the API as a whole.
const accounts = new Set(['10000', '10101', '10102', '10103', '10105', '6003', '7003', '9109'])
// Bad schema, too big, no length, bad content.
const messages = new Set(['10001', '10200', '10201', '10202'])

/** `delivered` is accepted too: later events are joined by the id that only this gives. */
function results(handoff: Handoff, answer: HttpAnswer, result: Record<string, unknown>): Outcomes {
  const named = (...fields: string[]) =>
    new Set(fields.flatMap((field) => [result[field] ?? []].flat()).map((email) => String(email).toLowerCase()))
  const taken = named('delivered', 'queued')
  const bounced = named('permanent_bounces')
  const dropped = named('suppressed_recipients')
  // Left out by early versions of the API.
  const providerMessageId = bareId(result.message_id) ?? bareId(handoff.message.messageId) ?? ''
  return new Map(
    handoff.recipients.map(({ email }): [string, Outcome] => {
      const one = email.toLowerCase()
      if (bounced.has(one)) return [email, rejected('recipient', diagnostic('200/permanent_bounces', 'It bounced.'))]
      if (dropped.has(one)) {
        return [
          email,
          rejected('recipient', onList(diagnostic('200/suppressed_recipients', 'It is on the suppression list.'))),
        ]
      }
      return [email, taken.has(one) ? { kind: 'accepted', providerMessageId } : byStatus(answer, null)]
    }),
  )
}

async function suppressed(options: Options, fetch: Fetch, cursor: string | null): Promise<Record<string, unknown>> {
  const query = new URLSearchParams({ per_page: '1000', ...(cursor === null ? {} : { cursor }) })
  const base = options.baseUrl.replace(/\/+$/, '')
  const answer = await fetch(`${base}/accounts/${options.accountId}/email/sending/suppressions?${query}`, {
    headers: { authorization: `Bearer ${options.apiToken}` },
  })
  const page = jsonObject({ body: await answer.text() })
  if (!answer.ok || page?.success !== true) throw new Error(`Cloudflare answered ${answer.status}`)
  return page
}

const types: Record<string, ProviderEventType> = {
  delivered: 'delivered',
  deferred: 'deferred',
  bounced: 'bounced',
  rejected: 'rejected',
  complained: 'complained',
  failed: 'rejected',
}

/** Messages of the queue, or the events within them. */
function read(call: HookCall): ProviderEvent[] {
  return hookObjects(call).flatMap((entry) => {
    const event = object(entry.body) ?? entry
    const payload = object(event.payload)
    const known = types[/(?:^|\.)message\.([a-z]+)$/.exec(text(event.type) ?? '')?.[1] ?? '']
    const recipient = text(payload?.recipient)
    // Nobody would mean everyone.
    if (known === undefined || payload === null || recipient === null) return []
    const [delivery, bounce, rejection] = [payload.delivery, payload.bounce, payload.rejection].map(object)
    const why = `${text(rejection?.reason) ?? ''} ${text(rejection?.detail) ?? ''}`
    const type = known === 'rejected' && /suppressed|unsubscribed/i.test(why) ? 'suppressed' : known
    const said = text(delivery?.smtpResponse) ?? text(bounce?.reason)
    const kind = bounceOf(text(delivery?.smtpEnhancedStatusCode) ?? said, 'hard')
    return {
      type,
      at: instant(object(event.metadata)?.eventTimestamp),
      recipient,
      messageId: null,
      providerMessageId: bareId(payload.messageId),
      key: keyOf(payload.eventId),
      // Soft: it may take mail another day, and Cloudflare stopped trying.
      ...(type === 'bounced' ? { bounce: bounce?.type === 'soft' ? 'soft' : kind } : {}),
      detail: line(
        known === 'delivered' ? null : said,
        rejection?.reason,
        rejection?.detail,
        object(payload.failure)?.reason,
        object(payload.complaint)?.type,
      ),
    }
  })
}
