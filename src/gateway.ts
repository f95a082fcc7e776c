/**
 * Where the stages meet. A claimed message is looked at (has it expired, did an earlier process die with it, is it suppressed),
 * planned, and handed to `delivery.ts`, which tries the plan. Knows no runtime, no driver and no vendor.
 */
import type { Submission } from './accept/submit.ts'
import { messageOf } from './accept/submit.ts'
import type { Config, MailType } from './config.ts'
import { Delivery, type DeliveryParts } from './delivery.ts'
import { addressingFor, formFor } from './mail/adapter.ts'
import { domainOf } from './mail/address.ts'
import type { Message, Recipient } from './mail/message.ts'
import type { ProviderView } from './mail/provider.ts'
import { type CompiledPolicy, compilePolicy, type RegexEngine } from './route/match.ts'
import { type Plan, type Planned, plan } from './route/plan.ts'
import { contentOf } from './send/content.ts'
import type { Standings } from './standing.ts'
import type { Claim, Store } from './store/store.ts'

/** Which providers for which recipients, and why: what `POST /v1/explain` answers and what a send would do. */
export interface Explanation {
  plans: (Plan & { recipients: string[] })[]
}

/** What the HTTP API and the dashboard may ask of the running gateway. */
interface Operations {
  explain(submission: Submission): Promise<Explanation>
  providers(): ProviderView[]
  /** False for no such provider. */
  drain(name: string): Promise<boolean>
  resume(name: string): Promise<boolean>
  /** Something became due sooner than the pump knows (retry, release, a new message). */
  wake(): void
}

export interface GatewayParts extends Omit<DeliveryParts, 'contract'> {
  store: Store
  standings: Standings
  /** The config of this moment; a reload takes over between two messages. */
  config: () => Config
  regex: RegexEngine
  /** The mailbox provider behind a domain, judged by MX; null when nobody knows. Asked only when a rule looks at it. */
  hostOf: (domain: string) => Promise<string | null>
}

export interface Gateway extends Operations {
  /** Delivers one claim and settles it. @throws only when the store does, or for a bug */
  run(claim: Claim): Promise<void>
}

export function createGateway(parts: GatewayParts): Gateway {
  const { store, standings, clock, config } = parts
  let compiled: { from: Config; policy: CompiledPolicy } | null = null

  /** The live policy, compiled when the config changes. */
  function policy(): CompiledPolicy {
    const from = config()
    compiled = compiled?.from === from ? compiled : { from, policy: compilePolicy(from.policy, parts.regex) }
    return compiled.policy
  }

  /** The contract of a message's type; a type that a reload took away leaves its mail to `transactional`. */
  function typeOf(message: Message): MailType {
    const { types } = config()
    return types[message.type] ?? types.transactional!
  }

  async function planFor(message: Message, recipient: string, avoid: readonly string[]): Promise<Planned> {
    const rules = policy()
    const now = clock()
    const { labels, explore } = typeOf(message)
    const input = {
      policy: rules,
      facts: {
        message,
        recipient,
        host: rules.needsHost ? await parts.hostOf(domainOf(recipient)) : null,
        hour: new Date(now).getUTCHours(),
      },
      labels,
      explore,
      standing: standings.forMessage(message, recipient, now),
      now,
    }
    const reasons = new Map(avoid.map((name) => [name, 'may have taken it already: its answer never came']))
    const planned = plan({ ...input, avoid: reasons })
    // Where those are all there is, a type that would rather be sent twice than late goes back to them.
    if (planned.candidates.length > 0 || planned.waitUntil !== null || avoid.length === 0) return planned
    return plan({ ...input, avoid: new Map() })
  }

  /** Recipients that share a plan, in groups that each of its candidates takes in one call. */
  async function groups(message: Message, recipients: Recipient[], avoid: readonly string[]) {
    const shared = new Map<string, { planned: Planned; recipients: Recipient[] }>()
    for (const recipient of recipients) {
      const planned = await planFor(message, recipient.email, avoid)
      const key = recipients.length === 1 ? '' : planKey(planned)
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
    // With nobody visible left, a vendor that mails by headers would show each bcc recipient the others.
    const allHidden = recipients.every(({ index }) => message.hidden.includes(index))
    const one = allHidden && features.some((way) => addressingFor(way, formFor(message, way)) === 'headers')
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
    const delivery = new Delivery({ ...parts, contract: typeOf(message) }, claim, content)

    if (claim.phase === 'send' && parts.poison.isDeadly(message.id)) {
      const died = 'the process died three times while it worked on this message; cancel it, or release it to try again'
      await delivery.close(delivery.recipients(), 'held', `set aside: ${died}`)
      await parts.poison.forgive(message.id)
      return
    }
    const alive = claim.open.length === 0 ? delivery.recipients() : await delivery.lost()
    if (alive === null || alive.length === 0) return
    if (clock() >= message.expireAt) {
      await delivery.close(
        alive,
        'expired',
        claim.unknown ? 'its time is over, and its fate was never known' : 'its time is over',
      )
      return
    }
    if (claim.phase === 'held')
      return claim.unknown ? delivery.ask() : void (await delivery.close(alive, 'held', 'still set aside'))

    const gone = alive.filter(({ index }) => claim.suppressed.includes(index))
    if (gone.length > 0 && !(await delivery.close(gone, 'suppressed', 'suppressed since it was accepted'))) return
    const wanted = alive.filter((recipient) => !gone.includes(recipient))
    const calls = await groups(message, wanted, claim.avoid)
    if (calls.length > 1) {
      await delivery.split(calls.map(({ recipients }) => recipients))
    } else if (calls[0]) {
      await delivery.send(calls[0].recipients, calls[0].planned)
    }
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
        const planned = suppressed.has(email) ? suppressedPlan(policy().version) : await planFor(message, email, [])
        const key = planKey(planned)
        const { route, policy: version, candidates, rejected } = planned
        const known = shared.get(key)
        if (known) known.recipients.push(email)
        else shared.set(key, { recipients: [email], route, policy: version, candidates, rejected })
      }
      return { plans: [...shared.values()] }
    },
    providers: () => standings.views(),
    drain: (name) => standings.drain(name, true),
    async resume(name) {
      const known = await standings.drain(name, false)
      parts.wake()
      return known
    },
    wake: parts.wake,
  }
}

/** Two recipients with the same key travel together. */
function planKey({ route, candidates, lastResort }: Planned): string {
  return JSON.stringify([route, lastResort, candidates.map(({ provider }) => provider)])
}

function suppressedPlan(version: string): Planned {
  return { route: 'suppressed', policy: version, candidates: [], rejected: [], waitUntil: null, lastResort: false }
}
