/** Fresh mail at an idle gateway is claimed by the commit that accepts it, all the way from the door to the store. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import { newFolder, remove, waypostProcess } from '../support/waypost.ts'

const config = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'
const mail = { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.' }

test('a gateway that dies right after the commit that accepts a mail had claimed it', async () => {
  const folder = newFolder()
  const preload = { preload: 'crash-at.ts', env: { TEST_CRASH_AT: 'after-commit:2' } }
  const gateway = await waypostProcess(config, folder, preload)
  try {
    // Once this is sent, the pump knows that nothing waits.
    const first = await gateway.send(mail)
    await gateway.until(first, 'sent')
    const died = once(gateway.process, 'exit')
    await assert.rejects(gateway.send(mail))
    assert.deepEqual(await died, [null, 'SIGKILL'])
    const store = await openSqlite({ path: join(folder, 'waypost.db') })
    try {
      const { rows } = await store.messages({ tenant: '', limit: 10 })
      const last = rows.find(({ message }) => message.id !== first)!
      // What is claimed and not settled is being sent; what waits for a claim is queued.
      assert.equal(last.recipients[0]!.status, 'sending')
    } finally {
      await store.close()
    }
  } finally {
    gateway.process.kill('SIGKILL')
    remove(folder)
  }
})
