/** `waypost simulate`: what a draft would have done with traffic, beside what the present policy would have. */
import { writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { ConfigInvalid, configText } from '../config/file.ts'
import type { Draft } from '../simulate/draft.ts'
import { type AskedOutage, type Outage, placed, readOutage } from '../simulate/outage.ts'
import type { Plan, Side } from '../simulate/simulation.ts'
import { Failure, WrongUsage } from './failure.ts'
import { count, examples, type GatewayFlags, readTime, withConfig, withGateway } from './flags.ts'
import { progressBar } from './progress.ts'
import { report, showReport } from './simulate-report.ts'
import { json, plain, type Terminal } from './terminal.ts'

interface SimulateFlags extends GatewayFlags {
  policy: string
  config: string
  since?: number
  until?: number
  messages?: number
  days: number
  seed: number
  runs?: number
  outage?: AskedOutage[]
  svg?: string
}

const day = 86_400_000
/** Up to so many messages, three runs cost little. */
const fewMessages = 100_000

export function addSimulate(waypost: Command, terminal: Terminal): void {
  withConfig(
    withGateway(
      waypost
        .command('simulate')
        .summary('try a draft of the config on past mail')
        .description(
          `Runs a draft over traffic, beside the present config, through the gateway's own engine on a clock of its own: what it would \
have cost, who would have taken what and how soon, what would have failed. Nothing is sent, and no vendor is called.

The traffic is what the store of the present config has on record; while a gateway has the store open, the gateway is asked, for the \
mail of the tenant of the key (scope read). With --messages it is made up. Outages on record happen again; --outage adds some.

The draft is a whole config, or only some of its keys, such as routes; what it does not say is then taken from the present config. \
Variables of the environment that are not set do not matter.`,
        )
        .requiredOption('--policy <file>', 'the draft')
        .option('--since <time>', 'only mail accepted since: 24h, 30d, or a date and time (RFC 3339)', readTime)
        .option('--until <time>', 'only mail accepted before', readTime)
        .option('--messages <n>', 'make up so many messages instead', count(100_000_000))
        .option('--days <n>', 'with --messages: over so many days', count(366), 30)
        .option(
          '--outage <outage>',
          'trouble at a provider: relay-eu@3d+4h (so long after the first mail, for so long) or relay-eu@2026-11-20T10:00+4h (UTC), and behind it "slow", "silent" or "limited" where it is not down; may be given again',
          outage,
        )
        .option('--seed <n>', 'of all that is drawn by lot', count(2 ** 31 - 1), 1)
        .option('--runs <n>', 'with other luck each time (default: 3, or 1 for more than 100,000 messages)', count(100))
        .option('--svg <file>', 'draw shares and cost over time'),
    ),
  )
    .addHelpText(
      'after',
      examples(
        'simulate --policy new.yaml --since 30d',
        'simulate --policy new.yaml --outage "relay-eu@3d+4h" --svg new.svg',
        'simulate --policy new.yaml --messages 100000 --days 7 --json',
      ),
    )
    .action((flags: SimulateFlags, command: Command) =>
      simulateDraft(flags, command.getOptionValueSource('url') !== 'default', terminal),
    )
}

function outage(text: string, before: AskedOutage[] | undefined): AskedOutage[] {
  try {
    return [...(before ?? []), readOutage(text)]
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
}

async function simulateDraft(flags: SimulateFlags, gatewayNamed: boolean, terminal: Terminal): Promise<void> {
  // Only here: it brings the whole engine, which no other command needs.
  const [{ draftOf }, { simulate }] = await Promise.all([
    import('../simulate/draft.ts'),
    import('../simulate/simulation.ts'),
  ])
  const presentText = configText(flags.config)
  const present = await side(draftOf(flags.config, presentText, ''))
  const draft = await side(draftOf(flags.policy, configText(flags.policy, '--policy'), presentText))
  const { where, ...traffic } = await trafficOf(flags, present, gatewayNamed, terminal)
  const outages = (flags.outage ?? []).map((asked) => placed(asked, traffic.during.from))
  checkOutages(outages, [present, draft], traffic.during)
  const runs = flags.runs ?? (traffic.messages > fewMessages ? 1 : 3)
  const plan: Plan = { ...traffic, present, draft, outages, seed: flags.seed, runs }
  const bar = progressBar(terminal, traffic.messages * runs * 2)
  const began = performance.now()
  const comparison = await simulate(plan, (messages) => bar.step(messages)).finally(() => bar.end())
  const seconds = (performance.now() - began) / 1_000
  const all = report(comparison, { plan, where, messages: traffic.messages, seconds })
  if (flags.svg !== undefined) {
    const { chart } = await import('../simulate/chart.ts')
    write(flags.svg, chart(comparison))
  }
  if (flags.json) terminal.out(json(all))
  else showReport(all, terminal)
}

/** @throws ConfigInvalid with every problem, a line each */
async function side(draft: Draft): Promise<Side> {
  const { readDraft } = await import('../simulate/draft.ts')
  const config = await readDraft(draft)
  if (Array.isArray(config)) throw new ConfigInvalid(config.map(plain).join('\n'))
  return { draft, config }
}

async function trafficOf(
  flags: SimulateFlags,
  { config }: Side,
  named: boolean,
  terminal: Terminal,
): Promise<Pick<Plan, 'traffic' | 'during'> & { where: string; messages: number }> {
  const { messages, days, seed, since, until } = flags
  if (messages !== undefined) {
    // Whole days, so that the same seed gives the same mail however late in the day it is.
    const from = Math.floor((since ?? (until ?? Date.now()) - days * day) / day) * day
    const mix = { messages, seed, from, days }
    return { traffic: { mix }, during: { from, until: from + days * day }, where: 'made up', messages }
  }
  const { recordedTraffic } = await import('./recorded-traffic.ts')
  const { recorded, where } = await recordedTraffic(
    config.store.path,
    { url: flags.url, key: flags.key, named },
    { since, until },
    (read) => terminal.progress(`${read} messages read`),
  ).finally(() => terminal.progress(''))
  const { during, happened } = recorded
  if (during === null)
    throw new Failure(
      `There is no mail on record at ${plain(where)} for that time. Make some up with --messages 100000.`,
    )
  return { traffic: { recorded }, during, where, messages: happened.messages }
}

function checkOutages(outages: readonly Outage[], sides: readonly Side[], during: Plan['during']): void {
  const names = new Set(sides.flatMap(({ config }) => config.providers.map(({ name }) => name)))
  for (const { provider, from, until } of outages) {
    if (!names.has(provider))
      throw new WrongUsage(`--outage: there is no provider "${plain(provider)}"; there are ${[...names].join(', ')}.`)
    if (until <= during.from || from > during.until) {
      const shown = [during.from, during.until].map((at) => new Date(at).toISOString()).join(' to ')
      throw new WrongUsage(`--outage: that of "${plain(provider)}" is not within the traffic, which is from ${shown}.`)
    }
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new Failure(`${file} cannot be written (${(error as NodeJS.ErrnoException).code}).`)
  }
}
