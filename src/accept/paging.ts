/** Lists in pages: what their query takes, and what a page answers. */
import { z } from '@hono/zod-openapi'
import type { Page } from '../store/store.ts'
import { Refusal } from './refusals.ts'

export const paging = {
  limit: z
    .string()
    .regex(/^(?:[1-9]\d?|1\d\d|200)$/, 'A number from 1 to 200.')
    .transform(Number)
    .optional()
    .openapi({ type: 'integer', minimum: 1, maximum: 200, default: 50 }),
  cursor: z.string().max(500).optional().openapi({ description: '`next` of the page before.' }),
}
export const pageOf = z.strictObject(paging)

export const next = z.string().nullable().openapi({ description: 'The cursor of the next page; null on the last.' })

/** A page, or the refusal of a cursor that the store does not know as its own. */
export async function paged<Row>(read: () => Promise<Page<Row>>): Promise<Page<Row>> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof RangeError) throw new Refusal('malformed', 'This cursor is not one of ours.')
    throw error
  }
}

/** Without the keys whose value is undefined. */
export function present<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
