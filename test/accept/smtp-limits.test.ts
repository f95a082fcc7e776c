/** Slow, many and leaving clients, and what happens to them when we stop. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FailedLogins } from '../../src/accept/failed-logins.ts'
import { shareOf, startSmtp } from '../../src/accept/smtp.ts'
import { MemoryDoor } from '../support/memory-door.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { smtpIn } from '../support/smtp-in.ts'

const message = 'From: a@x.test\r\nSubject: x\r\n\r\nx\r\n'

async function inData(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.hello(port)
  await client.say('MAIL FROM:<a@x.test>')
  await client.say('RCPT TO:<b@y.test>')
  assert.match(await client.say('DATA'), /^354 /)
  return client
}

describe('limits', { concurrency: true }, () => {
  it('J14 no more connections than allowed', async (t) => {
    const { port } = await smtpIn(t, { maxConnections: 2 })
    const first = await SmtpClient.hello(port)
    const second = await SmtpClient.hello(port)
    const third = await SmtpClient.connect(port)
    assert.match(await third.reply(), /^421 /)
    await third.closed()
    first.end()
    for (;;) {
      const again = await SmtpClient.connect(port)
      const greeting = await again.reply()
      again.end()
      if (greeting.startsWith('220')) break
    }
    second.end()
  })

  it('one client gets half of them, this machine all', () => {
    assert.equal(shareOf(500, '10.0.0.1'), 250)
    assert.equal(shareOf(1, '10.0.0.1'), 1)
    assert.equal(shareOf(500, '127.0.0.1'), 500)
    assert.equal(shareOf(500, '::1'), 500)
  })

  it('counts wrong keys by network, for some time', () => {
    let now = 0
    const logins = new FailedLogins(() => now)
    const times = (address: string) => Array.from({ length: 11 }, () => logins.tooMany(address)).filter(Boolean).length
    assert.equal(times('10.0.0.1'), 1)
    assert.equal(times('10.0.0.2'), 1)
    assert.equal(logins.tooMany('2001:db8:0:1::1'), false)
    for (let host = 2; host < 11; host++) assert.equal(logins.tooMany(`2001:db8:0:1::${host}`), false)
    assert.equal(logins.tooMany('2001:db8:0:1:ffff::1'), true, 'the same /64')
    assert.equal(logins.tooMany('2001:db8:0:2::1'), false, 'another /64')
    now = 11 * 60_000
    assert.equal(logins.tooMany('10.0.0.1'), false)
  })

  it('an idle client is sent away', async (t) => {
    const { port } = await smtpIn(t, { patience: { command: 300 } })
    const client = await SmtpClient.hello(port)
    assert.match(await client.reply(), /^421 4\.[47]\.\d /)
    await client.closed()
  })

  it('so is one that says a command byte by byte, however steadily', async (t) => {
    const { port } = await smtpIn(t, { patience: { command: 400 } })
    const client = await SmtpClient.hello(port)
    const drip = setInterval(() => client.write('N'), 20)
    assert.match(await client.reply(), /^421 4\.4\.2 /)
    clearInterval(drip)
    await client.closed()
  })

  it('and one that says its message so', async (t) => {
    const { port, door } = await smtpIn(t, { patience: { pace: 400, bytes: 1000 } })
    const client = await inData(port)
    const drip = setInterval(() => client.write('N'), 20)
    assert.match(await client.reply(), /^421 4\.4\.2 /)
    clearInterval(drip)
    await client.closed()
    assert.equal(door.submissions.length, 0)
  })

  it('but no client waits too long for us', async (t) => {
    const { port, door } = await smtpIn(t, { patience: { command: 300, pace: 300 } })
    let open = () => {}
    door.gate = new Promise((resolve) => (open = resolve))
    const client = await SmtpClient.hello(port)
    const sent = client.send(message)
    setTimeout(open, 900)
    assert.match(await sent, /^250 /)
    client.end()
  })

  it('stopping: idle clients are told, a message under way is taken', async (t) => {
    const { port, door, smtp } = await smtpIn(t)
    const idle = await SmtpClient.hello(port)
    const started = await SmtpClient.hello(port)
    await started.say('MAIL FROM:<a@x.test>')
    const busy = await inData(port)
    busy.write(message)
    let open = () => {}
    door.gate = new Promise((resolve) => (open = resolve))
    const deciding = await inData(port)
    deciding.write(`${message}.\r\n`)
    while (door.waiting === 0) await new Promise(setImmediate)
    const closed = smtp.close()
    assert.match(await idle.reply(), /^421 4\.3\.2 /)
    assert.match(await started.reply(), /^421 4\.3\.2 /)
    await assert.rejects(SmtpClient.connect(port), /ECONNREFUSED|no answer/)
    open()
    assert.match(await deciding.reply(), /^250 /)
    busy.write('.\r\nMAIL FROM:<a@x.test>\r\n')
    assert.match(await busy.reply(), /^250 2\.0\.0 queued/)
    assert.match(await busy.reply(), /^421 4\.3\.2 /)
    await busy.closed()
    await closed
    assert.equal(door.submissions.length, 2)
  })

  it('stopping has an end, whatever a client does', async (t) => {
    const { port, smtp, door } = await smtpIn(t, { patience: { close: 200 } })
    const client = await inData(port)
    await smtp.close()
    assert.match(await client.reply(), /^421 4\.3\.2 /)
    await client.closed()
    assert.equal(door.submissions.length, 0)
  })

  it('says when its port is taken', async (t) => {
    const { port, config } = await smtpIn(t)
    const smtp = { ...config.smtp, listen: { host: '127.0.0.1', port } }
    await assert.rejects(
      startSmtp({ config: () => ({ smtp, keys: [] }), door: new MemoryDoor(), clock: Date.now }),
      /EADDRINUSE/,
    )
  })
})
