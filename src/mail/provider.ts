/** A provider: a configured account with a vendor. Several may share an adapter. */
import type { Adapter } from './adapter.ts'

export interface Provider {
  /** Its name in the config. */
  name: string
  adapter: Adapter
  /** The adapter's own settings, as its schema parsed them. Holds secrets: never log, never show. */
  options: unknown
  cost: { perThousand: number }
  /** Null: no limit. At its limit a provider is passed over for the next; with no next, mail waits. */
  limits: { perSecond: number | null; perDay: number | null }
  /** Milliseconds for a whole answer. */
  timeout: number
  /** How many failures open the breaker, for how many milliseconds, and how many probes may go at once when half-open. */
  breaker: { failures: number; open: number; probes: number }
  labels: string[]
}
