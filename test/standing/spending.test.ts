/** What mail is charged, to which budgets, and what comes back; the store is a list of counts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnostic, type Outcome, type Outcomes } from '../../src/mail/outcome.ts'
import type { Cost } from '../../src/mail/provider.ts'
import type { Budget } from '../../src/route/budget.ts'
import { refusal, Spending } from '../../src/standing/spending.ts'
import type { Count } from '../../src/store/store.ts'

const rest = Number.POSITIVE_INFINITY
const cost = (perThousand: number, more: Partial<Cost> = {}): Cost => ({
  ...{ monthly: 0, commitment: 0, tiers: [{ upTo: rest, perThousand }], perGigabyte: 0, ...more },
})
const budget = (name: string, more: Partial<Budget>): Budget => ({
  ...{ name, types: null, tenants: null, providers: null, perMonth: null, perDay: null, warn: [0.8, 0.95], ...more },
})
const now = Date.UTC(2026, 10, 25, 12)
const day = 86_400_000
const mail = (type: string, more: { tenant?: string; size?: number } = {}) => ({
  type,
  tenant: '',
  size: 1_000,
  ...more,
})

const said = diagnostic('550', 'no')
const taken: Outcome = { kind: 'accepted', providerMessageId: 'x' }
const refused: Outcome = { kind: 'rejected', cause: 'recipient', diagnostic: said }
const unknown: Outcome = { kind: 'unknown', diagnostic: said }
const outcomes = (...all: Outcome[]): Outcomes =>
  new Map(all.map((outcome, index) => [`p${index}@example.com`, outcome]))

/** Spending over a store that keeps what is counted, and can be opened again over the same. */
async function spending(
  prices: Record<string, Cost>,
  budgets: Budget[],
  kept = new Map<string, number>(),
  states = new Map<string, unknown>(),
) {
  const usage = async (span: string) =>
    Object.fromEntries(
      [...kept].filter(([key]) => key.startsWith(`${span} `)).map(([key, n]) => [key.slice(span.length + 1), n]),
    )
  const spent = new Spending({
    usage,
    state: async (key) => states.get(key) ?? null,
    setState: async (key, value) => void states.set(key, value),
  })
  await spent.configure(
    Object.entries(prices).map(([name, cost]) => ({ name, cost })),
    budgets,
    now,
  )
  const keep = (counts: readonly Count[]) => {
    for (const { span, what, amount } of counts)
      kept.set(`${span} ${what}`, (kept.get(`${span} ${what}`) ?? 0) + amount)
  }
  return {
    ...{ spent, kept, keep, states },
    view: (name: string, when = now) => spent.views(when).find((one) => one.name === name)!,
    /** Sends to some recipients, each of whom meets an outcome; why not, when it may not go. */
    send(provider: string, message: ReturnType<typeof mail>, ended: Outcomes, when = now): string | null {
      const charge = spent.charge(provider, message, ended.size, when)
      if (typeof charge === 'string') return charge
      keep(charge.counts)
      keep(charge.ended(ended))
      return null
    },
  }
}

test('mail is charged to every budget that it is under, and stops at the first that has too little left', async () => {
  const { send, view } = await spending({ a: cost(100) }, [
    budget('marketing', { types: ['marketing'], perMonth: 0.5 }),
    budget('acme', { tenants: ['acme'], perDay: 0.3 }),
  ])
  for (let sent = 0; sent < 3; sent++)
    assert.equal(send('a', mail('marketing', { tenant: 'acme' }), outcomes(taken)), null)
  assert.equal(
    send('a', mail('marketing', { tenant: 'acme' }), outcomes(taken)),
    'budget acme is spent: 0.30 of 0.3 today',
  )
  assert.equal(send('a', mail('marketing'), outcomes(taken, taken)), null)
  assert.equal(send('a', mail('marketing'), outcomes(taken)), 'budget marketing is spent: 0.50 of 0.5 this month')
  assert.equal(send('a', mail('otp'), outcomes(taken)), null, 'nobody set a budget for codes')
  assert.deepEqual([view('marketing').spent, view('acme').spent], [0.5, 0.3])
  assert.deepEqual([view('marketing').level, view('acme').level], [1, 1])
})

test('a message that would pass it by one recipient does not go, and a smaller one still does', async () => {
  const { send, view } = await spending({ a: cost(100) }, [budget('all', { perMonth: 0.5 })])
  assert.equal(send('a', mail('otp'), outcomes(taken, taken, taken, taken)), null)
  assert.match(
    send('a', mail('otp'), outcomes(taken, taken))!,
    /^budget all has too little left: 0\.40 of 0\.5 are spent this month$/,
  )
  assert.equal(view('all').level, 0.8, 'a smaller one may still go')
  assert.equal(send('a', mail('otp'), outcomes(taken)), null)
})

test('what costs nothing goes whatever is spent', async () => {
  const tiers = [
    { upTo: 3, perThousand: 0 },
    { upTo: rest, perThousand: 100 },
  ]
  const { send, spent } = await spending({ a: cost(100), b: cost(0), plan: cost(0, { tiers }) }, [
    budget('all', { perMonth: 0.1 }),
  ])
  assert.equal(send('a', mail('marketing'), outcomes(taken)), null)
  const budgets = spent.budgetsOf(mail('marketing'))
  assert.match(refusal(budgets, 'a', 100_000, now)!.reason, /^budget all is spent/)
  assert.equal(refusal(budgets, 'b', 0, now), null)
  assert.equal(send('b', mail('marketing'), outcomes(taken, taken)), null)
  assert.equal(send('plan', mail('marketing'), outcomes(taken, taken, taken)), null, 'all three of the allowance')
  assert.match(send('plan', mail('marketing'), outcomes(taken))!, /is spent/)
})

test('what the provider did not take comes back, what nobody knows of does not', async () => {
  const { send, view, kept, spent } = await spending({ a: cost(100) }, [budget('all', { perMonth: 0.4 })])
  assert.equal(send('a', mail('otp'), outcomes(taken, refused, unknown)), null)
  assert.equal(view('all').spent, 0.2)
  assert.equal(kept.get('2026-11 budget:all'), 200_000)
  assert.equal(kept.get('2026-11 paid:a'), 2)
  assert.equal(spent.reopened(), false, 'nobody waited for it')
  const charge = spent.charge('a', mail('otp'), 2, now)
  assert.ok(typeof charge === 'object')
  assert.match(send('a', mail('otp'), outcomes(taken))!, /is spent/)
  charge.undo()
  assert.equal(spent.reopened(), true)
  assert.equal(spent.reopened(), false)
  assert.equal(send('a', mail('otp'), outcomes(taken)), null)
})

test('it goes on over a restart and a reload where it was, and anew with the day and the month', async () => {
  const budgets = [budget('both', { perDay: 0.2, perMonth: 0.3 })]
  const first = await spending({ a: cost(100) }, budgets)
  assert.equal(first.send('a', mail('otp'), outcomes(taken, taken)), null)
  const second = await spending({ a: cost(100) }, budgets, first.kept)
  assert.match(second.send('a', mail('otp'), outcomes(taken))!, /0\.20 of 0\.2 today$/)
  await second.spent.configure([{ name: 'a', cost: cost(100) }], [budget('both', { perDay: 0.3, perMonth: 0.3 })], now)
  assert.equal(second.send('a', mail('otp'), outcomes(taken)), null)
  assert.match(second.send('a', mail('otp'), outcomes(taken), now + day)!, /0\.30 of 0\.3 this month$/)
  const december = Date.UTC(2026, 11, 1)
  assert.equal(second.send('a', mail('otp'), outcomes(taken), december), null)
  assert.equal(second.kept.get('2026-12 budget:both'), 100_000)
})

test('what comes back after the month has ended comes back to that month', async () => {
  const { spent, view, kept, keep } = await spending({ a: cost(100) }, [budget('all', { perMonth: 1 })])
  const december = Date.UTC(2026, 11, 1)
  const charge = spent.charge('a', mail('otp'), 1, december - 1)
  assert.ok(typeof charge === 'object')
  keep(charge.counts)
  assert.equal(view('all', december).spent, 0)
  keep(charge.ended(outcomes(refused)))
  assert.deepEqual([view('all', december).spent, kept.get('2026-11 budget:all')], [0, 0])
})

test('a warning is a share that is passed, and spent is spent', async () => {
  const { send, view } = await spending({ a: cost(100) }, [budget('all', { perMonth: 1 })])
  const levels = Array.from({ length: 11 }, () => {
    send('a', mail('otp'), outcomes(taken))
    return view('all').level
  })
  assert.deepEqual(levels, [0, 0, 0, 0, 0, 0, 0, 0.8, 0.8, 1, 1])
})

test('each level is news once in its month, also over a restart', async () => {
  const prices = { a: cost(100) }
  const budgets = [budget('all', { perMonth: 1 })]
  const first = await spending(prices, budgets)
  const levels = Array.from({ length: 9 }, () => {
    first.send('a', mail('otp'), outcomes(taken))
    return first.spent.news(now).map(({ level }) => level)
  })
  assert.deepEqual(levels, [[], [], [], [], [], [], [], [0.8], []])
  const second = await spending(prices, budgets, first.kept, first.states)
  assert.deepEqual(second.spent.news(now), [])
  second.send('a', mail('otp'), outcomes(taken))
  assert.deepEqual(
    second.spent.news(now).map(({ level, until }) => [level, until]),
    [[1, Date.UTC(2026, 11, 1)]],
  )
  assert.deepEqual(second.spent.news(Date.UTC(2026, 11, 1)), [])
})
