/**
 * SIGTERM under load: `node test/history/stops.ts [stops] [messages each] [seed]`. Prints how far it is, the verdict of the checker,
 * and ends with 0 or 1: a stop loses nothing and doubles nothing, whatever the type allows, and ends with 0 within 30 seconds.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { eventually, type Waypost, type WaypostProcess, waypost, waypostProcess } from '../support/waypost.ts'
import { check, summary, type Verdict } from './check.ts'
import { dice, newSeed } from './dice.ts'
import { newWorld } from './world.ts'

interface Asked {
  stops: number
  /** Taken in before each stop. */
  messages: number
  seed: number
  progress?: (stop: number, acknowledged: number) => void
}

/** How long a stop may take. */
const limit = 30_000

/** @throws when the process does not end with 0, and in time */
async function terminate({ process }: WaypostProcess): Promise<void> {
  const gone = once(process, 'exit')
  process.kill('SIGTERM')
  assert.deepEqual(await Promise.race([gone, pause(limit, 'it still runs', { ref: false })]), [0, null])
}

export async function stopAgainAndAgain({ stops, messages, seed, progress }: Asked): Promise<Verdict> {
  const random = dice(seed)
  const world = await newWorld()
  let gateway: Waypost | undefined
  try {
    for (let stop = 0; stop < stops; stop++) {
      const process = await waypostProcess(world.config, world.folder)
      gateway = process
      const load = world.load(async () => process, dice(seed + stop), { clients: 16 })
      await eventually(() => load.acknowledged() >= messages, `stop ${stop}: ${messages} taken in`, 300_000)
      await pause(random() * 20)
      progress?.(stop, load.acknowledged())
      await terminate(process)
      await load.stop()
    }
    gateway = await waypost(world.config, world.folder)
    await world.drain(gateway)
    return check(world.history.lines())
  } finally {
    await gateway?.stop()
    await world.close()
  }
}

/** Nobody is past hand-over when a stop has waited for every answer. */
export function clean({ lost, doubled, phantom, pastHandOver }: Verdict): boolean {
  return lost.length + doubled.length + phantom.length + pastHandOver === 0
}

if (import.meta.main) {
  const [stops = 50, messages = 500, seed = newSeed()] = process.argv.slice(2).map(Number)
  console.log(`seed ${seed}`)
  const verdict = await stopAgainAndAgain({
    stops,
    messages,
    seed,
    progress: (stop, acknowledged) => console.log(`stop ${stop + 1} of ${stops}, after ${acknowledged}`),
  })
  console.log(`${clean(verdict) ? 'holds' : 'BROKEN'}: ${summary(verdict)}`)
  process.exitCode = clean(verdict) ? 0 : 1
}
