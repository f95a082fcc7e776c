/** Runs the command in this process against a small real server that answers as a gateway does. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { run } from '../../src/cli/program.ts'

export interface Asked {
  method: string
  /** With its query. */
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

interface Answer {
  status?: number
  body: unknown
}

/** A server on a free port until the test ends; `answer` says what to each request. */
export async function gateway(test: TestContext, answer: (asked: Asked) => Answer) {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const one = { method: request.method!, path: request.url!, headers: request.headers, body: await buffer(request) }
    asked.push(one)
    const { status = 200, body } = answer(one)
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    response
      .writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
      .end(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** Runs `waypost` with these arguments. */
export async function waypost(
  args: readonly string[],
  given: { input?: string | Uint8Array; tty?: boolean; colour?: boolean; progress?: string[] } = {},
) {
  const out: string[] = []
  const err: string[] = []
  const code = await run(args, {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    progress: (line) => void given.progress?.push(line),
    input: async () => Buffer.from(given.input ?? ''),
    tty: given.tty ?? false,
    colour: given.colour ?? false,
  })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
