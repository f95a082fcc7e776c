/**
 * Amazon SES events as SNS posts them. They are not signed: only Amazon can sign so that its own checks pass, for the certificate must
 * lie on its host. They are known by the credentials and headers of the webhook.
 * https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
 */
import { formatMailbox } from '../mail/address.ts'
import { type Dialect, ownHeaders, type Told, unsignedSecret, uuidOf } from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import type { Message } from '../mail/message.ts'

/** The id of a mail as SES writes them: its time, 128 bits, a count. */
export function sesId(id: string): string {
  const uuid = uuidOf(id)
  return `0100${uuid.slice(0, 8)}${uuid.slice(9, 13)}-${uuid}-000000`
}

type What = { eventType: string; key: string; detail: Record<string, unknown> }

function what(event: MailEvent): What | null {
  const { recipient, at } = event
  const timestamp = iso(at)
  const detail = event.detail ?? ''
  const emailAddress = recipient
  switch (event.type) {
    case 'sent':
      return { eventType: 'Send', key: 'send', detail: {} }
    case 'delivered': {
      const more = { processingTimeMillis: 0, recipients: [recipient], smtpResponse: detail, reportingMTA: 'waypost' }
      return { eventType: 'Delivery', key: 'delivery', detail: { timestamp, ...more } }
    }
    case 'deferred': {
      const delayed = [{ emailAddress, status: '4.0.0', diagnosticCode: detail }]
      return {
        eventType: 'DeliveryDelay',
        key: 'deliveryDelay',
        detail: { timestamp, delayType: 'General', delayedRecipients: delayed },
      }
    }
    case 'bounced':
      return bounce(event, /^(?:soft|block)/.test(detail) ? ['Transient', 'General'] : ['Permanent', 'General'])
    case 'expired':
      return bounce(event, ['Transient', 'General'])
    case 'suppressed':
      return bounce(event, ['Permanent', 'OnAccountSuppressionList'])
    case 'complained': {
      const more = { complainedRecipients: [{ emailAddress }], complaintFeedbackType: 'abuse', complaintSubType: null }
      return { eventType: 'Complaint', key: 'complaint', detail: { timestamp, feedbackId: event.id, ...more } }
    }
    case 'rejected':
      return { eventType: 'Reject', key: 'reject', detail: { reason: detail } }
    case 'opened':
      return { eventType: 'Open', key: 'open', detail: { timestamp, ipAddress: '', userAgent: '' } }
    case 'clicked':
      return {
        eventType: 'Click',
        key: 'click',
        detail: { timestamp, ipAddress: '', userAgent: '', link: detail, linkTags: null },
      }
    case 'unsubscribed':
      return {
        eventType: 'Subscription',
        key: 'subscription',
        detail: { timestamp, source: 'UnsubscribeHeader', newTopicPreferences: { unsubscribeAll: true } },
      }
    default:
      return null
  }
}

function bounce(event: MailEvent, [bounceType, bounceSubType]: [string, string]): What {
  const status = bounceType === 'Permanent' ? '5.1.1' : '4.0.0'
  const one = { emailAddress: event.recipient, action: 'failed', status, diagnosticCode: event.detail ?? '' }
  return {
    eventType: 'Bounce',
    key: 'bounce',
    detail: {
      feedbackId: event.id,
      bounceType,
      bounceSubType,
      bouncedRecipients: [one],
      timestamp: iso(event.at),
      reportingMTA: 'dsn; waypost',
    },
  }
}

/** Those that identities were told of before there were configuration sets: applications look for either name. */
const older = new Set(['Bounce', 'Complaint', 'Delivery'])

function mail(message: Message, recipient: string): Record<string, unknown> {
  return {
    timestamp: iso(message.acceptedAt),
    messageId: sesId(message.id),
    source: message.from.email,
    sendingAccountId: '000000000000',
    destination: [recipient],
    headersTruncated: false,
    headers: message.headers.map(([name, value]) => ({ name, value })),
    commonHeaders: {
      from: [formatMailbox(message.from)],
      to: [recipient],
      messageId: message.messageId,
      subject: message.subject,
    },
    tags: Object.fromEntries(Object.entries(message.metadata).map(([name, value]) => [name, [value]])),
  }
}

const topic = 'arn:aws:sns:us-east-1:000000000000:waypost'

async function call(event: MailEvent, message: Message, secret: string): Promise<Told | null> {
  const said = what(event)
  if (said === null || event.recipient === null) return null
  const { eventType, key, detail } = said
  const about = {
    eventType,
    ...(older.has(eventType) ? { notificationType: eventType } : {}),
    mail: mail(message, event.recipient),
    [key]: detail,
  }
  const id = uuidOf(event.id)
  const body = JSON.stringify({
    Type: 'Notification',
    MessageId: id,
    TopicArn: topic,
    Subject: 'Amazon SES Email Event Notification',
    Message: JSON.stringify(about),
    Timestamp: iso(event.at),
    SignatureVersion: '1',
    Signature: '',
    SigningCertURL: '',
    UnsubscribeURL: '',
  })
  const headers = {
    ...ownHeaders(secret),
    'content-type': 'text/plain; charset=UTF-8',
    'x-amz-sns-message-type': 'Notification',
    'x-amz-sns-message-id': id,
    'x-amz-sns-topic-arn': topic,
    'x-amz-sns-subscription-arn': `${topic}:00000000-0000-0000-0000-000000000000`,
  }
  return { headers, body }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

export const tells: NonNullable<Dialect['tells']> = { unsigned: true, secret: unsignedSecret, call }
