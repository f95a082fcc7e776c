/**
 * Ongage: a platform in front of the mail services of a customer, called for one mail to one contact of a list.
 * https://ongage.atlassian.net/wiki/spaces/HELP/pages/947486763 (transactional API, send_embed_content)
 * It carries no Cc, attachments, headers or tags, and gives no id: ours stands for it. What it tells later names an address and a
 * list but neither mail nor time: it is joined to the latest mail that it had for them. Unverified: what it answers where something is wrong, whether `content_text` is
 * taken here as elsewhere in its API, what becomes of an address that is no contact of the list, and sizes.
 */
import { z } from 'zod'
import { adapter, type Handoff, type HttpAnswer, type HttpRequest } from '../src/mail/adapter.ts'
import { byStatus, everyone, jsonObject, rejected } from '../src/mail/answer.ts'
import { partsOf, postJson, textAsHtml } from '../src/mail/asking.ts'
import { diagnostic, type Outcome, type Outcomes } from '../src/mail/outcome.ts'
import { addressSecret, baseUrl, credential } from '../src/mail/settings.ts'
import { bySecretInAddress } from '../src/mail/signature.ts'
import {
  type HookCall,
  hookObjects,
  keyOf,
  line,
  object,
  type ProviderEvent,
  text,
  type Webhook,
} from '../src/mail/webhook.ts'

const number = z.int().min(1)

const options = z.strictObject({
  username: credential('The user that the API is called as'),
  password: credential('The password of that user'),
  accountCode: credential('The account code in the profile: letters and digits, not the account’s number'),
  listId: number.describe('The list that the recipients are contacts of'),
  campaignId: number.optional().describe('The transactional campaign; the list’s own otherwise'),
  sendingConnectionId: number.optional().describe('The connection to send by; the campaign’s own otherwise'),
  checkStatus: z
    .boolean()
    .default(true)
    .describe('Whether contacts that unsubscribed or bounced are skipped, which is not told'),
  checkSuppression: z
    .boolean()
    .default(true)
    .describe('Whether those on its suppression lists are skipped, which is not told'),
  webhookSecret: addressSecret,
  baseUrl: baseUrl('https://api.ongage.net'),
})
type Options = z.infer<typeof options>

const webhook: Webhook<Options> = {
  tells: ['bounced', 'complained', 'unsubscribed'],
  setup: 'Account settings, Webhook endpoint URL',
  ...bySecretInAddress,
  read,
}

export default adapter<Options>({
  name: 'ongage',
  title: 'Ongage, over its transactional API',
  options,
  features: {
    forms: ['parts'],
    // Not published.
    maxBytes: 10_000_000,
    // It takes a list, and mails each of them apart; but an answer says nothing of each.
    maxRecipients: 1,
    cc: false,
    maxReplyTo: 1,
    attachments: false,
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
  send: { kind: 'http', request, outcomes },
  webhook,
})

function request(handoff: Handoff, options: Options): HttpRequest {
  const { username, password, accountCode, listId, campaignId, sendingConnectionId } = options
  const parts = partsOf(handoff)
  const { from, replyTo, subject, html, text } = parts
  return postJson(
    options.baseUrl,
    `/${listId}/api/transactional/send_embed_content`,
    { x_username: username, x_password: password, x_account_code: accountCode },
    {
      message: {
        subject: subject || ' ',
        content_html: html || textAsHtml(text || ' '),
        ...(text ? { content_text: text } : {}),
        addresses: {
          ...(from.name ? { from_name: from.name } : {}),
          from_address: from.email,
          reply_address: (replyTo[0] ?? from).email,
        },
      },
      recipients: handoff.recipients.map(({ email }) => email),
      check_status: options.checkStatus,
      check_suppression: options.checkSuppression,
      ...(campaignId === undefined ? {} : { campaign_id: campaignId }),
      ...(sendingConnectionId === undefined ? {} : { sending_connection_id: sendingConnectionId }),
    },
  )
}

/** `{"metadata": {"error": false}, "payload": {…}}`. Statuses are all there is to go by: 412 and 422 are for what was asked. */
function outcomes(handoff: Handoff, answer: HttpAnswer): Outcomes {
  const all = (outcome: Outcome) => everyone(handoff, outcome)
  const body = jsonObject(answer)
  const error = object(body?.metadata)?.error
  if (answer.status < 300 && error === false) {
    return all({ kind: 'accepted', providerMessageId: handoff.message.id })
  }
  if (error !== true) return all(byStatus(answer, null))
  const payload = object(body?.payload)
  const errors = payload?.errors === undefined ? null : JSON.stringify(payload.errors)
  const words = line(payload?.code, payload?.message, errors) ?? 'no reason given'
  return all(answer.status < 300 ? rejected('message', diagnostic(answer.status, words)) : byStatus(answer, words))
}

const told: Record<string, Pick<ProviderEvent, 'type' | 'bounce'>> = {
  soft: { type: 'bounced', bounce: 'soft' },
  hard: { type: 'bounced', bounce: 'hard' },
  unsubscribe: { type: 'unsubscribed' },
  complaint: { type: 'complained' },
}

/** What came together in ten minutes, of every list of the account: the other lists' mail is not ours. */
function read(call: HookCall, { listId }: Options): ProviderEvent[] {
  return hookObjects(call).flatMap((event) => {
    const what = told[text(event.status) ?? '']
    const recipient = text(event.email)
    if (what === undefined || recipient === null || text(event.list_id) !== String(listId)) return []
    return {
      ...what,
      at: null,
      recipient,
      messageId: null,
      providerMessageId: null,
      // Once a day, for nothing else tells two events of a kind apart.
      key: keyOf(event.status, recipient, new Date(call.at).toISOString().slice(0, 10)),
      detail: line(event.esp_name),
    }
  })
}
