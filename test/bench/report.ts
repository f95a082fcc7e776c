/** What the runs came to: medians, how many times as good as the others, as a table, Markdown or JSON. */
import { cpus, release, totalmem, type } from 'node:os'
import { type Cell, type Terminal, table } from '../../src/cli/terminal.ts'
import { type Amounts, type Figures, type Measure, median, type Road } from './road.ts'

/** Every run's figures, by road and system. */
export type Runs = Map<string, Map<string, Figures[]>>

export interface Row {
  road: string
  measure: string
  unit: Measure['unit']
  target: string | null
  waypost: number
  /** All of Waypost's runs, in their order. */
  runs: number[]
  /** Those who have such a figure where they are measured. */
  beside: readonly string[]
  /** The others' medians, and how many times better Waypost is; null where that is a division by nothing. */
  others: Record<string, { median: number; times: number | null }>
}

export function rows(roads: readonly Road[], others: readonly string[], runs: Runs): Row[] {
  const values = (road: string, system: string, measure: string) =>
    (runs.get(road)?.get(system) ?? []).flatMap((figures) => figures[measure] ?? [])
  /** @param place `road/measure`, or a measure of the road at hand */
  const at = (place: string, here: string, system: string) => {
    const [measure, road = here] = place.split('/').reverse()
    return values(road, system, measure!)
  }
  return roads.flatMap((road) =>
    Object.entries(road.measures).flatMap(([name, measure]): Row[] => {
      const own = values(road.name, 'waypost', name)
      const waypost = median(own)
      // Nobody could tell, as of processor time outside Linux.
      if (waypost === null) return []
      const compared: Row['others'] = {}
      const places = [measure.others ?? []].flat()
      for (const other of others) {
        const found = places.map((place) => median(at(place, road.name, other))).find((value) => value !== null)
        if (found === undefined) continue
        const [better, worse] = measure.better === 'more' ? [waypost, found] : [found, waypost]
        compared[other] = { median: found, times: worse === 0 ? null : better / worse }
      }
      const { unit, target = null } = measure
      const row = { road: road.name, measure: name, unit, target: bound(measure, target), waypost, runs: own }
      return [
        { ...row, beside: places.length === 0 ? [] : (measure.beside ?? road.beside ?? others), others: compared },
      ]
    }),
  )
}

function bound({ better }: Measure, target: string | null): string | null {
  return target === null ? null : `${better === 'more' ? '≥' : '≤'} ${target}`
}

const headings = (others: readonly string[]) => [
  'ROAD',
  'MEASURE',
  'WAYPOST',
  'UNIT',
  ...others.flatMap((name) => [name.toUpperCase(), 'TIMES']),
  'TO REACH',
]

/** @param missing why an other system was not measured, by its name */
function cells(
  { road, measure, waypost, unit, beside, others, target }: Row,
  names: readonly string[],
  missing: Missing,
): Cell[] {
  const compared = names.flatMap((name): Cell[] => {
    const other = others[name]
    if (other) return [shown(other.median), other.times?.toFixed(1) ?? null]
    return [beside.includes(name) ? (missing.get(name) ?? null) : null, null]
  })
  return [road, measure, shown(waypost), unit, ...compared, target]
}

export type Missing = ReadonlyMap<string, string>

function shown(value: number): string {
  if (value === 0) return '0'
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}

export function showTable(
  terminal: Terminal,
  found: readonly Row[],
  others: readonly string[],
  missing: Missing,
): void {
  const body = found.map((row) => cells(row, others, missing))
  table(terminal, headings(others), body)
}

export function markdown(found: readonly Row[], others: readonly string[], missing: Missing): string {
  const line = (row: readonly Cell[]) => `| ${row.map((cell) => cell ?? '').join(' | ')} |`
  const heads = headings(others).map((heading) => heading.toLowerCase())
  return [line(heads), line(heads.map(() => '---')), ...found.map((row) => line(cells(row, others, missing)))].join(
    '\n',
  )
}

/** Where and when, for whoever compares. */
export function circumstances(amounts: Amounts, runs: number) {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    machine: {
      processors: processors.length,
      model: processors[0]?.model ?? null,
      memoryGB: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
      node: process.versions.node,
    },
    runs,
    ...amounts,
  }
}
