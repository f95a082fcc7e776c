/** `waypost check`: is this config right, and if not, what is wrong and where. */
import type { Command } from 'commander'
import { beforeRules } from '../config/before-rules.ts'
import { checkText, configText, problemLine } from '../config/file.ts'
import { limitsInWords } from '../config/limits-in-words.ts'
import { inWords, shapingInWords } from '../config/sentences.ts'
import type { Config, ConfigProblem, Listen } from '../config.ts'
import { Failure } from './failure.ts'
import { type ConfigFlags, examples, withConfig, withJson } from './flags.ts'
import { json, plain, styled, type Terminal } from './terminal.ts'

export function addCheck(waypost: Command, terminal: Terminal): void {
  withJson(withConfig(waypost.command('check')))
    .summary('check a config')
    .description(
      'Says everything that is wrong with a config, with file, line and column; exit code 1 when anything is.',
    )
    .option('--explain', 'say what the rules and limits do, in sentences')
    .addHelpText('after', examples('check', 'check --explain', 'check --config my.yaml --json'))
    .action((flags: CheckFlags) => check(flags, terminal))
}

interface CheckFlags extends ConfigFlags {
  explain?: true
}

async function check(flags: CheckFlags, terminal: Terminal): Promise<void> {
  const parsed = await checkText(configText(flags.config), flags.config)
  if (flags.json) {
    terminal.out(json('problems' in parsed ? { ok: false, problems: parsed.problems } : right(parsed, flags.explain)))
  } else if ('problems' in parsed) {
    for (const problem of parsed.problems) terminal.out(plain(problemLine(problem)))
  } else {
    for (const warning of parsed.warnings)
      terminal.err(`${styled(terminal, 'yellow', 'warning:')} ${plain(problemLine(warning))}`)
    if (flags.explain) return explain(parsed.config, terminal)
    terminal.out(`${flags.config} is right.`)
    for (const [name, value] of Object.entries(summary(parsed.config))) {
      terminal.out(`  ${name.padEnd(11)}${plain(typeof value === 'string' ? value : value.join(', '))}`)
    }
  }
  if ('problems' in parsed) {
    const count = parsed.problems.length
    throw new Failure(`${flags.config} has ${count === 1 ? 'a problem' : `${count} problems`}.`)
  }
}

function right({ config, warnings }: { config: Config; warnings: ConfigProblem[] }, explain = false) {
  return {
    ok: true,
    warnings,
    ...summary(config),
    ...(explain ? explained(config) : {}),
  }
}

function explained(config: Config) {
  return {
    before: beforeRules(config),
    rules: inWords(config),
    limits: limitsInWords(config),
    shaping: shapingInWords(config),
  }
}

/** What holds before any rule, a paragraph for each, and what holds beside them. */
function explain(config: Config, terminal: Terminal): void {
  terminal.out(`Policy ${config.policy.version}. The first rule that matches a recipient decides.`)
  const { before, rules, limits, shaping } = explained(config)
  if (before.length > 0) {
    terminal.out('')
    terminal.out(
      `${styled(terminal, 'bold', 'Before any rule')}, for mail with a pinned provider too. ${plain(before.join(' '))}`,
    )
  }
  for (const [index, { rule, matches, tried, otherwise }] of rules.entries()) {
    terminal.out('')
    terminal.out(`${index + 1}. ${styled(terminal, 'bold', plain(rule))}. ${plain(`${matches} ${tried} ${otherwise}`)}`)
  }
  if (limits.length > 0) {
    terminal.out('')
    terminal.out(`${styled(terminal, 'bold', 'Limits')}, in recipients. ${plain(limits.join(' '))}`)
  }
  for (const { rule, does } of shaping) {
    terminal.out('')
    terminal.out(`Shaping, ${styled(terminal, 'bold', plain(rule))}. ${plain(does)}`)
  }
}

/** What the config comes to, without anything secret. */
function summary(config: Config): Record<string, string | string[]> {
  const { http, smtp, store, keys, providers, types, policy } = config
  return {
    http: shown(http.listen) + (http.tls ? ' (TLS)' : ''),
    smtp: [
      shown(smtp.listen) + (smtp.tls ? ' (STARTTLS)' : ''),
      ...(smtp.tlsListen ? [`${shown(smtp.tlsListen)} (TLS)`] : []),
    ],
    store: `${store.kind}:${store.path}`,
    keys: keys.length === 0 ? 'none: open to this machine' : String(keys.length),
    providers: providers.map(({ name, adapter }) => `${name} (${adapter.name})`),
    types: Object.keys(types),
    routes: policy.rules.map((rule) => rule.name),
    policy: policy.version,
  }
}

function shown({ host, port }: Listen): string {
  return `${host.includes(':') ? `[${host}]` : host === '' ? '*' : host}:${port}`
}
