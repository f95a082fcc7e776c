/** A DKIM public key as DNS has it: RFC 6376 section 3.6.1, RFC 8463. */
import { createPublicKey, type KeyObject } from 'node:crypto'

/** What stands under a selector. */
export type DkimRecord =
  | { kind: 'key'; key: KeyObject }
  /** An empty `p=`: whatever it signed is not believed any more. */
  | { kind: 'revoked' }
  | { kind: 'broken'; why: string }

/** DER in front of the 32 bytes of an Ed25519 key (RFC 8410 section 4). */
const ed25519Prefix = Buffer.from('302a300506032b6570032100', 'hex')

/** Reads a TXT record, its strings joined. */
export function readDkimRecord(text: string): DkimRecord {
  const tags = new Map(
    text.split(';').map((tag): [string, string] => {
      const [name, ...value] = tag.split('=')
      return [name!.trim(), value.join('=').replace(/\s+/g, '')]
    }),
  )
  const version = tags.get('v')
  if (version !== undefined && version !== 'DKIM1') return { kind: 'broken', why: 'is no DKIM key record' }
  const encoded = tags.get('p')
  if (encoded === undefined) return { kind: 'broken', why: 'holds no key (p=)' }
  if (encoded === '') return { kind: 'revoked' }
  const type = tags.get('k') ?? 'rsa'
  if (type !== 'rsa' && type !== 'ed25519') return { kind: 'broken', why: `holds a key of the unknown kind ${type}` }
  const bytes = Buffer.from(encoded, 'base64')
  const key = type === 'rsa' ? rsaKey(bytes) : readKey(Buffer.concat([ed25519Prefix, bytes]), 'spki')
  if (key === null) return { kind: 'broken', why: 'holds a key that cannot be read' }
  // RFC 8301 section 3.2: nobody verifies what a shorter key signed.
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < 1024) return { kind: 'broken', why: `holds an RSA key of ${bits} bits only` }
  return { kind: 'key', key }
}

/** RFC 6376 says PKCS #1, and shows SubjectPublicKeyInfo, which is what everybody publishes. */
function rsaKey(bytes: Buffer): KeyObject | null {
  return readKey(bytes, 'spki') ?? readKey(bytes, 'pkcs1')
}

function readKey(key: Buffer, type: 'spki' | 'pkcs1'): KeyObject | null {
  try {
    return createPublicKey({ key, format: 'der', type })
  } catch {
    return null
  }
}
