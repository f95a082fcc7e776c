/** What every fake vendor shares: a real HTTP server that answers as told, misbehaves as scripted, and remembers what it took. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** A request as it arrived. */
export interface Asked {
  method: string
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  body: Buffer
}

/** A mail the vendor took, whether or not its answer got through. */
export interface Taken {
  /** The vendor's own id for it. */
  id: string
  /** By address, where it gives each recipient one. */
  ids?: Record<string, string>
  /** Bare addresses: to, cc and bcc. */
  recipients: string[]
  /** Those of them that no other recipient sees. */
  hidden: string[]
  subject: string
  /** As the vendor read it: its own fields, in its own shape. */
  fields: Record<string, unknown>
  asked: Asked
}

export interface Reply {
  status: number
  headers?: Record<string, string>
  body?: string
  /** The mail this reply takes. */
  takes?: Omit<Taken, 'asked'>
  /** Called when the vendor does take it: here it remembers the call, of which nothing is left where it goes wrong before. */
  kept?: () => void
}

/** What goes wrong with the next call. `taken`: the vendor takes the mail all the same. */
export type Behaviour = { taken?: boolean } & (
  | { reply: Reply }
  /** Reads everything and never answers. */
  | { hang: true }
  /** Answers as it would, so many milliseconds later. */
  | { after: number }
  /** A head, then a byte now and again, without end. */
  | { drip: true }
  /**
   * Resets the connection: once that many bytes of the body came; when all of it came; or in the middle of the answer. Nothing
   * can be taken after fewer bytes than all.
   */
  | { reset: number | 'after-body' | 'mid-answer' }
)

export interface FakeVendor {
  /** For `baseUrl`. */
  url: string
  taken: Taken[]
  /** Those of them that its own searches find. */
  found: Taken[]
  /** How many requests came, whatever became of them. */
  calls: number
  /** Queues what goes wrong, one a call; after that calls go well again. */
  next(...behaviours: Behaviour[]): void
  /** What goes wrong with every call that `next` says nothing about; null for nothing. */
  always(behaviour: Behaviour | null): void
  /**
   * What goes wrong with a call that neither of these says anything about, chosen by what is asked and the mail that it would have
   * the vendor take: null for a question, a token, or a call that the vendor recognises.
   */
  depending(choose: (asked: Asked, mail: Reply['takes'] | null) => Behaviour | null): void
  /** How far its searches are behind: what it takes is found once that is resolved, at once where it is null. */
  lagging(until: (taken: Taken) => Promise<void> | null): void
  close(): Promise<void>
}

/**
 * Starts a fake vendor on a free port of the loopback. `desk` reads a request and says what the vendor would; `took` is told of
 * what the vendor's searches find, which is all that it took, before it answers, unless they lag. Paths that are `aside` (where a token is fetched) always go well, and count for nothing.
 */
export async function fakeVendor(
  desk: (asked: Asked) => Reply | Promise<Reply>,
  took: (taken: Taken) => void = () => {},
  aside: (path: string) => boolean = () => false,
): Promise<FakeVendor> {
  const script: Behaviour[] = []
  let always: Behaviour | null = null
  let depends: (asked: Asked, mail: Reply['takes'] | null) => Behaviour | null = () => null
  let lag: (taken: Taken) => Promise<void> | null = () => null
  const server = createServer((request, response) => {
    const scripted = !aside(new URL(request.url ?? '/', 'http://vendor.test').pathname)
    if (scripted) vendor.calls++
    void serve(request, response, scripted ? (script.shift() ?? always) : null).catch(() => response.destroy())
  })

  async function serve(request: IncomingMessage, response: ServerResponse, told: Behaviour | null) {
    if (told && 'reset' in told && typeof told.reset === 'number') return resetAfter(request, told.reset)
    const asked = await read(request)
    const reply = await desk(asked)
    const wrong = told ?? depends(asked, reply.takes ?? null)
    if (reply.takes && (wrong === null || wrong.taken)) {
      const taken = { ...reply.takes, asked }
      vendor.taken.push(taken)
      reply.kept?.()
      const find = () => {
        vendor.found.push(taken)
        took(taken)
      }
      const later = lag(taken)
      if (later) void later.then(find)
      else find()
    }
    if (wrong === null) return answer(response, reply)
    if ('reply' in wrong) return answer(response, wrong.reply)
    if ('after' in wrong) {
      await pause(wrong.after)
      return answer(response, reply)
    }
    if ('drip' in wrong) return drip(response)
    if ('reset' in wrong) {
      if (wrong.reset === 'after-body') return void request.socket.resetAndDestroy()
      response.writeHead(reply.status, {
        'content-type': 'application/json',
        'content-length': '1000',
        ...reply.headers,
      })
      response.write(reply.body || '{"', () => request.socket.resetAndDestroy())
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const vendor: FakeVendor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: [],
    found: [],
    calls: 0,
    next: (...behaviours) => void script.push(...behaviours),
    always: (behaviour) => {
      always = behaviour
    },
    depending: (choose) => {
      depends = choose
    },
    lagging: (until) => {
      lag = until
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return vendor
}

/** A JSON reply. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}

async function read(request: IncomingMessage): Promise<Asked> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const url = new URL(request.url ?? '/', 'http://vendor.test')
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(pieces),
  }
}

function answer(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, reply.headers)
  response.end(reply.body ?? '')
}

function drip(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}

function resetAfter(request: IncomingMessage, bytes: number): void {
  let seen = 0
  const look = (piece?: Buffer) => {
    seen += piece?.length ?? 0
    if (seen >= bytes) request.socket.resetAndDestroy()
  }
  request.on('data', look)
  look()
}
