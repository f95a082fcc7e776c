/** A message that kills the process is set aside after three deaths, and the others flow. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openMarks } from '../../src/marks.ts'
import { fakeMx } from '../support/fake-mx.ts'
import { newFolder, remove, waypost } from '../support/waypost.ts'

test('set aside after three deaths, sent when released', async () => {
  const relay = await fakeMx()
  const folder = newFolder()
  const config = `
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
routes: [{ name: default, use: relay }]
`
  const mail = { from: 'me@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hi.' }
  const later = { ...mail, sendAt: new Date(Date.now() + 3_600_000).toISOString() }
  let gateway = await waypost(config, folder)
  try {
    const poison = await gateway.send(later)
    for (const death of [1, 2, 3]) {
      await gateway.stop()
      // What a process leaves that dies while it works on the message.
      const marks = openMarks(join(folder, 'waypost.db-marks'))
      marks.set(0, poison)
      marks.close()
      gateway = await waypost(config, folder)
      assert.equal(
        (await gateway.get(`/v1/messages/${poison}`)).body.recipients[0].status,
        'scheduled',
        `death ${death}`,
      )
    }
    assert.equal((await gateway.post(`/v1/messages/${poison}/retry`, {})).status, 200)
    const held = await gateway.until(poison, 'held')
    assert.match(held.events.at(-1).detail, /set aside: the process died three times/)
    assert.deepEqual(held.recipients[0].attempts, [])
    await gateway.until(await gateway.send(mail), 'sent')
    assert.equal(relay.received.length, 1)
    assert.equal((await gateway.post(`/v1/messages/${poison}/release`, {})).status, 200)
    await gateway.until(poison, 'sent')
  } finally {
    await gateway.stop()
    await relay.close()
    remove(folder)
  }
})

test('a process that dies while mail only waits for answers blames nobody', async () => {
  const folder = newFolder()
  const marks = openMarks(join(folder, 'marks'))
  marks.set(1, 'msg_a')
  marks.wipe(1)
  marks.close()
  const again = openMarks(join(folder, 'marks'))
  assert.deepEqual(again.left(), [])
  again.close()
  remove(folder)
})
