/** A simulation of two texts over mail that is made up, as the command makes it. */
import assert from 'node:assert/strict'
import { draftOf, readDraft } from '../../src/simulate/draft.ts'
import { type AskedOutage, placed } from '../../src/simulate/outage.ts'
import { type Comparison, type Side, simulate } from '../../src/simulate/simulation.ts'

export const day = 86_400_000
/** A Monday. */
export const monday = Date.UTC(2026, 10, 23)

export async function side(text: string, present = ''): Promise<Side> {
  const draft = draftOf('draft.yaml', text, present)
  const config = await readDraft(draft)
  assert.ok(!Array.isArray(config), String(config))
  return { draft, config }
}

/** Two relays of which the first is the dearer. */
export const relays = (rule = 'first: [dear, cheap]', more = '') => `
providers:
  dear: { adapter: smtp, host: dear.example, cost: { perThousand: 2 }${more} }
  cheap: { adapter: smtp, host: cheap.example, cost: { perThousand: 1 } }
routes:
  - { name: default, use: { ${rule} } }
`

/** A day of mail, without luck: one run. */
export async function compared(
  present: string,
  draft: string,
  { messages = 2_000, seed = 1, outages = [] }: { messages?: number; seed?: number; outages?: AskedOutage[] } = {},
): Promise<Comparison> {
  return simulate(
    {
      present: await side(present),
      draft: await side(draft, present),
      traffic: { mix: { messages, seed, from: monday, days: 1 } },
      during: { from: monday, until: monday + day },
      outages: outages.map((asked) => placed(asked, monday)),
      seed,
      runs: 1,
    },
    () => {},
  )
}
