/** DNS for mail: where a domain's mail goes (RFC 5321 section 5.1, RFC 7505), and records as they stand. */
import { Resolver } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { isPrivate } from './address-range.ts'

/** A domain may publish as many MX as it likes; we look at this many, and at this many addresses of each. */
const mostHosts = 20
const mostAddresses = 5
/** Milliseconds that an answer is good for. Short: a TTL of zero is honoured late, but a busy domain is asked once. */
const goodFor = 30_000
const mostKept = 10_000

export type Exchangers =
  /** In the order in which to try them; hosts of equal preference in random order. */
  | { kind: 'hosts'; hosts: string[] }
  /** RFC 7505: the domain takes no mail. */
  | { kind: 'null' }
  /** The domain does not exist, or has neither MX nor address. */
  | { kind: 'none' }
  | Unanswered

type Addresses =
  | { kind: 'addresses'; addresses: string[] }
  /** It has addresses, but none that we may connect to. */
  | { kind: 'private' }
  | { kind: 'none' }
  | Unanswered

/** `network`: not even the root was answered, so that it is our resolver or link that is down. */
export interface Unanswered {
  kind: 'unanswered'
  code: string
  network: boolean
}

export interface MailDns {
  exchangers(domain: string): Promise<Exchangers>
  /** IPv4 first: its reputation is what most senders have. */
  addresses(host: string): Promise<Addresses>
}

export interface DnsOptions {
  /** `ip` or `ip:port`; empty for the system's. */
  servers: readonly string[]
  allowPrivate: boolean
  /** Milliseconds for one try, of which there are two. */
  timeout?: number
}

export function mailDns(options: DnsOptions): MailDns {
  const resolver = new Resolver({ timeout: options.timeout ?? 3_000, tries: 2 })
  if (options.servers.length > 0) resolver.setServers([...options.servers])
  const exchangers = remembering((domain) => lookUpExchangers(resolver, domain))
  const addresses = remembering((host) => lookUpAddresses(resolver, host, options.allowPrivate))
  return { exchangers, addresses }
}

/** The records of one type as Node's resolver has them; rejects with a `code` where there are none, or no answer. */
export type LookUp = (name: string, type: string) => Promise<string[] | string[][]>

/** Records of names, asked for anew each time. */
export function lookUps({ servers, timeout = 3_000 }: Pick<DnsOptions, 'servers' | 'timeout'>): LookUp {
  const resolver = new Resolver({ timeout, tries: 2 })
  if (servers.length > 0) resolver.setServers([...servers])
  return async (name, type) => (await resolver.resolve(name, type)) as string[] | string[][]
}

async function lookUpExchangers(resolver: Resolver, domain: string): Promise<Exchangers> {
  const found = await ask(() => resolver.resolveMx(domain))
  if ('code' in found && !saysNothing(found.code)) return unanswered(resolver, found.code)
  const records = 'code' in found ? [] : found.records
  if (records.length > 0 && records.every((record) => record.exchange === '' || record.exchange === '.')) {
    return { kind: 'null' }
  }
  const hosts = records
    .filter((record) => isHostName(record.exchange))
    .map((record) => ({ name: record.exchange.toLowerCase(), order: record.priority + Math.random() }))
    .sort((one, other) => one.order - other.order)
    .slice(0, mostHosts)
    .map((record) => record.name)
  if (hosts.length > 0) return { kind: 'hosts', hosts }
  // MX that cannot be used are still MX: the domain itself is not asked (RFC 5321 section 5.1).
  if (records.length > 0) return { kind: 'hosts', hosts: [] }
  // No MX: the domain itself is the host.
  const own = await lookUpAddresses(resolver, domain, true)
  return own.kind === 'none' || own.kind === 'unanswered' ? own : { kind: 'hosts', hosts: [domain] }
}

async function lookUpAddresses(resolver: Resolver, host: string, allowPrivate: boolean): Promise<Addresses> {
  const answers = await Promise.all([ask(() => resolver.resolve4(host)), ask(() => resolver.resolve6(host))])
  const found = answers.flatMap((answer) => ('code' in answer ? [] : answer.records))
  if (found.length > 0) {
    const own = ownAddresses()
    const usable = found.filter((address) => allowPrivate || (!isPrivate(address) && !own.has(address)))
    return usable.length > 0 ? { kind: 'addresses', addresses: usable.slice(0, mostAddresses) } : { kind: 'private' }
  }
  const failed = answers.find((answer) => 'code' in answer && !saysNothing(answer.code))
  return failed && 'code' in failed ? unanswered(resolver, failed.code) : { kind: 'none' }
}

async function ask<Record>(question: () => Promise<Record[]>): Promise<{ records: Record[] } | { code: string }> {
  try {
    return { records: await question() }
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'EDNS' }
  }
}

/** An answer without records: NXDOMAIN or NODATA. Names that no DNS question can hold exist as little. */
export function saysNothing(code: string): boolean {
  return code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EBADNAME'
}

/** A refusal or SERVFAIL is the domain's own trouble; a server that does not answer may be ours. The root tells which. */
async function unanswered(resolver: Resolver, code: string): Promise<Unanswered> {
  const silent = (code: string) => code === 'ETIMEOUT' || code === 'ECONNREFUSED'
  if (!silent(code)) return { kind: 'unanswered', code, network: false }
  const root = await ask(() => resolver.resolveNs('.'))
  return { kind: 'unanswered', code, network: 'code' in root && silent(root.code) }
}

/** Letters, digits and hyphens, two labels or more, and no address in disguise: nothing else is a host (RFC 1123). */
function isHostName(name: string): boolean {
  return (
    name.length <= 253 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(name)
  )
}

/** Mail to ourselves would come round for ever. */
export function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => list?.map((entry) => entry.address) ?? []))
}

/** Asks once for the same name, also when asked again while waiting, and keeps what was found for a short time. */
function remembering<Answer extends { kind: string }>(ask: (name: string) => Promise<Answer>) {
  const kept = new Map<string, { until: number; answer: Promise<Answer> }>()
  return (name: string): Promise<Answer> => {
    const now = performance.now()
    const known = kept.get(name)
    if (known && known.until > now) return known.answer
    if (kept.size >= mostKept) kept.delete(kept.keys().next().value!)
    const answer = ask(name)
    kept.delete(name)
    kept.set(name, { until: now + goodFor, answer })
    void answer.then(({ kind }) => {
      if (kind === 'unanswered' && kept.get(name)?.answer === answer) kept.delete(name)
    })
    return answer
  }
}
