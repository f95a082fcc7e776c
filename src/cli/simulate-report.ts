/** What a simulation found: both policies side by side, and what that rests on. */
import type { Basis } from '../simulate/models.ts'
import type { Comparison, Plan } from '../simulate/simulation.ts'
import type { Figures } from '../simulate/tally.ts'
import { type Cell, plain, styled, type Terminal, table } from './terminal.ts'

/** A figure over all runs: their mean, the least and the most. Null where a run had none, such as a time when nothing was taken. */
interface Ranged {
  mean: number
  least: number
  most: number
}

type Unit = 'count' | 'money' | 'share' | 'time'

interface Row {
  /** As JSON has it. */
  name: string
  title: string
  unit: Unit
  of: (figures: Figures) => number | null
}

const sums = [
  ['messages', 'Messages'],
  ['recipients', 'Recipients'],
  ['taken', 'Taken by a provider'],
  ['limited', 'At a limit'],
  ['waited', 'Waited for a provider'],
  ['failovers', 'Failovers'],
  ['possibleDuplicates', 'Possible duplicates'],
  ['bounced', 'Bounced'],
  ['suppressed', 'Suppressed'],
  ['expired', 'Expired'],
  ['failed', 'Failed'],
] as const

const own: readonly Row[] = [
  { name: 'cost', title: 'Cost', unit: 'money', of: ({ cost }) => cost },
  {
    name: 'costPerThousand',
    title: 'Cost per 1,000 taken',
    unit: 'money',
    of: ({ cost, taken }) => (taken === 0 ? null : (cost / taken) * 1_000),
  },
  ...sums.map(([name, title]): Row => ({ name, title, unit: 'count', of: (figures) => figures[name] })),
  { name: 'p50', title: 'Time to taken, half within', unit: 'time', of: ({ latency }) => latency.p50 },
  { name: 'p99', title: 'Time to taken, 99 % within', unit: 'time', of: ({ latency }) => latency.p99 },
]

/** A table of figures for each provider, and for each type. */
const ofProvider = ['taken', 'cost', 'attempts', 'failovers', 'limited', 'possibleDuplicates', 'opened'] as const
const ofType = ['recipients', 'taken', 'expired', 'failed', 'p50', 'p99'] as const

function ranged(runs: readonly Figures[], of: (figures: Figures) => number | null): Ranged | null {
  const values = runs.map(of)
  if (values.includes(null)) return null
  const known = values as number[]
  return {
    mean: known.reduce((sum, value) => sum + value, 0) / known.length,
    least: Math.min(...known),
    most: Math.max(...known),
  }
}

const named = (ranges: readonly (readonly [string, Ranged | null])[]): Record<string, Ranged | null> =>
  Object.fromEntries(ranges)

function summary(runs: readonly Figures[]) {
  const providers = Object.keys(runs[0]!.providers)
  const types = [...new Set(runs.flatMap((figures) => Object.keys(figures.types)))]
  return {
    all: named(own.map(({ name, of }) => [name, ranged(runs, of)])),
    providers: Object.fromEntries(
      providers.map((provider) => [
        provider,
        named([
          ['share', ranged(runs, shareOf(provider))],
          ...ofProvider.map((key) => [key, ranged(runs, ({ providers }) => providers[provider]![key])] as const),
        ]),
      ]),
    ),
    types: Object.fromEntries(
      types.map((type) => [
        type,
        named(ofType.map((key) => [key, ranged(runs, ({ types }) => types[type]?.[key] ?? null)])),
      ]),
    ),
  }
}

const shareOf = (provider: string) => (figures: Figures) =>
  figures.taken === 0 ? null : (figures.providers[provider]?.taken ?? 0) / figures.taken

export interface Report {
  traffic: {
    messages: number
    recipients: number
    leftOut: number
    from: string
    until: string
    where: string
    recorded: boolean
  }
  runs: number
  seed: number
  took: { seconds: number; messagesPerSecond: number }
  outages: { provider: string; trouble: string; from: string; until: string; recorded: boolean }[]
  /** Null where the traffic was made up. */
  happened: { taken: Record<string, number> } | null
  present: ReturnType<typeof summary>
  draft: ReturnType<typeof summary>
  /** What each provider was taken to answer by. */
  bases: { present: SaidBasis[]; draft: SaidBasis[] }
  uncertain: string[]
}

interface SaidBasis {
  provider: string
  calls: number
  from: string | null
  p50: number
  fault: number
  /** Of the share of faults: 95 %, where it was counted. */
  between: [number, number] | null
}

/** Writes up a comparison. @param told how it came about */
export function report(
  comparison: Comparison,
  told: { plan: Plan; where: string; messages: number; seconds: number },
): Report {
  const { plan, where, messages, seconds } = told
  const { runs, seed, during, traffic } = plan
  const iso = (at: number) => new Date(at).toISOString()
  const bases = { present: comparison.bases.present.map(basisSaid), draft: comparison.bases.draft.map(basisSaid) }
  return {
    traffic: {
      messages,
      recipients: comparison.present[0]!.recipients,
      leftOut: 'recorded' in traffic ? traffic.recorded.leftOut : 0,
      from: iso(during.from),
      until: iso(during.until),
      where,
      recorded: 'recorded' in traffic,
    },
    runs,
    seed,
    took: { seconds: Number(seconds.toFixed(2)), messagesPerSecond: Math.round((messages * runs * 2) / seconds) },
    outages: comparison.outages.map((outage) => ({ ...outage, from: iso(outage.from), until: iso(outage.until) })),
    happened: comparison.happened && { taken: comparison.happened.taken },
    present: summary(comparison.present),
    draft: summary(comparison.draft),
    bases,
    uncertain: uncertain(plan, bases, comparison),
  }
}

function basisSaid({ provider, calls, from, model }: Basis): SaidBasis {
  const p50 = model.latencies[Math.floor(model.latencies.length / 2)]!
  return { provider, calls, from, p50, fault: model.fault, between: from === null ? null : wilson(model.fault, calls) }
}

/** Where a share lies with 95 % certainty that was counted in so many cases (Wilson, 1927). */
function wilson(share: number, of: number): [number, number] {
  const z = 1.96
  const middle = (share + (z * z) / (2 * of)) / (1 + (z * z) / of)
  const half = (z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of))) / (1 + (z * z) / of)
  return [Math.max(0, middle - half), Math.min(1, middle + half)]
}

/** What would make it come out otherwise, in sentences. */
function uncertain({ traffic, runs, present, draft }: Plan, bases: Report['bases'], { outages }: Comparison): string[] {
  const said = new Map([...bases.present, ...bases.draft].map((basis) => [basis.provider, basisLine(basis)]))
  const found = outages.filter(({ recorded }) => recorded).length
  const delivered = [present, draft].some(({ config }) =>
    /"(adaptive|deliverability)"/.test(JSON.stringify(config.policy)),
  )
  const fees = [present, draft].some(({ config }) =>
    config.providers.some(({ cost }) => cost.monthly > 0 || cost.commitment > 0),
  )
  return [
    'recorded' in traffic
      ? `Outages on record, which are five faults in a row and more until the next good answer: ${found}. They happen again at whoever had them.`
      : 'The traffic is made up: types, hosts and hours of the day are a guess, and so is every figure that follows from them. It is of no tenant.',
    ...said.values(),
    ...(delivered
      ? [
          'What vendors tell after they took mail is not simulated: "adaptive" and "deliverability" find nothing to go by.',
        ]
      : []),
    ...(fees ? ['The cost is what each message was charged: fees and commitments are not in it.'] : []),
    runs === 1
      ? 'One run: with other luck it comes out a little otherwise; --runs says by how much.'
      : `The mean of ${runs} runs, which differ in luck alone; in brackets the least and the most of them.`,
    'Not simulated: content, DNS (a host is known by its domain), and what a sudden change of volume does to reputation.',
  ]
}

function basisLine({ provider, calls, from, p50, fault, between }: SaidBasis): string {
  if (between === null)
    return `${provider}: nothing on record, so it is assumed: half of the answers within ${p50} ms, ${percent(fault)} faults.`
  const whose = from === provider ? '' : ` of ${from}, the same vendor`
  const [least, most] = between
  return `${provider}: by ${calls} calls on record${whose}: half of the answers within ${p50} ms, ${percent(fault)} faults (95 % certain: ${percent(least)} to ${percent(most)}).`
}

/** `850 ms`, `12.5 s`, `34.9 min`, `4.7 h` */
function duration(ms: number): string {
  if (ms < 10_000) return `${Math.round(ms)} ms`
  if (ms < 600_000) return `${(ms / 1_000).toFixed(1)} s`
  return ms < 7_200_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 3_600_000).toFixed(1)} h`
}

const percent = (share: number) => `${(share * 100).toFixed(share < 0.01 ? 2 : 1)} %`

const shown: Record<Unit, (value: number) => string> = {
  count: (value) => String(Math.round(value)),
  money: (value) => value.toFixed(2),
  share: percent,
  time: duration,
}

/** For a person: the figures, then what they rest on. */
export function showReport(report: Report, terminal: Terminal): void {
  const { traffic, outages, present, draft, happened, took } = report
  const { messages, leftOut, from, until, where } = traffic
  terminal.out(
    plain(
      `${messages} messages, ${from.slice(0, 16)} to ${until.slice(0, 16)}, ${traffic.recorded ? `on record at ${where}` : where}${leftOut > 0 ? `; ${leftOut} recipients left out, who were suppressed or canceled` : ''}`,
    ),
  )
  for (const { provider, trouble, from, until, recorded } of outages)
    terminal.out(
      plain(
        `${recorded ? 'On record' : 'Added'}: ${provider} ${trouble}, ${from.slice(0, 16)} to ${until.slice(0, 16)}`,
      ),
    )
  terminal.out('')
  const names = [...new Set([...Object.keys(present.providers), ...Object.keys(draft.providers)])]
  const types = [...new Set([...Object.keys(present.types), ...Object.keys(draft.types)])]
  const total = Object.values(happened?.taken ?? {}).reduce((sum, taken) => sum + taken, 0)
  type Side = Ranged | null | undefined
  /** @param real what happened, where that is on record */
  const row = (title: string, unit: Unit, one: Side, other: Side, real: Cell = null): Cell[] => [
    title,
    cell(one, unit),
    cell(other, unit),
    change(one, other, unit),
    ...(happened ? [real] : []),
  ]
  table(
    terminal,
    ['', 'PRESENT', 'DRAFT', 'CHANGE', ...(happened ? ['HAPPENED'] : [])],
    [
      ...own.map(({ name, title, unit }) => row(title, unit, present.all[name], draft.all[name])),
      ...types.map((type) => row(`  ${type}, 99 % within`, 'time', present.types[type]?.p99, draft.types[type]?.p99)),
      ...names.map((name) => {
        const share = percent((happened?.taken[name] ?? 0) / Math.max(total, 1))
        return row(`Share of ${name}`, 'share', present.providers[name]?.share, draft.providers[name]?.share, share)
      }),
      ...names.map((name) => {
        const taken = happened?.taken[name] ?? 0
        return row(`Taken by ${name}`, 'count', present.providers[name]?.taken, draft.providers[name]?.taken, taken)
      }),
      ...names.map((name) =>
        row(`Breaker of ${name} opened`, 'count', present.providers[name]?.opened, draft.providers[name]?.opened),
      ),
    ],
  )
  terminal.out('')
  terminal.out(styled(terminal, 'bold', 'What this rests on'))
  for (const line of report.uncertain) terminal.out(`  ${plain(line)}`)
  terminal.out(`  ${took.messagesPerSecond} messages a second, ${took.seconds} s.`)
}

function cell(range: Ranged | null | undefined, unit: Unit): string | null {
  if (!range) return null
  const [mean, least, most] = [range.mean, range.least, range.most].map(shown[unit])
  return least === most ? mean! : `${mean} (${least} to ${most})`
}

function change(one: Ranged | null | undefined, other: Ranged | null | undefined, unit: Unit): string | null {
  if (!one || !other) return null
  const by = other.mean - one.mean
  const text = shown[unit](Math.abs(by))
  return Number.parseFloat(text) === 0 ? null : `${by < 0 ? '-' : '+'}${text}`
}
