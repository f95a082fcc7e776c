/** `shaping`: what is done about a provider at a mailbox host when its replies say so. */
import { RE2JS } from 're2js'
import { z } from 'zod'
import type { ShapingRule } from '../mail/provider.ts'
import { noSuchHost } from './mailbox-hosts.ts'
import { didYouMean, type Finding } from './problems.ts'
import { duration, name, percent } from './units.ts'

const some = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])
const part = percent.refine((share) => share > 0 && share < 1, 'must be more than 0% and less than 100%')

const condition = z
  .strictObject({
    provider: some.optional().describe('Whose replies: a name or a list. Left out: any'),
    host: some
      .optional()
      .describe('At which mailbox provider, judged by MX: outlook, a list, or a domain. Left out: each by itself'),
    reply: z
      .string()
      .min(1)
      .max(1000)
      .optional()
      .describe('Found anywhere in a deferral, a refusal or a bounce; RE2 syntax, so it always ends'),
    deferrals: z
      .strictObject({
        share: part.describe('More than this share: 20%'),
        of: z.int().min(10).max(1_000).prefault(100).describe('Of so many that were heard of last'),
      })
      .optional()
      .describe('Deferrals and blocks at one mailbox provider'),
  })
  .describe('What is said')

export const shapingRule = z
  .strictObject({
    name: name.describe('Shown where it is at work'),
    when: condition,
    slow: part.optional().describe('Sends there at this part of the pace that it had: 50%'),
    suspend: z
      .array(z.enum(['host', 'tenant']))
      .min(1)
      .optional()
      .describe('Sends nothing to that mailbox provider, of that tenant, or of that tenant to that mailbox provider'),
    for: duration.describe('For how long'),
  })
  .superRefine(({ when, slow, suspend }, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    if ((when.reply === undefined) === (when.deferrals === undefined))
      problem(['when'], 'expected just one of reply and deferrals')
    if ((slow === undefined) === (suspend === undefined)) problem([], 'expected just one of slow and suspend')
    if (when.reply !== undefined && slow !== undefined)
      problem(['slow'], 'one reply tells of no pace: use suspend, or deferrals instead of reply')
    if (when.deferrals !== undefined && suspend?.includes('tenant'))
      problem(['suspend'], 'deferrals are counted for all tenants together: expected [host]')
    for (const host of [when.host ?? []].flat()) {
      const wrong = noSuchHost(host)
      if (wrong !== null) problem(['when', 'host'], wrong)
    }
    try {
      RE2JS.compile(when.reply ?? '')
    } catch (error) {
      problem(['when', 'reply'], `is not a regular expression of RE2: ${(error as Error).message}`)
    }
  })
  .transform(({ name, when, slow, suspend, for: length }) => ({
    providers: when.provider === undefined ? null : [when.provider].flat(),
    rule: {
      name,
      hosts: [when.host ?? []].flat(),
      when: when.deferrals ?? { reply: when.reply! },
      does: suspend ? { suspend } : { slow: slow! },
      for: length,
    } satisfies ShapingRule,
  }))

type Shape = z.output<typeof shapingRule>

/** The rules about one provider. */
export function shapingOf(provider: string, rules: readonly Shape[]): ShapingRule[] {
  return rules.filter(({ providers }) => providers === null || providers.includes(provider)).map(({ rule }) => rule)
}

/** Rules that bear the same name, or name a provider that does not exist. */
export function checkShaping(rules: readonly Shape[], providers: readonly string[]): Finding[] {
  const found: Finding[] = []
  for (const [index, { providers: named, rule }] of rules.entries()) {
    const add = (path: (string | number)[], message: string) =>
      found.push({ path: ['shaping', index, ...path], at: 'value', message })
    if (rules.findIndex((one) => one.rule.name === rule.name) < index)
      add(['name'], 'another rule has this name; choose another')
    for (const one of named ?? []) {
      if (providers.includes(one)) continue
      const near = didYouMean(one, providers)
      add(['when', 'provider'], `there is no provider "${one}"${near}. Providers: ${providers.join(', ')}`)
    }
  }
  return found
}
