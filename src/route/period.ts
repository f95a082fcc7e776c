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
  const [year, month] = [time.getUTCFullYear(), time.getUTCMonth()]
  const start = which === 'month' ? Date.UTC(year, month) : Math.floor(now / day) * day
  const end = which === 'month' ? Date.UTC(year, month + 1) : start + day
  return { span: time.toISOString().slice(0, which === 'month' ? 7 : 10), start, end }
}
