/**
 * The grid of ambiguous outcomes: every adapter that makes HTTP calls, at its own desk, in a whole gateway with an inbox behind it.
 * Whether the vendor took the mail, what it answered and what the type says to do then, in every combination: never two copies by
 * our own doing, never none that is called sent, and held only what nobody can know. Evidence that comes later is
 * `grid-later.test.ts`.
 */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { VendorData } from './adapters/fixture.ts'
import {
  type Answer,
  answers,
  type Contract,
  config,
  contracts,
  copiesOf,
  type Evidence,
  eachVendor,
  providers,
  recipientOf,
  rest,
  tried,
} from './support/ambiguous.ts'
import type { FakeVendor } from './support/fake-vendors/vendor.ts'
import { type Waypost, withWaypost } from './support/waypost.ts'

const types = { failover: 'otp', reconcile: 'transactional', hold: 'marketing' } as const

interface Square {
  to: string
  taken: boolean
  answer: Answer
  contract: Contract
}

/** One mail for each square; all of them travel at once. */
async function play(data: VendorData, evidence: Evidence): Promise<void> {
  const squares: Square[] = answers(data, evidence)
    .flatMap((answer) => answer.after.flatMap((taken) => contracts.map((contract) => ({ answer, taken, contract }))))
    .map((square, at) => ({ ...square, to: `square-${at}@${square.answer.at}.example.org` }))
  const vendor = await data.vendor()
  misbehave(vendor, squares)
  const reconciling = Object.values(types).map((type) => `${type}: { reconcileFor: 800ms }`)
  try {
    await withWaypost(config(data, vendor.url, providers, reconciling), async (gateway) => {
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

function misbehave(vendor: FakeVendor, squares: readonly Square[]): void {
  const scripts = new Map(squares.map(({ to, answer, taken }) => [to, answer.calls(taken)]))
  const whose = recipientOf()
  vendor.depending(({ body }, mail) => scripts.get(whose(body, mail?.recipients[0]) ?? '')?.shift() ?? null)
}

/** Sends the mail of a square and looks at where it came to rest. @returns what is wrong, null when nothing is */
async function walk(gateway: Waypost, vendor: FakeVendor, square: Square, evidence: Evidence): Promise<string | null> {
  const { to, taken, answer, contract } = square
  const mail = { from: 'sender@example.com', to, subject: 'Hello', text: 'Hello.', html: '<p>Hello.</p>' }
  const id = await gateway.send({ ...mail, type: types[contract] })
  const end = await rest(gateway, id)
  const { status, attempts } = end
  const unknowns = attempts.filter(({ outcome }) => outcome === 'unknown').length
  const copies = copiesOf(vendor, to, end)

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
  const where = `${taken ? 'taken' : 'not taken'}, ${answer.says}, ${types[contract]} (${contract}, evidence ${evidence})`
  return `${where}: ${wrong.join('; ')}. It is ${status} with ${copies} copies after ${tried(end)}`
}

// Most of it is waiting.
describe('the grid', { concurrency: 10 }, () => eachVendor(play))
