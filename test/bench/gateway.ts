/** A gateway to measure: a process of its own, as on a server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanup, temporaryFolder } from './cleanup.ts'
import { until } from './ports.ts'
import type { System } from './systems.ts'

export interface Gateway {
  pid: number
  url: string
  smtpPort: number
  stop(): Promise<void>
}

export const inbox = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'

export function relayTo(port: number): string {
  const relay = `{ adapter: smtp, host: 127.0.0.1, port: ${port}, tls: none, connections: 50 }`
  return `providers: { relay: ${relay} }\nroutes: [{ name: default, use: relay }]\n`
}

export function vendorAt(port: number): string {
  const vendor = `{ adapter: resend, apiKey: re_bench, baseUrl: "http://127.0.0.1:${port}" }`
  return `providers: { vendor: ${vendor} }\nroutes: [{ name: default, use: vendor }]\n`
}

/**
 * Starts one on free ports. Its log goes to a file, as it would on a server: reading it here would be part of the load.
 * `GATEWAY_OPTIONS` are Node options for it: `--cpu-prof --cpu-prof-dir=/tmp/prof` writes a profile for each thread.
 * @param temporary where its store is; goes when it stops
 */
export async function startGateway(yaml: string, temporary = temporaryFolder()): Promise<Gateway> {
  const { folder, discard } = temporary
  const file = (name: string) => join(folder, name)
  const listeners = `http: { listen: "127.0.0.1:0" }\nsmtp: { listen: "127.0.0.1:0" }\nstore: "sqlite:${file('waypost.db')}"\n`
  writeFileSync(file('waypost.yaml'), listeners + yaml)
  const log = openSync(file('log'), 'w')
  const child = spawn(process.execPath, ['src/waypost.js', 'serve', '--config', file('waypost.yaml')], {
    stdio: ['ignore', log, log],
    env: { ...process.env, NODE_OPTIONS: process.env.GATEWAY_OPTIONS ?? '' },
  })
  const gone = once(child, 'exit')
  const kill = cleanup(() => void child.kill('SIGKILL'))
  const said = await until('waypost starts', () => {
    const banner = readFileSync(file('log'), 'utf8')
    if (child.exitCode !== null) throw new Error(banner)
    return banner.includes('curl') && banner
  })
  return {
    pid: child.pid!,
    url: /HTTP\s+(\S+)/.exec(said)![1]!,
    smtpPort: Number(/SMTP\s+\S+:(\d+)/.exec(said)![1]),
    async stop() {
      child.kill('SIGTERM')
      await gone
      kill()
      discard()
    },
  }
}

/** As one among others. */
export const waypost: System = {
  name: 'waypost',
  missing: () => null,
  async start(sink) {
    const { smtpPort, ...gateway } = await startGateway(relayTo(sink))
    return { ...gateway, port: smtpPort }
  },
}
