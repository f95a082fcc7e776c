/** Suppressions as the store keeps them, finds them and lifts them. */
import type { SuppressionReason } from '../mail/suppression.ts'

export interface Suppression {
  tenant: string
  /** From `suppressionKey`. */
  key: string
  /** The type of mail that it gets no more of; `''` for every type. */
  type: string
  reason: SuppressionReason
  /** The provider that told, or `api`. */
  source: string
  at: number
}

export interface SuppressionQuery {
  tenant: string
  reason?: Suppression['reason']
  /** Of one address. */
  key?: string
  /** Since when: from `since` on, and before `until`. */
  since?: number
  until?: number
  limit: number
  cursor?: string
  /** How many come before the page, for those who count. */
  skip?: number
}

/** What is lifted of all that is said of an address: for a type of mail (`''`: for every type alike), by a source, for a reason. */
export interface LiftedOnly {
  type?: string
  source?: string
  reason?: SuppressionReason
}
