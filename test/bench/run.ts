/** `npm run bench`: every road, run after run in turn, so that what else the machine does falls on all alike. See README.md. */
import { Command, InvalidArgumentError } from 'commander'
import { count } from '../../src/cli/flags.ts'
import { progressBar } from '../../src/cli/progress.ts'
import { json, systemTerminal } from '../../src/cli/terminal.ts'
import { adaptive } from './adaptive.ts'
import { backlog } from './backlog.ts'
import { failover } from './failover.ts'
import { waypost } from './gateway.ts'
import { haraka } from './haraka.ts'
import { postfix, postfixTuned } from './postfix.ts'
import { circumstances, markdown, type Runs, rows, showTable } from './report.ts'
import { rest } from './rest.ts'
import type { Amounts, Figures, Road } from './road.ts'
import { routing } from './routing.ts'
import { simulating } from './simulate.ts'
import { throughput } from './throughput.ts'
import { waits } from './waits.ts'

interface Flags extends Amounts {
  runs: number
  only?: string[]
  json?: true
  markdown?: true
}

const all = [waypost, postfix, postfixTuned, haraka]
const missing = new Map(all.flatMap((system) => (system.missing() === null ? [] : [[system.name, system.missing()!]])))
const systems = all.filter(({ name }) => !missing.has(name))
const relays = all.slice(1).map(({ name }) => name)

function roads(amounts: Amounts): Road[] {
  return [
    ...throughput(amounts, systems, relays),
    ...waits(amounts),
    backlog(amounts),
    failover(amounts),
    adaptive(amounts),
    simulating(amounts),
    rest,
    routing,
  ]
}

const names = roads({ messages: 0, waiting: 0, backlog: 0, seed: 0 })
const flags = new Command('npm run bench --')
  .description('Measures Waypost on 5 KB mails, and beside it Postfix and Haraka where they are installed.')
  .option('--runs <n>', 'of everything; the median is shown', count(100), 3)
  .option('--messages <n>', 'of each measurement under load', count(10_000_000), 10_000)
  .option('--waiting <n>', 'messages that wait in crawl and otp', count(10_000_000), 100_000)
  .option(
    '--backlog <n>',
    'messages that wait in backlog, 10 KB of disk each, and those of simulate',
    count(100_000_000),
    1_000_000,
  )
  .option(
    '--seed <n>',
    'of what goes wrong in failover, and of the days of adaptive',
    count(2 ** 31),
    Math.floor(Math.random() * 2 ** 31),
  )
  .option('--only <road...>', 'just these roads', known)
  .option('--json', 'write JSON, for machines')
  .option('--markdown', 'write a table in Markdown')
  .addHelpText(
    'after',
    `\nRoads:\n${names.map(({ name, about }) => `  ${name.padEnd(16)}${about.replace(/\b0 /, '')}`).join('\n')}`,
  )
  .parse()
  .opts<Flags>()

function known(name: string, before: string[] | undefined): string[] {
  if (names.some((road) => road.name === name)) return [...(before ?? []), name]
  throw new InvalidArgumentError('There is no such road.')
}

const { runs: times, messages, waiting, backlog: million, seed } = flags
const amounts = { messages, waiting, backlog: million, seed }
const wanted = roads(amounts).filter(({ name }) => flags.only?.includes(name) ?? true)
const terminal = systemTerminal()
const bar = progressBar(terminal, times * wanted.reduce((sum, { systems }) => sum + Object.keys(systems).length, 0))
const runs: Runs = new Map(wanted.map(({ name }) => [name, new Map<string, Figures[]>()]))
try {
  for (let run = 1; run <= times; run++) {
    for (const { name, systems } of wanted) {
      for (const [system, measure] of Object.entries(systems)) {
        bar.doing(`run ${run}: ${name}, ${system}`)
        const figures = await measure()
        const before = runs.get(name)!.get(system) ?? []
        runs.get(name)!.set(system, [...before, figures])
        bar.step()
      }
    }
  }
} finally {
  bar.end()
}
const others = [...new Set(wanted.flatMap(({ beside = relays }) => beside))]
const found = rows(wanted, others, runs)
if (flags.json)
  terminal.out(json({ ...circumstances(amounts, times), missing: Object.fromEntries(missing), rows: found }))
else if (flags.markdown) terminal.out(markdown(found, others, missing))
else showTable(terminal, found, others, missing)
