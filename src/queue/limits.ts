/** What a provider may be given: so many recipients a second, a minute, an hour, and a (UTC) day. */
import type { Count, Store } from '../store/store.ts'

export interface Limits {
  perSecond: number | null
  perMinute: number | null
  perHour: number | null
  perDay: number | null
}

/** What is counted of recipients that go to a provider: by the day, and by the minute where a limit needs it. */
export function countsOf({ name, limits }: { name: string; limits: Limits }, recipients: number, at: number): Count[] {
  const time = new Date(at).toISOString()
  const day = { span: time.slice(0, 10), what: name, amount: recipients }
  return countsMinutes(limits) ? [day, { ...day, span: time.slice(0, 16) }] : [day]
}

/** Whether recipients under such limits are counted by the minute, too. */
export function countsMinutes({ perMinute, perHour }: Pick<Limits, 'perMinute' | 'perHour'>): boolean {
  return perMinute !== null || perHour !== null
}

/** Recipients that were handed over before we started, at that time at the latest. */
export interface Used {
  at: number
  count: number
}

export interface Allowance {
  /** Why nothing may go now and when something may again; null when `count` recipients may go. Takes nothing. */
  refusal(count: number, now: number): { reason: string; until: number } | null
  /** Counts recipients that go now. */
  take(count: number, now: number): void
  usedToday(now: number): number
  /** Milliseconds a recipient at the pace of the limits, that of the day aside; 0 without any. */
  pace: number
}

/** Whether these are the words of a refusal: a limit, and nothing else, keeps mail away. */
export function isLimit(reason: string): boolean {
  return reason.startsWith('at its limit')
}

const day = 86_400_000

/** The UTC day of a time, as the store counts usage: `2026-11-25`. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10)
}

/** The UTC minutes of the last hour, as the store counts usage where it counts by the minute: `2026-11-25T14:03`, and when each ends. */
export function minutesBefore(now: number): { minute: string; end: number }[] {
  const last = Math.floor(now / 60_000)
  return Array.from({ length: 61 }, (_, back) => last - 60 + back).map((minute) => ({
    minute: new Date(minute * 60_000).toISOString().slice(0, 16),
    end: Math.min((minute + 1) * 60_000, now),
  }))
}

/** What went in the last hour, by provider and the oldest first, as far as it was counted by the minute. */
export async function lastHour(store: Pick<Store, 'usage'>, now: number): Promise<Map<string, Used[]>> {
  const used = new Map<string, Used[]>()
  for (const { minute, end } of minutesBefore(now)) {
    for (const [name, count] of Object.entries(await store.usage(minute))) {
      used.set(name, [...(used.get(name) ?? []), { at: end, count }])
    }
  }
  return used
}

/**
 * Never more than the limit in any second, minute or hour, wherever one begins to count; and a counter for the day.
 * A call with more recipients than a window's worth goes when nothing else did in that window, and is paid off afterwards.
 * @param usedToday recipients already handed over today, from the store
 * @param before and those of the last hour, the oldest first, where they are counted
 */
export function createAllowance(
  limits: Limits,
  usedToday: number,
  now: number,
  before: readonly Used[] = [],
): Allowance {
  const windows = [
    new Window(limits.perSecond, 1_000, 'a second'),
    new Window(limits.perMinute, 60_000, 'a minute'),
    new Window(limits.perHour, 3_600_000, 'an hour'),
  ].filter(({ limit }) => limit !== null)
  for (const { at, count } of before) for (const window of windows) window.take(count, at)
  let today = Math.floor(now / day)
  let used = usedToday

  const turnDay = (at: number) => {
    // Numbers, not `dayOf`: this runs for every provider and every message.
    const thatDay = Math.floor(at / day)
    if (thatDay !== today) {
      today = thatDay
      used = 0
    }
  }
  return {
    pace: Math.max(0, ...windows.map((window) => window.pace)),
    refusal(count, at) {
      turnDay(at)
      if (limits.perDay !== null && used + count > limits.perDay) {
        return { reason: `at its limit of ${limits.perDay} a day`, until: (Math.floor(at / day) + 1) * day }
      }
      let refused: { reason: string; until: number } | null = null
      for (const window of windows) {
        const until = window.opens(count, at)
        if (until > at && (refused === null || until > refused.until)) {
          refused = { reason: `at its limit of ${window.limit} ${window.name}`, until }
        }
      }
      return refused
    },
    take(count, at) {
      turnDay(at)
      used += count
      for (const window of windows) window.take(count, at)
    },
    usedToday(at) {
      turnDay(at)
      return used
    },
  }
}

/** A window is looked at in so many slices: a slice counts as a whole until its last moment has left the window. */
const slices = 1_000

/** What went within the last so many milliseconds, wherever one looks from. */
class Window {
  readonly limit: number | null
  readonly name: string
  /** Milliseconds a recipient. */
  readonly pace: number
  /** So many whole recipients in so many milliseconds: 2.5 a second are 3 in 1.2. */
  readonly #most: number
  readonly #length: number
  readonly #slice: number
  /** By slice, the oldest first: its last moment, and how many went in it. May lie ahead, for a call that is paid off. */
  #gone: Used[] = []
  #first = 0
  #sum = 0

  constructor(limit: number | null, length: number, name: string) {
    this.limit = limit
    this.name = name
    this.#most = Math.ceil(limit ?? 1)
    this.#length = (length * this.#most) / (limit ?? 1)
    this.#slice = Math.max(1, Math.floor(this.#length / slices))
    this.pace = this.#length / this.#most
  }

  /** From when on `count` may go, as things are: `at` itself when they may. */
  opens(count: number, at: number): number {
    this.#forget(at)
    let over = this.#sum + Math.min(count, this.#most) - this.#most
    let until = at
    for (let next = this.#first; over > 0; next++) {
      const { at: last, count } = this.#gone[next]!
      over -= count
      until = last + this.#length
    }
    return Math.ceil(until)
  }

  take(count: number, at: number): void {
    // What is more than a window's worth stands in the windows to come.
    for (let left = count, when = at; left > 0; left -= this.#most, when += this.#length) {
      const last = (Math.floor(when / this.#slice) + 1) * this.#slice - 1
      const newest = this.#gone.at(-1)
      const part = Math.min(left, this.#most)
      // A clock that went back, or mail paid off ahead: in order they must stay.
      if (newest && this.#gone.length > this.#first && last <= newest.at) newest.count += part
      else this.#gone.push({ at: last, count: part })
      this.#sum += part
    }
  }

  #forget(at: number): void {
    while (this.#first < this.#gone.length && this.#gone[this.#first]!.at + this.#length <= at) {
      this.#sum -= this.#gone[this.#first++]!.count
    }
    if (this.#first > slices) {
      this.#gone = this.#gone.slice(this.#first)
      this.#first = 0
    }
  }
}
