/** What is on record, read for a simulation: its mail, how each provider answered, and when one was out of order. */
import { uniform } from '../route/chance.ts'
import type { TrafficRow } from '../store/store.ts'
import type { Outage } from './outage.ts'
import { type Mail, pageOf, pageSize } from './traffic.ts'
import type { Model } from './vendors.ts'

/** How a call ended, as far as it is the provider's doing. */
type Ending = 'good' | 'fault' | 'unknown' | 'throttled' | 'host'

interface Tried {
  at: number
  ending: Ending
}

/** How a provider answered, in what is on record; `calls` outside of its outages. */
export interface Answers {
  calls: number
  model: Model
}

/** What really happened. */
export interface Happened {
  messages: number
  /** Recipients that each provider took. */
  taken: Record<string, number>
}

/** So many faults with nothing good between them are an outage, as a breaker would have it. */
const inARow = 5
/** An outage that no good answer ends lasts this much longer than its last fault. */
const afterTheLast = 60_000
/** Of these times so many are kept, spread over all. */
const mostTimes = 2_000
/** Who never was sent anything is no traffic: nothing of it would go anywhere. */
const left: ReadonlySet<string> = new Set(['suppressed', 'canceled'])

export class Recorded {
  readonly pages: Uint8Array[] = []
  readonly happened: Happened = { messages: 0, taken: {} }
  /** Recipients that were suppressed or canceled, and so left out. */
  leftOut = 0
  attempts = 0
  #page: Mail[] = []
  #from = Number.POSITIVE_INFINITY
  #until = 0
  readonly #tried = new Map<string, Tried[]>()
  readonly #times = new Map<string, { seen: number; kept: number[] }>()

  /** When the first was accepted and the last, in epoch milliseconds; null without any. */
  get during(): { from: number; until: number } | null {
    return this.#until === 0 ? null : { from: this.#from, until: this.#until }
  }

  /** Rows come in the order of their acceptance. */
  add({ message, recipients, attempts }: TrafficRow): void {
    for (const { provider, at, latencyMs, outcomes } of attempts) {
      this.attempts++
      const ending = endingOf(outcomes)
      if (ending !== null) this.#triedAt(provider).push({ at, ending })
      for (const { outcome } of outcomes) {
        if (outcome !== 'accepted' && outcome !== 'delivered') continue
        this.happened.taken[provider] = (this.happened.taken[provider] ?? 0) + 1
        this.#took(provider, latencyMs)
      }
    }
    const refused = new Set(
      attempts.flatMap(({ outcomes }) =>
        outcomes.flatMap(({ recipient, outcome, cause }) =>
          outcome === 'rejected' && cause === 'recipient' ? [recipient] : [],
        ),
      ),
    )
    const tried = new Set(attempts.flatMap(({ outcomes }) => outcomes.map(({ recipient }) => recipient)))
    const places = [...recipients.keys()].filter((place) => tried.has(place) || !left.has(recipients[place]!.status))
    const wanted = places.map((place): Mail['recipients'][number] => {
      const { email, status } = recipients[place]!
      return status === 'bounced' && refused.has(place) ? { email, bounces: true } : { email }
    })
    this.leftOut += recipients.length - wanted.length
    if (wanted.length === 0) return
    this.happened.messages++
    this.#from = Math.min(this.#from, message.acceptedAt)
    this.#until = Math.max(this.#until, message.acceptedAt)
    const hidden = [...places.keys()].filter((now) => message.hidden.includes(places[now]!))
    this.#page.push({ message: { ...message, hidden }, recipients: wanted })
    if (this.#page.length === pageSize) this.end()
  }

  /** All rows have come. */
  end(): void {
    if (this.#page.length > 0) this.pages.push(pageOf(this.#page))
    this.#page = []
  }

  #triedAt(provider: string): Tried[] {
    const known = this.#tried.get(provider)
    if (known) return known
    const fresh: Tried[] = []
    this.#tried.set(provider, fresh)
    return fresh
  }

  /** Keeps every one at first, then ever fewer of those that come, so that all are as likely to be kept. */
  #took(provider: string, milliseconds: number): void {
    const times = this.#times.get(provider) ?? { seen: 0, kept: [] }
    this.#times.set(provider, times)
    const place = times.seen < mostTimes ? times.seen : Math.floor(uniform(times.seen) * times.seen)
    times.seen++
    if (place < mostTimes) times.kept[place] = milliseconds
  }

  /** Faults in a row: from the first of them to the next good answer. */
  outages(): Outage[] {
    return [...this.#tried].flatMap(([provider, tried]) => {
      const found: Outage[] = []
      let row: Tried[] = []
      const close = (until: number) => {
        if (row.length >= inARow) {
          const silent = row.filter(({ ending }) => ending === 'unknown').length > row.length / 2
          found.push({ provider, trouble: silent ? 'silent' : 'down', from: row[0]!.at, until })
        }
        row = []
      }
      for (const one of tried.toSorted((a, b) => a.at - b.at)) {
        if (one.ending === 'fault' || one.ending === 'unknown') row.push(one)
        else if (one.ending === 'good') close(one.at)
      }
      close((row.at(-1)?.at ?? 0) + afterTheLast)
      return found
    })
  }

  /** How each provider answered outside of its outages. */
  answers(outages: readonly Outage[]): Map<string, Answers> {
    return new Map(
      [...this.#tried].map(([provider, tried]) => {
        const own = outages.filter((outage) => outage.provider === provider)
        const usual = tried.filter(({ at }) => !own.some(({ from, until }) => from <= at && at < until))
        const share = (ending: Ending) =>
          usual.length === 0 ? 0 : usual.filter((one) => one.ending === ending).length / usual.length
        const latencies = (this.#times.get(provider)?.kept ?? []).toSorted((a, b) => a - b)
        const model: Model = {
          latencies,
          fault: share('fault'),
          unknown: share('unknown'),
          throttled: share('throttled'),
          host: share('host'),
        }
        return [provider, { calls: usual.length, model }]
      }),
    )
  }
}

/** The worst of it; null for what says nothing of the provider (our own network, an identity, an account, our hurry). */
function endingOf(outcomes: TrafficRow['attempts'][number]['outcomes']): Ending | null {
  const endings = outcomes.map(({ outcome, cause, code }): Ending | null => {
    if (code === 'deadline' || code === 'breaker' || code === 'bug') return null
    if (outcome === 'unknown') return 'unknown'
    if (cause === 'provider') return code?.startsWith('429') ? 'throttled' : 'fault'
    if (cause === 'host') return 'host'
    return cause === 'account' || cause === 'network' || cause === 'identity' ? null : 'good'
  })
  const worst: readonly Ending[] = ['fault', 'unknown', 'throttled', 'host', 'good']
  return worst.find((ending) => endings.includes(ending)) ?? null
}
