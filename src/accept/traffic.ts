/** Mail as it was, in one stream for whoever goes through it again: `waypost simulate` does. */
import { z } from '@hono/zod-openapi'
import { causes } from '../mail/outcome.ts'
import { type Api, answer, type HttpParts } from './endpoint.ts'
import { time } from './instant.ts'
import { next, paged, paging, present } from './paging.ts'

const most = 1_000

const query = z.strictObject({
  since: time.optional(),
  until: time.optional(),
  limit: z
    .string()
    .regex(/^(?:[1-9]\d{0,2}|1000)$/, `A number from 1 to ${most}.`)
    .transform(Number)
    .optional()
    .openapi({ type: 'integer', minimum: 1, maximum: most, default: most }),
  cursor: paging.cursor,
})

const traffic = z
  .object({
    traffic: z.array(
      z.object({
        message: z
          .looseObject({ id: z.string() })
          .openapi({ description: 'As it is kept; times are epoch milliseconds.' }),
        recipients: z.array(z.object({ email: z.string(), status: z.string() })),
        attempts: z.array(
          z.object({
            provider: z.string(),
            at: z.int(),
            latencyMs: z.int(),
            outcomes: z.array(
              z.object({
                recipient: z.int().openapi({ description: 'Its place among the recipients, from 0.' }),
                outcome: z.enum(['accepted', 'delivered', 'deferred', 'rejected', 'unknown']),
                cause: z.enum(causes).nullable(),
                code: z.string().nullable(),
              }),
            ),
          }),
        ),
      }),
    ),
    next,
  })
  .openapi('Traffic')

/** Adds the endpoint of traffic. */
export function tracing(api: Api, { store }: HttpParts): void {
  api.on(
    {
      method: 'get',
      path: '/v1/traffic',
      scope: 'read',
      summary: 'List messages with all that was tried, oldest first, without their content',
      description: 'What `waypost simulate` goes through again. Only mail of the tenant of the key.',
      query,
      answers: { 200: { description: 'A page', content: { 'application/json': { schema: traffic } } } },
      refusals: ['malformed'],
    },
    async ({ sender, query }) => {
      const { limit = most, ...rest } = query
      const page = await paged(() => store.traffic({ tenant: sender.tenant, limit, ...present(rest) }))
      return answer(200, { traffic: page.rows, next: page.next })
    },
  )
}
