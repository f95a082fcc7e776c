/** `use`: its shape in the config, and how it is read into the policy's tree. */
import { z } from 'zod'
import type { Best, Use } from '../route/policy.ts'
import { moveShape } from './move.ts'
import { percent } from './units.ts'

/** A provider's name, or a mapping with just one of `first`, `best`, `split`, `adaptive` and `move`. */
export const use: z.ZodType<Use> = z.lazy(() => shape.transform(read))

const weight = (of: string) => z.number().gt(0).optional().describe(`How much ${of} weighs`)

const best = z
  .strictObject({
    of: z.array(use).min(1).describe('The candidates'),
    by: z.enum(['cost', 'latency', 'health', 'deliverability', 'balanced']).describe('What ranks them'),
    weights: z
      .strictObject({
        cost: weight('what it costs'),
        latency: weight('how fast it answers'),
        health: weight('the share of its good answers'),
        deliverability: weight('the share of its mail that is delivered'),
      })
      .meta({ minProperties: 1 })
      .optional()
      .describe('What a balance weighs, and how much: {cost: 2, deliverability: 3}; left out, all four alike'),
    within: z
      .strictObject({
        deliverability: percent
          .refine((share) => share <= 0.5, 'must be 50% at most')
          .describe('How many points its delivered share may be below the best: 1%'),
      })
      .optional()
      .describe('A guard: who is further from the best comes behind those who are not'),
  })
  .superRefine(({ by, weights }, context) => {
    if (weights && by !== 'balanced') {
      context.addIssue({ code: 'custom', path: ['weights'], message: 'would do nothing: only "by: balanced" weighs' })
    } else if (weights && Object.keys(weights).length === 0) {
      context.addIssue({ code: 'custom', path: ['weights'], message: 'is empty; leave "weights" out' })
    }
  })

const adaptive = z.strictObject({
  of: z.array(use).min(2).describe('The candidates'),
  explore: percent
    .refine((share) => share <= 0.5, 'must be 50% at most')
    .prefault('5%')
    .describe('The share of mail that goes to any of them alike, so that each goes on being seen'),
})

const shape = z
  .union([
    z.string().min(1),
    z
      .strictObject({
        first: z.array(use).min(1).optional().describe('In this order; the next when one cannot'),
        best: best.optional().describe('Ranked by cost, latency, health, deliverability or a balance of them'),
        split: z
          .object({
            sticky: z
              .enum(['recipient', 'message'])
              .prefault('recipient')
              .describe('What always goes the same way: everything for one recipient, or just one message'),
          })
          .catchall(z.number().gt(0))
          .optional()
          .describe('Shares by weight: {a: 70, b: 30}; the others follow where one cannot'),
        adaptive: adaptive.optional().describe('Finds out by what is delivered which is best'),
        move: moveShape(use)
          .optional()
          .describe('Moves mail from some to others in steps, and back where it does badly'),
      })
      .meta({ minProperties: 1, maxProperties: 1 }),
  ])
  .superRefine((shape, context) => {
    if (typeof shape === 'string') return
    if (Object.keys(shape).length !== 1 && context.issues.length === 0)
      context.addIssue('expected just one of first, best, split, adaptive and move')
    if (shape.split && Object.keys(shape.split).length === 1) {
      context.addIssue({
        code: 'custom',
        path: ['split'],
        message: 'names no provider: give each a weight, such as {a: 70, b: 30}',
      })
    }
  })
  .meta({ id: 'use', description: "A provider's name, or a mapping with one of first, best, split, adaptive and move" })

function read(given: z.output<typeof shape>): Use {
  if (typeof given === 'string') return { provider: given }
  if (given.first) return { first: given.first }
  if (given.best) return { best: readBest(given.best) }
  if (given.adaptive) return { adaptive: given.adaptive }
  if (given.move) return { move: given.move }
  // Unknown keys alone, which were told and do not stop zod before it comes here.
  if (!given.split) return z.NEVER
  const { sticky, ...weights } = given.split
  return { split: { weights, sticky } }
}

function readBest({ of, by, weights, within }: z.output<typeof best>): Best {
  const given = Object.entries(weights ?? {}).filter(([, weight]) => weight !== undefined)
  return { of, by, ...(weights ? { weights: Object.fromEntries(given) } : {}), ...(within ? { within } : {}) }
}

type Steps = (string | number)[]

/** A provider's name in a `use`: where it stands (at its key in a split), and whether its list has it already. */
interface Leaf {
  provider: string
  path: Steps
  at: 'key' | 'value'
  again: boolean
}

/** Every provider that a `use` names, as the config has it, whatever else may be wrong with it. */
export function leaves(use: unknown): Leaf[] {
  if (typeof use === 'string') return [{ provider: use, path: [], at: 'value', again: false }]
  const { first, best, split, adaptive, move } = (use ?? {}) as {
    first?: unknown
    best?: { of?: unknown } | null
    split?: unknown
    adaptive?: { of?: unknown } | null
    move?: { from?: unknown; to?: unknown } | null
  }
  return [
    ...list(first, ['first']),
    ...list(best?.of, ['best', 'of']),
    ...list(adaptive?.of, ['adaptive', 'of']),
    ...(move ? [...under(move.from, ['move', 'from']), ...under(move.to, ['move', 'to'])] : []),
    ...Object.keys(Object(split))
      .filter((key) => key !== 'sticky')
      .map((provider): Leaf => ({ provider, path: ['split', provider], at: 'key', again: false })),
  ]
}

function list(of: unknown, path: Steps): Leaf[] {
  if (!Array.isArray(of)) return []
  return of.flatMap((one: unknown, index) =>
    under(one, [...path, index]).map((leaf) => ({
      ...leaf,
      again: leaf.again || (typeof one === 'string' && of.indexOf(one) < index),
    })),
  )
}

function under(use: unknown, path: Steps): Leaf[] {
  return leaves(use).map((leaf) => ({ ...leaf, path: [...path, ...leaf.path] }))
}
