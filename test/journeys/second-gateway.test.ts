/** Stores that cannot be used: taken by another gateway, damaged, somebody else's, not writable. Each time: no start, and why. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { newFolder, remove, type WaypostProcess, waypost, waypostProcess } from '../support/waypost.ts'

const config = `
providers: { inbox: { adapter: inbox } }
routes: [{ name: default, use: inbox }]
`
const mail = { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.' }

/** What `waypost serve` says when it ends with 1 instead of starting. */
async function refused(folder: string): Promise<string> {
  let started: WaypostProcess | undefined
  try {
    started = await waypostProcess(config, folder)
  } catch (error) {
    assert.match(String(error), /waypost ended with 1:/)
    return String(error)
  }
  await started.kill()
  assert.fail('it started')
}

let folder: string
before(() => {
  folder = newFolder()
})
after(() => remove(folder))

test('a second gateway on the same store does not start, and the first goes on', async () => {
  const gateway = await waypostProcess(config, folder)
  try {
    const said = await refused(folder)
    assert.match(said, /waypost\.db/)
    assert.match(said, /another (process|gateway|Waypost)|in use|already/i)
    assert.doesNotMatch(said, /\n {4}at /, 'a sentence, not a stack')
    await gateway.until(await gateway.send(mail), 'sent')
  } finally {
    await gateway.stop()
  }
})

test('a damaged store is refused and left as it is', async () => {
  const file = join(folder, 'waypost.db')
  const whole = readFileSync(file)
  try {
    const damaged = Buffer.from(whole)
    // Past the header of the first page, so that it still looks like a database.
    for (let page = 1; page < damaged.length / 16_384; page++)
      damaged.fill(0x5a, page * 16_384 + 8, page * 16_384 + 600)
    for (const [what, bytes] of [
      ['pages', damaged],
      ['header', Buffer.concat([Buffer.from('not a database at all'), whole.subarray(21)])],
      ['another file', Buffer.from('name,email\nAnn,ann@example.com\n'.repeat(100))],
    ] as const) {
      writeFileSync(file, bytes)
      const said = await refused(folder)
      assert.match(said, /waypost\.db/, what)
      assert.doesNotMatch(said, /\n {4}at /, what)
      assert.ok(readFileSync(file).equals(bytes), `${what}: not a byte was changed`)
    }
  } finally {
    writeFileSync(file, whole)
  }
  const gateway = await waypost(config, folder)
  try {
    assert.equal((await gateway.get('/v1/messages')).body.messages.length, 1)
  } finally {
    await gateway.stop()
  }
})

test('a database of another program is refused', async () => {
  const other = newFolder()
  try {
    const file = join(other, 'waypost.db')
    const db = new DatabaseSync(file)
    db.exec('CREATE TABLE customer (name TEXT)')
    db.close()
    const bytes = readFileSync(file)
    assert.match(await refused(other), /not one of Waypost’s/)
    assert.ok(readFileSync(file).equals(bytes))
  } finally {
    remove(other)
  }
})

test('a folder in the place of the store is refused', async () => {
  const other = newFolder()
  try {
    mkdirSync(join(other, 'waypost.db'))
    assert.match(await refused(other), /waypost\.db: it is not a file/)
  } finally {
    remove(other)
  }
})
