/** `waypost moves`: how far mail has moved from some providers to others, and beginning anew what went back. */
import type { Command } from 'commander'
import { get, post } from './api.ts'
import { examples, type GatewayFlags, withGateway } from './flags.ts'
import { type Cell, json, plain, type Style, type Terminal, table } from './terminal.ts'

interface Seen {
  mails: number
  deferred: number
  complained: number
}

interface MoveAnswer {
  rule: string
  from: string[]
  to: string[]
  state: string
  share: number
  since: string | null
  next: { share: number; at: string } | null
  revertsAt: string | null
  reason: string | null
  seen: { from: Seen; to: Seen }
}

export function addMoves(waypost: Command, terminal: Terminal): void {
  const moves = waypost
    .command('moves')
    .summary('show moves from provider to provider; restart one')
    .description('Shows how far the moves of the rules are, and begins one anew that went back.')

  withGateway(moves.command('list', { isDefault: true }))
    .description(
      'Lists moves: state, share of mail that goes the new way, the next step, and mail that was deferred or complained of in the last 24 hours, the old way and the new.',
    )
    .addHelpText('after', examples('moves', 'moves list --json'))
    .action(async (flags: GatewayFlags) => {
      const answer = await get<{ moves: MoveAnswer[] }>(flags, '/v1/moves')
      if (flags.json) terminal.out(json(answer))
      else table(terminal, headings, answer.moves.map(row))
    })

  withGateway(moves.command('restart <rule>'))
    .description(
      'Begins the move of a rule anew that went back, from its first step. Another stays as it is. Needs a key with scope manage.',
    )
    .addHelpText('after', examples('moves restart newsletters'))
    .action(async (rule: string, flags: GatewayFlags) => {
      const answer = await post<MoveAnswer>(flags, `/v1/moves/${encodeURIComponent(rule)}/restart`)
      terminal.out(
        flags.json ? json(answer) : `The move of ${plain(rule)} is ${answer.state}, at ${part(answer.share)}.`,
      )
    })
}

const headings = ['RULE', 'FROM', 'TO', 'STATE', 'MOVED', 'SINCE', 'NEXT', 'DEFERRED', 'COMPLAINTS', 'NOTE']

const styles: Record<string, Style> = { moving: 'green', done: 'green', held: 'yellow', reverted: 'red' }

function row({ rule, from, to, state, share, since, next, revertsAt, reason, seen }: MoveAnswer): Cell[] {
  const beside = (what: 'deferred' | 'complained') =>
    [seen.from, seen.to].map((way) => `${way[what]}/${way.mails}`).join(' → ')
  const back = revertsAt === null ? null : `goes back at ${revertsAt}`
  return [
    rule,
    from.join(', '),
    to.join(', '),
    { text: state, style: styles[state] ?? 'yellow' },
    part(share),
    since,
    next === null ? null : `${part(next.share)} at ${next.at}`,
    beside('deferred'),
    beside('complained'),
    [reason, back].filter((one) => one !== null).join('; '),
  ]
}

const part = (share: number) => `${Math.round(share * 1_000) / 10}%`
