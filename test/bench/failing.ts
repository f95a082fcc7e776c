/**
 * Three vendors that fail by a seed, in a process of their own: for a while each is in a mood that is drawn for it, then in another,
 * and at last all are well. They are those of `test/history/vendors.ts`.
 */
import { dice } from '../history/dice.ts'
import { type Mood, type Moody, moods, moodyVendors } from '../history/vendors.ts'
import { answering, now, startHelper } from './helper.ts'

/** What a config says of each. */
export type Providers = Record<string, Moody['provider']>

/** Times by `now()`. */
export interface Seen {
  recovered: number
  /** Every copy: whose it is, and when it was taken. */
  copies: { key: string; at: number }[]
  /** Calls that came while their vendor was down, silent, or refused everybody. */
  wasted: number
}

export interface Failing {
  providers: Providers
  /** From now on they fail; resolves when they are well again. @param milliseconds how long */
  fail(milliseconds: number): Promise<void>
  seen(): Promise<Seen>
  stop(): void
}

export async function startFailing(seed: number): Promise<Failing> {
  const helper = startHelper(import.meta.filename)
  return {
    providers: await helper.ask({ start: seed }),
    fail: (milliseconds) => helper.ask({ fail: milliseconds }),
    seen: () => helper.ask({ seen: true }),
    stop: () => helper.stop(),
  }
}

const phases = 10
/** More than one in three is a good one. */
const drawn: readonly Mood[] = [...moods, 'well', 'well', 'well']

const lifeless: readonly Mood[] = ['down', 'silent']

let vendors: Moody[] = []
let seed = 0
const copies: Seen['copies'] = []
/** By vendor, and by the wall clock as its calls are. */
const dead: { vendor: Moody; from: number; to: number }[] = []
let recovered = 0

answering<{ start: number } | { fail: number } | { seen: true }>(async (question) => {
  if ('start' in question) {
    seed = question.start
    const notes = {
      write: (line: { what: string; key?: string }) => {
        if (line.what === 'delivered') copies.push({ key: line.key!, at: now() })
      },
    }
    vendors = await moodyVendors(notes, dice(seed))
    return Object.fromEntries(vendors.map(({ name, provider }) => [name, provider]))
  }
  if ('fail' in question) return fail(question.fail / phases)
  const wasted = dead.reduce(
    (sum, { vendor, from, to }) => sum + vendor.calls.filter((at) => at >= from && at < to).length,
    0,
  )
  return { recovered, copies, wasted } satisfies Seen
})

/** The moods are the seed's, whoever calls and however often. */
async function fail(phase: number): Promise<void> {
  const random = dice(seed + 1)
  const began = performance.now()
  for (let at = 1; at <= phases; at++) {
    const from = Date.now()
    // At last nobody takes anything, so that there is something to come back from.
    const choice = at === phases ? lifeless : drawn
    for (const vendor of vendors) vendor.mood = choice[Math.floor(random() * choice.length)]!
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + at * phase - performance.now())))
    for (const vendor of vendors) {
      if (vendor.mood === 'down' || vendor.mood === 'silent' || vendor.mood === 'lying')
        dead.push({ vendor, from, to: Date.now() })
    }
  }
  for (const vendor of vendors) vendor.mood = 'well'
  recovered = now()
}
