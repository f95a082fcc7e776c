/**
 * What became of mail, by the hour. Gathered in memory and written down every few seconds, so that a message costs the store nothing
 * more: a process that is killed loses the figures of these seconds, and no money, which is counted with each attempt.
 */
import type { Hosts } from '../hosts.ts'
import { domainOf } from '../mail/address.ts'
import type { Message } from '../mail/message.ts'
import { cutShort, type Outcome, type Outcomes } from '../mail/outcome.ts'
import { type Stat, type StatCounts, type StatKey, statCounts } from '../store/stat.ts'
import type { Store } from '../store/store.ts'
import type { News } from '../track/inbound.ts'

const hour = 3_600_000

const nothing: StatCounts = {
  ...{ accepted: 0, deferred: 0, rejected: 0, unknown: 0, delivered: 0, bounced: 0, complained: 0 },
  ...{ answers: 0, latency: 0, money: 0 },
}

export class Stats {
  readonly #store: Pick<Store, 'addStats'>
  readonly #hosts: Pick<Hosts, 'known'>
  #gathered = new Map<string, Stat>()
  /** Made once an hour, not for every message. */
  #hour = { name: '', end: 0 }

  constructor(store: Pick<Store, 'addStats'>, hosts: Pick<Hosts, 'known'>) {
    this.#store = store
    this.#hosts = hosts
  }

  /** An attempt that has ended. @param paid what of its charge stays, in millionths */
  attempted(
    provider: string,
    { tenant, type }: Pick<Message, 'tenant' | 'type'>,
    outcomes: Outcomes,
    { latencyMs, paid, now }: { latencyMs: number; paid: number; now: number },
  ): void {
    let payers = 0
    for (const { kind } of outcomes.values()) if (paysFor(kind)) payers++
    let left = paid
    let first = true
    for (const [email, outcome] of outcomes) {
      const { kind } = outcome
      const stat = this.#at(now, tenant, provider, type, this.#hostOf(email))
      if (kind === 'delivered') stat.accepted++
      stat[kind]++
      if (paysFor(kind)) {
        const share = Math.round(left / payers--)
        stat.money += share
        left -= share
      }
      // A call is one, however many it is for; and one that we cut short says nothing of the time it would have taken.
      if (first && !('diagnostic' in outcome && outcome.diagnostic.code === cutShort)) {
        stat.answers++
        stat.latency += latencyMs
      }
      first = false
    }
  }

  /** What a provider told later of mail that it took. */
  heard(provider: string, { tenant, mailType, recipient, type }: News, now: number): void {
    const what = told[type]
    if (what) this.#at(now, tenant, provider, mailType, this.#hostOf(recipient))[what]++
  }

  /** Writes down what was gathered; what the store cannot take now is kept for the next time. */
  async flush(): Promise<void> {
    if (this.#gathered.size === 0) return
    const rows = [...this.#gathered.values()]
    this.#gathered = new Map()
    try {
      await this.#store.addStats(rows)
    } catch {
      for (const row of rows) {
        const there = this.#gathered.get(keyOf(row))
        if (there) for (const count of statCounts) there[count] += row[count]
        else this.#gathered.set(keyOf(row), row)
      }
    }
  }

  #at(now: number, tenant: string, provider: string, type: string, host: string): Stat {
    if (now >= this.#hour.end || now < this.#hour.end - hour) {
      this.#hour = { name: hourOf(now), end: (Math.floor(now / hour) + 1) * hour }
    }
    const key = { hour: this.#hour.name, tenant, provider, type, host }
    const there = this.#gathered.get(keyOf(key))
    if (there) return there
    const fresh = { ...key, ...nothing }
    this.#gathered.set(keyOf(key), fresh)
    return fresh
  }

  #hostOf(email: string): string {
    return this.#hosts.known(domainOf(email)) ?? 'other'
  }
}

/** Events that say what became of mail, and what they are counted as. */
const told: Partial<Record<News['type'], 'delivered' | 'bounced' | 'complained'>> = {
  delivered: 'delivered',
  bounced: 'bounced',
  complained: 'complained',
}

/** The UTC hour of a time, as the store has it. */
function hourOf(now: number): string {
  return new Date(now).toISOString().slice(0, 13)
}

function keyOf({ hour, tenant, provider, type, host }: StatKey): string {
  return `${hour} ${tenant} ${provider} ${type} ${host}`
}

/** Whether a recipient that met this outcome is paid for, as far as is known. */
function paysFor(kind: Outcome['kind']): boolean {
  return kind !== 'rejected' && kind !== 'deferred'
}
