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

/** No longer is anything shut before it is tried again, unless it was told so. */
const longestShut = 10 * 60_000

/**
 * How long something that failed is left alone: `first` milliseconds, doubled with each time it failed again soon after it had
 * recovered, ten minutes at most, and a fifth more or less.
 * @param dice a number in [0, 1)
 */
export function shutFor(first: number, repeats: number, dice: number, longest = longestShut): number {
  return backoff({ first, max: Math.max(longest, first) }, repeats + 1, dice)
}

/** Whether trouble comes soon enough after a recovery to be a repeat: within ten minutes, or ten times as long as it was shut. */
export function isRepeat(sinceRecovery: number, first: number, repeats: number): boolean {
  return sinceRecovery < Math.max(longestShut, 10 * shutFor(first, repeats, 0.5))
}
