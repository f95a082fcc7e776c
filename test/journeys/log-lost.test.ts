/** Nobody reads the log any more, or its disk is full: log lines are lost, mail is not, and a stop is a stop. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '../support/free-port.ts'
import { eventually, newFolder, remove, waypostProcess } from '../support/waypost.ts'

const config = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'
const mail = { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.' }

test('whoever read the log has gone', async () => {
  const folder = newFolder()
  const gateway = await waypostProcess(config, folder)
  try {
    gateway.process.stdout!.destroy()
    gateway.process.stderr!.destroy()
    for (let count = 0; count < 5; count++) await gateway.until(await gateway.send(mail), 'sent')
    await gateway.stop()
    assert.equal(gateway.process.exitCode, 0)
  } finally {
    gateway.process.kill('SIGKILL')
    remove(folder)
  }
})

test('whoever reads the log has stopped reading', async () => {
  const folder = newFolder()
  const gateway = await waypostProcess(config, folder)
  try {
    gateway.process.stdout!.pause()
    // More than the pipe and both its ends hold.
    const many = Array.from({ length: 200 }, () => ({ ...mail, subject: 'x' }))
    for (let count = 0; count < 5; count++)
      assert.equal((await gateway.post('/v1/messages/batch', { messages: many })).status, 202)
    await gateway.until(await gateway.send(mail), 'sent')
    await gateway.stop()
    assert.equal(gateway.process.exitCode, 0)
  } finally {
    gateway.process.kill('SIGKILL')
    remove(folder)
  }
})

test('the disk of the log is full', { skip: process.platform !== 'linux' && 'no /dev/full' }, async () => {
  const folder = newFolder()
  const port = await freePort()
  const file = join(folder, 'waypost.yaml')
  const listen = `http: { listen: "127.0.0.1:${port}" }\nsmtp: { listen: "127.0.0.1:0" }\n`
  writeFileSync(file, `${listen}store: "sqlite:${join(folder, 'waypost.db')}"\n${config}`)
  const full = openSync('/dev/full', 'w')
  const gateway = spawn(process.execPath, ['src/waypost.js', 'serve', '--config', file], {
    stdio: ['ignore', full, full],
  })
  closeSync(full)
  const gone = once(gateway, 'exit')
  try {
    const url = `http://127.0.0.1:${port}`
    await eventually(
      () =>
        fetch(`${url}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      'it is ready',
    )
    for (let count = 0; count < 5; count++) {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: JSON.stringify(mail) })
      assert.equal(answer.status, 202)
    }
    gateway.kill('SIGTERM')
    assert.deepEqual(await gone, [0, null])
  } finally {
    gateway.kill('SIGKILL')
    remove(folder)
  }
})
