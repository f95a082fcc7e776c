/** Time that passes when we say so. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Worker } from 'node:worker_threads'

/** In a thread of its own: whoever rules time rules all of it. */
async function inThread(code: string): Promise<unknown> {
  const from = new URL('../../src/simulate/time.ts', import.meta.url).href
  const text = `const { parentPort } = await import('node:worker_threads')
    const { VirtualTime } = await import('${from}')
    const time = new VirtualTime(1000)
    time.rule()
    const seen = []
    const say = (what) => seen.push([what, time.now()])
    ${code}
    parentPort.postMessage(seen)`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`))
  return new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
}

it('runs timers in the order of their times, what comes from outside between them, and all that follows before the next', async () => {
  const seen = await inThread(`
    setTimeout(() => say('late'), 500)
    setTimeout(async () => {
      say('first')
      clearTimeout(cleared)
      for (let turn = 0; turn < 50; turn++) await null
      say('all of first')
    }, 100)
    setTimeout(() => say('second'), 100)
    const cleared = setTimeout(() => say('never'), 100)
    const every = setInterval(() => { say('every'); if (time.now() > 1600) clearInterval(every) }, 300)
    const coming = [{ at: 1250, run: () => say('outside ' + Date.now()) }]
    await time.pass(() => coming.shift() ?? null, () => false)
  `)
  assert.deepEqual(seen, [
    ['first', 1100],
    ['all of first', 1100],
    ['second', 1100],
    ['outside 1250', 1250],
    ['every', 1300],
    ['late', 1500],
    ['every', 1600],
    ['every', 1900],
  ])
})
