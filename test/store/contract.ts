/** What every driver of the store keeps, as one suite. A driver's own test hands in how to open it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext } from 'node:test'
import type { Store } from '../../src/store/store.ts'
import { acceptContract } from './contract-accept.ts'
import { exportContract } from './contract-export.ts'
import { hearContract } from './contract-hear.ts'
import { noticesContract } from './contract-notices.ts'
import { queueContract } from './contract-queue.ts'
import { readContract } from './contract-read.ts'
import { restartContract } from './contract-restart.ts'
import { statsContract } from './contract-stats.ts'
import { steerContract } from './contract-steer.ts'
import { suppressContract } from './contract-suppress.ts'
import { sweepContract } from './contract-sweep.ts'
import { trafficContract } from './contract-traffic.ts'

/** Opens the store that is kept in this directory; opening it again finds what was kept there. */
export type Open = (directory: string) => Promise<Store>
/** An empty store that is closed and removed when the test ends. */
export type Fresh = (test: TestContext) => Promise<Store>

export function contract(name: string, open: Open): void {
  const fresh: Fresh = async (test) => {
    const directory = await temporary(test)
    const store = await open(directory)
    test.after(() => store.close())
    return store
  }
  describe(`${name} keeps the contract`, () => {
    acceptContract(fresh)
    queueContract(fresh)
    steerContract(fresh)
    readContract(fresh)
    suppressContract(fresh)
    hearContract(fresh)
    sweepContract(fresh)
    statsContract(fresh)
    noticesContract(fresh, open)
    exportContract(fresh)
    trafficContract(fresh)
    restartContract(open)
  })
}

/** An empty directory that is removed when the test ends. */
export async function temporary(test: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'waypost-store-'))
  test.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}
