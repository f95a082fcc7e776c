/** Tokens of OAuth 2.0 client credentials (RFC 6749 section 4.4), for vendors that want one with every call. */
import { type Fetch, type HttpAnswer, type HttpRequest, NotSent } from './adapter.ts'
import { byStatus, jsonObject } from './answer.ts'
import { diagnostic, type Outcome } from './outcome.ts'
import { line, text } from './webhook.ts'

/** Where a vendor gives tokens, and for what. */
export interface TokenDesk {
  url: string
  clientId: string
  clientSecret: string
  /** How it wants to be asked: RFC 6749 says `form`. */
  as: 'form' | 'json'
  scope?: string
}

interface Kept {
  token: Promise<string>
  /** The same, once it has come. */
  value: string
  until: number
}

/** One for each provider: its options are its own. Nothing is lost with it but a call. */
const kept = new WeakMap<object, Kept>()

/** A token is not used within its last minute, for it must last until the call has arrived. */
const margin = 60_000
/** Where the vendor does not say how long a token lasts. */
const unsaid = 300

/**
 * Calls with a token: the one that was got before, or a new one. A token that is answered 401 is used no more.
 * @throws NotSent when no token can be had, and then `call` was not made
 */
export async function withToken(
  options: object,
  desk: TokenDesk,
  fetch: Fetch,
  call: (token: string) => Promise<Response>,
): Promise<Response> {
  const current = currentToken(options, desk, fetch)
  const answer = await call(await current.token)
  if (answer.status === 401) current.until = 0
  return answer
}

/** Makes an adapter's request with a token, for `SdkCall`: write the request first, for the answer that is read is the last. */
export function sendWithToken(
  options: object,
  desk: TokenDesk,
  fetch: Fetch,
  { method, url, headers, body }: HttpRequest,
): Promise<Response> {
  const bytes = typeof body === 'string' ? body : Uint8Array.from(body)
  return withToken(options, desk, fetch, (token) =>
    fetch(url, { method, headers: { ...headers, authorization: `Bearer ${token}` }, body: bytes }),
  )
}

/** The answer without the token, where the vendor or a proxy says back what it was asked. */
export function withoutToken(answer: HttpAnswer, options: object): HttpAnswer {
  const value = kept.get(options)?.value
  return value ? { ...answer, body: answer.body.replaceAll(value, '[token]') } : answer
}

/** All who ask while one is on its way wait for that one. */
function currentToken(options: object, desk: TokenDesk, fetch: Fetch): Kept {
  const known = kept.get(options)
  if (known && Date.now() < known.until) return known
  const fresh: Kept = { token: Promise.resolve(''), value: '', until: Number.POSITIVE_INFINITY }
  kept.set(options, fresh)
  fresh.token = ask(desk, fetch).then(
    ({ value, lasts }) => {
      fresh.value = value
      // One that lasts no longer than the margin is good for half its time.
      fresh.until = Date.now() + Math.max(lasts - margin, lasts / 2)
      return value
    },
    (error) => {
      fresh.until = 0
      throw error
    },
  )
  return fresh
}

async function ask(desk: TokenDesk, fetch: Fetch): Promise<{ value: string; lasts: number }> {
  const answer = await answered(desk, fetch)
  const body = jsonObject(answer)
  const value = text(body?.access_token)
  // What no header can hold would break the call that bears it, after an answer that is no answer to the mail.
  if (answer.status < 300 && value !== null && /^[\x21-\x7e]+$/.test(value)) {
    const seconds = Number(body?.expires_in ?? unsaid)
    return { value, lasts: (seconds > 0 ? seconds : unsaid) * 1000 }
  }
  const words = line(body?.error, body?.error_description, body?.message)
  throw new NotSent(refused(byStatus(answer, words)))
}

/** Whatever was said, it was said of us and not of the mail, of which nothing has left. */
function refused(outcome: Outcome): NotSent['outcome'] {
  const { code, reason } = outcome.kind === 'accepted' ? diagnostic('token', '') : outcome.diagnostic
  const said = diagnostic(`token/${code}`, `no token: ${reason}`)
  if (outcome.kind === 'rejected') return { kind: 'rejected', cause: 'account', diagnostic: said }
  const after = outcome.kind === 'deferred' ? outcome.retryAfter : undefined
  return {
    kind: 'deferred',
    cause: 'provider',
    ...(after === undefined ? {} : { retryAfter: after }),
    diagnostic: said,
  }
}

async function answered(desk: TokenDesk, fetch: Fetch): Promise<HttpAnswer> {
  const { clientId, clientSecret, scope } = desk
  const fields = {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
    ...(scope === undefined ? {} : { scope }),
  }
  try {
    const response = await fetch(desk.url, {
      method: 'POST',
      headers: {
        'content-type': desk.as === 'json' ? 'application/json' : 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
      body: desk.as === 'json' ? JSON.stringify(fields) : new URLSearchParams(fields).toString(),
    })
    const body = (await response.text()).replaceAll(clientSecret, '[secret]')
    return { status: response.status, headers: Object.fromEntries(response.headers), body }
  } catch {
    const said = diagnostic('token', 'no token: no answer came')
    throw new NotSent({ kind: 'deferred', cause: 'provider', diagnostic: said })
  }
}
