/** `cost`: how a provider's prices are written, and how they are read. */
import { z } from 'zod'
import type { Cost } from '../mail/provider.ts'

const money = z.number().min(0).max(1_000_000_000)

const tier = z.strictObject({
  upTo: z
    .int()
    .min(1)
    .optional()
    .describe('Up to so many recipients of the month (UTC), those of the tiers before it counted; the last has none'),
  perThousand: money.describe('Money per 1,000 of these recipients'),
})

/** A provider's prices: the fee and the commitment, then either one price, with an allowance before it, or tiers. */
export const cost = z
  .strictObject({
    perThousand: money.optional().describe('Money per 1,000 recipients; beyond "included" where there is that'),
    included: z.int().min(1).optional().describe('Recipients a month that cost nothing, free or for the monthly fee'),
    tiers: z
      .array(tier)
      .min(2)
      .optional()
      .describe('In place of perThousand: prices by how many recipients the month has had, each at that of its tier'),
    perGigabyte: money
      .optional()
      .describe('Money per GB of messages, once for each recipient, in addition; a GB is 1,024^3 bytes'),
    monthly: money.optional().describe('A fee a month, paid whatever goes: for the views, it changes no choice'),
    commitment: money
      .optional()
      .describe("What the month's mail costs at least: as it is paid in any case, mail within it costs nothing more"),
  })
  .superRefine(({ perThousand, included, tiers, perGigabyte, commitment }, context) => {
    const issue = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    if (tiers && perThousand !== undefined)
      issue('perThousand', 'does nothing beside "tiers": a price for what is left is the last tier, without upTo')
    if (tiers && included !== undefined)
      issue('included', `does nothing beside "tiers": write the first tier as {upTo: ${included}, perThousand: 0}`)
    if (!tiers && included !== undefined && !perThousand)
      issue('included', 'needs perThousand, the price of recipients beyond it (where none go beyond, set a limit)')
    tiers?.forEach(({ upTo }, index) => {
      const before = tiers[index - 1]?.upTo
      const last = index === tiers.length - 1
      const wrong = last
        ? upTo !== undefined && 'the last tier has no upTo: it is for all that is beyond the others'
        : upTo === undefined
          ? 'needs upTo: only the last tier has none'
          : before !== undefined && upTo <= before && `upTo must be more than that of the tier before it, ${before}`
      if (wrong) context.addIssue({ code: 'custom', path: ['tiers', index], message: wrong })
    })
    const charged =
      (perThousand ?? 0) > 0 || (perGigabyte ?? 0) > 0 || tiers?.some(({ perThousand }) => perThousand > 0)
    if (commitment !== undefined && !charged)
      issue('commitment', 'does nothing where mail costs nothing: it needs perThousand, tiers or perGigabyte')
  })
  .prefault({})
  .describe('What it charges, for best: {by: cost}, budgets and the views; in whichever money, the same for all')

/** The price list as the planner has it. */
export function readCost(given: z.output<typeof cost>): Cost {
  const { perThousand = 0, included, tiers, perGigabyte = 0, monthly = 0, commitment = 0 } = given
  const rest = { upTo: Number.POSITIVE_INFINITY, perThousand }
  const first = included === undefined ? [] : [{ upTo: included, perThousand: 0 }]
  return {
    monthly,
    commitment,
    tiers: tiers?.map(({ upTo = Number.POSITIVE_INFINITY, perThousand }) => ({ upTo, perThousand })) ?? [
      ...first,
      rest,
    ],
    perGigabyte,
  }
}

/** `1.25 per 1,000`, `0 per 1,000 up to 10000 a month, then 1.2, and 0.12 per GB` */
export function priceWords({ tiers, perGigabyte, commitment }: Cost): string {
  const steps = tiers.map(({ upTo, perThousand }, index) => {
    const price = index === 0 ? `${perThousand} per 1,000` : `${perThousand}`
    return upTo === Number.POSITIVE_INFINITY ? price : `${price} up to ${upTo} a month`
  })
  const more = [
    perGigabyte > 0 ? ` and ${perGigabyte} per GB` : '',
    commitment > 0 ? `, at least ${commitment} a month` : '',
  ]
  return steps.join(', then ') + more.join('')
}
