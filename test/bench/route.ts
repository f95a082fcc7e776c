/** What one routing decision costs, reasons included, with 50 rules of which the last matches and 20 providers: `node test/bench/route.ts`. */
import { RE2JS } from 're2js'
import postmark from '../../adapters/postmark.ts'
import smtp from '../../adapters/smtp.ts'
import type { Adapter } from '../../src/mail/adapter.ts'
import { compilePolicy } from '../../src/route/match.ts'
import { plan, type Standing } from '../../src/route/plan.ts'
import type { Condition, Use } from '../../src/route/policy.ts'
import { message } from '../adapters/fixture.ts'

const decisions = 200
const names = Array.from({ length: 20 }, (_, number) => `provider-${number}`)
const leaves = names.map((provider) => ({ provider }))
const uses: Record<string, Use> = {
  first: { first: leaves },
  'best by cost': { best: { of: leaves, by: 'cost' } },
  'best by health': { best: { of: leaves, by: 'health' } },
  split: {
    split: { weights: Object.fromEntries(names.map((name, number) => [name, number + 1])), sticky: 'recipient' },
  },
}
/** None of these matches the message below. */
const conditions: Condition[] = [
  { fields: { type: { is: 'otp' } } },
  { fields: { tag: { in: ['reminder', 'digest'] } } },
  {
    all: [{ fields: { type: { is: 'transactional' } } }, { fields: { 'recipient.domain': { glob: '*.example.net' } } }],
  },
  { fields: { subject: { regex: '^(Invoice|Receipt) [0-9]+' } } },
  { fields: { size: { gt: 10_000_000 } } },
  { fields: { 'header.x-campaign': { glob: 'summer-*' } } },
  { any: [{ fields: { 'metadata.team': { is: 'billing' } } }, { fields: { 'from.domain': { in: ['example.net'] } } }] },
  { fields: { recipient: { glob: '*@gmail.com' } } },
]
const regex = (source: string) => {
  const pattern = RE2JS.compile(source)
  return (text: string) => pattern.test(text)
}
const standing = new Map(
  names.map((name, number): [string, Standing] => [
    name,
    {
      provider: {
        name,
        adapter: (number % 2 === 0 ? postmark : smtp) as unknown as Adapter,
        options: {},
        cost: { perThousand: number },
        limits: { perSecond: null, perMinute: null, perHour: null, perDay: null, inFlight: 150 },
        timeout: 30_000,
        breaker: { failures: 5, open: 30_000, probes: 1 },
        labels: ['eu'],
      },
      probing: false,
      costPerThousand: (number * 7) % 20,
      latencyMs: 50 + number,
      success: 0.9 + number / 1000,
      ...(number % 5 === 4 ? { closed: { reason: 'its breaker is open', until: 30_000 } } : {}),
    },
  ]),
)
for (const [name, use] of Object.entries(uses)) {
  const rules = Array.from({ length: 50 }, (_, number) => ({
    name: `rule-${number}`,
    when: number === 49 ? null : conditions[number % conditions.length]!,
    use,
  }))
  const policy = compilePolicy({ version: 'a1b2c3d4', rules }, regex)
  const run = (count: number) => {
    for (let number = 0; number < count; number++) {
      const facts = { message, recipient: `someone-${number % 1000}@example.org`, host: null, hour: 12 }
      const { route, candidates } = plan({ policy, facts, labels: ['eu'], avoid: new Map(), standing, now: 0 })
      if (route !== 'rule-49' || candidates.length !== 16) throw new Error(`${route}, ${candidates.length} candidates`)
    }
  }
  for (let warm = 0; warm < 100; warm++) run(decisions)
  // The best of many, for whatever else runs on the machine only ever adds.
  const each = Array.from({ length: 200 }, () => {
    const before = performance.now()
    run(decisions)
    return ((performance.now() - before) * 1000) / decisions
  })
  console.log(`${name.padEnd(16)}${Math.min(...each).toFixed(2)} µs a decision`)
}
