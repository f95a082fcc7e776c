/**
 * Where the stages meet. A claimed message is looked at (has it expired, did an earlier process die with it, is it suppressed),
 * planned, and handed to `delivery.ts`, which tries the plan. Knows no runtime, no driver and no vendor.
 */
import type { Submission } from './accept/submit.ts'
import { messageOf } from './accept/submit.ts'
import type { Config, MailType } from './config.ts'
import { Delivery, type DeliveryParts } from './delivery.ts'
import { exposes } from './mail/adapter.ts'
import { domainOf } from './mail/address.ts'
import type { Message, Recipient } from './mail/message.ts'
import type { MoveView } from './mail/move.ts'
import type { BudgetView, LimitView, ProviderView } from './mail/provider.ts'
import type { Moves } from './moves.ts'
import type { Poison } from './queue/poison.ts'
import { type CompiledDemands, compileDemands } from './route/demands.ts'
import { type CompiledPolicy, compilePolicy, type RegexEngine } from './route/match.ts'
import { type Plan, type Planned, plan } from './route/plan.ts'
import type { Mirror } from './route/policy.ts'
import { contentOf } from './send/content.ts'
import type { Standings } from './standing/standing.ts'
import type { Claim, Store } from './store/store.ts'
import { quietHours, timeOver } from './track/owed.ts'

/** Which providers for which recipients, and why: what `POST /v1/explain` answers and what a send would do. */
export interface Explanation {
  /** Quiet hours of its type: until when it would wait (epoch milliseconds), and why; null when it would not. */
  waits: { until: number; why: string } | null
  plans: (Plan & { recipients: string[] })[]
}

/** What the HTTP API and the dashboard may ask of the running gateway. */
interface Operations {
  explain(submission: Submission): Promise<Explanation>
  providers(): ProviderView[]
  budgets(): BudgetView[]
  limits(): LimitView[]
  /** False for no such provider. */
  drain(name: string): Promise<boolean>
  resume(name: string): Promise<boolean>
  moves(): MoveView[]
  /** Begins a move anew that went back. False for no rule that moves. */
  restart(rule: string): boolean
  /** Somebody can take mail again: what waits for that is due now. */
  hasten(): void
  /** Something became due sooner than the pump knows (retry, release, a new message). */
  wake(): void
}

export interface GatewayParts extends DeliveryParts {
  store: Pick<Store, 'content' | 'hasten' | 'record' | 'settle' | 'suppressed'>
  poison: Pick<Poison, 'call' | 'convert' | 'forgive' | 'isDeadly'>
  standings: Standings
  moves: Moves
  /** Makes the copies that a rule asks for; absent: there are none. Never throws. */
  mirror?: (mirror: Mirror, claim: Claim, recipients: readonly Recipient[]) => Promise<void>
  /** The config of this moment; a reload takes over between two messages. */
  config: () => Config
  regex: RegexEngine
  /** The mailbox provider behind a domain, judged by MX; null when nobody knows. Asked only when a rule looks at it. */
  hostOf: (domain: string) => Promise<string | null>
}

/** What became of it so far, as far as a plan must know. */
type Tried = Pick<Claim, 'avoid' | 'phase' | 'tries'>

export interface Gateway extends Operations {
  /** Delivers one claim and settles it. @throws only when the store does, or for a bug */
  run(claim: Claim): Promise<void>
}

/** No provider is avoided. */
const nobody: ReadonlyMap<string, string> = new Map()
/** Deliveries looked at in one step. */
const hastenAtOnce = 500

export function createGateway(parts: GatewayParts): Gateway {
  const { store, standings, clock, config } = parts
  let compiled: { from: Config; policy: CompiledPolicy; demands: CompiledDemands } | null = null

  /** The live policy and what is demanded before it, compiled when the config changes. */
  function live() {
    const from = config()
    if (compiled?.from !== from) {
      const policy = compilePolicy(from.policy, parts.regex)
      compiled = { from, policy, demands: compileDemands(from, parts.regex) }
    }
    return compiled
  }

  /** The contract of a message's type; a type that a reload took away leaves its mail to `transactional`. */
  function typeOf(message: Message): MailType {
    const { types } = config()
    return types[message.type] ?? types.transactional!
  }

  /** Nothing is waited for where nobody asks whose mailbox it is. */
  function planFor(message: Message, recipient: string, tried: Tried): Planned | Promise<Planned> {
    const { policy, demands } = live()
    if (!policy.needsHost && !demands.needsHost && !standings.countsHosts)
      return planAt(null, message, recipient, tried)
    return parts.hostOf(domainOf(recipient)).then((host) => planAt(host, message, recipient, tried))
  }

  function planAt(host: string | null, message: Message, recipient: string, { avoid, phase, tries }: Tried): Planned {
    const { policy, demands } = live()
    const now = clock()
    const { name: type, explore, needs } = typeOf(message)
    const facts = { message, recipient, host, tries, now }
    const why = phase === 'sent' ? 'took it already' : 'may have taken it already: its answer never came'
    const input = {
      policy,
      facts,
      demands: demands.on(facts, type),
      needs,
      explore,
      standing: standings.forMessage(message, recipient, now),
      moves: parts.moves.standing(),
      avoid: avoid.length === 0 ? nobody : new Map(avoid.map((name) => [name, why])),
      now,
    }
    const planned = plan(input)
    // Where those are all there is, a type that would rather be sent twice than late goes back to them.
    if (planned.candidates.length > 0 || planned.waitUntil !== null || avoid.length === 0 || phase === 'sent')
      return planned
    return plan({ ...input, avoid: nobody })
  }

  /** Recipients that share a plan, in groups that each of its candidates takes in one call. */
  async function groups(message: Message, recipients: Recipient[], tried: Tried) {
    const [first, ...others] = recipients
    if (first && others.length === 0) return [{ planned: await planFor(message, first.email, tried), recipients }]
    const shared = new Map<string, { planned: Planned; recipients: Recipient[] }>()
    for (const recipient of recipients) {
      const planned = await planFor(message, recipient.email, tried)
      const key = planKey(planned)
      const group = shared.get(key)
      if (group) group.recipients.push(recipient)
      else shared.set(key, { planned, recipients: [recipient] })
    }
    return [...shared.values()].flatMap(({ planned, recipients }) =>
      inCalls(message, recipients, planned).map((call) => ({ planned, recipients: call })),
    )
  }

  /** Cuts recipients into calls that every candidate can make. */
  function inCalls(message: Message, recipients: Recipient[], planned: Planned): Recipient[][] {
    const features = planned.candidates.flatMap(({ provider }) => standings.provider(provider)?.adapter.features ?? [])
    const one = features.some((way) => exposes(way, message, recipients))
    const most = one ? 1 : Math.min(...features.map(({ maxRecipients }) => maxRecipients), recipients.length)
    const calls: Recipient[][] = []
    for (let at = 0; at < recipients.length; at += most) calls.push(recipients.slice(at, at + most))
    return calls
  }

  async function run(claim: Claim): Promise<void> {
    const { message } = claim
    const content = contentOf(
      claim,
      () => store.content(message.id),
      (work) => parts.poison.convert(message.id, work),
    )
    const delivery = new Delivery(parts, typeOf(message), claim, content)

    if (claim.phase !== 'held' && parts.poison.isDeadly(message.id)) {
      const died = 'the process died three times while it worked on this message; cancel it, or release it to try again'
      await delivery.close(delivery.recipients(), 'held', `set aside: ${died}`)
      await parts.poison.forgive(message.id)
      return
    }
    if (claim.phase === 'sent') return again(claim, delivery)
    const alive = claim.open.length === 0 ? delivery.recipients() : await delivery.lost()
    if (alive === null || alive.length === 0) return
    if (clock() >= message.expireAt) {
      await delivery.close(alive, 'expired', timeOver(claim))
      return
    }
    if (claim.phase === 'held')
      return claim.unknown ? delivery.ask() : void (await delivery.close(alive, 'held', 'still set aside'))

    if (claim.suppressed.length === 0) return route(claim, delivery, alive)
    const gone = alive.filter(({ index }) => claim.suppressed.includes(index))
    if (gone.length > 0 && !(await delivery.close(gone, 'suppressed', 'suppressed since it was accepted'))) return
    const wanted = alive.filter((recipient) => !gone.includes(recipient))
    await route(claim, delivery, wanted)
  }

  /** A provider took it. Who is not delivered by now is sent it once more, by another. */
  async function again(claim: Claim, delivery: Delivery): Promise<void> {
    const alive = claim.open.length === 0 ? delivery.recipients() : await delivery.lost()
    if (alive === null) return
    const wanted = alive.filter(({ index, status }) => status === 'sent' && !claim.suppressed.includes(index))
    if (wanted.length === 0 || clock() >= claim.message.expireAt) return delivery.done()
    if (await delivery.rests(wanted)) return
    if (await delivery.undelivered(wanted)) await route(claim, delivery, wanted)
  }

  /** By a plan for each, together as far as they share one. */
  async function route(claim: Claim, delivery: Delivery, wanted: Recipient[]): Promise<void> {
    if (wanted.length === 0 || (await delivery.rests(wanted))) return
    const calls = await groups(claim.message, wanted, claim)
    if (calls.length > 1) {
      await delivery.split(calls.map(({ recipients }) => recipients))
    } else if (calls[0]) {
      const { recipients, planned } = calls[0]
      const mirror = live().policy.mirrors.get(planned.route)
      // Beside the original, which does not wait for it.
      const copied = mirror && claim.phase === 'send' ? parts.mirror?.(mirror, claim, recipients) : undefined
      const sent = delivery.send(recipients, planned)
      await (copied ? sent.finally(() => copied) : sent)
    }
  }

  /** In steps, so that mail under way is written down in between. */
  async function hasten(which: Parameters<Store['hasten']>[0]): Promise<void> {
    try {
      for (let after: number | null = 0; after !== null; ) {
        const step = await store.hasten(which, clock(), { after, limit: hastenAtOnce })
        if (step.count > 0) parts.wake()
        after = step.next
      }
    } catch {
      // It waits as long as it would have; a store that fails is told of by whoever needs it.
    }
    parts.wake()
  }

  return {
    run,
    async explain(submission) {
      const message = messageOf(submission, config(), clock())
      const suppressed = await store.suppressed(
        message.tenant,
        submission.recipients.map(({ email }) => email),
        message.type,
      )
      const shared = new Map<string, Explanation['plans'][number]>()
      for (const { email } of submission.recipients) {
        const planned = suppressed.has(email)
          ? suppressedPlan(live().policy.version)
          : await planFor(message, email, { avoid: [], phase: 'send', tries: 0 })
        const key = planKey(planned)
        const { route, policy: version, candidates, rejected } = planned
        const known = shared.get(key)
        if (known) known.recipients.push(email)
        else shared.set(key, { recipients: [email], route, policy: version, candidates, rejected })
      }
      const at = Math.max(message.sendAt ?? 0, message.acceptedAt)
      return { waits: quietHours(typeOf(message), message, at), plans: [...shared.values()] }
    },
    providers: () => standings.views(),
    budgets: () => standings.spending.views(clock()),
    limits: () => standings.limits(),
    async drain(name) {
      const known = await standings.drain(name, true)
      // What it deferred need not wait for its hour: another may take it now.
      if (known) void hasten({ provider: name })
      return known
    },
    async resume(name) {
      const known = await standings.drain(name, false)
      if (known) void hasten('waiting')
      return known
    },
    moves: () => parts.moves.views(),
    restart: (rule) => parts.moves.restart(rule),
    hasten: () => void hasten('waiting'),
    wake: parts.wake,
  }
}

/** Two recipients with the same key travel together. */
function planKey({ route, candidates, lastResort }: Planned): string {
  return JSON.stringify([route, lastResort, candidates.map(({ provider }) => provider)])
}

function suppressedPlan(version: string): Planned {
  const nobody = { candidates: [], rejected: [], waitUntil: null, later: [], lastResort: false }
  return { route: 'suppressed', policy: version, ...nobody }
}
