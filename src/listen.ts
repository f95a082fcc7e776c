/** Listening, and saying in one line why that cannot be. */
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { isIPv6 } from 'node:net'
import type { Config, Listen } from './config.ts'

/** A request is answered within this long of a stop, or its connection is closed. */
const answerWithin = 2_000

/** Why it cannot start, for whoever started it: a store that does not open, an address that cannot be had. */
export class Unready extends Error {
  override name = 'Unready'
}

export const url = (host: string, port: number) => (isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`)

export async function listenHttp({ http }: Config, listener: RequestListener): Promise<Server> {
  const limits = { headersTimeout: 15_000, requestTimeout: 60_000, maxHeaderSize: 16_384 }
  const server = http.tls ? createHttpsServer({ ...limits, ...http.tls }, listener) : createHttpServer(limits, listener)
  await listening(server, http.listen)
  return server
}

/** Closes the door, and the connections once their requests have been answered. */
export function closeHttp(server: Server): Promise<void> {
  return new Promise((closed) => {
    const late = setTimeout(() => server.closeAllConnections(), answerWithin)
    server.close(() => {
      clearTimeout(late)
      closed()
    })
  })
}

/** Says in one line why nobody can listen there, and what to do. @param key of the config */
export function unlistenable(
  key: string,
): (error: NodeJS.ErrnoException & { address?: string; port?: number }) => never {
  return ({ code, message, address = '', port }) => {
    const where = port === undefined ? '' : ` on ${url(address, port)}`
    const why = whyNot[code ?? ''] ?? message
    throw new Unready(`cannot listen${where}: ${why} (${key} in the config)`)
  }
}

const whyNot: Record<string, string> = {
  EADDRINUSE: 'another process, perhaps another Waypost, listens there; stop that one, or choose another address',
  EADDRNOTAVAIL: 'this machine has no such address; choose another',
  EACCES: 'this user may not use that port; choose one above 1023',
  ENOTFOUND: 'there is no such host; choose another address',
}

function listening(server: Server, { host, port }: Listen): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail)
    server.listen(port, host, () => {
      server.off('error', fail)
      done()
    })
  })
}
