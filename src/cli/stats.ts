/** `waypost stats`: what became of mail, and what it cost. */
import { type Command, Option } from 'commander'
import { get } from './api.ts'
import { money, percent } from './figures.ts'
import { examples, type GatewayFlags, readTime, withGateway } from './flags.ts'
import { type Cell, json, type Terminal, table } from './terminal.ts'

interface StatsAnswer {
  since: string
  stats: {
    name: string
    accepted: number
    deferred: number
    rejected: number
    unknown: number
    delivered: number
    bounced: number
    complained: number
    acceptedShare: number | null
    deliveredShare: number | null
    latencyMs: number | null
    cost: number
    month?: { spent: number; forecast: number | null } | null
  }[]
}

export function addStats(waypost: Command, terminal: Terminal): void {
  withGateway(waypost.command('stats'))
    .summary('show what became of mail, and what it cost')
    .description(
      'Shows figures by provider, type or mailbox host: recipients by what was answered and told, shares, the usual time of an answer, and what was charged; of providers also what the month costs so far, and will.',
    )
    .addOption(
      new Option('--by <what>', 'provider, type or host').choices(['provider', 'type', 'host']).default('provider'),
    )
    .option('--since <time>', 'from this time on: 24h, 30d, or a date and time (RFC 3339); 24h if left out', readTime)
    .option('--all', 'of every tenant; needs a key with scope manage')
    .addHelpText('after', examples('stats', 'stats --by host --since 7d', 'stats --by type --json'))
    .action(async (flags: GatewayFlags & { by: string; since?: number; all?: boolean }) => {
      const query = new URLSearchParams({ by: flags.by })
      if (flags.since !== undefined) query.set('since', new Date(flags.since).toISOString())
      if (flags.all) query.set('tenants', 'all')
      const answer = await get<StatsAnswer>(flags, '/v1/stats', query)
      if (flags.json) terminal.out(json(answer))
      else table(terminal, headings, answer.stats.map(row))
    })
}

const headings = [
  ...['NAME', 'ACCEPTED', 'DEFERRED', 'REJECTED', 'UNKNOWN', 'DELIVERED', 'BOUNCED', 'COMPLAINED'],
  ...['TAKEN', 'ARRIVED', 'LATENCY', 'COST', 'THIS MONTH', 'FORECAST'],
]

const shown = (share: number | null) => (share === null ? null : percent(share))

function row(one: StatsAnswer['stats'][number]): Cell[] {
  return [
    ...[one.name, one.accepted, one.deferred, one.rejected, one.unknown, one.delivered, one.bounced, one.complained],
    ...[shown(one.acceptedShare), shown(one.deliveredShare)],
    one.latencyMs === null ? null : `${one.latencyMs}ms`,
    money(one.cost),
    ...[one.month?.spent, one.month?.forecast].map((paid) => (paid == null ? null : money(paid))),
  ]
}
