import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import { inMemory, plain } from './in-memory.ts'

const limit = 100_000
const gateway = inMemory({ maxSize: limit })
const server = createAdaptorServer({ fetch: gateway.app.fetch }) as Server
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
const url = `http://127.0.0.1:${port}`

after(() => {
  server.close()
  ;(server as Server & { closeAllConnections(): void }).closeAllConnections()
})

/** Waits for a condition, within a generous deadline. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'waited too long')
    await wait(5)
  }
}

function open(): { socket: Socket; read: () => string } {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  return { socket, read: () => text }
}

function head(...lines: string[]): string {
  return ['POST /v1/messages HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...lines, '', ''].join(
    '\r\n',
  )
}

describe('HTTP over a socket', () => {
  it('takes mail on one connection after another', async () => {
    for (let round = 0; round < 3; round++) {
      const response = await fetch(`${url}/v1/messages`, {
        method: 'POST',
        body: JSON.stringify({ ...plain, text: 'é'.repeat(20_000) }),
        headers: { 'content-type': 'application/json' },
      })
      assert.equal(response.status, 202)
      await response.text()
    }
  })

  it('answers 413 to a length that is too large, before any of the body comes', async () => {
    const { socket, read } = open()
    socket.write(head(`Content-Length: ${limit + 1}`))
    await until(() => read().includes('urn:waypost:too_large'))
    assert.match(read(), /^HTTP\/1\.1 413 /)
    socket.destroy()
  })

  it('answers 413 to chunks that add up, before they end', async () => {
    const { socket, read } = open()
    socket.write(head('Transfer-Encoding: chunked'))
    const chunk = `8000\r\n${' '.repeat(0x8000)}\r\n`
    for (let count = 0; count < 4; count++) socket.write(chunk)
    await until(() => read().includes('urn:waypost:too_large'))
    assert.match(read(), /^HTTP\/1\.1 413 /)
    socket.destroy()
  })

  it('outlives a client that breaks off', async () => {
    const before = gateway.submissions.length
    for (const more of ['Content-Length: 5000', 'Transfer-Encoding: chunked']) {
      const connected = once(server, 'connection') as Promise<[Socket]>
      const begun = once(server, 'request')
      const { socket } = open()
      socket.write(`${head(more)}20\r\n{"from":`)
      const [theirs] = await connected
      await begun
      const closed = new Promise((resolve) => theirs.on('close', resolve))
      socket.destroy()
      await closed
    }
    assert.equal((await fetch(`${url}/healthz`)).status, 200)
    assert.equal(gateway.submissions.length, before)
    assert.deepEqual(gateway.bugs, [])
  })

  it('counts two Authorization headers as none', async () => {
    const hash = createHash('sha256').update('wp_live_a').digest('hex')
    const guarded = inMemory({ keys: [{ hash, tenant: 'acme', scopes: ['send'], from: [] }] })
    const other = createAdaptorServer({ fetch: guarded.app.fetch }) as Server
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const body = JSON.stringify(plain)
    const ask = async (...lines: string[]) => {
      const socket = connect((other.address() as AddressInfo).port, '127.0.0.1')
      socket.end(`${head(...lines, `Content-Length: ${body.length}`, 'Connection: close')}${body}`)
      let text = ''
      for await (const chunk of socket) text += chunk
      return text.slice(9, 12)
    }
    const good = 'Authorization: Bearer wp_live_a'
    assert.deepEqual([await ask(good), await ask(good, good), await ask()], ['202', '401', '401'])
    other.close()
  })

  it('hands raw mail on while it still comes', async () => {
    const streamed = inMemory({ maxSize: 10_000_000 })
    const other = createAdaptorServer({ fetch: streamed.app.fetch }) as Server
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const socket = connect((other.address() as AddressInfo).port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    const line = `${'x'.repeat(98)}\r\n`
    const mail = `From: ann@example.com\r\nTo: bob@example.net\r\n\r\n${line.repeat(8000)}`
    const rest = line.repeat(1000)
    socket.write(
      'POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: message/rfc822\r\nConnection: close\r\n' +
        `Content-Length: ${mail.length + rest.length}\r\n\r\n${mail}`,
    )
    await until(() => [...streamed.spools.values()].flat().length >= 2)
    assert.equal(streamed.submissions.length, 0)
    socket.write(rest)
    await once(socket, 'end')
    assert.match(text, /^HTTP\/1\.1 202 /)
    socket.destroy()
    other.close()
  })
})
