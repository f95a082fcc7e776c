/** `waypost keys`: making one, seeing which there are, and taking one away. The config holds only their hashes. */
import { createHash, randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type Command, InvalidArgumentError } from 'commander'
import { parse as parseYaml } from 'yaml'
import { scopes, signingName, signingSecret } from '../accept/auth.ts'
import { checkText, configText, loadConfig, problemLine } from '../config/file.ts'
import { replaceFile } from '../config/replace-file.ts'
import { name } from '../config/units.ts'
import { canonicalDomain } from '../config/when.ts'
import { AddressError } from '../mail/address.ts'
import { Failure, WrongUsage } from './failure.ts'
import { type ConfigFlags, examples, gather, withConfig, withJson } from './flags.ts'
import { type KeyEntry, readEntries, withoutEntry } from './key-file.ts'
import { json, plain, styled, type Terminal, table } from './terminal.ts'

interface CreateFlags {
  tenant: string
  scope?: string[]
  from?: string[]
  dialect?: string
  url: string
  config: string
  json?: true
}

/** Where nobody said where the gateway is. */
const anyUrl = 'https://waypost.example'

export function addKeys(waypost: Command, terminal: Terminal): void {
  const keys = waypost
    .command('keys')
    .summary('make, list and revoke keys')
    .description(
      'Keys say who may use the gateway. The config holds their hashes; the keys themselves are kept nowhere.',
    )

  withJson(withConfig(keys.command('create')))
    .description(
      'Makes a key, prints it this once, and the entry to add to the config. With --dialect it looks as keys of that vendor do, and what to change in its applications is printed too; the config is read only for clients that sign.',
    )
    .requiredOption('--tenant <name>', 'whose messages it sends and sees', readTenant)
    .option('--scope <scope>', `${scopes.join(', ')}; as often as needed (default: send)`, readScope)
    .option('--from <domain>', 'a domain it may send from; as often as needed (default: any)', readDomain)
    .option('--dialect <name>', "the vendor whose API the key's applications speak")
    .option('--url <url>', 'with --dialect: where applications reach the gateway', anyUrl)
    .addHelpText('after', examples('keys create --tenant acme --scope send --scope read --from example.com'))
    .action((flags: CreateFlags) => create(flags, terminal))

  withJson(withConfig(keys.command('list', { isDefault: true })))
    .description("Lists the config's keys by the beginning of their hash.")
    .addHelpText('after', examples('keys list'))
    .action((flags: ConfigFlags) => list(flags, terminal))

  withConfig(keys.command('revoke <hash>'))
    .description(
      'Takes a key out of the config; a running gateway then knows it no more. The hash as "keys list" shows it.',
    )
    .addHelpText('after', examples('keys revoke 3f2a9c1b7d4e'))
    .action((hash: string, flags: ConfigFlags) => revoke(hash, flags, terminal))
}

function readTenant(text: string): string {
  const parsed = name.safeParse(text)
  if (!parsed.success) throw new InvalidArgumentError(parsed.error.issues[0]!.message)
  return parsed.data
}

function readScope(text: string, before: string[] | undefined): string[] {
  if (!(scopes as readonly string[]).includes(text)) throw new InvalidArgumentError(`Scopes: ${scopes.join(', ')}.`)
  return [...new Set(gather(text, before))]
}

function readDomain(text: string, before: string[] | undefined): string[] {
  try {
    return gather(canonicalDomain(text), before)
  } catch (error) {
    if (error instanceof AddressError) throw new InvalidArgumentError(error.message)
    throw error
  }
}

async function create(flags: CreateFlags, terminal: Terminal): Promise<void> {
  const { tenant, scope, from, dialect, json: asJson } = flags
  const moves = dialect === undefined ? null : await movesOf(dialect)
  const key = (moves?.prefix ?? 'wp_live_') + randomBytes(32).toString('base64url')
  const hash = createHash('sha256').update(key).digest('hex')
  const entry: KeyEntry = { hash: `sha256:${hash}`, tenant, scopes: scope ?? ['send'], from: from ?? [] }
  const pair = moves?.signs ? await pairOf(hash, flags.config) : null
  const lines = moves?.lines({ url: flags.url.replace(/\/+$/, ''), key, ...pair?.values })
  if (asJson) return terminal.out(json({ key, entry, ...pair?.values, ...pair?.add, ...(lines && { moving: lines }) }))
  terminal.out(key)
  terminal.out('')
  terminal.out(
    'The key is shown this once. Clients send it as "Authorization: Bearer <key>" or as the password of SMTP,',
  )
  terminal.out('this command takes it from WAYPOST_KEY. Add its entry to the config, under "keys":')
  terminal.out('')
  terminal.out(`  ${yamlLine(entry)}`)
  if (pair) {
    terminal.out('')
    terminal.out('Clients that sign do so with these, which follow from the key and the "signing" of the config:')
    terminal.out('')
    terminal.out(`  access key id      ${pair.values.id}`)
    terminal.out(`  secret access key  ${pair.values.secret}`)
    if (pair.add) {
      terminal.out('')
      terminal.out('The config has no "signing" yet. Add it; with another one these are worth nothing:')
      terminal.out('')
      terminal.out(`  signing: "${pair.add.signing}"`)
    }
  }
  if (!lines) return
  terminal.out('')
  terminal.out(
    `What to change in an application${flags.url === anyUrl ? ` (for ${anyUrl} put your gateway's address)` : ''}:`,
  )
  terminal.out('')
  const widest = Math.max(...lines.map((line) => line.for.length))
  for (const line of lines) terminal.out(`  ${line.for.padEnd(widest)}  ${line.set}`)
}

/** What a dialect has to say of keys. */
async function movesOf(name: string) {
  const [{ dialects }, { moved, moving }] = await Promise.all([
    import('../dialects/index.ts'),
    import('../dialects/moving.ts'),
  ])
  const dialect = dialects.find((one) => one.name === name)
  if (!dialect) {
    const known = dialects.map((one) => one.name).join(', ')
    throw new WrongUsage(`there is no dialect ${JSON.stringify(name)}; there are ${known}`)
  }
  return {
    prefix: moving[name]?.prefix,
    signs: dialect.signed !== undefined,
    lines: (values: Parameters<typeof moved>[1]) => moved(name, values),
  }
}

/** The name and the secret that a client signs with. `add`: what the config lacks for them. */
async function pairOf(hash: string, file: string) {
  const { config } = await loadConfig(file)
  const signing = config.signing ?? randomBytes(32).toString('base64url')
  const id = signingName({ hash })
  const values = { id, secret: signingSecret(signing, id) }
  return config.signing === null ? { values, add: { signing } } : { values }
}

/** The entry as one line of a YAML list; words that YAML would read as something else are quoted. */
function yamlLine({ hash, tenant, scopes, from }: KeyEntry): string {
  const word = (text: string) => (parseYaml(text) === text ? text : JSON.stringify(text))
  const domains = from.length > 0 ? `, from: [${from.map(word).join(', ')}]` : ''
  return `- { hash: "${hash}", tenant: ${word(tenant)}, scopes: [${scopes.join(', ')}]${domains} }`
}

function list(flags: ConfigFlags, terminal: Terminal): void {
  const entries = readEntries(configText(flags.config), flags.config)
  const keys = entries.map((entry) => ({ ...entry, hash: shortHash(entry) }))
  if (flags.json) return terminal.out(json({ keys }))
  const rows = keys.map(({ hash, tenant, scopes, from }) => [hash, tenant, scopes.join(', '), from.join(', ') || 'any'])
  table(terminal, ['HASH', 'TENANT', 'SCOPES', 'FROM'], rows)
}

/** Enough of a hash to tell keys apart, and to name one. */
function shortHash({ hash }: KeyEntry): string {
  return hex(hash).slice(0, 12)
}

function hex(hash: string): string {
  return hash.replace(/^sha256:/, '').toLowerCase()
}

async function revoke(given: string, { config }: ConfigFlags, terminal: Terminal): Promise<void> {
  const wanted = hex(given)
  if (!/^[0-9a-f]{6,64}$/.test(wanted)) throw new WrongUsage('a hash is named by its first 6 hex digits or more')
  const before = configText(config)
  const entries = readEntries(before, config)
  const found = entries.filter((entry) => hex(entry.hash).startsWith(wanted))
  if (found.length === 0) throw new Failure(`${config} has no key whose hash begins with ${wanted}`)
  if (found.length > 1)
    throw new Failure(`${config} has ${found.length} keys whose hash begins with ${wanted}: say more of it`)
  const [entry] = found as [KeyEntry]
  const after = withoutEntry(before, entries.indexOf(entry))
  const rest = entries.filter((one) => one !== entry)
  if (after === null || !isDeepStrictEqual(readEntries(after, config), rest)) {
    throw new Failure(`${config} lists its keys in a way that takes a person: remove the entry by hand`)
  }

  // A gateway keeps its old config, and so the key, when the new one is wrong.
  const [was, is] = [await checkText(before, config), await checkText(after, config)]
  if (!('problems' in was) && 'problems' in is) {
    throw new Failure(
      [
        'nothing was changed, for without this key the config is wrong:',
        ...is.problems.map((problem) => plain(problemLine(problem))),
      ].join('\n  '),
    )
  }
  replaceFile(config, after)
  terminal.out(`Revoked ${shortHash(entry)} of ${plain(entry.tenant)}.`)
  const warn = (text: string) => terminal.err(`${styled(terminal, 'yellow', 'warning:')} ${text}`)
  if (rest.length === 0) warn('no key is left: anyone on this machine may use the gateway now')
  if ('problems' in is) warn('the config has problems ("waypost check"): a running gateway goes on with the one before')
}
