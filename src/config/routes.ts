/** The rules of the policy: each by itself, and what only shows when they are seen together. */
import { z } from 'zod'
import { movesOf, type Rule } from '../route/policy.ts'
import { mirror } from './mirrors.ts'
import { didYouMean, type Finding } from './problems.ts'
import { name } from './units.ts'
import { leaves, use } from './use.ts'
import { typesNamed, when } from './when.ts'

export const rule = z
  .strictObject({
    name: name.describe('Shown in every explanation'),
    when: when.optional().describe('What it matches; left out, everything'),
    use: use
      .refine((tree) => movesOf(tree).length < 2, 'has two moves: a rule can have one, which is known by its name')
      .describe("A provider's name, or first, best, split, adaptive or move"),
    mirror: mirror.optional().describe('Copies of a part of its messages, which stay in the gateway'),
  })
  .transform(
    ({ name, when = null, use, mirror }): Rule => ({
      ...{ name, when, use },
      ...(mirror ? { mirror: { ...mirror, tenant: mirror.tenant ?? '' } } : {}),
    }),
  )

/** What the rest of the config offers the rules. Names count even where their own settings are wrong. */
interface Offer {
  providers: readonly string[]
  types: readonly string[]
}

/**
 * What is wrong with the rules as a whole: names that nothing bears, rules that can never match.
 * @param rules as the config has them; those whose shape is wrong, which was told already, as far as they can be read
 */
export function checkRules(rules: readonly Readonly<Record<string, unknown>>[], offer: Offer): Finding[] {
  const found: Finding[] = []
  const names = new Set<unknown>()
  const conditions = new Map<string, unknown>()
  let all: Readonly<Record<string, unknown>> | null = null
  for (const [index, given] of rules.entries()) {
    const add = (path: (string | number)[], message: string, at: Finding['at'] = 'value') =>
      found.push({ path: ['routes', index, ...path], at, message })

    if (given.name !== undefined && names.has(given.name)) add(['name'], 'another rule has this name; choose another')
    names.add(given.name)

    const condition = JSON.stringify(when.safeParse(given.when).data)
    const same = condition && conditions.get(condition)
    if (all) add([], `never matches: the rule "${all.name}" before it matches everything`)
    else if (given.when === undefined) all = given
    else if (same) add(['when'], `never matches: the rule "${same}" before it has the same "when"`, 'key')
    if (condition) conditions.set(condition, given.name)

    for (const one of typesNamed(given.when)) {
      if (offer.types.includes(one.type)) continue
      const types = offer.types.join(', ')
      add(['when', ...one.path], `there is no type "${one.type}"${didYouMean(one.type, offer.types)}. Types: ${types}`)
    }
    for (const leaf of leaves(given.use)) {
      const near = didYouMean(leaf.provider, offer.providers)
      const unknown = `there is no provider "${leaf.provider}"${near}. Providers: ${offer.providers.join(', ')}`
      if (!offer.providers.includes(leaf.provider)) add(['use', ...leaf.path], unknown, leaf.at)
      else if (leaf.again) add(['use', ...leaf.path], 'this provider stands in the list already')
    }
  }
  if (!all && rules.length > 0) {
    const path = ['routes', rules.length - 1, 'when']
    const message = 'the last rule must match everything: leave "when" out, or add a rule without it'
    found.push({ path, at: 'key', message })
  }
  return found
}
