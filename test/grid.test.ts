/**
 * The grid of ambiguous outcomes: every adapter that makes HTTP calls, at its own desk, in a whole gateway with an inbox behind it.
 * Whether the vendor took the mail, what it answered and what the type says to do then, in every combination: never two copies by
 * our own doing, never none that is called sent, and held only what nobody can know.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { HttpExchange, SdkCall } from '../src/mail/adapter.ts'
import { httpCarrier } from '../src/send/http.ts'
import { type Fixture, fitting, handoff, type VendorData } from './adapters/fixture.ts'
import type { Behaviour, FakeVendor, Reply } from './support/fake-vendors/vendor.ts'
import { eventually, type Waypost, withWaypost } from './support/waypost.ts'

const types = { otp: 'failover', transactional: 'reconcile', marketing: 'hold' } as const
type Type = keyof typeof types

/**
 * How the adapter's vendor can be asked what became of a mail. `mute key`: a second call is no second mail, and says nothing of the
 * first.
 */
type Evidence = 'key' | 'mute key' | 'question' | 'none'

async function evidenceOf(data: VendorData): Promise<Evidence> {
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

/** What happens to the calls for one mail, in their order; those that come after go well. */
interface Answer {
  says: string
  calls: (taken: boolean) => Behaviour[]
  /** Whether it can be what a vendor says that took the mail, or did not. */
  after: boolean[]
  /** The provider that these mails go to first: what is told of one must not touch the others. */
  at: (typeof providers)[number]
  /** Asked again there is no answer either: whether it is asked once more is a matter of time. */
  twice?: true
}

const providers = ['prompt', 'late', 'down', 'busy', 'locked'] as const

const page = (status: number): Reply => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: '<html><h1>Hello</h1></html>',
})
const either = [true, false]
const reset = (taken: boolean): Behaviour => ({ reset: 'after-body', taken })

function answers({ cases }: VendorData, evidence: Evidence): Answer[] {
  const reply = (what: Reply) => (taken: boolean) => [{ reply: what, taken }]
  const all: Answer[] = [
    { says: 'well', calls: () => [], after: [true], at: 'prompt' },
    { says: 'lost', calls: (taken) => [reset(taken)], after: either, at: 'prompt' },
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
  const again = (reply: Reply) => (taken: boolean) => [reset(taken), { reply }]
  if (evidence.endsWith('key')) {
    all.push({ says: 'lost, then 503 as a page', calls: again(page(503)), after: either, at: 'down', twice: true })
    if (throttled)
      all.push({ says: 'lost, then too many calls', calls: again(throttled), after: either, at: 'busy', twice: true })
    if (locked)
      all.push({ says: 'lost, then a wrong key', calls: again(locked), after: either, at: 'locked', twice: true })
  }
  return all
}

interface Square {
  to: string
  taken: boolean
  answer: Answer
  type: Type
}

/** One mail for each square; all of them travel at once. */
async function play(data: VendorData, evidence: Evidence): Promise<void> {
  const squares: Square[] = answers(data, evidence)
    .flatMap((answer) =>
      answer.after.flatMap((taken) => (Object.keys(types) as Type[]).map((type) => ({ answer, taken, type }))),
    )
    .map((square, at) => ({ ...square, to: `square-${at}@${square.answer.at}.example.org` }))
  const vendor = await data.vendor()
  misbehave(vendor, squares)
  try {
    await withWaypost(config(data, vendor.url), async (gateway) => {
      const wrong = await Promise.all(squares.map((square) => walk(gateway, vendor, square, evidence)))
      assert.deepEqual(
        wrong.filter((line) => line !== null),
        [],
      )
    })
  } finally {
    await vendor.close()
  }
}

/** Calls are told apart by their recipient; one that the vendor recognises by its body, which is the same to the byte. */
function misbehave(vendor: FakeVendor, squares: readonly Square[]): void {
  const scripts = new Map(squares.map(({ to, answer, taken }) => [to, answer.calls(taken)]))
  const bodies = new Map<string, string>()
  vendor.depending(({ body }, mail) => {
    const to = mail?.recipients[0] ?? bodies.get(body.toString('latin1'))
    if (to === undefined) return null
    bodies.set(body.toString('latin1'), to)
    return scripts.get(to)?.shift() ?? null
  })
}

function config({ adapter, options }: VendorData, url: string): string {
  const provider = (timeout: string) =>
    JSON.stringify({ adapter: adapter.name, ...(options(url) as object), timeout, breaker: { failures: 1_000_000 } })
  // Late is who never answers. Whoever answers at all has more time than a slow machine needs, and so has a question about the late.
  return `
retry: { first: 50ms, max: 200ms }
types: { ${Object.keys(types).map((type) => `${type}: { reconcileFor: 800ms }`)} }
providers:
  inbox: { adapter: inbox }
${providers.map((name) => `  ${name}: ${provider(name === 'late' ? '6s' : '60s')}`).join('\n')}
routes:
${providers.map((name) => `  - { name: ${name}, when: { recipient.domain: ${name}.example.org }, use: { first: [${name}, inbox] } }`).join('\n')}
  - { name: default, use: inbox }
`
}

/** Sends the mail of a square and looks at where it came to rest. @returns what is wrong, null when nothing is */
async function walk(gateway: Waypost, vendor: FakeVendor, square: Square, evidence: Evidence): Promise<string | null> {
  const { to, taken, answer, type } = square
  const mail = { from: 'sender@example.com', to, subject: 'Hello', text: 'Hello.', html: '<p>Hello.</p>', type }
  const id = await gateway.send(mail)
  const { status, attempts } = await rest(gateway, id)
  const unknowns = attempts.filter(({ outcome }) => outcome === 'unknown').length
  const copies =
    vendor.taken.filter(({ recipients }) => recipients.includes(to)).length +
    attempts.filter(({ provider, outcome }) => provider === 'inbox' && outcome === 'accepted').length

  const contract = types[type]
  const wrong: string[] = []
  const must = (holds: boolean, what: string) => holds || wrong.push(what)
  must(['sent', 'held'].includes(status), 'it is neither sent nor held')
  must(copies <= 1 + (contract === 'failover' ? unknowns : 0), 'too many copies')
  must(status !== 'sent' || copies > 0, 'sent, and nobody has it')
  must(status !== 'held' || unknowns > 0, 'held, and nothing is unknown')
  must(status !== 'held' || contract !== 'failover', 'held, though it would rather be sent twice')
  if (unknowns === 0) must(status === 'sent' && copies === 1, 'all is known, so it must be sent once')
  else if (evidence === 'none' && contract !== 'failover')
    must(status === 'held', 'nobody can tell, so it must be held')
  // Who holds does not go by a vendor that knows nothing of it; a key asks and sends in one.
  const asked = !answer.twice || attempts.length > 2
  const resolved = {
    key: asked,
    'mute key': asked && !taken,
    question: taken || contract === 'reconcile',
    none: false,
  }[evidence]
  if (resolved && contract !== 'failover')
    must(status === 'sent' && copies === 1, 'it can be known, so it must be sent once')
  if (wrong.length === 0) return null
  const tried = attempts.map(({ provider, outcome, code }) => `${provider} ${outcome} ${code ?? ''}`.trim())
  const where = `${taken ? 'taken' : 'not taken'}, ${answer.says}, ${type} (${contract}, evidence ${evidence})`
  return `${where}: ${wrong.join('; ')}. It is ${status} with ${copies} copies after ${tried.join(', ')}`
}

interface Rest {
  status: string
  attempts: { provider: string; outcome: string | null; code: string | null }[]
}

/** Sent, given up, or held with nobody left to be asked. */
function rest(gateway: Waypost, id: string): Promise<Rest> {
  const moving = ['queued', 'sending', 'deferred', 'scheduled']
  return eventually(
    async () => {
      const { recipients, events } = (await gateway.get(`/v1/messages/${id}`)).body
      const [{ status, attempts }] = recipients
      const last = events.findLast(({ type }: { type: string }) => type === 'held')
      const asking = status === 'held' && !/until known/.test(last.detail)
      return !moving.includes(status) && !asking && { status, attempts }
    },
    `${id} comes to rest`,
    90_000,
  )
}

const folder = new URL('../adapters/', import.meta.url)
const fixtures = new URL('./adapters/', import.meta.url)
const names = new Set(readdirSync(fixtures))
// Most of it is waiting.
describe('the grid', { concurrency: 10 }, () => {
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.ts') || !names.has(file)) continue
    test(file.replace(/\.ts$/, ''), async (t) => {
      const { default: data } = (await import(new URL(file, fixtures).href)) as { default: Fixture }
      if (!('vendor' in data)) return t.skip('makes no HTTP calls')
      await play(data, await evidenceOf(data))
    })
  }
})
