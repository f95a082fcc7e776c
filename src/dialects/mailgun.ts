/**
 * Mailgun: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages. Forms in, one Message-ID out: the same
 * for every copy of a batch. The domain in the path is taken as it is; from where a key may send is said by the key. Templates
 * are those of the config; optimised times and archives are refused; so is `o:require-tls`, which nobody here can promise.
 */

import { type Asked, basic, type Dialect, type Done, type Reply, type Trouble, type Wanted } from '../mail/dialect.ts'
import { headerValue } from '../mail/headers.ts'
import { eventsPage, eventsWanted, lifted, listed, listReason, listWanted, tells } from './mailgun-events.ts'
import { shownId } from './mailgun-form.ts'
import { readMessages } from './mailgun-messages.ts'
import { fieldsOf, readMime } from './mailgun-mime.ts'
import { checking, languages } from './stored.ts'

const lists = '/v3/{domain}'

export default {
  name: 'mailgun',
  key: (asked) => basic(asked)?.password || null,
  routes: [
    { method: 'POST', path: '/v3/{domain}/messages', does: { kind: 'send', read: readMessages, answer: queued } },
    { method: 'POST', path: '/v3/{domain}/messages.mime', does: { kind: 'send', read: readMime, answer: queued } },
    { method: 'GET', path: '/v3/{domain}/events', does: { kind: 'events', read: eventsWanted, answer: eventsPage } },
    {
      method: 'GET',
      path: '/v3/{domain}/events/{page}',
      does: { kind: 'events', read: eventsWanted, answer: eventsPage },
    },
    ...(['bounces', 'complaints', 'unsubscribes'] as const).flatMap((list): Dialect['routes'] => [
      {
        method: 'GET',
        path: `${lists}/${list}`,
        does: { kind: 'suppressions', read: listWanted(list), answer: listed(list) },
      },
      {
        method: 'DELETE',
        path: `${lists}/${list}/{address}`,
        does: {
          kind: 'unsuppress',
          email: ({ params }) => params.address ?? '',
          reason: listReason[list],
          answer: lifted(list),
        },
      },
    ]),
  ],
  tells,
  wrongTemplate: checking(languages.handlebars.check),
  refused,
} satisfies Dialect

/** One id, however many copies were made. */
function queued(_: readonly Done[], __: Asked, { messages: [first] }: { messages: Wanted[] }): Reply {
  return { status: 200, body: { id: `<${shownId(messageIdOf(first!))}>`, message: 'Queued. Thank you.' } }
}

function messageIdOf(wanted: Wanted): string {
  if ('raw' in wanted) return headerValue(fieldsOf(wanted.raw), 'message-id') ?? ''
  return 'json' in wanted ? (wanted.json.headers as Record<string, string>)['Message-ID']! : ''
}

function refused(trouble: Trouble, asked: Asked): Reply {
  const { code, status, detail, retryAfter } = trouble
  if (code === 'unauthorized') {
    // The one answer there that is plain text.
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'www-authenticate': 'Basic realm="MG API"' }
    return { status: 401, headers, body: 'Forbidden' }
  }
  const domain = asked.params.domain ?? ''
  const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
  const said = (status: number, message: string): Reply => ({ status, headers, body: { message } })
  if (code === 'from_not_allowed') return said(400, `Domain ${domain} is not allowed to send: ${detail}`)
  if (code === 'rate') {
    const wait = `rate limit exceeded, try again after ${retryAfter ?? 1} seconds`
    return said(429, `Domain ${domain} is not allowed to send: ${wait}`)
  }
  return said(status === 422 || status === 415 ? 400 : status, message(trouble))
}

const addresses = new Set(['from', 'to', 'cc', 'bcc'])

function message({ detail, errors: [first] }: Trouble): string {
  if (first === undefined) return detail
  const [name = ''] = first.field.split('.')
  if (/^[\w-]+ parameter /.test(first.detail)) return first.detail
  if (!addresses.has(name)) return `${first.field}: ${first.detail}`
  return `${name} parameter is not a valid address. please check documentation. ${first.detail}`
}
