/** One policy over traffic: the gateway's own engine, with only its ends replaced (the store, the vendors, the clock and the dice). */
import { engine } from '../config/engine.ts'
import type { Config } from '../config.ts'
import { createGateway } from '../gateway.ts'
import { Hosts } from '../hosts.ts'
import { Moves } from '../moves.ts'
import { type Pump, startPump } from '../queue/pump.ts'
import { uniform } from '../route/chance.ts'
import { unit } from '../route/price.ts'
import { Standings } from '../standing/standing.ts'
import type { Outage } from './outage.ts'
import { MemoryQueue } from './queue.ts'
import { type Figures, Tally } from './tally.ts'
import type { VirtualTime } from './time.ts'
import type { Mail } from './traffic.ts'
import { type Model, Vendors } from './vendors.ts'

export interface RunParts {
  config: Config
  time: VirtualTime
  models: ReadonlyMap<string, Model>
  outages: readonly Outage[]
  seed: number
  /** When the traffic begins and ends, in epoch milliseconds. */
  during: { from: number; until: number }
  /** Told of every message that came. */
  came: () => void
}

/** As the gateway has it: calls at once, and the milliseconds that a claim is its own. */
const concurrency = 200
const lease = 60_000

/** Lets mail come in at its times, in their order, and waits until all of it has ended. @throws for a bug of the engine */
export async function run(mails: Iterable<Mail>, parts: RunParts): Promise<Figures> {
  const { config, time, models, outages, seed, during } = parts
  const clock = time.now
  let state = seed
  const dice = () => {
    state = (state + 0x9e3779b9) | 0
    return uniform(state)
  }
  /** Of mail under way, whom nobody can reach. */
  const unreachable = new Set<string>()
  const tally = new Tally(config.providers, during)
  const queue = new MemoryQueue({
    recorded: (attempt) => tally.attempt(attempt),
    waits: (recipients) => tally.waits(recipients),
  })
  const vendors = new Vendors({
    clock,
    after: (wait, then) => time.after(wait, then),
    models,
    outages,
    seed,
    bounces: (message, email) => unreachable.has(`${message} ${email}`),
  })
  const providers = config.providers.map((provider) => vendors.known(provider))
  // Whose a domain is, is known by the table alone: no DNS is asked.
  const hosts = new Hosts(async () => null, clock)
  const moves = await Moves.open({ store: queue, clock, turned: () => {} }, config.policy)
  const standings = await Standings.open(
    {
      store: queue,
      clock,
      dice,
      hosts,
      seen: moves.note,
      regex: engine,
      turned(provider, what) {
        if (what === 'open') tally.opened(provider)
        if (what === 'closed') gateway.hasten()
      },
    },
    providers,
    config,
  )
  let failure: unknown = null
  let pump: Pump
  const gateway = createGateway({
    store: queue,
    standings,
    moves,
    carriers: vendors.carriers,
    clock,
    dice,
    // Nothing is converted: what a mail says is not on record.
    poison: {
      isDeadly: () => false,
      forgive: async () => {},
      convert: async <T>() => ({ form: 'parts', parts: {} }) as T,
      call: (_, work) => work(),
    },
    settled: (message, events) => tally.settled(message, events),
    attempted: (provider, _outcomes, _latencyMs, paid) => tally.paid(provider, paid / unit, clock()),
    perhapsTwice: (provider) => tally.perhapsTwice(provider),
    stranded: (_why, _until, { message, recipients, plan }) => tally.passedOver(message.id, recipients, plan.rejected),
    bug: (error) => {
      failure ??= error
    },
    config: () => config,
    regex: engine,
    hostOf: (domain) => hosts.find(domain),
    wake: () => pump.wake(),
  })
  pump = startPump({
    store: queue,
    clock,
    run: gateway.run,
    failed: (error) => {
      failure ??= error
    },
    concurrency,
    lease,
  })

  const coming = mails[Symbol.iterator]()
  const arrive = ({ message, recipients }: Mail) => {
    if (failure !== null) throw failure
    for (const { email, bounces } of recipients) if (bounces) unreachable.add(`${message.id} ${email}`)
    const slot = message.sendAt === null ? pump.slot(message.priority) : null
    const emails = recipients.map(({ email }) => email)
    const { claim, suppressed } = queue.accept(message, emails, slot?.leaseUntil ?? null)
    tally.came(message, recipients.length, suppressed)
    parts.came()
    if (claim && slot) slot.start(claim)
    else {
      slot?.free()
      pump.wake()
    }
  }
  await time.pass(
    () => {
      const next = coming.next()
      if (next.done) return null
      const mail = next.value
      return { at: mail.message.acceptedAt, run: () => arrive(mail) }
    },
    () => queue.open === 0 && pump.inFlight() === 0,
  )
  if (failure !== null) throw failure
  standings.close()
  return tally.figures()
}
