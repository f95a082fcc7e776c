/** `use`: its shape in the config, and how it is read into the policy's tree. */
import { z } from 'zod'
import type { Use } from '../route/policy.ts'

/** A provider's name, or a mapping with just one of `first`, `best` and `split`. */
export const use: z.ZodType<Use> = z.lazy(() => shape.transform(read))

const shape = z
  .union([
    z.string().min(1),
    z
      .strictObject({
        first: z.array(use).min(1).optional().describe('In this order; the next when one cannot'),
        best: z
          .strictObject({
            of: z.array(use).min(1).describe('The candidates'),
            by: z.enum(['cost', 'latency', 'health']).describe('What ranks them'),
          })
          .optional()
          .describe('Ranked by cost, latency or health'),
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
      })
      .meta({ minProperties: 1, maxProperties: 1 }),
  ])
  .superRefine((shape, context) => {
    if (typeof shape === 'string') return
    if (Object.keys(shape).length !== 1 && context.issues.length === 0)
      context.addIssue('expected just one of first, best and split')
    if (shape.split && Object.keys(shape.split).length === 1) {
      context.addIssue({
        code: 'custom',
        path: ['split'],
        message: 'names no provider: give each a weight, such as {a: 70, b: 30}',
      })
    }
  })
  .meta({ id: 'use', description: "A provider's name, or a mapping with one of first, best and split" })

function read(given: z.output<typeof shape>): Use {
  if (typeof given === 'string') return { provider: given }
  if (given.first) return { first: given.first }
  if (given.best) return { best: given.best }
  // Unknown keys alone, which were told and do not stop zod before it comes here.
  if (!given.split) return z.NEVER
  const { sticky, ...weights } = given.split
  return { split: { weights, sticky } }
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
  const { first, best, split } = (use ?? {}) as { first?: unknown; best?: { of?: unknown } | null; split?: unknown }
  return [
    ...list(first, ['first']),
    ...list(best?.of, ['best', 'of']),
    ...Object.keys(Object(split))
      .filter((key) => key !== 'sticky')
      .map((provider): Leaf => ({ provider, path: ['split', provider], at: 'key', again: false })),
  ]
}

function list(of: unknown, path: Steps): Leaf[] {
  if (!Array.isArray(of)) return []
  return of.flatMap((one: unknown, index) =>
    leaves(one).map((leaf) => ({
      ...leaf,
      path: [...path, index, ...leaf.path],
      again: leaf.again || (typeof one === 'string' && of.indexOf(one) < index),
    })),
  )
}
