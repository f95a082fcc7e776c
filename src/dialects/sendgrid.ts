/**
 * SendGrid: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send. One call is as many messages as it has
 * personalizations, and all of them have the one id of `X-Message-Id`. Dynamic templates are those of the config; unsubscribe groups
 * and batches that can be canceled are refused. Unverified: that unknown fields are ignored there; what is said for an address that is on no list.
 */
import {
  type Asked,
  basic,
  bearer,
  type Dialect,
  type Done,
  jsonBody,
  type Reply,
  type Route,
  type Sending,
  type SuppressionsWanted,
  type Trouble,
  wrongField,
} from '../mail/dialect.ts'
import type { SuppressionReason } from '../mail/suppression.ts'
import { call, messageIdOf, secret } from './sendgrid-events.ts'
import { read } from './sendgrid-mail.ts'
import { checking, languages } from './stored.ts'

export default {
  name: 'sendgrid',
  // With Twilio's own credentials the key is the password.
  key: (asked) => bearer(asked) ?? basic(asked)?.password ?? null,
  routes: [
    { method: 'POST', path: '/v3/mail/send', does: { kind: 'send', read, answer } },
    { method: 'POST', path: '/v3/mail/batch', does: { kind: 'say', answer: noBatches } },
    { method: 'POST', path: '/v3/user/scheduled_sends', does: { kind: 'say', answer: noBatches } },
    ...listRoutes('bounces', 'bounce'),
    ...listRoutes('spam_reports', 'complaint'),
    ...listRoutes('unsubscribes', 'unsubscribe'),
    ...emptyRoutes('blocks'),
    ...emptyRoutes('invalid_emails'),
    {
      method: 'GET',
      path: '/v3/asm/suppressions/global/{email}',
      does: {
        kind: 'suppressions',
        read: ofOne('unsubscribe'),
        answer: ({ entries: [entry] }) => ({ status: 200, body: entry ? { recipient_email: entry.email } : {} }),
      },
    },
    {
      method: 'DELETE',
      path: '/v3/asm/suppressions/global/{email}',
      does: { kind: 'unsuppress', email: emailIn, reason: 'unsubscribe', answer: () => ({ status: 204 }) },
    },
  ],
  tells: { secret, call },
  wrongTemplate: checking(languages.handlebars.check),
  refused,
} satisfies Dialect

function answer([first]: readonly Done[], asked: Asked, { dry }: Sending): Reply {
  if (first?.kind !== 'taken') return refused(first!.trouble, asked)
  return dry ? { status: 200 } : { status: 202, headers: { 'x-message-id': messageIdOf(first.id) } }
}

function noBatches(asked: Asked): Reply {
  const detail = 'Batches are not kept here, and what is scheduled is canceled over the API of the gateway.'
  return refused({ status: 400, code: 'invalid', detail, errors: [] }, asked)
}

/** A list of suppressions: a page of it, one entry, and lifting some. */
function listRoutes(name: string, reason: SuppressionReason): Route[] {
  const path = `/v3/suppression/${name}`
  const shown = ({ email, at }: { email: string; at: number }) => ({
    created: Math.floor(at / 1000),
    email,
    ...(reason === 'bounce' ? { reason: '', status: '' } : {}),
    ...(reason === 'complaint' ? { ip: '' } : {}),
  })
  const answer: Extract<Route['does'], { kind: 'suppressions' }>['answer'] = ({ entries }) => ({
    status: 200,
    body: entries.map(shown),
  })
  return [
    { method: 'GET', path, does: { kind: 'suppressions', read: (asked) => ({ reason, ...paging(asked) }), answer } },
    { method: 'GET', path: `${path}/{email}`, does: { kind: 'suppressions', read: ofOne(reason), answer } },
    {
      method: 'DELETE',
      path,
      does: { kind: 'unsuppress', email: emailsIn, reason, answer: () => ({ status: 204 }) },
    },
    {
      method: 'DELETE',
      path: `${path}/{email}`,
      does: {
        kind: 'unsuppress',
        email: emailIn,
        reason,
        answer: (lifted, asked) => (lifted ? { status: 204 } : notOnList(asked)),
      },
    },
  ]
}

/** Lists that have nobody here: those that were blocked get mail again, and bad addresses stand among the bounces. */
function emptyRoutes(name: string): Route[] {
  const path = `/v3/suppression/${name}`
  const nobody = (): Reply => ({ status: 200, body: [] })
  return [
    { method: 'GET', path, does: { kind: 'say', answer: nobody } },
    { method: 'GET', path: `${path}/{email}`, does: { kind: 'say', answer: nobody } },
    { method: 'DELETE', path, does: { kind: 'say', answer: () => ({ status: 204 }) } },
    { method: 'DELETE', path: `${path}/{email}`, does: { kind: 'say', answer: notOnList } },
  ]
}

function notOnList(asked: Asked): Reply {
  return refused({ status: 404, code: 'not_found', detail: 'email does not exist', errors: [] }, asked)
}

function paging({ query }: Asked): Omit<SuppressionsWanted, 'reason'> {
  const number = (name: string, most = Number.MAX_SAFE_INTEGER) => {
    const text = query.get(name)
    if (text === null) return undefined
    if (!/^\d{1,15}$/.test(text) || Number(text) > most) {
      throw wrongField(name, `${name} is a number${most < 1000 ? ` of at most ${most}` : ''}`, 400)
    }
    return Number(text)
  }
  const since = number('start_time')
  const until = number('end_time')
  const email = query.get('email')
  return {
    limit: number('limit', 500) || 500,
    skip: number('offset') ?? 0,
    ...(since === undefined ? {} : { since: since * 1000 }),
    ...(until === undefined ? {} : { until: (until + 1) * 1000 }),
    ...(email === null ? {} : { email }),
  }
}

function ofOne(reason: SuppressionReason): (asked: Asked) => SuppressionsWanted {
  return (asked) => ({ reason, email: emailIn(asked), limit: 1 })
}

function emailIn({ params }: Asked): string {
  return params.email ?? ''
}

function emailsIn(asked: Asked): string[] {
  const { emails } = jsonBody(asked)
  if (Array.isArray(emails)) return emails.map(String)
  throw wrongField('emails', 'Name the emails that are to be deleted: a list is not deleted as a whole here.', 400)
}

/** In its words where apps look for them; ours go into `help` then. */
const words: Record<string, string> = {
  malformed: 'Bad Request',
  unauthorized: 'The provided authorization grant is invalid, expired, or revoked',
  scope: 'access forbidden',
  from_not_allowed:
    'The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.',
  not_found: 'not found',
  method: 'method not allowed',
  too_large: 'The payload is too large.',
  media_type: 'Content-Type should be application/json.',
  rate: 'too many requests',
}

function refused({ status, code, detail, errors, retryAfter }: Trouble, asked: Asked): Reply {
  const field = code === 'from_not_allowed' ? 'from' : null
  const said = words[code]
  const list =
    errors.length > 0
      ? errors.map(({ field, detail }) => complaint(field, detail))
      : [{ message: said ?? detail, field, help: said === undefined || said === detail ? null : detail }]
  // It tells no wait, but when the limit ends.
  const wait = retryAfter === undefined ? {} : { headers: waiting(retryAfter, asked.at) }
  return { status: status === 422 ? 400 : status, ...wait, body: { errors: list } }
}

function complaint(field: string, detail: string) {
  if (!field.endsWith('.email')) return { message: detail, field, help: null }
  const message = field.endsWith('from.email')
    ? 'The from email does not contain a valid address.'
    : 'Does not contain a valid address.'
  return { message, field, help: detail }
}

function waiting(seconds: number, now: number): Record<string, string> {
  return {
    'retry-after': String(seconds),
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(Math.ceil(now / 1000) + seconds),
  }
}
