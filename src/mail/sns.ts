/**
 * Topics that call back over HTTPS as Amazon SNS does: an envelope of JSON, signed with the key of a certificate that it names.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
 */
import type { Fetch } from './adapter.ts'
import { fromBase64 } from './signature.ts'
import { type HookAnswer, type HookCall, hookObjects, instant, object, text, UnreadableHook } from './webhook.ts'

/** Whom to believe. */
export interface Topics {
  /** Topics whose calls are taken; nobody else's, for anyone may own a topic. */
  arns: readonly string[]
  /** Whether the vendor's own certificates are at this address. */
  certificateAt(url: URL): boolean
  /** Whether the vendor itself confirms subscriptions at this address. */
  confirmedAt(url: URL): boolean
}

const signedFields: Record<string, readonly string[]> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
}

/** A call that failed is made again, under the time it was first made, for an hour at most. */
const longestRetry = 3_600_000

/** Whether one of these topics made this call. Asks for the certificate by `fetch`. */
export async function fromTopic(call: HookCall, topics: Topics, fetch: Fetch): Promise<boolean> {
  try {
    const envelope = envelopeOf(call)
    const { TopicArn, Timestamp, SigningCertURL, Signature, SignatureVersion } = envelope
    const fields = signedFields[text(envelope.Type) ?? '']
    if (!fields || !topics.arns.includes(text(TopicArn) ?? '')) return false
    const at = instant(Timestamp)
    if (at === null || Math.abs(call.at - at) > longestRetry) return false
    const url = addressIn(SigningCertURL)
    const hash = SignatureVersion === '1' ? 'SHA-1' : SignatureVersion === '2' ? 'SHA-256' : null
    const signature = fromBase64(text(Signature) ?? '')
    if (url === null || !topics.certificateAt(url) || hash === null || signature === null) return false
    const key = await keyAt(url, call.at, fetch)
    if (key === null) return false
    const signed = fields
      .filter((name) => typeof envelope[name] === 'string')
      .map((name) => `${name}\n${envelope[name]}\n`)
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash }
    const imported = await crypto.subtle.importKey('spki', key, algorithm, false, ['verify'])
    return await crypto.subtle.verify(algorithm, imported, signature, new TextEncoder().encode(signed.join('')))
  } catch {
    return false
  }
}

type Key = Promise<Uint8Array<ArrayBuffer> | null>

/** Keys by the address of their certificate, of each who asks: a thousand calls name one. Nothing is lost with them but a question. */
const kept = new WeakMap<Fetch, Map<string, { key: Key; at: number }>>()
const mostKeys = 20
const keyFor = 24 * 3_600_000

/** The key of the certificate at this address; one that could not be had is asked for again. */
function keyAt(url: URL, now: number, fetch: Fetch): Key {
  const keys = kept.get(fetch) ?? new Map<string, { key: Key; at: number }>()
  kept.set(fetch, keys)
  const known = keys.get(url.href)
  if (known && now - known.at < keyFor) return known.key
  const key = fetch(url).then(async (answer) => (answer.ok ? publicKeyOf(await answer.text()) : null))
  keys.set(url.href, { key, at: now })
  key.then(
    (found) => found ?? keys.delete(url.href),
    () => keys.delete(url.href),
  )
  if (keys.size > mostKeys) keys.delete(keys.keys().next().value!)
  return key
}

/** Answers what a genuine topic says of itself: its subscription is confirmed by visiting the address it gives. */
export async function topicAnswer(call: HookCall, topics: Topics, fetch: Fetch): Promise<HookAnswer | null> {
  const { Type, SubscribeURL } = envelopeOf(call)
  if (Type === 'UnsubscribeConfirmation') return { status: 200 }
  if (Type !== 'SubscriptionConfirmation') return null
  const url = addressIn(SubscribeURL)
  if (url === null || !topics.confirmedAt(url)) return { status: 400, body: 'This is no address to confirm at.' }
  const confirmed = await fetch(url).catch(() => null)
  return confirmed?.ok ? { status: 200 } : { status: 502, body: 'The subscription could not be confirmed.' }
}

/** What a topic's call brought: its id, and the JSON object within; null when it brought none (words about the topic itself). */
export function topicMessage(call: HookCall): { id: string | null; message: Record<string, unknown> | null } {
  const { Message, MessageId } = envelopeOf(call)
  try {
    return { id: text(MessageId), message: object(JSON.parse(String(Message))) }
  } catch {
    return { id: text(MessageId), message: null }
  }
}

function envelopeOf(call: HookCall): Record<string, unknown> {
  const [envelope, ...more] = hookObjects(call)
  if (envelope === undefined || more.length > 0) throw new UnreadableHook('not the call of a topic')
  return envelope
}

/** An address with nothing in it that could make it mean another host. */
function addressIn(value: unknown): URL | null {
  const url = URL.parse(text(value) ?? '')
  const plain = url?.protocol === 'https:' && url.username === '' && url.password === '' && url.port === ''
  return plain ? url : null
}

/**
 * The public key (SubjectPublicKeyInfo) in an X.509 certificate, by RFC 5280 section 4.1; null when the text is none. The
 * certificate itself is not judged: that it came over HTTPS from the vendor's own host is what makes it the vendor's.
 */
function publicKeyOf(pem: string): Uint8Array<ArrayBuffer> | null {
  const body = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem)?.[1]
  const bytes = fromBase64((body ?? '').replace(/\s/g, ''))
  if (!bytes?.length) return null
  const tbs = elements(bytes, elements(bytes, { from: 0, to: bytes.length })[0])[0]
  // version [0] (left out for version 1), serial, signature, issuer, validity, subject, key
  const fields = elements(bytes, tbs)
  const key = fields[fields[0] !== undefined && bytes[fields[0].start] === 0xa0 ? 6 : 5]
  return key ? bytes.slice(key.start, key.to) : null
}

/** One element of DER: where it starts, and where its content is. */
interface Element {
  start: number
  from: number
  to: number
}

/** The elements within an element. */
function elements(bytes: Uint8Array, within: { from: number; to: number } | undefined): Element[] {
  const found: Element[] = []
  for (let start = within?.from ?? 0; start < (within?.to ?? 0); ) {
    const first = bytes[start + 1] ?? 0
    const octets = first < 0x80 ? 0 : first & 0x7f
    let length = octets === 0 ? first : 0
    for (let at = 0; at < octets; at++) length = length * 256 + (bytes[start + 2 + at] ?? 0)
    const from = start + 2 + octets
    const to = from + length
    if (octets > 3 || to > within!.to) return []
    found.push({ start, from, to })
    start = to
  }
  return found
}
