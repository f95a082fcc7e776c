/** One gateway that kills itself at a named point under load, and the next one, which has to make good. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { eventually, waypost, waypostProcess } from '../support/waypost.ts'
import { check, type Verdict } from './check.ts'
import { dice } from './dice.ts'
import { type Mix, newWorld, type World } from './world.ts'

interface Asked {
  /** `point:times`, see `test/support/preload/crash-at.ts`. */
  at: string
  mix: Mix
  seed: number
  /** Makes it a build with a bug, see `test/support/preload/broken-build.ts`. */
  bug?: string
}

/** @throws when the process does not die at the point by SIGKILL */
export async function crashed({ at, mix, seed, bug }: Asked): Promise<Verdict> {
  const world = await newWorld()
  try {
    const dying = await waypostProcess(world.config, world.folder, {
      preload: bug ? 'broken-build.ts' : 'crash-at.ts',
      env: { TEST_CRASH_AT: at, ...(bug ? { TEST_BUG: bug } : {}) },
    })
    const load = world.load(async () => dying, dice(seed), mix)
    const closed = once(dying.process, 'close')
    world.history.write({ what: 'kill' })
    try {
      await eventually(() => dying.process.signalCode !== null || dying.process.exitCode !== null, `killed ${at}`)
    } finally {
      dying.process.kill('SIGKILL')
      await load.stop()
    }
    await closed
    assert.equal(dying.process.signalCode, 'SIGKILL')
    assert.ok(dying.log.includes(`killed ${at.split(':')[0]}`), dying.log.join('\n'))
    return await recovered(world)
  } finally {
    await world.close()
  }
}

/** The next gateway does all it can; the verdict on everything up to then. */
export async function recovered({ config, folder, history, drain }: World): Promise<Verdict> {
  const next = await waypost(config, folder)
  try {
    history.write({ what: 'up' })
    await drain(next)
  } finally {
    await next.stop()
  }
  return check(history.lines())
}
