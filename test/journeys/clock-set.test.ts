/** Somebody sets the machine's clock while mail waits: nothing expires by that, nothing is tried early or twice, nothing gets stuck. */
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeMx } from '../support/fake-mx.ts'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { json } from '../support/fake-vendors/vendor.ts'
import { eventually, newFolder, remove, waypostProcess } from '../support/waypost.ts'

const hour = 3_600_000
const year = 365 * 24 * hour
const mail = { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.' }

test('the wall clock is set by an hour, by years, and back', async () => {
  const vendor = await fakePostmark()
  const relay = await fakeMx({ on: { dot: { next: 'silence' } } })
  const folder = newFolder()
  const file = join(folder, 'clock')
  const set = (by: number) => {
    writeFileSync(`${file}.new`, String(by))
    renameSync(`${file}.new`, file)
  }
  set(0)
  const config = `
retry: { first: 100ms, max: 300ms }
types: { otp: { expire: 1h } }
providers:
  vendor:
    adapter: postmark
    serverToken: ${postmarkToken}
    baseUrl: "${vendor.url}"
    breaker: { failures: 1000, open: 100ms }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, timeout: 1h }
routes:
  - { name: slow, when: { tag: slow }, use: relay }
  - { name: default, use: vendor }
`
  const gateway = await waypostProcess(config, folder, { preload: 'clock.ts', env: { TEST_CLOCK: file } })
  const told = () =>
    gateway.log.filter((line) => line.includes('the wall clock was set')).map((line) => JSON.parse(line))
  const status = async (id: string): Promise<string> =>
    (await gateway.get(`/v1/messages/${id}`)).body.recipients[0].status
  try {
    vendor.always({ reply: json(503, { ErrorCode: 100, Message: 'Maintenance' }) })
    const waiting: string[] = []
    for (let count = 0; count < 10; count++) waiting.push(await gateway.send({ ...mail, type: 'otp' }))
    const sendAt = new Date(Date.now() + 30 * 60_000).toISOString()
    const scheduled = await gateway.send({ ...mail, sendAt })
    // Under way all the while; its lease is shorter than the first jump.
    const underWay = await gateway.send({ ...mail, tags: ['slow'] })
    await relay.until(({ received }) => received.length === 1)

    const jumps = [hour, -hour, 10 * year, -50 * year]
    let before = 0
    for (const [index, to] of jumps.entries()) {
      set(to)
      await eventually(() => told().length > index, `it says that the clock was set (${to})`)
      assert.ok(Math.abs(told()[index].seconds * 1000 - (to - before)) <= 1000, `by ${told()[index].seconds} s`)
      before = to
      const tries = vendor.calls
      await eventually(() => vendor.calls >= tries + 10, 'it goes on trying')
      for (const now of await Promise.all(waiting.map(status))) assert.match(now, /^(deferred|sending)$/)
      assert.deepEqual(await Promise.all([scheduled, underWay].map(status)), ['scheduled', 'sending'])
    }
    vendor.always(null)
    for (const id of waiting) await gateway.until(id, 'sent')
    await gateway.until(await gateway.send(mail), 'sent')
    assert.equal(await status(scheduled), 'scheduled')
    assert.equal(vendor.taken.length, 11, 'each once')
    assert.equal(relay.received.length, 1, 'what was under way was not begun again')
    assert.equal(told().length, jumps.length)
  } finally {
    await gateway.kill()
    await vendor.close()
    await relay.close()
    remove(folder)
  }
})
