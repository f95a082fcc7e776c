/** Webhooks: where a tenant's events go out to. Adding one, seeing them, and deleting one. */
import { z } from '@hono/zod-openapi'
import { eventTypes } from '../mail/event.ts'
import { newId } from '../mail/id.ts'
import { base64 } from '../mail/signature.ts'
import type { Webhook } from '../store/store.ts'
import { mediaType, readBody } from './body.ts'
import { type Api, type Ask, answer, type HttpParts } from './endpoint.ts'
import { formatInstant } from './instant.ts'
import { checkText, parseJson } from './json.ts'
import { answerHeaders, fieldErrors, fieldProblems } from './problem.ts'
import { Refusal } from './refusals.ts'

const at = z.string().openapi({ format: 'date-time' })

const webhook = z
  .object({
    id: z.string().openapi({ example: 'whk_01kxqmv2f0d5p8s3w6z9c2e4g7' }),
    url: z.string(),
    types: z.array(z.enum(eventTypes)).nullable().openapi({ description: 'The events it is told; null for all.' }),
    description: z.string().nullable(),
    createdAt: at,
    disabledAt: at.nullable().openapi({
      description: 'When its target answered 410 (gone). It is told nothing since: delete it, or add it anew.',
    }),
  })
  .openapi('Webhook')
const added = webhook
  .extend({
    secret: z.string().openapi({
      description: 'What its calls are signed with. Shown here, and never again.',
      example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
    }),
  })
  .openapi('AddedWebhook')
const webhooks = z.object({ webhooks: z.array(webhook) }).openapi('WebhookList')

const wanted = z
  .strictObject({
    url: z.string().min(1).max(2000).openapi({ example: 'https://example.com/mail-events' }),
    types: z
      .array(z.enum(eventTypes))
      .min(1)
      .optional()
      .openapi({ description: 'The events it is told; all when left out.' }),
    description: z.string().max(200).optional(),
  })
  .openapi('NewWebhook')

const path = '/v1/webhooks/{id}'
/** Bytes. */
const largestBody = 10_000
/** Of one tenant. */
const most = 20
/** Bytes; what Standard Webhooks recommend is 24 to 64. */
const secretLength = 32

/** Adds the endpoints of webhooks. */
export function webhooking(api: Api, { store, clock, webhookRefusal }: HttpParts): void {
  async function find({ c, sender }: Ask<z.ZodObject>): Promise<Webhook> {
    const id = c.req.param('id') ?? ''
    const found = /^whk_[0-9a-z]{26}$/.test(id) ? await store.webhook(id, sender.tenant) : null
    if (found === null) throw notThere()
    return found
  }

  api.on(
    {
      method: 'get',
      path: '/v1/webhooks',
      scope: 'manage',
      summary: 'List webhooks, the oldest first',
      answers: { 200: { description: 'All of them', content: { 'application/json': { schema: webhooks } } } },
    },
    async ({ sender }) => answer(200, { webhooks: (await store.webhooks(sender.tenant)).map(shown) }),
  )

  api.on(
    {
      method: 'post',
      path: '/v1/webhooks',
      scope: 'manage',
      summary: 'Have events posted to an address',
      description: `From now on every event is posted there as JSON, \`{type, timestamp, data}\` with the event of \`/v1/events\` as \`data\`, signed as Standard Webhooks have it. What is not answered with 2xx within 15 seconds is posted again, under the same \`webhook-id\`, up to nine times within three days. A tenant may have ${most}.`,
      body: { 'application/json': { schema: wanted } },
      answers: {
        201: { description: 'It is added, with its secret', content: { 'application/json': { schema: added } } },
      },
      refusals: ['malformed', 'too_large', 'media_type'],
    },
    async ({ c, sender }) => {
      const { url, types, description } = await readWanted(c.req.raw, webhookRefusal)
      const now = clock()
      const entry: Webhook = {
        id: newId('whk', now),
        tenant: sender.tenant,
        url,
        types: types ? [...new Set(types)] : null,
        description: description ?? null,
        createdAt: now,
        disabledAt: null,
      }
      const secret = `whsec_${base64(crypto.getRandomValues(new Uint8Array(secretLength)))}`
      if (!(await store.addWebhook(entry, secret, most)))
        throw new Refusal('invalid', `There are ${most} webhooks already. Delete one first.`)
      return answer(201, { ...shown(entry), secret })
    },
  )

  api.on(
    {
      method: 'get',
      path,
      scope: 'manage',
      summary: 'Show a webhook',
      answers: { 200: { description: 'The webhook', content: { 'application/json': { schema: webhook } } } },
      refusals: ['not_found'],
    },
    async (ask) => answer(200, shown(await find(ask))),
  )

  api.on(
    {
      method: 'delete',
      path,
      scope: 'manage',
      summary: 'Delete a webhook',
      description: 'Nothing is posted there any more, nor what still waits to be.',
      answers: { 204: { description: 'It is deleted' } },
      refusals: ['not_found'],
    },
    async (ask) => {
      const { id, tenant } = await find(ask)
      if (!(await store.removeWebhook(id, tenant))) throw notThere()
      return new Response(null, { status: 204, headers: answerHeaders })
    },
  )
}

function shown({ id, url, types, description, createdAt, disabledAt }: Webhook): z.infer<typeof webhook> {
  return {
    id,
    url,
    types,
    description,
    createdAt: formatInstant(createdAt),
    disabledAt: disabledAt === null ? null : formatInstant(disabledAt),
  }
}

function notThere(): Refusal {
  return new Refusal('not_found', 'There is no such webhook.')
}

/** @throws Refusal */
async function readWanted(request: Request, refusal: HttpParts['webhookRefusal']): Promise<z.infer<typeof wanted>> {
  mediaType(request.headers, ['application/json'])
  const value = parseJson(await readBody(request, largestBody))
  checkText(value)
  const parsed = wanted.safeParse(value)
  if (!parsed.success) throw fieldProblems('invalid', fieldErrors(parsed.error.issues))
  const detail = refusal(parsed.data.url)
  if (detail !== null) throw fieldProblems('invalid', [{ pointer: '/url', detail }])
  return parsed.data
}
