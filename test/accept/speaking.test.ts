/** Who gets to speak a dialect. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { dialects } from '../../src/dialects/index.ts'
import { inMemory } from './in-memory.ts'

const hash = createHash('sha256').update('wp_live_right').digest('hex')
const keys = [{ hash, tenant: 'acme', scopes: ['send' as const], from: [] }]

for (const dialect of dialects) {
  const sends = dialect.routes.filter(({ does }) => does.kind === 'send')
  const [{ method, path }] = sends as [(typeof sends)[number]]
  const url = `http://localhost/${dialect.name}${path.replace(/\{\w+\}/g, 'a')}`

  describe(`${dialect.name}, to strangers`, () => {
    it('takes nothing from a page of elsewhere while there are no keys', async () => {
      const { ask, submissions } = inMemory({ dialects })
      const answer = await ask(url, { method, body: '{}', headers: { origin: 'https://elsewhere.example' } })
      assert.ok(answer.status >= 400, `${answer.status}`)
      assert.match(await answer.text(), /no page of elsewhere/)
      assert.equal(submissions.length, 0)
    })

    it('reads no body of who shows no key', { skip: dialect.keyInBody && 'the key is in the body' }, async () => {
      const { ask } = inMemory({ keys, dialects })
      let read = 0
      const body = new ReadableStream(
        {
          pull(controller) {
            read += 1
            controller.enqueue(new Uint8Array(1024))
          },
        },
        { highWaterMark: 0 },
      )
      const answer = await ask(url, { method, body, duplex: 'half' } as RequestInit)
      assert.ok(answer.status === 401 || answer.status === 403, `${answer.status}`)
      assert.equal(read, 0)
    })
  })
}
