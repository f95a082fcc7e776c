/** Suppressions: the addresses that get no mail of a tenant. Seeing them, adding one by hand, and lifting one. */
import { z } from '@hono/zod-openapi'
import { AddressError, canonical, suppressionKey } from '../mail/address.ts'
import { suppressionReasons } from '../mail/suppression.ts'
import type { Suppression } from '../store/store.ts'
import { mediaType, readBody } from './body.ts'
import { type Api, type Ask, answer, type HttpParts } from './endpoint.ts'
import { formatInstant, time } from './instant.ts'
import { checkText, parseJson } from './json.ts'
import { next, paged, paging, present } from './paging.ts'
import { answerHeaders, fieldErrors, fieldProblems } from './problem.ts'
import { Refusal } from './refusals.ts'

const reason = z.enum(suppressionReasons)

const suppression = z
  .object({
    email: z.string().openapi({ description: 'In lower case: every case of it is suppressed.' }),
    type: z
      .string()
      .nullable()
      .openapi({ description: 'The type of mail that it gets no more of; null for every type.' }),
    reason,
    source: z.string().openapi({ description: 'The provider that told, or `api`.' }),
    at: z.string().openapi({ format: 'date-time' }),
  })
  .openapi('Suppression')
const suppressions = z.object({ suppressions: z.array(suppression), next }).openapi('SuppressionList')
const filters = z.strictObject({ reason: reason.optional(), ...paging })
const typeName = z.string().min(1).max(100)
const wanted = z
  .strictObject({
    reason: reason.default('manual'),
    type: typeName
      .optional()
      .openapi({ description: 'The type of mail that it gets no more of; every type otherwise.' }),
    source: z.string().min(1).max(100).default('api').openapi({ description: 'Who told, for lists from elsewhere.' }),
    at: time.optional().openapi({ description: 'Since when; now otherwise.' }),
  })
  .openapi('NewSuppression')
const which = z.strictObject({ type: typeName.optional() })

const path = '/v1/suppressions/{email}'
/** Bytes; what a body may say takes thirty. */
const largestBody = 2000

/** Adds the endpoints of suppressions. */
export function suppressing(api: Api, { store, clock, config }: HttpParts): void {
  /** @throws Refusal `invalid` for a type that no mail could have */
  const checkType = (type: string) => {
    const known = config().types
    if (type === '' || type in known) return
    throw fieldProblems('invalid', [
      { pointer: '/type', detail: `There is no such type. Types: ${Object.keys(known).join(', ')}.` },
    ])
  }

  api.on(
    {
      method: 'get',
      path: '/v1/suppressions',
      scope: 'read',
      summary: 'List suppressions, in the order of their addresses',
      query: filters,
      answers: { 200: { description: 'A page', content: { 'application/json': { schema: suppressions } } } },
      refusals: ['malformed'],
    },
    async ({ sender, query }) => {
      const { limit = 50, ...rest } = query
      const page = await paged(() => store.suppressions({ tenant: sender.tenant, limit, ...present(rest) }))
      return answer(200, { suppressions: page.rows.map(shown), next: page.next })
    },
  )

  api.on(
    {
      method: 'get',
      path,
      scope: 'read',
      summary: 'Say whether and why an address is suppressed',
      answers: { 200: { description: 'It is', content: { 'application/json': { schema: suppression } } } },
      refusals: ['invalid_address', 'not_found'],
    },
    async (ask) => {
      const [found] = await store.suppression(ask.sender.tenant, keyIn(ask))
      if (found === undefined) throw notThere()
      return answer(200, shown(found))
    },
  )

  api.on(
    {
      method: 'put',
      path,
      scope: 'manage',
      summary: 'Suppress an address',
      description:
        'No mail goes to it from now on, nor any that waits already; with `type`, none of that type. What was said of it before is replaced.',
      body: { 'application/json': { schema: wanted } },
      bodyOptional: true,
      answers: {
        200: { description: 'It was suppressed before', content: { 'application/json': { schema: suppression } } },
        201: { description: 'It is suppressed now', content: { 'application/json': { schema: suppression } } },
      },
      refusals: ['malformed', 'too_large', 'media_type', 'invalid_address'],
    },
    async (ask) => {
      const key = keyIn(ask)
      const { reason, type = '', source, at = clock() } = await readWanted(ask.c.req.raw)
      checkType(type)
      const entry: Suppression = { tenant: ask.sender.tenant, key, type, reason, source, at }
      const fresh = await store.suppress([entry])
      return answer(fresh > 0 ? 201 : 200, shown(entry))
    },
  )

  api.on(
    {
      method: 'delete',
      path,
      scope: 'manage',
      summary: 'Lift a suppression',
      description:
        'Mail goes to it again; with `type`, what holds for that type alone is lifted. What was suppressed meanwhile stays so.',
      query: which,
      answers: { 204: { description: 'It is lifted' } },
      refusals: ['invalid_address', 'not_found'],
    },
    async (ask) => {
      if ((await store.unsuppress(ask.sender.tenant, [keyIn(ask)], present(ask.query))) === 0) throw notThere()
      return new Response(null, { status: 204, headers: answerHeaders })
    },
  )
}

function shown({ key, type, reason, source, at }: Suppression): z.infer<typeof suppression> {
  return { email: key, type: type || null, reason, source, at: formatInstant(at) }
}

function notThere(): Refusal {
  return new Refusal('not_found', 'This address is not suppressed.')
}

/** The key of the address in the path. @throws Refusal `invalid_address` */
function keyIn({ c }: Ask<z.ZodObject>): string {
  try {
    return suppressionKey(canonical(c.req.param('email') ?? ''))
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw fieldProblems('invalid_address', [{ pointer: '/email', detail: error.message }])
  }
}

/** What the body asks for; none is the same as an empty one. @throws Refusal */
async function readWanted(request: Request): Promise<z.infer<typeof wanted>> {
  const bytes = await readBody(request, largestBody)
  if (bytes.length === 0) return wanted.parse({})
  mediaType(request.headers, ['application/json'])
  const value = parseJson(bytes)
  checkText(value)
  const parsed = wanted.safeParse(value)
  if (!parsed.success) throw fieldProblems('invalid', fieldErrors(parsed.error.issues))
  return parsed.data
}
