/** Finds out whether a provider may send for a From domain: asks the vendor, where it can be asked, and DNS. */
import { createPublicKey } from 'node:crypto'
import type { Fetch } from '../mail/fetch.ts'
import type { IdentityFinding } from '../mail/identity.ts'
import type { Provider } from '../mail/provider.ts'
import { keysFor } from './dkim.ts'
import { lookUps } from './dns.ts'
import { askDns, type Verified } from './identity-dns.ts'
import { hideSecrets } from './secrets.ts'

/** Never throws: what could not be found out is unknown. @param fetch for the vendor's API */
export async function findIdentity(provider: Provider, domain: string, fetch: Fetch): Promise<IdentityFinding[]> {
  const { verified, resolver } = means(provider, domain)
  const [vendor, dns] = await Promise.all([
    askVendor(provider, domain, fetch),
    askDns(domain, verified, lookUps({ servers: resolver })),
  ])
  return [...vendor, ...dns]
}

function means({ adapter, options, identity }: Provider, domain: string): { verified: Verified; resolver: string[] } {
  if (adapter.send.kind === 'mx') {
    const { dkim, hostname, resolver } = adapter.send.mx(options)
    const keys = keysFor(dkim, domain).map(({ selector, domain, privateKey }) => ({
      selector,
      domain,
      key: createPublicKey(privateKey),
    }))
    return { verified: { dkim: keys, spf: { host: hostname }, ownReturnPath: true, signsAll: true }, resolver }
  }
  const { dkim = [], spf = null, resolver = [] } = identity ?? {}
  const verified = {
    dkim: dkim.map((selector) => ({ selector })),
    spf: spf === null ? null : { include: spf },
    ownReturnPath: adapter.features.returnPath !== 'fixed',
    signsAll: dkim.length > 0,
  }
  return { verified, resolver }
}

async function askVendor({ adapter, options }: Provider, domain: string, fetch: Fetch): Promise<IdentityFinding[]> {
  if (!adapter.identity) return []
  try {
    const answer = await adapter.identity(domain, options, fetch)
    return [{ about: 'vendor', ...answer, detail: hideSecrets(answer.detail, options) }]
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [
      { about: 'vendor', state: 'unknown', detail: `the vendor could not be asked: ${hideSecrets(why, options)}` },
    ]
  }
}
