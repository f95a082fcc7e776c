/** `budgets`: what mail may cost, a month or a day. */
import { z } from 'zod'
import type { Provider } from '../mail/provider.ts'
import { type Budget, coversProvider } from '../route/budget.ts'
import { charges } from '../route/price.ts'
import { didYouMean, type Finding } from './problems.ts'
import { name, percent } from './units.ts'

const oneOrMore = z
  .union([name, z.array(name).min(1)])
  .transform((given) => (typeof given === 'string' ? [given] : given))
const money = z.number().gt(0).max(1_000_000_000)

export const budget = z
  .strictObject({
    type: oneOrMore.optional().describe('The type of mail it is for, or a list of them; left out, every type'),
    tenant: oneOrMore.optional().describe('The tenant it is for, or a list of them; left out, every tenant'),
    provider: oneOrMore.optional().describe('The provider it is for, or a list of them; left out, every provider'),
    perMonth: money.optional().describe('Money that such mail may cost a month (UTC)'),
    perDay: money.optional().describe('Money that such mail may cost a day (UTC)'),
    warn: z
      .array(percent.refine((share) => share > 0 && share < 1, 'must be more than 0% and less than 100%'))
      .prefault(['80%', '95%'])
      .describe('Shares of it at which an alert tells that it runs out; that it is spent is always told'),
  })
  .refine(({ perMonth, perDay }) => perMonth !== undefined || perDay !== undefined, {
    message: 'has no limit: give it perMonth, perDay or both',
  })

/** The budgets as the planner has them. */
export function readBudgets(given: Readonly<Record<string, z.output<typeof budget>>>): Budget[] {
  return Object.entries(given).map(([name, { type, tenant, provider, perMonth, perDay, warn }]) => ({
    name,
    types: type ?? null,
    tenants: tenant ?? null,
    providers: provider ?? null,
    perMonth: perMonth ?? null,
    perDay: perDay ?? null,
    warn: warn.toSorted((a, b) => a - b),
  }))
}

/** Budgets for types and providers that do not exist. */
export function checkBudgets(
  budgets: readonly Budget[],
  offer: { types: readonly string[]; providers: readonly string[] },
): Finding[] {
  const unknown = (budget: string, key: 'type' | 'provider', named: readonly string[] | null): Finding[] =>
    (named ?? [])
      .filter((one) => !offer[`${key}s`].includes(one))
      .map((one) => {
        const known = offer[`${key}s`]
        const message = `there is no ${key} "${one}"${didYouMean(one, known)}. ${key === 'type' ? 'Types' : 'Providers'}: ${known.join(', ')}`
        return { path: ['budgets', budget, key], at: 'value', message }
      })
  return budgets.flatMap(({ name, types, providers }) => [
    ...unknown(name, 'type', types),
    ...unknown(name, 'provider', providers),
  ])
}

/** Budgets that are right and can do nothing. @param tenants those that keys bear */
export function lintBudgets(
  budgets: readonly Budget[],
  { providers, tenants }: { providers: readonly Pick<Provider, 'name' | 'cost'>[]; tenants: readonly string[] },
): Finding[] {
  return budgets.flatMap((budget): Finding[] => {
    const path = ['budgets', budget.name]
    const nobody = (budget.tenants ?? []).filter((tenant) => !tenants.includes(tenant))
    if (nobody.length > 0) {
      const message = `no key bears the tenant ${nobody.join(', nor ')}: no mail of such a tenant comes in`
      return [{ path: [...path, 'tenant'], at: 'value', message }]
    }
    const costs = providers.some(({ name, cost }) => charges(cost) && coversProvider(budget, name))
    const where = budget.providers === null ? 'no provider' : 'none of its providers'
    return costs ? [] : [{ path, at: 'key', message: `does nothing: ${where} has a cost that a message adds to` }]
  })
}

/** `marketing (500 a month for type marketing)` */
export function budgetWords({ name, perMonth, perDay, types, tenants, providers }: Budget): string {
  const limits = [perMonth === null ? [] : [`${perMonth} a month`], perDay === null ? [] : [`${perDay} a day`]]
  const whose = [
    types === null ? [] : [`type ${types.join(' or ')}`],
    tenants === null ? [] : [`tenant ${tenants.join(' or ')}`],
  ]
  const mail = whose.flat().length === 0 ? 'all mail' : whose.flat().join(' of ')
  const where = providers === null ? '' : ` at ${providers.join(' or ')}`
  return `${name} (${limits.flat().join(' and ')} for ${mail}${where})`
}
