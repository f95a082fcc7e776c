/**
 * The libraries that Waypost is made of, put together plainly, in a process of its own: Hono and zod take a message in, one table of
 * SQLite keeps it before it is answered, undici hands it to a vendor, the table is told. There are no routes, reasons, events,
 * retries, leases or keys: what Waypost costs beyond it is the price of those.
 */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { Pool } from 'undici'
import { message } from '../../src/accept/message-schema.ts'
import { newId } from '../../src/mail/id.ts'
import { temporaryFolder } from './cleanup.ts'
import { answering, startHelper } from './helper.ts'
import type { PlainCall } from './plain-store.ts'

export interface Plain {
  pid: number
  url: string
  stop(): void
}

/** @param sink port of the vendor; null keeps what comes */
export async function startPlain(sink: number | null): Promise<Plain> {
  const { folder, discard } = temporaryFolder()
  const helper = startHelper(import.meta.filename)
  const { pid, port }: { pid: number; port: number } = await helper.ask({ folder, sink })
  return {
    pid,
    url: `http://127.0.0.1:${port}`,
    stop() {
      helper.stop()
      discard()
    },
  }
}

answering<{ folder: string; sink: number | null }>(({ folder, sink }) => {
  const store = new Store(join(folder, 'plain.db'))
  const vendor = sink === null ? null : new Pool(`http://127.0.0.1:${sink}`, { connections: 50, pipelining: 1 })
  const app = new Hono()
  app.post('/v1/messages', async (c) => {
    const parsed = message.safeParse(await c.req.json())
    if (!parsed.success) return c.json(parsed.error.issues, 422)
    const id = newId('msg', Date.now())
    const body = JSON.stringify(parsed.data)
    await store.call(['keep', id, body])
    if (vendor !== null) void send(vendor, id, body)
    return c.json({ id }, 202)
  })

  async function send(to: Pool, id: string, body: string): Promise<void> {
    const headers = { 'content-type': 'application/json', authorization: 'Bearer re_bench', 'idempotency-key': id }
    const answer = await to.request({ path: '/emails', method: 'POST', headers, body })
    const { id: vendors } = (await answer.body.json()) as { id: string }
    await store.call(['sent', id, vendors])
  }

  return new Promise<{ pid: number; port: number }>((resolve) => {
    serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => resolve({ pid: process.pid, port }))
  })
})

/** What comes during one commit is the next. */
class Store {
  readonly #thread: Worker
  #calls: PlainCall[] = []
  #gathering: (() => void)[] = []
  #committing: (() => void)[] = []

  constructor(path: string) {
    this.#thread = new Worker(new URL('./plain-store.ts', import.meta.url), { workerData: path })
    this.#thread.on('message', () => {
      const committed = this.#committing
      this.#committing = []
      if (this.#calls.length > 0) this.#post()
      for (const done of committed) done()
    })
  }

  call(call: PlainCall): Promise<void> {
    return new Promise((resolve) => {
      this.#calls.push(call)
      this.#gathering.push(resolve)
      if (this.#calls.length === 1) setImmediate(() => this.#committing.length === 0 && this.#post())
    })
  }

  #post(): void {
    if (this.#calls.length === 0) return
    this.#thread.postMessage(this.#calls)
    this.#committing = this.#gathering
    this.#calls = []
    this.#gathering = []
  }
}
