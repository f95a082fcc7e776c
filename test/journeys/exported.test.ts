/** What became of mail is told to a service, from where it was told last, and a service that is down does not touch mail. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, withWaypost } from '../support/waypost.ts'
import { webhookTarget } from '../support/webhook-target.ts'

test('a cancellation is told when the service is back', async () => {
  const desk = await webhookTarget((response) => response.destroy())
  const config = (key: string) => `
exports: { postmastery: { apiKey: ${key}, datasetId: d1, baseUrl: "${desk.url}" } }
providers: { inbox: { adapter: inbox } }
routes: [{ name: default, use: inbox }]
`
  await withWaypost(config('key-1'), async (gateway) => {
    const letter = { from: 'ann@acme.test', to: 'bob@example.org', subject: 'Hello', text: 'Hi.' }
    const sendAt = new Date(Date.now() + 3_600_000).toISOString()
    const id = await gateway.send({ ...letter, sendAt })
    assert.equal((await gateway.post(`/v1/messages/${id}/cancel`, '')).status, 200)
    // A change of its settings has it look at once, which it else does every minute.
    gateway.configure(config('key-2'))
    await eventually(() => desk.posted.length > 0, 'a call that broke')
    desk.answer = (response) => void response.end()
    await gateway.until(await gateway.send(letter), 'sent')
    gateway.configure(config('key-3'))
    const told = await eventually(() => desk.posted.find(({ headers }) => headers.authorization === 'key-3'), 'a call')
    const [row, ...more] = JSON.parse(told.body)
    assert.deepEqual([row.messageid, row.status, row.recipient_localpart, more], [id, 'removed', 'bob', []])
    assert.ok(gateway.log.every((line) => !/key-[123]/.test(line)))
  })
  await desk.close()
})
