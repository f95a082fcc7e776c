/** How many messages a second the SMTP carrier hands to a relay: `node test/bench/smtp-out.ts [connections] [messages] [bytes]`. */
import { smtpCarrier } from '../../src/send/smtp.ts'
import { rawHandoff } from '../support/handoff.ts'
import { startSink } from './sink.ts'

const [connections = 20, messages = 20_000, bytes = 5_000] = process.argv.slice(2).map(Number)
const sink = await startSink()
const carrier = smtpCarrier()
const relay = { host: '127.0.0.1', port: sink.port, tls: 'none', verify: true, connections } as const
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
sink.stop()
