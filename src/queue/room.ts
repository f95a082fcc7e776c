/**
 * The room that one provider has for calls: so many under way at once, of which one host behind it gets a part, and behind a relay so
 * many connections. What finds none goes elsewhere or waits; it never holds a place of others for long.
 */
import type { Priority } from '../mail/message.ts'
import { type Comer, Line } from './line.ts'
import { Watch } from './watch.ts'

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
/** The last places are kept from all but the highest priority, so that newsletters that hang leave room for a code. */
const lowerShare = 0.9
/** Where calls end and others begin, a place is free in a moment, and mail waits for it so long. */
const patience = 1_000
/** Where none ended for this long they hang, and nobody waits for them. */
const hangs = 250
/** How long mail is put off where they hang: as long as they have hung already, within these. */
const pause = { least: 250, most: 5_000 }

export class Room {
  /** Mail that waits until it can be taken. */
  readonly line = new Line()
  /** Mail that waits until it is well again. */
  readonly watch = new Watch()
  readonly #settings: RoomSettings
  readonly #places: Gate
  readonly #connections: Gate
  readonly #byHost = new Map<string, number>()
  /** When a place was taken or given back while none was free: since then all hang. */
  #moved = 0

  constructor(settings: RoomSettings) {
    this.#settings = settings
    const { inFlight, connections } = settings
    this.#places = new Gate(inFlight, Number.isFinite(inFlight) ? inFlight - Math.ceil(inFlight * lowerShare) : 0)
    this.#connections = new Gate(connections, 0)
  }

  /** As many calls are under way as may be, though they may end at any moment. */
  isFull(priority: Priority): boolean {
    return this.#places.isFull(priority)
  }

  /** Why mail must wait though the provider is in use: too many calls are under way, or others were before it. */
  crowded(message: Comer, now: number): { reason: string; until: number } | null {
    const hung = this.#places.isFull(message.priority) ? now - this.#moved : 0
    if (hung >= hangs) {
      const until = now + Math.min(Math.max(hung, pause.least), pause.most)
      return { reason: 'has as many calls under way as it may have at once', until }
    }
    const until = this.line.before(message, now)
    return until === null ? null : { reason: 'others wait for it, and go first', until }
  }

  /**
   * Waits a moment for a place, and for a connection where they are bounded; answers what to call when the call has ended. Null: as
   * many are under way as may be, or no connection was free within the time.
   */
  async enter(priority: Priority, domain: string, within: number | null): Promise<(() => void) | null> {
    const { inFlight, byHost, clock } = this.#settings
    const host = byHost ? domain : ''
    const here = this.#byHost.get(host) ?? 0
    if (byHost && here >= Math.ceil(inFlight / hostShare)) return null
    if (this.#places.isFull(priority) && clock() - this.#moved >= hangs) return null
    this.#byHost.set(host, here + 1)
    const [places, connections] = [this.#places, this.#connections]
    if (!places.goesIn(priority) && !(await places.turn(priority, Math.min(within ?? patience, patience)))) {
      return this.#leftHost(host)
    }
    if (places.isFull('normal')) this.#moved = clock()
    const leave = () => {
      this.#leftHost(host)
      places.leave()
      this.#moved = clock()
    }
    if (!connections.goesIn(priority) && !(await connections.turn(priority, within))) {
      leave()
      return null
    }
    return () => {
      connections.leave()
      leave()
    }
  }

  #leftHost(host: string): null {
    const left = this.#byHost.get(host)! - 1
    if (left === 0) this.#byHost.delete(host)
    else this.#byHost.set(host, left)
    return null
  }
}

/** Lets so many in at once; who waits goes by priority, the first to come first. */
class Gate {
  #free: number
  /** Places that only the highest priority may have. */
  readonly #kept: number
  readonly #queues: Record<Priority, (() => void)[]> = { high: [], normal: [], low: [] }

  constructor(places: number, kept: number) {
    this.#free = places
    this.#kept = kept
  }

  isFull(priority: Priority): boolean {
    return this.#free <= (priority === 'high' ? 0 : this.#kept)
  }

  /** Goes in at once, where there is a place. Who is in calls `leave` when it is over. */
  goesIn(priority: Priority): boolean {
    if (this.isFull(priority)) return false
    this.#free--
    return true
  }

  /** Waits to be let in, with its place counted; false when that took too long. @param within null for as long as it takes */
  turn(priority: Priority, within: number | null): Promise<boolean> {
    return turn(this.#queues[priority], within)
  }

  leave(): void {
    this.#free++
    const { high, normal, low } = this.#queues
    const next =
      this.#free > 0 && high.length > 0
        ? high.shift()
        : this.isFull('normal')
          ? undefined
          : (normal.shift() ?? low.shift())
    if (!next) return
    this.#free--
    next()
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
