/** Points in time as the API writes them. */
import { z } from '@hono/zod-openapi'

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** Milliseconds since the epoch of an RFC 3339 date-time; null when it is none, or no day of the calendar. */
export function parseInstant(text: string): number | null {
  const match = rfc3339.exec(text)
  if (!match) return null
  const [, year, month, day] = match as unknown as [string, string, string, string]
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null
  const at = Date.parse(text.toUpperCase())
  return Number.isNaN(at) ? null : at
}

/** `2026-11-25T09:30:00.000Z` */
export function formatInstant(at: number): string {
  return new Date(at).toISOString()
}

/** One as it comes in: RFC 3339, as milliseconds. */
export const time = z
  .string()
  .transform((text, context) => {
    const at = parseInstant(text)
    if (at === null) context.addIssue('Not a date-time of RFC 3339.')
    return at ?? z.NEVER
  })
  .openapi({ type: 'string', format: 'date-time' })
