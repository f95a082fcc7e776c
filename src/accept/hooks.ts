/** Where vendors' events come in: `/hooks/{provider}`. Who calls is checked by the adapter, over the raw bytes; no key of ours is asked. */
import type { HookAnswer, HookCall } from '../mail/webhook.ts'
import { readBody } from './body.ts'
import { type Api, answer } from './endpoint.ts'
import { answerHeaders } from './problem.ts'
import { Refusal } from './refusals.ts'

/** What the HTTP API asks of what reads events; see `src/track/inbound.ts`. */
export interface Hooks {
  receive(
    provider: string,
    call: HookCall,
  ): Promise<
    | { kind: 'taken' }
    | { kind: 'answer'; answer: HookAnswer }
    | { kind: 'nobody' | 'forged' | 'unreadable'; why: string }
  >
}

/** Bytes of one call: a batch of a thousand events is half a megabyte. */
const largestCall = 8 * 1024 * 1024

const path = '/hooks/{provider}'

/** Adds the address that vendors call. */
export function hooking(api: Api, { hooks, clock }: { hooks: Hooks; clock: () => number }): void {
  api.on(
    {
      method: 'post',
      path,
      scope: null,
      summary: 'Take what a vendor tells of mail',
      description:
        'For the vendor of the provider with this name, not for applications. `waypost providers` prints the address for the vendor’s setup page, and what must be configured before calls are taken.',
      answers: { 200: { description: 'It is written down, or was before' } },
      refusals: ['not_found', 'unauthorized', 'malformed', 'too_large', 'unavailable', 'full'],
    },
    ({ c }) => taken(c.req.raw, c.req.param('provider') ?? ''),
  )
  // Vendors look whether the address is there, or shake hands, before they call it.
  api.app.on(['GET', 'OPTIONS'], path.replace('{provider}', ':provider'), (c) =>
    taken(c.req.raw, c.req.param('provider') ?? ''),
  )

  async function taken(request: Request, provider: string): Promise<Response> {
    const method = request.method as HookCall['method']
    const received = await hooks.receive(provider, {
      method,
      url: request.url,
      query: new URL(request.url).searchParams,
      headers: Object.fromEntries(request.headers),
      body: method === 'POST' ? await readBody(request, largestCall) : new Uint8Array(),
      at: clock(),
    })
    switch (received.kind) {
      case 'taken':
        return answer(200, { status: 'taken' })
      case 'answer': {
        const { status, headers, body } = received.answer
        return new Response(body ?? null, { status, headers: { ...answerHeaders, ...headers } })
      }
      case 'nobody':
        throw new Refusal('not_found', received.why)
      case 'forged':
        throw new Refusal('unauthorized', received.why)
      case 'unreadable':
        throw new Refusal('malformed', received.why)
    }
  }
}
