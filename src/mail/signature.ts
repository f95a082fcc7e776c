/** Checking who made a call: signatures by the platform's own cryptography, compared in constant time. */
import type { HookCall } from './webhook.ts'

type Hash = 'SHA-1' | 'SHA-256' | 'SHA-512'

const utf8 = new TextEncoder()

function bytesOf(data: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof data === 'string' ? utf8.encode(data) : new Uint8Array(data)
}

/** Bytes one after another. */
export function joined(...parts: (string | Uint8Array)[]): Uint8Array {
  const all = parts.map(bytesOf)
  const whole = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of all) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** HMAC (RFC 2104). An empty secret signs nothing: it throws. */
export async function hmac(hash: Hash, secret: string | Uint8Array, data: string | Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'HMAC', hash }
  const key = await crypto.subtle.importKey('raw', bytesOf(secret), algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, bytesOf(data)))
}

/** A digest of the data. */
export async function digest(hash: Hash, data: string | Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest(hash, bytesOf(data)))
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function base64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** The bytes of a base64 text, with or without padding; null when it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text.trim()), (char) => char.charCodeAt(0))
  } catch {
    return null
  }
}

/** Whether a signature of RSA (PKCS #1 v1.5) is over the data. @param key SubjectPublicKeyInfo, as in PEM or a DKIM record */
export async function signedByRsa(
  hash: Hash,
  key: Uint8Array,
  signature: Uint8Array,
  data: Uint8Array,
): Promise<boolean> {
  return signedBy('spki', key, { name: 'RSASSA-PKCS1-v1_5', hash }, signature, data)
}

/** Whether a signature of Ed25519 is over the data. @param key its 32 bytes */
export async function signedByEd25519(key: Uint8Array, signature: Uint8Array, data: Uint8Array): Promise<boolean> {
  return signedBy('raw', key, { name: 'Ed25519' }, signature, data)
}

/** A key that is none signs nothing. */
async function signedBy(
  format: 'raw' | 'spki',
  key: Uint8Array,
  algorithm: { name: string; hash?: Hash },
  signature: Uint8Array,
  data: Uint8Array,
): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey(format, bytesOf(key), algorithm, false, ['verify'])
    return await crypto.subtle.verify(algorithm.name, imported, bytesOf(signature), bytesOf(data))
  } catch {
    return false
  }
}

/** Whether two texts are the same, in a time that does not tell where they differ. */
export function same(a: string, b: string): boolean {
  const [left, right] = [utf8.encode(a), utf8.encode(b)]
  let differ = left.length ^ right.length
  for (let at = 0; at < left.length; at++) differ |= left[at]! ^ (right[at % Math.max(1, right.length)] ?? 0)
  return differ === 0
}

/** Whether the address that was called bears the secret: `?secret=…`, for vendors that sign nothing. */
export function secretInAddress(call: Pick<HookCall, 'query'>, secret: string | undefined): boolean {
  return secret !== undefined && secret !== '' && same(call.query.get('secret') ?? '', secret)
}

/** What a webhook says of a vendor that signs nothing: the secret in the address is all that proves a call. */
export const bySecretInAddress = {
  secrets: ['webhookSecret'],
  inAddress: true,
  verify: (call: Pick<HookCall, 'query'>, { webhookSecret }: { webhookSecret?: string | undefined }) =>
    secretInAddress(call, webhookSecret),
} as const

/** Whether the call bears these Basic credentials (RFC 7617). */
export function basicCredentials(call: Pick<HookCall, 'headers'>, user = '', password = ''): boolean {
  const expected = `Basic ${base64(utf8.encode(`${user}:${password}`))}`
  return password !== '' && same(call.headers.authorization ?? '', expected)
}

/** How far a signed time may lie from ours, in milliseconds: a call that was listened to is not to be played again for long. */
const tolerance = 5 * 60_000

/**
 * Whether a unix time in seconds, as text, is close enough to when the call came.
 * @param late milliseconds by which it may come late, for vendors that may not sign a repeated call anew; what was told before is
 *   known by its key, so that playing such a call again tells nothing
 */
export function timely(seconds: string | undefined, at: number, late = tolerance): boolean {
  const age = at - Number(seconds) * 1000
  return /^\d{1,12}$/.test(seconds ?? '') && age <= late && age >= -tolerance
}

/**
 * A signature as Standard Webhooks define it (https://www.standardwebhooks.com), under `webhook-` or Svix's own `svix-` headers.
 * @param key its bytes; for `whsec_…` secrets, what `standardSecret` gives
 */
export async function standardWebhook(call: HookCall, key: Uint8Array | null): Promise<boolean> {
  const header = (name: string) => call.headers[`webhook-${name}`] ?? call.headers[`svix-${name}`]
  const [id, time, signatures] = [header('id'), header('timestamp'), header('signature')]
  if (!key?.length || !id || !signatures || !timely(time, call.at)) return false
  const expected = `v1,${base64(await hmac('SHA-256', key, joined(`${id}.${time}.`, call.body)))}`
  return signatures.split(' ').filter((given) => same(given, expected)).length > 0
}

/** The key in a `whsec_…` secret. */
export function standardSecret(secret: string): Uint8Array | null {
  return fromBase64(secret.replace(/^whsec_/, ''))
}

/**
 * Whether an ECDSA signature (P-256 with SHA-256) is over the data.
 * @param key the public key as SPKI, its DER in base64, with or without PEM's lines around it
 * @param signature DER in base64
 */
export async function ecdsa(key: string, signature: string, data: Uint8Array): Promise<boolean> {
  const spki = fromBase64(key.replace(/-----[^-]*-----|\s+/g, ''))
  const pair = fixedLength(fromBase64(signature))
  if (spki === null || pair === null) return false
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  try {
    const imported = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify'])
    return await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, imported, pair, bytesOf(data))
  } catch {
    return false
  }
}

/** The two numbers of a DER signature, each as 32 bytes, which is how the platform takes them; null when it is none. */
function fixedLength(der: Uint8Array | null): Uint8Array<ArrayBuffer> | null {
  if (der === null || der[0] !== 0x30 || der[1] !== der.length - 2) return null
  const pair = new Uint8Array(64)
  let at = 2
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0
    const number = der.subarray(at + 2, at + 2 + length)
    // A number whose first bit is set has a zero byte in front.
    const bare = number[0] === 0 ? number.subarray(1) : number
    if (der[at] !== 2 || number.length !== length || bare.length > 32) return null
    pair.set(bare, end - bare.length)
    at += 2 + length
  }
  return at === der.length ? pair : null
}
