/**
 * Finds the message that kills the process. What may do that is code that runs on a message's own bytes: converting it, and an
 * adapter writing its request. Before such code runs, the message is marked; after it, the mark is wiped. A mark that is found at
 * the start is the message that the process died with. Mail that was only waiting for an answer is never marked, so a process
 * that is killed from outside blames nobody.
 *
 * A mark need not outlive a power cut, only the process: writing it costs microseconds, not a flush.
 */
import type { Store } from '../store/store.ts'

/** Two places that outlive the process: one for conversions (one at a time), one for code that runs without a break. */
export interface Marks {
  /** Message ids that an earlier process left. */
  left(): string[]
  set(place: 0 | 1, messageId: string): void
  wipe(place: 0 | 1): void
}

/** Deaths after which a message is set aside. */
const deadly = 3
const key = 'deaths'

export class Poison {
  readonly #store: Pick<Store, 'setState'>
  readonly #marks: Marks
  readonly #deaths: Map<string, number>
  #converting: Promise<unknown> = Promise.resolve()

  private constructor(store: Pick<Store, 'setState'>, marks: Marks, deaths: Map<string, number>) {
    this.#store = store
    this.#marks = marks
    this.#deaths = deaths
  }

  /** Counts what an earlier process died with, on top of what the ones before it did. */
  static async open(store: Pick<Store, 'state' | 'setState'>, marks: Marks): Promise<Poison> {
    const before = ((await store.state(key)) ?? {}) as Record<string, number>
    const left = new Set(marks.left())
    const deaths = new Map(Object.entries(before))
    for (const id of left) deaths.set(id, (deaths.get(id) ?? 0) + 1)
    if (left.size > 0) await store.setState(key, Object.fromEntries(deaths))
    marks.wipe(0)
    marks.wipe(1)
    return new Poison(store, marks, deaths)
  }

  /** Whether the process died with this message so often that it must not be tried again. */
  isDeadly(messageId: string): boolean {
    return (this.#deaths.get(messageId) ?? 0) >= deadly
  }

  /** Starts counting anew, once the message is set aside: whoever releases it wants it tried. */
  async forgive(messageId: string): Promise<void> {
    if (this.#deaths.delete(messageId)) await this.#store.setState(key, Object.fromEntries(this.#deaths))
  }

  /** Runs a conversion, one at a time: they only compute, so nothing is lost by that. */
  convert<T>(messageId: string, work: () => Promise<T>): Promise<T> {
    const result = this.#converting.then(async () => {
      this.#marks.set(0, messageId)
      try {
        return await work()
      } finally {
        this.#marks.wipe(0)
      }
    })
    this.#converting = result.catch(() => {})
    return result
  }

  /** Runs the part of a call that comes before its first wait. */
  call<T>(messageId: string, work: () => T): T {
    this.#marks.set(1, messageId)
    try {
      return work()
    } finally {
      this.#marks.wipe(1)
    }
  }
}
