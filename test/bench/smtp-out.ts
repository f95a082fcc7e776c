/**
 * How many messages a second the SMTP carrier hands to a relay: `node test/bench/smtp-out.ts [connections] [messages] [bytes]`.
 * The sink is a process of its own, so that its cost is not ours.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { smtpCarrier } from '../../src/send/smtp.ts'
import { rawHandoff } from '../support/handoff.ts'

if (process.argv[2] === 'sink') sink()
else await measure(Number(process.argv[2] ?? 20), Number(process.argv[3] ?? 20_000), Number(process.argv[4] ?? 5_000))

async function measure(connections: number, messages: number, bytes: number): Promise<void> {
  const child = fork(new URL(import.meta.url), ['sink'])
  const [port] = (await once(child, 'message')) as [number]
  const carrier = smtpCarrier()
  const relay = { host: '127.0.0.1', port, tls: 'none', verify: true, connections } as const
  const raw = `Subject: bench\r\n\r\n${'x'.repeat(70)}\r\n`.padEnd(bytes - 2, `${'y'.repeat(70)}\r\n`).concat('\r\n')
  const handoff = rawHandoff({ raw })

  async function run(count: number): Promise<number> {
    let left = count
    const lane = async () => {
      while (left-- > 0) {
        for (const outcome of (await carrier.deliver(handoff, relay)).values()) {
          if (outcome.kind !== 'accepted') throw new Error(JSON.stringify(outcome))
        }
      }
    }
    const start = performance.now()
    await Promise.all(Array.from({ length: connections }, lane))
    return performance.now() - start
  }

  await run(Math.min(messages, 5_000))
  const cpu = process.cpuUsage()
  const took = await run(messages)
  const used = process.cpuUsage(cpu)
  const each = (used.user + used.system) / messages
  console.log(
    `${connections} connections, ${messages} messages of ${bytes} bytes: ${Math.round((messages / took) * 1000)}/s, ${each.toFixed(0)} µs of CPU each`,
  )
  await carrier.close()
  child.kill()
}

/** Takes everything and looks at nothing but line ends. */
function sink(): void {
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
    })
  })
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
}
