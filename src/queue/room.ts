/**
 * The room that one provider has for calls: so many under way at once, of which one host behind it gets a part, and behind a relay so
 * many connections. What finds none goes elsewhere or waits; it never holds a place of others.
 */
import type { Priority } from '../mail/message.ts'
import { Line } from './line.ts'

export interface RoomSettings {
  /** Calls under way at once, those that wait for a connection among them. */
  inFlight: number
  /** Connections, where they are bounded. */
  connections: number
  /** Every domain has a host of its own, so that one may hang while the others do not. */
  byHost: boolean
  clock: () => number
}

/** One host gets this share of what may be under way at once. */
const hostShare = 4
/** How long mail waits for a call to end: as long as there has been no room already, within these. */
const pause = { least: 250, most: 5_000 }

export class Room {
  /** Mail that waits until it can be taken. */
  readonly line = new Line()
  readonly #settings: RoomSettings
  #free: number
  #busy = 0
  readonly #busyBy = new Map<string, number>()
  #fullSince = 0
  readonly #queue: Record<Priority, (() => void)[]> = { high: [], normal: [], low: [] }

  constructor(settings: RoomSettings) {
    this.#settings = settings
    this.#free = settings.connections
  }

  /** Why mail must wait though the provider is in use: too many calls are under way, or others were before it. */
  crowded(messageId: string, priority: Priority, now: number): { reason: string; until: number } | null {
    const { inFlight } = this.#settings
    if (this.#busy >= inFlight) {
      const until = now + Math.min(Math.max(now - this.#fullSince, pause.least), pause.most)
      return { reason: `has ${inFlight} calls under way, as many as it may have at once`, until }
    }
    const until = this.line.before(messageId, priority, now)
    return until === null ? null : { reason: 'others wait for it, and go first', until }
  }

  /**
   * Waits for a connection where they are bounded; answers what to call when the call has ended. Null: as many are under way as may
   * be, or no connection was free within the time.
   */
  async enter(priority: Priority, domain: string, within: number | null): Promise<(() => void) | null> {
    const { inFlight, byHost, clock } = this.#settings
    const host = byHost ? domain : ''
    const here = this.#busyBy.get(host) ?? 0
    if (this.#busy >= inFlight || (byHost && here >= Math.ceil(inFlight / hostShare))) return null
    this.#busy++
    this.#busyBy.set(host, here + 1)
    if (this.#busy >= inFlight) this.#fullSince = clock()
    if (this.#free > 0) this.#free--
    else if (!(await turn(this.#queue[priority], within))) {
      this.#leave(host)
      return null
    }
    return () => {
      this.#leave(host)
      const { high, normal, low } = this.#queue
      const next = high.shift() ?? normal.shift() ?? low.shift()
      if (next) next()
      else this.#free++
    }
  }

  #leave(host: string): void {
    this.#busy--
    const left = this.#busyBy.get(host)! - 1
    if (left === 0) this.#busyBy.delete(host)
    else this.#busyBy.set(host, left)
  }
}

/** Stands in a queue until it is called; false when that took too long, and then it is no longer in it. */
function turn(queue: (() => void)[], within: number | null): Promise<boolean> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const called = () => {
      clearTimeout(timer)
      resolve(true)
    }
    queue.push(called)
    if (within === null) return
    timer = setTimeout(() => {
      queue.splice(queue.indexOf(called), 1)
      resolve(false)
    }, within)
  })
}
