/** The example policies do what the sentence on top of each says. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { adapters } from '../../adapters/index.ts'
import { engine } from '../../src/config/engine.ts'
import { type Config, parseConfig } from '../../src/config.ts'
import { Hosts } from '../../src/hosts.ts'
import type { Message } from '../../src/mail/message.ts'
import type { Outcome } from '../../src/mail/outcome.ts'
import { Moves } from '../../src/moves.ts'
import { Limited } from '../../src/queue/limits.ts'
import { covers, Purse } from '../../src/route/budget.ts'
import { compileDemands } from '../../src/route/demands.ts'
import { compilePolicy } from '../../src/route/match.ts'
import { type Planned, plan, type Standing } from '../../src/route/plan.ts'
import { Shaping } from '../../src/route/shaping.ts'
import { Rejections } from '../../src/send/rejections.ts'
import { Standings } from '../../src/standing/standing.ts'
import type { Store } from '../../src/store/store.ts'
import { quietHours } from '../../src/track/owed.ts'
import { fate } from '../../src/track/settle.ts'
import { message } from '../support/examples.ts'

const folder = new URL('../../config/examples/policies/', import.meta.url)
const now = Date.UTC(2026, 10, 26, 12)
const shown = new Set<string>()
const spentToday = (day: number) => ({ at: now, day, month: day, minutes: [] })

type How = Partial<Pick<Standing, 'closed' | 'share' | 'delivered'>>
interface Mail extends Partial<Message> {
  to?: string
  host?: string
  tries?: number
}

/** A policy, and how its planner answers: `closed` and the like by provider, `avoid` those whose answer never came. */
async function policy(name: string) {
  const file = readdirSync(folder).find((one) => one.startsWith(name))!
  shown.add(file)
  const text = readFileSync(new URL(file, folder), 'utf8')
  const env = Object.fromEntries(
    [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'a-secret-of-some-length']),
  )
  const parsed = await parseConfig(text, { file, env, adapters })
  assert.ok('config' in parsed, JSON.stringify(parsed))
  assert.deepEqual(parsed.warnings, [])
  const { config } = parsed
  const compiled = compilePolicy(config.policy, engine)
  const demands = compileDemands(config, engine)
  return {
    config,
    plan(
      { to = 'bob@example.net', host, tries = 0, ...mail }: Mail = {},
      how: Record<string, How> = {},
      avoid: string[] = [],
      moves?: Moves,
    ) {
      const facts = { message: message(mail), recipient: to, host: host ?? null, tries, now }
      return plan({
        policy: compiled,
        facts,
        demands: demands.on(facts, facts.message.type),
        needs: config.types[facts.message.type]!.needs,
        avoid: new Map(avoid.map((name) => [name, 'its answer never came'])),
        standing: standings(config, how),
        ...(moves ? { moves: moves.standing() } : {}),
        now,
      })
    },
  }
}

function standings({ providers }: Config, how: Record<string, How>): Map<string, Standing> {
  return new Map(
    providers.map((provider) => [
      provider.name,
      {
        provider,
        costPerThousand: provider.cost.tiers[0]!.perThousand,
        latencyMs: null,
        success: null,
        probing: false,
        ...how[provider.name],
      },
    ]),
  )
}

/** How the providers of a config stand, as a gateway would know it that has just been started with an empty store. */
async function standingsOf(config: Config) {
  const store = { state: async () => null, setState: async () => {}, usage: async () => ({}) } as unknown as Store
  const hosts = new Hosts(
    async () => null,
    () => now,
  )
  const parts = { store, clock: () => now, dice: () => 0.5, hosts, regex: engine, turned() {} }
  const standings = await Standings.open(parts, config.providers, config)
  const { type, tenant } = message()
  return {
    at: (at: number, to: string): Record<string, How> => Object.fromEntries(standings.forMessage(message(), to, at)),
    take: (name: string, to: string, at: number) => standings.take(name, { type, tenant, to: [to] }, at),
  }
}

const names = ({ candidates }: Planned) => candidates.map(({ provider }) => provider)
const down: How = { closed: { reason: 'its breaker is open', until: now + 30_000 } }

test('1: A, then B, then C, and back in steps', async () => {
  const { config, plan } = await policy('01')
  assert.deepEqual(names(plan()), ['a', 'b', 'c'])
  assert.deepEqual(names(plan({}, { a: down })), ['b', 'c'])
  const a = config.providers.find(({ name }) => name === 'a')!
  const spent = new Limited('a', a.limits, { now, before: spentToday(50_000) }).refusal(1, now)
  assert.ok(spent)
  assert.deepEqual(names(plan({}, { a: { closed: spent }, b: down })), ['c'])
  const back = Array.from({ length: 1_000 }, (_, count) => names(plan({ id: `msg_${count}` }, { a: { share: 0.25 } })))
  const first = back.filter(([first]) => first === 'a').length
  assert.ok(first > 200 && first < 300, `${first} of 1,000 are back at a`)
  assert.ok(back.every((order) => order[0] === 'a' || (order[0] === 'b' && order.at(-1) === 'a')))
})

test('2: codes go elsewhere at once, everything else waits for the first', async () => {
  const { plan } = await policy('02')
  assert.deepEqual(names(plan({ type: 'otp' }, { a: down })), ['b'])
  assert.deepEqual(names(plan({ tags: ['password-reset'] }, { a: down })), ['b'])
  const other = plan({}, { a: down })
  assert.deepEqual([names(other), other.waitUntil], [[], now + 30_000])
  assert.deepEqual(names(plan()), ['a'])
})

test('3: what left without an answer goes elsewhere only for codes', async () => {
  const { config, plan } = await policy('03')
  const contracts = Object.values(config.types).map(({ name, onUnknown }) => [name, onUnknown])
  assert.deepEqual(contracts, [
    ['otp', 'failover'],
    ['transactional', 'reconcile'],
    ['marketing', 'hold'],
  ])
  // The others are never planned again before it is known what became of them.
  assert.deepEqual(names(plan({ type: 'otp' }, {}, ['a'])), ['b'])
  assert.deepEqual(names(plan()), ['a', 'b'])
})

test('4: Microsoft by MX through the relay, all others directly', async () => {
  const { plan } = await policy('04')
  assert.deepEqual(names(plan({ to: 'ann@a-company.example', host: 'outlook' })), ['relay-x'])
  assert.deepEqual(names(plan({ to: 'ann@outlook.com', host: 'gmail' })), ['own-mta'])
  assert.deepEqual(names(plan()), ['own-mta'])
})

test('5: a client’s campaigns use its account or wait', async () => {
  const { plan } = await policy('05')
  const mail = { type: 'marketing', tenant: 'client-a' }
  assert.deepEqual(names(plan(mail)), ['client-a'])
  const waiting = plan(mail, { 'client-a': down })
  assert.deepEqual([names(waiting), waiting.waitUntil], [[], now + 30_000])
  assert.deepEqual(names(plan({ type: 'marketing' })), ['ours', 'relay'])
  assert.deepEqual(names(plan({ provider: 'client-a' })), [], 'nobody else may pin it')
})

test('6: a domain uses the providers on which it is verified', async () => {
  const { plan } = await policy('06')
  assert.deepEqual(names(plan({ from: { email: 'ann@example.org' } })), ['a', 'c'])
  assert.deepEqual(names(plan({ from: { email: 'ann@example.com' } })), ['b'])
  const pinned = plan({ from: { email: 'ann@example.com' }, provider: 'a' })
  assert.deepEqual(names(pinned), [])
  assert.equal(pinned.rejected[0]!.reason, 'is set up for example.org, and this mail is from example.com')
})

test('7: marketing in shares of 70, 20 and 10, always the same for one recipient', async () => {
  const { plan } = await policy('07')
  const count: Record<string, number> = { a: 0, b: 0, c: 0 }
  for (let number = 0; number < 2_000; number++) {
    const to = `user${number}@example.net`
    const [first] = names(plan({ type: 'marketing', to }))
    assert.equal(names(plan({ type: 'marketing', to, id: `msg_${number}` }))[0], first)
    count[first!]!++
  }
  // Three standard deviations of a binomial draw of 2,000.
  assert.ok(Math.abs(count.a! - 1_400) < 62 && Math.abs(count.b! - 400) < 54, JSON.stringify(count))
  assert.deepEqual(names(plan()), ['b', 'a'])
})

test('8: a new one gets two hundred a day at each mailbox provider, then 40 % more, and the warm ones the rest', async () => {
  const { config, plan } = await policy('08')
  const standings = await standingsOf(config)
  const day = 86_400_000
  const sentOn = (at: number, to: string) => {
    let sent = 0
    while (names(plan({ to }, standings.at(at, to)))[0] === 'new') {
      assert.notEqual(typeof standings.take('new', to, at), 'string')
      sent++
    }
    return sent
  }
  assert.deepEqual([sentOn(now, 'bob@gmail.com'), sentOn(now, 'eve@outlook.com')], [200, 200])
  const full = plan({ to: 'ann@gmail.com' }, standings.at(now, 'ann@gmail.com'))
  assert.deepEqual(names(full), ['warm', 'warm-too'])
  assert.equal(full.rejected[0]!.reason, 'warming up at gmail: 200 of 200 on sending day 1')
  // Three days without mail are no sending days.
  assert.deepEqual(
    [now + 4 * day, now + 5 * day].map((at) => sentOn(at, 'bob@gmail.com')),
    [280, 392],
  )
  assert.equal(sentOn(now + 5 * day, 'eve@outlook.com'), 280)
})

test('9: free tiers first, each until its day is spent', async () => {
  const { config, plan } = await policy('09')
  const used = (counts: Record<string, number>) =>
    Object.fromEntries(
      config.providers.flatMap(({ name, limits }) => {
        const closed = new Limited(name, limits, { now, before: spentToday(counts[name] ?? 0) }).refusal(1, now)
        return closed ? [[name, { closed }]] : []
      }),
    )
  assert.deepEqual(names(plan({}, used({ 'free-200': 199 })))[0], 'free-200')
  assert.deepEqual(names(plan({}, used({ 'free-200': 200 }))), ['free-300', 'paid'])
  assert.deepEqual(names(plan({}, used({ 'free-200': 200, 'free-300': 300 }))), ['paid'])
})

test('10: the cheapest within one point of the best', async () => {
  const { plan } = await policy('10')
  const told = (permille: Record<string, number>) =>
    Object.fromEntries(
      Object.entries(permille).map(([name, good]) => [name, { delivered: { good, bad: 1_000 - good, complaints: 0 } }]),
    )
  assert.deepEqual(names(plan({}, told({ cheap: 981, middle: 985, dear: 990 }))), ['cheap', 'middle', 'dear'])
  assert.deepEqual(names(plan({}, told({ cheap: 960, middle: 985, dear: 990 }))), ['middle', 'dear', 'cheap'])
  assert.deepEqual(names(plan({}, told({ cheap: 960, middle: 975, dear: 990 })))[0], 'dear')
})

test('11: a tenth to the alternative, but no codes and no invoices', async () => {
  const { plan } = await policy('11')
  const first = (type: string) =>
    Array.from({ length: 2_000 }, (_, count) => names(plan({ type, id: `msg_${count}` }))[0]).filter(
      (name) => name === 'alternative',
    ).length
  const share = first('transactional')
  assert.ok(Math.abs(share - 200) < 41, `${share} of 2,000`)
  assert.deepEqual([first('otp'), first('invoice')], [0, 0])
})

test('12: marketing stops when its month is spent, everything else does not', async () => {
  const { config, plan } = await policy('12')
  const spent = (millionths: number) => {
    const purse = new Purse(config.budgets[0]!, 'month', millionths, now)
    return (provider: string, type: string) => {
      const { perThousand } = config.providers.find(({ name }) => name === provider)!.cost.tiers[0]!
      const closed = covers(config.budgets[0]!, { type, tenant: '' }) ? purse.refusal(perThousand * 1_000, now) : null
      return closed ? { closed } : {}
    }
  }
  const go = (type: string, budget: ReturnType<typeof spent>) =>
    plan({ type }, { a: budget('a', type), b: budget('b', type) })
  assert.deepEqual(names(go('marketing', spent(0))), ['a', 'b'])
  assert.deepEqual(names(go('marketing', spent(499_999_000))), ['a'], 'the last that it has money for')
  const waiting = go('marketing', spent(500_000_000))
  assert.deepEqual([names(waiting), waiting.waitUntil], [[], Date.UTC(2026, 11, 1)])
  assert.match(waiting.rejected[0]!.reason, /^budget marketing is spent: 500\.00 of 500 this month$/)
  assert.deepEqual(names(go('transactional', spent(500_000_000))), ['a', 'b'])
})

test('13: mail of Europe leaves through Europe or waits', async () => {
  const { plan } = await policy('13')
  const mails: Mail[] = [
    { tenant: 'acme-gmbh' },
    { metadata: { region: 'eu' } },
    { to: 'bob@example.de' },
    { type: 'records' },
  ]
  for (const mail of mails) {
    assert.deepEqual(names(plan(mail)), ['eu-1', 'eu-2'])
    const waiting = plan(mail, { 'eu-1': down, 'eu-2': down })
    assert.deepEqual([names(waiting), waiting.waitUntil], [[], now + 30_000])
  }
  assert.deepEqual(names(plan()), ['us', 'eu-1', 'eu-2'])
  for (const mail of mails)
    assert.deepEqual(names(plan({ ...mail, provider: 'us' })), [], 'not even where it is pinned')
})

test('14: more than 20 of the last 100 deferred at one host, and half as much goes there for two hours', async () => {
  const { config, plan } = await policy('14')
  const shaping = new Shaping(config.providers[0]!.shaping, engine)
  const hear = (what: 'good' | 'bad', times: number) =>
    Array.from({ length: times }, (_, second) => shaping.note('outlook', what, now + second * 1_000))
  hear('good', 79)
  assert.ok(hear('bad', 20).every((began) => began === null))
  const began = shaping.note('outlook', 'bad', now + 100_000)
  assert.deepEqual([began?.why, began?.interval], ['21 of the last 100 deferred or blocked', 2_000])
  assert.equal(began!.until, now + 100_000 + 2 * 3_600_000)
  const at = now + 100_000
  assert.equal(shaping.goes(new Set(['outlook']), '', 1, at), null)
  const closed = shaping.closed('outlook', '', at + 1)!
  assert.deepEqual(names(plan({}, { 'own-mta': { closed } })), ['relay'])
  assert.equal(shaping.closed('gmail', '', at + 1), null)
})

test('15: a known block message suspends there and for that tenant, and suppresses nobody', async () => {
  const { config, plan } = await policy('15')
  const shaping = new Shaping(config.providers[0]!.shaping, engine)
  const reply = '550 5.7.1 Service unavailable, client host blocked using Spamhaus'
  const [rule] = shaping.asked(reply)
  shaping.suspend(rule!, { host: 'gmx', tenant: 'acme', reply }, now)
  const closed = shaping.closed('gmx', 'acme', now)!
  assert.equal(closed.until, now + 3 * 3_600_000)
  assert.deepEqual(names(plan({}, { 'own-mta': { closed } })), ['relay'])
  assert.deepEqual([shaping.closed('gmx', 'other', now), shaping.closed('gmail', 'acme', now)], [null, null])
  // As which it is understood; `test/journeys/shaped.test.ts` shows it all.
  const said: Outcome = { kind: 'deferred', cause: 'host', diagnostic: { code: '550', reason: reply } }
  assert.deepEqual(fate(said, true), { kind: 'elsewhere', refusal: false })
})

test('16: only who can carry it, and no failing for what is only wished', async () => {
  const { plan } = await policy('16')
  assert.deepEqual(names(plan({ tags: ['a'] })), ['one-tag', 'many-tags'])
  assert.deepEqual(names(plan({ tags: ['a', 'b'] })), ['many-tags'])
  assert.deepEqual(names(plan({ size: 11_000_000 })), ['many-tags'])
  assert.deepEqual(names(plan({ sendAt: now + 60_000 })), ['one-tag', 'many-tags'])
  const [first] = plan({ type: 'otp', tags: ['a', 'b'], metadata: { campaign: '7' } }).candidates
  assert.equal(first!.provider, 'one-tag')
  assert.equal(first!.reasons.at(-1), 'leaves out 1 of 2 tags, which it cannot carry')
})

test('17: directly first, and after two failures or 10 minutes by the relay', async () => {
  const { plan } = await policy('17')
  const waited = (minutes: number, tries: number) =>
    names(plan({ tries, acceptedAt: now - minutes * 60_000, sendAt: null }))
  assert.deepEqual(waited(0, 0), ['own-mta'])
  assert.deepEqual(waited(10, 1), ['own-mta'])
  assert.deepEqual(waited(3, 2), ['relay', 'own-mta'])
  assert.deepEqual(waited(11, 0), ['relay', 'own-mta'])
  const later = plan({ acceptedAt: now - 86_400_000, sendAt: now })
  assert.deepEqual(names(later), ['own-mta'], 'what was to be sent now is not old')
})

test('18: marketing waits for the morning of its recipient, everything else does not', async () => {
  const { config } = await policy('18')
  const waits = (type: string, hour: number, metadata: Record<string, string> = {}) =>
    quietHours(config.types[type]!, message({ type, metadata }), Date.UTC(2026, 10, 26, hour))?.until ?? null
  const zone = 'America/New_York'
  assert.equal(waits('marketing', 4, { zone }), Date.UTC(2026, 10, 26, 12), 'at 23:00 in New York')
  assert.equal(waits('marketing', 22, { zone }), null)
  assert.equal(waits('marketing', 22), Date.UTC(2026, 10, 27, 6))
  assert.deepEqual([waits('transactional', 4, { zone }), waits('otp', 4, { zone })], [null, null])
})

test('20: who refuses everybody is no reason to suppress anybody', async () => {
  const { plan } = await policy('20')
  assert.deepEqual(names(plan()), ['a', 'b'])
  const rejections = new Rejections()
  const no: Outcome = { kind: 'rejected', cause: 'recipient', diagnostic: { code: '550', reason: 'no such user' } }
  const read = ['x', 'y', 'z'].map((email, minute) => rejections.read('', new Map([[email, no]]), minute * 60_000))
  assert.deepEqual(
    read.at(-1)!.absolved.map(({ email }) => email),
    ['x', 'y'],
  )
  // What is deferred for the provider's sake goes to the next; `test/journeys/vendor-in-trouble.test.ts` shows it all.
  assert.deepEqual(fate(read.at(-1)!.outcomes.get('z')!, true), { kind: 'elsewhere', refusal: false })
})

test('19: from A to B in four steps over two weeks, held by complaints and by deferrals', async () => {
  const { config, plan } = await policy('19')
  const day = 86_400_000
  let time = now
  const open = () => {
    const store = { state: async () => null, setState: async () => {} }
    return Moves.open({ store, clock: () => time, turned() {} }, config.policy)
  }
  const moves = await open()
  const people = Array.from({ length: 2_000 }, (_, number) => `user${number}@example.net`)
  const movedNow = () => people.filter((to) => names(plan({ to }, {}, [], moves))[0] === 'b')
  let before: string[] = []
  for (const share of [0.05, 0.25, 0.5, 1]) {
    const moved = movedNow()
    // Three standard deviations of a binomial draw of 2,000.
    const room = 3 * Math.sqrt(2_000 * share * (1 - share))
    assert.ok(Math.abs(moved.length - 2_000 * share) <= room, `${moved.length} of 2,000 at ${share}`)
    assert.ok(
      before.every((to) => moved.includes(to)),
      'nobody goes back',
    )
    before = moved
    time += (14 * day) / 4
  }
  assert.equal(moves.views()[0]!.state, 'done')
  assert.deepEqual(names(plan({}, { b: down }, [], moves)), ['a'])

  for (const bad of ['complained', 'deferred'] as const) {
    const held = await open()
    for (let mail = 0; mail < 1_000; mail++) for (const name of ['a', 'b']) held.note(name, 'mails')
    for (let mail = 0; mail < 50; mail++) held.note('a', 'deferred')
    for (let mail = 0; mail < (bad === 'deferred' ? 100 : 1); mail++) held.note('b', bad)
    assert.equal(held.views()[0]!.state, 'moving')
    held.note('b', bad)
    assert.deepEqual([held.views()[0]!.state, held.views()[0]!.share], ['held', 0.05])
  }
})

test('21: B gets no more than it is used to, codes first', async () => {
  const { config, plan } = await policy('21')
  assert.deepEqual(names(plan({}, { a: down })), ['b'])
  const { limits } = config.providers.find(({ name }) => name === 'b')!
  const allowance = new Limited('b', limits, { now })
  let taken = 0
  for (let at = now; at < now + 3_600_000; at += 100) {
    if (allowance.refusal(1, at)) continue
    allowance.take(1, at)
    taken++
  }
  assert.equal(taken, 5_000)
  const waiting = plan({}, { a: down, b: { closed: allowance.refusal(1, now + 3_500_000)! } })
  assert.deepEqual(names(waiting), [])
  assert.ok(waiting.waitUntil! > now)
  const { otp, receipt, marketing } = config.types
  assert.deepEqual([otp!.priority, receipt!.priority, marketing!.priority], ['high', 'normal', 'low'])
})

test('22: one in a thousand newsletters is copied, to a provider that keeps it', async () => {
  const { config, plan } = await policy('22')
  const [newsletters, rest] = config.policy.rules
  assert.deepEqual(newsletters!.mirror, { to: 'sandbox', share: 0.001, tenant: '' })
  assert.equal(rest!.mirror, undefined)
  assert.equal(config.providers.find(({ name }) => name === 'sandbox')!.adapter.send.kind, 'keep')
  // The original is planned as it was; `test/journeys/mirrored.test.ts` shows the copy.
  assert.deepEqual(names(plan({ type: 'newsletter' })), ['a'])
})

test('each of them is shown', () => {
  assert.deepEqual(readdirSync(folder).sort(), [...shown].sort())
})
