/** What the SQLite drivers share: a database as small as both `node:sqlite` and durable objects can be. */

/** What may be bound. Durable objects turn anything else into text without a word. */
export type Value = null | number | string | Uint8Array

/**
 * A synchronous database. Parameters are `?`, at most 100 of them; no statement is BEGIN, SAVEPOINT or a PRAGMA, and a row
 * stays below 2 MB (limits of durable objects).
 */
export interface Database {
  all<Row>(sql: string, ...params: Value[]): Row[]
  get<Row>(sql: string, ...params: Value[]): Row | undefined
  run(sql: string, ...params: Value[]): void
  /** Inserts one row. @returns its id, for less than `RETURNING`, which makes a table of what it returns */
  insert(sql: string, ...params: Value[]): number
  /** All or nothing: what `work` wrote is undone when it throws. Not to be nested. */
  transaction<Result>(work: () => Result): Result
}

/** A result that brings bytes: those travel beside the rest, which is JSON. */
export class Parcel<Rest> {
  readonly rest: Rest
  readonly bytes: Uint8Array[]

  constructor(rest: Rest, bytes: Uint8Array[]) {
    this.rest = rest
    this.bytes = bytes
  }
}

/** The largest piece of content in one row, in bytes. */
export const pieceBytes = 1_000_000
