/**
 * Every way in which we say no at our door: what HTTP and SMTP both say, by code, with HTTP status and title, reply and enhanced
 * status (RFC 3463); and what only SMTP says. `src/accept/README.md` lists them, and a test holds the two equal.
 */
import { StoreFull, StoreUnavailable } from '../store/store.ts'

interface Entry {
  http: number
  title: string
  smtp: string
}

export const refusals = {
  malformed: { http: 400, title: 'The request cannot be read', smtp: '501 5.5.2' },
  unauthorized: { http: 401, title: 'No key, or not one of ours', smtp: '535 5.7.8' },
  scope: { http: 403, title: 'This key may not do that', smtp: '550 5.7.1' },
  from_not_allowed: { http: 403, title: 'This key may not send from that domain', smtp: '550 5.7.1' },
  not_found: { http: 404, title: 'There is no such thing', smtp: '550 5.1.1' },
  method: { http: 405, title: 'That method is not for this path', smtp: '502 5.5.1' },
  in_flight: { http: 409, title: 'The first request with this Idempotency-Key is still under way', smtp: '451 4.3.0' },
  too_late: { http: 409, title: 'The message is past that', smtp: '550 5.5.0' },
  too_large: { http: 413, title: 'The message is too large', smtp: '552 5.3.4' },
  media_type: { http: 415, title: 'That content type is not taken here', smtp: '555 5.5.4' },
  misdirected: { http: 421, title: 'Without keys the gateway is for this machine alone', smtp: '550 5.7.1' },
  invalid: { http: 422, title: 'A field is wrong', smtp: '501 5.5.4' },
  invalid_address: { http: 422, title: 'An address is wrong', smtp: '501 5.1.3' },
  invalid_content: { http: 422, title: 'The message is not well formed', smtp: '554 5.6.0' },
  mail_loop: { http: 422, title: 'The message goes round in circles', smtp: '554 5.4.6' },
  too_many_recipients: { http: 422, title: 'Too many recipients', smtp: '452 4.5.3' },
  idempotency_reused: { http: 422, title: 'This Idempotency-Key was used with another message', smtp: '550 5.5.0' },
  rate: { http: 429, title: 'Too many requests', smtp: '421 4.7.0' },
  unavailable: { http: 503, title: 'We cannot take mail just now', smtp: '451 4.3.0' },
  stopping: { http: 503, title: 'We are stopping', smtp: '421 4.3.2' },
  full: { http: 507, title: 'We have no room for mail just now', smtp: '452 4.3.1' },
} as const satisfies Record<string, Entry>

/** What only SMTP says, or means by a reply that refusals have too. */
export const replies = {
  '421 4.4.2': 'Too slow; the connection is closed',
  '421 4.7.0': 'Too many connections, errors, wrong keys or commands without mail; a web page; keys that have changed',
  '500 5.5.2': 'The line is no command, does not end with CRLF, or begins a TLS handshake',
  '500 5.5.6': 'The line is too long',
  '501 5.1.7': 'The address of MAIL is wrong',
  '501 5.5.4': 'An argument or a parameter is wrong',
  '502 5.5.1': 'That command is not offered here',
  '503 5.5.1': 'Not within a mail transaction',
  '521 5.5.2': 'Lines again do not end with CRLF; the connection is closed',
  '530 5.7.0': 'Log in first',
  '538 5.7.11': 'Say STARTTLS first: a key is a secret',
  '550 5.1.2': 'A recipient at an IP address',
  '550 5.6.7': 'An address beyond ASCII, without SMTPUTF8',
  '550 5.7.1': 'XCLIENT and XFORWARD: you may not speak for others',
  '553 5.1.3': 'A source route',
  '554 5.5.1': 'The message came before our reply to DATA; the connection is closed',
  '555 5.5.4': 'That parameter, or that value of it, is not known here',
} as const

/** Reply code and enhanced status; there are no others. */
export type ReplyStatus = keyof typeof replies | (typeof refusals)[RefusalCode]['smtp']

export type RefusalCode = keyof typeof refusals

/** A no at our door: thrown by what takes mail in, and answered by the listener it came through. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly code: RefusalCode
  /** What is wrong, field by field, by JSON pointer (RFC 6901): `/to/0`. */
  readonly errors: { pointer: string; detail: string }[]
  /** Seconds until it is worth another try. */
  readonly retryAfter: number | undefined

  constructor(
    code: RefusalCode,
    detail: string,
    more: { errors?: { pointer: string; detail: string }[]; retryAfter?: number } = {},
  ) {
    super(detail)
    this.code = code
    this.errors = more.errors ?? []
    this.retryAfter = more.retryAfter
  }
}

/** The refusal behind what was thrown; null when it was none, and so a bug. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error
  if (error instanceof StoreFull)
    return new Refusal('full', 'There is no room for more mail just now. Try again later.')
  if (error instanceof StoreUnavailable)
    return new Refusal('unavailable', 'The store does not answer. Try again later.')
  return null
}
