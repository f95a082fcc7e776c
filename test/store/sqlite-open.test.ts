import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { migrations } from '../../src/store/sql.ts'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import { mountMemory, remount, unmount } from '../support/disks.ts'
import { temporary } from './contract.ts'
import { accepted, arrival, bytes, contentOf, start } from './mail.ts'

/** A store with a few messages in it, closed. */
async function filled(test: TestContext): Promise<string> {
  const path = join(await temporary(test), 'waypost.db')
  const store = await openSqlite({ path })
  await Promise.all(Array.from({ length: 50 }, () => accepted(store)))
  await store.close()
  return path
}

/** That the file is refused for this reason, and is byte for byte what it was. */
async function assertRefused(path: string, reason: RegExp): Promise<void> {
  const before = await readFile(path)
  await assert.rejects(openSqlite({ path }), { name: 'StoreUnavailable', message: reason })
  assert.ok(before.equals(await readFile(path)))
}

describe('opening', () => {
  it('refuses what is not a database', async (test) => {
    const path = join(await temporary(test), 'waypost.db')
    await writeFile(path, 'x'.repeat(100_000))
    await assertRefused(path, /waypost\.db.*not a database.*restore a backup/)
  })

  it('refuses a database that is damaged, whichever page it is', async (test) => {
    const path = await filled(test)
    const sound = await readFile(path)
    const pages = sound.length / 16384
    assert.ok(pages > 10)
    for (const page of [0, 4, Math.floor(pages / 2)]) {
      const damaged = Buffer.from(sound)
      damaged.fill(0xa5, page * 16384 + (page === 0 ? 100 : 0), (page + 1) * 16384)
      await writeFile(path, damaged)
      await assertRefused(path, /waypost\.db.*restore a backup/s)
    }
    await writeFile(path, sound)
    await (await openSqlite({ path })).close()
  })

  it('converts a file of the first schema: what waited is sent, what was under way is known to be, content is whole', async (test) => {
    const path = join(await temporary(test), 'waypost.db')
    const old = new DatabaseSync(path)
    old.exec('PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL')
    old.exec('CREATE TABLE migration (version INTEGER PRIMARY KEY) STRICT; INSERT INTO migration VALUES (1)')
    for (const statement of migrations[0]!) old.exec(statement)
    const add = (seq: number, status: string, leased: number) => {
      const { message, recipients, content } = arrival({ content: bytes(`mail ${seq}`) })
      const { id } = message
      const { email } = recipients[0]!
      const run = (sql: string, ...values: (string | number | Uint8Array)[]) => void old.prepare(sql).run(...values)
      run(
        `INSERT INTO message VALUES (?, ?, 'acme', 'transactional', ?, ?, ?, 1, ?)`,
        seq,
        id,
        status,
        start,
        id,
        JSON.stringify(message),
      )
      run(`INSERT INTO recipient VALUES (?, 0, ?, ?, NULL, NULL, '{}')`, seq, email, status)
      run('INSERT INTO content (spool, piece, bytes) VALUES (?, 0, ?)', id, content as Uint8Array)
      run(
        `INSERT INTO delivery (message, recipients, phase, priority, due_at, leased, claims, tries, avoid)
         VALUES (?, '[0]', 'send', 1, ?, ?, ?, 0, '[]')`,
        seq,
        start,
        leased,
        leased,
      )
      return id
    }
    const ids = [add(1, 'queued', 0), add(2, 'sending', 1)]
    old.close()

    const store = await openSqlite({ path })
    const seen = await Promise.all(ids.map((id) => store.message(id, 'acme')))
    assert.deepEqual(
      seen.map((view) => [view!.status, view!.recipients[0]!.status]),
      [
        ['queued', 'queued'],
        ['sending', 'sending'],
      ],
    )
    const claims = await store.claim({ now: start, leaseUntil: start + 1, limit: 9, priority: 'low' })
    assert.deepEqual(
      claims.map((claim) => [claim.message.id, claim.claims]).sort(),
      [
        [ids[0], 1],
        [ids[1], 2],
      ].sort(),
    )
    assert.deepEqual(await contentOf(store, ids[1]!), [bytes('mail 2')])
    const { rows } = await store.messages({ tenant: 'acme', recipient: 'ann@example.org', limit: 9 })
    assert.equal(rows.length, 2)
    await store.close()
  })

  it('refuses a schema that is newer than it knows', async (test) => {
    const path = await filled(test)
    const newer = new DatabaseSync(path)
    newer.prepare('INSERT INTO migration (version) VALUES (?)').run(migrations.length + 1)
    newer.close()
    await assertRefused(path, new RegExp(`version ${migrations.length + 1}.*up to ${migrations.length}.*newer Waypost`))
  })

  it('refuses the database of another program', async (test) => {
    const path = join(await temporary(test), 'waypost.db')
    const other = new DatabaseSync(path)
    other.exec('CREATE TABLE message (id)')
    other.close()
    await assertRefused(path, /not one of Waypost/)
  })

  it('refuses a database with some bits flipped, or has an answer to every question', async (test) => {
    const path = await filled(test)
    const sound = await readFile(path)
    const flips = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(7)), { minLength: 100, maxLength: 100 })
    let refused = 0
    const look = fc.asyncProperty(flips, async (flipped) => {
      const damaged = Buffer.from(sound)
      for (const [at, bit] of flipped) damaged[at]! ^= 1 << bit
      await rm(`${path}-wal`, { force: true })
      await writeFile(path, damaged)
      try {
        const store = await openSqlite({ path })
        // Whatever the answers are: what the pages hold is not checked, only that they hold together.
        await Promise.allSettled([
          store.claim({ now: start, leaseUntil: start + 1, limit: 50, priority: 'low' }),
          store.depth(),
        ])
        await store.close()
      } catch (error) {
        refused++
        assert.match((error as Error).message, /^cannot open the store .*waypost\.db: /)
        assert.ok(damaged.equals(await readFile(path)), 'not a byte was changed')
      }
    })
    await fc.assert(look, { numRuns: 15, endOnFailure: true })
    assert.ok(refused > 5, `${refused}`)
  })

  it('refuses a log without its database, which SQLite would delete', async (test) => {
    const path = await filled(test)
    await writeFile(`${path}-wal`, 'some log')
    await rename(path, `${path}.moved`)
    await assert.rejects(openSqlite({ path }), /waypost\.db: it is not there, and its log .* is; put it back/)
    assert.equal(await readFile(`${path}-wal`, 'utf8'), 'some log')
  })

  it('refuses while another process holds a lock, and is not held up', async (test) => {
    const path = await filled(test)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await assert.rejects(openSqlite({ path }), /waypost\.db: another process/)
    other.exec('ROLLBACK')
    other.close()
    const store = await openSqlite({ path })
    const late = new DatabaseSync(path, { timeout: 0 })
    assert.throws(() => late.exec('BEGIN IMMEDIATE'), /locked/)
    late.close()
    await accepted(store)
    await store.close()
  })

  it('refuses a disk that is read-only', async (test) => {
    const folder = await temporary(test)
    const unmounted = mountMemory(folder, 16)
    if (unmounted !== null) return test.skip(unmounted)
    try {
      const path = join(folder, 'waypost.db')
      remount(folder, 'ro')
      await assert.rejects(openSqlite({ path }), /waypost\.db: EROFS: read-only file system/)
      remount(folder, 'rw')
      await (await openSqlite({ path })).close()
      remount(folder, 'ro')
      await assertRefused(path, /waypost\.db: EROFS: read-only file system/)
    } finally {
      unmount(folder)
    }
  })

  it('refuses a file or a folder that it may not write', async (test) => {
    const path = await filled(test)
    // Root may write everything, so it is somebody else who tries.
    const somebody = process.getuid!() === 0 ? { uid: 65534, gid: 65534 } : {}
    const child = fileURLToPath(new URL('./child.ts', import.meta.url))
    const said = () => spawnSync(process.execPath, [child, path], { ...somebody, encoding: 'utf8' }).stderr
    const before = await readFile(path)
    await chmod(dirname(path), 0o777)
    await chmod(path, 0o444)
    assert.match(said(), /waypost\.db: EACCES: permission denied, access '.*waypost\.db'/)
    await chmod(path, 0o666)
    await chmod(dirname(path), 0o555)
    assert.match(said(), /waypost\.db: EACCES: permission denied, access '/)
    await chmod(dirname(path), 0o777)
    assert.ok(before.equals(await readFile(path)))
  })
})

describe('a file that is taken away while it is in use', () => {
  for (const [which, suffix] of [
    ['the log', '-wal'],
    ['the database', ''],
  ] as const) {
    it(`ends the taking in: ${which}`, async (test) => {
      const path = join(await temporary(test), 'waypost.db')
      const store = await openSqlite({ path })
      const ids = await Promise.all(Array.from({ length: 20 }, () => accepted(store)))
      await rename(path + suffix, `${path}.moved`)
      const failed = { name: 'StoreUnavailable', message: /was deleted or replaced while it was in use/ }
      await assert.rejects(accepted(store), failed)
      await assert.rejects(accepted(store), failed)
      await store.close()
      if (suffix === '') await rename(`${path}.moved`, path)
      const again = await openSqlite({ path })
      for (const id of ids) assert.ok(await again.message(id, 'acme'), 'what was acknowledged is there')
      await again.close()
    })
  }
})
