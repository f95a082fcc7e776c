/** What mail demands of whoever carries it, before any rule: labels, for its type, its tenant, or what it is. */
import { compile, type Facts, looksAtHost, type RegexEngine } from './match.ts'
import type { Condition } from './policy.ts'

/** Labels that a provider must bear, all of them, and who asks for them: `type invoice`, `tenant acme`. */
export interface Demand {
  by: string
  labels: readonly string[]
}

/** A demand on mail that matches, by its name in the config. */
export interface ConditionalDemand {
  name: string
  when: Condition
  labels: readonly string[]
}

export interface Demanding {
  /** By name. */
  types: Readonly<Record<string, { labels: readonly string[] }>>
  tenants: Readonly<Record<string, { labels: readonly string[] }>>
  demands: readonly ConditionalDemand[]
}

export interface CompiledDemands {
  /** Those on a message as one recipient will get it; `type` is the one that it is treated as. */
  on(facts: Facts, type: string): readonly Demand[]
  /** Some demand looks at `recipient.host`, so facts need it. */
  needsHost: boolean
}

const none: readonly Demand[] = []

/** Compiles every condition. @throws what `regex` throws for a pattern it cannot read */
export function compileDemands({ types, tenants, demands }: Demanding, regex: RegexEngine): CompiledDemands {
  const ofTypes = byName('type', types)
  const ofTenants = byName('tenant', tenants)
  const conditional = demands.map(({ name, when, labels }) => ({
    matches: compile(when, regex),
    demand: { by: `the demand ${name}`, labels },
  }))
  return {
    on(facts, type) {
      const ofType = ofTypes.get(type)
      const ofTenant = ofTenants.get(facts.message.tenant)
      // Most configs demand nothing, which costs nothing.
      if (!ofType && !ofTenant && conditional.length === 0) return none
      const matching = conditional.filter(({ matches }) => matches(facts)).map(({ demand }) => demand)
      return [ofType ?? [], ofTenant ?? [], matching].flat()
    },
    needsHost: demands.some(({ when }) => looksAtHost(when)),
  }
}

function byName(kind: string, named: Demanding['types']): ReadonlyMap<string, Demand> {
  const asking = Object.entries(named).filter(([, { labels }]) => labels.length > 0)
  return new Map(asking.map(([name, { labels }]) => [name, { by: `${kind} ${name}`, labels }]))
}
