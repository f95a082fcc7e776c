/** The policies that were in force: each is kept when it is taken over, and can be read again. */
import { z } from '@hono/zod-openapi'
import type { Store } from '../store/store.ts'
import { nameOf, type Sender } from './auth.ts'
import { mediaType, readBody } from './body.ts'
import { type Api, answer, type HttpParts } from './endpoint.ts'
import { formatInstant } from './instant.ts'
import { Refusal } from './refusals.ts'

/** A policy that was taken over. */
interface PolicyRecord {
  version: string
  /** Epoch milliseconds. */
  at: number
  /** Who made it so: the config's file, or the key that activated it. */
  by: string
  /** The rules in YAML, as they were written. */
  rules: string
}

const key = 'policies'
const most = 100
/** All of them together, in characters: rules may be long, and this is one value of the store. */
const mostText = 4_000_000

/** Keeps a policy that is taken over now, unless it is the one that was in force already. */
export async function keepPolicy(store: Pick<Store, 'state' | 'setState'>, taken: PolicyRecord): Promise<void> {
  const before = await kept(store)
  if (before.at(-1)?.version === taken.version) return
  const all = [...before, taken].slice(-most)
  let text = all.reduce((sum, { rules }) => sum + rules.length, 0)
  while (all.length > 1 && text > mostText) text -= all.shift()!.rules.length
  await store.setState(key, all)
}

/** The oldest first. */
async function kept(store: Pick<Store, 'state'>): Promise<PolicyRecord[]> {
  return ((await store.state(key)) ?? []) as PolicyRecord[]
}

/** The policy of this version, as it was taken over last; null when it is not kept. */
export async function findPolicy(
  store: Pick<Store, 'state'>,
  version: string,
): Promise<(PolicyRecord & { current: boolean }) | null> {
  const all = await kept(store)
  const place = all.findLastIndex((one) => one.version === version)
  const found = all[place]
  return found ? { ...found, current: place === all.length - 1 } : null
}

const listed = z
  .object({
    version: z.string().openapi({ description: 'The same as `policy` in the explanation of a message.' }),
    at: z.iso.datetime().openapi({ description: 'When it was taken over.' }),
    by: z.string().openapi({ description: 'Who made it so: the config file, when that was changed, or a key.' }),
    current: z.boolean(),
  })
  .openapi('ListedPolicy')
const shown = listed
  .extend({ rules: z.string().openapi({ description: 'The rules in YAML, under `routes`, as they were written.' }) })
  .openapi('ShownPolicy')
const list = z.object({ policies: z.array(listed) }).openapi('PolicyList')

/** Adds the endpoints of policies. */
export function remembering(api: Api, { store, config, activate }: HttpParts): void {
  /** Into the config file, so that a restart finds them there. */
  async function activated(rules: string, sender: Sender): Promise<Response> {
    const done = await activate(rules, nameOf(sender)).catch((error: Error) => ({ problems: [error.message] }))
    if ('problems' in done) {
      throw new Refusal('invalid', `The policy in force stays:\n${done.problems.join('\n')}`)
    }
    const found = await findPolicy(store, done.version)
    if (!found) throw new Refusal('unavailable', 'The policy is in force, and could not be kept.')
    return answer(200, listedPolicy(found, found.current))
  }

  api.on(
    {
      method: 'get',
      path: '/v1/policies',
      scope: 'manage',
      summary: 'List the policies that were in force',
      description: 'The latest first; the last hundred are kept. One that came back stands here again.',
      answers: { 200: { description: 'All of them', content: { 'application/json': { schema: list } } } },
    },
    async () => {
      const policies = (await kept(store)).map((one, place, all) => listedPolicy(one, place === all.length - 1))
      return answer(200, { policies: policies.reverse() })
    },
  )

  api.on(
    {
      method: 'get',
      path: '/v1/policies/{version}',
      scope: 'manage',
      summary: 'Show a policy with its rules',
      answers: { 200: { description: 'The policy', content: { 'application/json': { schema: shown } } } },
      refusals: ['not_found'],
    },
    async ({ c }) => {
      const found = await find(c.req.param('version'))
      return answer(200, { ...listedPolicy(found, found.current), rules: found.rules })
    },
  )

  const taken = { 200: { description: 'It is in force', content: { 'application/json': { schema: listed } } } }
  api.on(
    {
      method: 'post',
      path: '/v1/policies',
      scope: 'manage',
      summary: 'Put other rules into force',
      description:
        'The body is YAML: `routes:` with the rules, as in the config, and nothing else. They take the place of those in the config file, of which all else stays, and are in force when this is answered. With a mistake in them nothing changes. Who did it is kept with the policy.',
      body: { 'application/yaml': { schema: z.string(), example: 'routes:\n  - name: default\n    use: inbox\n' } },
      answers: taken,
      refusals: ['malformed', 'too_large', 'media_type'],
    },
    async ({ c, sender }) => {
      mediaType(c.req.raw.headers, ['application/yaml'])
      const body = await readBody(c.req.raw, Math.min(mostText, config().http.maxSize))
      return activated(new TextDecoder().decode(body), sender)
    },
  )

  api.on(
    {
      method: 'post',
      path: '/v1/policies/{version}/activate',
      scope: 'manage',
      summary: 'Put a policy of earlier into force again',
      description: 'As a post of its rules.',
      answers: taken,
      refusals: ['not_found'],
    },
    async ({ c, sender }) => activated((await find(c.req.param('version'))).rules, sender),
  )

  async function find(version = '') {
    const found = await findPolicy(store, version)
    if (!found) throw new Refusal('not_found', 'There is no such policy, or it is not kept any more.')
    return found
  }
}

function listedPolicy({ version, at, by }: PolicyRecord, current: boolean): z.infer<typeof listed> {
  return { version, at: formatInstant(at), by, current }
}
