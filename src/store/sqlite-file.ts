/** One SQLite file on this machine: `node:sqlite` behind the small `Database`, its errors in our words, its growth kept in hand. */
import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Database, Value } from './database.ts'
import { StoreFull, StoreUnavailable } from './store.ts'

/** Bytes left free on the disk, so that what was accepted can still be delivered and settled when new mail is refused. */
const diskReserve = 64 * 1024 * 1024

/** Primary result codes (https://www.sqlite.org/rescode.html). */
export const codes = {
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  notADatabase: 26,
}
const passing: readonly number[] = [codes.busy, codes.locked, codes.noMemory, codes.readOnly, codes.cantOpen]
const fatal: readonly number[] = [codes.io, codes.corrupt, codes.notADatabase]

/** The primary result code of an error that `node:sqlite` threw; null for any other error. */
export function codeOf(error: unknown): number | null {
  const errcode = (error as { errcode?: unknown } | null | undefined)?.errcode
  return typeof errcode === 'number' ? errcode & 0xff : null
}

export class SqliteFile implements Database {
  readonly #db: DatabaseSync
  readonly #path: string
  #maxPages: number | null = null
  readonly #statements = new Map<string, StatementSync>()
  /** Why nothing may be written any more. After a failed fsync nobody knows what is on the disk, and asking again does not tell. */
  #failed: StoreUnavailable | null = null
  /** The files that were opened, by the names under which the next process will look for them. */
  #guarded: { name: string; inode: number | undefined }[] = []

  constructor(db: DatabaseSync, path: string) {
    this.#db = db
    this.#path = path
  }

  /** @param maxPages the database file never grows above this; null for as far as the disk goes */
  bound(maxPages: number | null): void {
    this.#maxPages = maxPages
    if (maxPages !== null) this.pragma(`max_page_count = ${maxPages}`)
  }

  /** From now on nothing is written when the database or its log is no longer where it was opened. */
  guard(): void {
    this.#guarded = [this.#path, `${this.#path}-wal`].map((name) => ({ name, inode: inodeOf(name) }))
  }

  all<Row>(sql: string, ...params: Value[]): Row[] {
    try {
      return this.#prepare(sql).all(...params) as Row[]
    } catch (error) {
      throw this.#understood(error)
    }
  }

  get<Row>(sql: string, ...params: Value[]): Row | undefined {
    try {
      return this.#prepare(sql).get(...params) as Row | undefined
    } catch (error) {
      throw this.#understood(error)
    }
  }

  run(sql: string, ...params: Value[]): void {
    this.insert(sql, ...params)
  }

  insert(sql: string, ...params: Value[]): number {
    try {
      return Number(this.#prepare(sql).run(...params).lastInsertRowid)
    } catch (error) {
      throw this.#understood(error)
    }
  }

  transaction<Result>(work: () => Result): Result {
    if (this.#failed) throw this.#failed
    this.#checkFiles()
    this.#exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#exec('COMMIT')
      return result
    } catch (error) {
      // Some errors roll back by themselves (https://www.sqlite.org/lang_transaction.html, section 3).
      if (this.#db.isTransaction) this.#exec('ROLLBACK')
      throw error
    }
  }

  /** The value of a pragma, after setting it where the text says so. */
  pragma(text: string): Value {
    const row = this.get<Record<string, Value>>(`PRAGMA ${text}`)
    return row === undefined ? null : (Object.values(row)[0] ?? null)
  }

  /** Whether new mail may come in: what follows from mail already here is let through to the last page. */
  hasRoom(): boolean {
    if (this.#maxPages !== null) {
      const used = (this.pragma('page_count') as number) - (this.pragma('freelist_count') as number)
      if (used > this.#maxPages - Math.max(16, Math.ceil(this.#maxPages / 20))) return false
    }
    const disk = statfsSync(dirname(this.#path))
    return disk.bavail * disk.bsize > diskReserve
  }

  /** Pages in the write-ahead log that are not yet in the database itself. */
  backlog(): number {
    const { log, checkpointed } = this.get<{ log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)')!
    return log - checkpointed
  }

  /** Moves the log into the database. We do it, and not SQLite by itself, because SQLite would hide a failure. */
  checkpoint(): void {
    if (this.#failed) throw this.#failed
    this.get('PRAGMA wal_checkpoint(PASSIVE)')
  }

  /** Gives up to so many free pages back to the disk; the file is shorter after the next checkpoint. */
  shrink(pages: number): void {
    this.all(`PRAGMA incremental_vacuum(${pages})`)
  }

  close(): void {
    this.#statements.clear()
    this.#db.close()
  }

  /** A file that was deleted or replaced still takes what we write, and it is gone when we close it. */
  #checkFiles(): void {
    const gone = this.#guarded.find(({ name, inode }) => inodeOf(name) !== inode)
    if (!gone) return
    // Of the log nothing is lost yet: it is moved into the database while we still hold it.
    this.checkpoint()
    this.#failed = new StoreUnavailable(
      `${gone.name} was deleted or replaced while it was in use; nothing is written any more`,
    )
    throw this.#failed
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #exec(sql: string): void {
    try {
      this.#db.exec(sql)
    } catch (error) {
      throw this.#understood(error)
    }
  }

  /** What is to be thrown for an error that `node:sqlite` threw. */
  #understood(error: unknown): unknown {
    const code = codeOf(error)
    if (code === codes.full) return new StoreFull(`${this.#path} is full`)
    if (code === null || !(passing.includes(code) || fatal.includes(code))) return error
    const reason = (error as Error).message
    if (passing.includes(code)) return new StoreUnavailable(`${this.#path}: ${reason}`, { cause: error })
    this.#failed = new StoreUnavailable(`${this.#path} failed and takes no more writes: ${reason}`, { cause: error })
    return this.#failed
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}
