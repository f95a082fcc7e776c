/** Runs policies side by side, each in a thread of its own, as many at once as the machine has cores for. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Figures } from './tally.ts'
import type { Task, Told } from './thread.ts'

/** Most of what a run leaves behind is gone at once: with room for it, a third less is spent on clearing it away. */
const youngMegabytes = 96

/**
 * @param came told how many more messages came in one of the runs
 * @returns the figures of each task, in their order
 */
export async function runAll(tasks: readonly Task[], came: (messages: number) => void): Promise<Figures[]> {
  const figures: Figures[] = new Array(tasks.length)
  const left = [...tasks.entries()]
  const one = async () => {
    for (let next = left.shift(); next; next = left.shift()) figures[next[0]] = await runOne(next[1], came)
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), tasks.length) }, one))
  return figures
}

function runOne(task: Task, came: (messages: number) => void): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: task,
      resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes, maxOldGenerationSizeMb: 8_192 },
    })
    worker.on('message', (told: Told) => {
      if ('figures' in told) resolve(told.figures)
      else came(told.came)
    })
    worker.on('error', reject)
    worker.on('exit', () => reject(new Error('the thread of a run ended before it had')))
  })
}
