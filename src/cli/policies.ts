/** `waypost policies`: which rules were in force and when, what changed between them, and going back to some. */
import { isDeepStrictEqual } from 'node:util'
import type { Command } from 'commander'
import { isMap, parse, parseDocument } from 'yaml'
import { checkText, configText, problemLine } from '../config/file.ts'
import { get } from './api.ts'
import { Failure } from './failure.ts'
import { examples, type GatewayFlags, withConfig, withGateway } from './flags.ts'
import { difference } from './line-diff.ts'
import { replaceFile } from './replace-file.ts'
import { json, plain, styled, type Terminal, table } from './terminal.ts'

interface ListedPolicy {
  version: string
  at: string
  by: string
  current: boolean
}
type ShownPolicy = ListedPolicy & { rules: string }
type RollbackFlags = GatewayFlags & { config: string; write?: true }

export function addPolicies(waypost: Command, terminal: Terminal): void {
  const policies = waypost
    .command('policies')
    .summary('show the rules of earlier, and go back to them')
    .description('Shows the policies that were in force, what changed between two of them, and goes back to one.')

  withGateway(policies.command('list', { isDefault: true }))
    .description('Lists the policies that were in force, the latest first. Needs a key with scope manage.')
    .addHelpText('after', examples('policies', 'policies list --json'))
    .action(async (flags: GatewayFlags) => {
      const answer = await get<{ policies: ListedPolicy[] }>(flags, '/v1/policies')
      if (flags.json) return terminal.out(json(answer))
      const rows = answer.policies.map(({ version, at, by, current }) => [
        version,
        at,
        by,
        current ? { text: 'in force', style: 'green' as const } : null,
      ])
      table(terminal, ['VERSION', 'SINCE', 'FROM', 'NOTE'], rows)
    })

  withGateway(policies.command('show <version>'))
    .description('Shows the rules of a policy, as YAML. Needs a key with scope manage.')
    .addHelpText('after', examples('policies show 3f9c0a11b2d4'))
    .action(async (version: string, flags: GatewayFlags) => {
      const policy = await fetchPolicy(version, flags)
      if (flags.json) return terminal.out(json(policy))
      for (const line of linesOf(policy.rules)) terminal.out(plain(line))
    })

  withGateway(policies.command('diff <from> <to>'))
    .description('Shows what changed from one policy to another, line by line. Needs a key with scope manage.')
    .addHelpText('after', examples('policies diff 3f9c0a11b2d4 90ab12cd34ef'))
    .action(async (from: string, to: string, flags: GatewayFlags) => {
      const [one, other] = await Promise.all([fetchPolicy(from, flags), fetchPolicy(to, flags)])
      const lines = difference(linesOf(one.rules), linesOf(other.rules))
      if (flags.json) return terminal.out(json({ from, to, lines }))
      if (lines.every(({ sign }) => sign === ' ')) return terminal.out('Their rules are the same.')
      for (const { sign, text } of lines) {
        const line = sign === '…' ? sign : `${sign} ${plain(text)}`
        terminal.out(
          sign === '+' ? styled(terminal, 'green', line) : sign === '-' ? styled(terminal, 'red', line) : line,
        )
      }
    })

  withConfig(withGateway(policies.command('rollback <version>')))
    .description(
      'Prints the rules of a policy, to be put into the config. With --write they take the place of those in it, and the rest of the file stays; a running gateway takes that over as any change. Needs a key with scope manage.',
    )
    .option('--write', 'replace the rules in the config file')
    .addHelpText('after', examples('policies rollback 3f9c0a11b2d4', 'policies rollback 3f9c0a11b2d4 --write'))
    .action((version: string, flags: RollbackFlags) => rollback(version, flags, terminal))
}

async function fetchPolicy(version: string, flags: GatewayFlags): Promise<ShownPolicy> {
  return get<ShownPolicy>(flags, `/v1/policies/${encodeURIComponent(version)}`)
}

const linesOf = (rules: string) => rules.trimEnd().split('\n')

async function rollback(version: string, flags: RollbackFlags, terminal: Terminal): Promise<void> {
  const policy = await fetchPolicy(version, flags)
  if (!flags.write) {
    if (flags.json) return terminal.out(json(policy))
    for (const line of linesOf(policy.rules)) terminal.out(plain(line))
    return
  }
  const text = withRules(configText(flags.config), policy.rules)
  if (text === null)
    throw new Failure(
      `${flags.config} is written in a way in which the rules cannot be replaced by themselves. Put them in by hand: leave --write out.`,
    )
  const parsed = await checkText(text, flags.config)
  if ('problems' in parsed) {
    const problems = parsed.problems.map((problem) => plain(problemLine(problem))).join('\n')
    throw new Failure(`${flags.config} would not be right with these rules, and stays as it is:\n${problems}`)
  }
  replaceFile(flags.config, text)
  if (flags.json) terminal.out(json({ written: flags.config, policy: parsed.config.policy.version }))
  else terminal.out(`${flags.config} has the rules of ${plain(version)} now.`)
}

/** The text with other rules in place of its own and all else as it was, byte for byte; null where that cannot be. */
export function withRules(text: string, rules: string): string | null {
  const { contents, errors } = parseDocument(text)
  if (errors.length > 0 || !isMap(contents) || contents.flow) return null
  const pair = contents.items.find(({ key }) => String(key) === 'routes')
  const [start] = (pair?.key as { range?: number[] } | undefined)?.range ?? []
  const [, end] = (pair?.value as { range?: number[] } | null | undefined)?.range ?? []
  if (start === undefined || end === undefined) return null
  // A list's own end may lie behind the blank lines that follow it.
  const after = text.slice(text.slice(0, end).trimEnd().length)
  const replaced = text.slice(0, start) + rules.trimEnd() + after
  try {
    const [before, now] = [parse(text), parse(replaced)]
    return isDeepStrictEqual({ ...before, ...parse(rules) }, now) ? replaced : null
  } catch {
    // An alias to what stood among the rules.
    return null
  }
}
