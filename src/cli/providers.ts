/** `waypost providers`: how they are, and taking one out of service. */
import type { Command } from 'commander'
import { get, post } from './api.ts'
import { Failure } from './failure.ts'
import { examples, type GatewayFlags, withGateway } from './flags.ts'
import { type Cell, json, plain, type Style, type Terminal, table } from './terminal.ts'

interface ProviderAnswer {
  name: string
  adapter: string
  state: string
  openUntil: string | number | null
  reason: string | null
  observed?: string | null
  share?: number
  repeats?: number
  hosts?: { host: string; state: string; until: string; bad: number; of: number; success: number; repeats: number }[]
  costPerThousand: number
  sentToday: number
  perDay: number | null
  limits?: { host: string | null; per: string; used: number; limit: number }[]
  warmup?: { host: string | null; day: number; used: number; limit: number; paused: boolean }[]
  success: number | null
  latencyMs: number | null
  hook: { path: string; secretInAddress: boolean; missing: string[]; setup: string } | null
}

export function addProviders(waypost: Command, terminal: Terminal): void {
  const providers = waypost
    .command('providers')
    .summary('show providers; take one out of service')
    .description('Shows how providers are, and takes them out of service and back.')

  withGateway(providers.command('list', { isDefault: true }))
    .description(
      'Lists providers: state, share of good answers, latency, recipients today and the limit, money per 1,000, and where their vendors are to send events (see "providers hooks").',
    )
    .addHelpText('after', examples('providers', 'providers list --json', 'providers hooks'))
    .action(async (flags: GatewayFlags) => {
      const answer = await get<{ providers: ProviderAnswer[] }>(flags, '/v1/providers')
      if (flags.json) terminal.out(json(answer))
      else table(terminal, headings, answer.providers.map(row))
    })

  withGateway(providers.command('show <name>'))
    .description(
      'Shows one provider: its breaker, why it opened and how often, what comes back, the mailbox hosts at which it is passed over, how much of its limits is used, and how far it is warm.',
    )
    .addHelpText('after', examples('providers show relay-eu', 'providers show relay-eu --json'))
    .action(async (name: string, flags: GatewayFlags) => {
      const { providers } = await get<{ providers: ProviderAnswer[] }>(flags, '/v1/providers')
      const provider = providers.find((one) => one.name === name)
      if (!provider) throw new Failure(`There is no provider ${plain(name)}.`)
      if (flags.json) return terminal.out(json(provider))
      table(terminal, headings, [row(provider)])
      const { hosts = [], repeats = 0, limits = [], warmup = [] } = provider
      if (repeats > 0) terminal.out(`Its breaker opened again soon after it had closed, ${repeats} times in a row.`)
      if (hosts.length > 0) table(terminal, hostHeadings, hosts.map(hostRow))
      if (limits.length > 0) table(terminal, limitHeadings, limits.map(limitRow))
      if (warmup.length > 0) table(terminal, warmupHeadings, warmup.map(warmupRow))
    })

  withGateway(providers.command('hooks'))
    .description(
      'Shows where each vendor is to send its events, for its setup page, and what must be configured before they are taken. Where the gateway is reached under another address from outside, that one goes in front.',
    )
    .addHelpText('after', examples('providers hooks', 'providers hooks --url https://mail.example.com'))
    .action(async (flags: GatewayFlags) => {
      const { providers } = await get<{ providers: ProviderAnswer[] }>(flags, '/v1/providers')
      const hooks = providers.flatMap(({ name, hook }) =>
        hook ? [{ name, ...hook, address: address(flags.url, hook) }] : [],
      )
      if (flags.json) return terminal.out(json({ hooks }))
      const rows = hooks.map(({ name, address, missing, setup }) => [
        name,
        address,
        missing.length > 0 ? { text: `set ${missing.join(' and ')} first`, style: 'yellow' as const } : setup,
      ])
      table(terminal, ['NAME', 'ADDRESS', 'AT THE VENDOR'], rows)
    })

  for (const [what, description, done] of steps) {
    withGateway(providers.command(`${what} <name>`))
      .description(description)
      .addHelpText('after', examples(`providers ${what} relay-eu`))
      .action(async (name: string, flags: GatewayFlags) => {
        const answer = await post<ProviderAnswer>(flags, `/v1/providers/${encodeURIComponent(name)}/${what}`)
        terminal.out(flags.json ? json(answer) : `${plain(name)} ${done}`)
      })
  }
}

/** Where its vendor sends events, or what is missing before it can. */
function eventsIn(hook: ProviderAnswer['hook']): Cell {
  if (!hook) return null
  return hook.missing.length > 0 ? { text: `set ${hook.missing.join(' and ')}`, style: 'yellow' } : hook.path
}

function address(url: string, hook: NonNullable<ProviderAnswer['hook']>): string {
  return `${url.replace(/\/+$/, '')}${hook.path}${hook.secretInAddress ? '?secret=<its webhookSecret>' : ''}`
}

const steps = [
  [
    'drain',
    'Hands a provider nothing new; what it has goes on. Needs a key with scope manage.',
    'takes nothing new now.',
  ],
  ['resume', 'Uses a drained provider again. Needs a key with scope manage.', 'is in use again.'],
] as const

const headings = ['NAME', 'ADAPTER', 'STATE', 'SUCCESS', 'LATENCY', 'TODAY', 'COST', 'EVENTS IN', 'NOTE']

const hostHeadings = ['HOST', 'STATE', 'UNTIL', 'BAD', 'SUCCESS', 'REPEATS']

function hostRow({ host, state, until, bad, of, success, repeats }: NonNullable<ProviderAnswer['hosts']>[number]) {
  return [
    host,
    { text: state, style: state === 'shut' ? ('red' as const) : ('yellow' as const) },
    until,
    `${bad} of ${of}`,
    `${(success * 100).toFixed(1)}%`,
    repeats,
  ]
}

const limitHeadings = ['LIMIT', 'AT HOST', 'USED']

function limitRow({ host, per, used, limit }: NonNullable<ProviderAnswer['limits']>[number]): Cell[] {
  return [`a ${per}`.replace('a hour', 'an hour'), host, `${used}/${limit}`]
}

const warmupHeadings = ['WARM-UP AT', 'SENDING DAY', 'TODAY', 'NOTE']

function warmupRow({ host, day, used, limit, paused }: NonNullable<ProviderAnswer['warmup']>[number]): Cell[] {
  return [host ?? 'all hosts', day, `${used}/${limit}`, paused ? { text: 'paused: bad signs', style: 'yellow' } : null]
}

/** What stands in the way of its mail. */
function note({ openUntil, reason, observed, share = 1, hosts = [], warmup = [] }: ProviderAnswer): string {
  const until = openUntil === null ? null : `until ${new Date(openUntil).toISOString()}`
  const back = share > 0 && share < 1 ? `${Math.round(share * 100)}% of mail is back` : null
  const breaker = [observed ? `only observed: ${observed}` : null, until, back, reason].filter(Boolean).join(': ')
  const sick = hosts.map(({ host, bad, of }) => `sick at ${host}: ${bad} of ${of} deferred or blocked`)
  const warming = warmup.length > 0 ? 'warming up' : null
  return [breaker, ...sick, warming].filter(Boolean).join('; ')
}

const styles: Record<string, Style> = { ready: 'green', open: 'red' }

function row(provider: ProviderAnswer): Cell[] {
  const { name, adapter, state, success, latencyMs, sentToday, perDay, costPerThousand } = provider
  return [
    name,
    adapter,
    { text: state, style: styles[state] ?? 'yellow' },
    success === null ? null : `${(success * 100).toFixed(1)}%`,
    latencyMs === null ? null : `${Math.round(latencyMs)}ms`,
    perDay === null ? sentToday : `${sentToday}/${perDay}`,
    costPerThousand,
    eventsIn(provider.hook),
    note(provider),
  ]
}
