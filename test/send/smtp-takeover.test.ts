/** What we rely on in nodemailer's inside: fails when a new version is built otherwise. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, test } from 'node:test'
import { setDefaultCACertificates, TLSSocket } from 'node:tls'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { openSession } from '../../src/send/smtp-open.ts'
import { takeOver } from '../../src/send/smtp-takeover.ts'
import { authority, certificate } from '../support/certificates.ts'
import { type FakeMx, type FakeMxOptions, fakeMx } from '../support/fake-mx.ts'

let mx: FakeMx
afterEach(() => mx.close())

async function taken(options: FakeMxOptions = {}) {
  setDefaultCACertificates([authority])
  mx = await fakeMx(options)
  const connection = new SMTPConnection({ host: '127.0.0.1', port: mx.port, secure: options.tls?.implicit === true })
  const { promise, resolve } = Promise.withResolvers<ReturnType<typeof takeOver>>()
  connection.connect(() => resolve(takeOver(connection)))
  const given = await promise
  assert.ok(given)
  return given
}

for (const [name, tls] of [
  ['plain', undefined],
  ['after STARTTLS', certificate],
  ['with implicit TLS', { ...certificate, implicit: true }],
] as const) {
  test(`the socket is ours alone, and usable: ${name}`, async () => {
    const { socket, early } = await taken(tls ? { tls } : {})
    assert.equal(socket instanceof TLSSocket, tls !== undefined)
    assert.equal(early.length, 0)
    assert.deepEqual([socket.listenerCount('data'), socket.listenerCount('timeout')], [0, 0])
    socket.write('RSET\r\n')
    const [answer] = await once(socket, 'data')
    assert.equal(String(answer), '250 2.0.0 ok\r\n')
    socket.destroy()
  })
}

test('what came along with the last reply is handed over', async () => {
  const { socket, early } = await taken({
    on: { ehlo: { say: '250 hello\r\n421-going\r\n421 now\r\n25\xe9', raw: true } },
  })
  assert.equal(early.toString('latin1'), '421-going\n421 now\n25\xe9')
  socket.destroy()
})

test('a 421 right behind the last reply ends the session before anything is sent', async () => {
  mx = await fakeMx({ on: { ehlo: '250 hello\r\n421 4.3.2 going' } })
  const session = await openSession(
    { host: '127.0.0.1', port: mx.port, tls: 'none', verify: true },
    AbortSignal.any([]),
  )
  assert.ok('open' in session && !session.open)
  await mx.until(() => mx.open() === 0)
  assert.equal(mx.sessions[0]!.lines.length, 1)
})

test('a connection that keeps its socket elsewhere is not taken over', async () => {
  mx = await fakeMx()
  assert.equal(takeOver(new SMTPConnection({ host: '127.0.0.1', port: mx.port })), null)
})
