/** Mounts every HTTP route of the gateway on one Hono app; knows no runtime. */
import { z } from '@hono/zod-openapi'
import type { Hono } from 'hono'
import { answer, api, type HttpParts } from './accept/endpoint.ts'
import { type Hooks, hooking } from './accept/hooks.ts'
import { sending } from './accept/http.ts'
import { moving } from './accept/moves.ts'
import { operating } from './accept/operating.ts'
import { remembering } from './accept/policies.ts'
import { reading } from './accept/reading.ts'
import { type Document, reference, referenceHeaders } from './accept/reference.ts'
import { Refusal } from './accept/refusals.ts'
import { speaking } from './accept/speaking.ts'
import { statistics } from './accept/stats.ts'
import { suppressing } from './accept/suppressions.ts'
import { tracing } from './accept/traffic.ts'
import { webhooking } from './accept/webhooks.ts'

export interface AppParts extends HttpParts {
  /** What takes vendors' events in. */
  hooks: Hooks
  /** Prometheus text. */
  metrics: () => Promise<string>
  /** Null when ready, else why not: `/readyz` answers 503 with it. */
  notReady: () => string | null
  /** The pages people look at, with routes of their own under `/`. */
  dashboard?: Hono
}

const state = z.object({ status: z.string() })
const text = { 'text/plain': { schema: z.string() } }

/** The whole HTTP side: a `Request` in, a `Response` out. */
export function app(parts: AppParts): Hono {
  // Loaded when somebody speaks one, or asks for what is not there.
  let spoken: Promise<Hono> | undefined
  const http = api(parts, async (request) => {
    spoken ??= parts.dialects().then((dialects) => speaking(parts, dialects))
    return (await spoken).fetch(request)
  })
  sending(http, parts)
  reading(http, parts)
  operating(http, parts)
  tracing(http, parts)
  moving(http, parts)
  statistics(http, parts)
  remembering(http, parts)
  suppressing(http, parts)
  hooking(http, parts)
  webhooking(http, parts)

  http.on(
    {
      method: 'get',
      path: '/healthz',
      scope: null,
      summary: 'Whether the process lives',
      answers: { 200: { description: 'It does', content: { 'application/json': { schema: state } } } },
    },
    () => answer(200, { status: 'alive' }),
  )
  http.on(
    {
      method: 'get',
      path: '/readyz',
      scope: null,
      summary: 'Whether mail is taken',
      answers: { 200: { description: 'It is', content: { 'application/json': { schema: state } } } },
      refusals: ['unavailable'],
    },
    () => {
      const why = parts.notReady()
      if (why !== null) throw new Refusal('unavailable', why)
      return answer(200, { status: 'ready' })
    },
  )
  http.on(
    {
      method: 'get',
      path: '/metrics',
      scope: null,
      summary: 'Figures for Prometheus',
      answers: { 200: { description: 'Text exposition format 0.0.4', content: text } },
    },
    async () =>
      new Response(await parts.metrics(), {
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' },
      }),
  )

  http.on(
    {
      method: 'get',
      path: '/openapi.json',
      scope: null,
      summary: 'This reference as OpenAPI 3.1',
      answers: { 200: { description: 'The document', content: { 'application/json': { schema: z.object({}) } } } },
    },
    () => answer(200, document()),
  )
  http.on(
    {
      method: 'get',
      path: '/docs',
      scope: null,
      summary: 'This reference as a page',
      answers: { 200: { description: 'The page', content: { 'text/html': { schema: z.string() } } } },
    },
    async () => new Response(await reference(document()), { headers: referenceHeaders }),
  )

  /** Written from the schemas that check, when first asked for. */
  let written: Document | undefined
  function document(): Document {
    written ??= http.app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Waypost',
        version: '1',
        description:
          'One door in for outbound mail, every relay out. Where a gateway has keys, a request bears one: `Authorization: Bearer wp_live_…`.',
      },
    }) as unknown as Document
    return written
  }

  if (parts.dashboard) http.app.route('/', parts.dashboard)
  return http.app as unknown as Hono
}
