/** Looks at everything that a gateway with this config needs of the world, and says what is ill and what mends it. Sends nothing. */
import type { Config } from '../config.ts'
import type { Fetch } from '../mail/fetch.ts'
import type { IdentityState } from '../mail/identity.ts'
import type { Provider } from '../mail/provider.ts'
import { isOf } from '../route/fit.ts'
import { lookUps } from '../send/dns.ts'
import { findIdentity } from '../send/identity.ts'
import { askDomain } from '../send/identity-dns.ts'
import { type Finding, findingsAbout, type Health } from './finding.ts'
import { examineClock, examineDns, examineStore } from './machine.ts'
import { examineProvider } from './provider.ts'

export interface Examination {
  config: Config
  /** From domains to look at besides those that the config names. */
  from: readonly string[]
  fetch: Fetch
  /** Told before each step what it is. */
  doing?: (what: string) => void
}

/** From domains that the config names: those of keys, of providers, and of DKIM keys. */
function fromDomains({ keys, providers }: Pick<Config, 'keys' | 'providers'>): string[] {
  const signed = providers.flatMap(({ adapter: { send }, options }) =>
    send.kind === 'mx' ? send.mx(options).dkim.map(({ domain }) => domain) : [],
  )
  const named = [...keys.flatMap(({ from }) => from), ...providers.flatMap(({ domains }) => domains ?? []), ...signed]
  return [...new Set(named.filter((domain) => !domain.startsWith('*.')))]
}

/** How many steps there are. */
export function steps(config: Config, from: readonly string[]): number {
  const domains = allDomains(config, from)
  const pairs = config.providers
    .filter(({ adapter }) => adapter.send.kind !== 'keep')
    .map((one) => ownDomains(one, domains))
  return 1 + config.providers.length + pairs.flat().length + domains.length
}

const allDomains = (config: Config, from: readonly string[]) => [...new Set([...fromDomains(config), ...from])]

const ownDomains = (provider: Provider, domains: readonly string[]) =>
  domains.filter((domain) => provider.domains?.some((one) => isOf(one, domain)) ?? true)

export async function examine({ config, from, fetch, doing = () => {} }: Examination): Promise<Finding[]> {
  const domains = allDomains(config, from)
  doing('this machine')
  const findings = [...(await examineStore(config)), ...(await Promise.all(resolvers(config).map(examineDns)))]
  const times: Parameters<typeof examineClock>[0][number][] = []
  const perProvider: Finding[] = []
  for (const provider of config.providers) {
    const own = ownDomains(provider, domains)
    doing(provider.name)
    const { findings: seen, time } = await examineProvider(provider, own, fetch)
    perProvider.push(...seen)
    if (time) times.push(time)
    if (provider.adapter.send.kind === 'keep') continue
    for (const domain of own) {
      doing(`${provider.name}, ${domain}`)
      perProvider.push(...(await examineIdentity(provider, domain, fetch)))
    }
  }
  findings.push(examineClock(times), ...perProvider)
  for (const domain of domains) {
    doing(domain)
    findings.push(...(await examineDomain(domain, resolvers(config).at(-1)!)))
  }
  return findings
}

/** Those that are asked: the system's, and those that providers name. */
function resolvers({ providers }: Pick<Config, 'providers'>): string[][] {
  const named = providers.flatMap(({ adapter: { send }, options, identity }) => [
    ...(send.kind === 'mx' ? [send.mx(options).resolver] : []),
    ...(identity ? [identity.resolver] : []),
  ])
  const all = new Map([[], ...named].map((servers) => [servers.join(), servers]))
  return [...all.values()]
}

const health: Record<IdentityState, Health> = { ready: 'well', 'not ready': 'ill', unknown: 'unsure' }

async function examineIdentity(provider: Provider, domain: string, fetch: Fetch): Promise<Finding[]> {
  const found = findingsAbout(`provider ${provider.name} for ${domain}`)
  const findings = await findIdentity(provider, domain, fetch)
  return findings.map(({ about, state, detail, mend }) => found(about, health[state], detail, mend))
}

/** What DNS says of a domain, whoever sends. */
async function examineDomain(domain: string, servers: readonly string[]): Promise<Finding[]> {
  const found = findingsAbout(domain)
  const findings = await askDomain(domain, lookUps({ servers }))
  return findings.map(({ about, state, detail, mend }) => found(about, health[state], detail, mend))
}
