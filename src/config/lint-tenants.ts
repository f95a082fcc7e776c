/** What is said of tenants and From domains, and may not have been meant: names that no key has, rules that leave a tenant no way out. */
import type { Key } from '../accept/auth.ts'
import type { Provider } from '../mail/provider.ts'
import { isOf } from '../route/fit.ts'
import type { Reach } from '../route/implied.ts'
import { didYouMean, type Finding } from './problems.ts'
import type { Tenant } from './tenants.ts'

/** Who sends, and through whom. */
export interface Tenancy {
  keys: readonly Pick<Key, 'tenant' | 'from'>[]
  tenants: Readonly<Record<string, Tenant>>
  providers: readonly Pick<Provider, 'name' | 'tenants' | 'domains'>[]
}

/** Tenants that no key is of, and domains that none may send from. */
export function lintTenants({ keys, tenants, providers }: Tenancy): Finding[] {
  const known = new Set(keys.map(({ tenant }) => tenant))
  const nobody = (tenant: string) => `no key is of this tenant${didYouMean(tenant, known)}`
  const found: Finding[] = Object.keys(tenants)
    .filter((tenant) => !known.has(tenant))
    .map((tenant) => ({ path: ['tenants', tenant], at: 'key', message: nobody(tenant) }))
  for (const { name, tenants, domains } of providers) {
    for (const [index, tenant] of (tenants ?? []).entries()) {
      if (known.has(tenant)) continue
      found.push({ path: ['providers', name, 'tenants', index], at: 'value', message: nobody(tenant) })
    }
    const senders = keys.filter(({ tenant }) => tenants?.includes(tenant) ?? true)
    if (senders.length === 0 || senders.some(({ from }) => from.length === 0)) continue
    for (const [index, domain] of (domains ?? []).entries()) {
      if (senders.some(({ from }) => from.some((one) => isOf(domain, one)))) continue
      const message = 'no key whose mail may go there may send from this domain'
      found.push({ path: ['providers', name, 'domains', index], at: 'value', message })
    }
  }
  return found
}

/** Tenants whose mail comes to a rule and whom none of its providers may carry. */
export function strandedTenants(
  { keys, tenants }: Pick<Tenancy, 'keys' | 'tenants'>,
  reach: Pick<Reach, 'reaches'>,
  index: number,
  named: readonly Pick<Provider, 'name' | 'tenants' | 'labels'>[],
): string[] {
  const all = new Set([...keys.map(({ tenant }) => tenant), ...Object.keys(tenants)])
  return [...all].flatMap((tenant) => {
    const labels = tenants[tenant]?.labels ?? []
    const open = named.filter((provider) => provider.tenants?.includes(tenant) ?? true)
    if (open.some((provider) => labels.every((label) => provider.labels.includes(label)))) return []
    if (named.length === 0 || !reach.reaches(index, 'tenant', { is: tenant })) return []
    const why =
      open.length === 0
        ? 'all providers of this rule are the own accounts of others'
        : `no provider of this rule that it may use bears ${labels.join(' and ')}`
    return [`mail of tenant ${tenant} that comes here has no way out: ${why}`]
  })
}
