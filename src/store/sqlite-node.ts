/** The store in a SQLite file on this machine; the database itself lives in a thread of its own (`sqlite-thread.ts`). */
import { Worker } from 'node:worker_threads'
import { Parcel } from './database.ts'
import { type Caller, storeOver } from './sqlite.ts'
import type { FileOptions } from './sqlite-open.ts'
import type { Answered, Posted, PostedAnswer, PostedCall, Reply } from './sqlite-thread.ts'
import { type Store, StoreFull, StoreUnavailable } from './store.ts'

export interface SqliteOptions {
  /** The file; it and its directories are created where missing. */
  path: string
  /** The database file never grows above so many pages of 16 KiB: a quota. */
  maxPages?: number
}

/**
 * Opens the store in this file, for this process alone.
 * @throws StoreUnavailable saying which file, what is wrong and what to do: another process has it, it is damaged, it is newer
 *   than this program, it cannot be written
 */
export async function openSqlite({ path, maxPages }: SqliteOptions): Promise<Store> {
  const options: FileOptions = { path, maxPages: maxPages ?? null }
  const writer = new Writer(new Worker(new URL('./sqlite-thread.ts', import.meta.url), { workerData: options }))
  await writer.opened
  return storeOver({ call: writer.call.bind(writer) as Caller['call'], close: () => writer.close() })
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

/**
 * So many calls are worth a commit of their own. A commit costs as much as seven messages whatever is in it: what comes while one is
 * made gathers here, until that is answered or so many have come.
 */
const worthwhile = 10

/** This side of the thread: gathers calls into posts, and hands the answers out in the same order. */
class Writer {
  readonly opened: Promise<void>
  readonly #worker: Worker
  /** JSON of the calls not yet posted, each a `PostedCall`. */
  #calls: string[] = []
  #texts: string[] = []
  #bytes: Uint8Array[] = []
  /** Those that wait for their answer, in the order of their calls: what was posted, and then what is in `#calls`. */
  #waiting: Pending[] = []
  #postsSoon = false
  #gone: StoreUnavailable | null = null
  #closed: Promise<void> | null = null

  constructor(worker: Worker) {
    this.#worker = worker
    this.opened = new Promise((resolve, reject) => {
      worker.on('message', (reply: Reply) => {
        if ('answers' in reply) this.#settle(reply)
        else if ('opened' in reply) resolve()
        else reject(new StoreUnavailable(reply.refused))
      })
      worker.on('error', (error) => this.#lose(new StoreUnavailable(`the store's writer died: ${error.message}`)))
      worker.on('exit', () => {
        this.#lose(new StoreUnavailable(this.#closed ? 'the store is closed' : "the store's writer ended by itself"))
        reject(this.#gone)
      })
    })
  }

  call(verb: PostedCall[0], ...args: unknown[]): Promise<unknown> {
    if (this.#gone || this.#closed) return Promise.reject(this.#gone ?? new StoreUnavailable('the store is closed'))
    return new Promise((resolve, reject) => {
      const text = typeof args.at(-1) === 'string' ? (args.pop() as string) : null
      const bytes = args.at(-1) instanceof Uint8Array ? (args.pop() as Uint8Array) : null
      this.#calls.push(JSON.stringify([verb, args, bytes?.length ?? null, text !== null] satisfies PostedCall))
      if (text !== null) this.#texts.push(text)
      if (bytes) this.#bytes.push(bytes)
      this.#waiting.push({ resolve, reject })
      this.#gathered()
    })
  }

  /** Answers what was asked before, then closes. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      if (this.#gone) return resolve()
      this.#worker.once('exit', () => resolve())
      this.#post()
      this.#worker.postMessage(null)
    })
    return this.#closed
  }

  /**
   * Posts at once what is worth a commit and no less than what the thread has: a turn that reads from many sockets hears of no
   * answer until it ends, and the thread would stand still for as long. What is less leaves at the turn's end, when the thread
   * has nothing.
   */
  #gathered(): void {
    if (this.#calls.length >= Math.max(worthwhile, this.#underWay)) return this.#post()
    if (this.#underWay > 0 || this.#postsSoon) return
    this.#postsSoon = true
    setImmediate(() => {
      this.#postsSoon = false
      if (this.#underWay === 0) this.#post()
    })
  }

  /** How many calls the thread has. */
  get #underWay(): number {
    return this.#waiting.length - this.#calls.length
  }

  #post(): void {
    if (this.#calls.length === 0 || this.#gone) return
    // One buffer for all: the thread gets it without another copy, and no pooled buffer drags its neighbours along.
    const bytes = Buffer.allocUnsafeSlow(this.#bytes.reduce((size, part) => size + part.length, 0))
    let at = 0
    for (const part of this.#bytes) {
      bytes.set(part, at)
      at += part.length
    }
    const posted: Posted = { calls: `[${this.#calls.join()}]`, texts: this.#texts, bytes }
    this.#calls = []
    this.#texts = []
    this.#bytes = []
    this.#worker.postMessage(posted, [bytes.buffer])
  }

  #settle({ answers, bytes }: Answered): void {
    const posted: PostedAnswer[] = JSON.parse(answers)
    const settled = this.#waiting.splice(0, posted.length)
    if (this.#calls.length > 0) this.#gathered()
    for (const [at, answer] of posted.entries()) {
      if ('error' in answer) settled[at]!.reject(revive(answer.error))
      else if ('parcel' in answer) settled[at]!.resolve(new Parcel(answer.parcel, bytes.splice(0, answer.bytes)))
      else settled[at]!.resolve(answer.value)
    }
  }

  #lose(reason: StoreUnavailable): void {
    this.#gone ??= reason
    for (const pending of this.#waiting.splice(0)) pending.reject(this.#gone)
  }
}

/** Errors lose their class on the way between threads. */
function revive({ name, message }: { name: string; message: string }): Error {
  if (name === 'StoreFull') return new StoreFull(message)
  if (name === 'StoreUnavailable') return new StoreUnavailable(message)
  if (name === 'RangeError') return new RangeError(message)
  return new Error(message)
}
