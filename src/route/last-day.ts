/** What was seen of mail in the last 24 hours, by the hour: whole counts, which people can check. Pure: the time is handed in. */
import type { Seen } from '../mail/move.ts'

const hour = 3_600_000
const hours = 24

/** What is kept over a restart. */
export type SavedDay = [hour: number, seen: Seen][]

export class LastDay {
  /** By the hour since the epoch, the oldest first. */
  readonly #hours: Map<number, Seen>

  constructor(saved: SavedDay = []) {
    this.#hours = new Map(saved.map(([at, seen]) => [at, { ...seen }]))
  }

  /** Counts one more. */
  count(what: keyof Seen, now: number): void {
    const at = Math.floor(now / hour)
    let seen = this.#hours.get(at)
    if (!seen) {
      seen = { mails: 0, deferred: 0, complained: 0 }
      for (const old of this.#hours.keys()) if (old <= at - hours) this.#hours.delete(old)
      this.#hours.set(at, seen)
    }
    seen[what]++
  }

  /** All of the present hour and the 23 before. */
  seen(now: number): Seen {
    const since = Math.floor(now / hour) - hours
    const sum: Seen = { mails: 0, deferred: 0, complained: 0 }
    for (const [at, { mails, deferred, complained }] of this.#hours) {
      if (at <= since) continue
      sum.mails += mails
      sum.deferred += deferred
      sum.complained += complained
    }
    return sum
  }

  clear(): void {
    this.#hours.clear()
  }

  saved(): SavedDay {
    return [...this.#hours]
  }
}
