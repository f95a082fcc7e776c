/** Mail handed in at an even pace, whatever becomes of it, from a process of its own: to a gateway, or to the loop. */
import type { Providers } from './failing.ts'
import { answering, startHelper } from './helper.ts'
import { letter, loop } from './loop.ts'

interface Job {
  messages: number
  perSecond: number
  to: { gateway: string } | { loop: Providers; timeout: number }
}

/** What whoever handed it in was told. */
interface Told {
  accepted: string[]
  refused: string[]
}

/** Resolves when the last has been answered. */
export async function handIn(job: Job): Promise<Told> {
  const helper = startHelper(import.meta.filename)
  try {
    return await helper.ask(job)
  } finally {
    helper.stop()
  }
}

answering<Job>(async ({ messages, perSecond, to }) => {
  const send = 'gateway' in to ? byHttp(to.gateway) : loop(to.loop, to.timeout)
  const told: Told = { accepted: [], refused: [] }
  const under: Promise<void>[] = []
  const began = performance.now()
  while (under.length < messages) {
    const due = Math.min(messages, Math.floor(((performance.now() - began) * perSecond) / 1000) + 1)
    while (under.length < due) {
      const key = `m${under.length}@example.org`
      under.push(
        send(key).then(
          () => void told.accepted.push(key),
          () => void told.refused.push(key),
        ),
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await Promise.all(under)
  return told
})

function byHttp(url: string) {
  return async (to: string): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ ...letter, to })
    const response = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body })
    await response.arrayBuffer()
    if (response.status !== 202) throw new Error(`answered with ${response.status}`)
  }
}
