/** SMTP in: the listeners, on `smtp-server`, and what concerns all sessions together. The sessions are in `smtp-dialogue.ts`. */
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import type { SMTPServerOptions, SMTPServerSession } from 'smtp-server'
import type { Listen, Tls } from '../config.ts'
import { FailedLogins } from './failed-logins.ts'
import { Refusal } from './refusals.ts'
import { Dialogue, type DialogueParts } from './smtp-dialogue.ts'
import { type GuardedConnection, GuardedServer } from './smtp-guard.ts'
import { Reply, replyTo } from './smtp-reply.ts'
import { isStranger } from './strangers.ts'

export interface SmtpParts extends Pick<DialogueParts, 'config' | 'door' | 'clock' | 'foreign'> {
  /** Gets one line for what went wrong on our side. */
  log?: DialogueParts['log']
  patience?: Partial<Patience>
  /** Whose address waits for the greeting, to be found out if it talks before. */
  isStranger?: (address: string) => boolean
}

/** How long slow clients are borne with. */
interface Patience {
  /** Milliseconds for one command, from the reply before it to its CRLF, and for any silence. */
  command: number
  /** Milliseconds over which the pace of DATA is judged. */
  pace: number
  /** Bytes that DATA must bring in that time. */
  bytes: number
  /** Milliseconds that messages under way are given when we stop. */
  close: number
}

const patience: Patience = { command: 60_000, pace: 60_000, bytes: 30_000, close: 30_000 }

export interface Smtp {
  listening: { host: string; port: number; tls: boolean }[]
  /** Takes no more connections, lets messages under way finish, and says 421 to everyone else. */
  close(): Promise<void>
}

/**
 * Listens for SMTP submission on `smtp.listen` (STARTTLS when there is a certificate) and `smtp.tlsListen` (implicit TLS).
 * With a certificate AUTH needs TLS, from wherever the client comes; without one it works in clear. Clients from public addresses
 * wait 100 ms for the greeting, to catch those that talk too soon; our own, which may connect anew for each message, do not.
 * @throws when a port cannot be had
 */
export async function startSmtp(parts: SmtpParts): Promise<Smtp> {
  const listeners = new Listeners(parts)
  const { smtp } = parts.config()
  try {
    await listeners.listen(smtp.listen, false)
    if (smtp.tlsListen !== null) await listeners.listen(smtp.tlsListen, true)
  } catch (error) {
    await listeners.close()
    throw error
  }
  return { listening: listeners.listening, close: () => listeners.close() }
}

interface Visit {
  connection: GuardedConnection
  dialogue: Dialogue
  /** Where DATA stood when its pace was last judged, by `performance.now()`. */
  mark: { at: number; bytes: number } | null
  /** Counts among the connections of its client's address. */
  counted: boolean
}

class Listeners {
  readonly listening: Smtp['listening'] = []
  readonly #config: SmtpParts['config']
  readonly #patience: Patience
  readonly #shared: DialogueParts
  readonly #servers: GuardedServer[] = []
  readonly #visits = new Map<SMTPServerSession, Visit>()
  /** Sessions by client address. */
  readonly #clients = new Map<string, number>()
  readonly #watch: NodeJS.Timeout
  readonly #isStranger: (address: string) => boolean
  #closing = false

  constructor({
    config,
    door,
    clock,
    foreign,
    log = () => {},
    patience: given,
    isStranger: judge = isStranger,
  }: SmtpParts) {
    this.#config = config
    this.#patience = { ...patience, ...given }
    this.#isStranger = judge
    const closing = () => this.#closing
    this.#shared = { config, door, clock, foreign, log, closing, logins: new FailedLogins(clock) }
    this.#watch = setInterval(() => this.#sendSlowAway(), Math.min(this.#patience.command, this.#patience.pace) / 4)
    this.#watch.unref()
  }

  async listen({ host, port }: Listen, secure: boolean): Promise<void> {
    const server = new GuardedServer(this.#options(secure), (connection) => this.#open(connection), this.#isStranger)
    // What happens to a connection is between it and its client.
    server.on('error', () => {})
    let applied = this.#config().smtp.tls
    server.server.prependListener('connection', () => {
      const { tls } = this.#config().smtp
      if (tls !== null && tls !== applied) server.updateSecureContext(tls)
      applied = tls
    })
    this.#servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.server.once('error', reject)
      server.listen(port, host, () => resolve())
    })
    this.listening.push({ host, port: (server.server.address() as AddressInfo).port, tls: secure })
  }

  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#watch)
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(resolve)))
    for (const visit of this.#visits.values()) if (!visit.dialogue.inData) sayGoodbye(visit)
    await Promise.all(closed)
  }

  /** Getters, because the library reads its options whenever it needs one. */
  #options(secure: boolean): SMTPServerOptions {
    const config = this.#config
    const certificate: Tls | Record<string, never> = config().smtp.tls ?? {}
    return {
      ...certificate,
      secure,
      get size() {
        return config().smtp.maxSize
      },
      get maxClients() {
        return config().smtp.maxConnections
      },
      name: hostname(),
      // Without a logger nothing of a session, its keys least of all, is logged. False also spares the operator a warning
      // about the certificate built into the library, which is never used: no certificate, no STARTTLS.
      logger: false,
      authMethods: ['PLAIN', 'LOGIN'],
      // The dialogue says 530 and 538 itself, with the right codes and by the config of the moment.
      authOptional: true,
      allowInsecureAuth: true,
      hideENHANCEDSTATUSCODES: false,
      hideDSN: false,
      disableReverseLookup: true,
      socketTimeout: this.#patience.command,
      closeTimeout: this.#patience.close,
      onConnect: (session, done) => done(this.#greet(session)),
      onSecure: (_socket, session, done) => {
        this.#offer(session)
        done()
      },
      onAuth: (auth, session, done) => this.#attempt(done, () => ({ user: this.#dialogue(session).login(auth) })),
      onMailFrom: (_address, session, done) => this.#attempt(done, () => this.#dialogue(session).begin()),
      onRcptTo: (_address, session, done) => this.#attempt(done, () => this.#dialogue(session).add()),
      onData: (stream, session, done) => {
        const visit = this.#visits.get(session)!
        visit.dialogue
          .data(stream)
          .then(
            (text) => done(null, text),
            (error) => done(replyTo(error)),
          )
          .finally(() => {
            if (this.#closing) sayGoodbye(visit)
          })
      },
      onClose: (session) => this.#forget(session),
    }
  }

  /** Runs a handler of ours and answers the library with what it returned or threw. */
  #attempt<Result>(done: (error: Error | null, result?: Result) => void, handler: () => Result): void {
    let result: Result
    try {
      result = handler()
    } catch (error) {
      if (!(error instanceof Reply || error instanceof Refusal)) this.#shared.log(`smtp: ${error}`)
      done(replyTo(error))
      return
    }
    done(null, result)
  }

  #open(connection: GuardedConnection): Dialogue {
    const dialogue = new Dialogue(this.#shared, connection)
    this.#visits.set(connection.session, { connection, dialogue, mark: null, counted: false })
    return dialogue
  }

  #dialogue(session: SMTPServerSession): Dialogue {
    return this.#visits.get(session)!.dialogue
  }

  /** Lets a client in, or says why not. */
  #greet(session: SMTPServerSession): Reply | null {
    this.#offer(session)
    const { maxConnections } = this.#config().smtp
    const client = session.remoteAddress
    const open = this.#clients.get(client) ?? 0
    const all = [...this.#clients.values()].reduce((sum, count) => sum + count, 0)
    if (all >= maxConnections) return new Reply('421 4.7.0', 'Too many connections')
    if (open >= shareOf(maxConnections, client)) return new Reply('421 4.7.0', 'Too many connections from your address')
    this.#clients.set(client, open + 1)
    this.#visits.get(session)!.counted = true
    return null
  }

  /** STARTTLS and AUTH are shown only where they work. */
  #offer(session: SMTPServerSession): void {
    const { tls } = this.#config().smtp
    session.disabledCommands = ['WIZ', 'SHELL', 'KILL']
    if (tls === null) session.disabledCommands.push('STARTTLS')
    else if (!session.secure) session.disabledCommands.push('AUTH')
  }

  #forget(session: SMTPServerSession): void {
    const visit = this.#visits.get(session)
    this.#visits.delete(session)
    if (!visit?.counted) return
    const open = this.#clients.get(session.remoteAddress)! - 1
    if (open === 0) this.#clients.delete(session.remoteAddress)
    else this.#clients.set(session.remoteAddress, open)
  }

  /** The library's own timeout starts again with every byte; this one does not. */
  #sendSlowAway(): void {
    const now = performance.now()
    const { command, pace, bytes } = this.#patience
    for (const visit of this.#visits.values()) {
      const { awaited, inData, since } = visit.dialogue
      if (awaited === null) {
        visit.mark = null
        if (!inData && now - since > command) tooSlow(visit)
      } else if (visit.mark === null) {
        visit.mark = { at: now, bytes: awaited }
      } else if (now - visit.mark.at > pace) {
        if (awaited - visit.mark.bytes < bytes) tooSlow(visit)
        visit.mark = { at: now, bytes: awaited }
      }
    }
  }
}

/** How many connections one client may hold: half of all, so that no client alone can shut out the others; ours on loopback, all. */
export function shareOf(maxConnections: number, client: string): number {
  return /^(?:127\.|::1$)/.test(client) ? maxConnections : Math.ceil(maxConnections / 2)
}

function tooSlow({ connection }: Visit): void {
  connection.answer(new Reply('421 4.4.2', 'Too slow'))
}

function sayGoodbye({ connection }: Visit): void {
  connection.answer(new Reply('421 4.3.2', 'We are stopping'))
}
