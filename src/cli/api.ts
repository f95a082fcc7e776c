/** Talking to a running gateway. */
import { Failure, Refused, WrongUsage } from './failure.ts'
import { plain } from './terminal.ts'

export interface Gateway {
  /** `http://127.0.0.1:8025` */
  url: string
  /** `wp_live_…`; a gateway without keys needs none, and an empty one is none. */
  key?: string | undefined
}

interface Ask {
  query?: URLSearchParams
  body?: string | Uint8Array<ArrayBuffer>
  contentType?: string
}

/** A whole answer takes at most this long. */
const patience = 60_000

export async function get<Answer>(gateway: Gateway, path: string, query = new URLSearchParams()): Promise<Answer> {
  return (await ask<Answer>(gateway, 'GET', path, { query })).answer
}

export async function post<Answer>(gateway: Gateway, path: string, asked: Ask = {}): Promise<Answer> {
  return (await ask<Answer>(gateway, 'POST', path, asked)).answer
}

/** `created`: it was not there before. */
export async function put<Answer>(
  gateway: Gateway,
  path: string,
  body: object,
): Promise<{ answer: Answer; created: boolean }> {
  const asked = { body: JSON.stringify(body), contentType: 'application/json' }
  const { answer, status } = await ask<Answer>(gateway, 'PUT', path, asked)
  return { answer, created: status === 201 }
}

export async function remove(gateway: Gateway, path: string): Promise<void> {
  await ask(gateway, 'DELETE', path, {})
}

/**
 * @throws Refused that says what the gateway said, Failure when it said nothing of use; WrongUsage for a URL or key that is none
 */
async function ask<Answer>(
  gateway: Gateway,
  method: string,
  path: string,
  asked: Ask,
): Promise<{ answer: Answer; status: number }> {
  const url = target(gateway.url, path, asked.query)
  const headers = new Headers({ accept: 'application/json' })
  if (asked.contentType !== undefined) headers.set('content-type', asked.contentType)
  if (gateway.key) {
    if (!/^[!-~]+$/.test(gateway.key)) throw new WrongUsage('The key has characters that no key has.')
    headers.set('authorization', `Bearer ${gateway.key}`)
  }
  let response: Response
  let text: string
  try {
    // A redirect would carry the key and the mail to who knows where.
    const signal = AbortSignal.timeout(patience)
    response = await fetch(url, { method, headers, body: asked.body ?? null, redirect: 'error', signal })
    text = await response.text()
  } catch (error) {
    throw new Failure(unreachable(gateway.url, error as Error))
  }
  const answer = parsed(text)
  const { status } = response
  if (status === 401) throw new Refused(`${askForKey(gateway)} (401)`, status)
  if (!response.ok) throw new Refused(refusal(status, answer, text), status)
  if (answer === undefined && status !== 204)
    throw new Failure(`${gateway.url} answered something that is not JSON; is it Waypost?`)
  return { answer: answer as Answer, status }
}

function target(base: string, path: string, query: URLSearchParams | undefined): URL {
  const url = URL.parse(base)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new WrongUsage(`"${plain(base)}" is not a URL such as http://127.0.0.1:8025`)
  }
  url.pathname = url.pathname.replace(/\/+$/, '') + path
  url.search = query?.toString() ?? ''
  return url
}

function unreachable(url: string, error: Error): string {
  if (error.name === 'TimeoutError') return `${url} did not answer within ${patience / 1000} seconds.`
  const cause = error.cause as (NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] }) | undefined
  const code = cause?.code ?? cause?.errors?.[0]?.code
  if (code === 'ECONNREFUSED') return `Nothing answers at ${url}; is \`waypost serve\` running?`
  return `${url} cannot be reached: ${code ?? cause?.message ?? error.message}`
}

function askForKey({ url, key }: Gateway): string {
  if (key) return `${url} does not know this key.`
  return `${url} asks for a key: --key, or WAYPOST_KEY in the environment.`
}

/** RFC 9457: a sentence, or what is wrong by its title and one line for each field. */
function refusal(status: number, answer: unknown, text: string): string {
  const { title, detail, errors } = Object(answer) as Record<string, unknown>
  if (typeof title !== 'string') return `The gateway answered ${status}: ${plain(text).slice(0, 200)}`
  const fields = (Array.isArray(errors) ? errors : []).map((error) => {
    const { pointer, detail } = Object(error) as Record<string, unknown>
    return `  ${plain(String(pointer))}: ${plain(String(detail))}`
  })
  const said = typeof detail === 'string' && fields.length === 0 ? detail : title
  return [`${plain(said)} (${status})`, ...fields].join('\n')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
