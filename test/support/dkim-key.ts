import { generateKeyPairSync } from 'node:crypto'
import type { DkimKey } from '../../src/mail/adapter.ts'

/** A key and its record in DNS. */
export function newKey(type: 'rsa' | 'ed25519', domain: string, selector: string): { key: DkimKey; record: string } {
  if (type === 'rsa') {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const der = pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
    const privateKey = pair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
    return { key: { domain, selector, privateKey }, record: `v=DKIM1; k=rsa; p=${der}` }
  }
  const pair = generateKeyPairSync('ed25519')
  // RFC 8463 section 4.2: the bare 32 bytes.
  const bare = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')
  const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { key: { domain, selector, privateKey }, record: `v=DKIM1; k=ed25519; p=${bare}` }
}
