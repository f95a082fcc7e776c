/** DKIM signatures (RFC 6376, RFC 8463). By mailauth: nodemailer sends unsigned, and says nothing, when the key is Ed25519. */
import { Readable } from 'node:stream'
import type { DkimKey } from '../mail/adapter.ts'

/** A key that was to sign could not. */
export class DkimError extends Error {
  override name = 'DkimError'
}

/** The keys that may sign for a From domain: those of the domain itself and of its parents. */
export function keysFor(keys: readonly DkimKey[], fromDomain: string): DkimKey[] {
  return keys.filter(({ domain }) => fromDomain === domain || fromDomain.endsWith(`.${domain}`))
}

/**
 * The `DKIM-Signature` fields to put in front of `content`, one for each key, each ended by CRLF; the content stays as it is.
 * Relaxed/relaxed, SHA-256; signs every header that says something to people or steers how the mail is read.
 * @throws DkimError when one of the keys did not sign: mail must not leave half signed
 */
export async function signatures(
  content: Uint8Array | AsyncIterable<Uint8Array>,
  keys: readonly DkimKey[],
): Promise<string> {
  const signatureData = keys.map(({ domain, selector, privateKey }) => ({
    signingDomain: domain,
    selector,
    privateKey,
  }))
  const [first] = signatureData
  if (!first) return ''
  const input =
    content instanceof Uint8Array
      ? Buffer.from(content.buffer, content.byteOffset, content.length)
      : Readable.from(content, { objectMode: false })
  // Only here: it weighs 16 MB, and most gateways sign nothing.
  const { dkimSign } = await import('mailauth/lib/dkim/sign.js')
  const signed = await dkimSign(input, { ...first, canonicalization: 'relaxed/relaxed', signatureData })
  const wrong = signed.errors?.[0]
  if (wrong) throw new DkimError(`the DKIM key ${wrong.selector}._domainkey.${wrong.signingDomain} did not sign`)
  return signed.signatures
}
