/** How MailerSend tells what happened: https://developers.mailersend.com/api/v1/webhooks.html */
import { type NewSecret, type Told, uuidOf } from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import { groupOf } from '../mail/id.ts'
import type { Message, RecipientStatus } from '../mail/message.ts'
import { hex, hmac } from '../mail/signature.ts'
import { bounceKind, clicked, randomHex, reason } from './telling.ts'

/** An id in its form: hex without dashes. */
export function hexOf(id: string): string {
  return uuidOf(id).replaceAll('-', '')
}

/** `2026-11-26T09:30:00.000000Z` */
export function microseconds(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z')
}

/** What a recipient's mail is, in its words. */
export const statusOf: Record<RecipientStatus, string> = {
  queued: 'queued',
  scheduled: 'queued',
  sending: 'queued',
  deferred: 'queued',
  held: 'queued',
  sent: 'sent',
  delivered: 'delivered',
  bounced: 'rejected',
  complained: 'delivered',
  suppressed: 'rejected',
  expired: 'rejected',
  canceled: 'rejected',
  failed: 'rejected',
}

/** Our events in its words; what it has none for is not told. Suppressed recipients stand in the answer to the call. */
function typeOf(event: MailEvent): string | null {
  switch (event.type) {
    case 'sent':
    case 'deferred':
    case 'delivered':
    case 'opened':
    case 'clicked':
    case 'unsubscribed':
      return event.type
    case 'complained':
      return 'spam_complaint'
    case 'bounced':
      return bounceKind(event) === 'hard' ? 'hard_bounced' : 'soft_bounced'
    case 'expired':
    case 'rejected':
      return 'soft_bounced'
    default:
      return null
  }
}

/** 32 characters, which sign as the text that they are. */
export function secret(): NewSecret {
  const secret = randomHex(16)
  return { secret, shown: { secret } }
}

/** One event a call; the same at every try. */
export async function call(event: MailEvent, message: Message, secret: string): Promise<Told | null> {
  const type = typeOf(event)
  if (type === null || event.recipient === null) return null
  const at = microseconds(event.at)
  const accepted = microseconds(message.acceptedAt)
  const body = JSON.stringify({
    type: `activity.${type}`,
    domain_id: message.from.email.split('@').at(-1),
    created_at: at,
    webhook_id: '',
    data: {
      object: 'activity',
      id: hexOf(event.id),
      type,
      created_at: at,
      email: {
        object: 'email',
        id: hexOf(message.id),
        created_at: accepted,
        from: message.from.email,
        subject: message.subject,
        status: type === 'sent' || type === 'deferred' ? 'sent' : type.endsWith('bounced') ? 'rejected' : 'delivered',
        tags: message.tags.length > 0 ? message.tags : null,
        headers: null,
        message: { object: 'message', id: hexOf(groupOf(message.id)), created_at: accepted },
        recipient: { object: 'recipient', email: event.recipient, created_at: accepted },
      },
      morph: morph(type, event),
      template_id: '',
    },
  })
  return {
    headers: { 'content-type': 'application/json', signature: hex(await hmac('SHA-256', secret, body)) },
    body,
  }
}

function morph(type: string, event: MailEvent): Record<string, unknown> | null {
  switch (type) {
    case 'hard_bounced':
    case 'soft_bounced':
    case 'deferred':
      return { object: 'recipient_bounce', reason: reason(event), readable_reason: reason(event) }
    case 'spam_complaint':
      return { object: 'spam_complaint', reason: reason(event) || null }
    case 'unsubscribed':
      return { object: 'recipient_unsubscribe', reason: null, readable_reason: null }
    case 'clicked':
      return { object: 'click', url: clicked(event), ip: null }
    case 'opened':
      return { object: 'open', ip: null }
  }
  return null
}
