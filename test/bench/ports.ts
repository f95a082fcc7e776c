/** Waiting for what listens on this machine. */
import { connect } from 'node:net'

/** How long anything may take to start; only what cannot start takes as long. */
const patience = 120_000

/** Resolves with what `look` sees at last. @throws when that takes too long */
export async function until<Seen>(
  what: string,
  look: () => Seen | undefined | false | Promise<Seen | undefined | false>,
): Promise<Seen> {
  const deadline = performance.now() + patience
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > deadline) throw new Error(`did not happen: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Resolves when a server greets there. */
export async function greets(port: number): Promise<void> {
  await until(
    `something greets on port ${port}`,
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => resolve(false)).on('close', () => resolve(false))
        socket.setTimeout(5_000, () => socket.destroy())
        socket.once('data', () => {
          resolve(true)
          socket.end('QUIT\r\n')
        })
      }),
  )
}
