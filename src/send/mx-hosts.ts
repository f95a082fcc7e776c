/** MX hosts as one `direct` provider knows them: their addresses, the sessions kept with each, and which were dead just now. */
import type { MxSettings } from '../mail/adapter.ts'
import { type Exchangers, mailDns, type Unanswered } from './dns.ts'
import { openSession } from './smtp-open.ts'
import { SmtpPool } from './smtp-pool.ts'
import { broken, type Failure, isFailure } from './smtp-reply.ts'
import type { SmtpSession } from './smtp-session.ts'

/** Milliseconds for which a host that did not answer is not tried: less than any retry waits. */
const deadFor = 15_000

export interface MxHosts {
  exchangers(domain: string, signal: AbortSignal): Promise<Exchangers>
  /**
   * A session with `host`, kept or new; `fresh` for a new one.
   * @returns why there is none otherwise: the failure, DNS, or that all its addresses are private
   */
  take(
    host: string,
    signal: AbortSignal,
    fresh: boolean,
  ): Promise<SmtpSession | Failure | Unanswered | { kind: 'private' }>
  give(host: string, session: SmtpSession): void
  /** Closes what was idle for long. @returns whether nothing is left */
  sweep(now: number): boolean
  close(): void
}

export function mxHosts(settings: MxSettings): MxHosts {
  const dns = mailDns({ servers: settings.resolver, allowPrivate: settings.allowPrivate })
  const pools = new Map<string, SmtpPool>()
  const dead = new Map<string, { until: number; failure: Failure }>()
  let closed = false

  function poolOf(host: string): SmtpPool {
    let pool = pools.get(host)
    if (!pool) {
      pool = new SmtpPool(settings.connectionsPerHost, (signal) => open(host, signal))
      pools.set(host, pool)
      if (closed) pool.close()
    }
    return pool
  }

  /** To the addresses that were looked at, never by the name again: DNS may answer otherwise the second time. */
  async function open(host: string, signal: AbortSignal): Promise<SmtpSession | Failure> {
    const lately = dead.get(host)
    if (lately && lately.until > performance.now()) return lately.failure
    const found = await dns.addresses(host)
    let failure = broken('connect', 'ENOTFOUND', `${host} has no address`)
    for (const address of found.kind === 'addresses' ? found.addresses : []) {
      const session = await openSession(
        {
          host: address,
          port: settings.port,
          servername: host,
          tls: settings.tls,
          verify: true,
          hostname: settings.hostname,
        },
        signal,
      )
      if (!isFailure(session)) return session
      failure = session
      if (signal.aborted) return failure
    }
    dead.set(host, { until: performance.now() + deadFor, failure })
    return failure
  }

  return {
    exchangers: (domain, signal) => orAborted(dns.exchangers(domain), signal),
    async take(host, signal, fresh) {
      const found = await orAborted(dns.addresses(host), signal)
      if (found.kind === 'unanswered' || found.kind === 'private') return found
      return poolOf(host).take(signal, fresh)
    },
    give(host, session) {
      poolOf(host).give(session)
    },
    sweep(now) {
      for (const [host, pool] of pools) if (pool.sweep(now)) pools.delete(host)
      for (const [host, { until }] of dead) if (until <= now) dead.delete(host)
      return pools.size === 0 && dead.size === 0
    },
    close() {
      closed = true
      for (const pool of pools.values()) pool.close()
    },
  }
}

/** A resolver cannot be told to stop for one question; whoever asked stops waiting. */
async function orAborted<Answer>(asked: Promise<Answer>, signal: AbortSignal): Promise<Answer | Unanswered> {
  const gone: Unanswered = { kind: 'unanswered', code: 'ETIMEDOUT', network: false }
  if (signal.aborted) return gone
  const { promise, resolve } = Promise.withResolvers<Unanswered>()
  const stop = () => resolve(gone)
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([asked, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
