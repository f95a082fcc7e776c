/**
 * What an adapter is: everything Waypost knows about one vendor, as data and functions without I/O of their own (the three
 * vendors with an official SDK included: it sends through our carrier). Retrying, deadlines, failover and recording happen elsewhere, once.
 */
import type { ZodType } from 'zod'
import type { Fetch } from './fetch.ts'
import type { Form, Message, Parts, Recipient } from './message.ts'
import type { Outcome, Outcomes } from './outcome.ts'
import type { SuppressionReason } from './suppression.ts'
import type { Webhook } from './webhook.ts'

/** What one attempt hands to an adapter. */
export interface Handoff {
  /** With as many of its tags as the adapter carries (`withTags`). */
  message: Message
  /** Those of the message's recipients that travel in this call; never empty, at most `features.maxRecipients`. */
  recipients: Recipient[]
  /** In the form the adapter takes: as it came when the adapter takes that form, converted otherwise. */
  content: Content
  /** Constant over every attempt of the same recipients at the same provider; another provider gets another one. */
  idempotencyKey: string
  /** Aborted when the provider's `timeout` is over or the process must stop. */
  signal: AbortSignal
  /** Milliseconds for the whole call, for libraries that want a number instead of a signal. */
  timeout: number
}

export type Content =
  | { form: 'raw'; size: number; bytes: () => Promise<Uint8Array>; stream: () => AsyncIterable<Uint8Array> }
  | { form: 'parts'; parts: Parts }

export interface Features {
  /** Forms it takes, the preferred one first. A message in one of these travels as it came. */
  forms: readonly Form[]
  /** Largest message in bytes, measured as the vendor measures. */
  maxBytes: number
  /** Recipients of one call, to, cc and bcc together. */
  maxRecipients: number
  /** False where nobody can be shown as Cc: a message with one then goes elsewhere. */
  cc?: false
  /** How many addresses Reply-To may have, where that is not any number. */
  maxReplyTo?: number
  attachments: boolean
  inline: boolean
  /** Lower-case names of custom headers that the vendor refuses or rewrites, or a pattern over the lower-case name. */
  headersRefused: readonly (string | RegExp)[]
  /** How many of a message's tags it carries; more are left out, and the plan says so. */
  maxTags: number
  /** Whether it carries the message's metadata, besides our own id. */
  metadata: boolean
  /** Whom the vendor delivers to; by form for a vendor whose raw way differs (ask `addressingFor`). */
  addressing: Addressing | Readonly<Record<Form, Addressing>>
  /** Whether MAIL FROM travels: as we say, only its domain counts, or the vendor's own. */
  returnPath: 'any' | 'domain' | 'fixed'
  /** Addresses beyond ASCII (RFC 6531). */
  smtpUtf8: boolean
  /** The vendor honours `idempotencyKey`; null when a second call would be a second mail. */
  idempotency: Idempotency | null
}

/** How a vendor knows a call that is made again. */
interface Idempotency {
  /** Where the key stands: `Idempotency-Key` for a header of that name. */
  by: string
  /** For how many milliseconds it is remembered. */
  window: number
  /** What a second call with the same key and body is answered. */
  replay: string
}

/**
 * `envelope`: to the recipients we name, whatever the headers say. `headers`: to everyone in its to, cc and bcc fields, so that a
 * call for some recipients shows only those.
 */
type Addressing = 'envelope' | 'headers'

/** A vendor called over HTTP: two pure functions. The carrier does the rest (`src/send/http.ts`). */
export interface HttpExchange<Options> {
  kind: 'http'
  request(handoff: Handoff, options: Options): HttpRequest | Promise<HttpRequest>
  /** Reads an answer that came whole. The carrier itself judges what never came or was cut off. */
  outcomes(handoff: Handoff, answer: HttpAnswer, options: Options): Outcomes
}

export interface HttpRequest {
  method: 'POST' | 'PUT'
  url: string
  headers: Record<string, string>
  body: string | Uint8Array
}

export interface HttpAnswer {
  status: number
  /** Lower-case names. */
  headers: Record<string, string>
  /** At most 1 MiB of text. */
  body: string
}

/**
 * A vendor called through its own SDK, which builds the request and sends it with the `fetch` it is handed: the carrier's, so
 * that deadline, redirects, size and what became of the bytes are judged once for all. What the SDK then answers or throws is
 * not looked at (SDKs drop headers, and call a reset a 400); `outcomes` reads the vendor's own answer, as for HTTP.
 */
export interface SdkCall<Options> {
  kind: 'sdk'
  call(handoff: Handoff, options: Options, fetch: Fetch): Promise<unknown>
  outcomes(handoff: Handoff, answer: HttpAnswer, options: Options): Outcomes
}

/** Thrown by `call` when it could not come to sending (a token that was refused): the outcome for everyone, which is never *unknown*. */
export class NotSent extends Error {
  override name = 'NotSent'
  readonly outcome: Exclude<Outcome, { kind: 'accepted' | 'delivered' | 'unknown' }>

  constructor(outcome: NotSent['outcome']) {
    super(outcome.diagnostic.reason)
    this.outcome = outcome
  }
}

/** A relay spoken to in SMTP; the carrier is `src/send/smtp.ts`. */
interface SmtpTarget<Options> {
  kind: 'smtp'
  target(options: Options): SmtpRelay
}

export interface SmtpRelay {
  host: string
  port: number
  /** `implicit`: TLS from the first byte. `required`, `opportunistic`: STARTTLS must, or may, be offered. `none`: never. */
  tls: 'implicit' | 'required' | 'opportunistic' | 'none'
  /** False accepts any certificate; only for closed networks. */
  verify: boolean
  user?: string
  pass?: string
  /** The name for EHLO. */
  hostname?: string
  /** Connections kept open at most. */
  connections: number
  /** Headers to add for this relay, for vendors that take options in headers. */
  headers?: (handoff: Handoff) => readonly (readonly [string, string])[]
}

/** Straight to the recipient's own MX; the carrier is `src/send/mx.ts`. */
interface MxDelivery<Options> {
  kind: 'mx'
  mx(options: Options): MxSettings
}

export interface MxSettings {
  hostname: string
  port: number
  /** DNS servers as `ip` or `ip:port`; empty for the system's. */
  resolver: string[]
  /** Lets MX hosts be private or loopback addresses: tests and closed networks only. */
  allowPrivate: boolean
  tls: 'required' | 'opportunistic'
  /** Connections to one MX host at once. */
  connectionsPerHost: number
  dkim: readonly DkimKey[]
}

export interface DkimKey {
  domain: string
  selector: string
  /** PEM, PKCS#8 or PKCS#1; RSA or Ed25519. */
  privateKey: string
}

/** Keeps the mail in the gateway, for development: nothing leaves. */
export interface KeepHere {
  kind: 'keep'
}

type Send<Options> = HttpExchange<Options> | SdkCall<Options> | SmtpTarget<Options> | MxDelivery<Options> | KeepHere

export interface Adapter<Options = unknown> {
  /** As in the config: `postmark`. */
  name: string
  /** One line for `waypost providers` and the docs. */
  title: string
  /** Validates the provider's own settings; also the source of their JSON Schema and docs (give every field a description). */
  options: ZodType<Options>
  features: Features
  send: Send<Options>
  /**
   * Asks the vendor what became of an unknown: an outcome for every recipient, or `absent` when it answered and knows nothing of
   * our message (which means not taken only once its index has had time). May throw: that is a question without an answer. A
   * vendor that has no such question leaves this out.
   */
  reconcile?(handoff: Omit<Handoff, 'content'>, options: Options, fetch: Fetch): Promise<Outcomes | 'absent'>
  /** The vendor's calls that tell us what became of mail. */
  webhook?: Webhook<Options>
  /** Every address on the vendor's own suppression lists. Throws with words for people when the vendor does not give them. */
  suppressions?(options: Options, fetch: Fetch): AsyncIterable<VendorSuppression>
  /** The same vendor by SMTP, where the config says `via: smtp`. */
  // biome-ignore lint/suspicious/noExplicitAny: it has options of its own
  smtp?: Adapter<any>
}

/** An address that a vendor mails no more. */
export interface VendorSuppression {
  email: string
  reason: SuppressionReason
  /** Null where the vendor does not say since when. */
  at: number | null
}

/** Adapters by name; each is loaded when it is asked for. */
export type Adapters = ReadonlyMap<string, () => Promise<Adapter>>

/** What a way out can do that hands mail on as it is. Tags and metadata stay in the gateway. */
export const asItIs = {
  maxBytes: 50 * 1024 * 1024,
  attachments: true,
  inline: true,
  headersRefused: [],
  maxTags: Number.POSITIVE_INFINITY,
  metadata: true,
  addressing: 'envelope',
  returnPath: 'any',
  smtpUtf8: true,
  idempotency: null,
} as const satisfies Partial<Features>

/** Keeps an adapter's option type while checking its shape; use it as `export default adapter({...})`. */
export function adapter<Options>(definition: Adapter<Options>): Adapter<Options> {
  return definition
}

/** The form in which `message` would reach an adapter: as it came when that is taken, else the adapter's first. */
export function formFor(message: Pick<Message, 'form'>, features: Pick<Features, 'forms'>): Form {
  return features.forms.includes(message.form) ? message.form : features.forms[0]!
}

/** The message with no more tags than an adapter carries: the first ones. */
export function withTags(message: Message, { maxTags }: Pick<Features, 'maxTags'>): Message {
  return message.tags.length > maxTags ? { ...message, tags: message.tags.slice(0, maxTags) } : message
}

/** Whom a vendor delivers a message of this form to. */
function addressingFor(features: Pick<Features, 'addressing'>, form: Form): Addressing {
  return typeof features.addressing === 'string' ? features.addressing : features.addressing[form]
}

/**
 * Whether a call would show bcc recipients to one another: none of those it is for is visible, and this vendor mails everyone in its
 * headers. They then travel alone.
 */
export function exposes(
  features: Features,
  message: Message,
  recipients: readonly Pick<Recipient, 'index'>[],
): boolean {
  const byHeaders = addressingFor(features, formFor(message, features)) === 'headers'
  return byHeaders && recipients.every(({ index }) => message.hidden.includes(index))
}
