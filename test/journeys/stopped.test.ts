/** Somebody stops it while an answer is still to come: new mail hears no, what is in flight is known or unknown, and it ends in time. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { eventually, newFolder, remove, type WaypostProcess, waypostProcess } from '../support/waypost.ts'

const letter = (to: string) => `From: ann@example.com\r\nTo: ${to}\r\nSubject: Hello\r\n\r\nHi.\r\n`

const config = (relay: FakeMx, timeout = '30s') => `
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, timeout: ${timeout} }
routes:
  - { name: default, use: relay }
`

async function told(gateway: WaypostProcess, what: string): Promise<void> {
  await eventually(() => gateway.log.some((line) => line.includes(what)), `the log says ${what}`)
}

/** The next gateway in the folder holds the message: the attempts it shows then, and how many messages it has. */
async function heldAtNextStart(id: string, relay: FakeMx, folder: string) {
  const next = await waypostProcess(config(relay), folder)
  try {
    const [recipient] = (await next.until(id, 'held')).recipients
    const { messages } = (await next.get('/v1/messages')).body
    const attempts: { outcome: string; reason: string }[] = recipient.attempts
    return { attempts, messages: messages.length }
  } finally {
    await next.stop()
  }
}

test('while it finishes what is in flight, new mail hears 503 and 421', async () => {
  const relay = await fakeMx({ on: { dot: { next: 'silence' } } })
  const folder = newFolder()
  const gateway = await waypostProcess(config(relay, '4s'), folder)
  try {
    const idle = await SmtpClient.hello(gateway.smtpPort)
    const busy = await SmtpClient.hello(gateway.smtpPort)
    for (const line of ['MAIL FROM:<a@x.test>', 'RCPT TO:<b@y.test>', 'DATA']) await busy.say(line)
    const { hostname, port } = new URL(gateway.url)
    const upload = connect(Number(port), hostname)
    await once(upload, 'connect')
    const body = JSON.stringify({ from: 'ann@example.com', to: 'late@example.org', text: 'Hi.' })
    upload.write(`POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`)
    upload.write(`Content-Length: ${body.length}\r\n\r\n{`)
    const id = await gateway.send({ from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.', type: 'marketing' })
    await relay.until(({ received }) => received.length === 1)

    const gone = once(gateway.process, 'exit')
    gateway.process.kill('SIGTERM')
    await told(gateway, 'stopping')
    const ready = await gateway.get('/readyz')
    assert.equal(ready.status, 503)
    const late = await gateway.post('/v1/messages', body)
    assert.deepEqual([late.status, late.headers.get('retry-after')], [503, '5'])
    upload.write(body.slice(1))
    const [answered] = await once(upload, 'data')
    assert.match(String(answered), /^HTTP\/1\.1 503 /)
    assert.match(await idle.reply(), /^421 4\.3\.2 /)
    await idle.closed()
    busy.write(`${letter('b@y.test')}.\r\n`)
    assert.match(await busy.reply(), /^421 4\.3\.2 /)
    await busy.closed()
    assert.deepEqual(await gone, [0, null])
    for (const client of [idle, busy]) client.end()
    upload.destroy()

    const { attempts, messages } = await heldAtNextStart(id, relay, folder)
    assert.deepEqual(
      attempts.map(({ outcome }) => outcome),
      ['unknown'],
    )
    assert.equal(messages, 1)
    assert.equal(relay.received.length, 1)
  } finally {
    gateway.process.kill('SIGKILL')
    await relay.close()
    remove(folder)
  }
})

test('a second SIGTERM ends it at once, and the next start knows that what was in flight is unknown', async () => {
  const relay = await fakeMx({ on: { dot: { next: 'silence' } } })
  const folder = newFolder()
  const gateway = await waypostProcess(config(relay, '1h'), folder)
  try {
    const mail = { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.', type: 'marketing' }
    const id = await gateway.send(mail)
    await relay.until(({ received }) => received.length === 1)
    const gone = once(gateway.process, 'exit')
    gateway.process.kill('SIGTERM')
    await told(gateway, 'stopping')
    gateway.process.kill('SIGTERM')
    assert.deepEqual(await Promise.race([gone, pause(10_000, 'still there', { ref: false })]), [1, null])

    const [attempt] = (await heldAtNextStart(id, relay, folder)).attempts
    assert.equal(attempt!.outcome, 'unknown')
    assert.match(attempt!.reason, /the process ended before the answer came/)
    assert.equal(relay.received.length, 1)
  } finally {
    gateway.process.kill('SIGKILL')
    await relay.close()
    remove(folder)
  }
})
