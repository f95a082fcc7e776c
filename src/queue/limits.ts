/** What a provider may be given: so many recipients a second, so many a (UTC) day. */

export interface Limits {
  perSecond: number | null
  perDay: number | null
}

export interface Allowance {
  /** Why nothing may go now and when something may again; null when `count` recipients may go. Takes nothing. */
  refusal(count: number, now: number): { reason: string; until: number } | null
  /** Counts recipients that go now. */
  take(count: number, now: number): void
  usedToday(now: number): number
}

const day = 86_400_000

/** The UTC day of a time, as the store counts usage: `2026-11-25`. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10)
}

/**
 * A token bucket for the second (so a burst of one second's worth at most) and a counter for the day.
 * A call with more recipients than a second's worth goes when the bucket is full, and is paid off afterwards.
 * @param usedToday recipients already handed over today, from the store
 */
export function createAllowance(limits: Limits, usedToday: number, now: number): Allowance {
  const rate = limits.perSecond
  let tokens = rate ?? 0
  let refilled = now
  let today = Math.floor(now / day)
  let used = usedToday

  const refill = (at: number) => {
    if (rate !== null && at > refilled) tokens = Math.min(rate, tokens + ((at - refilled) * rate) / 1000)
    refilled = at
    // Numbers, not `dayOf`: this runs for every provider and every message.
    const thatDay = Math.floor(at / day)
    if (thatDay !== today) {
      today = thatDay
      used = 0
    }
  }
  return {
    refusal(count, at) {
      refill(at)
      if (limits.perDay !== null && used + count > limits.perDay) {
        return { reason: `at its limit of ${limits.perDay} a day`, until: (Math.floor(at / day) + 1) * day }
      }
      const wanted = rate === null ? 0 : Math.min(count, rate)
      if (rate !== null && tokens < wanted) {
        return { reason: `at its limit of ${rate} a second`, until: at + Math.ceil(((wanted - tokens) / rate) * 1000) }
      }
      return null
    },
    take(count, at) {
      refill(at)
      used += count
      if (rate !== null) tokens -= count
    },
    usedToday(at) {
      refill(at)
      return used
    },
  }
}
