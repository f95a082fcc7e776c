/** A draft beside the present policy, over mail that is made up: how many messages the engine goes through in a second. */
import { draftOf, readDraft } from '../../src/simulate/draft.ts'
import { type Side, simulate } from '../../src/simulate/simulation.ts'
import type { Amounts, Road } from './road.ts'

const day = 86_400_000
const days = 30

const policy = (rule: string) => `
providers:
  relay-a: { adapter: smtp, host: a.example, cost: { perThousand: 1 }, limits: { perSecond: 50 } }
  relay-b: { adapter: smtp, host: b.example, cost: { perThousand: 0.5 } }
  relay-c: { adapter: smtp, host: c.example, cost: { perThousand: 2 } }
routes:
  - { name: codes, when: { type: otp }, use: { first: [relay-c, relay-a] } }
  - { name: default, use: { ${rule} } }
`

async function side(text: string): Promise<Side> {
  const draft = draftOf('bench.yaml', text, '')
  const config = await readDraft(draft)
  if (Array.isArray(config)) throw new Error(config.join('\n'))
  return { draft, config }
}

export const simulating = ({ backlog: messages, seed }: Amounts): Road => ({
  name: 'simulate',
  about: `${messages} messages of a month, two policies beside each other, a provider down for six hours`,
  measures: {
    took: { unit: 's', better: 'less', target: '60' },
    messages: { unit: 'a second', better: 'more' },
  },
  beside: [],
  systems: {
    waypost: async () => {
      const from = Date.UTC(2026, 10, 1)
      const began = performance.now()
      await simulate(
        {
          present: await side(policy('first: [relay-a, relay-b, relay-c]')),
          draft: await side(policy('best: { of: [relay-a, relay-b, relay-c], by: cost }')),
          traffic: { mix: { messages, seed, from, days } },
          during: { from, until: from + days * day },
          outages: [
            {
              provider: 'relay-a',
              trouble: 'down',
              from: from + 3 * day + day / 3,
              until: from + 3 * day + (day * 7) / 12,
            },
          ],
          seed,
          runs: 1,
        },
        () => {},
      )
      const took = (performance.now() - began) / 1_000
      return { took, messages: (messages * 2) / took }
    },
  },
})
