/**
 * Rules about what a provider's replies say of it at a mailbox host: after so many deferrals it sends there at a part of its pace,
 * after a known block message not at all for a while. Pure: the time is handed in.
 */
import type { Shaped, ShapingRule } from '../mail/provider.ts'
import type { Became } from './cells.ts'
import type { RegexEngine } from './match.ts'

/** One rule at work: what is kept over a restart. */
export type SavedShaping = Pick<Shaped, 'rule' | 'host' | 'tenant' | 'until' | 'why' | 'interval'>[]

interface AtWork extends Shaped {
  /** When the next recipient may go, while it is slowed. */
  nextAt: number
}

/** The latest news of one host. */
interface Window {
  at: number[]
  bad: boolean[]
}

/** However slow it was there, mail goes on at one recipient in this time. */
const longestInterval = 60_000
/** Rules at work at once, and hosts of which the latest news are kept. */
const most = 300

export class Shaping {
  readonly #rules: readonly ShapingRule[]
  readonly #found: ReadonlyMap<ShapingRule, (text: string) => boolean>
  readonly #windows = new Map<string, Window>()
  #work: AtWork[]

  constructor(rules: readonly ShapingRule[], regex: RegexEngine, saved: SavedShaping = []) {
    this.#rules = rules
    this.#found = new Map(rules.flatMap((rule) => ('reply' in rule.when ? [[rule, regex(rule.when.reply)]] : [])))
    // What a rule did that is gone is over.
    this.#work = saved
      .filter(({ rule }) => rules.some(({ name }) => name === rule))
      .map((one) => ({ ...one, nextAt: 0 }))
  }

  /** Rules that ask for what stands in this reply, wherever it came from. */
  asked(reply: string): ShapingRule[] {
    return [...this.#found].flatMap(([rule, found]) => (found(reply) ? [rule] : []))
  }

  /** The provider is suspended as the rule says. @returns what is new by it; null when it was so already */
  suspend(rule: ShapingRule, { host, tenant, reply }: Blocked, now: number): Shaped | null {
    if (!('suspend' in rule.does)) return null
    const scope = {
      host: rule.does.suspend.includes('host') ? host : null,
      tenant: rule.does.suspend.includes('tenant') ? tenant : null,
    }
    return this.#begin(rule, { ...scope, why: `it answered: ${reply.slice(0, 200)}`, interval: null }, now)
  }

  /** Counts what became of mail at a host. @returns what is new by it */
  note(host: string, what: Became, now: number): Shaped | null {
    for (const rule of this.#rules) {
      if ('reply' in rule.when || !concerns(rule, host)) continue
      const { of, share } = rule.when
      const news = this.#window(`${rule.name} ${host}`)
      // Of what went well in the end, the deferral is no longer held against it.
      const undone = what === 'undone' ? news.bad.lastIndexOf(true) : -1
      if (undone >= 0) news.bad[undone] = false
      else {
        news.bad.push(what === 'bad' || what === 'spoiled')
        news.at.push(now)
      }
      if (news.bad.length > of) {
        news.bad.shift()
        news.at.shift()
      }
      const bad = news.bad.filter(Boolean).length
      if (news.bad.length < of || bad <= share * of) continue
      const pace = (now - news.at[0]!) / of
      const interval = 'slow' in rule.does ? Math.min(pace / rule.does.slow, longestInterval) : null
      const why = `${bad} of the last ${of} deferred or blocked`
      const began = this.#begin(rule, { host, tenant: null, why, interval }, now)
      if (began === null) continue
      this.#windows.delete(`${rule.name} ${host}`)
      return began
    }
    return null
  }

  /** Why mail of a tenant may not go to a host now, and until when; null when it may. */
  closed(host: string, tenant: string, now: number): { reason: string; until: number } | null {
    for (const one of this.#work) {
      if (one.until <= now || !isAbout(one, host, tenant)) continue
      if (one.interval === null) return { reason: words(one), until: one.until }
      if (one.nextAt > now) return { reason: words(one), until: Math.min(one.nextAt, one.until) }
    }
    return null
  }

  /** Recipients go to hosts; each takes its time where the provider is slowed. @returns why they may not, and then they do not */
  goes(hosts: ReadonlySet<string>, tenant: string, count: number, now: number): string | null {
    if (this.#work.length === 0) return null
    for (const host of hosts) {
      const shut = this.closed(host, tenant, now)
      if (shut) return shut.reason
    }
    for (const one of this.#work) {
      const goes = [...hosts].some((host) => isAbout(one, host, tenant))
      if (one.interval !== null && goes) one.nextAt = now + one.interval * count
    }
    return null
  }

  /** What is at work now. */
  view(now: number): Shaped[] {
    return this.#work.filter(({ until }) => until > now).map(({ nextAt, ...one }) => one)
  }

  saved(now: number): SavedShaping {
    return this.view(now)
  }

  #begin(rule: ShapingRule, what: Pick<Shaped, 'host' | 'tenant' | 'why' | 'interval'>, now: number): Shaped | null {
    this.#work = this.#work.filter(({ until }) => until > now)
    const same = (one: Shaped) => one.rule === rule.name && one.host === what.host && one.tenant === what.tenant
    if (this.#work.some(same)) return null
    const began = { rule: rule.name, ...what, until: now + rule.for }
    this.#work = [...this.#work.slice(1 - most), { ...began, nextAt: now }]
    return began
  }

  #window(key: string): Window {
    const window = this.#windows.get(key) ?? { at: [], bad: [] }
    this.#windows.delete(key)
    if (this.#windows.size >= most) this.#windows.delete(this.#windows.keys().next().value!)
    this.#windows.set(key, window)
    return window
  }
}

/** A reply that a rule asks for: about whose mail, and from which host. */
export interface Blocked {
  host: string
  tenant: string
  reply: string
}

/** Whether a rule is about this host. */
export function concerns({ hosts }: ShapingRule, host: string): boolean {
  return hosts.length === 0 || hosts.includes(host)
}

function isAbout(one: Shaped, host: string, tenant: string): boolean {
  return (one.host === null || one.host === host) && (one.tenant === null || one.tenant === tenant)
}

function words({ rule, host, interval, until, why }: Shaped): string {
  const what = interval === null ? 'suspended' : 'slowed'
  const where = host === null ? '' : ` at ${host}`
  return `${what}${where} until ${new Date(until).toISOString()} by the shaping rule ${rule}: ${why}`
}
