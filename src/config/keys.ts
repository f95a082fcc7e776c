/** Keys as the config lists them, read into the form in which they are compared. */
import type { Key } from '../accept/auth.ts'
import { AddressError } from '../mail/address.ts'
import type { Finding } from './problems.ts'
import type { KeyShape } from './schema.ts'
import { canonicalDomain } from './when.ts'

/** Hash and domains in canonical form; a key that stands twice or a domain that is none is a problem. */
export function readKeys(given: readonly KeyShape[], problem: (finding: Finding) => void): Key[] {
  const hashes = new Set<string>()
  return given.map((key, index) => {
    const hash = key.hash.slice('sha256:'.length).toLowerCase()
    if (hashes.has(hash))
      problem({ path: ['keys', index, 'hash'], at: 'value', message: 'this key stands in the list already' })
    hashes.add(hash)
    const from = key.from.map((domain, place) => {
      try {
        return canonicalDomain(domain)
      } catch (error) {
        if (!(error instanceof AddressError)) throw error
        problem({ path: ['keys', index, 'from', place], at: 'value', message: error.message })
        return domain
      }
    })
    return { hash, tenant: key.tenant, scopes: key.scopes, from }
  })
}
