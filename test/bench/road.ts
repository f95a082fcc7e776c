/**
 * The whole road, measured from outside: `node test/bench/road.ts [messages]`. Accepts over HTTP and SMTP on kept connections,
 * relays to a sink, and reads the gateway's memory. The load and the sink share the machine with the gateway.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { Pool } from 'undici'
import { fakeMx } from '../support/fake-mx.ts'
import { eventually, remove, type WaypostProcess, waypostProcess } from '../support/waypost.ts'

const messages = Number(process.argv[2] ?? 20_000)
const connections = 50
const text = 'All work and no play makes Jack a dull boy.\r\n'.repeat(110)
const mail = { from: 'me@example.com', to: 'you@example.org', subject: 'Five kilobytes', text }

const toInbox = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'

async function httpIn({ url }: WaypostProcess, count: number, body: object): Promise<number> {
  const pool = new Pool(url, { connections, pipelining: 1 })
  const request = { path: '/v1/messages', method: 'POST', headers: { 'content-type': 'application/json' } } as const
  const payload = JSON.stringify(body)
  let left = count
  const began = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (left-- > 0) {
        const answer = await pool.request({ ...request, body: payload })
        if (answer.statusCode !== 202) throw new Error(`${answer.statusCode} ${await answer.body.text()}`)
        await answer.body.dump()
      }
    }),
  )
  await pool.close()
  return (count * 1000) / (performance.now() - began)
}

async function smtpIn({ smtpPort }: WaypostProcess, count: number): Promise<number> {
  const data = `From: me@example.com\r\nTo: you@example.org\r\nSubject: Five kilobytes\r\n\r\n${text}.\r\n`
  const commands = ['MAIL FROM:<me@example.com>\r\nRCPT TO:<you@example.org>\r\nDATA\r\n', data] as const
  let left = count
  const session = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(smtpPort, '127.0.0.1')
      let buffer = ''
      const next = () => {
        if (left-- <= 0) {
          socket.end('QUIT\r\n')
          resolve()
        } else socket.write(commands[0])
      }
      socket.on('error', reject).on('data', (chunk) => {
        buffer += chunk.toString('latin1')
        const lines = buffer.split('\r\n')
        buffer = lines.pop()!
        for (const line of lines) {
          if (line.startsWith('220')) socket.write('EHLO bench.example\r\n')
          else if (line.startsWith('354')) socket.write(commands[1])
          else if (/^250 .*queued as/.test(line) || (line.startsWith('250 ') && !/^250 2\.1\./.test(line))) next()
          else if (/^[45]/.test(line)) reject(new Error(line))
        }
      })
    })
  const began = performance.now()
  await Promise.all(Array.from({ length: connections }, session))
  return (count * 1000) / (performance.now() - began)
}

function memory({ process }: WaypostProcess): string {
  const status = readFileSync(`/proc/${process.pid}/status`, 'utf8')
  return `${Math.round(Number(status.match(/VmRSS:\s+(\d+)/)![1]) / 1024)} MB`
}

async function withGateway(yaml: string, story: (gateway: WaypostProcess) => Promise<void>): Promise<void> {
  const gateway = await waypostProcess(yaml)
  try {
    await story(gateway)
  } finally {
    await gateway.stop()
    remove(gateway.folder)
  }
}

await withGateway(toInbox, async (gateway) => {
  console.log(`memory at rest            ${memory(gateway)}`)
})
await withGateway(toInbox, async (gateway) => {
  const later = { ...mail, sendAt: new Date(Date.now() + 3_600_000).toISOString() }
  await httpIn(gateway, 10_000, later)
  console.log(`memory at 10,000 queued   ${memory(gateway)}`)
  console.log(`HTTP in, nothing due      ${Math.round(await httpIn(gateway, messages, later))} a second`)
})
await withGateway(toInbox, async (gateway) => {
  console.log(`HTTP in, to the inbox     ${Math.round(await httpIn(gateway, messages, mail))} a second`)
})
await withGateway(toInbox, async (gateway) => {
  console.log(`SMTP in, to the inbox     ${Math.round(await smtpIn(gateway, messages))} a second`)
})
const relay = await fakeMx()
await withGateway(
  `providers: { relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, connections: 50 } }\nroutes: [{ name: default, use: relay }]\n`,
  async (gateway) => {
    const began = performance.now()
    const accepted = await smtpIn(gateway, messages)
    await eventually(() => relay.received.length >= messages, 'all relayed')
    const relayed = (messages * 1000) / (performance.now() - began)
    console.log(`SMTP in, SMTP relay out   ${Math.round(accepted)} accepted, ${Math.round(relayed)} relayed a second`)
  },
)
await relay.close()
