/** A quota: what some mail may use up, with those who wait for it. */
import type { Allowance, Limited, Refusal } from './limits.ts'
import type { Comer, Line } from './line.ts'

/** What some mail must not pass, and those who wait for it. */
export interface Quota {
  /** Whose turn it is to be waited for: `the limit of type marketing`. */
  name: string
  allowance: Allowance
  line: Line
}

/** One whose bounds the config says. */
export interface LimitedQuota extends Quota {
  allowance: Limited
}

/** Why mail must wait for a quota: it is used up, or others were before it. */
export function closedBy({ name, allowance, line }: Quota, message: Comer, now: number): Refusal | null {
  const refused = allowance.refusal(1, now)
  if (refused) return refused
  const until = line.before(message, now)
  return until === null ? null : { reason: `others wait for ${name}, and go first`, until }
}

/** The one of several that holds mail up longest. */
export function longest<Closed extends { until: number }>(closed: readonly Closed[]): Closed | null {
  return closed.reduce<Closed | null>((last, one) => (last === null || one.until > last.until ? one : last), null)
}
