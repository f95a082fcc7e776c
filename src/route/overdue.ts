/**
 * A provider that accepts mail and never delivers it. From what it tells later we learn how long it takes from *accepted* to
 * *delivered*, and how much of its mail it tells of at all; when mail after mail is overdue by far, that is its fault. Pure: times
 * are handed in.
 */

/** Mail that is remembered: a sample, spread so that it reaches back for twice our patience however much is sent. */
const mostKept = 200
/** Overdue one after the other, with none told of in between. */
const enough = 15
/** It takes this many deliveries to know what is usual. */
const learnt = 10
/** A provider that usually tells of less than this share of its mail says nothing by silence. */
const leastTold = 0.6
/** Overdue is what takes eight times as long as nearly all, and ten minutes at least. */
const times = 8
const leastPatience = 10 * 60_000
/** The weights of the newest delivery, and of the newest mail in the share that is told of. */
const newest = 0.05
const newestShare = 0.01
/** Well now is well for this long: nobody looks at every mail. */
const wellFor = 1_000

export class Overdue {
  /** By mail: when it was accepted, and whether it was found overdue. */
  readonly #sample = new Map<string, { at: number; overdue: boolean }>()
  readonly #told: boolean
  #sampledAt = Number.NEGATIVE_INFINITY
  #wellUntil = Number.NEGATIVE_INFINITY
  #deliveries = 0
  /** Mean and variance of the logarithm of the time that deliveries take, moving. */
  #timed = 0
  #mean = 0
  #variance = 0
  /** Mail of the sample that was told of or found overdue, and the share of the former, moving. */
  #judged = 0
  #share = 0
  /** When the newest mail that was told of had been accepted, and how many of those after it are overdue. */
  #toldUpTo = Number.NEGATIVE_INFINITY
  #silent = 0

  /** @param told an earlier process was told of deliveries */
  constructor(told = false) {
    this.#told = told
  }

  /** It has told of a delivery, so that its silence means something. */
  get tells(): boolean {
    return this.#told || this.#deliveries > 0
  }

  /** The provider took this mail. */
  accepted(key: string, at: number): void {
    if (at - this.#sampledAt < (2 * this.#patience()) / mostKept) return
    this.#sampledAt = at
    this.#sample.set(key, { at, overdue: false })
    if (this.#sample.size > mostKept) this.#sample.delete(this.#sample.keys().next().value!)
  }

  /** It told what became of it, for good. */
  ended(key: string, at: number, delivered: boolean): void {
    if (delivered) this.#deliveries++
    const mail = this.#sample.get(key)
    if (!mail) return
    this.#sample.delete(key)
    if (mail.at > this.#toldUpTo) this.#heardUpTo(mail.at)
    this.#judge(1)
    if (delivered) this.#learn(Math.log(Math.max(at - mail.at, 1_000)))
  }

  /** Mail that was accepted then was told of: what is overdue from before it is no longer a silence, but mail that was lost. */
  #heardUpTo(accepted: number): void {
    const over = this.#silent >= enough
    for (const [key, { at, overdue }] of this.#sample) {
      if (at <= this.#toldUpTo || at > accepted) continue
      // A silence that was a fault says nothing about what is usual.
      if (over) this.#sample.delete(key)
      else if (overdue) this.#judge(0)
    }
    this.#toldUpTo = accepted
    this.#silent = 0
    for (const { at, overdue } of this.#sample.values()) if (overdue && at > accepted) this.#silent++
  }

  #learn(time: number): void {
    const weight = Math.max(newest, 1 / ++this.#timed)
    const away = time - this.#mean
    this.#mean += weight * away
    this.#variance = (1 - weight) * (this.#variance + weight * away * away)
  }

  #judge(told: 0 | 1): void {
    this.#share += Math.max(newestShare, 1 / ++this.#judged) * (told - this.#share)
  }

  /** What nearly all deliveries take at most, in milliseconds; null while nobody knows. */
  usual(): number | null {
    return this.#timed < learnt ? null : Math.exp(this.#mean + 1.65 * Math.sqrt(this.#variance))
  }

  #patience(): number {
    return Math.max(times * (this.usual() ?? 0), leastPatience)
  }

  /** Why it is at fault by now, in words; null when it is not. */
  fault(now: number): string | null {
    if (now < this.#wellUntil) return null
    const usual = this.usual()
    const patience = this.#patience()
    for (const mail of this.#sample.values()) {
      if (mail.overdue) continue
      if (now - mail.at <= patience) break
      mail.overdue = true
      if (mail.at > this.#toldUpTo) this.#silent++
      else this.#judge(0)
    }
    if (usual !== null && this.#silent >= enough && this.#share >= leastTold) {
      const minutes = Math.round(patience / 60_000)
      return `it accepts mail and does not deliver it: ${this.#silent} one after the other are not delivered after ${minutes} minutes, where nearly all took ${Math.ceil(usual / 1_000)} s at most`
    }
    this.#wellUntil = now + wellFor
    return null
  }
}
