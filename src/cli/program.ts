/** The command line as a whole: its commands, its help, and what it answers to the shell. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { ConfigInvalid } from '../config/file.ts'
import { addBench } from './bench.ts'
import { addBudgets } from './budgets.ts'
import { addCheck } from './check.ts'
import { addDoctor } from './doctor.ts'
import { addExplain } from './explain.ts'
import { Failure, WrongUsage } from './failure.ts'
import { addKeys } from './keys.ts'
import { addLimits } from './limits.ts'
import { addMessages } from './messages.ts'
import { addMoves } from './moves.ts'
import { addPolicies } from './policies.ts'
import { addProviders } from './providers.ts'
import { addSend } from './send.ts'
import { addServe } from './serve.ts'
import { addSimulate } from './simulate.ts'
import { addStats } from './stats.ts'
import { addSuppressions } from './suppressions.ts'
import { styled, type Terminal } from './terminal.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/**
 * Runs one command.
 * @param args without the program's own name
 * @returns 0 done, 1 what was asked for failed, 2 it was asked for wrongly
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const fail = (message: string) => terminal.err(`${styled(terminal, 'red', 'error:')} ${message}`)
  try {
    await program(terminal).parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    // Commander has said what it had to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof WrongUsage) {
      fail(error.message)
      return 2
    }
    if (error instanceof Failure || error instanceof ConfigInvalid) {
      fail(error.message)
      return 1
    }
    fail(`this is a bug in Waypost\n${error instanceof Error ? error.stack : String(error)}`)
    return 1
  }
}

function program(terminal: Terminal): Command {
  const waypost = new Command('waypost')
    .description('Outbound mail gateway: one door in, every relay out.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText(
      'after',
      `
Start:
  $ waypost serve
  $ waypost send --from me@example.com --to you@example.com --subject Hello --text "A first message."
  $ waypost messages

Exit codes: 0 done, 1 what was asked for failed, 2 it was asked for wrongly.`,
    )
  // Before the commands are added: they take these settings over.
  waypost
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows what can be asked)')
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
      getOutHasColors: () => terminal.colour,
      getErrHasColors: () => terminal.colour,
    })
  const commands = [
    addServe,
    addCheck,
    addDoctor,
    addSend,
    addExplain,
    addProviders,
    addBudgets,
    addLimits,
    addStats,
    addPolicies,
    addMoves,
    addSimulate,
    addMessages,
    addSuppressions,
    addKeys,
    addBench,
  ]
  for (const add of commands) add(waypost, terminal)
  return waypost
}
