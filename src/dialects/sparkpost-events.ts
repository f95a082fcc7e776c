/** SparkPost's events, as a search and as webhooks: https://developers.sparkpost.com/api/events and …/api/webhooks. */
import { canonicalOrNull, domainOf } from '../mail/address.ts'
import {
  type Asked,
  type Dialect,
  type EventsWanted,
  idOfUuid,
  ownHeaders,
  type Reply,
  type Told,
  unsignedSecret,
  uuidOf,
  wrongField,
} from '../mail/dialect.ts'
import type { EventType, MailEvent } from '../mail/event.ts'
import { groupOf } from '../mail/id.ts'
import type { Message } from '../mail/message.ts'
import { bounceKind, clicked, reason } from './telling.ts'

const mostEvents = 1000
const usualEvents = 1000

/** Its types, under the class in which webhooks bring them. */
const types: Partial<Record<EventType, [type: string, kind: string]>> = {
  sent: ['injection', 'message_event'],
  deferred: ['delay', 'message_event'],
  delivered: ['delivery', 'message_event'],
  bounced: ['bounce', 'message_event'],
  expired: ['bounce', 'message_event'],
  complained: ['spam_complaint', 'message_event'],
  suppressed: ['policy_rejection', 'message_event'],
  rejected: ['policy_rejection', 'message_event'],
  opened: ['open', 'track_event'],
  clicked: ['click', 'track_event'],
  unsubscribed: ['list_unsubscribe', 'unsubscribe_event'],
}

/** That an address was put on the list of suppressions is no event there; that mail was kept from it is. */
function isTold({ type, recipient, detail }: MailEvent): boolean {
  return recipient !== null && type in types && !(type === 'suppressed' && / told by /.test(detail ?? ''))
}

/** Digits: the number of what the messages of one transmission have in common. */
export function transmissionId(id: string): string {
  return digits(groupOf(id))
}

/** The first message of a transmission; null for what is no id of one. */
export function firstOf(transmission: string): string | null {
  if (!/^\d{1,39}$/.test(transmission)) return null
  return idOfUuid(BigInt(transmission).toString(16).padStart(32, '0'))
}

function digits(id: string): string {
  return BigInt(`0x${uuidOf(id).replaceAll('-', '')}`).toString()
}

function shown(event: MailEvent, message: Message, timestamp: string): Record<string, unknown> {
  const recipient = event.recipient ?? ''
  const { campaign_id: campaign, ...metadata } = message.metadata
  const tags = message.tags[0] === campaign ? message.tags.slice(1) : message.tags
  return {
    type: types[event.type]?.[0],
    event_id: digits(event.id),
    timestamp,
    transmission_id: transmissionId(message.id),
    message_id: uuidOf(message.id).replaceAll('-', ''),
    customer_id: '1',
    delv_method: 'esmtp',
    ...(campaign === undefined ? {} : { campaign_id: campaign }),
    friendly_from: message.from.email,
    injection_time: iso(message.acceptedAt),
    msg_from: message.returnPath,
    msg_size: String(message.size),
    raw_rcpt_to: recipient,
    rcpt_to: recipient.toLowerCase(),
    rcpt_meta: metadata,
    rcpt_tags: tags,
    routing_domain: domainOf(recipient),
    subject: message.subject,
    ...outcome(event),
  }
}

function outcome(event: MailEvent): Record<string, unknown> {
  const detail = reason(event)
  const failed = (kind: string, why: string, code: string) => ({
    bounce_class: kind,
    error_code: /(?<![\d.])[245]\d\d(?![\d.])/.exec(why)?.[0] ?? code,
    reason: why,
    raw_reason: why,
  })
  switch (event.type) {
    case 'bounced':
      return failed(bounceClasses[bounceKind(event)], detail, '550')
    case 'deferred':
      return { ...failed('20', detail, '450'), num_retries: '1' }
    case 'expired':
      return failed('24', detail || 'exceeded max time without delivery', '554')
    case 'suppressed':
      return failed('25', '554 5.7.1 recipient address suppressed due to customer policy', '554')
    case 'rejected':
      return failed('50', detail, '550')
    case 'opened':
      return { user_agent: '', ip_address: '' }
    case 'clicked':
      return { target_link_url: clicked(event), target_link_name: 'Raw URL', user_agent: '', ip_address: '' }
    default:
      return {}
  }
}

/** Invalid recipient, blocked, soft. */
const bounceClasses = { hard: '10', block: '50', soft: '20' }

function iso(at: number): string {
  return new Date(at).toISOString()
}

/** Filters that name what is not known here. */
const notLookedFor = [
  'ab_tests',
  'ab_test_version',
  'ip_pools',
  'sending_ips',
  'subaccounts',
  'templates',
  'template_ids',
  'reason',
  'bounce_classes',
]

export function eventsWanted({ query }: Asked): EventsWanted {
  for (const field of notLookedFor) {
    if (query.has(field)) throw wrongField(field, `Events are not looked for by ${field} here.`)
  }
  if (!/^(?:|utc|etc\/utc)$/i.test(query.get('timezone') ?? '')) throw wrongField('timezone', 'Times are in UTC here.')
  const list = (...fields: string[]) => {
    const text = fields.map((field) => query.get(field)).find((text) => text !== null)
    return text ? text.split(query.get('delimiter') || ',').map((one) => one.trim()) : null
  }
  const wanted = list('events')
  const known = Object.entries(types).filter(([, [type]]) => wanted?.includes(type) ?? true)
  const recipients = list('recipients')?.map((email) => canonicalOrNull(email) ?? email)
  const ids = list('transmission_ids', 'transmissions')
  const [messages, campaigns, subject] = [list('message_ids'), list('campaigns', 'campaign_ids'), query.get('subject')]
  const cursor = query.get('cursor')
  const [since, until] = [timeIn(query, 'from'), timeIn(query, 'to')]
  const limit = Number(/^\d{1,6}$/.exec(query.get('per_page') ?? '')?.[0] ?? usualEvents) || usualEvents
  return {
    types: known.map(([type]) => type as EventType),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(recipients?.length === 1 ? { recipient: recipients[0]! } : {}),
    ...(campaigns?.length === 1 && !campaigns[0]!.includes('*') ? { tag: campaigns[0]! } : {}),
    ...(cursor && cursor !== 'initial' ? { cursor } : {}),
    limit: known.length === 0 ? 0 : Math.min(limit, mostEvents),
    only: (event, message) =>
      isTold(event) &&
      (recipients?.includes(event.recipient ?? '') ?? true) &&
      (ids?.includes(transmissionId(message.id)) ?? true) &&
      (messages?.includes(uuidOf(message.id).replaceAll('-', '')) ?? true) &&
      (campaigns?.some((pattern) => fits(pattern, message.metadata.campaign_id ?? '')) ?? true) &&
      (subject === null || fits(subject, message.subject)),
  }
}

/** `*` stands for any text. */
function fits(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return pattern === text
  const last = rest.pop()!
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false
  let at = first.length
  for (const piece of rest) {
    const found = text.indexOf(piece, at)
    if (found === -1 || found + piece.length > text.length - last.length) return false
    at = found + piece.length
  }
  return true
}

/** `2027-01-31T09:30`, in UTC. */
function timeIn(query: URLSearchParams, field: string): number | undefined {
  const text = query.get(field)
  if (text === null || text === '') return undefined
  const at = Date.parse(/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?$/.test(text) ? `${text}Z` : text)
  if (Number.isNaN(at)) throw wrongField(field, `${field} is a time such as 2027-01-31T09:30`)
  return at
}

export function eventsFound(
  { events, next }: { events: readonly (MailEvent & { message: Message })[]; next: string | null },
  { path, query }: Asked,
): Reply {
  const link = (rel: string, cursor: string) => {
    const asked = new URLSearchParams(query)
    asked.set('cursor', cursor)
    return { href: `${path}?${asked}`, rel }
  }
  return {
    status: 200,
    body: {
      results: events.map(({ message, ...event }) => shown(event, message, iso(event.at).replace('Z', '+00:00'))),
      // Of this page: all of them are not counted here.
      total_count: events.length,
      links: [link('first', 'initial'), ...(next === null ? [] : [link('next', next)])],
    },
  }
}

export const tells = { unsigned: true, secret: unsignedSecret, call } satisfies Dialect['tells']

/** A batch of one, under an id by which one that comes again is known. */
function call(event: MailEvent, message: Message, secret: string): Told | null {
  if (!isTold(event)) return null
  const kind = types[event.type]![1]
  const body = JSON.stringify([{ msys: { [kind]: shown(event, message, String(Math.floor(event.at / 1000))) } }])
  const headers = { 'content-type': 'application/json', 'x-messagesystems-batch-id': uuidOf(event.id) }
  return { headers: { ...ownHeaders(secret), ...headers }, body }
}
