/**
 * kill -9 at random moments under load: `node test/history/kills.ts [kills] [messages] [seed]`. Mail comes in by HTTP and SMTP and
 * leaves by an SMTP relay and an HTTP vendor. Prints how far it is, the verdict of the checker, and ends with 0 or 1.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { eventually, waypostProcess } from '../support/waypost.ts'
import { check, holds, summary, type Verdict } from './check.ts'
import { dice, newSeed } from './dice.ts'
import { newWorld } from './world.ts'

interface Asked {
  kills: number
  messages: number
  seed: number
  progress?: (kill: number, acknowledged: number) => void
  /** Where the history is kept when the verdict is bad. */
  keep?: string
}

export async function killAgainAndAgain({ kills, messages, seed, progress, keep }: Asked): Promise<Verdict> {
  const random = dice(seed)
  const world = await newWorld()
  const start = () => waypostProcess(world.config, world.folder)
  let gateway = start()
  // Dice of their own: in which order clients come to it is nobody’s to repeat.
  const load = world.load(() => gateway, dice(seed + 1), { clients: 24 })
  try {
    await gateway
    for (let kill = 0; kill < kills; kill++) {
      const enough = Math.floor(((kill + random()) * messages) / kills)
      await eventually(() => load.acknowledged() >= enough, `kill ${kill}: ${enough} taken in`, 300_000)
      await pause(random() * 20)
      progress?.(kill, load.acknowledged())
      const dying = await gateway
      world.history.write({ what: 'kill' })
      await dying.kill()
      gateway = start()
      await gateway
      world.history.write({ what: 'up' })
    }
    await eventually(() => load.acknowledged() >= messages, `${messages} taken in`, 300_000)
    await load.stop()
    await world.drain(await gateway)
    const verdict = check(world.history.lines())
    if (keep && !holds(verdict)) copyFileSync(join(world.folder, 'history.jsonl'), keep)
    return verdict
  } finally {
    await load.stop()
    await (await gateway).stop()
    await world.close()
  }
}

if (import.meta.main) {
  const [kills = 200, messages = 100_000, seed = newSeed()] = process.argv.slice(2).map(Number)
  console.log(`seed ${seed}`)
  const began = performance.now()
  const verdict = await killAgainAndAgain({
    kills,
    messages,
    seed,
    keep: `kills-${seed}.jsonl`,
    progress: (kill, acknowledged) => {
      const seconds = Math.round((performance.now() - began) / 1000)
      console.log(`kill ${kill + 1} of ${kills}: ${acknowledged} acknowledged, ${seconds} s`)
    },
  })
  console.log(`${holds(verdict) ? 'holds' : 'BROKEN'}: ${summary(verdict)}`)
  process.exitCode = holds(verdict) ? 0 : 1
}
