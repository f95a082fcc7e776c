/**
 * Who looks whether a provider is well again. While it takes nothing but a probe, one mail each time is enough, and a few in case that
 * one has gone by then or is not fit; all the others are told when it is well, and look by themselves only should nobody tell them.
 */

/** So many come back each time. */
const few = 3
/** How long the others wait, at most: who would tell them may have died. Then they come one after the other. */
const longest = 10 * 60_000
const pace = 1
/** Times that are closer than this are one and the same. */
const apart = 500

export class Watch {
  /** When the first of those that are counted looks. */
  #from = 0
  #joined = 0

  /**
   * @param openAt when it may be probed next, in epoch milliseconds
   * @param every how long until it may be probed again should that fail, roughly, in milliseconds: a few more look then, and so on, for
   *   each probe that fails takes its mail away
   * @returns when this mail looks again, which is not before `openAt`
   */
  join(openAt: number, every: number): number {
    if (openAt >= this.#from + Math.min(every, apart)) {
      this.#from = openAt
      this.#joined = 0
    }
    const place = this.#joined++
    const turn = this.#from + Math.floor(place / few) * every
    return Math.max(openAt, Math.min(turn, this.#from + longest + place * pace))
  }
}
