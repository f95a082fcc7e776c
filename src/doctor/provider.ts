/** Whether a provider can be used: its server is reached, and its credentials are taken. Nothing is sent. */
import { connect } from 'node:net'
import type { Fetch } from '../mail/fetch.ts'
import type { Provider } from '../mail/provider.ts'
import { mailDns } from '../send/dns.ts'
import { hideSecrets } from '../send/secrets.ts'
import { openSession } from '../send/smtp-open.ts'
import { isFailure } from '../send/smtp-reply.ts'
import { codeOf, type Finding, findingsAbout } from './finding.ts'
import { originOf } from './origin.ts'

const patience = 10_000

export interface Examined {
  findings: Finding[]
  /** What its server said the time was. */
  time?: { by: string; theirs: number; ours: number }
}

/** @param domains From domains of its mail, of which the vendor is asked, or whose MX are called */
export async function examineProvider(provider: Provider, domains: readonly string[], fetch: Fetch): Promise<Examined> {
  switch (provider.adapter.send.kind) {
    case 'keep':
      return { findings: [aboutProvider(provider)('reached', 'well', 'mail stays in this gateway')] }
    case 'mx':
      return { findings: [await examineMx(provider, domains)] }
    case 'smtp':
      return { findings: await examineSmtp(provider) }
    default:
      return examineHttp(provider, domains, fetch)
  }
}

const aboutProvider = ({ name, adapter }: Provider) => findingsAbout(`provider ${name} (${adapter.name})`)

async function examineHttp(provider: Provider, domains: readonly string[], fetch: Fetch): Promise<Examined> {
  const found = aboutProvider(provider)
  const origin = await originOf(provider)
  if (origin === null)
    return { findings: [found('reached', 'unsure', 'its address is not known before there is mail')] }
  const { host } = new URL(origin)
  let time: Examined['time']
  try {
    const signal = AbortSignal.timeout(patience)
    const answer = await globalThis.fetch(origin, { method: 'HEAD', redirect: 'manual', signal })
    const theirs = Date.parse(answer.headers.get('date') ?? '')
    // It is told in whole seconds, so half a second is the fairest guess.
    if (!Number.isNaN(theirs)) time = { by: host, theirs: theirs + 500, ours: Date.now() }
  } catch (error) {
    const mend = 'see that this machine may connect there: firewall, proxy, DNS'
    return { findings: [found('reached', 'ill', `${host} is not reached (${codeOf(error)})`, mend)] }
  }
  const findings = [found('reached', 'well', `${host} answers`), await askCredentials(provider, domains, fetch)]
  return { findings, ...(time ? { time } : {}) }
}

/** By whatever harmless question its API has; most send keys may ask nothing, which is no fault. */
async function askCredentials(provider: Provider, domains: readonly string[], fetch: Fetch): Promise<Finding> {
  const found = aboutProvider(provider)
  const { adapter, options } = provider
  try {
    if (adapter.identity) await adapter.identity(domains[0] ?? 'example.com', options, fetch)
    else if (adapter.suppressions) await adapter.suppressions(options, fetch)[Symbol.asyncIterator]().next()
    else return found('credentials', 'unsure', 'not asked: its API has no question that sends nothing')
    return found('credentials', 'well', 'taken')
  } catch (error) {
    const why = hideSecrets(error instanceof Error ? error.message : String(error), options)
    if (/answered 401\b/.test(why)) {
      return found('credentials', 'ill', why, 'see that the key in the config is the account’s and not revoked')
    }
    const mend = 'the key may be good for sending alone; the first mail tells'
    return found('credentials', 'unsure', why, /answered 403\b/.test(why) ? mend : undefined)
  }
}

async function examineSmtp(provider: Provider): Promise<Finding[]> {
  const found = aboutProvider(provider)
  const { send } = provider.adapter
  if (send.kind !== 'smtp') return []
  const relay = send.target(provider.options)
  const where = `${relay.host}:${relay.port}`
  const session = await openSession(relay, AbortSignal.timeout(patience))
  if (isFailure(session)) {
    const why = `${session.code} ${session.reason}`
    if (session.stage === 'auth') {
      return [
        found('reached', 'well', `${where} answers`),
        found('credentials', 'ill', `${where} does not take them: ${why}`, 'see user and pass in the config'),
      ]
    }
    const mend =
      session.stage === 'tls' ? 'see tls, verify and the server’s certificate' : 'see host, port and firewall'
    return [found('reached', 'ill', `${where} is not reached (${session.stage}): ${why}`, mend)]
  }
  session.quit()
  const login =
    relay.user === undefined
      ? found('credentials', 'well', 'none are asked for')
      : found('credentials', 'well', 'taken')
  return [found('reached', 'well', `${where} answers`), login]
}

/** Port 25 is closed in many networks. It is tried at the MX of our own From domains, which expect calls. */
async function examineMx(provider: Provider, domains: readonly string[]): Promise<Finding> {
  const found = aboutProvider(provider)
  const { send } = provider.adapter
  if (send.kind !== 'mx') return found('reached', 'unsure', 'not asked')
  const { port, resolver, allowPrivate } = send.mx(provider.options)
  const dns = mailDns({ servers: resolver, allowPrivate })
  let last = 'none of its From domains has a mail server to try it at; name one with --from'
  for (const domain of domains) {
    const exchangers = await dns.exchangers(domain)
    for (const host of exchangers.kind === 'hosts' ? exchangers.hosts.slice(0, 2) : []) {
      const addresses = await dns.addresses(host)
      if (addresses.kind !== 'addresses') continue
      const code = await tryPort(addresses.addresses[0]!, port)
      if (code === null) return found('reached', 'well', `port ${port} is open: ${host} answers`)
      last = `${host} does not answer at port ${port} (${code})`
    }
  }
  const tried = last.includes('does not answer')
  const mend = 'have the network let port 25 out; many clouds open it on request only'
  return found('reached', tried ? 'ill' : 'unsure', last, tried ? mend : undefined)
}

/** Null when somebody is there. */
function tryPort(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5_000 })
    const end = (code: string | null) => {
      socket.destroy()
      resolve(code)
    }
    socket.on('connect', () => end(null))
    socket.on('timeout', () => end('no answer in time'))
    socket.on('error', (error) => end(codeOf(error)))
  })
}
