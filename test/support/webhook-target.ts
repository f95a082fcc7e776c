/** The far end of webhooks: a server that keeps what it was posted, and answers as it is told. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export interface Posted {
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export interface WebhookTarget {
  url: string
  port: number
  posted: Posted[]
  /** What is answered from now on. */
  answer: (response: ServerResponse, posted: Posted) => void
  close(): Promise<void>
}

export const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(code, headers).end('thanks')

export async function webhookTarget(
  answer: WebhookTarget['answer'] = status(204),
  host = '127.0.0.1',
  at = 0,
): Promise<WebhookTarget> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece) => pieces.push(piece))
    request.on('end', () => {
      const posted = { path: request.url!, headers: request.headers, body: Buffer.concat(pieces).toString() }
      target.posted.push(posted)
      target.answer(response, posted)
    })
    request.on('error', () => {})
  })
  server.listen(at, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const target: WebhookTarget = {
    url: `http://${host}:${port}/`,
    port,
    posted: [],
    answer,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return target
}

/** What was posted, as the standard's own library reads it. @throws when the signature is wrong */
export function verified({ body, headers }: Posted, secret: string): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>)
}
