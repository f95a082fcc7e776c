/** `waypost policies`: which rules were in force and when, what changed between them, and going back to some. */
import type { Command } from 'commander'
import { configText } from '../config/file.ts'
import { rulesIn } from '../config/rules.ts'
import { get, post } from './api.ts'
import { Failure, WrongUsage } from './failure.ts'
import { examples, type GatewayFlags, withGateway } from './flags.ts'
import { difference } from './line-diff.ts'
import { json, plain, styled, type Terminal, table } from './terminal.ts'

interface ListedPolicy {
  version: string
  at: string
  by: string
  current: boolean
}
type ShownPolicy = ListedPolicy & { rules: string }
type ActivateFlags = GatewayFlags & { file?: string }

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
      table(terminal, ['VERSION', 'SINCE', 'BY', 'NOTE'], rows)
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

  withGateway(policies.command('activate [version]'))
    .description(
      'Puts a policy of earlier into force again, or with --file the rules of a file. They take the place of those in the config file of the gateway, of which all else stays. Needs a key with scope manage, which is kept with the policy.',
    )
    .option('--file <file>', 'a config, of which the rules are taken, or a file with "routes:" alone')
    .addHelpText('after', examples('policies activate 3f9c0a11b2d4', 'policies activate --file new.yaml'))
    .action(async (version: string | undefined, flags: ActivateFlags) => {
      if ((version === undefined) === (flags.file === undefined))
        throw new WrongUsage('Name a version, as "waypost policies" lists them, or a --file.')
      const taken = flags.file === undefined ? again(version!, flags) : anew(flags.file, flags)
      tell(await taken, flags, terminal)
    })

  withGateway(policies.command('rollback'))
    .description('Puts the policy that was in force before into force again. Needs a key with scope manage.')
    .addHelpText('after', examples('policies rollback'))
    .action(async (flags: GatewayFlags) => {
      const { policies } = await get<{ policies: ListedPolicy[] }>(flags, '/v1/policies')
      const before = policies.find(({ current }) => !current)
      if (!before) throw new Failure('There was no other policy before.')
      tell(await again(before.version, flags), flags, terminal)
    })
}

function again(version: string, flags: GatewayFlags): Promise<ListedPolicy> {
  return post<ListedPolicy>(flags, `/v1/policies/${encodeURIComponent(version)}/activate`)
}

function anew(file: string, flags: GatewayFlags): Promise<ListedPolicy> {
  const rules = rulesIn(configText(file, '--file'))
  if (rules === null) throw new Failure(`${file} has no rules: expected "routes:" with a list`)
  return post<ListedPolicy>(flags, '/v1/policies', { body: rules, contentType: 'application/yaml' })
}

function tell(policy: ListedPolicy, flags: GatewayFlags, terminal: Terminal): void {
  terminal.out(flags.json ? json(policy) : `The policy ${plain(policy.version)} is in force.`)
}

async function fetchPolicy(version: string, flags: GatewayFlags): Promise<ShownPolicy> {
  return get<ShownPolicy>(flags, `/v1/policies/${encodeURIComponent(version)}`)
}

const linesOf = (rules: string) => rules.trimEnd().split('\n')
