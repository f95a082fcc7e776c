/** The disk fails: a flush ends in an error. No mail is acknowledged on that, the process ends, and what was acknowledged is there. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { mountImage, mountMemory, mountNewImage, remount, unmount } from '../support/disks.ts'
import { fakeMx } from '../support/fake-mx.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { eventually, newFolder, remove, waypostProcess } from '../support/waypost.ts'

const body = 'x'.repeat(200_000)
const letter = `From: ann@example.com\r\nTo: bob@example.org\r\n\r\n${'Hi.\r\n'.repeat(40_000)}`

test('an I/O error is the end of this process, and of no mail', async (t) => {
  const relay = await fakeMx({ on: { greeting: '421 4.3.2 Later' } })
  const config = `
retry: { first: 1h, max: 1h }
providers: { relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none } }
routes: [{ name: default, use: relay }]
`
  // A disk that says it has 256 MB, in a file on one that has 24: writing more than that is an I/O error when it is flushed.
  const folder = newFolder()
  const image = join(folder, 'memory', 'disk.img')
  const disk = join(folder, 'disk')
  mkdirSync(join(folder, 'memory'))
  mkdirSync(disk)
  const skip = mountMemory(join(folder, 'memory'), 24) ?? mountNewImage(image, disk, 256)
  const acknowledged: string[] = []
  const refused: string[] = []
  try {
    if (skip !== null) return t.skip(`no disk that could fail: ${skip}`)
    const gateway = await waypostProcess(config, disk)
    const gone = once(gateway.process, 'exit')
    const byHttp = async () => {
      for (;;) {
        const { status, body: answer } = await gateway.post('/v1/messages', {
          from: 'a@x.test',
          to: 'b@y.test',
          text: body,
        })
        if (status !== 202) return void refused.push(String(status))
        acknowledged.push(answer.id)
      }
    }
    const bySmtp = async () => {
      const client = await SmtpClient.hello(gateway.smtpPort)
      for (;;) {
        const reply = await client.send(letter)
        if (!reply.startsWith('250')) return void refused.push(reply)
        acknowledged.push(/msg_\w+/.exec(reply)![0])
      }
    }
    await Promise.allSettled([byHttp(), byHttp(), bySmtp(), bySmtp()])
    assert.deepEqual(await gone, [1, null])
    assert.ok(acknowledged.length > 0)
    assert.ok(refused.length > 0)
    for (const answer of refused) assert.match(answer, /^(503|451 4\.3\.[02] .*|421 4\.3\.2 .*|)$/)
    assert.ok(gateway.log.some((line) => line.includes('the store has failed')))

    unmount(disk)
    remount(join(folder, 'memory'), 'size=300m')
    assert.equal(mountImage(image, disk), null)
    const next = await waypostProcess(config, disk)
    try {
      for (const id of acknowledged) assert.equal((await next.get(`/v1/messages/${id}`)).status, 200, id)
      await next.send({ from: 'a@x.test', to: 'b@y.test', text: body })
      t.diagnostic(`${acknowledged.length} acknowledged, refused with ${JSON.stringify(refused)}`)
    } finally {
      await next.stop()
    }
  } finally {
    unmount(disk)
    unmount(join(folder, 'memory'))
    remove(folder)
    await relay.close()
  }
})

test('a gateway with nothing else to do ends as soon as mail could not be written', async (t) => {
  const folder = newFolder()
  const inbox = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'
  const gateway = await waypostProcess(inbox, folder)
  try {
    const mail = { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.' }
    const id = await gateway.send(mail)
    await gateway.until(id, 'sent')
    // From now on the kernel lets it write no byte into files; to SQLite that is an I/O error.
    const limited = spawnSync('prlimit', ['--pid', String(gateway.process.pid), '--fsize=1'])
    if (limited.status !== 0) return t.skip(`its writes could not be made to fail: ${limited.error ?? limited.stderr}`)
    assert.equal((await gateway.post('/v1/messages', mail)).status, 503)
    await eventually(() => gateway.process.exitCode !== null, 'it ends')
    assert.equal(gateway.process.exitCode, 1)
    const next = await waypostProcess(inbox, folder)
    assert.equal((await next.get(`/v1/messages/${id}`)).body.status, 'sent')
    await next.stop()
  } finally {
    gateway.process.kill('SIGKILL')
    remove(folder)
  }
})
