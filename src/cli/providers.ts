/** `waypost providers`: how they are, and taking one out of service. */
import type { Command } from 'commander'
import { get, post } from './api.ts'
import { Failure } from './failure.ts'
import { money, percent } from './figures.ts'
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
  tenants?: string[] | null
  domains?: string[] | null
  identity?: { domain: string; state: string; reason: string; at: string }[] | null
  shaped?: { rule: string; host: string | null; tenant: string | null; until: string; why: string; perHour: number }[]
  costPerThousand: number
  month?: { spent: number; forecast: number | null; freeLeft: number | null } | null
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
      'Lists providers: state, share of good answers, latency, recipients today and the limit, money per 1,000 now, what this month cost so far and comes to, the recipients that are still free in it, and where their vendors are to send events (see "providers hooks").',
    )
    .addHelpText('after', examples('providers', 'providers list --json', 'providers hooks'))
    .action(async (flags: GatewayFlags) => {
      const answer = await get<{ providers: ProviderAnswer[] }>(flags, '/v1/providers')
      if (flags.json) terminal.out(json(answer))
      else table(terminal, headings, answer.providers.map(row))
    })

  withGateway(providers.command('show <name>'))
    .description(
      'Shows one provider: its breaker, why it opened and how often, what comes back, the mailbox hosts at which it is passed over, shaping rules at work, how much of its limits is used, how far it is warm, and (to keys with scope manage) whose it is and whether it may send for the From domains of its mail.',
    )
    .addHelpText('after', examples('providers show relay-eu', 'providers show relay-eu --json'))
    .action(async (name: string, flags: GatewayFlags) => {
      const { providers } = await get<{ providers: ProviderAnswer[] }>(flags, '/v1/providers')
      const provider = providers.find((one) => one.name === name)
      if (!provider) throw new Failure(`There is no provider ${plain(name)}.`)
      if (flags.json) return terminal.out(json(provider))
      table(terminal, headings, [row(provider)])
      const { hosts = [], shaped = [], limits = [], warmup = [], repeats = 0, tenants, domains, identity } = provider
      if (tenants)
        terminal.out(
          `Only for mail of ${tenants.length === 1 ? 'tenant' : 'tenants'} ${tenants.map(plain).join(', ')}.`,
        )
      if (domains) terminal.out(`Only for mail from ${domains.map(plain).join(', ')}.`)
      if (repeats > 0) terminal.out(`Its breaker opened again soon after it had closed, ${repeats} times in a row.`)
      const more = (headings: readonly string[], rows: readonly Cell[][]) => {
        if (rows.length === 0) return
        if (terminal.tty) terminal.out('')
        table(terminal, headings, rows)
      }
      more(hostHeadings, hosts.map(hostRow))
      more(shapedHeadings, shaped.map(shapedRow))
      more(limitHeadings, limits.map(limitRow))
      more(warmupHeadings, warmup.map(warmupRow))
      more(['FROM', 'STATE', 'SINCE', 'WHY'], (identity ?? []).map(identityRow))
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

const headings = [
  'NAME',
  'ADAPTER',
  'STATE',
  'SUCCESS',
  'LATENCY',
  'TODAY',
  'COST',
  'SPENT',
  'FORECAST',
  'FREE',
  'EVENTS IN',
  'NOTE',
]

const hostHeadings = ['HOST', 'STATE', 'UNTIL', 'BAD', 'SUCCESS', 'REPEATS']

function hostRow({ host, state, until, bad, of, success, repeats }: NonNullable<ProviderAnswer['hosts']>[number]) {
  return [
    host,
    { text: state, style: state === 'shut' ? ('red' as const) : ('yellow' as const) },
    until,
    `${bad} of ${of}`,
    percent(success),
    repeats,
  ]
}

function identityRow({ domain, state, reason, at }: NonNullable<ProviderAnswer['identity']>[number]) {
  const style = state === 'ready' ? ('green' as const) : state === 'unknown' ? ('dim' as const) : ('red' as const)
  return [domain, { text: state, style }, at, reason]
}

const shapedHeadings = ['SHAPING RULE', 'HOST', 'TENANT', 'AN HOUR', 'UNTIL', 'WHY']

function shapedRow({ rule, host, tenant, until, why, perHour }: NonNullable<ProviderAnswer['shaped']>[number]) {
  return [rule, host ?? 'all', tenant ?? 'all', perHour, until, why]
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
function note(provider: ProviderAnswer): string {
  const { openUntil, reason, observed, share = 1, hosts = [], shaped = [], warmup = [], identity } = provider
  const until = openUntil === null ? null : `until ${new Date(openUntil).toISOString()}`
  const back = share > 0 && share < 1 ? `${Math.round(share * 100)}% of mail is back` : null
  const breaker = [observed ? `only observed: ${observed}` : null, until, back, reason].filter(Boolean).join(': ')
  const sick = hosts.map(({ host, bad, of }) => `sick at ${host}: ${bad} of ${of} deferred or blocked`)
  const warming = warmup.length > 0 ? 'warming up' : null
  const unready = (identity ?? []).filter(({ state }) => state === 'not ready').map(({ domain }) => domain)
  const from = unready.length > 0 ? `not ready for mail from ${unready.join(', ')}` : null
  const rules = shaped.map(
    ({ rule, host, perHour }) =>
      `${perHour > 0 ? 'slowed' : 'suspended'}${host === null ? '' : ` at ${host}`} (${rule})`,
  )
  return [breaker, ...sick, ...rules, from, warming].filter(Boolean).join('; ')
}

const styles: Record<string, Style> = { ready: 'green', open: 'red' }

function row(provider: ProviderAnswer): Cell[] {
  const { name, adapter, state, success, latencyMs, sentToday, perDay, costPerThousand, month } = provider
  return [
    name,
    adapter,
    { text: state, style: styles[state] ?? 'yellow' },
    success === null ? null : percent(success),
    latencyMs === null ? null : `${Math.round(latencyMs)}ms`,
    perDay === null ? sentToday : `${sentToday}/${perDay}`,
    costPerThousand,
    month ? money(month.spent) : null,
    month && month.forecast !== null ? money(month.forecast) : null,
    month ? month.freeLeft : null,
    eventsIn(provider.hook),
    note(provider),
  ]
}
