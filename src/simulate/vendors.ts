/**
 * The far end of a simulation: in place of carriers that call vendors, models of how each provider answers. What it would answer
 * follows from the message, the provider and the time, so that two policies meet with the same luck.
 */
import type { Message, Recipient } from '../mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../mail/outcome.ts'
import type { Provider } from '../mail/provider.ts'
import { hashed, uniform } from '../route/chance.ts'
import type { Carriers } from '../send/attempt.ts'
import type { Outage } from './outage.ts'

/** How a provider answers when nothing is wrong with it. */
export interface Model {
  /** Milliseconds until it took mail, each as likely as the other, the shortest first; never empty. */
  latencies: readonly number[]
  /** Shares of calls that end in its own fault, in no answer, in "slow down", and in a deferral by the recipient's host. */
  fault: number
  unknown: number
  throttled: number
  host: number
}

/** A call as the carriers see it, whatever they are. */
interface Call {
  message: Message
  recipients: readonly Recipient[]
  timeout: number
}

export interface VendorParts {
  clock: () => number
  after: (wait: number, run: () => void) => void
  models: ReadonlyMap<string, Model>
  outages: readonly Outage[]
  seed: number
  /** Whether nobody can reach this recipient of the message. */
  bounces: (message: string, email: string) => boolean
}

/** A refused connection, or a fault in the vendor's own words, is quick. */
const faultTime = 50
const slow = { times: 10, least: 10_000 }
/** While it is limited. */
const throttledPace = 1_000

export class Vendors {
  readonly carriers: Carriers
  readonly #parts: VendorParts
  /** By what a carrier is handed in place of a name. */
  readonly #names = new Map<unknown, string>()
  /** When one that is limited takes the next call. */
  readonly #open = new Map<string, number>()

  constructor(parts: VendorParts) {
    this.#parts = parts
    const by = (handle: unknown, handoff: Call) => this.#answer(this.#names.get(handle)!, handoff)
    this.carriers = {
      http: {
        send: (_, handoff, options) => by(options, handoff),
        reconcile: async (_, handoff, options) => this.#known(this.#names.get(options)!, handoff),
      },
      smtp: { deliver: by2(by) },
      mx: { deliver: by2(by) },
    }
  }

  /** The provider as the engine is to have it: its carrier learns from it who is called. */
  known(provider: Provider): Provider {
    const { adapter, options, name } = provider
    const { send } = adapter
    this.#names.set(options, name)
    if (send.kind === 'smtp') {
      const relay = send.target(options)
      this.#names.set(relay, name)
      return { ...provider, adapter: { ...adapter, send: { kind: 'smtp', target: () => relay } } }
    }
    if (send.kind === 'mx') {
      const settings = send.mx(options)
      this.#names.set(settings, name)
      return { ...provider, adapter: { ...adapter, send: { kind: 'mx', mx: () => settings } } }
    }
    return provider
  }

  #luck(name: string, { id }: Message, what: string): number {
    return uniform(hashed(what, hashed(id, hashed(name, this.#parts.seed ^ this.#parts.clock()))))
  }

  async #answer(name: string, call: Call): Promise<Outcomes> {
    const { after } = this.#parts
    const { outcome, takes } = this.#drawn(name, call)
    const unanswered = takes > call.timeout
    await new Promise<void>((resolve) => after(Math.min(takes, call.timeout), resolve))
    const emails = call.recipients.map(({ email }) => email)
    if (unanswered) {
      return forAll(emails, { kind: 'unknown', diagnostic: diagnostic('timeout', `no answer in ${call.timeout} ms`) })
    }
    if (outcome.kind !== 'accepted' && outcome.kind !== 'delivered') return forAll(emails, outcome)
    const gone: Outcome = { kind: 'rejected', cause: 'recipient', diagnostic: diagnostic(550, 'no such user', '5.1.1') }
    return new Map(emails.map((email) => [email, this.#parts.bounces(call.message.id, email) ? gone : outcome]))
  }

  #drawn(name: string, { message }: Call): { outcome: Outcome; takes: number } {
    const now = this.#parts.clock()
    const model = this.#parts.models.get(name)!
    const usual = model.latencies[Math.floor(this.#luck(name, message, 'time') * model.latencies.length)]!
    const trouble = this.#parts.outages.find(
      ({ provider, from, until }) => provider === name && from <= now && now < until,
    )?.trouble
    if (trouble === 'down') return { outcome: refused, takes: faultTime }
    if (trouble === 'silent') return { outcome: taken(message), takes: Number.POSITIVE_INFINITY }
    if (trouble === 'limited') {
      const open = this.#open.get(name) ?? 0
      if (open > now) return { outcome: throttled, takes: faultTime }
      this.#open.set(name, now + throttledPace)
    }
    const ending = drawnOf(model, this.#luck(name, message, 'what'))
    if (ending === 'fault') return { outcome: fault, takes: faultTime }
    if (ending === 'unknown') return { outcome: taken(message), takes: Number.POSITIVE_INFINITY }
    if (ending === 'throttled') return { outcome: throttled, takes: faultTime }
    if (ending === 'host') return { outcome: deferred, takes: usual }
    const takes = trouble === 'slow' ? Math.max(usual * slow.times, slow.least) : usual
    return { outcome: taken(message), takes }
  }

  /** Asked about mail whose answer never came: nobody knows whether it took it, so it did in half of the cases. */
  async #known(name: string, { message, recipients }: Call): Promise<Outcomes | 'absent'> {
    const took = this.#luck(name, message, 'took') < 0.5
    return took
      ? forAll(
          recipients.map(({ email }) => email),
          taken(message),
        )
      : 'absent'
  }
}

const bad = ['fault', 'unknown', 'throttled', 'host'] as const

/** How a call ends, by a number in (0, 1); null: well. */
function drawnOf(model: Model, luck: number): (typeof bad)[number] | null {
  let upTo = 0
  for (const ending of bad) {
    upTo += model[ending]
    if (luck < upTo) return ending
  }
  return null
}

/** Relays and MX settings come behind the call. */
const by2 =
  (by: (handle: unknown, call: Call) => Promise<Outcomes>) =>
  (handoff: Call, handle: unknown): Promise<Outcomes> =>
    by(handle, handoff)

const refused: Outcome = {
  kind: 'deferred',
  cause: 'provider',
  diagnostic: diagnostic('ECONNREFUSED', 'refuses connections, as simulated'),
}
const fault: Outcome = { kind: 'deferred', cause: 'provider', diagnostic: diagnostic(503, 'a fault, as simulated') }
const throttled: Outcome = {
  kind: 'deferred',
  cause: 'provider',
  diagnostic: diagnostic(429, 'slow down, as simulated'),
}
const deferred: Outcome = {
  kind: 'deferred',
  cause: 'host',
  diagnostic: diagnostic(451, 'the host defers, as simulated', '4.7.0'),
}

function taken({ id }: Message): Outcome {
  return { kind: 'accepted', providerMessageId: id }
}
