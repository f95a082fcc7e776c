/** Opens a session with an SMTP server: nodemailer connects, says EHLO, starts TLS, authenticates, and hands the socket over. */
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { longestReply } from './smtp-replies.ts'
import { broken, type Failure, isFailure, refused } from './smtp-reply.ts'
import { SmtpSession } from './smtp-session.ts'
import { takeOver } from './smtp-takeover.ts'

/** Milliseconds for connecting, the greeting and TLS together. */
const setupTime = 5_000

export interface Endpoint {
  /** A name, or the very address to connect to. */
  host: string
  port: number
  /** The name the certificate must bear, when that is not `host`. */
  servername?: string
  tls: 'implicit' | 'required' | 'opportunistic' | 'none'
  /** Holds for `implicit` and `required`: where plaintext would do as well, a bad certificate is no worse than none. */
  verify: boolean
  user?: string
  pass?: string
  /** The name for EHLO. */
  hostname?: string
}

/**
 * A session ready for its first transaction, or why there is none. Never throws. Where TLS is `opportunistic` and the handshake
 * fails, one more connection is made without it.
 */
export async function openSession(endpoint: Endpoint, signal: AbortSignal): Promise<SmtpSession | Failure> {
  const session = await open(endpoint, signal)
  if (!isFailure(session) || endpoint.tls !== 'opportunistic') return session
  // Words put in before the handshake are an attack, and no reason to go on without TLS.
  const plain = session.stage === 'tls' && session.code !== 'EINJECTED' && endpoint.user === undefined
  return plain ? open({ ...endpoint, tls: 'none' }, signal) : session
}

/** The library's errors, as far as they are looked at here. */
interface LibraryError extends Error {
  code?: string | undefined
  originalCode?: string | undefined
  response?: string | undefined
}

async function open(endpoint: Endpoint, signal: AbortSignal): Promise<SmtpSession | Failure> {
  const heard = { ehlo: '', injected: false }
  const connection = new SMTPConnection({ ...optionsFor(endpoint), logger: listener(heard) })
  const { promise, resolve } = Promise.withResolvers<SmtpSession | Failure>()
  const abort = () => resolve(broken('connect', 'ETIMEDOUT', 'no answer in time'))
  const ready = () => {
    const taken = takeOver(connection)
    if (taken) resolve(new SmtpSession(taken.socket, extensionsIn(heard.ehlo), taken.early))
    else resolve(broken('connect', 'ENODEMAILER', 'this version of nodemailer does not let go of its socket'))
  }
  const fail = (error: LibraryError) => resolve(failureFrom(error, connection, heard.injected, endpoint))
  const deadline = setTimeout(abort, 2 * setupTime)
  signal.addEventListener('abort', abort)
  connection.on('error', fail)
  connection.on('end', () => queueMicrotask(() => fail(new Error('the connection was closed'))))
  connection.connect((error) => {
    if (error) return fail(error)
    if (heard.injected) return resolve(injected())
    if (endpoint.user === undefined) return ready()
    // Credentials never travel in the clear, whatever was configured.
    if (!connection.secure) return resolve(broken('tls', 'ENOTLS', 'no TLS, so no credentials were sent'))
    connection.login({ user: endpoint.user, pass: endpoint.pass ?? '' }, (no) => (no ? fail(no) : ready()))
  })
  if (signal.aborted) abort()
  const session = await promise
  clearTimeout(deadline)
  signal.removeEventListener('abort', abort)
  if (isFailure(session)) connection.close()
  return session
}

function optionsFor(endpoint: Endpoint): SMTPConnection.Options {
  const { tls } = endpoint
  return {
    host: endpoint.host,
    port: endpoint.port,
    secure: tls === 'implicit',
    requireTLS: tls === 'required',
    opportunisticTLS: tls === 'opportunistic',
    ignoreTLS: tls === 'none',
    tls: { rejectUnauthorized: endpoint.verify && (tls === 'implicit' || tls === 'required') },
    ...(endpoint.servername === undefined ? {} : { servername: endpoint.servername }),
    ...(endpoint.hostname === undefined ? {} : { name: endpoint.hostname }),
    connectionTimeout: setupTime,
    greetingTimeout: setupTime,
    dnsTimeout: setupTime,
    maxResponseSize: longestReply,
    socketCloseTimeout: 0,
    transactionLog: true,
  }
}

/** The library's log is the one public place that shows what EHLO answered, and that words came in ahead of the handshake. */
function listener(heard: { ehlo: string; injected: boolean }) {
  const ignore = () => undefined
  let asked = ''
  return {
    trace: ignore,
    info: ignore,
    error: ignore,
    fatal: ignore,
    debug: (entry: { tnx?: unknown }, line: string) => {
      if (entry.tnx === 'client') asked = line
      else if (entry.tnx === 'server' && asked.startsWith('EHLO')) heard.ehlo = line
    },
    warn: (entry: { discarded?: unknown }) => {
      heard.injected ||= entry.discarded !== undefined
    },
  }
}

function injected(): Failure {
  return broken('tls', 'EINJECTED', 'plaintext arrived ahead of the TLS handshake')
}

function failureFrom(error: LibraryError, connection: SMTPConnection, early: boolean, endpoint: Endpoint): Failure {
  if (early) return injected()
  const tls = error.code === 'ETLS' || connection.upgrading === true
  const stage = error.code === 'EAUTH' ? 'auth' : tls ? 'tls' : error.response === undefined ? 'connect' : 'greeting'
  const said = error.response === undefined ? undefined : withoutSecrets(error.response, endpoint)
  return said === undefined
    ? broken(stage, error.originalCode ?? error.code ?? 'ECONNECTION', error.message)
    : refused(stage, said)
}

/** A server may repeat what it was told; none of that may reach a log. */
function withoutSecrets(text: string, { user = '', pass }: Endpoint): string {
  if (!pass) return text
  const encoded = [`\0${user}\0${pass}`, pass].map((secret) => Buffer.from(secret).toString('base64'))
  return [...encoded, pass].reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}

function extensionsIn(ehlo: string): ReadonlyMap<string, string> {
  const lines = ehlo.split(/\r?\n/).slice(1)
  return new Map(
    lines.map((line) => {
      const [keyword = '', ...values] = line.replace(/^\d{3}[ -]/, '').split(/\s+/)
      return [keyword.toUpperCase(), values.join(' ')]
    }),
  )
}
