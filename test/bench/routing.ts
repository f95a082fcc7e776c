/** One routing decision: a policy of 50 rules over 20 providers, reasons included. */
import { RE2JS } from 're2js'
import { compilePolicy } from '../../src/route/match.ts'
import { plan, type Standing } from '../../src/route/plan.ts'
import type { Rule, Use } from '../../src/route/policy.ts'
import { message, provider } from '../support/examples.ts'
import type { Road } from './road.ts'

const names = Array.from({ length: 20 }, (_, number) => `provider-${number}`)
const leaves: Use[] = names.map((name) => ({ provider: name }))

/** The last matches everything and ranks all 20; a message for nobody else's domain falls through the 49 before. */
const rules: Rule[] = [
  ...Array.from({ length: 49 }, (_, number): Rule => {
    const fields: Extract<Rule['when'], { fields: unknown }>['fields'][] = [
      { 'recipient.domain': { is: `customer-${number}.example` } },
      { type: { is: 'otp' }, 'from.domain': { in: ['a.example', 'b.example'] } },
      { recipient: { glob: `*@*.shop-${number}.example` } },
      { subject: { regex: `^Invoice ${number}\\b` } },
      { size: { gt: 1_000_000 + number }, attachments: { gt: 0 } },
    ]
    return { name: `rule-${number}`, when: { fields: fields[number % fields.length]! }, use: leaves[number % 20]! }
  }),
  { name: 'default', when: null, use: { best: { of: leaves, by: 'cost' } } },
]

export const routing: Road = {
  name: 'routing',
  about: 'one routing decision: 50 rules, 20 providers, reasons included',
  measures: { 'a decision': { unit: 'µs', better: 'less', target: '5' } },
  systems: {
    waypost: async () => {
      const standing = new Map(
        names.map((name, number): [string, Standing] => [
          name,
          {
            provider: provider(name),
            costPerThousand: (number * 7) % 20,
            latencyMs: 50 + number,
            success: 0.99,
            probing: false,
            ...(number % 5 === 4 ? { closed: { reason: 'its breaker is open', until: 2_000_000 } } : {}),
          },
        ]),
      )
      const engine = (source: string) => {
        const pattern = RE2JS.compile(source)
        return (text: string) => pattern.test(text)
      }
      const policy = compilePolicy({ version: 'bench', rules }, engine)
      const facts = {
        message: message({ subject: 'Your order' }),
        recipient: 'bob@example.org',
        host: null,
        tries: 0,
        now: 12 * 3_600_000,
      }
      const decide = (times: number) => {
        // Of processor, not of the wall: a decision waits for nothing.
        const before = process.threadCpuUsage()
        for (let left = times; left > 0; left--) {
          const { candidates } = plan({
            policy,
            facts,
            asked: { labels: [], needs: [] },
            avoid: new Map(),
            standing,
            now: 1_000_000,
          })
          if (candidates.length !== 16) throw new Error('the plan is wrong')
        }
        const { user, system } = process.threadCpuUsage(before)
        return (user + system) / times
      }
      decide(20_000)
      return { 'a decision': decide(50_000) }
    },
  },
}
