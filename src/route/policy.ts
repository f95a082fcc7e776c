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
