/** Taking over a config while the gateway runs: when its file changes, and when somebody puts other rules into it. */
import type { Logger } from 'pino'
import { checkText, configText, loadConfig, problemLine } from './config/file.ts'
import { replaceFile } from './config/replace-file.ts'
import { areRules, withRules } from './config/rules.ts'
import { watchFile } from './config/watch.ts'
import type { Config, ConfigProblem } from './config.ts'

export interface TakeoverParts {
  file: string
  /** What was in force at the start. */
  started: Config
  log: Logger
  /** Puts a config into force. @param by who made it so: the file, or a key */
  use(config: Config, by: string): Promise<void>
}

/** The version of rules that are in force now, or why they are not, a line for each problem. */
type Activated = { version: string } | { problems: string[] }

export interface Takeover {
  /** Why the file could not be taken over, while that is so. */
  problem(): string | null
  /** Puts rules into the file, in place of its own, and takes them over. @param rules YAML: `routes:` and nothing else */
  activate(rules: string, by: string): Promise<Activated>
  /** From now on the file's changes are taken over, and so they are on SIGHUP. */
  watch(): void
  close(): void
}

/** Warnings of a config, in the log. */
export function warn(log: Logger, warnings: readonly ConfigProblem[]): void {
  for (const warning of warnings) log.warn({ problem: problemLine(warning) }, 'the config may not be as it was meant')
}

export function openTakeover({ file, started, log, use }: TakeoverParts): Takeover {
  let problem: string | null = null
  let watched: { close(): void } | undefined

  const kept = (why: string) => {
    problem = why
    log.error({ problem }, 'config not taken over; the old one stays')
  }

  async function reload(by: string): Promise<void> {
    let next: Awaited<ReturnType<typeof loadConfig>>
    try {
      next = await loadConfig(file)
    } catch (error) {
      return kept(error instanceof Error ? error.message : String(error))
    }
    // Without keys it may listen on loopback only, and what was checked is where the file says, not where we do.
    if (next.config.keys.length === 0 && addresses(next.config) !== addresses(started))
      return kept('other addresses to listen on, and no keys: this needs a restart')
    if (onlyAtStart(next.config) !== onlyAtStart(started))
      log.warn('addresses, the certificate of http and the store change only with a restart; the rest is taken over')
    warn(log, next.warnings)
    await use(next.config, by)
    problem = null
    const { policy, providers } = next.config
    log.info({ policy: policy.version, providers: providers.map(({ name }) => name), by }, 'config taken over')
  }

  /** @throws ConfigInvalid when the file cannot be read or written */
  async function activate(rules: string, by: string): Promise<Activated> {
    if (!areRules(rules)) return { problems: ['expected "routes:" with a list of rules, and nothing else'] }
    const text = withRules(configText(file), rules)
    if (text === null)
      return { problems: [`${file} is written in a way in which its rules cannot be replaced by themselves`] }
    const parsed = await checkText(text, file)
    if ('problems' in parsed) return { problems: parsed.problems.map(problemLine) }
    replaceFile(file, text)
    await reload(by)
    return problem === null ? { version: parsed.config.policy.version } : { problems: [problem] }
  }

  // One after the other: SIGHUP and the change of the file often come together, and the newest must win.
  let last: Promise<unknown> = Promise.resolve()
  function next<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
  const again = () => {
    next(() => reload(file)).catch((error) => log.error({ err: error }, 'reload failed; the old config stays'))
  }

  return {
    problem: () => problem,
    activate: (rules, by) => next(() => activate(rules, by)),
    watch() {
      watched = watchFile(file, again)
      process.on('SIGHUP', again)
    },
    close() {
      watched?.close()
      process.off('SIGHUP', again)
    },
  }
}

const addresses = ({ http, smtp }: Config) => JSON.stringify([http.listen, smtp.listen, smtp.tlsListen])

/** What a reload cannot change. */
const onlyAtStart = (config: Config) => JSON.stringify([addresses(config), config.http.tls, config.store])
