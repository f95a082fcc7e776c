/** What ranks the candidates of `best`: one figure each, or a balance of several, behind a guard where there is one. */
import { decimal, percent } from './decimals.ts'
import { deliveredShare, type Told } from './delivered.ts'
import type { Best, Measure } from './policy.ts'
import type { Step } from './price.ts'

/** What ranking may know of a provider. Numbers that nobody has measured yet are null. */
export interface Figures {
  /** What this message costs there now, per 1,000 recipients of the like. */
  costPerThousand: number
  /** Where the month has come to in its price list; absent where that says nothing. */
  step?: Step
  latencyMs: number | null
  /** Share of recent answers that were not the provider's fault, 0 to 1; at the recipient's host where enough is known of it. */
  success: number | null
  /** That host, when it is its answers that speak. */
  at?: string
  /** What became of mail that it accepted; absent where nothing is known. */
  delivered?: Told
}

export interface Measured {
  score: number
  reasons: string[]
}

/** A provider's score by one figure and the words for it. Nobody measured yet comes first: that is how it gets measured. */
export function measure(by: 'cost' | 'latency' | 'health', figures: Figures | null): { score: number; reason: string } {
  if (by === 'cost') {
    const cost = figures?.costPerThousand ?? 0
    return { score: cost, reason: priced(cost, figures?.step) }
  }
  if (by === 'latency') {
    const latency = figures?.latencyMs ?? null
    if (latency === null) return { score: 0, reason: 'latency not measured yet' }
    return { score: latency, reason: `answers in ${Math.round(latency)} ms` }
  }
  // Rounded to a hundredth, so that noise does not swap two good ones at every message.
  const success = Math.round((figures?.success ?? 1) * 100) / 100
  const where = figures?.at === undefined ? '' : ` at ${figures.at}`
  const reason =
    figures?.success == null ? 'no failure seen yet' : `${Math.round(success * 100)} % of recent answers good${where}`
  return { score: success, reason }
}

/** `costs 0 per 1,000 now: 7300 of 10000 free this month are used` */
function priced(cost: number, step: Step | undefined): string {
  if (step === undefined) return `costs ${cost} per 1,000`
  const { used, of, as } = step
  const how =
    as === 'free'
      ? `${used} of ${of} free this month are used`
      : as === 'price'
        ? `${used} of ${of} at this price or before it this month`
        : `${decimal(used, 2)} of ${of} committed this month are used`
  return `costs ${cost} per 1,000 now: ${how}`
}

/** Whether the greatest score is the best. */
export function isGreater(by: Best['by']): boolean {
  return by === 'health' || by === 'deliverability' || by === 'balanced'
}

/** All candidates beside each other, in their order; `behind`: the guard puts it behind those that it lets pass. */
export function compare(
  { by, weights, within }: Omit<Best, 'of'>,
  all: readonly (Figures | null)[],
): (Measured & { behind: boolean })[] {
  const shares = all.map(shareOf)
  const measured =
    by === 'balanced'
      ? balanced(weights ?? even, all, shares)
      : by === 'deliverability'
        ? delivered(all, shares)
        : all.map((figures): Measured => {
            const { score, reason } = measure(by, figures)
            return { score, reasons: [reason] }
          })
  const best = within === undefined ? null : bestOf(shares)
  if (within === undefined || best === null) {
    return measured.map(({ score, reasons }) => ({ score, reasons, behind: false }))
  }
  const points = percent(within.deliverability)
  const far = `${points} ${points === '1' ? 'point' : 'points'}`
  return measured.map(({ score, reasons }, place) => {
    const share = shares[place] ?? null
    if (share === null) {
      return {
        score,
        reasons: [...reasons, 'not held against it: nothing is known of what it delivers'],
        behind: false,
      }
    }
    // Shares are rounded to a thousandth; what is left of a difference beyond that is how numbers are kept.
    const behind = best - share > within.deliverability + 1e-9
    const said = by === 'deliverability' ? '' : `${spoken(all[place]!)}, `
    const why = behind
      ? `behind the others: ${said}more than ${far} below the best (${percent(best)} %)`
      : `${said}within ${far} of the best (${percent(best)} %)`
    return { score, reasons: [...reasons, why], behind }
  })
}

const even: Partial<Record<Measure, number>> = { cost: 1, deliverability: 1, health: 1, latency: 1 }

/** Rounded to a thousandth, so that noise does not swap two good ones at every message. */
function shareOf(figures: Figures | null): number | null {
  const share = deliveredShare(figures?.delivered)
  return share === null ? null : Math.round(share * 1_000) / 1_000
}

/** Who tells nothing is neither good nor bad: as the others are on average. */
function delivered(all: readonly (Figures | null)[], shares: readonly (number | null)[]): Measured[] {
  const average = mean(shares)
  return shares.map((share, place) => {
    if (share !== null) return { score: share, reasons: [spoken(all[place]!)] }
    const taken = average === null ? '' : `: taken for the average of the others, ${percent(average)} %`
    return { score: average ?? 1, reasons: [`what it delivers is not known${taken}`] }
  })
}

function spoken({ delivered }: Figures): string {
  const { good, bad, complaints, at } = delivered!
  const where = at === undefined ? '' : ` at ${at}`
  const complained = complaints < 0.5 ? '' : `, with ${Math.round(complaints)} complaints`
  return `${percent(deliveredShare(delivered)!)} % delivered${where}, of ${Math.round(good + bad)} told of late${complained}`
}

/**
 * Each figure from 0 to 1, then their average by weight. Cost and time: how far it is from the least, in parts of the greatest; 1 is
 * the least. Shares: ten points below the best are 0. Unknown is the average of those that are known.
 */
function balanced(
  weights: Partial<Record<Measure, number>>,
  all: readonly (Figures | null)[],
  shares: readonly (number | null)[],
): Measured[] {
  const parts = Object.entries(weights).map(([name, weight]) => {
    const values = name === 'deliverability' ? shares : all.map((figures) => read[name as Measure](figures))
    const marks = name === 'deliverability' || name === 'health' ? high(values) : low(values)
    const average = mean(marks) ?? 1
    return { name: name as Measure, weight, values, marks: marks.map((mark) => mark ?? average) }
  })
  const total = parts.reduce((sum, { weight }) => sum + weight, 0)
  return all.map((_, place) => {
    let sum = 0
    let words = ''
    for (const { name, weight, values, marks } of parts) {
      const value = values[place] ?? null
      sum += weight * marks[place]!
      if (words !== '') words += ', '
      words += `${weight} × ${decimal(marks[place]!, 2)} for ${value === null ? `${name} not known` : say[name](value)}`
    }
    const score = sum / total
    return { score, reasons: [`a balance of ${decimal(score, 3)}: ${words}`] }
  })
}

const read: Record<Measure, (figures: Figures | null) => number | null> = {
  cost: (figures) => figures?.costPerThousand ?? null,
  latency: (figures) => figures?.latencyMs ?? null,
  health: (figures) => figures?.success ?? null,
  deliverability: shareOf,
}

const say: Record<Measure, (value: number) => string> = {
  cost: (cost) => `${cost} per 1,000`,
  latency: (latency) => `${Math.round(latency)} ms`,
  health: (success) => `${percent(success)} % of answers good`,
  deliverability: (share) => `${percent(share)} % delivered`,
}

/** Points below the best, as a share, at which nothing is left. */
const nothingLeft = 0.1

function high(values: readonly (number | null)[]): (number | null)[] {
  const best = bestOf(values)
  return values.map((value) => (value === null ? null : Math.max(0, 1 - (best! - value) / nothingLeft)))
}

function low(values: readonly (number | null)[]): (number | null)[] {
  const known = values.filter((value) => value !== null)
  const least = Math.min(...known)
  const greatest = Math.max(...known)
  return values.map((value) => (value === null ? null : greatest === 0 ? 1 : 1 - (value - least) / greatest))
}

function bestOf(values: readonly (number | null)[]): number | null {
  let best: number | null = null
  for (const value of values) if (value !== null && (best === null || value > best)) best = value
  return best
}

function mean(values: readonly (number | null)[]): number | null {
  let sum = 0
  let known = 0
  for (const value of values) {
    if (value === null) continue
    sum += value
    known++
  }
  return known === 0 ? null : sum / known
}
