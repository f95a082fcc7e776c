/** `waypost suppressions`: who gets no mail and why; adding, lifting, and taking whole lists in and out. */
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { AddressError, canonical } from '../mail/address.ts'
import { suppressionReasons } from '../mail/suppression.ts'
import type { Suppression } from '../store/store.ts'
import { readAddresses } from './address-list.ts'
import { get, put, remove } from './api.ts'
import { csvLine } from './csv.ts'
import { Failure, Refused } from './failure.ts'
import { count, examples, type GatewayFlags, gather, withGateway } from './flags.ts'
import { addPull } from './pull.ts'
import { pathOf, putAll } from './put-all.ts'
import { json, plain, type Terminal, table } from './terminal.ts'

interface SuppressionAnswer {
  email: string
  type: string | null
  reason: string
  source: string
  at: string
}
type Page = { suppressions: SuppressionAnswer[]; next: string | null }

type ReasonFlags = GatewayFlags & { reason?: Suppression['reason'] }
type Filters = { reason?: string | undefined; limit?: number | undefined; cursor?: string | undefined }

export function addSuppressions(waypost: Command, terminal: Terminal): void {
  const suppressions = waypost
    .command('suppressions')
    .summary('list, add and lift suppressions')
    .description('Shows the addresses that get no mail and why, adds some, and lifts them.')

  withGateway(suppressions.command('list', { isDefault: true }))
    .description('Lists suppressions in the order of their addresses.')
    .addOption(reasonOption('only those'))
    .option('--limit <count>', 'at most so many, 1 to 200', count(200))
    .option('--cursor <cursor>', 'go on where the list before ended')
    .addHelpText('after', examples('suppressions', 'suppressions list --reason complaint --json'))
    .action((flags: GatewayFlags & Filters) => list(flags, terminal))

  withGateway(suppressions.command('add'))
    .description('Suppresses addresses, in every case of them. Needs a key with scope manage.')
    .argument('<email...>', 'the addresses', readEmail)
    .addOption(reasonOption('why (default: manual)'))
    .option('--type <type>', 'only mail of this type (default: all mail)')
    .addHelpText('after', examples('suppressions add ann@example.org bob@example.org --reason unsubscribe'))
    .action((emails: string[], flags: ReasonFlags) => add(emails, flags, terminal))

  withGateway(suppressions.command('remove'))
    .description('Lifts suppressions: mail goes to these addresses again. Needs a key with scope manage.')
    .argument('<email...>', 'the addresses', readEmail)
    .addHelpText('after', examples('suppressions remove ann@example.org'))
    .action((emails: string[], flags: GatewayFlags) => lift(emails, flags, terminal))

  withGateway(suppressions.command('import'))
    .description(
      'Suppresses all addresses of a file: one a line, or CSV with a heading "email" and perhaps "reason", "type", "source" and "at" (as an export has them). Lines that are wrong are told and left out. Needs a key with scope manage.',
    )
    .argument('<file>', 'the file; - is standard input')
    .addOption(reasonOption('why, whatever the file says'))
    .addHelpText(
      'after',
      examples('suppressions import list.csv', 'suppressions import - --reason bounce < bounces.csv'),
    )
    .action((file: string, flags: ReasonFlags) => takeIn(file, flags, terminal))

  addPull(suppressions, terminal)

  withGateway(suppressions.command('export'))
    .description('Writes all suppressions as CSV, which "import" takes.')
    .addOption(reasonOption('only those'))
    .addHelpText('after', examples('suppressions export > suppressions.csv'))
    .action((flags: ReasonFlags) => writeOut(flags, terminal))
}

function reasonOption(description: string): Option {
  return new Option('--reason <reason>', description).choices(suppressionReasons)
}

function readEmail(text: string, before: string[] | undefined): string[] {
  try {
    return gather(canonical(text), before)
  } catch (error) {
    if (error instanceof AddressError) throw new InvalidArgumentError(error.message)
    throw error
  }
}

function page(flags: GatewayFlags, filters: Filters): Promise<Page> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, String(value))
  return get<Page>(flags, '/v1/suppressions', query)
}

async function list(flags: GatewayFlags & Filters, terminal: Terminal): Promise<void> {
  const { reason, limit, cursor } = flags
  const answer = await page(flags, { reason, limit, cursor })
  if (flags.json) return terminal.out(json(answer))
  const rows = answer.suppressions.map(({ email, reason, source, at, type }) => [
    email,
    reason,
    source,
    at,
    type ?? 'all',
  ])
  table(terminal, ['EMAIL', 'REASON', 'SOURCE', 'AT', 'TYPE'], rows)
  if (answer.next !== null) terminal.err(`There are more: --cursor ${plain(answer.next)}`)
}

async function add(
  emails: readonly string[],
  flags: ReasonFlags & { type?: string },
  terminal: Terminal,
): Promise<void> {
  const { reason, type } = flags
  const suppressions: SuppressionAnswer[] = []
  for (const email of emails) {
    const { answer } = await put<SuppressionAnswer>(flags, pathOf(email), { reason, type })
    suppressions.push(answer)
    if (!flags.json) terminal.out(`${plain(email)} gets no ${type === undefined ? '' : `${plain(type)} `}mail now.`)
  }
  if (flags.json) terminal.out(json({ suppressions }))
}

async function lift(emails: readonly string[], flags: GatewayFlags, terminal: Terminal): Promise<void> {
  const removed: string[] = []
  const absent: string[] = []
  for (const email of emails) {
    try {
      await remove(flags, pathOf(email))
      removed.push(email)
      if (!flags.json) terminal.out(`${plain(email)} gets mail again.`)
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error
      absent.push(email)
    }
  }
  if (flags.json) terminal.out(json({ removed, absent }))
  if (absent.length > 0) throw new Failure(`not suppressed: ${absent.map(plain).join(', ')}`)
}

async function takeIn(file: string, flags: ReasonFlags, terminal: Terminal): Promise<void> {
  const name = file === '-' ? 'standard input' : file
  const { entries, wrong } = readAddresses(await readList(file, terminal), flags.reason)
  for (const { line, detail } of wrong) terminal.err(`${plain(name)}:${line}: ${detail}`)
  const { added, known } = await putAll(entries, flags, terminal)
  if (flags.json) terminal.out(json({ added, known, wrong }))
  else terminal.out(`${added} added${known > 0 ? `, ${known} suppressed before` : ''}.`)
  if (wrong.length > 0)
    throw new Failure(`${plain(name)} has ${wrong.length === 1 ? 'a wrong line' : `${wrong.length} wrong lines`}.`)
}

async function readList(file: string, terminal: Terminal): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = file === '-' ? await terminal.input() : readFileSync(file)
  } catch (error) {
    throw new Failure(`${plain(file)} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Failure(`${plain(file)} is not UTF-8 text`)
  }
}

async function writeOut(flags: ReasonFlags, terminal: Terminal): Promise<void> {
  const { reason } = flags
  const suppressions: SuppressionAnswer[] = []
  if (!flags.json) terminal.out('email,reason,source,at,type')
  let cursor: string | undefined
  do {
    const answer = await page(flags, { reason, limit: 200, cursor })
    if (flags.json) suppressions.push(...answer.suppressions)
    else
      for (const { email, reason, source, at, type } of answer.suppressions)
        terminal.out(csvLine([email, reason, source, at, type ?? '']))
    cursor = answer.next ?? undefined
  } while (cursor !== undefined)
  if (flags.json) terminal.out(json({ suppressions }))
}
