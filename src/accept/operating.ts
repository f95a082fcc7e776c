/** Providers, for those who operate the gateway: how they are, taking one out of service; and budgets and limits of mail. */
import { z } from '@hono/zod-openapi'
import type { ProviderView } from '../mail/provider.ts'
import type { Sender } from './auth.ts'
import { type Api, answer, type HttpParts } from './endpoint.ts'
import { formatInstant } from './instant.ts'
import { Refusal } from './refusals.ts'
import { budgetState, limitState, providerState } from './views.ts'

const budgets = z.object({ budgets: z.array(budgetState) }).openapi('BudgetList')
const limits = z.object({ limits: z.array(limitState) }).openapi('LimitList')
const providers = z.object({ providers: z.array(providerState) }).openapi('ProviderList')

/** Adds the endpoints of providers. */
export function operating(api: Api, parts: HttpParts): void {
  const { operations } = parts

  api.on(
    {
      method: 'get',
      path: '/v1/providers',
      scope: 'read',
      summary: 'List providers and how they are',
      answers: { 200: { description: 'All of them', content: { 'application/json': { schema: providers } } } },
    },
    ({ sender }) => answer(200, { providers: operations.providers().map((one) => shownProvider(one, sender)) }),
  )

  api.on(
    {
      method: 'get',
      path: '/v1/budgets',
      scope: 'manage',
      summary: 'List budgets and how much of each is spent',
      answers: { 200: { description: 'All of them', content: { 'application/json': { schema: budgets } } } },
    },
    () => {
      const views = operations.budgets().map((view) => ({ ...view, until: formatInstant(view.until) }))
      return answer(200, { budgets: views })
    },
  )

  api.on(
    {
      method: 'get',
      path: '/v1/limits',
      scope: 'manage',
      summary: 'List limits of types, tenants and providers, and how much of each is used',
      answers: { 200: { description: 'All of them', content: { 'application/json': { schema: limits } } } },
    },
    () => answer(200, { limits: operations.limits() }),
  )

  for (const [what, summary] of [
    ['drain', 'Hand a provider nothing new'],
    ['resume', 'Use a drained provider again'],
  ] as const) {
    api.on(
      {
        method: 'post',
        path: `/v1/providers/{name}/${what}`,
        scope: 'manage',
        summary,
        answers: { 200: { description: 'The provider', content: { 'application/json': { schema: providerState } } } },
        refusals: ['not_found'],
      },
      async ({ c, sender }) => {
        const name = c.req.param('name') ?? ''
        const known = await operations[what](name)
        const provider = operations.providers().find((one) => one.name === name)
        if (!known || !provider) throw new Refusal('not_found', 'There is no such provider.')
        return answer(200, shownProvider(provider, sender))
      },
    )
  }
}

/** @param sender who does not manage the gateway sees nothing that is about tenants and their domains */
function shownProvider(provider: ProviderView, sender: Sender): z.infer<typeof providerState> {
  const { openUntil, hosts, tenants, domains, identity, shaped } = provider
  const manages = sender.scopes.includes('manage')
  return {
    ...provider,
    tenants: manages ? tenants : null,
    domains: manages ? domains : null,
    identity: manages ? (identity?.map((one) => ({ ...one, at: formatInstant(one.at) })) ?? null) : null,
    openUntil: openUntil === null ? null : formatInstant(openUntil),
    hosts: hosts.map((host) => ({ ...host, until: formatInstant(host.until) })),
    shaped: shaped
      .filter(({ tenant }) => tenant === null || mayKnow(sender, tenant))
      .map(({ interval, ...rule }) => ({
        ...rule,
        until: formatInstant(rule.until),
        perHour: interval === null ? 0 : Math.round(3_600_000 / interval),
      })),
  }
}

const mayKnow = ({ tenant, scopes }: Sender, of: string) => tenant === of || scopes.includes('manage')
