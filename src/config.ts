/** The configuration: its type, and the check that says what is wrong and where. Pure: text in, Config or problems out. */
import { createHash } from 'node:crypto'
import type { Key } from './accept/auth.ts'
import { type Fault, readText } from './config/document.ts'
import { readExport } from './config/exports.ts'
import { readKeys } from './config/keys.ts'
import { lint } from './config/lint.ts'
import { type Listeners, readListeners } from './config/listeners.ts'
import { type Finding, findings, type Path, words } from './config/problems.ts'
import { readProvider } from './config/providers.ts'
import { checkRules } from './config/routes.ts'
import { type ConfigShape, configSchema, provider, type } from './config/schema.ts'
import { noFiles, readTemplates } from './config/templates.ts'
import { readTenants, type Tenant } from './config/tenants.ts'
import type { Tls } from './config/tls.ts'
import { checkTypes, type MailType, mailTypes } from './config/types.ts'
import type { Listen } from './config/units.ts'
import type { Adapters } from './mail/adapter.ts'
import type { Dialect, Templates } from './mail/dialect.ts'
import type { Exporter, Exporters } from './mail/exporter.ts'
import type { Provider } from './mail/provider.ts'
import type { Policy, Rule } from './route/policy.ts'

export type { Listen, MailType, Tls }

export interface Config extends Listeners {
  /** `sqlite:<path>` for now. */
  store: { kind: 'sqlite'; path: string }
  /** Ended messages are deleted this many milliseconds after acceptance. */
  keep: number
  keys: Key[]
  /** Makes the secrets of clients that sign instead of showing a key; null when none may. */
  signing: string | null
  /** `allowPrivate`: events may go out to addresses of our own network, and by plain HTTP. */
  webhooks: { allowPrivate: boolean }
  exports: { exporter: Exporter; options: unknown }[]
  /** Where alerts are posted, and how many held unknowns are nothing to tell of. */
  alerts: { url: string | null; unknowns: number }
  /** What stands in for templates that vendors keep, by the name of the dialect. */
  templates: ReadonlyMap<string, Templates>
  /** By name; without a prototype. */
  types: Record<string, MailType>
  /** By name, those that the config says something of; without a prototype. */
  tenants: Record<string, Tenant>
  providers: Provider[]
  policy: Policy
  /** The rules as the file has them, in YAML. */
  rulesText: string
}

/** One thing wrong with a config: where (1-based), what, and what to do about it. */
export interface ConfigProblem {
  file: string
  line: number
  column: number
  /** `providers.postmark-main.serverToken`, `routes[0].use.first[1]`; empty for the file itself. */
  path: string
  message: string
}

export interface ConfigSources {
  /** The file's name, for problems only. */
  file: string
  env: Readonly<Record<string, string | undefined>>
  adapters: Adapters
  /** None where they are left out. */
  exporters?: Exporters
  /** Whose templates there may be; asked only when there are some. None where it is left out. */
  dialects?: () => Promise<readonly Dialect[]>
  /** Answers the text of a file that the config names, or throws. Without it such files are problems. */
  readFile?: (path: string) => string
}

export type ParsedConfig = { config: Config; warnings: ConfigProblem[] } | { problems: ConfigProblem[] }

/**
 * Reads a config and checks everything about it that can be known without using it. Never throws, never repeats a value that
 * may be a secret.
 * @param text YAML, with `${NAME}` for variables of the environment
 * @returns the config with its defaults in place, or every problem, in the order of their lines
 */
export async function parseConfig(text: string, sources: ConfigSources): Promise<ParsedConfig> {
  const document = readText(text, sources.env)
  const told = (fault: Fault): ConfigProblem => {
    const { line, column, path, message } = fault
    return { file: sources.file, line, column, path: showPath(path), message }
  }
  const problems: ConfigProblem[] = []
  const warnings = document.warnings.map(told)
  const place = (finding: Finding) => told({ ...finding, ...document.place(finding.path, finding.at) })
  const problem = (finding: Finding) => {
    if (finding.at === 'key' || !document.unset(finding.path)) problems.push(place(finding))
  }
  for (const fault of document.faults) problems.push(told(fault))
  if (document.value === undefined) return { problems: sorted(problems) }

  const shape = configSchema.safeParse(document.value, { error: words })
  for (const finding of findings(shape.error)) problem(finding)

  // What is right by itself is checked together even while something else is wrong, so that one run tells everything.
  const given = mapping(document.value)
  const part = <Key extends keyof ConfigShape>(key: Key) =>
    configSchema.shape[key].safeParse(given[key]).data as ConfigShape[Key] | undefined

  const providersGiven = Object.entries(mapping(given.providers))
  const read = providersGiven.map(([name, value]) => readProvider(name, mapping(value), sources.adapters, problem))
  const providers = (await Promise.all(read)).filter((one) => one !== null)
  const names = providersGiven.map(([name]) => name)

  const exportsGiven = Object.entries(mapping(given.exports))
  const exporters = sources.exporters ?? new Map()
  const exported = await Promise.all(
    exportsGiven.map(([name, value]) => readExport(name, mapping(value), exporters, problem)),
  )

  // Where the shape of one of these is wrong the defaults stand in, which can be blamed for nothing.
  const typesGiven = Object.entries(mapping(given.types)).map(([name, value]) => [
    name,
    type.safeParse(value).data ?? {},
  ])
  const types = mailTypes(Object.fromEntries(typesGiven), part('retry') ?? configSchema.shape.retry.parse({}))
  const labels = providersGiven.map(([, value]) => provider.shape.labels.safeParse(mapping(value).labels).data ?? [])
  for (const finding of checkTypes(types, labels)) problem(finding)

  const rules = Array.isArray(given.routes) ? given.routes.map(mapping) : []
  for (const finding of checkRules(rules, { providers: names, types: Object.keys(types) })) problem(finding)

  const templates = await readTemplates(part('templates') ?? {}, sources, problem)

  const keys = readKeys(part('keys') ?? [], problem)
  const [http, smtp] = [part('http'), part('smtp')]
  const open = Array.isArray(given.keys ?? []) && keys.length === 0
  const listeners = http && smtp ? readListeners({ http, smtp }, open, sources.readFile ?? noFiles, problem) : null

  if (problems.length > 0 || !shape.success || !listeners) return { problems: sorted(problems) }
  const tenants = readTenants(shape.data.tenants)
  const known = keys.map(({ tenant }) => tenant)
  const asGiven = { rules, providers: mappings(providersGiven), types: Object.keys(mapping(given.types)) }
  for (const finding of lint({ rules: shape.data.routes, providers, types, tenants, known, given: asGiven }))
    warnings.push(place(finding))
  return {
    config: {
      ...listeners,
      store: { kind: 'sqlite', path: shape.data.store.slice('sqlite:'.length) },
      keep: shape.data.keep,
      signing: shape.data.signing ?? null,
      keys,
      webhooks: shape.data.webhooks,
      exports: exported.filter((one) => one !== null),
      alerts: { url: shape.data.alerts.url ?? null, unknowns: shape.data.alerts.unknowns },
      templates,
      types,
      tenants,
      providers,
      policy: { version: version(shape.data.routes), rules: shape.data.routes },
      rulesText: document.written('routes'),
    },
    warnings: sorted(warnings),
  }
}

/** A mapping as it was given, or an empty one in place of what is none (which was told by its shape). */
function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

const mappings = (entries: readonly [string, unknown][]) =>
  entries.map(([name, value]): [string, Readonly<Record<string, unknown>>] => [name, mapping(value)])

function sorted(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

/** `routes[0].use.first[1]` */
function showPath(path: Path): string {
  return path.reduce<string>((shown, part) => {
    if (typeof part === 'number') return `${shown}[${part}]`
    return shown === '' ? part : `${shown}.${part}`
  }, '')
}

/** The same rules have the same version, however they are written down. */
function version(rules: readonly Rule[]): string {
  return createHash('sha256').update(canonicalJson(rules)).digest('hex').slice(0, 12)
}

function canonicalJson(value: unknown): string {
  const ordered = (_: string, value: unknown) =>
    Object.keys(mapping(value)).length > 0
      ? Object.fromEntries(Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value
  return JSON.stringify(value, ordered)
}
