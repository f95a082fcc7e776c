/** Providers: the settings that all share, and each adapter's own, checked by the adapter's schema. */
import { z } from 'zod'
import type { Adapters } from '../mail/adapter.ts'
import type { Provider, ShapingRule } from '../mail/provider.ts'
import { readCost } from './cost.ts'
import { readIdentity } from './identity.ts'
import { readLimits } from './limits.ts'
import { didYouMean, type Finding, findings, words } from './problems.ts'
import { provider } from './schema.ts'

/** Keys that every provider may have, whatever its adapter. */
const commonKeys: readonly string[] = Object.keys(provider.shape)

/**
 * Reads one provider. Its common settings were checked with the rest of the config; here they are taken as they parsed.
 * @param shaping the rules about its replies
 * @returns null when something of its own is wrong, which `problem` was told
 */
export async function readProvider(
  name: string,
  given: Readonly<Record<string, unknown>>,
  adapters: Adapters,
  shaping: readonly ShapingRule[],
  problem: (finding: Finding) => void,
): Promise<Provider | null> {
  const path = ['providers', name]
  if (typeof given.adapter !== 'string') return null
  const load = adapters.get(given.adapter)
  if (!load) {
    const known = [...adapters.keys()]
    const message = `there is no such adapter${didYouMean(given.adapter, known)}. Adapters: ${known.join(', ')}`
    problem({ path: [...path, 'adapter'], at: 'value', message })
    return null
  }
  const loaded = await load()
  const adapter = given.via === 'smtp' ? loaded.smtp : loaded
  if (given.via !== undefined && !loaded.smtp) {
    problem({
      path: [...path, 'via'],
      at: 'value',
      message: `does nothing: there is one way to ${given.adapter}; leave it out`,
    })
  }
  if (!adapter) return null
  const own = Object.fromEntries(Object.entries(given).filter(([key]) => !commonKeys.includes(key)))
  const options = strict(adapter.options).safeParse(own, { error: words })
  for (const finding of findings(options.error, path, commonKeys)) problem(finding)
  const common = provider.safeParse(given)
  if (!options.success || !common.success) return null
  const { cost, limits, warmup, timeout, breaker, labels, tenants, domains, identity } = common.data
  const hosts =
    limits.hosts && Object.fromEntries(Object.entries(limits.hosts).map(([host, there]) => [host, readLimits(there)]))
  return {
    name,
    adapter,
    options: options.data,
    cost: readCost(cost),
    limits: { ...readLimits(limits), inFlight: limits.inFlight, ...(hosts ? { hosts } : {}) },
    ...(warmup ? { warmup } : {}),
    timeout,
    breaker,
    labels,
    tenants: tenants ?? null,
    domains: domains ?? null,
    identity: identity ? readIdentity(identity, adapter, [...path, 'identity'], problem) : null,
    shaping,
  }
}

/** A key that an adapter does not know is an error, also where its schema would let it pass. */
export function strict(options: z.ZodType): z.ZodType {
  return options instanceof z.ZodObject && options.def.catchall === undefined ? options.strict() : options
}
