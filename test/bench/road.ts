/** What a benchmark is made of, and what its runs come to. */

/** One row of the table. */
export interface Measure {
  unit: 'a second' | 'µs' | 'ms' | 's' | 'MB' | '%' | 'mails' | 'calls'
  better: 'more' | 'less'
  /** As issue and README state it. */
  target?: string
  /**
   * Where the same is read of others: a measure of this road, or `road/measure`; the first that they have. Absent where they have no
   * such figure.
   */
  others?: string | readonly string[]
  /** Who has such a figure, where not all have it with whom the road is compared. */
  beside?: readonly string[]
}

/** What one run of one system gave; null where this machine cannot tell. */
export type Figures = Record<string, number | null>

export interface Road {
  name: string
  /** One line for the help. */
  about: string
  measures: Record<string, Measure>
  /** One run of each system that can be measured, by its name. */
  systems: Record<string, () => Promise<Figures>>
  /** Whom it is compared with; the relays that run beside Waypost by default. */
  beside?: readonly string[]
}

/** How much of it there is. */
export interface Amounts {
  /** Messages of each measurement under load. */
  messages: number
  /** Messages that wait in `crawl` and `otp`. */
  waiting: number
  /** Messages that wait in `backlog`, and those of `simulate`. */
  backlog: number
  /** Of what is drawn in `failover` and `adaptive`; each run has the next. */
  seed: number
}

export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return null
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
