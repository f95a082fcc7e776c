/** Figures: what became of mail in the last hours or days, by provider, type or mailbox host, and what it cost. */
import { z } from '@hono/zod-openapi'
import type { StatCounts } from '../store/store.ts'
import { type Api, answer, type HttpParts } from './endpoint.ts'
import { formatInstant, time } from './instant.ts'
import { Refusal } from './refusals.ts'
import { monthState } from './views.ts'

const hour = 3_600_000
const day = 24 * hour
/** Money is counted in whole millionths. */
const unit = 1_000_000

const query = z.strictObject({
  by: z.enum(['provider', 'type', 'host']).default('provider'),
  since: time
    .optional()
    .openapi({ description: 'From the beginning of this hour (UTC) on; the last 24 hours if left out.' }),
  tenants: z
    .enum(['own', 'all'])
    .default('own')
    .openapi({ description: '`all`: of every tenant, with a key of scope `manage`.' }),
})

const figures = z
  .object({
    name: z.string().openapi({ example: 'relay-eu' }),
    accepted: z.number(),
    deferred: z.number(),
    rejected: z.number(),
    unknown: z.number(),
    delivered: z.number(),
    bounced: z.number(),
    complained: z.number(),
    acceptedShare: z.number().nullable().openapi({ description: 'Of all that were tried.' }),
    deliveredShare: z
      .number()
      .nullable()
      .openapi({ description: 'Of those that were told of, late refusals included.' }),
    latencyMs: z.number().nullable().openapi({ description: 'Of an answer, on average.' }),
    cost: z.number().openapi({ description: 'What was charged for each message when it went; no fees.' }),
    month: monthState.optional().openapi({ description: 'Of a provider, as in `/v1/providers`: of all tenants.' }),
  })
  .openapi('Figures', {
    description:
      'Recipients: `accepted` to `unknown` by what a provider answered, once a try; `delivered`, `bounced` and `complained` by what it told, then or later.',
  })

const stats = z
  .object({
    by: z.enum(['provider', 'type', 'host']),
    since: z.string().openapi({ format: 'date-time' }),
    stats: z.array(figures),
  })
  .openapi('Stats')

/** Adds the endpoint of figures. */
export function statistics(api: Api, { store, clock, operations }: HttpParts): void {
  api.on(
    {
      method: 'get',
      path: '/v1/stats',
      scope: 'read',
      summary: 'What became of mail, and what it cost',
      description:
        'Counted by the hour and kept as long as messages are. Of mailbox hosts those that are known by name; `other` is all the rest. A gateway that is killed loses the figures of its last two seconds; what budgets and months cost is counted apart, and loses nothing.',
      query,
      answers: { 200: { description: 'Figures by name', content: { 'application/json': { schema: stats } } } },
    },
    async ({ sender, query: { by, since, tenants } }) => {
      if (tenants === 'all' && !sender.scopes.includes('manage'))
        throw new Refusal('scope', 'Figures of all tenants need a key with scope manage.')
      const from = Math.floor((since ?? clock() - day) / hour) * hour
      const tenant = tenants === 'all' ? null : sender.tenant
      const rows = await store.stats({ by, since: formatInstant(from).slice(0, 13), tenant })
      const months = new Map(by === 'provider' ? operations.providers().map(({ name, month }) => [name, month]) : [])
      const stats = rows.map((row) => ({
        ...shown(row),
        ...(by === 'provider' ? { month: months.get(row.name) ?? null } : {}),
      }))
      return answer(200, { by, since: formatInstant(from), stats })
    },
  )
}

function shown({ name, answers, latency, money, ...counts }: StatCounts & { name: string }): z.infer<typeof figures> {
  const { accepted, deferred, rejected, unknown, delivered, bounced } = counts
  return {
    name,
    ...counts,
    acceptedShare: share(accepted, accepted + deferred + rejected + unknown),
    deliveredShare: share(delivered, delivered + bounced),
    latencyMs: answers === 0 ? null : Math.round(latency / answers),
    cost: money / unit,
  }
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}
