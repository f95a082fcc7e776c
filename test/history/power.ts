/**
 * The plug is pulled: `node test/history/power.ts [cuts]`, 50 by default. Needs root, loop devices and ext4; ends with 3 where
 * there are none, with 1 when mail was lost or a database was damaged, and with 0 when all is well.
 *
 * The store lives on a disk in a file. Whatever was not flushed is in the memory of the mounted file system and not in that file,
 * so that a copy of the file is the disk as a power cut leaves it. The gateway goes on with the copy, to the next cut. Clients
 * and relay are outside: only what they were told and what they got is compared. A cut falls between two writes, never inside
 * one, for the copy is made when every thread of the gateway has stopped.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { copyImage, mountImage, mountNewImage, unmount } from '../support/disks.ts'
import { fakeMx } from '../support/fake-mx.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { eventually, newFolder, remove, type WaypostProcess, waypostProcess } from '../support/waypost.ts'

export interface Cuts {
  cuts: number
  /** Pragmas that the store runs with, other than its own. */
  pragmas?: string
  /** Hears of every cut. */
  say?: (line: string) => void
}

export interface AfterCuts {
  acknowledged: number
  /** Recipients of acknowledged mail that the store did not have after a cut, or the relay had not in the end. */
  lost: number
  /** Copies beyond the first that no attempt with an unknown outcome explains. */
  doubled: number
  /** What `integrity_check` said, where that was not `ok`. */
  damage: string[]
}

/** Of the disk: what the gateway keeps free, and room for a thousand mails between two cuts. */
const megabytes = (cuts: number) => 256 + 16 * cuts

/** Cuts the power again and again while mail flows. @returns what became of the mail, or why this machine cannot do it */
export async function cutPower({ cuts, pragmas, say = () => {} }: Cuts): Promise<AfterCuts | string> {
  const folder = newFolder()
  const disk = (number: number) => ({ image: join(folder, `${number}.img`), mounted: join(folder, `${number}`) })
  const mount = (number: number) => {
    const { image, mounted } = disk(number)
    mkdirSync(mounted)
    return number === 0 ? mountNewImage(image, mounted, megabytes(cuts)) : mountImage(image, mounted)
  }
  const unmounted = process.platform === 'linux' ? mount(0) : 'loop devices are a thing of Linux'
  if (unmounted !== null) {
    remove(folder)
    return `no disk whose power could be cut: ${unmounted}`
  }
  const relay = await fakeMx()
  const start = (number: number) =>
    waypostProcess(
      config(relay.port),
      disk(number).mounted,
      pragmas === undefined ? undefined : { preload: 'pragmas.ts', env: { TEST_PRAGMAS: pragmas } },
    )
  let gateway = await start(0)
  const mail = load(() => gateway)
  const lost = new Set<string>()
  const damage: string[] = []
  try {
    for (let cut = 1; cut <= cuts; cut++) {
      const before = mail.acknowledged.size
      await pause(200 + Math.random() * 3000)
      await eventually(() => mail.acknowledged.size > before, 'mail is taken in')
      const old = disk(cut - 1)
      await stopped(gateway)
      copyImage(old.image, disk(cut).image)
      await gateway.kill()
      unmount(old.mounted)
      rmSync(old.image)
      mount(cut)
      const found = look(disk(cut).mounted, join(folder, 'look'))
      if (found.integrity !== 'ok') damage.push(found.integrity)
      for (const [to, id] of mail.acknowledged) if (!found.ids.has(id)) lost.add(to)
      say(`cut ${cut}: ${mail.acknowledged.size} acknowledged, ${lost.size} lost, integrity ${found.integrity}`)
      gateway = await start(cut)
    }
    await mail.stop()
    const ended = []
    for (const [to, id] of mail.acknowledged)
      if (!lost.has(to)) ended.push({ to, message: await gateway.until(id, 'sent') })
    const copies = new Map<string, number>()
    for (const to of relay.received.flatMap((received) => received.to)) copies.set(to, (copies.get(to) ?? 0) + 1)
    let doubled = 0
    for (const { to, message } of ended) {
      const { attempts } = message.recipients[0]
      const unknowns = attempts.filter(({ outcome }: { outcome: string }) => outcome === 'unknown').length
      const got = copies.get(to) ?? 0
      if (got === 0) lost.add(to)
      if (got <= 1 + unknowns) continue
      doubled += got - 1 - unknowns
      say(`${to} came ${got} times: ${JSON.stringify(message)}`)
    }
    return { acknowledged: mail.acknowledged.size, lost: lost.size, doubled, damage }
  } finally {
    await mail.stop()
    await gateway.kill()
    await relay.close()
    for (let number = 0; number <= cuts; number++) unmount(disk(number).mounted)
    remove(folder)
  }
}

const config = (port: number) => `
retry: { first: 50ms, max: 200ms }
types: { otp: { expire: 1h } }
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${port}, tls: none, breaker: { failures: 1000 } }
routes:
  - { name: default, use: relay }
`

/** Eight clients hand mail in by HTTP and SMTP, to whichever gateway is alive; what was acknowledged, by recipient. */
function load(gateway: () => WaypostProcess) {
  const acknowledged = new Map<string, string>()
  let number = 0
  let sending = true
  const body = 'Code 1234. '.repeat(400)

  const byHttp = (to: string) => gateway().send({ from: 'me@example.com', to, subject: to, text: body, type: 'otp' })
  const bySmtp = async (to: string) => {
    const client = await SmtpClient.hello(gateway().smtpPort)
    try {
      const letter = `From: me@example.com\r\nTo: ${to}\r\nX-Waypost-Type: otp\r\n\r\n${body}\r\n`
      return (await client.send(letter, 'me@example.com', [to])).match(/^250 .*(msg_\w+)/)![1]!
    } finally {
      client.end()
    }
  }
  const clients = Array.from({ length: 8 }, async (_, index) => {
    while (sending) {
      const to = `p${number++}@example.org`
      try {
        acknowledged.set(to, await (index % 2 === 0 ? byHttp(to) : bySmtp(to)))
      } catch {
        // Not acknowledged: it may be there or not.
        await pause(5)
      }
    }
  })
  return {
    acknowledged,
    async stop() {
      sending = false
      await Promise.all(clients)
    },
  }
}

/** Stops every thread of a process where it is; one that waits for the disk stops when it has its answer. */
async function stopped({ process: { pid } }: WaypostProcess): Promise<void> {
  process.kill(pid!, 'SIGSTOP')
  const threads = `/proc/${pid}/task`
  const state = (thread: string) => /\) (\w)/.exec(readFileSync(join(threads, thread, 'stat'), 'latin1'))![1]
  await eventually(() => readdirSync(threads).every((thread) => state(thread) === 'T'), 'every thread has stopped')
}

/** What is in a store, read from a copy, so that the gateway finds the log as the cut left it. */
function look(from: string, copy: string): { integrity: string; ids: Set<string> } {
  mkdirSync(copy)
  for (const name of ['waypost.db', 'waypost.db-wal'])
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(copy, name))
  const db = new DatabaseSync(join(copy, 'waypost.db'))
  try {
    const { integrity_check: integrity } = db.prepare('PRAGMA integrity_check').get() as { integrity_check: string }
    const ids = db.prepare('SELECT id FROM message').all() as { id: string }[]
    return { integrity, ids: new Set(ids.map(({ id }) => id)) }
  } finally {
    db.close()
    remove(copy)
  }
}

if (import.meta.main) {
  const cuts = Number(process.argv[2] ?? 50)
  const found = await cutPower({ cuts, say: console.log })
  if (typeof found === 'string') {
    console.error(found)
    process.exit(3)
  }
  const { acknowledged, lost, doubled, damage } = found
  console.log(`${cuts} cuts: ${acknowledged} acknowledged, ${lost} lost, ${doubled} doubled, ${damage.length} damaged`)
  process.exit(lost + doubled + damage.length === 0 ? 0 : 1)
}
