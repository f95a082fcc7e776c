/** What the engine asks of a store, kept in memory: mail that waits, who is suppressed, and small state. Nothing outlives the run. */
import { suppressionKey } from '../mail/address.ts'
import type { Message, Priority, Recipient } from '../mail/message.ts'
import type { AttemptStart, Claim, Count, DeliveryPlan, Settlement, Store } from '../store/store.ts'
import { Heap } from './time.ts'

interface Waiting extends DeliveryPlan {
  id: number
  claims: number
  message: Message
  all: Recipient[]
}

/** What the engine and the pump use of a store. */
type Used =
  | 'addStats'
  | 'claim'
  | 'content'
  | 'hasten'
  | 'minutesSince'
  | 'nextDue'
  | 'record'
  | 'setState'
  | 'settle'
  | 'state'
  | 'suppressed'
  | 'unsuppress'
  | 'usage'

export interface QueueParts {
  /** Told of every attempt before it is made. */
  recorded: (attempt: AttemptStart) => void
  /** Told when recipients come to wait for the first time, for nobody can take them. */
  waits: (recipients: number) => void
}

const order: readonly Priority[] = ['high', 'normal', 'low']

/** Nobody reads it: what a mail says is not on record, and matters to no rule. */
const noContent = new TextEncoder().encode('{}')

export class MemoryQueue implements Pick<Store, Used> {
  readonly #parts: QueueParts
  readonly #due: Record<Priority, Heap<Waiting>>
  /** Under way, by the delivery. */
  readonly #claimed = new Map<number, Waiting>()
  /** Mail that has waited for somebody to take it. */
  readonly #waited = new WeakSet<Message>()
  readonly #suppressed = new Set<string>()
  readonly #state = new Map<string, unknown>()
  #deliveries = 0

  constructor(parts: QueueParts) {
    this.#parts = parts
    // The queue has no order but the time: who was added first has the lower id.
    const heap = () => new Heap<Waiting>((a, b) => a.dueAt - b.dueAt || a.id - b.id)
    this.#due = { high: heap(), normal: heap(), low: heap() }
  }

  /** How many deliveries wait or are under way. */
  get open(): number {
    return this.#claimed.size + order.reduce((sum, priority) => sum + this.#due[priority].size, 0)
  }

  /**
   * Takes mail in. With a lease it is claimed at once.
   * @returns the claim, where one was asked for and somebody is left to send to; and how many are suppressed
   */
  accept(message: Message, emails: readonly string[], leaseUntil: number | null) {
    const gone = (email: string) => this.#suppressed.has(`${message.tenant}\n${suppressionKey(email)}`)
    const some = this.#suppressed.size > 0
    const all = emails.map((email, index): Recipient => {
      const status = some && gone(email) ? 'suppressed' : 'queued'
      return { index, email, status, provider: null, providerMessageId: null, dsn: {} }
    })
    const recipients = all.flatMap(({ index, status }) => (status === 'queued' ? [index] : []))
    const suppressed = all.length - recipients.length
    if (recipients.length === 0) return { claim: null, suppressed }
    const waiting = this.#waiting(message, all, {
      recipients,
      phase: 'send',
      dueAt: message.sendAt ?? message.acceptedAt,
      tries: 0,
      waits: 0,
      avoid: [],
      unknown: null,
    })
    if (leaseUntil !== null) return { claim: this.#claim(waiting, leaseUntil), suppressed }
    this.#due[message.priority].push(waiting)
    return { claim: null, suppressed }
  }

  #waiting(message: Message, all: Recipient[], plan: DeliveryPlan): Waiting {
    return { ...plan, id: ++this.#deliveries, claims: 0, message, all }
  }

  #claim(waiting: Waiting, leasedUntil: number): Claim {
    waiting.claims++
    this.#claimed.set(waiting.id, waiting)
    const { message, all, recipients } = waiting
    const suppressed =
      this.#suppressed.size === 0
        ? []
        : recipients.filter((index) => this.#suppressed.has(`${message.tenant}\n${suppressionKey(all[index]!.email)}`))
    return { ...waiting, leasedUntil, suppressed, content: noContent, open: [] }
  }

  async claim({ now, leaseUntil, limit, priority }: Parameters<Store['claim']>[0]): Promise<Claim[]> {
    const claims: Claim[] = []
    for (const one of order.slice(0, order.indexOf(priority) + 1)) {
      const due = this.#due[one]
      for (let first = due.first(); first && first.dueAt <= now && claims.length < limit; first = due.first()) {
        due.pop()
        claims.push(this.#claim(first, leaseUntil))
      }
    }
    return claims
  }

  async nextDue(): Promise<number | null> {
    const due = order.flatMap((priority) => this.#due[priority].first()?.dueAt ?? [])
    return due.length === 0 ? null : Math.min(...due)
  }

  async record(attempt: AttemptStart): Promise<boolean> {
    this.#parts.recorded(attempt)
    return true
  }

  async settle({ delivery, recipients, suppress, next }: Settlement): Promise<boolean> {
    const waiting = this.#claimed.get(delivery)!
    const { message, all } = waiting
    for (const { index, ...became } of recipients) Object.assign(all[index]!, became)
    for (const { tenant, key } of suppress) this.#suppressed.add(`${tenant}\n${key}`)
    if (next.keep.length > 0) waiting.recipients = next.keep
    else this.#claimed.delete(delivery)
    for (const plan of next.add) {
      if (plan.waits > 0 && !this.#waited.has(message)) {
        this.#waited.add(message)
        this.#parts.waits(plan.recipients.length)
      }
      this.#due[message.priority].push(this.#waiting(message, all, plan))
    }
    return true
  }

  async suppressed(): Promise<Set<string>> {
    return new Set()
  }

  async unsuppress(tenant: string, keys: readonly string[]): Promise<number> {
    return keys.filter((key) => this.#suppressed.delete(`${tenant}\n${key}`)).length
  }

  /** What waits for somebody to take it is due now. */
  async hasten(which: Parameters<Store['hasten']>[0], now: number) {
    if (which !== 'waiting') return { count: 0, next: null }
    let count = 0
    for (const priority of order) {
      const due = this.#due[priority]
      const all: Waiting[] = []
      for (let one = due.pop(); one; one = due.pop()) all.push(one)
      for (const one of all) {
        if (one.waits > 0 && one.phase !== 'held' && one.dueAt > now) {
          one.dueAt = now
          count++
        }
        due.push(one)
      }
    }
    return { count, next: null }
  }

  async *content(): AsyncGenerator<Uint8Array> {
    yield noContent
  }

  async state(key: string): Promise<unknown> {
    return this.#state.get(key) ?? null
  }

  async setState(key: string, value: unknown): Promise<void> {
    this.#state.set(key, value)
  }

  /** A run begins with nothing used: what went before it is not known. */
  async usage(): Promise<Record<string, number>> {
    return {}
  }

  /** What is counted for `/v1/stats` nobody asks for here. */
  async addStats(): Promise<void> {}

  async minutesSince(): Promise<Count[]> {
    return []
  }
}
