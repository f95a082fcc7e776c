/** `move`: how it is written in the config, and what is wrong with it that its shape does not show. */
import { z } from 'zod'
import { type Move, providersOf, type Use } from '../route/policy.ts'
import { duration, percent } from './units.ts'

const day = 86_400_000
const expectedStart = 'expected a day or a point in time: 2026-12-01 or 2026-12-01T08:00:00Z'

const start = z
  .string(expectedStart)
  .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/, expectedStart)
  .transform((text, context) => {
    const at = Date.parse(text)
    // `Date` takes the 31st of November for the first of December.
    const [year, month, date] = text.slice(0, 10).split('-').map(Number)
    const known = new Date(Date.UTC(year!, month! - 1, date)).toISOString().startsWith(text.slice(0, 10))
    if (Number.isNaN(at) || !known) context.addIssue('there is no such day or time')
    return at
  })

const times = z.number().gt(1, 'must be more than 1')

/** @param use what its two ways may be */
export function moveShape(use: z.ZodType<Use>): z.ZodType<Move> {
  return z
    .strictObject({
      from: use.describe('Where mail goes until it moves'),
      to: use.describe('Where it goes then; each follows where the other cannot'),
      over: duration
        .refine((time) => time >= day, 'must be 1d at least: complaints come in hours, not in minutes')
        .describe('How long all steps take together; time in which it is held does not count: 14d'),
      start: start.optional().describe('When the first step begins; left out, as soon as the rule is in force'),
      steps: z
        .array(percent)
        .min(1)
        .prefault(['5%', '25%', '50%', '100%'])
        .describe('The share that has moved, step by step; each lasts its part of "over"'),
      sticky: z
        .enum(['recipient', 'message'])
        .prefault('recipient')
        .describe('What moves as one: everything for one recipient, or just one message'),
      hold: z
        .strictObject({
          complaints: percent.prefault('0.1%').describe('More than this share of mail at "to" is complained of'),
          deferrals: times
            .prefault(2)
            .describe('Mail at "to" is deferred or blocked more than so many times as often as at "from"'),
        })
        .prefault({})
        .describe('When it stays at its share'),
      revert: z
        .strictObject({
          after: duration
            .refine((time) => time >= day / 24, 'must be 1h at least')
            .prefault('2d')
            .describe('When it was held for so long'),
          beyond: times.prefault(2).describe('At once, when what holds it is so many times as bad'),
        })
        .prefault({})
        .describe('When all mail goes back to "from", until an operator restarts the move'),
    })
    .superRefine(({ from, to, steps }, context) => {
      const add = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
      const old = providersOf(from)
      const both = providersOf(to).filter((name) => old.includes(name))
      if (both.length > 0) {
        add(['to'], `${both.join(' and ')} stands on both sides; name it on one, for the other side follows by itself`)
      }
      const falls = steps.findIndex((share, place) => share <= (steps[place - 1] ?? 0) || share > 1)
      if (falls >= 0) add(['steps', falls], 'must be more than the step before it, and 100% at most')
      else if (steps.at(-1) !== 1) add(['steps', steps.length - 1], 'the last step must be 100%, or it never arrives')
    })
    .transform((given): Move => ({ ...given, start: given.start ?? null }))
}
