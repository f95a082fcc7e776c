/**
 * What a dialect is: a vendor's API as we speak it to applications, as data and pure functions. Requests become messages as our own
 * API takes them, what becomes of those goes back in the vendor's words. Keys, limits, durability and idempotency happen elsewhere, once
 * for all (`src/accept/speaking.ts`).
 */
import type { MailEvent } from './event.ts'
import type { Header, Message, Recipient } from './message.ts'
import type { SuppressionReason } from './suppression.ts'

/** A request as it came: its coding undone, its key not yet looked at. */
export interface Asked {
  method: string
  /** Without the vendor's prefix and a slash at the end. */
  path: string
  /** What stands in the places of the route: `{id}`. */
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  body: Uint8Array
  /** The address under which we were called, without a path: for links that the client is to follow. */
  origin: string
  /** The whole address, prefix and query included, as the client called it. */
  url: string
  /** When it came, in milliseconds. */
  at: number
  /** The templates that the config has for this dialect, by the vendor's ids of them. */
  templates: Templates
}

export const templateLanguages = ['handlebars', 'mustache', 'jinja'] as const
export type TemplateLanguage = (typeof templateLanguages)[number]

/** What stands in for a template that a vendor keeps: its parts as they are written, and the language if it is not the vendor's own. */
export interface StoredTemplate {
  /** Who sends where a call does not say: a mailbox. */
  from?: string
  subject?: string
  html?: string
  text?: string
  language?: TemplateLanguage
}

export type TemplatePart = 'subject' | 'html' | 'text'

export type Templates = ReadonlyMap<string, StoredTemplate>

/** An answer in the vendor's words. */
export interface Reply {
  status: number
  headers?: Record<string, string>
  /** Sent as JSON, but for text, which is sent as it is. Undefined: no body. */
  body?: unknown
}

/** One message that a request asks for. */
export type Wanted = {
  /** The client's own name for this message, under which a second call is the first one again. */
  key?: string
  /** The vendor's name for a field of ours, for errors: `/to/0` is `personalizations.3.to.0.email`. Left out: our pointer without its slash. */
  field?: (pointer: string) => string
} & (
  | {
      /** As `POST /v1/messages` takes it; it is checked there. */
      json: Readonly<Record<string, unknown>>
      /** Who of those it names gets it: the others only stand in it. Left out: everyone. */
      to?: readonly string[]
    }
  | {
      /** RFC 5322, with its envelope; what is undefined is read from the headers. */
      raw: Uint8Array
      from?: string
      to?: string[]
      type?: string
      tags?: string[]
      metadata?: Record<string, string>
      sendAt?: number
    }
  | { refused: Trouble }
)

/** What a request to send asks for. */
export interface Sending {
  messages: Wanted[]
  /** One that is refused refuses all, and nothing is sent. */
  together?: boolean
  /** Everything is checked and nothing sent: the vendor's sandbox or test mode. */
  dry?: boolean
  /**
   * The vendor has one id for all of them, or for those of one number: theirs are then of one group (`groupOf`), and its first has
   * that id. Messages and numbers are no more than a group has.
   */
  grouped?: boolean | readonly number[]
  /** Names of what we took and do nothing with: told in `X-Waypost-Ignored` and the log. */
  ignored?: string[]
}

/** What became of one message, in the order in which they were wanted. */
export type Done =
  | { kind: 'taken'; id: string; replayed: boolean; recipients: { email: string; status: Recipient['status'] }[] }
  | { kind: 'refused'; trouble: Trouble }

/** Why something is not done, before it is put into the vendor's words. */
export interface Trouble {
  /** As our own API would answer: 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503, 507. */
  status: number
  /** Ours: `invalid_address`, `unauthorized`, `idempotency_reused`, … */
  code: string
  detail: string
  /** Wrong fields, by the vendor's names. */
  errors: { field: string; detail: string }[]
  /** Seconds until it is worth another try. */
  retryAfter?: number
}

/** A message and what became of it, for reading back. */
export interface Known {
  message: Message
  recipients: readonly Recipient[]
  /** The oldest first. */
  events: readonly MailEvent[]
}

/** What a route does. Functions that read throw `Untranslatable` for what cannot be said in our words. */
export type Does =
  | {
      kind: 'send'
      read(asked: Asked): Sending | Promise<Sending>
      /** Not called when all of a `together` were refused: that is `refused`. */
      answer(done: readonly Done[], asked: Asked, sending: Sending): Reply
    }
  /** Shows one message. `id`: ours, from the request; null when it is none. */
  | { kind: 'show'; id(asked: Asked): string | null; answer(known: Known, asked: Asked): Reply }
  /** Cancels what waits: one message, or all of its group. */
  | { kind: 'cancel'; grouped?: boolean; id(asked: Asked): string | null; answer(known: Known, asked: Asked): Reply }
  /** Moves what is scheduled to another time. */
  | {
      kind: 'reschedule'
      id(asked: Asked): string | null
      sendAt(asked: Asked): number
      answer(known: Known, asked: Asked): Reply
    }
  /** Lists events, a page at a time. */
  | {
      kind: 'events'
      read(asked: Asked): EventsWanted
      answer(found: { events: readonly (MailEvent & { message: Message })[]; next: string | null }, asked: Asked): Reply
    }
  /** Lifts suppressions: all that is said of an address, or what was said for this reason. */
  | {
      kind: 'unsuppress'
      email(asked: Asked): string | readonly string[]
      reason?: SuppressionReason
      answer(lifted: boolean, asked: Asked): Reply
    }
  /** Lists suppressions: of everyone or of one address, a page by its cursor or by how many come before it. */
  | {
      kind: 'suppressions'
      read(asked: Asked): SuppressionsWanted
      answer(
        found: { entries: readonly { email: string; reason: string; at: number }[]; next: string | null },
        asked: Asked,
      ): Reply
    }
  /** Says something fixed, to who has a key: an account, a quota, a pong. */
  | { kind: 'say'; answer(asked: Asked): Reply }

export interface EventsWanted {
  /** Only these types of ours; empty for all. */
  types: readonly MailEvent['type'][]
  since?: number
  until?: number
  recipient?: string
  tag?: string
  messageId?: string
  oldestFirst?: boolean
  /** Of those, only these: what is not looked for by the fields above. A page is then as short as it comes, but empty only at the end. */
  only?(event: MailEvent, message: Message): boolean
  limit: number
  cursor?: string
}

export interface SuppressionsWanted {
  reason?: SuppressionReason
  email?: string
  since?: number
  until?: number
  limit: number
  cursor?: string
  skip?: number
}

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As in `/v3/{domain}/messages`; the fixed ones of all dialects go before those with places. */
  path: string
  does: Does
}

export interface Dialect {
  /** Its prefix, and its name for keys and webhooks: the vendor's name as the adapters have it. */
  name: string
  routes: readonly Route[]
  /** Our key, from where this vendor's clients put theirs; null when there is none. */
  key(asked: Asked): string | null
  /** The key is in the body, which therefore has to be read to know whose it is. */
  keyInBody?: true
  /**
   * For vendors whose clients sign instead of showing a key: the name under which the key is known, and whether the signature is made
   * with the secret that belongs to it.
   */
  signed?: {
    name(asked: Asked): string | null
    verify(asked: Asked, secret: string): boolean | Promise<boolean>
  }
  /** How it tells webhooks what happened; absent where it does not. */
  tells?: {
    /**
     * It signs nothing: its calls are known by headers that the webhook's owner chose, credentials in the address (which leave it for
     * `Authorization`) among them. They are handed to `secret`.
     */
    unsigned?: true
    /**
     * A new secret for a webhook: what we sign with, and what its owner is shown, once, by the vendor's words for it
     * (`{publicKey: …}`).
     * @param own lower-case headers of its owner's choice; none but where `unsigned`
     */
    secret(own: Readonly<Record<string, string>>): NewSecret | Promise<NewSecret>
    /**
     * The call that tells an event, signed for this moment; null for what the vendor has no word for.
     * @param url the address that is called, for vendors that sign it too
     */
    call(
      event: MailEvent,
      message: Message,
      secret: string,
      now: number,
      url: string,
    ): Told | null | Promise<Told | null>
  }
  /**
   * Why a part of a template cannot be read in the vendor's language or another; null when it can. Absent where the vendor keeps no
   * templates, or ours do not stand in for them.
   */
  wrongTemplate?(source: string, part: TemplatePart, language: TemplateLanguage | undefined): string | null
  /** Any no, also for paths that are not there. */
  refused(trouble: Trouble, asked: Asked): Reply
}

/** What the headers of a mail ask for, in the words of vendors' relays. */
export interface SaidInHeaders {
  tags: string[]
  metadata: Record<string, string>
  type?: string
  sendAt?: number
  idempotencyKey?: string
  /** The headers, or parts of them, that ask for what is not done here. */
  undone: string[]
}

/** How vendors' relays are steered by headers. */
export interface HeaderWords {
  /** Whether a header (by its lower-case name) is one of theirs: it does not leave. */
  hides(name: string): boolean
  /** Never throws: what cannot be read is not done. @param now milliseconds */
  read(fields: readonly Header[], now: number): SaidInHeaders
}

export interface NewSecret {
  secret: string
  shown: Record<string, string>
}

/** The secret of a webhook whose vendor signs nothing: the headers of its owner's choice, and nothing to show. `ownHeaders` reads it. */
export function unsignedSecret(own: Readonly<Record<string, string>>): NewSecret {
  return { secret: JSON.stringify(own), shown: {} }
}

export function ownHeaders(secret: string): Record<string, string> {
  return JSON.parse(secret)
}

/** A webhook's call, but for its address. */
export interface Told {
  headers: Record<string, string>
  body: string
  /** Answers that mean, in this vendor's words: not taken, and not to be told again. */
  enough?: readonly number[]
}

/** What a request asks for cannot be said in our words: refused in the vendor's. */
export class Untranslatable extends Error {
  override name = 'Untranslatable'
  readonly trouble: Trouble

  constructor(trouble: Partial<Trouble> & { detail: string }) {
    super(trouble.detail)
    this.trouble = { status: 422, code: 'invalid', errors: [], ...trouble }
  }
}

/** A wrong field. */
export function wrongField(field: string, detail: string, status = 422): Untranslatable {
  return new Untranslatable({ status, detail, errors: [{ field, detail }] })
}

/** Our id as a UUID: the same 128 bits, so that nothing need be looked up. */
export function uuidOf(id: string): string {
  let bits = 0n
  for (const char of id.slice(4)) bits = bits * 32n + BigInt(alphabet.indexOf(char))
  const hex = bits.toString(16).padStart(32, '0').slice(-32)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** The id behind a UUID of `uuidOf`, with or without its dashes; null when it is none. */
export function idOfUuid(uuid: string): string | null {
  const hex = uuid.replaceAll('-', '').toLowerCase()
  if (!/^[0-9a-f]{32}$/.test(hex)) return null
  let bits = BigInt(`0x${hex}`)
  let text = ''
  for (let place = 0; place < 26; place++) {
    text = alphabet[Number(bits % 32n)] + text
    bits /= 32n
  }
  return `msg_${text}`
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** The key of `Authorization: Bearer …`. */
export function bearer({ headers }: Asked): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null
}

/** User and password of `Authorization: Basic …`. */
export function basic({ headers }: Asked): { user: string; password: string } | null {
  const coded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(headers.authorization ?? '')?.[1]
  if (coded === undefined) return null
  let text: string
  try {
    text = atob(coded)
  } catch {
    return null
  }
  const colon = text.indexOf(':')
  return colon === -1 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** The body as a JSON object. @throws Untranslatable 400 */
export function jsonBody({ body }: Asked): Record<string, unknown> {
  const value = jsonValue(body)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Untranslatable({ status: 400, code: 'malformed', detail: 'The body is not a JSON object.' })
}

/** The body as any JSON. @throws Untranslatable 400 */
export function jsonValue(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new Untranslatable({ status: 400, code: 'malformed', detail: 'The body is not JSON.' })
  }
}

/**
 * A list of objects, empty for none.
 * @param wrong what to throw for anything else
 */
export function objects(value: unknown, wrong: () => Error): Record<string, unknown>[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'object' && one !== null)) throw wrong()
  return value
}

/** Only the fields that are there: an object of JSON has none that is undefined. */
export function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
}

/** Whether it is a list of nothing: what PHP makes of an object without fields. */
export function nothing(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}
