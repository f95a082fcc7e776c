/** Vendors that fail, the same ones in the same way for each: Waypost, and beside it a loop over transports such as libraries have. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Failing, type Seen, startFailing } from './failing.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { handIn } from './paced.ts'
import type { Amounts, Figures, Measure, Road } from './road.ts'

const perSecond = 100
/** More are no other mails, only a longer wait. */
const most = 3_000
/** Of the time in which mail is handed in, the vendors fail for so much of it. */
const failing = 2 / 3
/** The same for each. */
const timeout = 2_000
/** Milliseconds that the vendors fail. */
const failFor = (messages: number) => ((messages * failing) / perSecond) * 1000

const few = (unit: Measure['unit'], others: string): Measure => ({ unit, better: 'less', others })

export function failover(amounts: Amounts): Road {
  const messages = Math.min(amounts.messages, most)
  const run = (play: Play) => {
    let seed = amounts.seed
    return () => measured(messages, seed++, play)
  }
  return {
    name: 'failover',
    about: `${messages} mails at ${perSecond} a second, while three vendors fail by a seed, and after`,
    measures: {
      'never arrived': few('mails', 'never arrived'),
      'of these, held for a decision': { unit: 'mails', better: 'less' },
      'of these, nobody was told': { ...few('mails', 'of these, nobody was told'), target: '0' },
      'arrived twice or more': { ...few('mails', 'arrived twice or more'), target: '0' },
      'calls at dead vendors': few('calls', 'calls at dead vendors'),
      'back at the pace, after all are well': few('s', 'back at the pace, after all are well'),
    },
    beside: ['a loop'],
    systems: { waypost: run(waypost), 'a loop': run(byLoop) },
  }
}

/** Recipients whose sender was told that nobody took their mail, or, of what is held, that it may not have been taken. */
interface Told {
  refused: string[]
  held: string[]
}

/** Hands mail in, and waits until nothing moves any more. */
type Play = (vendors: Failing, load: { messages: number; perSecond: number }, begin: () => void) => Promise<Told>

async function measured(messages: number, seed: number, play: Play): Promise<Figures> {
  const vendors = await startFailing(seed)
  try {
    let over: Promise<void> | undefined
    const told = await play(vendors, { messages, perSecond }, () => {
      over = vendors.fail(failFor(messages))
    })
    await over
    return figures(messages, await vendors.seen(), told)
  } finally {
    vendors.stop()
  }
}

function figures(messages: number, { copies, recovered, wasted }: Seen, { refused, held }: Told): Figures {
  const counts = new Map<string, number>()
  for (const { key } of copies) counts.set(key, (counts.get(key) ?? 0) + 1)
  const missing = Array.from({ length: messages }, (_, at) => `m${at}@example.org`).filter((key) => !counts.has(key))
  return {
    'never arrived': missing.length,
    'of these, held for a decision': missing.filter((key) => held.includes(key)).length,
    'of these, nobody was told': missing.filter((key) => ![...refused, ...held].includes(key)).length,
    'arrived twice or more': [...counts.values()].filter((count) => count > 1).length,
    'calls at dead vendors': wasted,
    'back at the pace, after all are well': backAtPace(copies, recovered),
  }
}

/** Seconds until in one second nine in ten arrive of those who are handed in; null when that never was. */
function backAtPace(copies: Seen['copies'], recovered: number): number | null {
  const first = new Map<string, number>()
  for (const { key, at } of copies) if (!first.has(key)) first.set(key, at)
  const after = [...first.values()].filter((at) => at >= recovered)
  for (const from of [recovered, ...after]) {
    const within = after.filter((at) => at >= from && at < from + 1_000).length
    if (within >= perSecond * 0.9) return (from - recovered) / 1000
  }
  return null
}

const byLoop: Play = async (vendors, load, begin) => {
  begin()
  const { refused } = await handIn({ ...load, to: { loop: vendors.providers, timeout } })
  return { refused, held: [] }
}

/** Everything as it comes, but for waits that fit a run of a minute. */
const config = ({ providers }: Failing, messages: number) => `
retry: { first: 500ms, max: 5s }
types: { transactional: { reconcileFor: ${Math.round(Math.max(failFor(messages) * 1.5, timeout))}ms } }
providers:
${Object.entries(providers)
  .map(
    ([name, own]) =>
      `  ${name}: ${JSON.stringify({ ...own, timeout: `${timeout}ms`, breaker: { open: '3s', probes: 1 } })}`,
  )
  .join('\n')}
routes:
  - { name: default, use: { first: [${Object.keys(providers)}] } }
`

const waypost: Play = async (vendors, load, begin) => {
  const gateway = await startGateway(config(vendors, load.messages))
  try {
    begin()
    const { refused } = await handIn({ ...load, to: { gateway: gateway.url } })
    await settled(gateway)
    const emails = async (status: string) =>
      (await listed(gateway, status)).flatMap(({ recipients }) => recipients.map(({ email }) => email))
    return { refused: [...refused, ...(await emails('failed'))], held: await emails('held') }
  } finally {
    await gateway.stop()
  }
}

interface Listed {
  id: string
  recipients: { email: string }[]
}

async function ask<Answer>({ url }: Gateway, path: string): Promise<Answer> {
  const response = await fetch(`${url}/v1/messages${path}`)
  return (await response.json()) as Answer
}

/** Waits until nothing is on its way, and nobody is asked any more about what is held. */
async function settled(gateway: Gateway): Promise<void> {
  const some = async (status: string) => (await listed(gateway, status, 1)).length > 0
  const asking = async ({ id }: Listed) => {
    const { events } = await ask<{ events: { detail: string | null }[] }>(gateway, `/${id}`)
    return !/until known/.test(events.at(-1)?.detail ?? '')
  }
  for (;;) {
    if (!(await some('queued')) && !(await some('sending'))) {
      const held = await Promise.all((await listed(gateway, 'held')).map(asking))
      // What was held may be on its way by now.
      if (!held.includes(true) && !(await some('queued')) && !(await some('sending'))) return
    }
    await pause(500)
  }
}

/** Mail of a status. @param most enough of it */
async function listed(gateway: Gateway, status: string, most = Number.POSITIVE_INFINITY): Promise<Listed[]> {
  const found: Listed[] = []
  for (let cursor: string | null = ''; cursor !== null && found.length < most; ) {
    const query = `?limit=200&status=${status}${cursor && `&cursor=${cursor}`}`
    const page: { messages: Listed[]; next: string | null } = await ask(gateway, query)
    found.push(...page.messages)
    cursor = page.next
  }
  return found
}
