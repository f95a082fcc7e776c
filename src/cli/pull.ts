/** `waypost suppressions pull`: what a vendor mails no more, taken over, so that the next vendor does not start by mailing it. */
import { type Command, InvalidArgumentError } from 'commander'
import { loadConfig } from '../config/file.ts'
import { canonicalOrNull } from '../mail/address.ts'
import { httpCarrier } from '../send/http.ts'
import type { ListedAddress } from './address-list.ts'
import { Failure } from './failure.ts'
import { type ConfigFlags, examples, type GatewayFlags, withConfig, withGateway } from './flags.ts'
import { putAll } from './put-all.ts'
import { json, plain, type Terminal } from './terminal.ts'

/** For one page of a vendor's list. */
const patience = 60_000
/** Some give all of it as one page. */
const longestPage = 256 * 1024 * 1024

export function addPull(suppressions: Command, terminal: Terminal): void {
  withGateway(withConfig(suppressions.command('pull')))
    .description(
      'Reads a vendor’s own list of addresses that it mails no more, with the provider’s credentials from the config, and suppresses them here. Needs a key with scope manage.',
    )
    .argument('<provider>', 'its name in the config', named)
    .addHelpText('after', examples('suppressions pull relay-eu'))
    .action((name: string, flags: ConfigFlags & GatewayFlags) => pull(name, flags, terminal))
}

function named(name: string): string {
  if (name === '') throw new InvalidArgumentError('Expected the name of a provider.')
  return name
}

async function pull(name: string, flags: ConfigFlags & GatewayFlags, terminal: Terminal): Promise<void> {
  const { config } = await loadConfig(flags.config)
  const provider = config.providers.find((one) => one.name === name)
  const known = config.providers.filter(({ adapter }) => adapter.suppressions).map((one) => one.name)
  const readable = known.length > 0 ? `Those that do: ${known.join(', ')}.` : 'No provider of this config has one.'
  if (!provider) throw new Failure(`${flags.config} has no provider ${plain(name)}. ${readable}`)
  const { adapter, options } = provider
  if (!adapter.suppressions)
    throw new Failure(`${plain(name)} (${adapter.name}) has no list that can be read. ${readable}`)

  const carrier = httpCarrier()
  const entries: ListedAddress[] = []
  let unreadable = 0
  try {
    for await (const { email, reason, at } of adapter.suppressions(options, carrier.fetch(patience, longestPage))) {
      const address = canonicalOrNull(email)
      if (address === null) unreadable++
      else
        entries.push({
          email: address,
          reason,
          source: name,
          ...(at === null ? {} : { at: new Date(at).toISOString() }),
        })
    }
  } catch (error) {
    throw new Failure(`${plain(name)} did not give its list: ${plain((error as Error).message)}`)
  } finally {
    await carrier.close()
  }
  const { added, known: before } = await putAll(entries, flags, terminal)
  if (flags.json) return terminal.out(json({ added, known: before, unreadable }))
  const more = [
    before > 0 ? `${before} suppressed before` : '',
    unreadable > 0 ? `${unreadable} left out, which are no addresses` : '',
  ].filter(Boolean)
  terminal.out(`${added} added${more.length > 0 ? `, ${more.join(', ')}` : ''}.`)
}
