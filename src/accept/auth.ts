/** Keys: who is at the door, and what they may do. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { domainOf } from '../mail/address.ts'

export const scopes = ['send', 'read', 'route', 'manage'] as const
export type Scope = (typeof scopes)[number]

/** A key as configured: never the key itself. */
export interface Key {
  /** SHA-256 of the key, 64 hex digits. */
  hash: string
  tenant: string
  scopes: readonly Scope[]
  /** Domains (A-labels) the header From and the envelope may use, each just itself; empty means any. */
  from: readonly string[]
}

/** Who submits. On a gateway without keys that is `anyone`. */
export type Sender = Pick<Key, 'tenant' | 'scopes' | 'from'> & Partial<Pick<Key, 'hash'>>

/** Who did something, for the record: the key by the beginning of its hash, as `waypost keys list` shows it. */
export function nameOf({ hash, tenant }: Sender): string {
  return hash === undefined ? 'anyone, for there are no keys' : `key ${hash.slice(0, 12)} of ${tenant}`
}

export const anyone: Sender = { tenant: '', scopes, from: [] }

/**
 * Finds the key that `presented` is; null when it is none of them. Takes the same time whether or not one matches, and looks at
 * hashes only. Without configured keys everyone is `anyone`.
 */
export function authenticate(keys: readonly Key[], presented: string | null): Sender | null {
  if (keys.length === 0) return anyone
  const digest = createHash('sha256')
    .update(presented ?? '')
    .digest()
  let found: Key | null = null
  for (const key of keys) if (timingSafeEqual(digest, Buffer.from(key.hash, 'hex'))) found = key
  return presented === null ? null : found
}

/** Whether the sender may use this canonical address (or the null reverse-path) as From or return-path. */
export function maySendFrom(sender: Sender, email: string): boolean {
  if (sender.from.length === 0 || email === '') return true
  return sender.from.includes(domainOf(email))
}

/** The name under which a client that signs is known: it follows from its key's hash, and tells nothing of it. */
export function signingName({ hash }: Pick<Key, 'hash'>): string {
  return `WP${createHash('sha256').update(`name of ${hash}`).digest('hex').slice(0, 18).toUpperCase()}`
}

/** The secret that belongs to such a name: whoever knows the gateway's own secret can make it, so that it is kept nowhere. */
export function signingSecret(own: string, name: string): string {
  return createHmac('sha256', own).update(name).digest('base64url')
}
