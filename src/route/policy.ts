/** The policy as the config states it: rules, and the trees of providers they use. */

/** What a rule can look at. */
export type Condition =
  | { all: Condition[] }
  | { any: Condition[] }
  | { not: Condition }
  /** Every field named must match. Header names are lower-case, addresses and domains canonical as in `address.ts`. */
  | { fields: Record<string, Test> }

/** One field's test: a plain value is equality. `gt`, `lt` compare numbers; `regex` runs in linear time. */
export type Test = (
  | { is: string | number }
  | { in: (string | number)[] }
  | { glob: string }
  | { regex: string }
  | { gt?: number; lt?: number }
) & {
  /** Where it is that hour or day: a zone, or `metadata.<key>` for the zone that the message names there. Absent: UTC. */
  zone?: string
}

/** Which providers, in which order. Leaves are providers' names. */
export type Use =
  | { provider: string }
  | { first: Use[] }
  | { best: Best }
  | { split: { weights: Record<string, number>; sticky: 'recipient' | 'message' } }
  /** Finds out which delivers best. `explore`: the share of mail that goes to any of them alike. */
  | { adaptive: { of: Use[]; explore: number } }
  | { move: Move }

/** What providers can be measured by. */
export type Measure = 'cost' | 'latency' | 'health' | 'deliverability'

export interface Best {
  of: Use[]
  by: Measure | 'balanced'
  /** What a balance weighs, and how much; absent: all of it alike. */
  weights?: Partial<Record<Measure, number>>
  /** Only those whose delivered share is this near to the best's; the others come behind them. */
  within?: { deliverability: number }
}

/** Mail goes over from some providers to others, more and more of it. The shares in it are from 0 to 1, the times milliseconds. */
export interface Move {
  from: Use
  to: Use
  /** How long all steps take together, when nothing holds them. */
  over: number
  /** Epoch milliseconds; null: as soon as the rule is in force. */
  start: number | null
  /** The share of mail that goes to `to`, step by step; growing, and the last is 1. */
  steps: number[]
  sticky: 'recipient' | 'message'
  /** It stays at its share while more than this share of mail is complained of, or deferred so many times as often as at `from`. */
  hold: { complaints: number; deferrals: number }
  /** It goes back when it was held for so long, or at once when what holds it is so many times as bad. */
  revert: { after: number; beyond: number }
}

/** The trees in a tree, one level down. */
export function partsOf(use: Use): readonly Use[] {
  if ('first' in use) return use.first
  if ('best' in use) return use.best.of
  if ('adaptive' in use) return use.adaptive.of
  if ('move' in use) return [use.move.from, use.move.to]
  return []
}

/** Every provider that a tree names, in its order. */
export function providersOf(use: Use): string[] {
  if ('provider' in use) return [use.provider]
  if ('split' in use) return Object.keys(use.split.weights)
  return [...new Set(partsOf(use).flatMap(providersOf))]
}

/** The moves in a tree. */
export function movesOf(use: Use): Move[] {
  return [...('move' in use ? [use.move] : []), ...partsOf(use).flatMap(movesOf)]
}

export interface Rule {
  name: string
  /** Null matches everything. */
  when: Condition | null
  use: Use
  mirror?: Mirror
}

/** Copies of a part of a rule's messages. */
export interface Mirror {
  /** A provider that keeps mail in the gateway. */
  to: string
  /** The part of messages that is copied: 0 to 1. */
  share: number
  /** Whose messages the copies are; `''` on a gateway without keys. */
  tenant: string
}

export interface Policy {
  /** A digest of the rules: stored with every plan, so that a decision can be traced to the text it came from. */
  version: string
  rules: Rule[]
}

/** Fields a condition may name, besides `header.<name>` and `metadata.<key>`. */
export const fields = [
  'type',
  'tag',
  'tenant',
  'from',
  'from.domain',
  'recipient',
  'recipient.domain',
  'recipient.host',
  'subject',
  'size',
  'attachments',
  'hour',
  'day',
  'tries',
  'age',
] as const
