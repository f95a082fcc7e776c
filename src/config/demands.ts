/** Demands: labels that mail asks of every provider for what it is, and which no rule can pass. */
import { z } from 'zod'
import type { ConditionalDemand, Demanding } from '../route/demands.ts'
import type { Finding } from './problems.ts'
import { didYouMean } from './problems.ts'
import { name } from './units.ts'
import { typesNamed, when } from './when.ts'

export const demand = z
  .strictObject({
    name: name.describe('Shown in every explanation'),
    when: when.describe('Which mail, as in a rule'),
    labels: z.array(name).min(1).describe('Only providers that bear all of these may carry it'),
  })
  .transform(({ name, when, labels }): ConditionalDemand => ({ name, when, labels }))

/** What of a provider decides whether it may meet a demand. */
export interface Offer {
  labels: readonly string[]
  /** Null: everybody's. */
  tenants: readonly string[] | null
}

/** Demands that nobody could meet, or that are said wrongly. @param given the demands as the config has them */
export function checkDemands(
  { tenants, demands }: Pick<Demanding, 'tenants' | 'demands'>,
  { given, types, offers }: { given: readonly unknown[]; types: readonly string[]; offers: readonly Offer[] },
): Finding[] {
  const found: Finding[] = []
  const borne = (labels: readonly string[], by: readonly Offer[]) =>
    by.some((offer) => labels.every((label) => offer.labels.includes(label)))
  for (const [tenant, { labels }] of Object.entries(tenants)) {
    const open = offers.filter((offer) => offer.tenants === null || offer.tenants.includes(tenant))
    if (labels.length > 0 && !borne(labels, open)) {
      const message = `no provider that this tenant may use bears ${labels.join(' and ')}, so its mail could never be sent`
      found.push({ path: ['tenants', tenant, 'labels'], at: 'value', message })
    }
  }
  const names = new Set<string>()
  for (const [index, { name, labels }] of demands.entries()) {
    const add = (key: string, message: string) => found.push({ path: ['demands', index, key], at: 'value', message })
    if (names.has(name)) add('name', 'another demand has this name; choose another')
    names.add(name)
    if (!borne(labels, offers)) {
      add('labels', `no provider bears ${labels.join(' and ')}, so this mail could never be sent`)
    }
  }
  for (const [index, one] of given.entries()) {
    for (const { type, path } of typesNamed(Object(one).when)) {
      if (types.includes(type)) continue
      const message = `there is no type "${type}"${didYouMean(type, types)}. Types: ${types.join(', ')}`
      found.push({ path: ['demands', index, 'when', ...path], at: 'value', message })
    }
  }
  return found
}
