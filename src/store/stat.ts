/** What became of mail, counted by the hour, provider, mailbox host, type and tenant. */

/** All that is counted. Recipients, but for the last three. */
export const statCounts = [
  // By what a provider answered, once a try.
  'accepted',
  'deferred',
  'rejected',
  'unknown',
  // By what was told of them, then or later.
  'delivered',
  'bounced',
  'complained',
  // Calls that were answered, how many milliseconds they took together, and what was paid, in whole millionths.
  'answers',
  'latency',
  'money',
] as const
export type StatCounts = Record<(typeof statCounts)[number], number>

export interface StatKey {
  /** A UTC hour: `2026-11-25T14`. */
  hour: string
  tenant: string
  provider: string
  type: string
  /** A mailbox provider's short name; `other` for all that is none we know. */
  host: string
}

export type Stat = StatKey & StatCounts

export interface StatQuery {
  by: 'provider' | 'type' | 'host'
  /** From this hour on. */
  since: string
  /** Null: of all tenants. */
  tenant: string | null
}
