/** When to try again. Pure: the clock and the dice are handed in. */

export interface RetrySchedule {
  /** Milliseconds before the second try. */
  first: number
  /** The longest wait, in milliseconds. */
  max: number
}

/** A far end may ask us to wait, but not for longer than this. */
const longestRetryAfter = 3_600_000

/**
 * Milliseconds to wait after `tries` tries (1 or more): doubles from `first` to `max`, with up to a fifth taken off or put on
 * so that mail deferred together does not come back together. `retryAfter` is honoured as a floor, up to an hour.
 * @param dice a number in [0, 1)
 */
export function backoff(schedule: RetrySchedule, tries: number, dice: number, retryAfter = 0): number {
  const grown = Math.min(schedule.max, schedule.first * 2 ** Math.min(tries - 1, 30))
  const jittered = Math.round(grown * (0.8 + 0.4 * dice))
  return Math.max(jittered, Math.min(Math.max(retryAfter, 0), longestRetryAfter))
}
