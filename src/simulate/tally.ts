/** What comes of a run, counted as it goes: plain figures that can be sent to another thread and written as JSON. */
import type { Message } from '../mail/message.ts'
import type { Provider } from '../mail/provider.ts'
import { isLimit } from '../queue/limits.ts'
import type { AttemptStart, NewEvent } from '../store/store.ts'

export interface ProviderFigures {
  /** Recipients that it took. */
  taken: number
  cost: number
  /** Calls made, and recipients that went on to another from there. */
  attempts: number
  failovers: number
  /** Recipients for which it was passed over because it was at a limit. */
  limited: number
  /** Recipients that went on elsewhere although it may have taken them. */
  possibleDuplicates: number
  /** How often its breaker opened. */
  opened: number
  /** Taken and cost by the step of time. */
  takenByStep: number[]
  costByStep: number[]
}

interface LatencyFigures {
  taken: number
  /** Milliseconds from when it was to be sent until a provider took it; null when none was taken. */
  p50: number | null
  p99: number | null
}

export interface Figures {
  messages: number
  recipients: number
  taken: number
  cost: number
  failovers: number
  limited: number
  possibleDuplicates: number
  /** Recipients that waited because nobody could take them. */
  waited: number
  bounced: number
  suppressed: number
  expired: number
  failed: number
  latency: LatencyFigures
  /** By the type of mail. */
  types: Record<string, LatencyFigures & { recipients: number; expired: number; failed: number }>
  providers: Record<string, ProviderFigures>
  /** When the steps of time begin, in epoch milliseconds, and how long each is. */
  steps: { from: number; length: number; count: number }
}

/** Times, counted on a scale where each step is 2 % longer than the one before. */
class Times {
  readonly #counts: number[] = []
  #total = 0

  add(milliseconds: number): void {
    const place = Math.round(Math.log1p(Math.max(milliseconds, 0)) * 50)
    this.#counts[place] = (this.#counts[place] ?? 0) + 1
    this.#total++
  }

  at(share: number): number | null {
    let left = Math.ceil(this.#total * share)
    if (left === 0) return null
    for (const [place, count] of this.#counts.entries()) {
      left -= count ?? 0
      if (left <= 0) return Math.round(Math.expm1(place / 50))
    }
    return null
  }

  figures(): LatencyFigures {
    return { taken: this.#total, p50: this.at(0.5), p99: this.at(0.99) }
  }
}

const steps = 60

export class Tally {
  readonly #providers = new Map<string, ProviderFigures>()
  readonly #types = new Map<string, { times: Times; recipients: number; expired: number; failed: number }>()
  readonly #all = new Times()
  readonly #from: number
  readonly #step: number
  readonly #sums = { messages: 0, recipients: 0, waited: 0, bounced: 0, suppressed: 0, expired: 0, failed: 0 }
  /** Who met a limit, so that mail that waits long counts once at a provider. */
  readonly #met = new Set<string>()

  /** @param during when the traffic begins and ends, in epoch milliseconds */
  constructor(providers: readonly Provider[], during: { from: number; until: number }) {
    this.#from = during.from
    this.#step = Math.max(1, Math.ceil((during.until + 1 - during.from) / steps))
    for (const { name } of providers) {
      const figures: ProviderFigures = {
        taken: 0,
        cost: 0,
        attempts: 0,
        failovers: 0,
        limited: 0,
        possibleDuplicates: 0,
        opened: 0,
        takenByStep: new Array(steps).fill(0),
        costByStep: new Array(steps).fill(0),
      }
      this.#providers.set(name, figures)
    }
  }

  came(message: Message, recipients: number, suppressed: number): void {
    this.#sums.messages++
    this.#sums.recipients += recipients
    this.#sums.suppressed += suppressed
    this.#type(message.type).recipients += recipients
  }

  waits(recipients: number): void {
    this.#sums.waited += recipients
  }

  attempt({ provider, messageId, recipients, plan }: AttemptStart): void {
    this.#figures(provider).attempts++
    this.passedOver(messageId, recipients.length, plan.rejected)
  }

  passedOver(message: string, recipients: number, rejected: AttemptStart['plan']['rejected']): void {
    for (const { provider, reason } of rejected) {
      const key = `${provider} ${message}`
      if (!isLimit(reason) || this.#met.has(key)) continue
      this.#met.add(key)
      this.#figures(provider).limited += recipients
    }
  }

  perhapsTwice(provider: string): void {
    this.#figures(provider).possibleDuplicates++
  }

  opened(provider: string): void {
    this.#figures(provider).opened++
  }

  settled(message: Message, events: readonly NewEvent[]): void {
    for (const { type, provider, at } of events) {
      if (type === 'sent' || type === 'delivered') this.#taken(message, provider!, at)
      else if (type === 'failover') {
        if (provider !== null) this.#figures(provider).failovers++
      } else if (type === 'bounced') this.#sums.bounced++
      else if (type === 'suppressed' && provider === null) this.#sums.suppressed++
      else if (type === 'expired') {
        this.#sums.expired++
        this.#type(message.type).expired++
      } else if (type === 'rejected') {
        this.#sums.failed++
        this.#type(message.type).failed++
      }
    }
  }

  #taken(message: Message, provider: string, at: number): void {
    const figures = this.#figures(provider)
    figures.taken++
    figures.takenByStep[this.#stepAt(at)]!++
    const waited = at - (message.sendAt ?? message.acceptedAt)
    this.#all.add(waited)
    this.#type(message.type).times.add(waited)
  }

  /** Money, fees and commitments aside. */
  paid(provider: string, cost: number, at: number): void {
    const figures = this.#figures(provider)
    figures.cost += cost
    figures.costByStep[this.#stepAt(at)]! += cost
  }

  #stepAt(at: number): number {
    return Math.min(Math.floor((at - this.#from) / this.#step), steps - 1)
  }

  #figures(provider: string): ProviderFigures {
    return this.#providers.get(provider)!
  }

  #type(name: string) {
    const known = this.#types.get(name)
    if (known) return known
    const fresh = { times: new Times(), recipients: 0, expired: 0, failed: 0 }
    this.#types.set(name, fresh)
    return fresh
  }

  figures(): Figures {
    const providers = Object.fromEntries(this.#providers)
    const all = Object.values(providers)
    const sum = (of: (figures: ProviderFigures) => number) => all.reduce((total, figures) => total + of(figures), 0)
    return {
      ...this.#sums,
      taken: sum(({ taken }) => taken),
      cost: sum(({ cost }) => cost),
      failovers: sum(({ failovers }) => failovers),
      limited: sum(({ limited }) => limited),
      possibleDuplicates: sum(({ possibleDuplicates }) => possibleDuplicates),
      latency: this.#all.figures(),
      types: Object.fromEntries(
        [...this.#types].map(([name, { times, ...counts }]) => [name, { ...counts, ...times.figures() }]),
      ),
      providers,
      steps: { from: this.#from, length: this.#step, count: steps },
    }
  }
}
