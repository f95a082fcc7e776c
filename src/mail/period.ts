/** UTC months and days: when they begin and end, and what the store calls them. */

export type Span = 'month' | 'day'

export interface Period {
  /** As the store counts usage: `2026-11`, `2026-11-25`. */
  span: string
  start: number
  end: number
}

const day = 86_400_000

/** The month or the day that a time lies in. */
export function periodAt(which: Span, now: number): Period {
  const time = new Date(now)
  const start = which === 'month' ? Date.UTC(time.getUTCFullYear(), time.getUTCMonth()) : Math.floor(now / day) * day
  return { span: spanOf(which, now), start, end: endOf(which, now) }
}

/** What the store calls it. */
export function spanOf(which: Span, now: number): string {
  return new Date(now).toISOString().slice(0, which === 'month' ? 7 : 10)
}

/** When it is over. */
export function endOf(which: Span, now: number): number {
  if (which === 'day') return (Math.floor(now / day) + 1) * day
  const time = new Date(now)
  return Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + 1)
}
