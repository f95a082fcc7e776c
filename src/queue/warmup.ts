/**
 * Warming up: a new account is given little mail at first, and more with each day on which it sent, for mailbox hosts trust nobody who
 * comes with a million at once. What is more overflows to others. Days without mail do not count, nor do days with bad signs.
 */
import { endOf, spanOf } from '../mail/period.ts'
import type { Warmup, WarmupView } from '../mail/provider.ts'
import type { Count } from '../store/store.ts'
import type { Allowance, Before, Refusal, Use } from './limits.ts'

/** What is kept over a restart. */
export interface SavedRamp {
  /** Sending days that counted, before the last. */
  days: number
  /** The last sending day, as the store names it. */
  last: string
  /** What went on it, when this was written. */
  used: number
  /** What came in since it began. */
  signs: Signs
}

/** What mailbox hosts and their people said of the mail of a day. */
interface Signs {
  complaints: number
  /** Deferrals and blocks. */
  refused: number
}

/** Hosts begin to block at three complaints in a thousand; a single one says nothing. */
const mostComplaints = 0.003
const fewComplaints = 2
/** Or when a fifth of a day's mail is deferred or blocked, of ten at least. */
const mostRefused = 0.2
const fewRefused = 2

export class Ramp implements Allowance {
  readonly pace = 0
  readonly #what: string
  readonly #warmup: () => Warmup
  readonly #host: string | null
  readonly #changed: () => void
  #days: number
  #last: string | null
  #used: number
  #signs: Signs
  /** The UTC day that `#last` names, as a number: this is asked for every message. */
  #lastAt: number

  /**
   * @param what its name in the store
   * @param warmup the settings of this moment
   * @param host whose mail this is of; null for all
   * @param saved what was kept; null when nothing was sent yet
   * @param before what the store counted
   * @param changed told when what is to be kept has changed
   */
  constructor(
    what: string,
    {
      warmup,
      host,
      saved,
      before,
      changed,
    }: {
      warmup: () => Warmup
      host: string | null
      saved: SavedRamp | null
      before: Before | null
      changed: () => void
    },
  ) {
    this.#what = what
    this.#warmup = warmup
    this.#host = host
    this.#changed = changed
    this.#days = saved?.days ?? 0
    this.#last = saved?.last ?? null
    this.#signs = saved?.signs ?? { complaints: 0, refused: 0 }
    this.#lastAt = saved ? dayNumber(Date.parse(saved.last)) : Number.NaN
    this.#used = saved?.used ?? 0
    // Killed before the day could be kept: what was counted says that it is one.
    if (before && before.day > 0) {
      this.#turn(before.at)
      this.#used = before.day
    }
  }

  refusal(count: number, now: number): Refusal | null {
    const { day, used, limit } = this.#today(now)
    if (this.#isOver(limit) || used + count <= limit) return null
    const where = this.#host === null ? '' : ` at ${this.#host}`
    return {
      reason: `warming up${where}: ${used} of ${limit} on sending day ${day}`,
      until: endOf('day', now),
    }
  }

  room(now: number): number {
    const { used, limit } = this.#today(now)
    return this.#isOver(limit) ? Number.POSITIVE_INFINITY : Math.max(limit - used, 0)
  }

  take(count: number, now: number): void {
    if (dayNumber(now) !== this.#lastAt) {
      this.#turn(now)
      this.#changed()
    }
    this.#used += count
  }

  giveBack(count: number, takenAt: number): void {
    if (dayNumber(takenAt) === this.#lastAt) this.#used = Math.max(this.#used - count, 0)
  }

  counts(count: number, at: number): Count[] {
    return [{ span: spanOf('day', at), what: this.#what, amount: count }]
  }

  uses(now: number): Use[] {
    const { used, limit } = this.#today(now)
    return [{ per: 'day', used, limit }]
  }

  idle(): boolean {
    return false
  }

  /** Somebody complained of its mail, or it was deferred or blocked; `undone`: a deferral that ended well. */
  sign(what: 'complained' | 'refused' | 'undone'): void {
    const { complaints, refused } = this.#signs
    if (what === 'complained') this.#signs = { complaints: complaints + 1, refused }
    else this.#signs = { complaints, refused: Math.max(refused + (what === 'refused' ? 1 : -1), 0) }
    this.#changed()
  }

  /** What is to be kept; null when nothing was sent yet. */
  saved(): SavedRamp | null {
    return this.#last === null ? null : { days: this.#days, last: this.#last, used: this.#used, signs: this.#signs }
  }

  /** How far it is; null when it is over. */
  view(now: number): WarmupView | null {
    const { day, used, limit } = this.#today(now)
    if (this.#isOver(limit)) return null
    return { host: this.#host, day, used, limit, paused: dayNumber(now) === this.#lastAt && this.#isBad() }
  }

  #isOver(limit: number): boolean {
    return limit >= this.#warmup().until
  }

  #today(now: number): { day: number; used: number; limit: number } {
    const sent = dayNumber(now) === this.#lastAt
    const day = (sent ? this.#days : this.#daysBefore(now)) + 1
    const { start, growth } = this.#warmup()
    // What is a whole number but for how numbers are kept is one: 200 and 40 % are 280.
    return { day, used: sent ? this.#used : 0, limit: Math.floor(start * (1 + growth) ** (day - 1) + 1e-6) }
  }

  /** Sending days that count, before a day that is not the last: one that a clock was set back to comes after no other. */
  #daysBefore(now: number): number {
    return this.#days + (dayNumber(now) > this.#lastAt && !this.#isBad() ? 1 : 0)
  }

  #isBad(): boolean {
    const { complaints, refused } = this.#signs
    const of = Math.max(this.#used, 1)
    return (
      (complaints >= fewComplaints && complaints / of > mostComplaints) ||
      (refused >= fewRefused && refused / of > mostRefused)
    )
  }

  #turn(now: number): void {
    if (dayNumber(now) === this.#lastAt) return
    this.#days = this.#daysBefore(now)
    this.#last = spanOf('day', now)
    this.#lastAt = dayNumber(now)
    this.#used = 0
    this.#signs = { complaints: 0, refused: 0 }
  }
}

function dayNumber(at: number): number {
  return Math.floor(at / 86_400_000)
}
