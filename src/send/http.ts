/**
 * The HTTP carrier: makes the call of an adapter and judges what never came. One pool of connections per origin; connecting has
 * five seconds, an answer the handoff's deadline and 1 MiB; redirects are not followed, for they would carry mail and secrets
 * to wherever the answer points. It never retries.
 */
import type { Readable } from 'node:stream'
import type { Agent } from 'undici'
import type { Adapter, Fetch, Handoff, HttpAnswer, HttpExchange, SdkCall } from '../mail/adapter.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../mail/outcome.ts'
import { unanswered } from './classify.ts'
import { withoutSecrets } from './secrets.ts'

const connectTimeout = 5_000
const longestAnswer = 1_048_576
/** Small enough that a request of any weight is not all handed to the socket at once, large enough to cost nothing. */
const pieceLength = 65_536

export interface HttpCarrier {
  /** One call; an outcome for every recipient. Throws only for a bug (an adapter that cannot write its own request). */
  send<Options>(way: HttpExchange<Options> | SdkCall<Options>, handoff: Handoff, options: Options): Promise<Outcomes>
  /** Asks an adapter's vendor what became of an unknown; null when there is no telling now, for whatever reason. */
  reconcile(adapter: Adapter, handoff: Omit<Handoff, 'content'>, options: unknown): Promise<Outcomes | 'absent' | null>
  /** Ends idle connections; calls under way are cut off. */
  close(): Promise<void>
}

/**
 * @param settings `connections`: at most this many to one origin at once, others wait. `ca`: PEM of the only authorities to
 *   trust, instead of the system's.
 */
export function httpCarrier(settings: { connections?: number; ca?: string } = {}): HttpCarrier {
  let opened: Promise<Pool> | undefined
  const pool = () => {
    opened ??= open(settings)
    return opened
  }

  return {
    async send(way, handoff, options) {
      const carried = await (way.kind === 'http'
        ? carry(pool, await way.request(handoff, options), handoff)
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
    async close() {
      await (await opened)?.agent.destroy()
    },
  }
}

interface Pool {
  agent: Agent
  request: typeof import('undici').request
}
type Opening = () => Promise<Pool>

/** With the first call: the library weighs 7 MB, which who speaks SMTP alone need not carry. */
async function open(settings: { connections?: number; ca?: string }): Promise<Pool> {
  const { Agent, request } = await import('undici')
  const agent = new Agent({
    connections: settings.connections ?? 128,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: connectTimeout, ...(settings.ca === undefined ? {} : { ca: settings.ca }) },
  })
  return { agent, request }
}

type Carried = { answer: HttpAnswer } | { outcome: Outcome }
type Deadline = Pick<Handoff, 'signal' | 'timeout'>
interface Call {
  method: string
  url: string
  headers: Record<string, string>
  body: string | Uint8Array
}

async function carry(pool: Opening, call: Call, deadline: Deadline): Promise<Carried> {
  const body = typeof call.body === 'string' ? Buffer.from(call.body) : call.body
  let handedOver = false
  function* pieces() {
    for (let start = 0; start < body.length; start += pieceLength) {
      handedOver = start + pieceLength >= body.length
      yield body.subarray(start, start + pieceLength)
    }
  }
  try {
    const { agent, request } = await pool()
    const response = await request(call.url, {
      dispatcher: agent,
      method: call.method as 'POST',
      headers: {
        'user-agent': 'waypost',
        ...call.headers,
        ...(body.length > 0 ? { 'content-length': String(body.length) } : {}),
      },
      // undici takes any iterable, and pulls the next piece only when the socket has room; its types know streams only.
      body: body.length > 0 ? (pieces() as unknown as Readable) : null,
      signal: deadline.signal,
      headersTimeout: deadline.timeout,
      bodyTimeout: deadline.timeout,
    })
    const { text, cut } = await read(response.body)
    const status = response.statusCode
    // A success whose body did not come whole may say anything; a refusal is one already by its status.
    if (cut !== null && status < 300)
      return { outcome: unanswered(deadline.signal.aborted ? overdue(deadline) : cut, true) }
    return { answer: { status, headers: flat(response.headers), body: text } }
  } catch (error) {
    return { outcome: unanswered(deadline.signal.aborted ? overdue(deadline) : error, handedOver) }
  }
}

/** Reads at most `longestAnswer`; `cut` says why the rest did not come. */
async function read(body: AsyncIterable<Uint8Array>): Promise<{ text: string; cut: Error | null }> {
  const pieces: Uint8Array[] = []
  let length = 0
  let cut: Error | null = null
  try {
    for await (const piece of body) {
      length += piece.length
      if (length > longestAnswer) {
        cut = new Error(`the answer is longer than ${longestAnswer} bytes`)
        break
      }
      pieces.push(piece)
    }
  } catch (error) {
    cut = error instanceof Error ? error : new Error(String(error))
  }
  return { text: Buffer.concat(pieces).toString('utf8'), cut }
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
    const carried = await carry(pool, { method: asked.method, url: asked.url, headers, body }, deadline)
    seen?.(carried)
    if ('outcome' in carried) throw new TypeError('no answer came')
    const { status, body: text, headers: answered } = carried.answer
    return new Response(status === 204 || status === 205 || status === 304 ? null : text, { status, headers: answered })
  }
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))
}

function overdue(deadline: Deadline): Error {
  const timedOut = deadline.signal.reason instanceof Error && deadline.signal.reason.name === 'TimeoutError'
  const text = timedOut ? `no answer within ${deadline.timeout} ms` : 'the call was broken off'
  return Object.assign(new Error(text), { code: timedOut ? 'ETIMEDOUT' : 'ABORTED' })
}
