/** `waypost messages`: finding them, why they went the way they went, and steering those that still wait. */
import { type Command, Option } from 'commander'
import { messageStatuses } from '../mail/message.ts'
import { get, post } from './api.ts'
import { type ExplanationAnswer, showPlans } from './explain.ts'
import { count, examples, type GatewayFlags, readTime, withGateway } from './flags.ts'
import { type Cell, json, plain, type Style, styled, type Terminal, table } from './terminal.ts'

interface Attempt {
  at: string
  provider: string
  outcome: string | null
  cause: string | null
  code: string | null
  reason: string | null
  latencyMs: number | null
}

interface MessageAnswer {
  id: string
  status: string
  type: string
  from: { email: string; name?: string } | string
  subject: string
  acceptedAt?: string
  expireAt?: string
  tags?: string[]
  recipients: {
    email: string
    status: string
    provider: string | null
    providerMessageId: string | null
    attempts?: Attempt[]
  }[]
  /** The oldest first. */
  events?: { at: string; type: string; recipient: string | null; provider: string | null; detail: string | null }[]
}

const filters = ['status', 'recipient', 'provider', 'type', 'tag', 'since', 'limit', 'cursor'] as const
type ListFlags = GatewayFlags & { [filter in (typeof filters)[number]]?: string | number }

export function addMessages(waypost: Command, terminal: Terminal): void {
  const messages = waypost
    .command('messages')
    .summary('find, show and steer messages')
    .description('Finds messages, shows what became of them and why, and steers those that still wait.')

  withGateway(messages.command('list', { isDefault: true }))
    .description('Lists messages, newest first.')
    .addOption(new Option('--status <status>', 'only those').choices(messageStatuses))
    .option('--recipient <address>', 'only those for it')
    .option('--provider <name>', 'only those it took')
    .option('--type <type>', 'only this kind of mail')
    .option('--tag <tag>', 'only those that bear it')
    .option('--since <time>', 'only those accepted since: 90m, 24h, 3d, or a date and time (RFC 3339)', readSince)
    .option('--limit <count>', 'at most so many, 1 to 200', count(200))
    .option('--cursor <cursor>', 'go on where the list before ended')
    .addHelpText(
      'after',
      examples('messages', 'messages list --status held --since 24h', 'messages list --tag spring --json'),
    )
    .action((flags: ListFlags) => list(flags, terminal))

  withGateway(messages.command('show <id>'))
    .description(
      'Shows a message: its recipients, every attempt and what it said, what happened, and why it took that road.',
    )
    .addHelpText('after', examples('messages show msg_01kxqmv2f0d5p8s3w6z9c2e4g7'))
    .action(async (id: string, flags: GatewayFlags) => {
      const path = `/v1/messages/${encodeURIComponent(id)}`
      const message = await get<MessageAnswer>(flags, path)
      if (flags.json) terminal.out(json(message))
      else show(message, await get<ExplanationAnswer>(flags, `${path}/explain`), terminal)
    })

  for (const [what, description] of steps) {
    withGateway(messages.command(`${what} <id>`))
      .description(description)
      .addHelpText('after', examples(`messages ${what} msg_01kxqmv2f0d5p8s3w6z9c2e4g7`))
      .action(async (id: string, flags: GatewayFlags) => {
        const message = await post<MessageAnswer>(flags, `/v1/messages/${encodeURIComponent(id)}/${what}`)
        terminal.out(flags.json ? json(message) : `${plain(message.id)}\t${plain(message.status)}`)
      })
  }
}

const steps = [
  ['retry', 'Tries at once what waits, and again what ended badly.'],
  ['cancel', 'Cancels what waits or is held.'],
  ['release', 'Sends what is held.'],
] as const

/** `24h` or RFC 3339, as RFC 3339. */
const readSince = (text: string) => new Date(readTime(text)).toISOString()

async function list(flags: ListFlags, terminal: Terminal): Promise<void> {
  const query = new URLSearchParams()
  for (const filter of filters) if (flags[filter] !== undefined) query.set(filter, String(flags[filter]))
  const page = await get<{ messages: MessageAnswer[]; next: string | null }>(flags, '/v1/messages', query)
  if (flags.json) return terminal.out(json(page))
  table(
    terminal,
    ['ID', 'ACCEPTED', 'STATUS', 'TYPE', 'RECIPIENTS', 'SUBJECT'],
    page.messages.map((message): Cell[] => [
      message.id,
      message.acceptedAt ?? null,
      status(message.status),
      message.type,
      people(message.recipients.map(({ email }) => email)),
      message.subject,
    ]),
  )
  if (page.next !== null) terminal.err(`There are more: --cursor ${plain(page.next)}`)
}

function people(emails: readonly string[]): string {
  return emails.length > 2 ? `${emails[0]} and ${emails.length - 1} more` : emails.join(', ')
}

function show(message: MessageAnswer, explanation: ExplanationAnswer, terminal: Terminal): void {
  const { from } = message
  const sender = typeof from === 'string' ? from : from.name ? `${from.name} <${from.email}>` : from.email
  const facts: [string, string | undefined][] = [
    ['Message', message.id],
    ['Status', message.status],
    ['Type', message.type],
    ['From', sender],
    ['Subject', message.subject],
    ['Accepted', message.acceptedAt],
    ['Expires', message.expireAt],
    ['Tags', message.tags?.join(', ')],
  ]
  for (const [name, value] of facts)
    if (value) terminal.out(`${styled(terminal, 'bold', name.padEnd(9))} ${plain(value)}`)

  heading('Recipients', terminal)
  table(
    terminal,
    ['RECIPIENT', 'STATUS', 'PROVIDER', "PROVIDER'S ID"],
    message.recipients.map((one): Cell[] => [one.email, status(one.status), one.provider, one.providerMessageId]),
  )

  heading('Attempts', terminal)
  table(
    terminal,
    ['AT', 'RECIPIENT', 'PROVIDER', 'OUTCOME', 'CAUSE', 'CODE', 'LATENCY', 'REASON'],
    message.recipients
      .flatMap(({ email, attempts }) => (attempts ?? []).map((attempt) => ({ email, ...attempt })))
      .toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
      .map(({ at, email, provider, outcome, cause, code, latencyMs, reason }): Cell[] => [
        at,
        email,
        provider,
        status(outcome ?? 'under way'),
        cause,
        code,
        latencyMs === null ? null : `${latencyMs}ms`,
        reason,
      ]),
  )

  heading('Events', terminal)
  table(
    terminal,
    ['AT', 'EVENT', 'RECIPIENT', 'PROVIDER', 'DETAIL'],
    (message.events ?? []).map(({ at, type, recipient, provider, detail }): Cell[] => [
      at,
      status(type),
      recipient,
      provider,
      detail,
    ]),
  )

  heading('Why this road', terminal)
  if (explanation.route === null) terminal.out('Nothing was tried yet.')
  else showPlans(explanation, terminal)
}

function heading(text: string, terminal: Terminal): void {
  terminal.out('')
  terminal.out(styled(terminal, 'bold', text))
}

const good = new Set(['sent', 'delivered', 'accepted'])
const bad = new Set(['bounced', 'complained', 'failed', 'expired', 'rejected'])

function status(text: string): Cell {
  const style: Style = good.has(text) ? 'green' : bad.has(text) ? 'red' : 'yellow'
  return { text, style }
}
