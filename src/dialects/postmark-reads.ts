/** Postmark's words for what became of a message: its details, its bounces, and its webhooks, which are signed by nothing. */
import { formatMailbox } from '../mail/address.ts'
import {
  type Asked,
  type Dialect,
  type EventsWanted,
  idOfUuid,
  type Known,
  ownHeaders,
  type Reply,
  type Told,
  Untranslatable,
  unsignedSecret,
  uuidOf,
} from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import type { Message } from '../mail/message.ts'

/** Seven digits of a second, as it writes them. */
export function instant(at: number): string {
  return new Date(at).toISOString().replace('Z', '0000Z')
}

interface BounceType {
  Type: string
  TypeCode: number
  Name: string
  Description: string
}

const hard: BounceType = {
  Type: 'HardBounce',
  TypeCode: 1,
  Name: 'Hard bounce',
  Description: 'The server was unable to deliver your message (ex: unknown user, mailbox not found).',
}
const soft: BounceType = {
  Type: 'SoftBounce',
  TypeCode: 4096,
  Name: 'Soft bounce',
  Description:
    'Unable to temporarily deliver message (i.e. mailbox full, account disabled, exceeds quota, out of disk space).',
}
const blocked: BounceType = {
  Type: 'Blocked',
  TypeCode: 100006,
  Name: 'ISP block',
  Description: 'Blocked from this ISP due to content or blacklisting.',
}
const complaint: BounceType = {
  Type: 'SpamComplaint',
  TypeCode: 100001,
  Name: 'Spam complaint',
  Description: 'The subscriber explicitly marked this message as spam.',
}

function bounceType({ type, detail }: MailEvent): BounceType | null {
  if (type === 'complained') return complaint
  if (type === 'rejected') return blocked
  if (type === 'expired') return soft
  if (type !== 'bounced') return null
  if (detail?.startsWith('soft')) return soft
  return detail?.startsWith('block') ? blocked : hard
}

const begins = Date.UTC(2020, 0)

/**
 * A bounce's number: the milliseconds of its event and 12 bits of its id, which together find it again. There it is a 64-bit number
 * too; ours is exact in JSON.
 */
function bounceId({ id, at }: MailEvent): number {
  let bits = 0
  for (const char of id) bits = (bits * 31 + char.charCodeAt(0)) % 4096
  return (at - begins) * 4096 + bits
}

function bounce(event: MailEvent, message: Message) {
  const kind = bounceType(event)
  if (kind === null || event.recipient === null) return null
  const gone = kind === hard || kind === complaint
  return {
    RecordType: kind === complaint ? 'SpamComplaint' : 'Bounce',
    ID: bounceId(event),
    ...kind,
    ...about(message),
    Details: event.detail ?? '',
    Email: event.recipient,
    From: message.from.email,
    BouncedAt: instant(event.at),
    DumpAvailable: false,
    Inactive: gone,
    CanActivate: kind === hard,
    Subject: message.subject,
    Content: '',
  }
}

/** What every record says of its message. */
function about(message: Message): Record<string, unknown> {
  return {
    MessageID: uuidOf(message.id),
    ServerID: 1,
    MessageStream: streamOf(message),
    Tag: message.tags[0] ?? '',
    Metadata: message.metadata,
  }
}

function streamOf({ type }: Message): string {
  return type === 'transactional' ? 'outbound' : type === 'marketing' ? 'broadcast' : type
}

const ofType: Record<string, MailEvent['type'][]> = {
  HardBounce: ['bounced'],
  SoftBounce: ['bounced', 'expired'],
  Blocked: ['bounced', 'rejected'],
  SpamComplaint: ['complained'],
}
/** There 10000; further back is more than one look into the store. */
const furthest = 1000

/** `count` and `offset` among the bounces, the newest first. */
export function bouncesWanted({ query }: Asked): EventsWanted {
  const { count, offset } = range(query)
  const type = query.get('type')
  const types = type === null ? ['bounced', 'expired', 'rejected', 'complained'] : (ofType[type] ?? ['complained'])
  const day = (name: string) => {
    const value = query.get(name)
    const at = value === null ? Number.NaN : Date.parse(value)
    if (value !== null && Number.isNaN(at)) throw wrong(`${name} is not a date.`)
    return at
  }
  const [since, until] = [day('fromdate'), day('todate')]
  const recipient = query.get('emailFilter')
  const tag = query.get('tag')
  const id = query.get('messageID') ?? query.get('messageId')
  return {
    types: types as MailEvent['type'][],
    // What else is asked for is looked for here.
    limit: query.has('type') || query.has('inactive') ? furthest : count + offset,
    ...(Number.isNaN(since) ? {} : { since }),
    ...(Number.isNaN(until) ? {} : { until }),
    ...(recipient === null ? {} : { recipient }),
    ...(tag === null ? {} : { tag }),
    ...(id === null ? {} : { messageId: idOfUuid(id) ?? 'msg_none' }),
  }
}

function range(query: URLSearchParams): { count: number; offset: number } {
  const [count, offset] = [Number(query.get('count') ?? 100), Number(query.get('offset') ?? 0)]
  if (!(Number.isInteger(count) && count >= 1 && count <= 500)) throw wrong('count is a number from 1 to 500.')
  if (!(Number.isInteger(offset) && offset >= 0)) throw wrong('offset is a number.')
  if (count + offset > furthest) throw wrong(`count and offset together reach ${furthest} at most here.`)
  return { count, offset }
}

function wrong(detail: string): Untranslatable {
  return new Untranslatable({ code: '408', detail })
}

type Found = { events: readonly (MailEvent & { message: Message })[]; next: string | null }

/** `TotalCount` counts what lies before and on this page, and one more where there are more: nobody counts all of it here. */
export function bounceList({ events, next }: Found, { query }: Asked): Reply {
  const { count, offset } = range(query)
  const type = query.get('type')
  const inactive = query.get('inactive')
  const all = events
    .flatMap((event) => bounce(event, event.message) ?? [])
    .filter((one) => (type === null || one.Type === type) && (inactive === null || String(one.Inactive) === inactive))
  const Bounces = all.slice(offset, offset + count)
  return { status: 200, body: { TotalCount: all.length + (next === null ? 0 : 1), Bounces } }
}

export function bounceWanted({ params }: Asked): EventsWanted {
  const at = begins + Math.floor(Number(params.id) / 4096)
  if (!/^\d{1,16}$/.test(params.id ?? '')) throw noBounce()
  return { types: ['bounced', 'expired', 'rejected', 'complained'], since: at, until: at + 1, limit: 200 }
}

export function bounceIn({ events }: Found, { params }: Asked): Reply {
  const found = events.find((event) => bounceId(event) === Number(params.id))
  const body = found && bounce(found, found.message)
  if (!body) throw noBounce()
  return { status: 200, body }
}

function noBounce(): Untranslatable {
  return new Untranslatable({ code: '407', detail: 'Bounce not found.' })
}

const eventTypes: Partial<Record<MailEvent['type'], string>> = {
  delivered: 'Delivered',
  deferred: 'Transient',
  bounced: 'Bounced',
  rejected: 'Bounced',
  expired: 'Bounced',
  opened: 'Opened',
  clicked: 'LinkClicked',
  unsubscribed: 'SubscriptionChanged',
}

/** The content is not shown: it is null. */
export function shown({ message, recipients, events }: Known): Reply {
  const who = (hidden: boolean) =>
    recipients
      .filter(({ index }) => message.hidden.includes(index) === hidden)
      .map(({ email }) => ({ Email: email, Name: null }))
  const sent = events.some(({ type }) => type === 'sent' || type === 'delivered')
  return {
    status: 200,
    body: {
      ...about(message),
      TextBody: null,
      HtmlBody: null,
      Body: null,
      To: who(false),
      Cc: [],
      Bcc: who(true),
      Recipients: recipients.map(({ email }) => email),
      ReceivedAt: instant(message.acceptedAt),
      From: formatMailbox(message.from),
      Subject: message.subject,
      Attachments: [],
      Status: sent ? 'Sent' : 'Queued',
      TrackOpens: false,
      TrackLinks: 'None',
      Sandboxed: false,
      MessageEvents: events.flatMap((event) => {
        const Type = eventTypes[event.type]
        if (Type === undefined || event.recipient === null) return []
        const Details = event.detail === null ? {} : { Summary: event.detail, DeliveryMessage: event.detail }
        const BounceID = Type === 'Bounced' ? { BounceID: String(bounceId(event)) } : {}
        return { Recipient: event.recipient, Type, ReceivedAt: instant(event.at), Details: { ...Details, ...BounceID } }
      }),
    },
  }
}

/** Nobody can look into who opened it. */
const unknownClient = { Name: '', Company: '', Family: '' }
const opened = { Client: unknownClient, OS: unknownClient, Platform: 'Unknown', UserAgent: '', Geo: {} }

/** One record a call. A deferral is not told: here it is often the way's, not the recipient's. */
function record(event: MailEvent, message: Message): Record<string, unknown> | null {
  const all = { ...about(message), Recipient: event.recipient }
  const at = instant(event.at)
  switch (event.type) {
    case 'delivered':
      return { RecordType: 'Delivery', ...all, DeliveredAt: at, Details: event.detail ?? '' }
    case 'opened':
      return { RecordType: 'Open', ...all, FirstOpen: false, ...opened, ReadSeconds: 0, ReceivedAt: at }
    case 'clicked':
      return {
        RecordType: 'Click',
        ...all,
        ...opened,
        ClickLocation: 'HTML',
        OriginalLink: event.detail ?? '',
        ReceivedAt: at,
      }
    case 'unsubscribed':
      return {
        RecordType: 'SubscriptionChange',
        ...all,
        ChangedAt: at,
        Origin: 'Recipient',
        SuppressSending: true,
        SuppressionReason: 'ManualSuppression',
      }
    default:
      return bounce(event, message)
  }
}

async function call(event: MailEvent, message: Message, secret: string): Promise<Told | null> {
  const body = event.recipient === null ? null : record(event, message)
  if (body === null) return null
  return { headers: { ...ownHeaders(secret), 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

export const tells: NonNullable<Dialect['tells']> = { unsigned: true, secret: unsignedSecret, call }
