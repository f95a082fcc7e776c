/** Ports of this machine, and waiting for what listens on them. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** How long anything may take to start; only what cannot start takes as long. */
const patience = 120_000

/** A port of loopback that was free a moment ago, for those that cannot choose one and tell. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

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
