/** What the grids of ambiguous outcomes share: the answers of a vendor that leave it open whether it took the mail, and where mail comes to rest. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import type { HttpExchange, SdkCall } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import { type Fixture, fitting, handoff, type VendorData } from '../adapters/fixture.ts'
import type { Behaviour, FakeVendor, Reply } from './fake-vendors/vendor.ts'
import { eventually, type Waypost } from './waypost.ts'

export const contracts = ['failover', 'reconcile', 'hold'] as const
export type Contract = (typeof contracts)[number]

/**
 * How the adapter's vendor can be asked what became of a mail. `mute key`: a second call is no second mail, and says nothing of the
 * first.
 */
export type Evidence = 'key' | 'mute key' | 'question' | 'none'

export async function evidenceOf(data: VendorData): Promise<Evidence> {
  const { features, reconcile, send, options } = data.adapter
  if (!features.idempotency) return reconcile ? 'question' : 'none'
  const vendor = await data.vendor()
  const carrier = httpCarrier()
  try {
    const way = send as HttpExchange<unknown> | SdkCall<unknown>
    const twice = handoff(['ann@example.com'], fitting(data))
    const settings = options.parse(data.options(vendor.url))
    await carrier.send(way, twice, settings)
    const [again] = (await carrier.send(way, twice, settings)).values()
    assert.equal(vendor.taken.length, 1)
    return again?.kind === 'accepted' ? 'key' : 'mute key'
  } finally {
    await carrier.close()
    await vendor.close()
  }
}

/** The providers that squares go to first: what is told of one must not touch the others. */
export const providers = ['prompt', 'late', 'down', 'busy', 'locked'] as const

/** What happens to the calls for one mail, in their order; those that come after go well. */
export interface Answer {
  says: string
  calls: (taken: boolean) => Behaviour[]
  /** Whether it can be what a vendor says that took the mail, or did not. */
  after: boolean[]
  at: (typeof providers)[number]
  /** Asked again there is no answer either: whether it is asked once more is a matter of time. */
  twice?: true
}

export const lost = (taken: boolean): Behaviour => ({ reset: 'after-body', taken })
const page = (status: number): Reply => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: '<html><h1>Hello</h1></html>',
})
const either = [true, false]

export function answers({ cases }: VendorData, evidence: Evidence): Answer[] {
  const reply = (what: Reply) => (taken: boolean) => [{ reply: what, taken }]
  const all: Answer[] = [
    { says: 'well', calls: () => [], after: [true], at: 'prompt' },
    { says: 'lost', calls: (taken) => [lost(taken)], after: either, at: 'prompt' },
    { says: 'cut off', calls: (taken) => [{ reset: 'mid-answer', taken }], after: either, at: 'prompt' },
    { says: '200 as a page', calls: reply(page(200)), after: either, at: 'prompt' },
    { says: '500 as a page', calls: reply(page(500)), after: either, at: 'prompt' },
    { says: 'late', calls: (taken) => [{ hang: true, taken }], after: either, at: 'late' },
  ]
  const own = cases.find(
    ({ status, body, all }) => status === 500 && body && /^(unknown|deferred.provider)/.test(all ?? ''),
  )
  // Where the adapter believes its vendor's own word that it failed, a vendor that says so has not taken the mail.
  if (own) {
    all.push({
      says: '500 of its own',
      calls: reply(own),
      after: own.all === 'unknown' ? either : [false],
      at: 'prompt',
    })
  }
  // Asked again by its key, a vendor may have no answer either, which says nothing of the first call.
  const throttled = cases.find(({ about }) => about === 'throttled')
  const locked = cases.find(({ about }) => about === 'credential')
  const again = (reply: Reply) => (taken: boolean) => [lost(taken), { reply }]
  if (evidence.endsWith('key')) {
    all.push({ says: 'lost, then 503 as a page', calls: again(page(503)), after: either, at: 'down', twice: true })
    if (throttled)
      all.push({ says: 'lost, then too many calls', calls: again(throttled), after: either, at: 'busy', twice: true })
    if (locked)
      all.push({ says: 'lost, then a wrong key', calls: again(locked), after: either, at: 'locked', twice: true })
  }
  return all
}

/** Whose call it is: they are told apart by their recipient, and one that the vendor recognises by its body, the same to the byte. */
export function recipientOf(): (body: Buffer, named: string | undefined) => string | null {
  const bodies = new Map<string, string>()
  return (body, named) => {
    const text = body.toString('latin1')
    const to = named ?? bodies.get(text)
    if (to !== undefined) bodies.set(text, to)
    return to ?? null
  }
}

/** A config with a route to each of these providers of the vendor's, and an inbox behind them all. */
export function config(
  { adapter, options, hooks }: VendorData,
  url: string,
  at: readonly (typeof providers)[number][],
  types: readonly string[],
): string {
  const provider = (timeout: string) =>
    JSON.stringify({
      adapter: adapter.name,
      ...(options(url) as object),
      ...hooks?.options,
      timeout,
      breaker: { failures: 1_000_000 },
    })
  // Late is who never answers. Whoever answers at all has more time than a slow machine needs, and so has a question about the late.
  return `
retry: { first: 50ms, max: 200ms }
types: { ${types.join(', ')} }
providers:
  inbox: { adapter: inbox }
${at.map((name) => `  ${name}: ${provider(name === 'late' ? '10s' : '60s')}`).join('\n')}
routes:
${at.map((name) => `  - { name: ${name}, when: { recipient.domain: ${name}.example.org }, use: { first: [${name}, inbox] } }`).join('\n')}
  - { name: default, use: inbox }
`
}

export interface Rest {
  status: string
  attempts: { provider: string; outcome: string | null; code: string | null }[]
  events: { type: string; detail: string | null }[]
}

export async function stateOf(gateway: Waypost, id: string): Promise<Rest> {
  const { recipients, events } = (await gateway.get(`/v1/messages/${id}`)).body
  const [{ status, attempts }] = recipients
  return { status, attempts, events }
}

/** Looks at the message with everything that the gateway logs of it, until this is so. */
export async function state(gateway: Waypost, id: string, what: string, so: (now: Rest) => boolean): Promise<Rest> {
  let read = 0
  return eventually(
    async () => {
      const from = read
      read = gateway.log.length
      if (from > 0 && !gateway.log.slice(from).some((line) => line.includes(id))) return false
      const now = await stateOf(gateway, id)
      return so(now) && now
    },
    `${id} ${what}`,
    90_000,
  )
}

/** Sent, given up, or held with nobody left to be asked. */
export function rest(gateway: Waypost, id: string): Promise<Rest> {
  const moving = ['queued', 'sending', 'deferred', 'scheduled']
  return state(gateway, id, 'comes to rest', ({ status, events }) => {
    const asking = status === 'held' && !/until known/.test(events.findLast(({ type }) => type === 'held')!.detail!)
    return !moving.includes(status) && !asking
  })
}

/** How many have it: the vendor's mailboxes and our own inbox. */
export function copiesOf(vendor: FakeVendor, to: string, { attempts }: Rest): number {
  return (
    vendor.taken.filter(({ recipients }) => recipients.includes(to)).length +
    attempts.filter(({ provider, outcome }) => provider === 'inbox' && outcome === 'accepted').length
  )
}

/** What a square that went wrong is told by. */
export function tried({ attempts }: Rest): string {
  return attempts.map(({ provider, outcome, code }) => `${provider} ${outcome} ${code ?? ''}`.trim()).join(', ')
}

const folder = new URL('../../adapters/', import.meta.url)
const fixtures = new URL('../adapters/', import.meta.url)

/** A test for each adapter that makes HTTP calls. */
export function eachVendor(play: (data: VendorData, evidence: Evidence) => Promise<void>): void {
  const names = new Set(readdirSync(fixtures))
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.ts') || !names.has(file)) continue
    test(file.replace(/\.ts$/, ''), async (t) => {
      const { default: data } = (await import(new URL(file, fixtures).href)) as { default: Fixture }
      if (!('vendor' in data)) return t.skip('makes no HTTP calls')
      await play(data, await evidenceOf(data))
    })
  }
}
