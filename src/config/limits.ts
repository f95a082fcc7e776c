/** How much may go, as the config says it: the same words for providers, their mailbox hosts, types and tenants. */
import { z } from 'zod'
import type { Limits } from '../mail/provider.ts'
import { noSuchHost } from './mailbox-hosts.ts'
import type { Finding, Path } from './problems.ts'
import { percent } from './units.ts'

/** How much may go in a time. */
export const rates = {
  perSecond: z.number().gt(0).optional().describe('Recipients a second'),
  perMinute: z.number().gt(0).optional().describe('Recipients a minute'),
  perHour: z.number().gt(0).optional().describe('Recipients an hour'),
  perDay: z.int().min(1).optional().describe('Recipients a day (UTC)'),
  perMonth: z.int().min(1).optional().describe('Recipients a month (UTC)'),
}

/** Limits that are nothing but that. */
export const limits = z
  .strictObject(rates)
  .refine((given) => Object.keys(given).length > 0, 'says no limit; leave it out, or say perDay: 1000, for example')

export const warmup = z
  .strictObject({
    start: z.int().min(1).describe('Recipients on the first sending day (UTC)'),
    growth: percent
      .refine((share) => share > 0, 'must be more than 0%, or it never grows; a limit is perDay')
      .prefault('40%')
      .describe('What each sending day adds to the next; days without mail do not count, nor do days with bad signs'),
    per: z
      .enum(['host', 'provider'])
      .prefault('host')
      .describe('Counted at each mailbox host (those we do not know by name together), or altogether'),
    until: z.int().min(1).prefault(50_000).describe('When a day would allow so many, it is warm: no bound any more'),
  })
  .refine(({ start, until }) => start < until, {
    path: ['until'],
    error: 'is not more than start, so that it would be warm at once',
  })

type LimitsShape = z.output<typeof limits>

/** A mailbox host: one that we know by name, or the domain of one that we do not; and `others`. */
export const mailboxHost = z.string().superRefine((text, context) => {
  const problem = noSuchHost(text, ['others'])
  if (problem !== null) context.addIssue(problem)
})

/** Limits as they are kept: what was not said is null. */
export function readLimits(given: LimitsShape): Limits {
  const { perSecond = null, perMinute = null, perHour = null, perDay = null, perMonth = null } = given
  return { perSecond, perMinute, perHour, perDay, perMonth }
}

const kinds = ['perSecond', 'perMinute', 'perHour', 'perDay', 'perMonth'] as const

/** Limits that are never reached, because a longer time allows no more. @param path where they stand */
export function idleLimits(limits: Limits, path: Path): Finding[] {
  return kinds.flatMap((key, place): Finding[] => {
    const limit = limits[key]
    const longer = kinds.slice(place + 1).find((other) => (limits[other] ?? Number.POSITIVE_INFINITY) <= (limit ?? 0))
    if (limit === null || longer === undefined) return []
    return [{ path: [...path, key], at: 'value', message: `is never reached: ${longer} allows only ${limits[longer]}` }]
  })
}
