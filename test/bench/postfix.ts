/**
 * Postfix with a configuration, a queue and a port of its own, beside whatever Postfix the machine runs. It answers on loopback
 * alone. Its `250` is durable as it comes (cleanup(8) syncs the queue file before it answers).
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { cleanup, temporaryFolder } from './cleanup.ts'
import { greets } from './ports.ts'
import type { System } from './systems.ts'

/** What the tuned one has beyond a relayhost: as many deliveries at once as there are clients, and no brake on them. */
const tuning = `
in_flow_delay = 0
default_process_limit = 200
initial_destination_concurrency = 50
default_destination_concurrency_limit = 50
`

export const postfix: System = { name: 'postfix', missing, start: (sink) => start(sink, '') }
export const postfixTuned: System = { name: 'postfix tuned', missing, start: (sink) => start(sink, tuning) }

function missing(): string | null {
  try {
    execFileSync('postconf', ['-d', 'mail_version'], { stdio: 'ignore' })
  } catch {
    return 'not installed'
  }
  return process.getuid?.() === 0 ? null : 'needs root'
}

async function start(sink: number, more: string) {
  const { folder, discard } = temporaryFolder()
  const path = (name: string) => join(folder, name)
  const port = await freePort()
  // Its processes run as another user and must get through.
  chmodSync(folder, 0o755)
  for (const name of ['etc', 'queue', 'data']) mkdirSync(path(name))
  const owner = setting('mail_owner')
  const [user, group] = ['-u', '-g'].map((id) => Number(execFileSync('id', [id, owner], { encoding: 'utf8' })))
  chownSync(path('data'), user!, group!)
  writeFileSync(
    path('etc/main.cf'),
    `compatibility_level = 3.6
queue_directory = ${path('queue')}
data_directory = ${path('data')}
myhostname = postfix.bench.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
mydestination =
alias_maps =
alias_database =
relayhost = [127.0.0.1]:${sink}
${more}`,
  )
  writeFileSync(path('etc/master.cf'), services(port))
  const postfix = (command: string) => execFileSync('postfix', ['-c', path('etc'), command], { stdio: 'pipe' })
  // Before it starts: Ctrl-C may come in between. Then there may be nothing to abort, which it says by failing.
  const abort = cleanup(() => {
    try {
      postfix('abort')
    } catch {}
  })
  postfix('start')
  await greets(port)
  return {
    port,
    pid: Number(readFileSync(path('queue/pid/master.pid'), 'utf8')),
    async stop() {
      abort()
      discard()
    },
  }
}

function setting(name: string): string {
  return execFileSync('postconf', ['-d', '-h', name], { encoding: 'utf8' }).trim()
}

/** The services of master.cf(5) that relaying needs, as they come, but for the port. */
function services(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
}
