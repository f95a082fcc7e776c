/** What a config that is right may still not have meant: rules that nothing comes to, providers that nothing can reach. */
import type { Provider } from '../mail/provider.ts'
import { type Wish, wishes } from '../route/fit.ts'
import { Reach } from '../route/implied.ts'
import { type Move, partsOf, providersOf, type Rule, type Use } from '../route/policy.ts'
import { engine } from './engine.ts'
import { idleLimits } from './limits.ts'
import { lintTenants, strandedTenants, type Tenancy } from './lint-tenants.ts'
import type { Finding } from './problems.ts'
import type { Tenant } from './tenants.ts'
import type { MailType } from './types.ts'
import { leaves } from './use.ts'
import { typesNamed } from './when.ts'

type Mapping = Readonly<Record<string, unknown>>

export interface Linted extends Tenancy {
  rules: readonly Rule[]
  providers: readonly Provider[]
  types: Readonly<Record<string, MailType>>
  tenants: Readonly<Record<string, Tenant>>
  /** The same as the config has them. */
  given: { rules: readonly Mapping[]; providers: readonly [name: string, Mapping][]; types: readonly string[] }
}

/** A running gateway reads its config too, and must not stand still over it: longer policies are not looked through. */
const mostPairs = 200_000
/** Types that everybody has, whether rules name them or not. */
const builtIn = ['otp', 'transactional', 'marketing']

/** Warnings about a config that has no problems. */
export function lint(linted: Linted): Finding[] {
  const { rules, given } = linted
  const looked = new Reach(rules, engine)
  const reach = looked.pairs <= mostPairs ? looked : null
  const found: Finding[] = []
  const used = new Set<string>()
  for (const [index, rule] of rules.entries()) {
    const takers = reach?.takenBy(index) ?? null
    if (takers) {
      found.push({ path: ['routes', index, 'when'], at: 'key', message: neverMatches(takers) })
      continue
    }
    found.push(...lintUse(linted, reach, index, used), ...sameAccount(rule, index, given.providers))
    found.push(...deafMoves(rule, index, linted.providers))
  }
  return [...found, ...unreached(linted, used), ...forgottenTypes(given), ...lintTenants(linted), ...lintLimits(linted)]
}

function neverMatches(takers: readonly string[]): string {
  if (takers.length === 0) return 'never matches: its parts exclude one another'
  const names = takers.map((name) => `"${name}"`)
  const rules =
    names.length === 1 ? `the rule ${names[0]}` : `the rules ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  return `never matches: ${rules} before it ${names.length === 1 ? 'takes' : 'take'} all that it would`
}

/** Whether mail that comes to a rule finds a way out there. */
function lintUse(
  { rules, providers, types, keys, tenants, given }: Linted,
  reach: Reach | null,
  index: number,
  used: Set<string>,
): Finding[] {
  const found: Finding[] = []
  const add = (path: (string | number)[], at: Finding['at'], message: string) =>
    found.push({ path: ['routes', index, 'use', ...path], at, message })
  const named = leaves(given.rules[index]?.use).flatMap((leaf) => {
    const provider = providers.find(({ name }) => name === leaf.provider)
    return provider ? [{ leaf, provider }] : []
  })
  // Of what cannot be looked into nothing is known but the names.
  if (!reach?.known(index)) {
    for (const { provider } of named) used.add(provider.name)
    return []
  }
  const coming = Object.values(types).filter(({ name }) => reach.reaches(index, 'type', { is: name }))
  const mayCarry = ({ labels }: MailType, provider: Provider) =>
    labels.every((label) => provider.labels.includes(label))

  const stuck = coming.filter((type) => !named.some(({ provider }) => mayCarry(type, provider)))
  for (const { name, labels } of stuck) {
    add(
      [],
      'value',
      `mail of type ${name} that comes here has no way out: no provider of this rule bears ${labels.join(' and ')}`,
    )
  }
  for (const { leaf, provider } of named) {
    if (coming.some((type) => mayCarry(type, provider))) used.add(provider.name)
    else if (stuck.length < coming.length)
      add(leaf.path, leaf.at, 'is never used here: it lacks the labels that all mail which comes here asks for')
  }

  const stranded = strandedTenants(
    { keys, tenants },
    reach,
    index,
    named.map(({ provider }) => provider),
  )
  for (const message of stranded) add([], 'value', message)

  const can = (what: (provider: Provider) => boolean) => named.some(({ provider }) => what(provider))
  for (const wish of wishes) {
    const type = can((provider) => carries(wish, provider))
      ? undefined
      : coming.find(({ needs }) => needs.includes(wish))
    if (type) {
      add(
        [],
        'value',
        `mail of type ${type.name} with ${wish} has no way out here: no provider of this rule carries any`,
      )
    }
  }
  // A code with an attachment is nobody's.
  const onlyCodes = coming.every(({ priority }) => priority === 'high')
  const takesAttachments = ({ adapter }: Provider) => adapter.features.attachments
  if (!onlyCodes && !can(takesAttachments) && reach.reaches(index, 'attachments', { gt: 0 }))
    add([], 'value', 'mail with an attachment that comes here has no way out: no provider of this rule takes any')
  // Where no provider of the config takes it there is nothing to choose, and it is known.
  const takesRaw = ({ adapter }: Provider) => adapter.features.forms.includes('raw')
  const other = providers.find((provider) => takesRaw(provider) && !mirrorsOf(rules).has(provider.name))
  if (rules[index]!.when === null && !can(takesRaw) && other) {
    add(
      [],
      'value',
      `mail that is whole only as raw MIME (signed, encrypted, a calendar) has no way out here: put ${other.name} last`,
    )
  }
  return found
}

const carries = (wish: Wish, { adapter: { features } }: Provider) =>
  wish === 'tags' ? features.maxTags > 0 : features.metadata

/** A split that splits nothing, a move that moves nothing: all of its parts are one account with one vendor. */
function sameAccount(rule: Rule, index: number, providers: Linted['given']['providers']): Finding[] {
  const given = new Map(providers)
  return among(rule.use).flatMap(({ does, path, names }) => {
    const accounts = new Set(names.map((name) => account(given.get(name) ?? {})))
    if (names.length < 2 || accounts.size > 1 || accounts.has(null)) return []
    const message = `${does} nothing: all of these are the same account`
    return [{ path: ['routes', index, 'use', ...path], at: 'key', message }]
  })
}

/** Nobody would tell of the complaints for which a move is held. */
function deafMoves(rule: Rule, index: number, providers: readonly Provider[]): Finding[] {
  return among(rule.use).flatMap(({ move, path }) => {
    if (!move) return []
    const names = providersOf(move.to)
    const tells = ({ adapter: { webhook }, options }: Provider) =>
      webhook?.tells.includes('complained') &&
      webhook.secrets.every((secret) => (options as Record<string, unknown>)[secret] !== undefined)
    if (providers.some((provider) => names.includes(provider.name) && tells(provider))) return []
    const message = `no complaint of ${names.join(' or ')} comes in here, so nothing but deferrals can hold this move: see "waypost providers hooks"`
    return [{ path: ['routes', index, 'use', ...path, 'to'], at: 'key', message }]
  })
}

/** Where a tree has mail go to one of several, and between which providers. */
function among(use: Use): { does: string; path: (string | number)[]; names: string[]; move?: Move }[] {
  if ('split' in use) return [{ does: 'splits', path: ['split'], names: providersOf(use) }]
  const steps =
    'first' in use ? ['first'] : 'best' in use ? ['best', 'of'] : 'adaptive' in use ? ['adaptive', 'of'] : ['move']
  const own = 'move' in use ? [{ does: 'moves', path: ['move'], names: providersOf(use), move: use.move }] : []
  const inside = partsOf(use).flatMap((part, place) =>
    among(part).map((one) => ({ ...one, path: [...steps, 'move' in use ? sides[place]! : place, ...one.path] })),
  )
  return [...own, ...inside]
}

const sides = ['from', 'to'] as const

/** What tells one account from another; null for what is no account. */
function account(provider: Mapping): string | null {
  if (provider.adapter === 'inbox') return null
  const { cost, limits, warmup, timeout, breaker, labels, ...own } = provider
  return JSON.stringify(Object.entries(own).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Where copies go: no way out for mail itself. */
const mirrorsOf = (rules: readonly Rule[]) => new Set(rules.map(({ mirror }) => mirror?.to))

/** Providers that no rule uses: no error, for a message can pin one, but seldom meant. */
function unreached({ rules, providers, given }: Linted, used: ReadonlySet<string>): Finding[] {
  const named = new Set(given.rules.flatMap((rule) => leaves(rule.use).map(({ provider }) => provider)))
  const mirrors = mirrorsOf(rules)
  return providers
    .filter(({ name }) => !used.has(name) && !mirrors.has(name))
    .map(({ name }) => {
      const why = named.has(name) ? 'the rules that use this provider never come to it' : 'no rule uses this provider'
      return { path: ['providers', name], at: 'key', message: `${why}: only mail that pins it goes there` }
    })
}

/** Limits that nothing comes to. */
function lintLimits({ providers, types, tenants }: Linted): Finding[] {
  const ofProviders = providers.flatMap(({ name, limits }) => {
    const path = ['providers', name, 'limits']
    const hosts = Object.entries(limits.hosts ?? {})
    return [
      ...idleLimits(limits, path),
      ...hosts.flatMap(([host, there]) => idleLimits(there, [...path, 'hosts', host])),
    ]
  })
  const ofTypes = Object.values(types).flatMap(({ name, limits }) =>
    limits ? idleLimits(limits, ['types', name, 'limits']) : [],
  )
  const ofTenants = Object.entries(tenants).flatMap(([name, { limits }]) =>
    limits ? idleLimits(limits, ['tenants', name, 'limits']) : [],
  )
  return [...ofProviders, ...ofTypes, ...ofTenants]
}

/** Of types of your own, some have rules and some do not: perhaps one was forgotten. */
function forgottenTypes({ rules, types }: Linted['given']): Finding[] {
  const named = new Set(rules.flatMap(({ when }) => typesNamed(when)).map(({ type }) => type))
  const own = types.filter((type) => !builtIn.includes(type))
  if (!own.some((type) => named.has(type))) return []
  const message = 'no rule names this type, though rules name others of yours: it goes where everything else goes'
  return own.filter((type) => !named.has(type)).map((type) => ({ path: ['types', type], at: 'key', message }))
}
