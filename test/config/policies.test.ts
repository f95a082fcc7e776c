/** The example policies do what the sentence on top of each says. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { RE2JS } from 're2js'
import { adapters } from '../../adapters/index.ts'
import { type Config, parseConfig } from '../../src/config.ts'
import type { Message } from '../../src/mail/message.ts'
import { createAllowance } from '../../src/queue/limits.ts'
import { covers, Purse } from '../../src/route/budget.ts'
import { compilePolicy } from '../../src/route/match.ts'
import { type Planned, plan, type Standing } from '../../src/route/plan.ts'
import { message } from '../support/examples.ts'

const folder = new URL('../../config/examples/policies/', import.meta.url)
const now = Date.UTC(2026, 10, 26, 12)
const shown = new Set<string>()

type How = Partial<Pick<Standing, 'closed' | 'share'>>
interface Mail extends Partial<Message> {
  to?: string
  host?: string
}

/** A policy, and how its planner answers: `closed` and the like by provider, `avoid` those whose answer never came. */
async function policy(name: string) {
  const file = readdirSync(folder).find((one) => one.startsWith(name))!
  shown.add(file)
  const text = readFileSync(new URL(file, folder), 'utf8')
  const env = Object.fromEntries([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'a-secret']))
  const parsed = await parseConfig(text, { file, env, adapters })
  assert.ok('config' in parsed, JSON.stringify(parsed))
  assert.deepEqual(parsed.warnings, [])
  const { config } = parsed
  const compiled = compilePolicy(config.policy, (source) => {
    const pattern = RE2JS.compile(source)
    return (text) => pattern.test(text)
  })
  return {
    config,
    plan({ to = 'bob@example.net', host, ...mail }: Mail = {}, how: Record<string, How> = {}, avoid: string[] = []) {
      return plan({
        policy: compiled,
        facts: { message: message(mail), recipient: to, host: host ?? null, now },
        labels: config.types[mail.type ?? 'transactional']!.labels,
        avoid: new Map(avoid.map((name) => [name, 'its answer never came'])),
        standing: standings(config, how),
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

const names = ({ candidates }: Planned) => candidates.map(({ provider }) => provider)
const down: How = { closed: { reason: 'its breaker is open', until: now + 30_000 } }

test('1: A, then B, then C, and back in steps', async () => {
  const { config, plan } = await policy('01')
  assert.deepEqual(names(plan()), ['a', 'b', 'c'])
  assert.deepEqual(names(plan({}, { a: down })), ['b', 'c'])
  const a = config.providers.find(({ name }) => name === 'a')!
  const spent = createAllowance(a.limits, 50_000, now).refusal(1, now)
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
  const mail = { type: 'marketing', tags: ['client-a'] }
  assert.deepEqual(names(plan(mail)), ['client-a'])
  const waiting = plan(mail, { 'client-a': down })
  assert.deepEqual([names(waiting), waiting.waitUntil], [[], now + 30_000])
  assert.deepEqual(names(plan({ type: 'marketing' })), ['ours', 'relay'])
})

test('6: a domain uses the providers on which it is verified', async () => {
  const { plan } = await policy('06')
  assert.deepEqual(names(plan({ from: { email: 'ann@example.org' } })), ['a', 'c'])
  assert.deepEqual(names(plan({ from: { email: 'ann@example.com' } })), ['b'])
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

test('9: free tiers first, each until its day is spent', async () => {
  const { config, plan } = await policy('09')
  const used = (counts: Record<string, number>) =>
    Object.fromEntries(
      config.providers.flatMap(({ name, limits }) => {
        const closed = createAllowance(limits, counts[name] ?? 0, now).refusal(1, now)
        return closed ? [[name, { closed }]] : []
      }),
    )
  assert.deepEqual(names(plan({}, used({ 'free-200': 199 })))[0], 'free-200')
  assert.deepEqual(names(plan({}, used({ 'free-200': 200 }))), ['free-300', 'paid'])
  assert.deepEqual(names(plan({}, used({ 'free-200': 200, 'free-300': 300 }))), ['paid'])
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
  const mails: Mail[] = [{ tenant: 'acme-gmbh' }, { metadata: { region: 'eu' } }, { type: 'records' }]
  for (const mail of mails) {
    assert.deepEqual(names(plan(mail)), ['eu-1', 'eu-2'])
    const waiting = plan(mail, { 'eu-1': down, 'eu-2': down })
    assert.deepEqual([names(waiting), waiting.waitUntil], [[], now + 30_000])
  }
  assert.deepEqual(names(plan()), ['us', 'eu-1'])
  assert.deepEqual(names(plan({ type: 'records', provider: 'us' })), [], 'not even where it is pinned')
})

test('21: B gets no more than it is used to, codes first', async () => {
  const { config, plan } = await policy('21')
  assert.deepEqual(names(plan({}, { a: down })), ['b'])
  const { limits } = config.providers.find(({ name }) => name === 'b')!
  const allowance = createAllowance(limits, 0, now)
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

test('each of them is shown', () => {
  assert.deepEqual(readdirSync(folder).sort(), [...shown].sort())
})
