/** Processes of the benchmark's own: questions go in, answers come back, so that their cost is nobody's whom we measure. */
import { fork } from 'node:child_process'

export interface Helper {
  // biome-ignore lint/suspicious/noExplicitAny: both ends are in one file, where the types are
  ask(question: unknown): Promise<any>
  stop(): void
}

/** Starts `file`, which calls `answering`. */
export function startHelper(file: string): Helper {
  const child = fork(file, ['answer'])
  const asked = new Map<number, PromiseWithResolvers<unknown>>()
  let number = 0
  child.on('message', ({ to, answer, error }: { to: number; answer?: unknown; error?: string }) => {
    const waiting = asked.get(to)!
    asked.delete(to)
    if (error === undefined) waiting.resolve(answer)
    else waiting.reject(new Error(error))
  })
  child.on('exit', () => {
    for (const { reject } of asked.values()) reject(new Error(`${file} ended`))
  })
  return {
    ask(question) {
      const waiting = Promise.withResolvers<unknown>()
      asked.set(++number, waiting)
      child.send({ number, question })
      return waiting.promise
    },
    stop: () => void child.kill(),
  }
}

/** In the helper itself: answers every question; does nothing where the file was merely imported. */
export function answering<Question>(answer: (question: Question) => Promise<unknown>): void {
  if (process.argv[2] !== 'answer' || !process.send) return
  process.on('message', async ({ number, question }: { number: number; question: Question }) => {
    try {
      process.send!({ to: number, answer: await answer(question) })
    } catch (error) {
      process.send!({ to: number, error: (error as Error).stack })
    }
  })
  // Whoever asked is gone.
  for (const end of ['disconnect', 'error']) process.on(end, () => process.exit())
}

/** Milliseconds on a clock that all processes of a machine share (`CLOCK_MONOTONIC`). */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
