/**
 * HTTP to addresses that our users chose, who must not reach through us what only we can reach: this machine, its network, a
 * cloud's metadata. Names are resolved by us and their addresses looked at, at every call, and the socket goes to the address that
 * was looked at. One connection a call, shared with nobody; redirects are not followed; an answer is read no further than 64 KB.
 */
import { isIP, type LookupFunction } from 'node:net'
import type { Client, Dispatcher } from 'undici'
import { isPrivate } from './address-range.ts'
import { mailDns, ownAddresses } from './dns.ts'

interface GuardedCall {
  url: string
  headers: Readonly<Record<string, string>>
  body: string
}

/** What was answered, or why nothing was. */
export type Said = { status: number; headers: Record<string, string> } | { problem: string }

export interface GuardedHttp {
  /** A POST. Never rejects. */
  post(call: GuardedCall): Promise<Said>
  /** Why this address may not be called, as far as it shows without asking anybody; null when it may. */
  refusal(url: string): string | null
  /** Cuts off what is under way. */
  close(): void
}

export interface GuardedOptions {
  /** Read at each call: addresses of our own network may be called too, and plain HTTP is enough. */
  allowPrivate: () => boolean
  /** Milliseconds for a whole call. */
  timeout?: number
  /** For tests: DNS servers, the only authorities to trust, and which addresses are private. */
  servers?: readonly string[]
  ca?: string
  isPrivate?: (address: string) => boolean
}

const longestAnswer = 65_536

/** Azure tells its machines of themselves at an address that looks public; other clouds do so at addresses that do not. */
const azure = '168.63.129.16'

class Refused extends Error {}

export function guardedHttp(options: GuardedOptions): GuardedHttp {
  const { allowPrivate, timeout = 15_000, ca } = options
  const dns = mailDns({ servers: options.servers ?? [], allowPrivate: true })
  const closing = new AbortController()
  const forbidden =
    options.isPrivate ?? ((address) => isPrivate(address) || address === azure || ownAddresses().has(address))

  /** The address in the URL, when it is not a name. */
  function literal(url: URL): string | null {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    return isIP(host) === 0 ? null : host
  }

  function refusal(text: string): string | null {
    if (!URL.canParse(text)) return 'Not an absolute URL.'
    const url = new URL(text)
    const open = allowPrivate()
    if (url.protocol !== 'https:' && !(open && url.protocol === 'http:')) return 'Only https is called.'
    if (url.username !== '' || url.password !== '')
      return 'User and password have no place here: calls are known by their signature.'
    const address = literal(url)
    if (!open && (isLocal(url.hostname) || (address !== null && forbidden(address))))
      return 'Only public addresses are called.'
    return null
  }

  /** Where to connect to. @throws Refused */
  async function addressesOf(url: URL): Promise<string[]> {
    const address = literal(url)
    if (address !== null) return [address]
    if (isLocal(url.hostname)) return ['127.0.0.1', '::1']
    const found = await dns.addresses(url.hostname)
    if (found.kind !== 'addresses') throw new Refused('its name leads to no address')
    const usable = allowPrivate() ? found.addresses : found.addresses.filter((one) => !forbidden(one))
    if (usable.length === 0) throw new Refused('its name leads to addresses that are not public')
    return usable
  }

  async function call({ url: text, headers, body }: GuardedCall, signal: AbortSignal): Promise<Said> {
    const problem = refusal(text)
    if (problem !== null) throw new Refused(problem)
    const url = new URL(text)
    const [addresses, { Client }] = await Promise.all([before(signal, addressesOf(url)), import('undici')])
    signal.throwIfAborted()
    const client = new Client(url.origin, {
      pipelining: 0,
      allowH2: false,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      connect: { timeout, lookup: leadingTo(addresses), ...(ca === undefined ? {} : { ca }) },
    })
    try {
      return await answerOf(client, { path: url.pathname + url.search, headers, body }, signal)
    } finally {
      client.destroy().catch(() => {})
    }
  }

  return {
    refusal,
    async post(wanted) {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeout)])
      try {
        return await call(wanted, signal)
      } catch (error) {
        if (closing.signal.aborted) return { problem: 'the call was broken off' }
        if (signal.aborted) return { problem: `no answer within ${timeout} ms` }
        return { problem: error instanceof Error ? error.message || error.name : String(error) }
      }
    },
    close: () => closing.abort(),
  }
}

function isLocal(host: string): boolean {
  return /(?:^|\.)localhost\.?$/.test(host)
}

/** A lookup that knows nothing but what was looked at: whatever the name says by now. */
function leadingTo(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, { all }, done) => {
    if (all) done(null, found)
    else done(null, found[0]!.address, found[0]!.family)
  }
}

/** What `work` answers, unless the signal comes first. */
function before<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Resolves by the status, however the body ends; rejects when no status came. */
function answerOf(
  client: Client,
  { path, headers, body }: { path: string; headers: Readonly<Record<string, string>>; body: string },
  signal: AbortSignal,
): Promise<Said> {
  const said = new Promise<Said>((resolve, reject) => {
    let answered: Said | null = null
    let length = 0
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => {},
      onResponseStart(_, status, headers) {
        // Interim answers (RFC 9110 section 15.2) come before the one.
        if (status >= 200) answered = { status, headers: flat(headers) }
      },
      onResponseData(controller, piece) {
        length += piece.length
        if (length > longestAnswer) controller.abort(new Error('the answer is too long'))
      },
      onResponseEnd: () => resolve(answered!),
      onResponseError: (_, error) => (answered ? resolve(answered) : reject(error)),
    }
    client.dispatch({ path, method: 'POST', headers: { 'user-agent': 'waypost', ...headers }, body }, handler)
    signal.addEventListener('abort', () => (answered ? resolve(answered) : reject(signal.reason)), { once: true })
  })
  return said
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))
}
