/**
 * Time that passes when we say so. The engine waits by the clock that it is handed and by timers (opossum's, those of an attempt's
 * deadline, of a place that is waited for, of the pump's sleep); in a thread of its own both can be ours, so that the same code runs
 * through a month in seconds. Nothing of the engine knows.
 */

interface Timer {
  at: number
  /** Of two that are due together, the one that was set first goes first. */
  order: number
  /** Null once it was cleared or has run. */
  run: (() => void) | null
  /** Milliseconds between two runs; null for once. */
  every: number | null
}

/** So many steps, and then what else the process has to do gets its turn. */
const stepsAtOnce = 2_000

export class VirtualTime {
  #now: number
  #order = 0
  readonly #timers = new Heap<Timer>((a, b) => a.at - b.at || a.order - b.order)

  /** @param from epoch milliseconds */
  constructor(from: number) {
    this.#now = from
  }

  readonly now = (): number => this.#now

  /** Takes the place of this thread's clock and timers, for good: only for a thread that does nothing else. */
  rule(): void {
    const set =
      (every: boolean) =>
      (run: (...given: unknown[]) => void, wait?: number, ...given: unknown[]) =>
        this.#set(() => run(...given), Math.max(1, Math.trunc(wait ?? 1)), every)
    const clear = (handle: unknown) => (handle as Handle | undefined)?.clear()
    Object.assign(globalThis, {
      setTimeout: set(false),
      setInterval: set(true),
      clearTimeout: clear,
      clearInterval: clear,
    })
    Date.now = this.now
  }

  /** Runs something after so many milliseconds. */
  after(wait: number, run: () => void): void {
    this.#set(run, wait, false)
  }

  #set(run: () => void, wait: number, every: boolean): Handle {
    const timer: Timer = { at: this.#now + wait, order: this.#order++, run, every: every ? wait : null }
    this.#timers.push(timer)
    return new Handle(timer)
  }

  /**
   * Lets time pass, step by step: each runs one timer, or what comes from outside when that is due first, and waits until all that
   * follows from it at that moment has happened.
   * @param next when something comes from outside, and what; null when nothing more does
   * @param over asked when nothing comes from outside any more: whether all is done
   */
  pass(next: () => { at: number; run: () => void } | null, over: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let steps = 0
      let coming = next()
      const step = () => {
        try {
          const timer = this.#first()
          if (coming === null && (timer === undefined || over())) return resolve()
          if (coming !== null && (timer === undefined || coming.at <= timer.at)) {
            const { at, run } = coming
            this.#now = Math.max(this.#now, at)
            run()
            coming = next()
          } else this.#run(timer!)
        } catch (error) {
          return reject(error)
        }
        // A tick that is asked for among the promises' work comes when all of that is done, and sooner than any other turn.
        if (++steps % stepsAtOnce === 0) setImmediate(step)
        else queueMicrotask(() => process.nextTick(step))
      }
      step()
    })
  }

  #first(): Timer | undefined {
    for (let first = this.#timers.first(); first; first = this.#timers.first()) {
      if (first.run !== null) return first
      this.#timers.pop()
    }
  }

  #run(timer: Timer): void {
    this.#timers.pop()
    this.#now = timer.at
    const run = timer.run!
    if (timer.every === null) timer.run = null
    else {
      timer.at += timer.every
      timer.order = this.#order++
      this.#timers.push(timer)
    }
    run()
  }
}

/** What a timer is cleared by. Nothing keeps this thread alive but its work, so there is nothing to hold or let go. */
class Handle {
  readonly #timer: Timer

  constructor(timer: Timer) {
    this.#timer = timer
  }

  clear(): void {
    this.#timer.run = null
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

/** The least of many, first. */
export class Heap<Item> {
  readonly #items: Item[] = []
  readonly #compare: (a: Item, b: Item) => number

  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#items.length
  }

  first(): Item | undefined {
    return this.#items[0]
  }

  push(item: Item): void {
    const items = this.#items
    let place = items.length
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (this.#compare(items[parent]!, item) <= 0) break
      items[place] = items[parent]!
      place = parent
    }
    items[place] = item
  }

  pop(): Item | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return first
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#compare(items[child + 1]!, items[child]!) < 0) child++
      if (this.#compare(last, items[child]!) <= 0) break
      items[place] = items[child]!
      place = child
    }
    items[place] = last
    return first
  }
}
