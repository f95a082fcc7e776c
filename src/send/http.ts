/**
 * The HTTP carrier: makes the call of an adapter and judges what never came. One pool of connections per origin; connecting has
 * five seconds, an answer the handoff's deadline and 1 MiB; redirects are not followed, for they would carry mail and secrets
 * to wherever the answer points. It never retries.
 */
import type { Agent } from 'undici'
import { type Adapter, type Fetch, type Handoff, type HttpExchange, NotSent, type SdkCall } from '../mail/adapter.ts'
import { diagnostic, forAll, type Outcomes } from '../mail/outcome.ts'
import { type Call, type Carried, type Deadline, exchange } from './http-exchange.ts'
import { withoutSecrets } from './secrets.ts'

const connectTimeout = 5_000

export interface HttpCarrier {
  /** One call; an outcome for every recipient. Throws only for a bug (an adapter that cannot write its own request). */
  send<Options>(way: HttpExchange<Options> | SdkCall<Options>, handoff: Handoff, options: Options): Promise<Outcomes>
  /** Asks an adapter's vendor what became of an unknown; null when there is no telling now, for whatever reason. */
  reconcile(adapter: Adapter, handoff: Omit<Handoff, 'content'>, options: unknown): Promise<Outcomes | 'absent' | null>
  /** For what an adapter asks besides mail: each call within so many milliseconds, and with so many bytes of answer (1 MiB). */
  fetch(timeout: number, longest?: number): Fetch
  /** Ends idle connections; calls under way are cut off. */
  close(): Promise<void>
}

/**
 * @param settings `connections`: at most this many to one origin at once, others wait. Without it nobody does: the pump says how much
 *   is under way, and who has a place kept for codes must not wait here behind newsletters. `ca`: PEM of the only authorities to
 *   trust, instead of the system's.
 */
export function httpCarrier(settings: { connections?: number; ca?: string } = {}): HttpCarrier {
  let opened: Promise<Agent> | undefined
  const pool: Opening = () => {
    opened ??= open(settings)
    return opened
  }

  return {
    async send(way, handoff, options) {
      const carried = await (way.kind === 'http'
        ? carry(pool, way.request(handoff, options), handoff)
        : carryForSdk(pool, (fetch) => way.call(handoff, options, fetch), handoff))
      if ('answer' in carried) return way.outcomes(handoff, withoutSecrets(carried.answer, options), options)
      return forAll(
        handoff.recipients.map((recipient) => recipient.email),
        carried.outcome,
      )
    },
    async reconcile(adapter, handoff, options) {
      try {
        return (await adapter.reconcile?.(handoff, options, fetchOver(pool, handoff))) ?? null
      } catch {
        return null
      }
    },
    fetch: (timeout, longest) => (input, init) => {
      const deadline = { signal: AbortSignal.timeout(timeout), timeout, ...(longest === undefined ? {} : { longest }) }
      return fetchOver(pool, deadline)(input, init)
    },
    async close() {
      await (await opened)?.destroy()
    },
  }
}

type Opening = () => Promise<Agent>

/** With the first call: the library weighs 7 MB, which who speaks SMTP alone need not carry. */
async function open(settings: { connections?: number; ca?: string }): Promise<Agent> {
  const { Agent } = await import('undici')
  return new Agent({
    connections: settings.connections ?? null,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: connectTimeout, ...(settings.ca === undefined ? {} : { ca: settings.ca }) },
  })
}

async function carry(pool: Opening, call: Call | Promise<Call>, deadline: Deadline): Promise<Carried> {
  const request = await call
  return exchange(await pool(), request, deadline)
}

/** Lets an SDK make the call with a `fetch` of ours, and keeps what came over the wire. */
async function carryForSdk(
  pool: Opening,
  call: (fetch: Fetch) => Promise<unknown>,
  handoff: Handoff,
): Promise<Carried> {
  let carried: Carried | undefined
  try {
    await call(
      fetchOver(pool, handoff, (what) => {
        carried = what
      }),
    )
  } catch (error) {
    if (error instanceof NotSent) return { outcome: error.outcome }
    // Only of interest when the SDK refused what it was given and made no call.
    carried ??= { outcome: { kind: 'rejected', cause: 'message', diagnostic: diagnostic('SDK', String(error)) } }
  }
  if (carried === undefined) throw new Error('the SDK made no call')
  return carried
}

/** A `fetch` over the carrier. Rejects when no answer came. */
function fetchOver(pool: Opening, deadline: Deadline, seen?: (carried: Carried) => void): Fetch {
  return async (input, init) => {
    const asked = new Request(input, init)
    const headers = Object.fromEntries(asked.headers)
    delete headers['content-length']
    const body = new Uint8Array(await asked.arrayBuffer())
    const carried = await exchange(await pool(), { method: asked.method, url: asked.url, headers, body }, deadline)
    seen?.(carried)
    if ('outcome' in carried) throw new TypeError('no answer came')
    const { status, body: text, headers: answered } = carried.answer
    return new Response(status === 204 || status === 205 || status === 304 ? null : text, { status, headers: answered })
  }
}
