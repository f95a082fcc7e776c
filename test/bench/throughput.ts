/** Mail in as fast as it goes: SMTP and HTTP in, SMTP and HTTP out. */
import { type Gateway, inbox, startGateway, vendorAt } from './gateway.ts'
import { type Loaded, type Loader, startLoader } from './loader.ts'
import { startPlain } from './plain.ts'
import { familyTime, threadTimes } from './processor.ts'
import type { Amounts, Figures, Measure, Road } from './road.ts'
import { type Sink, startSink } from './sink.ts'
import type { System } from './systems.ts'

const perSecond: Measure = { unit: 'a second', better: 'more' }
const cost: Measure = { unit: 'µs', better: 'less' }
const wait: Measure = { unit: 'ms', better: 'less' }

/** V8 compiles as it goes: a message costs Waypost a quarter less after so many than after 3,000, and then no less. */
const warm = ({ messages }: Amounts) => Math.min(messages, 15_000)

/** @param relays those that could be compared, installed or not */
export function throughput(amounts: Amounts, systems: readonly System[], relays: readonly string[]): Road[] {
  return [
    smtp(amounts, systems, false, { accept: '8 × postfix', relay: '5 × postfix, tuned and haraka' }),
    smtp(amounts, systems, true, { accept: '2 × postfix' }),
    http(amounts, relays),
    vendor(amounts),
  ]
}

function smtp(
  amounts: Amounts,
  systems: readonly System[],
  reconnect: boolean,
  targets: { accept: string; relay?: string },
): Road {
  const others = systems.filter(({ name }) => name !== 'waypost')
  const waypost = systems.find(({ name }) => name === 'waypost')!
  return {
    name: reconnect ? 'smtp-reconnect' : 'smtp',
    about: `SMTP in, ${reconnect ? 'one connection a message' : 'kept connections'}, 50 at once; and out through an SMTP relay`,
    measures: {
      accepted: { ...perSecond, target: targets.accept, others: 'accepted, relaying' },
      'accepted, relaying': { ...perSecond, others: 'accepted, relaying' },
      'end to end': {
        ...perSecond,
        others: 'end to end',
        ...(targets.relay === undefined ? {} : { target: targets.relay }),
      },
      'p99 of 250': wait,
      'p99 of 250, relaying': { ...wait, others: 'p99 of 250, relaying' },
      'processor, accepting': cost,
      'processor, relaying': { ...cost, others: 'processor, relaying' },
      '… main thread': cost,
      '… writer thread': cost,
      '… other threads': cost,
    },
    systems: {
      waypost: async () => ({ ...(await accept(amounts, reconnect)), ...(await relay(waypost, amounts, reconnect)) }),
      ...Object.fromEntries(others.map((system) => [system.name, () => relay(system, amounts, reconnect)])),
    },
  }
}

/** Taken in and kept: the mail is for later. */
function accept(amounts: Amounts, reconnect: boolean): Promise<Figures> {
  return loaded(inbox, async (gateway, loader) => {
    const load = (messages: number) =>
      loader.load({ kind: 'smtp', port: gateway.smtpPort, reconnect, messages, later: true })
    await load(warm(amounts))
    const { perSecond, p99, cost } = await timed(gateway, amounts, () => load(amounts.messages))
    return { accepted: perSecond, 'p99 of 250': p99, 'processor, accepting': cost.all }
  })
}

/** Any system, into a sink. */
async function relay(system: System, amounts: Amounts, reconnect: boolean): Promise<Figures> {
  const sink = await startSink({ kind: 'smtp' })
  try {
    return await withLoad(system.start(sink.port), async (running, loader) => {
      const load = (messages: number) => loader.load({ kind: 'smtp', port: running.port, reconnect, messages })
      const { perSecond, endToEnd, p99, cost } = await through(running, sink, amounts, load)
      return {
        'accepted, relaying': perSecond,
        'end to end': endToEnd,
        'p99 of 250, relaying': p99,
        'processor, relaying': cost.all,
        // Only Waypost's threads have these parts.
        ...(system.name === 'waypost' ? byThread(cost) : {}),
      }
    })
  } finally {
    sink.stop()
  }
}

/** Starts what takes mail by HTTP, and hands it to a vendor at this port, or (null) keeps it. */
type HttpStart = (sink: number | null) => Promise<{ pid: number; url: string; stop(): void | Promise<void> }>

const overHttp: Record<string, HttpStart> = {
  waypost: (sink) => startGateway(sink === null ? inbox : vendorAt(sink)),
  plain: startPlain,
}

function http(amounts: Amounts, relays: readonly string[]): Road {
  return {
    name: 'http',
    about: 'HTTP in, JSON, 50 at once',
    measures: {
      accepted: { ...perSecond, target: "15 × postfix's SMTP", others: ['accepted', 'smtp/accepted, relaying'] },
      ...ofPlain(wait, 'p99 of 202'),
      ...ofPlain(cost, 'processor', '… main thread', '… writer thread', '… other threads'),
    },
    beside: [...relays, 'plain'],
    systems: httpSystems((start) =>
      withLoad(start(null), async (running, loader) => {
        const load = (messages: number) => loader.load({ kind: 'http', url: running.url, messages, later: true })
        await load(warm(amounts))
        const { perSecond, p99, cost } = await timed(running, amounts, () => load(amounts.messages))
        return { accepted: perSecond, 'p99 of 202': p99, processor: cost.all, ...byThread(cost) }
      }),
    ),
  }
}

function vendor(amounts: Amounts): Road {
  return {
    name: 'vendor',
    about: 'HTTP in, and out through a vendor’s HTTP API',
    measures: {
      'end to end': { ...perSecond, target: '5,000, or 0.8 × plain', others: 'end to end' },
      ...ofPlain(perSecond, 'accepted, sending'),
      ...ofPlain(wait, 'p99 of 202'),
      ...ofPlain(cost, 'processor', '… main thread', '… writer thread', '… other threads'),
    },
    beside: ['plain'],
    systems: httpSystems(async (start) => {
      const sink = await startSink({ kind: 'http' })
      try {
        return await withLoad(start(sink.port), async (running, loader) => {
          const load = (messages: number) => loader.load({ kind: 'http', url: running.url, messages })
          const { perSecond, endToEnd, p99, cost } = await through(running, sink, amounts, load)
          return {
            'end to end': endToEnd,
            'accepted, sending': perSecond,
            'p99 of 202': p99,
            processor: cost.all,
            ...byThread(cost),
          }
        })
      } finally {
        sink.stop()
      }
    }),
  }
}

function httpSystems(run: (start: HttpStart) => Promise<Figures>): Road['systems'] {
  return Object.fromEntries(Object.entries(overHttp).map(([name, start]) => [name, () => run(start)]))
}

/** What `plain` has too. */
function ofPlain(measure: Measure, ...names: string[]): Record<string, Measure> {
  return Object.fromEntries(names.map((name) => [name, { ...measure, others: name, beside: ['plain'] }]))
}

/** Runs `story` with a gateway and a loader, and ends both. */
export function loaded<T>(yaml: string, story: (gateway: Gateway, loader: Loader) => Promise<T>): Promise<T> {
  return withLoad(startGateway(yaml), story)
}

/** Runs `story` with what starts and a loader, and ends both. */
async function withLoad<Running extends { stop(): void | Promise<void> }, T>(
  starting: Promise<Running>,
  story: (running: Running, loader: Loader) => Promise<T>,
): Promise<T> {
  const running = await starting
  const loader = startLoader()
  try {
    return await story(running, loader)
  } finally {
    await running.stop()
    loader.stop()
  }
}

/** Loads until the sink has it all, once what does not count is through. `endToEnd`: a second, to the last mail at the sink. */
async function through(
  system: { pid: number },
  sink: Sink,
  amounts: Amounts,
  load: (messages: number) => Promise<Loaded>,
): Promise<Loaded & { cost: Cost; endToEnd: number }> {
  await load(warm(amounts))
  await sink.took(warm(amounts))
  let ended = 0
  const found = await timed(system, amounts, async () => {
    const result = await load(amounts.messages)
    ended = await sink.took(warm(amounts) + amounts.messages)
    return result
  })
  return { ...found, endToEnd: (amounts.messages / (ended - found.began)) * 1000 }
}

interface Cost {
  all: number | null
  threads: { main: number; writer: number; rest: number } | null
}

/** What `work` gave, and the microseconds of processor that each message cost there. */
async function timed(
  { pid }: { pid: number },
  { messages }: Amounts,
  work: () => Promise<Loaded>,
): Promise<Loaded & { cost: Cost }> {
  const [family, threads] = [familyTime(pid), threadTimes(pid)]
  const result = await work()
  const [familyAfter, threadsAfter] = [familyTime(pid), threadTimes(pid)]
  const each = (name: 'main' | 'writer' | 'rest') => (threadsAfter![name] - threads![name]) / messages
  return {
    ...result,
    cost: {
      all: family === null ? null : (familyAfter! - family) / messages,
      threads: threads === null ? null : { main: each('main'), writer: each('writer'), rest: each('rest') },
    },
  }
}

function byThread({ threads }: Cost): Figures {
  if (threads === null) return {}
  return { '… main thread': threads.main, '… writer thread': threads.writer, '… other threads': threads.rest }
}
