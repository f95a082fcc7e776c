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
      'of these, nobody was told': { ...few('mails', 'of these, nobody was told'), target: '0' },
      'arrived twice or more': { ...few('mails', 'arrived twice or more'), target: '0' },
      'calls at dead vendors': few('calls', 'calls at dead vendors'),
      'back at the pace, after all are well': few('s', 'back at the pace, after all are well'),
    },
    beside: ['a loop'],
    systems: { waypost: run(waypost), 'a loop': run(byLoop) },
  }
}

/** Hands mail in, waits until nothing moves any more, and tells who was told that it did not work. */
type Play = (vendors: Failing, load: { messages: number; perSecond: number }, begin: () => void) => Promise<Set<string>>

async function measured(messages: number, seed: number, play: Play): Promise<Figures> {
  const vendors = await startFailing(seed)
  try {
    let over: Promise<void> | undefined
    const told = await play(vendors, { messages, perSecond }, () => {
      over = vendors.fail(((messages * failing) / perSecond) * 1000)
    })
    await over
    return figures(messages, await vendors.seen(), told)
  } finally {
    vendors.stop()
  }
}

function figures(messages: number, { copies, recovered, wasted }: Seen, told: ReadonlySet<string>): Figures {
  const counts = new Map<string, number>()
  for (const { key } of copies) counts.set(key, (counts.get(key) ?? 0) + 1)
  const missing = Array.from({ length: messages }, (_, at) => `m${at}@example.org`).filter((key) => !counts.has(key))
  return {
    'never arrived': missing.length,
    'of these, nobody was told': missing.filter((key) => !told.has(key)).length,
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
  return new Set(refused)
}

/** Everything as it comes, but for waits that fit a run of a minute. */
const config = ({ providers }: Failing) => `
retry: { first: 500ms, max: 5s }
types: { transactional: { reconcileFor: 5s } }
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
  const gateway = await startGateway(config(vendors))
  try {
    begin()
    const { refused } = await handIn({ ...load, to: { gateway: gateway.url } })
    return new Set([...refused, ...(await endings(gateway))])
  } finally {
    await gateway.stop()
  }
}

/** Waits until nothing moves. @returns the recipients of what was bounced, or is held until somebody decides */
async function endings({ url }: Gateway): Promise<string[]> {
  const list = async (query: string) => {
    const response = await fetch(`${url}/v1/messages?${query}`)
    return (await response.json()) as { messages: Listed[]; next: string | null }
  }
  for (const status of ['queued', 'sending', 'queued']) {
    while ((await list(`limit=1&status=${status}`)).messages.length > 0) await pause(200)
  }
  const found: string[] = []
  for (const status of ['held', 'failed']) {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await list(`limit=200&status=${status}${cursor && `&cursor=${cursor}`}`)
      for (const { recipients } of page.messages) found.push(...recipients.map(({ email }) => email))
      cursor = page.next
    }
  }
  return found
}

interface Listed {
  recipients: { email: string }[]
}
