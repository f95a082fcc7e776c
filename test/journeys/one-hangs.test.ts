/** One provider hangs: it holds its own places and no more, and mail that finds none goes elsewhere or waits without a try. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { eventually, remove, type Waypost, waypost } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', subject: 'Hello', text: 'Hi.' }

async function sendAll(gateway: Waypost, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, number) => ({ ...mail, to: `p${number}@example.org` }))
  const { body } = await gateway.post('/v1/messages/batch', { messages })
  return body.messages.map(({ id }: { id: string }) => id)
}

test('so many calls under way, and the rest goes on or waits', async () => {
  const slow = await fakePostmark()
  slow.always({ hang: true })
  const gateway = await waypost(`
providers:
  slow: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${slow.url}", timeout: 1h, limits: { inFlight: 3 } }
  inbox: { adapter: inbox }
routes:
  - { name: only, when: { tag: only }, use: slow }
  - { name: default, use: { first: [slow, inbox] } }
`)
  try {
    const ids = await sendAll(gateway, 20)
    await eventually(() => slow.calls === 3, 'three hang')
    await eventually(async () => {
      const views = await Promise.all(ids.map((id) => gateway.get(`/v1/messages/${id}`)))
      return views.filter(({ body }) => body.recipients[0].provider === 'inbox').length === 17
    }, 'the others went to the next')
    const waits = await gateway.send({ ...mail, to: 'bob@example.org', tags: ['only'] })
    const { recipients } = await gateway.until(waits, 'deferred')
    assert.deepEqual(recipients[0].attempts, [])
    const { events } = (await gateway.get(`/v1/messages/${waits}`)).body
    assert.match(events.at(-1).detail, /slow: has as many calls under way as it may have/)
    assert.equal(slow.calls, 3)
  } finally {
    await slow.close()
    await gateway.stop()
    remove(gateway.folder)
  }
})
