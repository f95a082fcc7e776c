/** A million messages that wait: what claiming and settling costs then, what it weighs, and how soon mail leaves after a start. */
import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import type { Store } from '../../src/store/store.ts'
import { temporaryFolder } from './cleanup.ts'
import { relayTo, startGateway } from './gateway.ts'
import { now } from './helper.ts'
import { memory } from './processor.ts'
import { fill, settleSome } from './queue.ts'
import type { Amounts, Figures, Measure, Road } from './road.ts'
import { startSink } from './sink.ts'

/** Claimed and settled to see what it costs, after as many that do not count: V8 compiles as it goes. */
const some = 20_000
/** Delivered by the gateway before its memory is read. */
const delivered = 5_000
/** What a waiting message takes on disk, with room for the log beside it. */
const bytesEach = 10_000

const processor: Measure = { unit: 'µs', better: 'less' }

export function backlog({ backlog: count }: Amounts): Road {
  return {
    name: 'backlog',
    about: `${count} messages waiting: claim and settle, memory, first delivery after a start`,
    measures: {
      accept: processor,
      'claim and settle, few waiting': processor,
      'claim and settle, all waiting': processor,
      'of that with few waiting': { unit: '%', better: 'less', target: '120' },
      'memory, at most': { unit: 'MB', better: 'less', target: '512' },
      'first delivery after a start': { unit: 's', better: 'less', target: '10' },
    },
    systems: { waypost: () => measure(count) },
  }
}

async function measure(count: number): Promise<Figures> {
  const temporary = temporaryFolder()
  const { folder } = temporary
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < count * bytesEach) {
    throw new Error(`${count} waiting messages need ${Math.ceil((count * bytesEach) / 1e9)} GB of disk; ask for fewer`)
  }
  const few = await claimAndSettle(join(folder, 'few.db'), 2 * some)
  const all = await claimAndSettle(join(folder, 'waypost.db'), Math.max(count, 2 * some))
  return {
    accept: all.accept,
    'claim and settle, few waiting': few.settle,
    'claim and settle, all waiting': all.settle,
    'of that with few waiting': (all.settle / few.settle) * 100,
    ...(await startOn(temporary)),
  }
}

/** Microseconds of processor for accepting a message so often, and then for each of some deliveries' way through the store. */
async function claimAndSettle(path: string, waiting: number): Promise<{ accept: number; settle: number }> {
  const accept = await opened(path, (store) => cost(waiting, () => fill(store, waiting)))
  // Opened anew: what filling it has left in memory is not of those that wait.
  return opened(path, async (store) => {
    await settleSome(store, some)
    return { accept, settle: await cost(some, () => settleSome(store, some)) }
  })
}

async function opened<T>(path: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openSqlite({ path })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

async function cost(times: number, work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

/** A gateway's start on such a store; the folder goes with it. */
async function startOn(temporary: ReturnType<typeof temporaryFolder>): Promise<Figures> {
  const sink = await startSink({ kind: 'smtp' })
  const began = now()
  const gateway = await startGateway(relayTo(sink.port), temporary)
  try {
    const first = (await sink.took(1)) - began
    await sink.took(delivered)
    return { 'first delivery after a start': first / 1000, 'memory, at most': memory(gateway.pid)?.most ?? null }
  } finally {
    await gateway.stop()
    sink.stop()
  }
}
