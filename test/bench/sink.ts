/** A relay for measuring: takes everything, looks at nothing but line ends, in a process of its own so that its cost is nobody's. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

export interface Sink {
  port: number
  /** Resolves once it has taken so many messages in all. */
  took(count: number): Promise<void>
  stop(): void
}

export async function startSink(): Promise<Sink> {
  const child = fork(new URL(import.meta.url), ['serve'])
  const [port] = (await once(child, 'message')) as [number]
  return {
    port,
    async took(count) {
      child.send(count)
      await once(child, 'message')
    },
    stop: () => void child.kill(),
  }
}

function serve(): void {
  let taken = 0
  let wanted = Number.POSITIVE_INFINITY
  const tell = () => {
    if (taken < wanted) return
    wanted = Number.POSITIVE_INFINITY
    process.send!(taken)
  }
  process.on('message', (count: number) => {
    wanted = count
    tell()
  })
  const server = createServer((socket) => {
    let body = false
    let rest = ''
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.write('220 sink\r\n')
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1')
      let answer = ''
      for (;;) {
        if (body) {
          const end = rest.indexOf('\r\n.\r\n')
          if (end < 0) {
            rest = rest.slice(-4)
            break
          }
          rest = rest.slice(end + 5)
          body = false
          taken++
          answer += '250 2.0.0 Ok: queued as 4SINK1234\r\n'
        }
        const end = rest.indexOf('\r\n')
        if (end < 0) break
        const verb = rest.slice(0, 4)
        rest = rest.slice(end + 2)
        if (verb === 'EHLO') answer += '250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n'
        else if (verb === 'DATA') {
          answer += '354 go\r\n'
          body = true
        } else answer += '250 2.0.0 ok\r\n'
      }
      if (answer) socket.write(answer)
      tell()
    })
  })
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
}

if (process.argv[2] === 'serve') serve()
