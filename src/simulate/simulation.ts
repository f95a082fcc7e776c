/** A simulation as a whole: two policies over the same traffic with the same luck, and what their figures rest on. */
import type { Config } from '../config.ts'
import { runAll } from './compare.ts'
import type { Draft } from './draft.ts'
import type { Mix } from './mix.ts'
import { type Basis, basesOf } from './models.ts'
import type { Outage } from './outage.ts'
import type { Happened, Recorded } from './recorded.ts'
import type { Figures } from './tally.ts'
import type { Source, Task } from './thread.ts'

/** One of the two policies. */
export interface Side {
  draft: Draft
  config: Config
}

export interface Plan {
  present: Side
  draft: Side
  traffic: { recorded: Recorded } | { mix: Mix }
  /** When it begins and ends, in epoch milliseconds. */
  during: { from: number; until: number }
  /** Made up; those on record come on top. */
  outages: readonly Outage[]
  seed: number
  /** How often, each time with other luck. */
  runs: number
}

export interface Comparison {
  /** A run each, by their luck. */
  present: Figures[]
  draft: Figures[]
  /** What providers were taken to answer by, those of both configs. */
  bases: { present: Basis[]; draft: Basis[] }
  outages: (Outage & { recorded: boolean })[]
  /** What really happened; null where the traffic was made up. */
  happened: Happened | null
}

/** @param came told how many more messages came in one of the runs, of which there are two for each luck */
export async function simulate(plan: Plan, came: (messages: number) => void): Promise<Comparison> {
  const { present, draft, traffic, during, seed, runs } = plan
  const recorded = 'recorded' in traffic ? traffic.recorded : null
  const found = recorded?.outages() ?? []
  const outages = [...plan.outages, ...found]
  const answers = recorded?.answers(found) ?? new Map()
  const vendors = new Map(present.config.providers.map(({ name, adapter }) => [name, adapter.name]))
  const owed = Object.fromEntries(
    Object.values(present.config.types).map(({ name, priority, expire }) => [name, { priority, expire }]),
  )
  const source: Source = recorded ? { pages: recorded.pages, owed } : { mix: (traffic as { mix: Mix }).mix, owed }
  const bases = {
    present: basesOf(present.config.providers, answers, vendors),
    draft: basesOf(draft.config.providers, answers, vendors),
  }
  const task = (side: Side, basis: readonly Basis[], run: number): Task => ({
    draft: side.draft,
    source,
    models: new Map(basis.map(({ provider, model }) => [provider, model])),
    outages,
    seed: seed + run,
    during,
  })
  const lucks = Array.from({ length: runs }, (_, run) => run)
  const figures = await runAll(
    lucks.flatMap((run) => [task(present, bases.present, run), task(draft, bases.draft, run)]),
    came,
  )
  return {
    present: figures.filter((_, place) => place % 2 === 0),
    draft: figures.filter((_, place) => place % 2 === 1),
    bases,
    outages: [
      ...plan.outages.map((outage) => ({ ...outage, recorded: false })),
      ...found.map((outage) => ({ ...outage, recorded: true })),
    ],
    happened: recorded?.happened ?? null,
  }
}
