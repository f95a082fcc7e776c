/** Mailgun's events, as a list that is followed page by page and as webhooks, and its lists of suppressed addresses. */
import { canonicalOrNull, domainOf, formatMailbox } from '../mail/address.ts'
import {
  type Asked,
  type Dialect,
  type EventsWanted,
  type NewSecret,
  type Reply,
  type Told,
  Untranslatable,
  wrongField,
} from '../mail/dialect.ts'
import type { EventType, MailEvent } from '../mail/event.ts'
import type { Message } from '../mail/message.ts'
import { base64, fromBase64, hex, hmac } from '../mail/signature.ts'
import { enhancedStatus } from '../mail/status.ts'
import { shownId } from './mailgun-form.ts'
import { bounceKind, clicked, randomHex, reason } from './telling.ts'

const mostEvents = 300
const mostSuppressed = 1000

/** Its events, and which of ours they are. Accepted by Mailgun is: taken by whoever delivers. */
const types: Record<string, EventType[]> = {
  accepted: ['sent'],
  delivered: ['delivered'],
  failed: ['bounced', 'deferred', 'suppressed', 'rejected', 'expired'],
  opened: ['opened'],
  clicked: ['clicked'],
  unsubscribed: ['unsubscribed'],
  complained: ['complained'],
}
const names = new Map(Object.entries(types).flatMap(([name, ours]) => ours.map((type) => [type, name] as const)))

/** Whether it has a word for it. That an address was put on the list of suppressions is no event there; that mail was kept from it is. */
function isTold({ type, recipient, detail }: MailEvent): boolean {
  return recipient !== null && names.has(type) && !(type === 'suppressed' && / told by /.test(detail ?? ''))
}

/** One event as lists and webhooks show it. */
function shown(event: MailEvent, message: Message): Record<string, unknown> {
  const recipient = event.recipient ?? ''
  return {
    event: names.get(event.type),
    id: event.id,
    timestamp: event.at / 1000,
    'log-level': event.type === 'deferred' ? 'warn' : names.get(event.type) === 'failed' ? 'error' : 'info',
    recipient,
    'recipient-domain': domainOf(recipient),
    tags: message.tags,
    campaigns: [],
    'user-variables': message.metadata,
    flags: { 'is-routed': false, 'is-authenticated': true, 'is-system-test': false, 'is-test-mode': false },
    envelope: { transport: 'smtp', sender: message.returnPath, targets: recipient },
    message: {
      headers: {
        'message-id': shownId(message.messageId),
        from: formatMailbox(message.from),
        to: recipient,
        subject: message.subject,
      },
      attachments: [],
      size: message.size,
    },
    ...outcome(event),
  }
}

/** What an event says besides: how it failed, what was clicked. */
function outcome(event: MailEvent): Record<string, unknown> {
  const { type } = event
  const detail = reason(event)
  const failed = (severity: string, why: string, code: number, message = detail) => ({
    severity,
    reason: why,
    'delivery-status': deliveryStatus(message, code),
  })
  switch (type) {
    case 'delivered':
      return { 'delivery-status': deliveryStatus(detail || 'OK', 250) }
    case 'deferred':
      return failed('temporary', 'generic', 450)
    case 'bounced':
      return failed('permanent', bounceKind(event) === 'hard' ? 'bounce' : 'generic', 550)
    case 'suppressed':
      return suppressed(detail)
    case 'expired':
      return failed('permanent', 'old', 602, detail || 'Too old')
    case 'rejected':
      return failed('permanent', 'generic', 550)
    case 'opened':
    case 'unsubscribed':
      return { ip: '', 'client-info': {}, geolocation: {} }
    case 'clicked':
      return { url: clicked(event), ip: '', 'client-info': {}, geolocation: {} }
    default:
      return {}
  }
}

/** By its own codes: bounced before, unsubscribed, complained. */
function suppressed(detail: string): Record<string, unknown> {
  const [why, code] = /complain/i.test(detail)
    ? ['suppress-complaint', 607]
    : /unsubscri/i.test(detail)
      ? ['suppress-unsubscribe', 606]
      : ['suppress-bounce', 605]
  return {
    severity: 'permanent',
    reason: why,
    'delivery-status': {
      code,
      message: detail,
      description: 'Not delivering to a suppressed address',
      'attempt-no': 1,
    },
  }
}

/** @param code where the reply tells none, as its own codes (6xx) never stand in one */
function deliveryStatus(reply: string, code: number): Record<string, unknown> {
  const said = code > 600 ? undefined : /(?<![\d.])[245]\d\d(?![\d.])/.exec(reply)?.[0]
  return {
    code: said === undefined ? code : Number(said),
    message: reply,
    description: '',
    'attempt-no': 1,
    'enhanced-code': enhancedStatus(reply) ?? /(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])/.exec(reply)?.[0] ?? '',
  }
}

/** Where a page starts: what was asked at first goes along, for whoever follows the link asks nothing more. `from` null: past the end. */
interface Place {
  from: string | null
  query: string
}

function pageName(place: Place): string {
  return base64(new TextEncoder().encode(JSON.stringify(place)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}

function placeOf({ params, query }: Asked): Place & { first: boolean } {
  if (params.page === undefined) return { from: null, query: query.toString(), first: true }
  try {
    const read: unknown = JSON.parse(
      new TextDecoder().decode(fromBase64(params.page.replaceAll('-', '+').replaceAll('_', '/')) ?? undefined),
    )
    const { from, query } = read as Place
    if (typeof query === 'string' && (from === null || typeof from === 'string'))
      return { from, query, first: from === '' }
  } catch {}
  throw new Untranslatable({ status: 404, code: 'not_found', detail: 'There is no such page.' })
}

const notLookedFor = ['list', 'attachment', 'size', 'recipients']

export function eventsWanted(asked: Asked): EventsWanted {
  const { from, query: text, first } = placeOf(asked)
  const query = new URLSearchParams(text)
  for (const field of notLookedFor) {
    if (query.has(field)) throw wrongField(field, `Events are not looked for by ${field} here.`, 400)
  }
  const asks = (field: string) => filter(field, query.get(field))
  const [event, tags, severity] = [asks('event'), asks('tags'), asks('severity')]
  const wanted = Object.keys(types).filter((name) => event === null || event.fits((term) => term === name))
  const address = query.get('recipient') ?? query.get('to')
  const recipient = address === null ? null : canonicalOrNull(address)
  const past = (!first && from === null) || wanted.length === 0 || (address !== null && recipient === null)
  return {
    types: wanted.flatMap((name) => types[name]!),
    ...range(query),
    ...(recipient === null ? {} : { recipient }),
    ...(tags?.first === undefined ? {} : { tag: tags.first }),
    ...(first || from === null ? {} : { cursor: from }),
    limit: past ? 0 : Math.min(Number(/^\d{1,6}$/.exec(query.get('limit') ?? '')?.[0] ?? 100) || 100, mostEvents),
    only(one, message) {
      const { subject, from } = { subject: query.get('subject'), from: query.get('from') }
      const id = query.get('message-id')
      return (
        isTold(one) &&
        (tags === null || tags.fits((term) => message.tags.includes(term))) &&
        (severity === null || severity.fits((term) => term === outcome(one).severity)) &&
        (id === null || id.replace(/^<|>$/g, '') === shownId(message.messageId)) &&
        (subject === null || message.subject.includes(subject)) &&
        (from === null || formatMailbox(message.from).includes(from))
      )
    },
  }
}

/** From one time to another; which of them is earlier says in which order, unless `ascending` does. The end counts in. */
function range(query: URLSearchParams): Pick<EventsWanted, 'since' | 'until' | 'oldestFirst'> {
  const [begin, end] = [timeIn(query, 'begin'), timeIn(query, 'end')]
  const said = query.get('ascending')?.toLowerCase()
  const oldestFirst = said
    ? said === 'yes' || said === 'true'
    : begin !== undefined && (end === undefined || begin <= end)
  const [since, until] = oldestFirst ? [begin, end] : [end, begin]
  return {
    oldestFirst,
    ...(since === undefined ? {} : { since: Math.floor(since) }),
    ...(until === undefined ? {} : { until: Math.floor(until) + 1 }),
  }
}

/** Seconds since 1970 with a fraction, or RFC 2822. */
function timeIn(query: URLSearchParams, field: string): number | undefined {
  const text = query.get(field)
  if (text === null || text === '') return undefined
  const at = /^\d{1,12}(?:\.\d{1,9})?$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  if (Number.isNaN(at)) throw wrongField(field, 'This is neither seconds nor a date of RFC 2822.', 400)
  return at
}

interface Filter {
  fits(holds: (term: string) => boolean): boolean
  /** A term that must hold, when there is one. */
  first: string | undefined
}

/** A filter expression: terms with AND, OR and NOT between, without parentheses. Null: anything. */
function filter(field: string, text: string | null): Filter | null {
  if (text === null || text.trim() === '') return null
  if (/[()<>]/.test(text)) throw wrongField(field, 'Parentheses and comparisons are not understood here.', 400)
  const ways = text
    .trim()
    .split(/\s+/)
    .join(' ')
    .split(/ OR /i)
    .map((way) =>
      way.split(/ AND /i).map((term) => {
        const [, not, bare = ''] = /^(NOT )?(.*)$/i.exec(term)!
        return { not: not !== undefined, term: bare.replace(/^"(.*)"$/, '$1') }
      }),
    )
  return {
    fits: (holds) => ways.some((way) => way.every(({ not, term }) => holds(term) !== not)),
    first: ways.length === 1 ? ways[0]!.find(({ not }) => !not)?.term : undefined,
  }
}

/** Every page names a next: behind the last it is empty. There is no way back but to the first. */
export function eventsPage(
  { events, next }: { events: readonly (MailEvent & { message: Message })[]; next: string | null },
  asked: Asked,
): Reply {
  const { query } = placeOf(asked)
  const link = (from: string | null) => `${listAt(asked, 'events')}/${pageName({ from, query })}`
  const past = link(null)
  return {
    status: 200,
    body: {
      items: events.map(({ message, ...event }) => shown(event, message)),
      paging: { next: link(next), first: link(''), previous: past, last: past },
    },
  }
}

function listAt({ origin, params }: Asked, list: string): string {
  return `${origin}/v3/${encodeURIComponent(params.domain ?? '')}/${list}`
}

type List = 'bounces' | 'complaints' | 'unsubscribes'
export const listReason = { bounces: 'bounce', complaints: 'complaint', unsubscribes: 'unsubscribe' } as const

/** `cursor` is our own among its parameters; an empty one is past the end. */
export function listWanted(list: List) {
  return ({ query }: Asked) => {
    if (query.get('term')) throw wrongField('term', 'Addresses are not looked for by their beginning here.', 400)
    const cursor = query.get('cursor')
    const limit = Number(/^\d{1,6}$/.exec(query.get('limit') ?? '')?.[0] ?? 100) || 100
    return {
      reason: listReason[list],
      limit: cursor === '' ? 0 : Math.min(limit, mostSuppressed),
      ...(cursor ? { cursor } : {}),
    }
  }
}

export function listed(list: List) {
  return (
    { entries, next }: { entries: readonly { email: string; at: number }[]; next: string | null },
    asked: Asked,
  ): Reply => {
    const limit = asked.query.get('limit') ?? '100'
    const link = (page: string, cursor: string | null, address = '') =>
      `${listAt(asked, list)}?${new URLSearchParams({ page, address, limit, ...(cursor === null ? {} : { cursor }) })}`
    return {
      status: 200,
      body: {
        items: entries.map(({ email, at }) => ({
          address: email,
          ...(list === 'bounces' ? { code: '550', error: '' } : {}),
          ...(list === 'unsubscribes' ? { tags: ['*'] } : {}),
          created_at: new Date(at).toUTCString().replace('GMT', 'UTC'),
        })),
        paging: {
          next: link('next', next ?? '', entries.at(-1)?.email),
          first: link('first', null),
          previous: link('previous', '', entries[0]?.email),
          last: link('last', ''),
        },
      },
    }
  }
}

const removed: Record<List, string> = {
  bounces: 'Bounced addresses for this domain have been removed',
  complaints: 'Spam complaints for this domain have been removed',
  unsubscribes: 'Unsubscribe addresses for this domain have been removed',
}

export function lifted(list: List) {
  return (lifted: boolean, { params }: Asked): Reply =>
    lifted
      ? { status: 200, body: { message: removed[list], address: params.address } }
      : { status: 404, body: { message: `Address not found in ${list} table` } }
}

export const tells = { secret, call } satisfies Dialect['tells']

function secret(): NewSecret {
  const secret = randomHex(16)
  return { secret, shown: { webhookSigningKey: secret } }
}

/** Signed anew at every try, with a token of its own; the event's id stays. */
async function call(event: MailEvent, message: Message, secret: string, now: number): Promise<Told | null> {
  if (!isTold(event)) return null
  const [timestamp, token] = [String(Math.floor(now / 1000)), randomHex(25)]
  const signature = hex(await hmac('SHA-256', secret, timestamp + token))
  const body = JSON.stringify({ signature: { timestamp, token, signature }, 'event-data': shown(event, message) })
  // 406: not wanted, and not to be told again.
  return { headers: { 'content-type': 'application/json' }, body, enough: [406] }
}
