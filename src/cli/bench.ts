/** `waypost bench`: load on a running gateway, and how it bore it. */
import { type Command, InvalidArgumentError } from 'commander'
import { get } from './api.ts'
import { Failure } from './failure.ts'
import { count, examples, type GatewayFlags, withGateway } from './flags.ts'
import { type Answer, type Load, type Summary, Tally } from './load/tally.ts'
import { progressBar } from './progress.ts'
import { json, plain, type Terminal, table } from './terminal.ts'

interface BenchFlags extends GatewayFlags {
  smtp?: Endpoint
  reconnect?: true
  messages: number
  connections: number
  size: number
  from: string
  to: string
  deliver?: true
}

interface Endpoint {
  host: string
  port: number
}

export function addBench(waypost: Command, terminal: Terminal): void {
  withGateway(
    waypost
      .command('bench')
      .summary('put load on a running gateway')
      .description(
        `Puts load on a running gateway and shows how it bore it: messages a second, waits, and what was refused.

The mails are real ones. They are pinned to a provider of the adapter inbox, where they stay in the gateway; without such a \
provider nothing is sent. With --deliver they leave by whatever routes the gateway has, to --to: many equal mails, which cost \
money and reputation. Ctrl-C ends early and shows what was measured.`,
      )
      .option('--messages <n>', 'how many', count(100_000_000), 10_000)
      .option('--connections <n>', 'how many at once', count(1_000), 50)
      .option('--size <bytes>', 'of the text of each', count(50_000_000), 5_000)
      .option(
        '--smtp <host:port>',
        'over SMTP without TLS, instead of HTTP; --url is still asked where mails go',
        endpoint,
      )
      .option('--reconnect', 'with --smtp: a new connection for each message')
      .option('--from <address>', 'who they are from', 'bench@example.com')
      .option('--to <address>', 'who they are for', 'bench@example.org')
      .option('--deliver', "let them leave by the gateway's routes"),
  )
    .addHelpText(
      'after',
      examples(
        'bench',
        'bench --smtp 127.0.0.1:2525 --messages 50000',
        'bench --deliver --from me@example.com --to sink@example.net --messages 100 --connections 5',
      ),
    )
    .action((flags: BenchFlags) => bench(flags, terminal))
}

async function bench(flags: BenchFlags, terminal: Terminal): Promise<void> {
  const run = await load(flags, flags.deliver ? undefined : await inbox(flags))
  // What refuses one mail refuses them all.
  let refusal: string | null = null
  const first = ({ accepted, code, said }: Answer) => {
    if (!accepted) refusal = `${code} ${said}`
  }
  await run({ messages: 1, connections: 1, answered: first })
  if (refusal !== null) throw new Failure(`The first mail was not accepted: ${plain(refusal).slice(0, 300)}`)
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort()
  process.once('SIGINT', interrupt)
  const bar = progressBar(terminal, flags.messages)
  const tally = new Tally()
  try {
    await run({
      messages: flags.messages,
      connections: flags.connections,
      signal: interrupted.signal,
      answered: (answer) => {
        tally.add(answer)
        bar.step()
      },
    })
  } finally {
    bar.end()
    process.off('SIGINT', interrupt)
  }
  const summary = tally.summary()
  if (flags.json) terminal.out(json({ ...summary, interrupted: interrupted.signal.aborted }))
  else show(summary, terminal)
  if (interrupted.signal.aborted) terminal.err(`Ended early: ${flags.messages} were asked for.`)
  if (summary.refused > 0) throw new Failure(`${summary.refused} of ${flags.messages} were not accepted.`)
}

/** The name of a provider that keeps mail in the gateway. @throws Failure when there is none */
async function inbox(flags: BenchFlags): Promise<string> {
  const { providers } = await get<{ providers: { name: string; adapter: string }[] }>(flags, '/v1/providers')
  const found = providers.find(({ adapter }) => adapter === 'inbox')
  if (found) return found.name
  throw new Failure(
    'The gateway has no provider of the adapter inbox, so these mails would leave. Add one, or let them leave with --deliver.',
  )
}

async function load(
  { smtp, ...flags }: BenchFlags,
  provider: string | undefined,
): Promise<(load: Load) => Promise<void>> {
  const { url, key, from, to } = flags
  const subject = 'waypost bench'
  const line = 'All work and no play makes Jack a dull boy.\r\n'
  const text = line.repeat(Math.ceil(flags.size / line.length)).slice(0, flags.size)
  // Only here: each brings a client's library, which every other command would carry, the gateway with them.
  if (!smtp) {
    const { httpLoad } = await import('./load/http.ts')
    return (load) => httpLoad({ url, key, message: { from, to, subject, text, provider } }, load)
  }
  const { smtpLoad } = await import('./load/smtp.ts')
  const pinned = provider === undefined ? [] : [`X-Waypost-Provider: ${provider}`]
  const mail = [`From: ${from}`, `To: ${to}`, `Subject: ${subject}`, ...pinned, '', text].join('\r\n')
  return (load) => smtpLoad({ ...smtp, password: key, reconnect: flags.reconnect ?? false, from, to, mail }, load)
}

function show({ accepted, perSecond, p50, p99, max, errors }: Summary, terminal: Terminal): void {
  const shown = (milliseconds: number | null) => milliseconds?.toFixed(1) ?? null
  table(
    terminal,
    ['ACCEPTED', 'A SECOND', 'P50 MS', 'P99 MS', 'MAX MS'],
    [[accepted, Math.round(perSecond), shown(p50), shown(p99), shown(max)]],
  )
  if (errors.length === 0) return
  terminal.out('')
  table(
    terminal,
    ['REFUSED', 'TIMES', 'SAID'],
    errors.map(({ code, count, said }) => [code, count, said.slice(0, 200)]),
  )
}

function endpoint(text: string): Endpoint {
  const [, v6, name, port] = /^(?:\[([\da-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? []
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new InvalidArgumentError('Expected a host and a port, such as 127.0.0.1:2525.')
  }
  return { host: (v6 ?? name)!, port: Number(port) }
}
