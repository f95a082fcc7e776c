/** What a process has cost so far, as Linux counts it (proc(5)); elsewhere nothing is known. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Microseconds in one tick of `/proc`: USER_HZ is 100 wherever Node runs. */
const tick = 10_000
const known = existsSync('/proc/self/stat')

interface Times {
  parent: number
  own: number
  /** Of children that have ended and were waited for. */
  children: number
}

function times(path: string): Times {
  const fields = readFileSync(`${path}/stat`, 'latin1').split(') ').at(-1)!.split(' ').map(Number)
  const [user, system, childUser, childSystem] = fields.slice(11, 15)
  return { parent: fields[1]!, own: (user! + system!) * tick, children: (childUser! + childSystem!) * tick }
}

/** Microseconds that a process and everything it started have used. */
export function familyTime(pid: number): number | null {
  if (!known) return null
  const all = new Map<number, Times>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      all.set(Number(name), times(`/proc/${name}`))
    } catch {
      // It has ended since; its parent has counted it.
    }
  }
  const sum = (one: number): number =>
    [...all].reduce((total, [child, { parent }]) => total + (parent === one ? sum(child) : 0), total(all.get(one)!))
  return sum(pid)
}

function total({ own, children }: Times): number {
  return own + children
}

/** Microseconds by thread of a gateway: its main one, the store's writer (the busiest of the others), and the rest. */
export function threadTimes(pid: number): { main: number; writer: number; rest: number } | null {
  if (!known) return null
  const tasks = `/proc/${pid}/task`
  const others = readdirSync(tasks)
    .filter((task) => Number(task) !== pid)
    .map((task) => times(`${tasks}/${task}`).own)
  const writer = Math.max(...others)
  const main = times(`${tasks}/${pid}`).own
  return { main, writer, rest: others.reduce((sum, one) => sum + one, 0) - writer }
}

/** Megabytes in memory: now, and at most so far. */
export function memory(pid: number): { now: number; most: number } | null {
  if (!known) return null
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]) / 1024
  return { now: read('VmRSS'), most: read('VmHWM') }
}
