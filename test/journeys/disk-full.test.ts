/** The disk fills up: new mail is refused in time, what is here goes on being delivered, and nothing acknowledged is lost. */
import assert from 'node:assert/strict'
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { mountMemory, unmount } from '../support/disks.ts'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { json } from '../support/fake-vendors/vendor.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { eventually, newFolder, remove, waypostProcess } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hello', text: 'Hi.' }
const letter = 'From: ann@example.com\r\nTo: bob@example.org\r\n\r\nHi.\r\n'

/** Leaves only so many bytes of the disk free. */
function fill(folder: string, free: number): void {
  const block = Buffer.alloc(4096)
  const file = openSync(join(folder, 'ballast'), 'a')
  try {
    for (let left = room(folder) - free; left > 0; left -= block.length) writeSync(file, block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}

function room(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

test('a full disk', async (t) => {
  const folder = newFolder()
  const unmounted = mountMemory(folder, 96)
  if (unmounted !== null) {
    remove(folder)
    return t.skip(`no disk of its own to be had: ${unmounted}`)
  }
  const vendor = await fakePostmark()
  const gateway = await waypostProcess(
    `
retry: { first: 100ms, max: 300ms }
providers:
  vendor:
    adapter: postmark
    serverToken: ${postmarkToken}
    baseUrl: "${vendor.url}"
    breaker: { failures: 1000, open: 100ms }
routes: [{ name: default, use: vendor }]
`,
    folder,
  )
  const acknowledged: string[] = []
  const send = async () => acknowledged.push(await gateway.send(mail))
  /** Whether mail is refused for want of room on both roads, in both their words. */
  const refuses = async () => {
    const { status, headers } = await gateway.post('/v1/messages', mail)
    if (status !== 507) return false
    assert.match(headers.get('content-type')!, /problem\+json/)
    assert.ok(Number(headers.get('retry-after')) > 0)
    const client = await SmtpClient.hello(gateway.smtpPort)
    let reply = ''
    for (const line of ['MAIL FROM:<ann@example.com>', 'RCPT TO:<bob@example.org>', 'DATA', `${letter}.`]) {
      reply = await client.say(line)
      if (!/^[23]/.test(reply)) break
    }
    assert.match(reply, /^452 4\.3\.1 /, 'at whichever command it is said')
    client.end()
    return true
  }
  try {
    vendor.always({ reply: json(503, { ErrorCode: 100, Message: 'Maintenance' }) })
    for (let count = 0; count < 20; count++) await send()

    await t.test('is refused before it is quite full, and what waits is delivered', async () => {
      fill(folder, 20_000_000)
      assert.ok(await refuses(), 'at once, without waiting for the next look at the disk')
      vendor.always(null)
      for (const id of acknowledged) await gateway.until(id, 'sent')
      for (const path of ['/', '/messages', '/providers', '/v1/messages', '/metrics', '/healthz'])
        assert.equal((await gateway.get(path)).status, 200, path)
      await eventually(async () => (await gateway.get('/readyz')).status === 503, 'it says that it is not ready')
      assert.ok(await refuses())
    })

    await t.test('takes mail again when there is room', async () => {
      rmSync(join(folder, 'ballast'))
      await eventually(async () => (await gateway.get('/readyz')).status === 200, 'it is ready again')
      await send()
      await gateway.until(acknowledged.at(-1)!, 'sent')
    })

    await t.test('full to the last byte, it stays up, refuses, and loses nothing', async () => {
      vendor.always({ reply: json(503, { ErrorCode: 100, Message: 'Maintenance' }) })
      for (let count = 0; count < 20; count++) await send()
      fill(folder, 0)
      assert.equal(room(folder), 0)
      assert.ok(await refuses())
      await eventually(
        () => gateway.log.some((line) => line.includes('ended in an error')),
        'it goes on as long as its log has room, and says that it has no more',
      )
      // What is taken now cannot be written down before there is room again.
      vendor.always(null)
      assert.ok(await refuses())
      assert.equal((await gateway.get('/healthz')).status, 200)
      rmSync(join(folder, 'ballast'))
      await eventually(async () => (await gateway.get('/readyz')).status === 200, 'it is ready again')
      await send()
      await gateway.until(acknowledged.at(-1)!, 'sent')
      for (const { fields } of [...vendor.taken]) {
        const { recipients } = await gateway.until((fields.Metadata as Record<string, string>).waypost!, 'sent')
        assert.ok(
          recipients[0].attempts.every(({ outcome }: { outcome: string }) => outcome !== 'unknown'),
          'what the vendor took while nothing could be written down is known all the same',
        )
      }
    })

    await t.test('and everything that was acknowledged is there, sent at most once', async () => {
      assert.equal(gateway.process.exitCode, null)
      const ended = { sent: 0, other: 0 }
      for (const id of acknowledged) {
        const { body } = await gateway.get(`/v1/messages/${id}`)
        const copies = vendor.taken.filter(
          ({ fields }) => (fields.Metadata as Record<string, string>).waypost === id,
        ).length
        assert.ok(copies <= 1, `${id} was sent ${copies} times`)
        if (body.status === 'sent') assert.equal(copies, 1)
        ended[body.status === 'sent' ? 'sent' : 'other']++
      }
      t.diagnostic(`${acknowledged.length} acknowledged: ${JSON.stringify(ended)}`)
    })
  } finally {
    rmSync(join(folder, 'ballast'), { force: true })
    await gateway.stop()
    await vendor.close()
    unmount(folder)
    remove(folder)
  }
})
