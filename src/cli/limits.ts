/** `waypost limits`: how much mail may go, and how much of that is used. */
import type { Command } from 'commander'
import { get } from './api.ts'
import { percent } from './figures.ts'
import { examples, type GatewayFlags, withGateway } from './flags.ts'
import { type Cell, json, type Terminal, table } from './terminal.ts'

interface LimitAnswer {
  of: string
  name: string
  host: string | null
  per: string
  used: number
  limit: number
}

export function addLimits(waypost: Command, terminal: Terminal): void {
  withGateway(waypost.command('limits'))
    .summary('show limits and how much of each is used')
    .description(
      'Lists the limits of types, tenants and providers, and the recipients that have used them up in the last second, minute or hour, or this day or month (UTC). Limits at mailbox hosts show where mail went of late. Needs a key with scope manage.',
    )
    .addHelpText('after', examples('limits', 'limits --json'))
    .action(async (flags: GatewayFlags) => {
      const answer = await get<{ limits: LimitAnswer[] }>(flags, '/v1/limits')
      if (flags.json) terminal.out(json(answer))
      else table(terminal, ['OF', 'NAME', 'AT HOST', 'PER', 'USED', 'LIMIT', 'SHARE'], answer.limits.map(row))
    })
}

/** From this share on it is nearly used up. */
const nearly = 0.8

function row({ of, name, host, per, used, limit }: LimitAnswer): Cell[] {
  const share = percent(used / limit)
  const shown: Cell =
    used >= limit ? { text: share, style: 'red' } : used > nearly * limit ? { text: share, style: 'yellow' } : share
  return [of, name, host, per, used, limit, shown]
}
