/** Whether this machine can be a gateway: a store that can be written, room on the disk, names that resolve, a clock that is right. */
import { constants, existsSync } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Config } from '../config.ts'
import { lookUps } from '../send/dns.ts'
import { codeOf, type Finding, findingsAbout } from './finding.ts'

const found = findingsAbout('this machine')

/** Where less is free, the disk is soon full. */
const littleRoom = 1 << 30

export async function examineStore({ store, http, smtp }: Pick<Config, 'store' | 'http' | 'smtp'>): Promise<Finding[]> {
  const path = resolve(store.path)
  const folder = nearest(dirname(path))
  const target = existsSync(path) ? path : folder
  try {
    await access(target, constants.R_OK | constants.W_OK)
  } catch (error) {
    const mend = 'give the user that runs the gateway the right to write there, or name another place under "store"'
    return [found('store', 'ill', `${target} cannot be written (${codeOf(error)})`, mend)]
  }
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  // By which a running gateway takes nothing more in.
  const least = Math.max(1.5 * Math.max(http.maxSize, smtp.maxSize), 64 << 20)
  const room = `${(free / (1 << 30)).toFixed(1)} GB free for ${path}`
  const mend = 'make room: a gateway whose disk is nearly full takes no mail'
  return [
    found('store', 'well', `${target} can be written`),
    free < least || free < littleRoom
      ? found('disk', free < least ? 'ill' : 'unsure', room, mend)
      : found('disk', 'well', room),
  ]
}

/** The folder, or what there is of it: the start makes the rest. */
function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder))
}

/** @param servers `ip` or `ip:port`; empty for the system's */
export async function examineDns(servers: readonly string[]): Promise<Finding> {
  const who = servers.length > 0 ? servers.join(', ') : "the system's resolver"
  const began = performance.now()
  try {
    await lookUps({ servers })('.', 'NS')
    return found('dns', 'well', `${who} answers (${Math.round(performance.now() - began)} ms)`)
  } catch (error) {
    const code = codeOf(error)
    // An answer of any kind is one.
    if (code === 'ENODATA' || code === 'ENOTFOUND') return found('dns', 'well', `${who} answers`)
    return found(
      'dns',
      'ill',
      `${who} does not answer (${code})`,
      'see /etc/resolv.conf, or the "resolver" of the provider',
    )
  }
}

/** Signatures of requests and webhooks are good for five minutes. */
const worst = 60_000
const bad = 5_000

/** @param seen what servers said the time was, and when they said so by our clock; milliseconds */
export function examineClock(seen: readonly { by: string; theirs: number; ours: number }[]): Finding {
  const offs = seen.map(({ theirs, ours }) => ours - theirs).toSorted((a, b) => a - b)
  const off = offs[Math.floor(offs.length / 2)]
  if (off === undefined) return found('clock', 'unsure', 'no server told what time it is')
  const seconds = Math.round(Math.abs(off) / 1000)
  const detail = `${seconds} s ${off < 0 ? 'behind' : 'ahead of'} what ${seen.map(({ by }) => by).join(', ')} say`
  if (Math.abs(off) < bad) return found('clock', 'well', `right, by the word of ${seen.map(({ by }) => by).join(', ')}`)
  return found('clock', Math.abs(off) < worst ? 'unsure' : 'ill', detail, 'let NTP set it')
}
