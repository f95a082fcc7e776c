/** Suppressing a whole list at a gateway. */
import type { ListedAddress } from './address-list.ts'
import { put } from './api.ts'
import { Failure } from './failure.ts'
import type { GatewayFlags } from './flags.ts'
import { progressBar } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** Where a suppression is at the gateway. */
export function pathOf(email: string): string {
  return `/v1/suppressions/${encodeURIComponent(email)}`
}

/** Requests under way at a time: each is a commit, and the store makes one of those that come together. */
const atOnce = 16

/** Suppresses all of them at the gateway, several at a time. */
export async function putAll(entries: readonly ListedAddress[], flags: GatewayFlags, terminal: Terminal) {
  const bar = progressBar(terminal, entries.length)
  const counts = { added: 0, known: 0 }
  // One for all workers: when one of them fails, it ends for the others too.
  const queue = (function* () {
    yield* entries
  })()
  const workers = Array.from({ length: atOnce }, async () => {
    for (const { email, ...said } of queue) {
      const { created } = await put(flags, pathOf(email), said)
      counts[created ? 'added' : 'known']++
      bar.step()
    }
  })
  const failed = (await Promise.allSettled(workers)).find((end) => end.status === 'rejected')
  bar.end()
  if (failed?.reason instanceof Failure) {
    const done = `${counts.added + counts.known} of ${entries.length} were done; it can be imported again`
    throw new Failure(`${failed.reason.message}\n${done}`)
  }
  if (failed) throw failed.reason
  return counts
}
