/** How much mail may go: so many recipients a second, a minute, an hour, a (UTC) day and a (UTC) month. */
import { endOf, spanOf } from '../mail/period.ts'
import type { Limits, LimitUse } from '../mail/provider.ts'
import type { Count } from '../store/store.ts'
import { type Gone, Window } from './window.ts'

/** Why nothing may go now, and when something may again. */
export interface Refusal {
  reason: string
  until: number
}

/** So much of a limit is used. */
export type Use = Omit<LimitUse, 'host'>

/** What some mail may use up, whatever sets the bound. */
export interface Allowance {
  /** Null when `count` recipients may go. Takes nothing. */
  refusal(count: number, now: number): Refusal | null
  /** How many recipients may go now. */
  room(now: number): number
  /** Counts recipients that go now. */
  take(count: number, now: number): void
  /** Recipients that were taken at that time did not go after all. */
  giveBack(count: number, takenAt: number): void
  /** What the store is to count of recipients that go at a time, so that a restart knows of them. */
  counts(count: number, at: number): Count[]
  uses(now: number): Use[]
  /** Whether it would lose nothing if it were made anew. */
  idle(now: number): boolean
  /** Milliseconds a recipient at the pace of the limits, those of the day and the month aside; 0 without any. */
  pace: number
}

/** Whether these are the words of a refusal: a limit, and nothing else, keeps mail away. */
export function isLimit(reason: string): boolean {
  return /\bat its limit\b|^warming up\b/.test(reason)
}

/** What went before we started, as the store has it. */
export interface Before {
  /** On the UTC day and in the UTC month of that time. */
  at: number
  day: number
  month: number
  /** By the minute, the oldest first, where it was counted so. */
  minutes: readonly Gone[]
}

/** How a limit is told of: `type marketing is` in front, `at gmail` behind. */
export interface Words {
  who?: string
  where?: string
}

const dayLength = 86_400_000
const minuteLength = 60_000
const nothing: readonly string[] = []
const windows = [
  ['perSecond', 1_000, 'a second'],
  ['perMinute', 60_000, 'a minute'],
  ['perHour', 3_600_000, 'an hour'],
] as const

/** Whether recipients under such limits are counted by the minute: a window goes on over a restart, however short. */
export function countsMinutes(limits: Limits): boolean {
  return windows.some(([key]) => limits[key] !== null)
}

/**
 * Limits of all kinds together: never more than the limit in any second, minute or hour, wherever one begins to count; and counters
 * for the day and the month.
 */
export class Limited implements Allowance {
  readonly #what: string
  readonly #words: Required<Words>
  /** What is counted of days that are over is kept in the store. */
  readonly #forGood: boolean
  #limits: Limits
  #windows: Window[] = []
  #day: number
  #usedToday = 0
  /** The month counts as days do, and is looked at only when a day has turned. */
  #month: string
  #usedThisMonth = 0
  /** What the store counts under in the minute that was asked for last: every message asks, and the text of a time costs. */
  #spans = { minute: Number.NaN, names: nothing }

  /**
   * @param what its name in the store
   * @param before what the store counted; null when nothing was
   * @param forGood whether what was counted of a day is worth keeping when it is over
   */
  constructor(
    what: string,
    limits: Limits,
    {
      now,
      before = null,
      forGood = true,
      words: { who = '', where = '' } = {},
    }: { now: number; before?: Before | null; forGood?: boolean; words?: Words },
  ) {
    this.#what = what
    this.#words = { who, where }
    this.#forGood = forGood
    this.#limits = limits
    this.#day = Math.floor(now / dayLength)
    this.#month = spanOf('month', now)
    if (before && Math.floor(before.at / dayLength) === this.#day) this.#usedToday = before.day
    if (before && spanOf('month', before.at) === this.#month) this.#usedThisMonth = before.month
    this.limit(limits)
    for (const window of this.#windows) window.restore(before?.minutes ?? [], now)
  }

  /** Takes over other limits. What went stays counted, as far as it was. */
  limit(limits: Limits): void {
    const old = new Map(this.#windows.map((window) => [window.name, window]))
    this.#limits = limits
    this.#spans = { minute: Number.NaN, names: nothing }
    this.#windows = windows.flatMap(([key, length, name]) => {
      const limit = limits[key]
      const before = old.get(name)
      if (limit === null) return []
      if (before?.limit === limit) return [before]
      const window = new Window(limit, length, name)
      for (const { at, count } of before?.gone() ?? []) window.take(count, at)
      return [window]
    })
  }

  get pace(): number {
    return Math.max(0, ...this.#windows.map((window) => window.pace))
  }

  refusal(count: number, now: number): Refusal | null {
    this.#turn(now)
    const { perDay, perMonth } = this.#limits
    if (perMonth !== null && this.#usedThisMonth + count > perMonth) {
      return this.#refused(perMonth, 'a month', endOf('month', now))
    }
    if (perDay !== null && this.#usedToday + count > perDay) return this.#refused(perDay, 'a day', endOf('day', now))
    let shut: { window: Window; until: number } | null = null
    for (const window of this.#windows) {
      const until = window.opens(count, now)
      if (until > now && (shut === null || until > shut.until)) shut = { window, until }
    }
    return shut && this.#refused(shut.window.limit, shut.window.name, shut.until)
  }

  #refused(limit: number, per: string, until: number): Refusal {
    const { who, where } = this.#words
    return { reason: `${who}at its limit of ${limit} ${per}${where}`, until }
  }

  room(now: number): number {
    this.#turn(now)
    const { perDay, perMonth } = this.#limits
    const left = [
      (perDay ?? Number.POSITIVE_INFINITY) - this.#usedToday,
      (perMonth ?? Number.POSITIVE_INFINITY) - this.#usedThisMonth,
    ]
    return Math.max(Math.min(...left, ...this.#windows.map((window) => window.room(now))), 0)
  }

  take(count: number, now: number): void {
    this.#turn(now)
    this.#usedToday += count
    this.#usedThisMonth += count
    for (const window of this.#windows) window.take(count, now)
  }

  giveBack(count: number, takenAt: number): void {
    if (Math.floor(takenAt / dayLength) === this.#day) this.#usedToday = Math.max(this.#usedToday - count, 0)
    if (spanOf('month', takenAt) === this.#month) this.#usedThisMonth = Math.max(this.#usedThisMonth - count, 0)
    for (const window of this.#windows) window.giveBack(count, takenAt)
  }

  counts(count: number, at: number): Count[] {
    const minute = Math.floor(at / minuteLength)
    if (minute !== this.#spans.minute) this.#spans = { minute, names: this.#spansAt(at) }
    return this.#spans.names.map((span) => ({ span, what: this.#what, amount: count }))
  }

  #spansAt(at: number): string[] {
    const time = new Date(at).toISOString()
    const spans: string[] = []
    if (this.#forGood) spans.push(time.slice(0, 10))
    // The store forgets what has a T in its name within a day or so.
    else if (this.#limits.perDay !== null) spans.push(time.slice(0, 11))
    if (this.#limits.perMonth !== null) spans.push(time.slice(0, 7))
    if (countsMinutes(this.#limits)) spans.push(time.slice(0, 16))
    return spans
  }

  usedToday(now: number): number {
    this.#turn(now)
    return this.#usedToday
  }

  uses(now: number): Use[] {
    this.#turn(now)
    const { perDay, perMonth } = this.#limits
    const uses = this.#windows.map((window): Use => {
      return {
        per: window.name.slice(window.name.indexOf(' ') + 1) as Use['per'],
        used: window.used(now),
        limit: window.limit,
      }
    })
    if (perDay !== null) uses.push({ per: 'day', used: this.#usedToday, limit: perDay })
    if (perMonth !== null) uses.push({ per: 'month', used: this.#usedThisMonth, limit: perMonth })
    return uses
  }

  idle(now: number): boolean {
    return this.uses(now).every(({ used }) => used === 0)
  }

  #turn(now: number): void {
    // Numbers, not `spanOf`: this runs for every provider and every message.
    const day = Math.floor(now / dayLength)
    if (day === this.#day) return
    this.#day = day
    this.#usedToday = 0
    const month = spanOf('month', now)
    if (month !== this.#month) this.#usedThisMonth = 0
    this.#month = month
  }
}
