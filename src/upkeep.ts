/** What is looked after now and again: room on the disk, what has had its time, events that wait for their mail, and alerts. */
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import type { openAlarm } from './alarm.ts'
import type { Config } from './config.ts'
import type { Gateway } from './gateway.ts'
import type { Spending } from './standing/spending.ts'
import type { Stats } from './standing/stats.ts'
import type { Store } from './store/store.ts'
import type { Inbound } from './track/inbound.ts'

/** Free disk is looked at this often. */
const diskCheck = 5_000
const sweepEvery = 3_600_000
/** Events that came before their mail was known are looked at this often. */
const parkedCheck = 2_000
/** How often what may need an alert is looked at. */
const watchEvery = 2_000
/** Figures are written down this often: what a process that is killed loses of them. */
const statsEvery = 2_000
/** Mail that waits for a budget looks again this often at most, when money came back to one. */
const reopenEvery = 60_000
/** Messages deleted in one step: mail waits for no longer than that takes. */
const sweepAtOnce = 100
const keepKeys = 24 * 3_600_000

export interface UpkeepParts {
  store: Pick<Store, 'sweep'>
  inbound: Pick<Inbound, 'lookAgain'>
  alarm: Pick<ReturnType<typeof openAlarm>, 'look'>
  standings: { spending: Pick<Spending, 'reopened'>; stats: Pick<Stats, 'flush'> }
  gateway: Pick<Gateway, 'hasten'>
  /** The store's file. */
  path: string
  config: () => Pick<Config, 'http' | 'smtp' | 'keep'>
  clock: () => number
  log: Logger
}

export interface Upkeep {
  /** The disk is nearly full: nothing more may be taken in. */
  diskFull(): boolean
  stop(): void
}

/** Starts it, once the disk has been looked at. */
export async function startUpkeep({
  store,
  inbound,
  alarm,
  standings,
  gateway,
  path,
  config,
  clock,
  log,
}: UpkeepParts): Promise<Upkeep> {
  let diskFull = false
  let stopping = false

  const checkDisk = async () => {
    const { bavail, bsize } = await statfs(dirname(path))
    const { http, smtp } = config()
    // Postfix's rule: room for one and a half of the largest message, and here for what is in flight besides.
    const full = bavail * bsize < Math.max(1.5 * Math.max(http.maxSize, smtp.maxSize), 64 << 20)
    if (full !== diskFull)
      log[full ? 'error' : 'info'](
        { freeBytes: bavail * bsize },
        full ? 'disk nearly full: taking nothing in' : 'disk has room again',
      )
    diskFull = full
  }
  const sweep = async () => {
    try {
      const now = clock()
      const before = { messages: now - config().keep, keys: now - keepKeys, limit: sweepAtOnce }
      while (!stopping && (await store.sweep(before)) === sweepAtOnce);
    } catch (error) {
      log.error({ err: error }, 'sweep failed')
    }
  }
  const lookAgain = () =>
    inbound
      .lookAgain()
      .catch((error) => log.error({ err: error }, 'events that wait for their mail could not be looked at'))

  const timers = [
    setInterval(() => void checkDisk(), diskCheck),
    setInterval(() => void sweep(), sweepEvery),
    setInterval(lookAgain, parkedCheck),
    setInterval(() => void alarm.look(), watchEvery),
    setInterval(() => void standings.stats.flush(), statsEvery),
    setInterval(() => standings.spending.reopened() && gateway.hasten(), reopenEvery),
  ]
  await checkDisk()
  // One that never runs for an hour must forget, too.
  void sweep()
  return {
    diskFull: () => diskFull,
    stop() {
      stopping = true
      for (const timer of timers) clearInterval(timer)
    },
  }
}
