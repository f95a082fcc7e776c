/** `waypost budgets`: what mail may cost, and how much of it is spent. */
import type { Command } from 'commander'
import { get } from './api.ts'
import { money, percent } from './figures.ts'
import { examples, type GatewayFlags, withGateway } from './flags.ts'
import { type Cell, json, type Terminal, table } from './terminal.ts'

interface BudgetAnswer {
  name: string
  per: string
  limit: number
  spent: number
  level: number
  until: string
}

export function addBudgets(waypost: Command, terminal: Terminal): void {
  withGateway(waypost.command('budgets'))
    .summary('show budgets and how much of each is spent')
    .description(
      'Lists the budgets of the config: what is spent of each this month or day (UTC), and when it begins anew. Needs a key with scope manage.',
    )
    .addHelpText('after', examples('budgets', 'budgets --json'))
    .action(async (flags: GatewayFlags) => {
      const answer = await get<{ budgets: BudgetAnswer[] }>(flags, '/v1/budgets')
      if (flags.json) terminal.out(json(answer))
      else table(terminal, ['NAME', 'PER', 'SPENT', 'LIMIT', 'USED', 'BEGINS ANEW'], answer.budgets.map(row))
    })
}

function row({ name, per, limit, spent, level, until }: BudgetAnswer): Cell[] {
  const used = percent(spent / limit)
  const shown: Cell = level >= 1 ? { text: used, style: 'red' } : level > 0 ? { text: used, style: 'yellow' } : used
  return [name, per, money(spent), money(limit), shown, until]
}
