/** The thread of `plain.ts`: one table in a file set up as Waypost's is, a transaction for each post. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

export type PlainCall = ['keep', id: string, body: string] | ['sent', id: string, vendorsId: string]

const db = new DatabaseSync(workerData as string)
db.exec(`
  PRAGMA page_size = 16384;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 512;
  PRAGMA cache_size = -65536;
  CREATE TABLE mail (id TEXT PRIMARY KEY, body TEXT NOT NULL, vendors_id TEXT) STRICT;
`)
const keep = db.prepare('INSERT INTO mail (id, body) VALUES (?, ?)')
const sent = db.prepare('UPDATE mail SET vendors_id = ? WHERE id = ?')

parentPort!.on('message', (calls: PlainCall[]) => {
  db.exec('BEGIN IMMEDIATE')
  for (const [verb, id, text] of calls) {
    if (verb === 'keep') keep.run(id, text)
    else sent.run(text, id)
  }
  db.exec('COMMIT')
  parentPort!.postMessage(calls.length)
})
