/**
 * For `node --import`: `TEST_CRASH_AT=after-commit:3` kills the process (SIGKILL) the third time it gets to that point. The
 * points are found at the edge, in what is said to SQLite and to the sockets that the gateway opened, so that it is the shipped
 * code that dies. Says where on standard error first, for whoever must know that the point was reached.
 */
import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { aroundSql } from './around-sql.ts'

const [wanted, times = '1'] = (process.env.TEST_CRASH_AT ?? '').split(':')
let left = Number(times)

/** The process ends here when this is the point, and its time has come. */
function reach(point: string): void {
  if (point !== wanted || --left > 0) return
  writeSync(2, `killed ${point}\n`)
  process.kill(process.pid, 'SIGKILL')
  // The signal is on its way to every thread; this one does nothing more.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** What a transaction has done, told by statements that only this step runs. */
const steps = {
  accept: /^INSERT INTO message\b/,
  lease: /^(?:UPDATE|INSERT INTO) delivery\b(?=.*\bdue_at\b)(?=.*\bclaims\b)/s,
  attempt: /^INSERT INTO attempt\b/,
  settle: /^UPDATE attempt SET ended_at\b/,
  hear: /^INSERT INTO heard\b/,
}
const firstOfMessage = /^INSERT INTO (content|message|idempotency)\b/
const beforeCommit = { accept: 'after-insert', settle: 'before-settle', hear: 'in-webhook' } as const
const afterCommit = {
  accept: 'after-commit',
  lease: 'after-lease',
  attempt: 'before-request',
  settle: 'after-settle',
  hear: 'after-webhook',
} as const

const done = new Set<string>()
aroundSql((sql, run) => {
  if (sql.startsWith('BEGIN')) done.clear()
  if (firstOfMessage.test(sql)) reach('after-parse')
  for (const [step, pattern] of Object.entries(steps)) if (pattern.test(sql)) done.add(step)
  if (sql !== 'COMMIT') return run()
  for (const [step, point] of Object.entries(beforeCommit)) if (done.has(step)) reach(point)
  run()
  for (const [step, point] of Object.entries(afterCommit)) if (done.has(step)) reach(point)
})

/** What was written since something was last read on a connection of ours, and whether that is a whole message. */
class Exchange {
  #written = ''

  wrote(bytes: Buffer): void {
    this.#written += bytes.toString('latin1')
  }

  get whole(): boolean {
    if (!this.#written.startsWith('POST ')) return this.#written.includes('\r\n.\r\n')
    const head = this.#written.indexOf('\r\n\r\n')
    const length = /^content-length: (\d+)\r$/im.exec(this.#written)?.[1]
    return head > 0 && this.#written.length >= head + 4 + Number(length)
  }

  read(): void {
    if (this.whole) reach('after-answer')
    this.#written = ''
  }
}

const exchanges = new WeakMap<Socket, Exchange>()
const { connect, _write, _writev, push } = Socket.prototype
type Written = (error?: Error | null) => void

/** Calls back when the kernel has it all, as the socket would: only then has the last byte left. */
function told(socket: Socket, pieces: Buffer[], then: Written): Written {
  const exchange = exchanges.get(socket)
  if (!exchange) return then
  for (const piece of pieces) exchange.wrote(piece)
  return (error) => {
    if (!error && exchange.whole) reach('after-last-byte')
    then(error)
  }
}

Object.assign(Socket.prototype, {
  connect(this: Socket, ...to: never[]) {
    exchanges.set(this, new Exchange())
    return (connect as (...to: never[]) => Socket).apply(this, to)
  },
  _write(this: Socket, piece: Buffer | string, encoding: BufferEncoding, then: Written) {
    return _write.call(this, piece, encoding, told(this, [Buffer.from(piece as string, encoding)], then))
  },
  _writev(this: Socket, pieces: { chunk: Buffer | string; encoding: BufferEncoding }[], then: Written) {
    const bytes = pieces.map(({ chunk, encoding }) => Buffer.from(chunk as string, encoding))
    return _writev!.call(this, pieces, told(this, bytes, then))
  },
  push(this: Socket, piece: Buffer | null, encoding?: BufferEncoding) {
    if (piece !== null) exchanges.get(this)?.read()
    return push.call(this, piece, encoding)
  },
})
