/**
 * The pump: claims what is due, runs it with bounded concurrency, and sleeps until the next is due or somebody wakes it.
 *
 * Priority: `claim` answers the higher first, and the last slots are kept from the lower, so that a flood of newsletters that
 * all hang at one vendor still leaves room for a code.
 */
import type { Priority } from '../mail/message.ts'
import { atMost, Nap } from '../mail/nap.ts'
import type { Claim, Store } from '../store/store.ts'

export interface PumpParts {
  store: Pick<Store, 'claim' | 'nextDue'>
  clock: () => number
  /** Delivers one claim and settles it. A throw is a bug: reported, and the lease runs out. */
  run: (claim: Claim) => Promise<void>
  failed: (error: unknown, claim: Claim | null) => void
  concurrency: number
  /** Milliseconds a claim is ours before an attempt moves the lease. */
  lease: number
}

export interface Pump {
  /**
   * A place for mail that is being accepted, so that it need not be looked for: while nothing is known to wait, and its priority has
   * room. Null otherwise. Whoever has one starts a claim in it or frees it.
   */
  slot(priority: Priority): { leaseUntil: number; start(claim: Claim): void; free(): void } | null
  /** Something may be due now. Cheap; call it as often as you like. */
  wake(): void
  inFlight(): number
  /** Claims nothing more and resolves when what is in flight has ended, or after `limit` milliseconds. */
  stop(limit: number): Promise<void>
}

/** A wall clock may jump; nothing sleeps longer than this without looking again. */
const longestSleep = 60_000
/** While the lower priorities have used up their slots. */
const whileBusy = 1_000
/** After the store failed to answer. */
const afterFailure = 1_000

export function startPump({ store, clock, run, failed, concurrency, lease }: PumpParts): Pump {
  const share: readonly (readonly [Priority, number])[] = [
    ['low', Math.max(1, Math.floor(concurrency * 0.6))],
    ['normal', Math.max(1, Math.floor(concurrency * 0.9))],
    ['high', concurrency],
  ]
  const nap = new Nap()
  let inFlight = 0
  /** Mail that is due was left waiting, as far as the last look tells. */
  let behind = true
  let idle: (() => void)[] = []

  const free = () => {
    inFlight--
    if (inFlight === 0) {
      for (const resolve of idle) resolve()
      idle = []
    }
    if (behind) nap.wake()
  }

  /** Runs a claim in a place that was taken for it. */
  const start = async (claim: Claim) => {
    try {
      await run(claim)
    } catch (error) {
      failed(error, claim)
    } finally {
      free()
    }
  }

  const emptied = () =>
    new Promise<void>((resolve) => {
      if (inFlight === 0) resolve()
      else idle.push(resolve)
    })

  async function round(): Promise<void> {
    nap.begin()
    const open = share.find(([, limit]) => inFlight < limit)
    behind ||= open?.[0] !== 'low'
    if (!open) return nap.sleep(longestSleep)
    const [priority, limit] = open
    const now = clock()
    const want = limit - inFlight
    const claims = await store.claim({ now, leaseUntil: now + lease, limit: want, priority })
    for (const claim of claims) {
      inFlight++
      void start(claim)
    }
    behind = claims.length === want || priority !== 'low'
    if (behind) {
      // There may be more: at once when slots are free, else when one is. What becomes due meanwhile is looked for every second.
      return claims.length > 0 ? undefined : nap.sleep(whileBusy)
    }
    const due = await store.nextDue()
    const wait = due === null ? longestSleep : Math.min(Math.max(due - clock(), 0), longestSleep)
    return wait === 0 ? undefined : nap.sleep(wait)
  }

  const loop = (async () => {
    while (!nap.ended) {
      try {
        await round()
      } catch (error) {
        failed(error, null)
        nap.begin()
        await nap.sleep(afterFailure)
      }
    }
  })()

  return {
    slot(wanted) {
      const [, most] = share.find(([priority]) => priority === wanted)!
      if (nap.ended || behind || inFlight >= most) return null
      inFlight++
      return { leaseUntil: clock() + lease, start: (claim) => void start(claim), free }
    },
    wake: () => nap.wake(),
    inFlight: () => inFlight,
    async stop(limit) {
      nap.end()
      await atMost(limit, loop.then(emptied))
    },
  }
}
