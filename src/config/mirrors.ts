/** `mirror` of a rule: copies that must never leave the gateway, and whose they are. */
import { z } from 'zod'
import type { Provider } from '../mail/provider.ts'
import type { Rule } from '../route/policy.ts'
import { didYouMean, type Finding } from './problems.ts'
import { name, percent } from './units.ts'

export const mirror = z.strictObject({
  to: name.describe('A provider that keeps mail in the gateway (adapter: inbox)'),
  share: percent
    .refine((share) => share > 0 && share <= 1, 'must be more than 0% and 100% at most')
    .describe('The part of its messages that is copied: 0.1%'),
  tenant: name
    .optional()
    .describe('Whose messages the copies are, where there are keys: one who may see all of this mail'),
})

/** Mirrors that would send copies to somebody, or keep them where nobody, or not just anybody, may see them. */
export function checkMirrors(
  rules: readonly (Pick<Rule, 'mirror'> | undefined)[],
  providers: readonly Provider[],
  names: readonly string[],
  tenants: readonly string[],
): Finding[] {
  const found: Finding[] = []
  for (const [index, rule] of rules.entries()) {
    if (!rule?.mirror) continue
    const { to, tenant } = rule.mirror
    const add = (key: string, message: string) =>
      found.push({ path: ['routes', index, 'mirror', ...(key ? [key] : [])], at: 'value', message })
    const provider = providers.find((one) => one.name === to)
    if (!names.includes(to)) {
      add('to', `there is no provider "${to}"${didYouMean(to, names)}. Providers: ${names.join(', ')}`)
    } else if (provider && provider.adapter.send.kind !== 'keep') {
      add('to', `${to} sends mail on, and a copy must reach nobody: name a provider with adapter: inbox`)
    }
    if (tenants.length > 0 && tenant === '') {
      add('', `say whose the copies are: "tenant", one of ${tenants.join(', ')}, who then sees mail of all tenants`)
    } else if (tenant !== '' && !tenants.includes(tenant)) {
      const why =
        tenants.length > 0
          ? `no key is of this tenant. Tenants: ${tenants.join(', ')}`
          : 'there are no keys, and so no tenants: leave it out'
      add('tenant', why)
    }
  }
  return found
}
