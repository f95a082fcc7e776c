/** `waypost serve`: the gateway itself. */
import type { Command } from 'commander'
import { Unready } from '../listen.ts'
import { Failure } from './failure.ts'
import { type ConfigFlags, examples, withConfig } from './flags.ts'

export function addServe(waypost: Command): void {
  withConfig(waypost.command('serve'))
    .summary('run the gateway')
    .description(
      'Runs the gateway until it is told to stop (SIGTERM, SIGINT). A changed config is read again by itself.',
    )
    .addHelpText('after', examples('serve', 'serve --config /etc/waypost.yaml'))
    .action(async ({ config }: ConfigFlags) => {
      // Only here: it brings every vendor's library with it.
      const { serve } = await import('../node.ts')
      try {
        await serve({ configFile: config })
      } catch (error) {
        throw error instanceof Unready ? new Failure(error.message) : error
      }
    })
}
