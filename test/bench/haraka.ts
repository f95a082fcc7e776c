/**
 * Haraka with a configuration and a queue of its own, on loopback. It takes mail into its durable outbound queue (each file is
 * synced before the `250`) and relays it. Found by `haraka` on the path, or its module's folder in the environment as `HARAKA`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, openSync, realpathSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { cleanup, temporaryFolder } from './cleanup.ts'
import { greets } from './ports.ts'
import type { System } from './systems.ts'

export const haraka: System = { name: 'haraka', missing: () => (program() ? null : 'not installed'), start }

function program(): string | null {
  const home = process.env.HARAKA
  if (home !== undefined) return existsSync(join(home, 'bin/haraka')) ? join(home, 'bin/haraka') : null
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.map((folder) => join(folder, 'haraka')).find((file) => existsSync(file))
  return found ? join(dirname(realpathSync(found)), 'haraka') : null
}

async function start(sink: number) {
  const { folder, discard } = temporaryFolder()
  const port = await freePort()
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  const command = program()!
  // It does not start without the settings it comes with.
  cpSync(join(dirname(command), '../config'), join(folder, 'config'), { recursive: true })
  for (const name of ['plugins', 'queue']) mkdirSync(join(folder, name))
  write('config/smtp.ini', `listen=127.0.0.1:${port}\nnodes=0\n`)
  write('config/me', 'haraka.bench.example\n')
  write('config/plugins', 'bench\n')
  write('config/outbound.ini', 'concurrency_max=100\nenable_tls=false\nlocal_mx_ok=true\n')
  write(
    'plugins/bench.js',
    `exports.hook_lookup_rdns = (next) => next(OK, 'localhost')
exports.hook_connect = (next, connection) => { connection.relaying = true; next() }
exports.hook_rcpt = (next) => next(OK)
exports.hook_get_mx = (next) => next(OK, { priority: 0, exchange: '127.0.0.1', port: ${sink} })
`,
  )
  const log = openSync(join(folder, 'log'), 'w')
  const child = spawn(process.execPath, [command, '-c', folder], { stdio: ['ignore', log, log] })
  const gone = once(child, 'exit')
  const kill = cleanup(() => void child.kill('SIGKILL'))
  await greets(port)
  return {
    port,
    pid: child.pid!,
    async stop() {
      // Asked kindly it would wait for connections that are kept; nothing of it is needed any more.
      kill()
      await gone
      discard()
    },
  }
}
