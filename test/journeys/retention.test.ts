/** Messages that have had their time are deleted, their content and their keys with them, and the file gets smaller. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, newFolder, remove, waypost } from '../support/waypost.ts'

const config = (keep: string) => `
keep: ${keep}
providers: { inbox: { adapter: inbox } }
routes: [{ name: default, use: inbox }]
`
const mail = {
  from: 'ann@example.com',
  to: 'bob@example.org',
  subject: 'Hello',
  text: 'x'.repeat(100_000),
  tags: ['old'],
}

test('what ended is gone after its time, what waits is not', async () => {
  const folder = newFolder()
  const size = () => statSync(join(folder, 'waypost.db')).size
  try {
    const first = await waypost(config('30d'), folder)
    const ids: string[] = []
    for (let count = 0; count < 250; count++) ids.push(await first.send(mail, { 'idempotency-key': `key-${count}` }))
    const scheduled = await first.send({ ...mail, sendAt: new Date(Date.now() + 3_600_000).toISOString() })
    for (const id of ids) await first.until(id, 'sent')
    await first.stop()
    assert.ok(size() > 20_000_000, `${size()}`)

    const gateway = await waypost(config('1ms'), folder)
    try {
      await eventually(async () => {
        const { messages } = (await gateway.get('/v1/messages')).body
        return messages.length === 1 && messages[0].id === scheduled
      }, 'all but the scheduled one are gone')
      for (const path of ['', '/events', '/explain', '/raw'])
        assert.equal((await gateway.get(`/v1/messages/${ids[0]}${path}`)).status, 404, path)
      for (const path of ['/v1/messages?tag=old', '/v1/messages?recipient=bob@example.org'])
        assert.equal((await gateway.get(path)).body.messages.length, 1, path)
      assert.equal((await gateway.get(`/v1/messages/${scheduled}/raw`)).status, 200)
      await eventually(() => size() < 2_000_000, 'the file is smaller')
      const again = await gateway.post('/v1/messages', mail, { 'idempotency-key': 'key-0' })
      const first = { id: ids[0], status: 'queued', recipients: [{ email: mail.to, status: 'queued' }] }
      assert.deepEqual([again.status, again.body], [202, first], 'a key is good for a day, longer than its message')
    } finally {
      await gateway.stop()
    }
  } finally {
    remove(folder)
  }
})
