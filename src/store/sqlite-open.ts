/** Opening the file: what must hold before one message is taken, and what to tell people when it does not. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { migrate, migrations, version } from './sql.ts'
import { codeOf, codes, SqliteFile } from './sqlite-file.ts'
import { voidNoticeLeases } from './sqlite-notices.ts'
import { voidLeases } from './sqlite-queue.ts'
import { forgetSpools } from './sqlite-sweep.ts'

export interface FileOptions {
  path: string
  /** The database file never grows above so many pages of 16 KiB; null for as far as the disk goes. */
  maxPages: number | null
}

/** Before this, two connections could ruin a write-ahead log (https://www.sqlite.org/wal.html#walresetbug). */
const oldest = [3, 51, 3] as const

/** A file up to this size is read through at each start: 1.5 GB took a second here. Larger ones would keep mail waiting. */
const mostChecked = 1024 ** 3

/**
 * Opens or creates the store's file for this process alone, brings its schema up to date, and clears what the last process left:
 * leases, and content without a message.
 * @throws Error that says which file, what is wrong, and what to do about it. The file is then as it was.
 */
export function openFile({ path, maxPages }: FileOptions): SqliteFile {
  checkVersion(process.versions.sqlite ?? '0')
  let db: DatabaseSync | undefined
  try {
    makeFolder(dirname(path))
    checkWritable(path)
    // SQLite would begin a new database and delete the log.
    if (!existsSync(path) && existsSync(`${path}-wal`))
      throw new Error('it is not there, and its log (the same name with -wal) is; put it back, or move the log away')
    db = new DatabaseSync(path, { timeout: 0 })
    return prepare(db, path, maxPages)
  } catch (error) {
    db?.close()
    throw new Error(`cannot open the store ${path}: ${explain(error, path)}`, { cause: error })
  }
}

/**
 * Opens a store that no gateway has open, to look at it. It is locked until it is closed, so that no gateway starts meanwhile, and
 * nothing is written but what a crashed one had left in its log.
 * @returns null while a gateway, or somebody else, has it
 * @throws Error as `openFile` does; when there is no such file, too
 */
export function openToRead(path: string): SqliteFile | null {
  checkVersion(process.versions.sqlite ?? '0')
  let db: DatabaseSync | undefined
  try {
    if (!existsSync(path)) throw new Error('there is no such file')
    db = new DatabaseSync(path, { timeout: 0 })
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    const file = new SqliteFile(db, path)
    checkSchema(version(file))
    db.exec('PRAGMA query_only = ON')
    return file
  } catch (error) {
    db?.close()
    if (codeOf(error) === codes.busy || codeOf((error as Error).cause) === codes.busy) return null
    throw new Error(`cannot read the store ${path}: ${explain(error, path)}`, { cause: error })
  }
}

function checkSchema(found: number): void {
  if (found === migrations.length) return
  const what =
    found < migrations.length ? 'an older Waypost left it; start this one on it once' : 'run the newer Waypost'
  throw new Error(`its schema is version ${found}, and this Waypost reads version ${migrations.length}: ${what}`)
}

/** Not `recursive: true`: where a parent exists and nothing can be made in it, as in /proc, Node then tries for ever. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  makeFolder(dirname(folder))
  mkdirSync(folder)
}

function prepare(db: DatabaseSync, path: string, maxPages: number | null): SqliteFile {
  // Before the first look at the file: the lock is then taken with it and held until we close. In this mode SQLite keeps the
  // log's index in memory, so that a second process cannot even read.
  db.exec('PRAGMA locking_mode = EXCLUSIVE')
  const file = new SqliteFile(db, path)
  // An empty file's shape: bodies of a few kilobytes do best with large pages.
  if (file.pragma('page_count') === 0) db.exec('PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL')
  file.bound(maxPages)
  version(file)
  checkPages(file, path)
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -65536;
    PRAGMA temp_store = MEMORY;
  `)
  migrate(file)
  file.transaction(() => {
    voidLeases(file)
    voidNoticeLeases(file)
    forgetSpools(file)
  })
  file.guard()
  return file
}

/** Refuses a file whose pages do not hold together, rather than find out with mail in hand. */
function checkPages(file: SqliteFile, path: string): void {
  const bytes = Number(file.pragma('page_count')) * Number(file.pragma('page_size'))
  if (bytes > mostChecked) return
  const found = file.pragma('quick_check(1)')
  if (found !== 'ok') throw new Error(damaged(String(found).replace(/^\*\*\*.*\n/, ''), path))
}

function damaged(how: string, path: string): string {
  return `${how}. It was left as it is: move it away and restore a backup, or rescue it with "sqlite3 ${path} .recover"`
}

function checkVersion(found: string): void {
  const parts = found.split('.').map(Number)
  for (const [at, least] of oldest.entries()) {
    const part = parts[at] ?? 0
    if (part > least) return
    if (part < least) throw new Error(`this Node has SQLite ${found}; the store needs ${oldest.join('.')} or newer`)
  }
}

function explain(error: unknown, path: string): string {
  const { message, cause } = error as Error
  switch (codeOf(error) ?? codeOf(cause)) {
    case codes.busy:
      return 'another process, most likely another Waypost, has it open; stop that one first'
    case codes.notADatabase:
    case codes.corrupt:
      return damaged(message, path)
    default:
      return message
  }
}

/** SQLite would open what it may only read, and call the first write an I/O error. */
function checkWritable(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found && !found.isFile()) throw new Error('it is not a file')
  if (found) accessSync(path, constants.R_OK | constants.W_OK)
  accessSync(dirname(path), constants.W_OK)
}
