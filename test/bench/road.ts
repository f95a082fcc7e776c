/**
 * The whole road, measured from outside: `node test/bench/road.ts [messages] [measurement…]`. Accepts over HTTP and SMTP on kept
 * connections, relays to a sink, and reads the gateway's memory and processor time. Rates share the machine with the load and
 * the sink and vary with whatever else runs on it; microseconds of processor a message, by thread, vary far less.
 * `GATEWAY_OPTIONS` are Node options for the gateway: `--cpu-prof --cpu-prof-dir=/tmp/prof` writes a profile for each thread.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import { eventually, newFolder, remove } from '../support/waypost.ts'
import { startSink } from './sink.ts'

const messages = Number(process.argv[2] ?? 20_000)
const wanted = process.argv.slice(3)
const connections = 50
const text = 'All work and no play makes Jack a dull boy.\r\n'.repeat(110)
const mail = { from: 'me@example.com', to: 'you@example.org', subject: 'Five kilobytes', text }
const inbox = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'

interface Gateway {
  process: ChildProcess
  url: string
  smtpPort: number
}

/** Its log goes to a file, as it would on a server: reading it here would be part of the load. */
async function withGateway(yaml: string, story: (gateway: Gateway) => Promise<void>): Promise<void> {
  const folder = newFolder()
  const file = (name: string) => join(folder, name)
  const listeners = `http: { listen: "127.0.0.1:0" }\nsmtp: { listen: "127.0.0.1:0" }\nstore: "sqlite:${file('waypost.db')}"\n`
  writeFileSync(file('waypost.yaml'), listeners + yaml)
  const log = openSync(file('log'), 'w')
  const child = spawn(process.execPath, ['src/waypost.js', 'serve', '--config', file('waypost.yaml')], {
    stdio: ['ignore', log, log],
    env: { ...process.env, NODE_OPTIONS: process.env.GATEWAY_OPTIONS ?? '' },
  })
  const gone = once(child, 'exit')
  const said = await eventually(() => {
    const banner = readFileSync(file('log'), 'utf8')
    return banner.includes('curl') && banner
  }, 'it starts')
  const url = /HTTP\s+(\S+)/.exec(said)![1]!
  const smtpPort = Number(/SMTP\s+\S+:(\d+)/.exec(said)![1])
  try {
    await story({ process: child, url, smtpPort })
  } finally {
    child.kill('SIGTERM')
    await gone
    remove(folder)
  }
}

async function httpIn({ url }: Gateway, count: number, body: object): Promise<void> {
  const pool = new Pool(url, { connections, pipelining: 1 })
  const request = { path: '/v1/messages', method: 'POST', headers: { 'content-type': 'application/json' } } as const
  const payload = JSON.stringify(body)
  let left = count
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
}

async function smtpIn({ smtpPort }: Gateway, count: number): Promise<void> {
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
  await Promise.all(Array.from({ length: connections }, session))
}

/** Resolves when nothing waits any more. */
async function delivered({ url }: Gateway): Promise<void> {
  await eventually(async () => {
    const figures = await (await fetch(`${url}/metrics`)).text()
    return /^waypost_queue_deliveries\{priority="normal"\} 0$/m.test(figures)
  }, 'all delivered')
}

function memory({ process }: Gateway): string {
  const status = readFileSync(`/proc/${process.pid}/status`, 'utf8')
  return `${Math.round(Number(status.match(/VmRSS:\s+(\d+)/)![1]) / 1024)} MB`
}

/** Microseconds of processor so far: the main thread, the store's writer (the busiest of the others), and the rest. */
function processor({ process }: Gateway): [main: number, writer: number, rest: number] {
  const tasks = `/proc/${process.pid}/task`
  const spent = readdirSync(tasks).map((task) => {
    const fields = readFileSync(`${tasks}/${task}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return { main: Number(task) === process.pid, time: (Number(fields[11]) + Number(fields[12])) * 10_000 }
  })
  const others = spent.filter(({ main }) => !main).map(({ time }) => time)
  const writer = Math.max(...others)
  return [spent.find(({ main }) => main)!.time, writer, others.reduce((sum, time) => sum + time, 0) - writer]
}

async function time(name: string, gateway: Gateway, work: () => Promise<void>, count = messages): Promise<void> {
  const before = processor(gateway)
  const began = performance.now()
  await work()
  const rate = Math.round((count * 1000) / (performance.now() - began))
  const [main, writer, rest] = processor(gateway).map((time, at) => Math.round((time - before[at]!) / count))
  console.log(
    `${name.padEnd(26)}${rate} a second; ${main! + writer! + rest!} µs each: ${main} main, ${writer} writer, ${rest} rest; ${memory(gateway)}`,
  )
}

const later = { ...mail, sendAt: new Date(Date.now() + 3_600_000).toISOString() }
const warm = Math.min(messages, 3_000)
const measurements: Record<string, () => Promise<void>> = {
  rest: () =>
    withGateway(inbox, async (gateway) => {
      // V8 holds pages that it has emptied for some seconds before the system gets them back.
      await pause(15_000)
      console.log(`at rest                   ${memory(gateway)}`)
    }),
  queued: () =>
    withGateway(inbox, async (gateway) => {
      for (const count of [10_000, 90_000]) {
        await time(`HTTP in, ${count} for later`, gateway, () => httpIn(gateway, count, later), count)
      }
    }),
  http: () =>
    withGateway(inbox, async (gateway) => {
      await httpIn(gateway, warm, mail)
      await time('HTTP in, to the inbox', gateway, async () => {
        await httpIn(gateway, messages, mail)
        await delivered(gateway)
      })
      await time('HTTP in, for later', gateway, () => httpIn(gateway, messages, later))
    }),
  smtp: () =>
    withGateway(inbox, async (gateway) => {
      await smtpIn(gateway, warm)
      await time('SMTP in, to the inbox', gateway, async () => {
        await smtpIn(gateway, messages)
        await delivered(gateway)
      })
    }),
  relay: async () => {
    const sink = await startSink()
    const relay = `{ adapter: smtp, host: 127.0.0.1, port: ${sink.port}, tls: none, connections: 50 }`
    await withGateway(`providers: { relay: ${relay} }\nroutes: [{ name: default, use: relay }]\n`, async (gateway) => {
      await smtpIn(gateway, warm)
      await sink.took(warm)
      await time('SMTP in, SMTP relay out', gateway, async () => {
        await smtpIn(gateway, messages)
        await sink.took(warm + messages)
      })
    })
    sink.stop()
  },
}

for (const [name, measure] of Object.entries(measurements))
  if (wanted.length === 0 || wanted.includes(name)) await measure()
