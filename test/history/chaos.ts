/**
 * Everything at once: `node test/history/chaos.ts [messages] [kills] [seed]`, 5,000 and 10 by default. Mail of three types comes in
 * by HTTP and SMTP; three vendors are down, slow, flapping, lying, throttling or losing answers, each as the dice say and anew with
 * every phase; the gateway is killed among them. Then the vendors are well, and the gateway drains. Ends with 0 or 1.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { eventually, newFolder, remove, type Waypost, type WaypostProcess, waypostProcess } from '../support/waypost.ts'
import { check, holds, summary, type Verdict } from './check.ts'
import { dice, newSeed } from './dice.ts'
import { History } from './history.ts'
import { type Moody, moods, moodyVendors } from './vendors.ts'
import { askAll, customers } from './world.ts'

interface Asked {
  messages: number
  kills: number
  seed: number
  progress?: (line: string) => void
  /** Where the history is kept when the verdict is bad. */
  keep?: string
}

export interface Chaos {
  verdict: Verdict
  /** Acknowledged recipients that ended without a delivery and without a reason that anybody was told. */
  unexplained: string[]
  /** Seconds in which a vendor had more calls than its limit and a burst. */
  overLimit: string[]
  /** Calls that came while the vendor's breaker was open. */
  whileOpen: string[]
  /** How often a breaker opened. */
  opened: number
}

/** Recipients a second that each provider may be given. */
export const limit = 100
/** How long a call may take, and so how long one that was made before a breaker opened may still be on its way. */
export const timeout = 2_000
const open = 5_000
/** A phase lasts as long as its share of the mail, and at least so long: time enough for a breaker to open. */
const phase = 700

const config = (vendors: readonly Moody[]) => `
retry: { first: 50ms, max: 300ms }
types:
  otp: { expire: 1d, priority: normal, reconcileFor: 3s }
  transactional: { reconcileFor: 3s }
  marketing: { priority: normal, reconcileFor: 3s }
providers:
${vendors.map(({ name, provider }) => `  ${name}: ${JSON.stringify({ ...provider, timeout: `${timeout}ms`, limits: { perSecond: limit }, breaker: { open: `${open}ms` } })}`).join('\n')}
routes:
  - { name: relayed, when: { recipient.domain: relayed.example.org }, use: { first: [relay, keyed, searched] } }
  - { name: searched, when: { recipient.domain: searched.example.org }, use: { first: [searched, relay, keyed] } }
  - { name: default, use: { first: [keyed, searched, relay] } }
`
const domains = ['relayed.example.org', 'searched.example.org', 'keyed.example.org']

export async function chaos({ messages, kills, seed, progress = () => {}, keep }: Asked): Promise<Chaos> {
  const random = dice(seed)
  const folder = newFolder()
  const history = new History(join(folder, 'history.jsonl'))
  // Dice of their own: in which order calls and clients come is nobody's to repeat.
  const vendors = await moodyVendors(history, dice(seed + 1))
  const processes: (Lived & { process: WaypostProcess })[] = []
  const start = async () => {
    const process = await waypostProcess(config(vendors), folder)
    processes.push({ process, ended: Number.POSITIVE_INFINITY })
    return process
  }
  let gateway = start()
  const drawn = dice(seed + 2)
  let mails = 0
  const address = () => `p${mails++}@${domains[Math.floor(drawn() * domains.length)]}`
  const load = customers(history, () => gateway, drawn, { clients: 12, address, pace: 60 })
  try {
    await gateway
    const phases = Math.max(kills * 2, Math.ceil(messages / 100))
    for (let at = 0; at < phases; at++) {
      for (const vendor of vendors) vendor.mood = moods[Math.floor(random() * moods.length)]!
      progress(`${load.acknowledged()} acknowledged; ${vendors.map(({ name, mood }) => `${name} ${mood}`).join(', ')}`)
      await pause(phase)
      const share = Math.floor(((at + 1) * messages) / phases)
      await eventually(() => load.acknowledged() >= share, `phase ${at}: ${share} taken in`, 120_000)
      if (Math.floor(((at + 1) * kills) / phases) === Math.floor((at * kills) / phases)) continue
      progress('kill')
      const dying = processes.at(-1)!
      history.write({ what: 'kill' })
      await dying.process.kill()
      dying.ended = Date.now()
      gateway = start()
      await gateway
      history.write({ what: 'up' })
    }
    await load.stop()
    for (const vendor of vendors) vendor.mood = 'well'
    progress(`${load.acknowledged()} acknowledged; all are well again`)
    const unexplained = await drain(await gateway, history)
    const verdict = check(history.lines(), { faults: true })
    if (keep && !holds(verdict)) copyFileSync(join(folder, 'history.jsonl'), keep)
    return { verdict, unexplained, overLimit: overLimit(vendors, processes), ...breakers(vendors, processes) }
  } finally {
    await load.stop()
    await (await gateway).stop()
    await Promise.all(vendors.map((vendor) => vendor.close()))
    remove(folder)
  }
}

type Called = Pick<Moody, 'name' | 'calls'>

interface Lived {
  process: Pick<WaypostProcess, 'log'>
  /** When it was killed, by the wall clock. */
  ended: number
}

/** Waits until nothing moves any more, then asks what became of what did not simply arrive. @returns ends without a reason */
async function drain(gateway: Waypost, history: History): Promise<string[]> {
  const none = async (status: string) =>
    (await gateway.get(`/v1/messages?limit=1&status=${status}`)).body.messages.length === 0
  const done = async () => (await none('queued')) && (await none('sending')) && (await reasons(gateway)) !== null
  for (let seen = -1; !(await done()); ) {
    await eventually(async () => history.length > seen || (await done()), 'something arrives', 150_000)
    seen = history.length
  }
  await askAll(gateway, history)
  return [...(await reasons(gateway))!].filter(([, reason]) => !reason).map(([email]) => email)
}

/** The last word on everyone whom nothing was sent, as far as known; null while a vendor is still being asked. */
async function reasons(gateway: Waypost): Promise<Map<string, string | null> | null> {
  const found = new Map<string, string | null>()
  for (const status of ['held', 'failed', 'partial', 'canceled']) {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await gateway.get(`/v1/messages?limit=200&status=${status}${cursor && `&cursor=${cursor}`}`)
      for (const { id } of page.body.messages) {
        const { recipients, events } = (await gateway.get(`/v1/messages/${id}`)).body
        const detail: string | null = events.at(-1)?.detail ?? null
        if (status === 'held' && !/until known/.test(detail ?? '')) return null
        for (const { email } of recipients) found.set(email, detail)
      }
      cursor = page.body.next
    }
  }
  return found
}

/**
 * A bucket of a second's worth, filled anew in a second; a new process begins with a full one. What leaves evenly may arrive
 * together on a machine that stalls, for which there is another second's worth.
 * @returns the worst second of each vendor that had too many
 */
export function overLimit(vendors: readonly Called[], processes: readonly Pick<Lived, 'ended'>[]): string[] {
  return vendors.flatMap(({ name, calls }) => {
    let from = 0
    let worst = { over: 0, what: '' }
    for (const [to, at] of calls.entries()) {
      while (calls[from]! <= at - 1_000) from++
      const restarted = processes.filter(({ ended }) => ended > at - 1_000 && ended <= at).length
      const count = to - from + 1
      const over = count - limit * (3 + restarted)
      if (over > worst.over) worst = { over, what: `${name}: ${count} in the second before ${at}` }
    }
    return worst.what || []
  })
}

/** From a breaker's opening, and the longest that a call made before may take, until it may be tried or its process ends. */
export function breakers(vendors: readonly Called[], processes: readonly Lived[]): Pick<Chaos, 'whileOpen' | 'opened'> {
  const shut = processes.flatMap(({ process, ended }) =>
    process.log
      .filter((line) => line.includes('"provider out of use'))
      .map((line) => JSON.parse(line) as { time: number; provider: string; until: string })
      .map(({ time, provider, until }) => ({ provider, from: time + timeout, to: Math.min(Date.parse(until), ended) })),
  )
  const whileOpen = vendors.flatMap(({ name, calls }) =>
    shut
      .filter(({ provider }) => provider === name)
      .flatMap(({ from, to }) => calls.filter((at) => at > from && at < to))
      .map((at) => `${name} at ${at}`),
  )
  return { whileOpen, opened: shut.length }
}

export function survived({ verdict, unexplained, overLimit, whileOpen }: Chaos): boolean {
  return holds(verdict) && unexplained.length + overLimit.length + whileOpen.length === 0
}

/** One line for people. */
export function told({ verdict, unexplained, overLimit, whileOpen, opened }: Chaos): string {
  const some = (lines: string[]) => (lines.length === 0 ? '0' : `${lines.length} (${lines.slice(0, 3).join('; ')})`)
  const breaker = `${opened} times a breaker opened, calls while it was ${some(whileOpen)}`
  return `${summary(verdict)}; ended without a reason ${some(unexplained)}; over the limit ${some(overLimit)}; ${breaker}`
}

if (import.meta.main) {
  const [messages = 5_000, kills = 10, seed = newSeed()] = process.argv.slice(2).map(Number)
  console.log(`seed ${seed}`)
  const result = await chaos({
    messages,
    kills,
    seed,
    keep: `chaos-${seed}.jsonl`,
    progress: (line) => console.log(line),
  })
  console.log(`${survived(result) ? 'holds' : 'BROKEN'}: ${told(result)}`)
  process.exitCode = survived(result) ? 0 : 1
}
