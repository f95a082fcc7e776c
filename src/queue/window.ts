/** What went within the last second, minute or hour, wherever one looks from. */

/** Recipients that went, at that time at the latest. */
export interface Gone {
  at: number
  count: number
}

/** A window is looked at in so many slices: a slice counts as a whole until its last moment has left the window. */
const slices = 1_000

export class Window {
  readonly limit: number
  /** For people: `a second`. */
  readonly name: string
  /** Milliseconds a recipient. */
  readonly pace: number
  /** So many whole recipients in so many milliseconds: 2.5 a second are 3 in 1.2. */
  readonly #most: number
  readonly #length: number
  readonly #slice: number
  /** By slice, the oldest first: its last moment, and how many went in it. May lie ahead, for a call that is paid off. */
  #gone: Gone[] = []
  #first = 0
  #sum = 0

  /** @param length milliseconds in which `limit` may go */
  constructor(limit: number, length: number, name: string) {
    this.limit = limit
    this.name = name
    this.#most = Math.ceil(limit)
    this.#length = (length * this.#most) / limit
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

  /** How many may go now. */
  room(at: number): number {
    this.#forget(at)
    return Math.max(this.#most - this.#sum, 0)
  }

  /** How many went of late. */
  used(at: number): number {
    this.#forget(at)
    return this.#sum
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

  /** Gives back what was taken at that time, or before: an older one makes room no sooner than it should. */
  giveBack(count: number, takenAt: number): void {
    for (let left = count, place = this.#gone.length - 1; left > 0 && place >= this.#first; place--) {
      const slice = this.#gone[place]!
      if (slice.at - this.#slice >= takenAt) continue
      const part = Math.min(left, slice.count)
      slice.count -= part
      this.#sum -= part
      left -= part
    }
  }

  /**
   * Takes up what went before, the oldest first. What is said to lie ahead, by a clock that has been set since, went just now; and
   * however much it is, it stands in the way for no longer than the window is.
   */
  restore(before: readonly Gone[], now: number): void {
    let room = this.#most
    const counted: Gone[] = []
    for (const { at, count } of before.toReversed()) {
      const part = Math.min(count, room)
      if (part > 0) counted.push({ at: Math.min(at, now), count: part })
      room -= part
    }
    for (const { at, count } of counted.reverse()) this.take(count, at)
  }

  /** What it holds, for another window to take up. */
  gone(): readonly Gone[] {
    return this.#gone.slice(this.#first)
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
