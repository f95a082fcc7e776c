/** How much mail may go, in plain English: the limits of types, tenants and providers, and what a warm-up allows. */
import type { Config } from '../config.ts'
import type { Limits, Provider, Warmup } from '../mail/provider.ts'
import { listed, percentage } from './sentences.ts'

/** A sentence for each type, tenant and provider that has any. */
export function limitsInWords({
  types,
  tenants,
  providers,
}: Pick<Config, 'types' | 'tenants' | 'providers'>): string[] {
  const shared = (kind: string, all: Readonly<Record<string, { limits: Limits | null }>>) =>
    Object.entries(all).flatMap(([name, { limits }]) =>
      limits ? [`Of ${kind} ${name} ${amounts(limits)} may go; what is more waits, and other mail passes it.`] : [],
    )
  return [
    ...shared('type', types),
    ...shared('tenant', tenants),
    ...providers.flatMap(({ name, limits, warmup }) => [
      ...limited(name, limits),
      ...(warmup ? [warming(name, warmup)] : []),
    ]),
  ]
}

const times = [
  ['perSecond', 'a second'],
  ['perMinute', 'a minute'],
  ['perHour', 'an hour'],
  ['perDay', 'a day'],
  ['perMonth', 'a month'],
] as const

/** `20 a second and 500 a day`; nothing where there is no limit. */
function amounts(limits: Limits): string {
  const said = times.flatMap(([key, time]) => (limits[key] === null ? [] : [`${limits[key]} ${time}`]))
  return listed(said, 'and')
}

function limited(name: string, { hosts = {}, ...limits }: Provider['limits']): string[] {
  const { others, ...named } = hosts
  const elsewhere = Object.keys(named).length === 0 ? 'each mailbox host' : 'each other mailbox host'
  const all = amounts(limits)
  const parts = [
    ...(all === '' ? [] : [all]),
    ...Object.entries(named).map(([host, limits]) => `${amounts(limits)} to mailboxes at ${host}`),
    ...(others ? [`${amounts(others)} to ${elsewhere}`] : []),
  ]
  return parts.length === 0
    ? []
    : [`${name} takes ${parts.join('; ')}: what is more goes to the next provider, and waits where there is none.`]
}

function warming(name: string, { start, growth, per, until }: Warmup): string {
  const where = per === 'host' ? ' at each mailbox host' : ''
  return `${name} warms up: ${start} on its first sending day${where}, ${percentage(growth)} more after each day on which it sent, until a day would allow ${until}; what is more goes to the next provider, and where there is none it waits for the next day.`
}
