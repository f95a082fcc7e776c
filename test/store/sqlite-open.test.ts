import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { migrations } from '../../src/store/sql.ts'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import { temporary } from './contract.ts'
import { accepted } from './mail.ts'

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
})
