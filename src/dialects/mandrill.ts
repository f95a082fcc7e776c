/**
 * Mandrill (Mailchimp Transactional): https://mailchimp.com/developer/transactional/api/messages/send-new-message/, in every version
 * from 1.0 to 1.4, with and without `.json`. The key is in the body. Its ids are our UUIDs without dashes: one for each mail, which is
 * one for each recipient unless they share it. Version 1.0 says every no as 500. Templates are those of the
 * config.
 * Unverified: the names of errors for unknown methods and for too many calls.
 */
import {
  type Asked,
  type Dialect,
  type Done,
  idOfUuid,
  jsonBody,
  type Known,
  type NewSecret,
  type Reply,
  type Route,
  type Sending,
  type Told,
  type Trouble,
  uuidOf,
} from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import type { Message } from '../mail/message.ts'
import { base64, hmac } from '../mail/signature.ts'
import { invalid, type Planned, readRaw, readSend, readTemplate, sendAt } from './mandrill-send.ts'
import { checkMergeTags } from './merge-tags.ts'
import { checking } from './stored.ts'
import { bounceKind, clicked, randomHex, reason, seconds, spacedTime } from './telling.ts'

const calls: Record<string, Route['does']> = {
  'messages/send': { kind: 'send', read: readSend, answer },
  'messages/send-raw': { kind: 'send', read: readRaw, answer },
  'messages/send-template': { kind: 'send', read: readTemplate, answer },
  'messages/send-mc-template': { kind: 'send', read: readTemplate, answer },
  'messages/info': { kind: 'show', id: idIn, answer: info },
  'messages/cancel-scheduled': { kind: 'cancel', id: idIn, answer: scheduled },
  'messages/reschedule': { kind: 'reschedule', id: idIn, sendAt: later, answer: scheduled },
  'users/ping': { kind: 'say', answer: () => ({ status: 200, body: '"PONG!"' }) },
  'users/ping2': { kind: 'say', answer: () => ({ status: 200, body: { PING: 'PONG!' } }) },
  'users/info': { kind: 'say', answer: account },
}

export default {
  name: 'mandrill',
  key,
  keyInBody: true,
  routes: Object.entries(calls).flatMap(([path, does]) =>
    ['', '.json'].map((end): Route => ({ method: 'POST', path: `/api/{version}/${path}${end}`, does })),
  ),
  tells: { secret, call },
  // Calls that say so are written in Handlebars, and only they know it.
  wrongTemplate: checking(checkMergeTags),
  refused,
} satisfies Dialect

function key(asked: Asked): string | null {
  try {
    const { key } = jsonBody(asked)
    return typeof key === 'string' ? key : null
  } catch {
    return null
  }
}

/** An entry for each recipient; only what is wrong with the mail itself, or with all of it, is an error. */
function answer(done: readonly Done[], asked: Asked, sending: Sending): Reply {
  const { entries, async, scheduled } = sending as Planned
  const troubles = done.flatMap((one) => (one.kind === 'refused' ? [one.trouble] : []))
  const unsigned = ({ code }: Trouble) => code === 'from_not_allowed'
  if (troubles.length > 0 && troubles.length === done.length && !troubles.every(unsigned)) {
    return refused(troubles.find((one) => !unsigned(one))!, asked)
  }
  const taken = scheduled ? 'scheduled' : async ? 'queued' : 'sent'
  const of = (one: Done, email: string) => {
    if (one.kind === 'refused') {
      return { email, status: 'rejected', reject_reason: unsigned(one.trouble) ? 'unsigned' : 'rule', _id: nobody }
    }
    const person = one.recipients.find((person) => person.email.toLowerCase() === email.toLowerCase())
    const suppressed = person?.status === 'suppressed'
    return {
      email,
      status: suppressed ? 'rejected' : taken,
      reject_reason: suppressed ? 'custom' : null,
      ...(taken === 'queued' && !suppressed ? { queued_reason: null } : {}),
      _id: hexId(one.id),
    }
  }
  const named =
    entries.length > 0
      ? entries.map(({ email, of: index }) =>
          index === null ? { email, status: 'invalid', reject_reason: null, _id: nobody } : of(done[index]!, email),
        )
      : done.flatMap((one) => (one.kind === 'taken' ? one.recipients.map(({ email }) => of(one, email)) : []))
  return { status: 200, body: named }
}

/** The id of a mail that is none. */
const nobody = '0'.repeat(32)

function hexId(id: string): string {
  return uuidOf(id).replaceAll('-', '')
}

function idIn(asked: Asked): string | null {
  return idOfUuid(String(jsonBody(asked).id ?? ''))
}

function later(asked: Asked): number {
  const { send_at: at } = jsonBody(asked)
  if (at == null) throw invalid('send_at', 'Please enter a value')
  return sendAt(at, asked.at) ?? asked.at
}

function scheduled({ message, recipients }: Known): Reply {
  return {
    status: 200,
    body: {
      _id: hexId(message.id),
      created_at: spacedTime(message.acceptedAt),
      send_at: spacedTime(message.sendAt ?? message.acceptedAt),
      from_email: message.from.email,
      to: recipients[0]?.email ?? '',
      subject: message.subject,
    },
  }
}

function info({ message, recipients, events }: Known): Reply {
  const of = (type: MailEvent['type']) => events.filter((event) => event.type === type)
  const rejected = events.find(({ type }) => type === 'suppressed' || type === 'rejected')
  const bounced = of('bounced')[0]
  const opens = of('opened').map(({ at }) => ({ ts: seconds(at) }))
  const clicks = of('clicked').map((event) => ({ ts: seconds(event.at), url: clicked(event) }))
  return {
    status: 200,
    body: {
      ...facts(message, recipients[0]?.email ?? ''),
      state: stateOf(recipients.map(({ status }) => status)),
      opens: opens.length,
      opens_detail: opens,
      clicks: clicks.length,
      clicks_detail: clicks,
      smtp_events: [],
      resends: [],
      diag: bounced?.detail ?? null,
      subaccount: null,
      reject: rejected ? { reason: rejectReason(rejected), last_event_at: spacedTime(rejected.at) } : null,
      ...(bounced ? { bounce_description: bounceWords[bounceKind(bounced)] } : {}),
    },
  }
}

function stateOf(statuses: readonly string[]): string {
  const all = (...some: string[]) => statuses.every((status) => some.includes(status))
  if (all('scheduled')) return 'scheduled'
  if (all('canceled')) return 'canceled'
  if (all('bounced')) return 'bounced'
  if (all('suppressed', 'failed', 'expired')) return 'rejected'
  return all('queued', 'sending', 'deferred', 'held') ? 'queued' : 'sent'
}

function facts(message: Message, email: string): Record<string, unknown> {
  return {
    ts: seconds(message.acceptedAt),
    _id: hexId(message.id),
    sender: message.from.email,
    template: null,
    subject: message.subject,
    email,
    tags: message.tags,
    metadata: message.metadata,
  }
}

/** There is no account here: what asks for one wants to know whether its key is good. */
function account(): Reply {
  const none = Object.fromEntries(
    'sent hard_bounces soft_bounces rejects complaints unsubs opens unique_opens clicks unique_clicks'
      .split(' ')
      .map((name) => [name, 0]),
  )
  const windows = ['today', 'last_7_days', 'last_30_days', 'last_60_days', 'last_90_days', 'all_time']
  return {
    status: 200,
    body: {
      username: 'waypost',
      created_at: '2026-01-01 00:00:00',
      public_id: 'waypost',
      reputation: 100,
      hourly_quota: 1_000_000,
      backlog: 0,
      stats: Object.fromEntries(windows.map((name) => [name, none])),
    },
  }
}

/** A list of ours keeps them from mail, or a rule of somebody's. */
function rejectReason({ type }: MailEvent): string {
  return type === 'suppressed' ? 'custom' : 'rule'
}

const bounceWords = { hard: 'bad_mailbox', soft: 'general', block: 'spam' }

function eventName(event: MailEvent): string | null {
  switch (event.type) {
    case 'sent':
      return 'send'
    case 'deferred':
      return 'deferral'
    case 'delivered':
      return 'delivered'
    case 'bounced':
      return bounceKind(event) === 'hard' ? 'hard_bounce' : 'soft_bounce'
    case 'expired':
      return 'soft_bounce'
    case 'opened':
      return 'open'
    case 'clicked':
      return 'click'
    case 'complained':
      return 'spam'
    case 'unsubscribed':
      return 'unsub'
    case 'suppressed':
    case 'rejected':
      return 'reject'
    default:
      return null
  }
}

/** The webhook's key: what Mandrill shows beside it in its list. */
function secret(): NewSecret {
  const auth_key = randomHex(16)
  return { secret: auth_key, shown: { auth_key } }
}

/** A form of one field, a list of one event; signed over the address and the form. */
async function call(
  event: MailEvent,
  message: Message,
  secret: string,
  _now: number,
  url: string,
): Promise<Told | null> {
  const name = eventName(event)
  if (name === null || event.recipient === null) return null
  const events = JSON.stringify([told(name, event, message)])
  const signature = base64(await hmac('SHA-1', secret, `${url}mandrill_events${events}`))
  return {
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-mandrill-signature': signature },
    body: new URLSearchParams({ mandrill_events: events }).toString(),
  }
}

const states: Record<string, string> = {
  deferral: 'deferred',
  hard_bounce: 'bounced',
  soft_bounce: 'soft-bounced',
  spam: 'spam',
  unsub: 'unsub',
  reject: 'rejected',
}

function told(name: string, event: MailEvent, message: Message): Record<string, unknown> {
  const diag = reason(event)
  const ts = seconds(event.at)
  const msg = {
    ...facts(message, event.recipient!),
    state: states[name] ?? 'sent',
    opens: name === 'open' || name === 'click' ? [{ ts }] : [],
    clicks: name === 'click' ? [{ ts, url: clicked(event) }] : [],
    smtp_events: [],
    resends: [],
    subaccount: null,
    ...(name.endsWith('bounce') ? { diag, bounce_description: bounceWords[bounceKind(event)] } : {}),
    ...(name === 'deferral' ? { diag } : {}),
    ...(name === 'reject' ? { reject: { reason: rejectReason(event), detail: diag } } : {}),
  }
  return { event: name, _id: hexId(message.id), ts, msg, ...(name === 'click' ? { url: clicked(event) } : {}) }
}

const names: Record<string, [status: number, code: number, name: string]> = {
  unauthorized: [401, -1, 'Invalid_Key'],
  scope: [403, -1, 'Invalid_Key'],
  from_not_allowed: [403, -2, 'ValidationError'],
  not_found: [404, 11, 'Unknown_Message'],
  too_late: [404, 11, 'Unknown_Message'],
  unknown_template: [404, 5, 'Unknown_Template'],
  method: [405, -99, 'Unknown_Method'],
  in_flight: [409, -99, 'GeneralError'],
  too_large: [413, -2, 'ValidationError'],
  media_type: [415, -2, 'ValidationError'],
  rate: [429, -99, 'GeneralError'],
}

function refused({ status, code, detail, errors, retryAfter }: Trouble, asked: Asked): Reply {
  const old = /^\/api\/1\.0\//.test(asked.path)
  const unknown = code === 'not_found' && !/\/messages\//.test(asked.path)
  const trouble = unknown ? ([404, -99, 'Unknown_Method'] as const) : names[code]
  const [http, number, name] =
    trouble ??
    (status < 500
      ? [500, -2, 'ValidationError']
      : [status, -99, status === 500 ? 'GeneralError' : 'ServiceUnavailable'])
  const fields = Object.fromEntries(errors.map(({ field, detail }) => [field, detail]))
  const said = name === 'ValidationError' && errors.length > 0 ? `Validation error: ${JSON.stringify(fields)}` : detail
  return {
    status: old ? 500 : http,
    ...(retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } }),
    body: {
      status: 'error',
      // The number of a wrong key is the status since 1.3.
      code: name === 'Invalid_Key' && !old ? http : number,
      name,
      message: code === 'unauthorized' ? 'Invalid API key' : said,
    },
  }
}
