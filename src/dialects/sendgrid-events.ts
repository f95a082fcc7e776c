/** How SendGrid tells what happened: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event */
import { type NewSecret, type Told, uuidOf } from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import { groupOf } from '../mail/id.ts'
import type { Message } from '../mail/message.ts'
import { base64, ecdsaPair, signedByEcdsa } from '../mail/signature.ts'
import { enhancedStatus } from '../mail/status.ts'
import { bounceKind, clicked, reason } from './telling.ts'

/** The one id of all messages of a call: 16 bytes in base64url. */
export function messageIdOf(id: string): string {
  const hex = uuidOf(groupOf(id)).replaceAll('-', '')
  const bytes = Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16))
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** Our events in its words; what it has none for is not told. */
const told: Partial<Record<MailEvent['type'], string>> = {
  sent: 'processed',
  deferred: 'deferred',
  delivered: 'delivered',
  bounced: 'bounce',
  // What is deferred for too long is a block there.
  expired: 'bounce',
  complained: 'spamreport',
  opened: 'open',
  clicked: 'click',
  unsubscribed: 'unsubscribe',
  suppressed: 'dropped',
  rejected: 'dropped',
}

/** What we sign with, and the verification key that its owner has. */
export async function secret(): Promise<NewSecret> {
  const { privateKey, publicKey } = await ecdsaPair()
  return { secret: privateKey, shown: { publicKey } }
}

/** A list of one event. It is the same at every try, signed anew. */
export async function call(event: MailEvent, message: Message, secret: string, now: number): Promise<Told | null> {
  const type = told[event.type]
  // That an address came onto the list is no event of the mail there.
  if (type === undefined || event.recipient === null || / told by /.test(suppression(event))) return null
  const body = JSON.stringify([data(type, event, message)])
  const seconds = String(Math.floor(now / 1000))
  const headers = {
    'content-type': 'application/json',
    'x-twilio-email-event-webhook-timestamp': seconds,
    'x-twilio-email-event-webhook-signature': await signedByEcdsa(secret, seconds + body),
  }
  return { headers, body }
}

function suppression({ type, detail }: MailEvent): string {
  return type === 'suppressed' ? (detail ?? '') : ''
}

/** Custom arguments stand among its own fields, and never in their place. */
function data(type: string, event: MailEvent, message: Message): Record<string, unknown> {
  const id = messageIdOf(message.id)
  return {
    ...message.metadata,
    email: event.recipient,
    timestamp: Math.floor(event.at / 1000),
    event: type,
    'smtp-id': message.messageId,
    sg_event_id: event.id,
    sg_message_id: `${id}.waypost.${message.id.slice(-2)}`,
    ...(message.tags.length > 0 ? { category: message.tags } : {}),
    ...why(event),
  }
}

function why(event: MailEvent): Record<string, unknown> {
  const { type, detail } = event
  const said = detail ?? ''
  switch (type) {
    case 'deferred':
    case 'delivered':
      return { response: said }
    case 'bounced':
    case 'expired':
      return bounce(event, type === 'bounced' && bounceKind(event) === 'hard')
    case 'suppressed':
      return { reason: dropReason(said) }
    case 'rejected':
      return { reason: said }
    case 'clicked':
      return { url: clicked(event), url_offset: { index: 0, type: 'html' }, useragent: '', ip: '' }
    case 'opened':
      return { useragent: '', ip: '' }
  }
  return {}
}

/** Only a mailbox that is not there is a bounce; all else is a block, after which apps go on mailing the address. */
function bounce(event: MailEvent, hard: boolean): Record<string, unknown> {
  const said = reason(event)
  return {
    type: hard ? 'bounce' : 'blocked',
    reason: said,
    status: enhancedStatus(said) ?? '',
    ...(hard ? { bounce_classification: 'Invalid Address' } : {}),
  }
}

/** Which list it was is told in these words only. */
function dropReason(said: string): string {
  if (/complain|spam/i.test(said)) return 'Spam Reporting Address'
  if (/unsubscri/i.test(said)) return 'Unsubscribed Address'
  return 'Bounced Address'
}
