/** Counts that fade: what happened a half-life ago counts half. Pure: the time is handed in. */

export interface Tally {
  good: number
  bad: number
  /** When it was counted last. */
  at: number
}

export const empty: Tally = { good: 0, bad: 0, at: 0 }

/** What is left of it by now. */
export function faded({ good, bad, at }: Tally, now: number, halfLife: number): Tally {
  const left = 2 ** (-Math.max(now - at, 0) / halfLife)
  return { good: good * left, bad: bad * left, at: Math.max(now, at) }
}

/** With some more. */
export function counted(tally: Tally, more: { good?: number; bad?: number }, now: number, halfLife: number): Tally {
  const { good, bad, at } = faded(tally, now, halfLife)
  return { good: Math.max(good + (more.good ?? 0), 0), bad: Math.max(bad + (more.bad ?? 0), 0), at }
}
