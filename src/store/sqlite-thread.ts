/**
 * The writer: the thread that owns the database. A post is a commit, and what gathers on the other side while it runs is the next, so
 * that batches grow with the load and nothing waits for a timer. Nothing is answered before its commit is on the disk.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { forgetStart } from '../memory.ts'
import { Parcel } from './database.ts'
import { type Answer, type Call, commit } from './sqlite.ts'
import type { SqliteFile } from './sqlite-file.ts'
import { type FileOptions, openFile } from './sqlite-open.ts'
import { StoreFull } from './store.ts'

/**
 * Calls as posted: `calls` is JSON of `PostedCall[]`, `bytes` holds the byte arguments of all of them end to end, and `texts` are
 * those that stand last: an envelope, which is JSON itself, would be written and read twice.
 */
export interface Posted {
  calls: string
  texts: string[]
  bytes: Uint8Array
}
/** Behind its other arguments a call has the next `size` bytes, unless that is null, and the next text, if it has one. */
export type PostedCall = [verb: Call['verb'], args: unknown[], size: number | null, text: boolean]

/** Answers in the order of the calls: JSON of `PostedAnswer[]`. */
export interface Answered {
  answers: string
  bytes: Uint8Array[]
}
/** What comes back: first whether the store is open, then answers. */
export type Reply = { opened: true } | { refused: string } | Answered
/** `parcel`: a parcel of that, and of so many of the bytes. */
export type PostedAnswer =
  | { value: unknown }
  | { parcel: unknown; bytes: number }
  | { error: { name: string; message: string } }

/** More calls than this are committed in several steps, so that the first are not kept waiting by the last. */
const longestBatch = 512
/** Pages in the log at which it is moved into the database even under load: 8 MB. */
const longestLog = 512
const idleMs = 200
/** Pages that one sweep returns to the disk at most: 16 MB. */
const mostGivenBack = 1024

const port = parentPort!

function open(): SqliteFile | null {
  try {
    return openFile(workerData as FileOptions)
  } catch (error) {
    port.postMessage({ refused: (error as Error).message } satisfies Reply)
    return null
  }
}

function serve(file: SqliteFile): void {
  /** A sweep freed more than was given back to the disk so far. */
  let freed = false
  const idle = setTimeout(() => {
    if (freed) freed = giveBack(file)
    tend(file, 1)
    if (freed) idle.refresh()
  }, idleMs)
  port.on('message', (posted: Posted | null) => {
    if (posted === null) return end(file, idle)
    const calls = callsIn(posted)
    while (calls.length > 0) {
      const batch = calls.splice(0, longestBatch)
      const answers = answer(file, batch)
      if (batch.some((call) => call.verb === 'sweep')) freed = giveBack(file)
      reply(answers)
      tend(file, longestLog)
    }
    idle.refresh()
  })
  port.postMessage({ opened: true } satisfies Reply)
}

function callsIn({ calls, texts, bytes }: Posted): Call[] {
  let at = 0
  let which = 0
  return (JSON.parse(calls) as PostedCall[]).map(([verb, args, size, text]) => {
    if (size !== null) args.push(bytes.subarray(at, at + size))
    if (text) args.push(texts[which++])
    at += size ?? 0
    return { verb, args }
  })
}

/** Runs a batch. When there is no room, what would bring new mail in is refused and the rest goes on: it makes room. */
function answer(file: SqliteFile, batch: Call[]): Answer[] {
  if (!batch.some(grows) || file.hasRoom()) return commit(file, batch)
  const answers = commit(
    file,
    batch.filter((call) => !grows(call)),
  )
  return batch.map((call) => (grows(call) ? { error: new StoreFull('the store is full') } : answers.shift()!))
}

function grows({ verb }: Call): boolean {
  return verb === 'accept' || verb === 'keep'
}

function reply(answers: Answer[]): void {
  const bytes: Uint8Array[] = []
  const posted = answers.map((answer): PostedAnswer => {
    if ('error' in answer) return { error: { name: answer.error.name, message: answer.error.message } }
    if (!(answer.value instanceof Parcel)) return answer
    bytes.push(...answer.value.bytes)
    return { parcel: answer.value.rest, bytes: answer.value.bytes.length }
  })
  port.postMessage({ answers: JSON.stringify(posted), bytes } satisfies Reply)
}

/** Moves the log into the database once it holds so many pages. A failure there is told by every write from then on. */
function tend(file: SqliteFile, pages: number): void {
  try {
    if (file.backlog() >= pages) file.checkpoint()
  } catch {
    // Recorded by the file itself where it matters; the next write says so.
  }
}

/** Returns what a sweep freed to the disk, a bounded part of it at a time, for other calls wait meanwhile. True: there is more. */
function giveBack(file: SqliteFile): boolean {
  try {
    file.shrink(mostGivenBack)
    file.checkpoint()
    return Number(file.pragma('freelist_count')) > 0
  } catch {
    // As above.
    return false
  }
}

function end(file: SqliteFile, idle: NodeJS.Timeout): void {
  clearTimeout(idle)
  tend(file, 1)
  file.close()
  port.close()
}

const file = open()
if (file) {
  forgetStart()
  serve(file)
}
