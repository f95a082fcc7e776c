/** What vendors tell us later about mail they took: one vocabulary of events, and what an adapter says about calls that bring them. */
import type { Fetch } from './adapter.ts'
import type { Bounce } from './bounce.ts'
import type { EventType } from './event.ts'

/** A call to `/hooks/{provider}`, as it came. */
export interface HookCall {
  method: 'POST' | 'GET' | 'HEAD' | 'OPTIONS'
  /** The address that was called, for vendors that sign it. */
  url: string
  query: URLSearchParams
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  /** The raw bytes: what signatures are over. */
  body: Uint8Array
  /** When it came, in milliseconds: how old a signed time may be is measured from here. */
  at: number
}

/** What a vendor can tell of. `accepted`: it has the mail. `rejected`: it took it and then would not send it. */
export type ProviderEventType = Extract<
  EventType,
  | 'accepted'
  | 'deferred'
  | 'delivered'
  | 'bounced'
  | 'rejected'
  | 'suppressed'
  | 'complained'
  | 'opened'
  | 'clicked'
  | 'unsubscribed'
>

export interface ProviderEvent {
  type: ProviderEventType
  /** When it happened by the vendor's clock, in milliseconds; null where it does not say. */
  at: number | null
  /** The address as the vendor spells it; null where it names none, which then means everyone of that call. */
  recipient: string | null
  /** Our own message id, where it came back with the event. */
  messageId: string | null
  /** The vendor's id, spelled as `accepted` gave it. */
  providerMessageId: string | null
  /** What makes it one of a kind at this vendor: the same however often it is told, and of no other event. */
  key: string
  /** Why it bounced. Only `hard` ever suppresses anybody. */
  bounce?: Bounce
  /** One line for people: a reply, a reason, a link. Hostile text. */
  detail: string | null
}

/** What a vendor wants to hear on a call that brings no events: a handshake. */
export interface HookAnswer {
  status: number
  headers?: Record<string, string>
  body?: string
}

export interface Webhook<Options> {
  /** Every type of event it can tell of. */
  tells: readonly ProviderEventType[]
  /** Options that must be set before a call can be checked; without them every call is refused. */
  secrets: readonly string[]
  /** What the vendor's setup page must be told beside the address, in one sentence; the address bears the secret where there is no signature. */
  setup: string
  /** The secret stands in the address, as `?secret=…`, for the vendor signs nothing. */
  inAddress?: boolean
  /** Whether the vendor made this call. May ask for a certificate by `fetch`. Never throws for what came. */
  verify(call: HookCall, options: Options, fetch: Fetch): boolean | Promise<boolean>
  /**
   * The events of a genuine call, in their order; those that say nothing of one mail are left out.
   * @throws UnreadableHook when it is not what this vendor sends
   */
  read(call: HookCall, options: Options): ProviderEvent[]
  /** A genuine call that is a handshake is answered here, and read no further. */
  answer?(call: HookCall, options: Options, fetch: Fetch): HookAnswer | null | Promise<HookAnswer | null>
}

/** A call that was genuine, and cannot be understood. */
export class UnreadableHook extends Error {
  override name = 'UnreadableHook'
}

/** The body as text. @throws UnreadableHook when it is not UTF-8 */
export function hookText({ body }: Pick<HookCall, 'body'>): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new UnreadableHook('the body is not UTF-8')
  }
}

/** The objects of a JSON body: itself when it is one, its entries when it is a list. @throws UnreadableHook */
export function hookObjects(call: Pick<HookCall, 'body'>): Record<string, unknown>[] {
  let value: unknown
  try {
    value = JSON.parse(hookText(call))
  } catch (error) {
    throw error instanceof UnreadableHook ? error : new UnreadableHook('the body is not JSON')
  }
  const entries = Array.isArray(value) ? value : [value]
  return entries.map((entry) => {
    const found = object(entry)
    if (found === null) throw new UnreadableHook('the body is not a JSON object, nor a list of them')
    return found
  })
}

/** A JSON value as an object; null when it is something else. */
export function object(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

/** A text that is not empty, or a number as text; null for anything else. */
export function text(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null
}

/** Several texts in one line, those that are missing left out; null when all are. */
export function line(...values: unknown[]): string | null {
  const found = values.map(text).filter((value) => value !== null)
  return found.length === 0 ? null : [...new Set(found)].join(' ')
}

/**
 * A time in milliseconds: from ISO 8601 with any number of fraction digits, or unix time in seconds or milliseconds, as a number
 * or a text. Null when it is none.
 */
export function instant(value: unknown): number | null {
  const given = text(value)
  if (given === null) return null
  if (/^\d+(\.\d+)?$/.test(given)) {
    const number = Number(given)
    // 1e11 seconds is the year 5138; as milliseconds it is 1973.
    const milliseconds = Math.round(number < 1e11 ? number * 1000 : number)
    return milliseconds <= 8.64e15 ? milliseconds : null
  }
  const at = Date.parse(given)
  return Number.isNaN(at) ? null : at
}

/** A time that means UTC whether it says so or not: `2026-11-25 12:00:00`, `11/25/2026 12:00:00 PM`. */
export function utc(value: unknown): number | null {
  const given = text(value)
  if (given === null || /^[\d.]+$|(z|utc|gmt|[+-]\d\d:?\d\d)$/i.test(given)) return instant(given)
  return instant(given + (/\dT\d/.test(given) ? 'Z' : ' UTC'))
}

/** An id without the angle brackets that some vendors put around it, some of the time. */
export function bareId(value: unknown): string | null {
  return text(value)?.replace(/^<|>$/g, '') ?? null
}

/** Our own message id, when the value is one. */
export function ourId(value: unknown): string | null {
  const given = text(value)
  return given !== null && /^msg_[0-9a-z]{1,60}$/.test(given) ? given : null
}

/** Our own message id among the tags of a mail. */
export function ourIdAmong(tags: unknown): string | null {
  const all: unknown[] = Array.isArray(tags) ? tags : []
  return all.map(ourId).find((id) => id !== null) ?? null
}

/** Our own message id in a Message-ID that we gave (`<msg_…@example.com>`), for vendors that bring back nothing else. */
export function ourIdIn(messageIdHeader: unknown): string | null {
  return ourId(bareId(messageIdHeader)?.split('@')[0])
}

/** A key from what makes an event one of a kind, for vendors that number none. No longer than a key may be. */
export function keyOf(...values: unknown[]): string {
  return values
    .map((value) => text(value) ?? '')
    .join('|')
    .slice(0, 500)
}
