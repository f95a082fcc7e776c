/**
 * The grid of ambiguous outcomes, where the evidence comes later: every adapter's vendor, asked what it took, does not find it at
 * first, or tells of it by an event of its own. Before the type's `reconcileFor` is over and after, and never: the mail is sent once
 * where that can be known in time, and what the contract has decided by then is owned up to.
 */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { HookCall } from '../src/mail/webhook.ts'
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
  lost,
  type Rest,
  recipientOf,
  rest,
  state,
  stateOf,
  tried,
} from './support/ambiguous.ts'
import type { FakeVendor } from './support/fake-vendors/vendor.ts'
import { type Telling, telling } from './support/vendor-events.ts'
import { eventually, type Waypost, withWaypost } from './support/waypost.ts'

/** Whether `reconcileFor` is over before the evidence comes: in no test's time, or at once. */
const patience = { patient: '1h', brief: '100ms' } as const

interface Vendor {
  asks: Evidence
  /** It takes one mail under one id: sent again it is refused, and the vendor is asked until it finds the first. */
  once: boolean
  /** Asked what became of a mail it lists what it has: each question is about all. */
  lists: boolean
  desk: FakeVendor
}

/** What comes to light of a mail whose answer nobody could read. */
type Column = {
  says: string
  patience: keyof typeof patience
  contracts: readonly Contract[]
  after: (answer: Answer) => boolean
} & ({ kind: 'search'; taken: boolean } | { kind: 'event'; taken: true; telling: Telling })

/** What became of it in the end. */
interface End {
  status: 'sent' | 'held'
  copies: number
  /** The first provider told that it had it too; under one id for both nobody can tell. */
  duplicate?: boolean
}

interface Square {
  to: string
  answer: Answer
  column: Column
  contract: Contract
  /** Lets the vendor's search find what it took. */
  index: PromiseWithResolvers<void>
  /** How often the vendor was asked for it. */
  asked: number
}

/** Asked for a mail, they list what they have. */
const listing = new Set(['flowmailer', 'smtpcom'])

const foundLater = 'found at the second look'
const waiting: readonly Contract[] = ['reconcile', 'hold']

function columns(data: VendorData, evidence: Evidence): Column[] {
  const search = (says: string, patience: Column['patience'], taken: boolean, contracts: readonly Contract[]) =>
    evidence === 'question' ? [{ kind: 'search' as const, says, patience, taken, contracts, after: () => true }] : []
  const tellings = (['accepted', 'delivered'] as const).map((type) => telling(data, type)).filter((one) => one !== null)
  return [
    ...search(foundLater, 'patient', true, waiting),
    ...search('found when it was decided', 'brief', true, contracts),
    ...search('not found, for it was not taken', 'patient', false, waiting),
    ...tellings.flatMap((telling): Column[] => {
      // One of them after every answer is enough.
      const after = ({ says }: Answer) => telling === tellings.at(-1) || says === 'lost'
      const event = { kind: 'event' as const, taken: true as const, telling, after }
      return [
        { ...event, says: `${telling.type} told in time`, patience: 'patient', contracts: waiting },
        { ...event, says: `${telling.type} told when it was decided`, patience: 'brief', contracts },
      ]
    }),
  ]
}

/**
 * What must become of the mail of a square.
 * @param ids the vendor's ids of the copies that it took
 */
function due({ contract, column }: Square, { asks, once }: Vendor, ids: readonly string[]): End {
  const inTime = column.patience === 'patient'
  if (!column.taken) return { status: 'held', copies: 0 }
  // Asked until its time was over, the vendor said that it did not have it.
  const denied = isAskedOnce(column, contract, asks)
  if (denied && once) return { status: 'sent', copies: 1 }
  if (column.kind === 'search') {
    if (inTime) return { status: 'sent', copies: 1 }
    return contract === 'hold' ? { status: 'held', copies: 1 } : { status: 'sent', copies: 2 }
  }
  const { finds } = column.telling
  if (denied) return { status: 'sent', copies: 2, duplicate: finds === 'always' && new Set(ids).size > 1 }
  if (contract === 'failover') return { status: 'sent', copies: 2, duplicate: finds === 'always' }
  return { status: finds === 'never' ? 'held' : 'sent', copies: 1 }
}

/** Whether what the vendor answers to a question decides: that it does not know the mail, when its time is over. */
function isAskedOnce({ patience }: Column, contract: Contract, asks: Evidence): boolean {
  return patience === 'brief' && contract === 'reconcile' && asks === 'question'
}

/** One mail for each square; all of them travel at once. */
async function play(data: VendorData, asks: Evidence): Promise<void> {
  const { name } = data.adapter
  const ambiguous = answers(data, asks).filter(({ says, after, twice }) => says !== 'well' && after[0] && !twice)
  const squares: Square[] = columns(data, asks)
    .flatMap((column) => column.contracts.map((contract) => ({ column, contract })))
    .flatMap((what) => ambiguous.filter(what.column.after).map((answer) => ({ ...what, answer })))
    // A question has no more time than the call: where one answer decides, that time must not.
    .filter(({ answer, column, contract }) => answer.at !== 'late' || !isAskedOnce(column, contract, asks))
    .map((square, at) => ({
      ...square,
      to: `square-${at}@${square.answer.at}.example.org`,
      index: Promise.withResolvers<void>(),
      asked: 0,
    }))
  const vendor = { asks, desk: await data.vendor(), once: name === 'azure-acs', lists: listing.has(name) }
  misbehave(vendor, squares)
  const types = contracts.flatMap((contract) =>
    Object.entries(patience).map(
      ([name, time]) => `${name}-${contract}: { onUnknown: ${contract}, reconcileFor: ${time} }`,
    ),
  )
  try {
    await withWaypost(
      config(data, vendor.desk.url, ['prompt', 'late'], types),
      async (gateway) => {
        const wrong = await Promise.all(squares.map((square) => walk(gateway, vendor, square)))
        assert.deepEqual(
          wrong.filter((line) => line !== null),
          [],
        )
      },
      data.hooks?.fetch,
    )
  } finally {
    await vendor.desk.close()
  }
}

/**
 * The first call for a mail ends as its square says; asked again by a key there is no answer either. Nothing that was taken is found
 * before its square lets it.
 */
function misbehave({ desk, asks, lists }: Vendor, squares: readonly Square[]): void {
  const byRecipient = new Map(squares.map((square) => [square.to, square]))
  /** What questions about the squares' mail may name: the recipient, our id, or the vendor's. */
  const names = new Map<Square, string[]>()
  const whose = recipientOf()
  desk.lagging(({ recipients }) => byRecipient.get(recipients[0]!)?.index.promise ?? null)
  desk.depending((asked, mail) => {
    const square = byRecipient.get(whose(asked.body, mail?.recipients[0]) ?? '')
    if (!square) {
      const question = [asked.path.split('/').at(-1), ...asked.query.values(), asked.body].join('\n')
      for (const [one, its] of names) {
        if (lists || its.some((name) => question.includes(name))) one.asked++
      }
      return null
    }
    if (names.has(square)) return asks.endsWith('key') ? lost(false) : null
    names.set(square, [square.to, ...(/msg_[0-9a-z]+/.exec(asked.body.toString()) ?? []), mail?.id ?? square.to])
    return square.answer.calls(square.column.taken)[0]!
  })
}

/** Sends the mail of a square and brings its evidence to light. @returns what is wrong, null when nothing is */
async function walk(gateway: Waypost, vendor: Vendor, square: Square): Promise<string | null> {
  const { to, answer, column, contract } = square
  const taken = () => vendor.desk.taken.filter(({ recipients }) => recipients.includes(to))
  const mail = { from: 'sender@example.com', to, subject: 'Hello', text: 'Hello.', html: '<p>Hello.</p>' }
  const id = await gateway.send({ ...mail, type: `${column.patience}-${contract}` })
  const decided = column.patience === 'brief'
  const sentAgain = isAskedOnce(column, contract, vendor.asks)
  if (sentAgain)
    await state(gateway, id, 'is given up', ({ events }) => events.some(({ detail }) => denied.test(detail ?? '')))
  if (decided && !(sentAgain && vendor.once)) await rest(gateway, id)
  if (!decided) await state(gateway, id, 'is held', ({ status }) => status === 'held' || status === 'sent')

  if (column.kind === 'event') {
    const [first] = taken()
    if (!first) return `${column.says}, ${answer.says}, ${contract}: the call was cut off before the vendor had read it`
    await tell(gateway, answer.at, await column.telling.about({ id, to, vendorsId: first.ids?.[to] ?? first.id }))
  } else if (!decided) {
    await eventually(() => square.asked >= 1, `the vendor is asked for ${id}`, 90_000)
    if (!column.taken) await eventually(() => square.asked >= 2, `the vendor is asked for ${id} again`, 90_000)
  }
  const found = column.taken && (column.kind === 'search' || (sentAgain && vendor.once))
  if (found) square.index.resolve()
  const end = await (found ? rest(gateway, id) : stateOf(gateway, id))
  const ids = taken().map((one) => one.ids?.[to] ?? one.id)
  return difference(square, end, copiesOf(vendor.desk, to, end), due(square, vendor, ids))
}

const denied = /was asked and never took it/

async function tell(gateway: Waypost, provider: string, { method, query, headers, body }: HookCall): Promise<void> {
  const init = { method, headers, ...(method === 'POST' ? { body: body as BodyInit } : {}) }
  const { status } = await fetch(`${gateway.url}/hooks/${provider}?${query}`, init)
  assert.equal(status, 200, 'the event is taken')
}

function difference(square: Square, end: Rest, copies: number, should: End): string | null {
  const { answer, column, contract } = square
  const duplicates = end.events.filter(({ detail }) => detail?.startsWith('confirmed duplicate')).length
  const wrong: string[] = []
  const must = (holds: boolean, what: string) => holds || wrong.push(what)
  const status = end.status === 'delivered' ? 'sent' : end.status
  must(status === should.status, `it must be ${should.status}`)
  must(copies === should.copies, `there must be ${should.copies} copies`)
  must(duplicates === (should.duplicate ? 1 : 0), `${duplicates} times a confirmed duplicate`)
  must(column.says !== foundLater || square.asked >= 2, 'found at the first look')
  if (wrong.length === 0) return null
  const where = `${column.says}, ${answer.says}, ${contract}`
  return `${where}: ${wrong.join('; ')}. It is ${end.status} with ${copies} copies after ${tried(end)}`
}

// Most of it is waiting.
describe('the grid of what is told later', { concurrency: 10 }, () => eachVendor(play))
