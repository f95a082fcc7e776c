/**
 * The gateway's time. It is the wall clock's at the start and goes on with the monotonic clock; where the wall clock differs later,
 * it follows at a tenth of its pace: a clock that is set by an hour is met after ten, and until then no second is skipped, repeated
 * or lasts much longer than one. So whoever sets the clock wrong by years neither expires what waits nor lets it wait for ever, and
 * nobody has to decide which of the two was right. It never goes back.
 */

/** Where time comes from: `Date.now`, `performance.now`, and the machine's age, which also counts while the machine sleeps. */
export interface TimeSources {
  /** Milliseconds since 1970. */
  wall: () => number
  /** Milliseconds that the machine was awake. */
  monotonic: () => number
  /** Seconds since the machine started, asleep or awake. */
  uptime: () => number
}

/** The wall clock was set: by so many milliseconds, against the time that has passed. */
export type ClockSet = (by: number) => void

/** A step of the wall clock smaller than this is its ordinary correction. */
const step = 5_000
/** How much faster or slower than real the time goes while it follows. */
const pace = 0.1

/** @returns the time in whole milliseconds since 1970; each call is a look at the clocks, so call it at least every minute or so */
export function openClock({ wall, monotonic, uptime }: TimeSources, set: ClockSet): () => number {
  const at = monotonic()
  // `ahead`: what the wall clock is ahead of our time. Kept in an object, whose numbers are written in place: it is asked twenty times
  // for each message, and each number of a closure would be a new object each time.
  const kept = { time: wall(), at, ahead: 0, asleep: uptime() * 1000 - at }

  return () => {
    const now = monotonic()
    const shown = wall()
    let passed = now - kept.at
    kept.at = now
    if (Math.abs(shown - kept.time - passed - kept.ahead) > step) {
      // While the machine sleeps the monotonic clock stands still, and time passes all the same.
      const slept = uptime() * 1000 - now - kept.asleep
      if (slept > 1000) {
        kept.asleep += slept
        passed += slept
      }
      const by = shown - kept.time - passed - kept.ahead
      if (Math.abs(by) > step) set(by)
    }
    const ahead = shown - kept.time - passed
    const follow = Math.max(-passed * pace, Math.min(ahead, passed * pace))
    kept.time += passed + follow
    kept.ahead = ahead - follow
    return Math.floor(kept.time)
  }
}
