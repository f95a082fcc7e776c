/** The plan for one recipient: hard constraints first, then the rule that matches, then who is fit to try now. */
import type { Message } from '../mail/message.ts'
import type { Provider } from '../mail/provider.ts'
import { isDraw } from './adaptive.ts'
import type { Sickness } from './cells.ts'
import { drawn } from './chance.ts'
import type { Demand } from './demands.ts'
import { leftOut, Needs, unfit, type Wish } from './fit.ts'
import type { CompiledPolicy, Facts } from './match.ts'
import type { Figures } from './measure.ts'
import type { Moving } from './move.ts'
import { type Candidate, rank } from './rank.ts'

export interface Plan {
  /** The rule that matched; `pinned` when the submitter named the provider. */
  route: string
  /** The policy's version. */
  policy: string
  /** In the order in which they will be tried. */
  candidates: Candidate[]
  rejected: { provider: string; reason: string }[]
}

/** How a provider stands right now, as the gateway knows it. */
export interface Standing extends Figures {
  provider: Provider
  /**
   * Why nothing may be sent there now, and when that ends (null: nobody knows); absent when it may. `lastResort`: only its breaker
   * keeps mail away, and this share of its recent answers was good, so that it is better than nobody.
   */
  closed?: { reason: string; until: number | null; lastResort?: number }
  /** The recipient's mailbox host defers or blocks what comes from there. */
  sick?: Sickness
  /** The part of mail that it gets, while mail comes back to it; absent when that is all. */
  share?: number
  /** Its breaker is half-open: it needs a probe, but not one that anybody waits for. */
  probing: boolean
}

export interface Planned extends Plan {
  /** Nobody can take it now, but somebody may at this time; null when no provider could ever take it. With candidates: should they have no room. */
  waitUntil: number | null
  /** Who may take it then, or later; none of those that can never. */
  later: string[]
  /** The one candidate is shut by its breaker or sick at the recipient's host, and better than nobody. */
  lastResort: boolean
}

export interface PlanInput {
  policy: CompiledPolicy
  facts: Facts & { message: Message }
  demands: readonly Demand[]
  /** What the message's type will not have left out; absent: anything may be. */
  needs?: readonly Wish[]
  /** This type of mail may be used to find out which provider is best; absent: not. */
  explore?: boolean
  /** Providers not to use for these recipients, with the reason. */
  avoid: ReadonlyMap<string, string>
  standing: ReadonlyMap<string, Standing>
  /** How far the moves are, by their rules; of those that are absent nothing has moved. */
  moves?: ReadonlyMap<string, Moving>
  now: number
}

/** When nobody knows how long a provider stays closed (drained by an operator), look again after this. */
const lookAgain = 60_000
/** Mail rather waits this long than to go to a provider that is shut or sick. */
const aMoment = 5_000

const nothing: readonly Wish[] = []

/** Decides, and says why. Pure: the same input always gives the same plan. */
export function plan(input: PlanInput): Planned {
  const { policy, facts, demands, avoid, standing, now } = input
  const { message, recipient } = facts
  const { route, ranked, draws } = choose(input)
  const needs = new Needs(message, recipient, demands, input.needs ?? nothing)
  const candidates: Candidate[] = []
  const probes: Candidate[] = []
  const returning: Candidate[] = []
  let resort: { candidate: Candidate; success: number } | null = null
  const rejected: Plan['rejected'] = []
  let waitUntil: number | null = null
  const later: string[] = []

  for (const candidate of ranked) {
    const name = candidate.provider
    const there = standing.get(name)
    if (!there) {
      rejected.push({ provider: name, reason: 'is not in the config any more' })
      // A rule names only providers of its own config, so this is a reload half done: its other half is a moment away.
      if (message.provider === null) waitUntil = Math.min(waitUntil ?? now, now)
      continue
    }
    const never = unfit(needs, there.provider) ?? avoid.get(name)
    if (never) {
      rejected.push({ provider: name, reason: draws ? told(candidate, never) : never })
      continue
    }
    const wishes = leftOut(message, there.provider)
    const more = wishes === null ? [] : [wishes]
    const shut = there.closed ?? (there.sick?.say === 'shut' ? shutAt(there) : null)
    if (shut) {
      rejected.push({ provider: name, reason: draws ? told(candidate, shut.reason) : shut.reason })
      later.push(name)
      const until = Math.max(shut.until ?? now + lookAgain, now)
      waitUntil = Math.min(waitUntil ?? until, until)
      const success = shut.lastResort ?? -1
      if (success > (resort?.success ?? -1)) {
        const why = `nobody else is left, and it is better than none: ${shut.reason}`
        resort = { candidate: because(candidate, [...more, why]), success }
      }
      continue
    }
    if (there.probing || there.sick) {
      const [probe, noProbe] = there.probing
        ? ['as the probe of a half-open breaker', 'last: its breaker is half-open, and this mail is no probe']
        : [`as the probe: ${there.sick!.words}`, `last: ${there.sick!.words}, and this mail is no probe`]
      if (message.priority === 'high') probes.push(because(candidate, [...more, noProbe]))
      else candidates.push(because(candidate, [...more, probe]))
    } else if (there.share !== undefined && drawn(message.id, name) >= there.share) {
      const why = `behind the others: comes back slowly, ${Math.round(there.share * 100)} % of mail`
      returning.push(because(candidate, [...more, why]))
    } else candidates.push(because(candidate, more))
  }
  candidates.push(...returning, ...probes)
  const planned = { route, policy: policy.version, candidates, rejected, waitUntil, later, lastResort: false }
  // What opens in a moment is waited for.
  if (candidates.length > 0 || resort === null || waitUntil! - now <= aMoment) return planned
  const { candidate } = resort
  const others = rejected.filter(({ provider }) => provider !== candidate.provider)
  return { ...planned, candidates: [candidate], rejected: others, waitUntil: now + aMoment, lastResort: true }
}

/** Mail that a host defers from everywhere waits by its schedule, at the best of them: not from one to the next. */
function shutAt({ sick, success }: Standing): NonNullable<Standing['closed']> {
  return { reason: sick!.words, until: sick!.until, lastResort: success ?? 0 }
}

/** Why it cannot be tried. A draw is told of every arm, or nobody could draw again. */
function told({ reasons }: Candidate, why: string): string {
  const draw = reasons.find(isDraw)
  return draw === undefined ? why : `${why}; ${draw}`
}

/** A candidate with more reasons; the same one when there are none. */
function because(candidate: Candidate, more: readonly string[]): Candidate {
  return more.length === 0 ? candidate : { ...candidate, reasons: [...candidate.reasons, ...more] }
}

function choose({ policy, facts, standing, moves, explore: mayExplore = false }: PlanInput) {
  const pinned = facts.message.provider
  if (pinned !== null) {
    return {
      route: 'pinned',
      ranked: [{ provider: pinned, score: 0, reasons: ['pinned by the submitter'] }],
      draws: false,
    }
  }
  const rule = policy.rules.find(({ matches }) => matches(facts))
  // The config check sees to it that the last rule matches everything.
  if (!rule) return { route: 'none', ranked: [], draws: false }
  const figures = (name: string) => standing.get(name) ?? { costPerThousand: 0, latencyMs: null, success: null }
  return {
    route: rule.name,
    draws: rule.draws,
    ranked: rank(rule.use, {
      messageId: facts.message.id,
      recipient: facts.recipient,
      mayExplore,
      figures,
      moving: moves?.get(rule.name),
    }),
  }
}
