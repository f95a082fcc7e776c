/**
 * One conversation with one SMTP server, used for one transaction after another. nodemailer speaks; we keep the stage, for its
 * errors do not tell "never connected" from "lost after the final dot" (both are `ECONNECTION`, `CONN`).
 *
 * The stage is fail-safe by the way it is kept: nodemailer asks our content to pipe itself only after the server's 354, so
 * whatever breaks before that moment is known to have sent nothing, and everything later counts as sent until the server's
 * complete reply says otherwise. Nothing else of the library's inner order is relied on.
 */
import { Readable } from 'node:stream'
import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { SMTPConnectionEnvelope, SMTPEnvelope } from 'nodemailer/lib/smtp-connection'
import { type Failure, parseReply, type Reply, type Stage } from './smtp-reply.ts'

/** Milliseconds for a reply to RSET. */
const resetTime = 5_000

export interface Transaction {
  /** `''` is the null reverse-path. */
  returnPath: string
  recipients: readonly string[]
  /** Bytes of the content. */
  size: number
  eightBit: boolean
  /** RFC 3461, decoded; one set for all the recipients. Left out where the server does not offer DSN. */
  dsn?: { ret?: string; envid?: string; notify?: string[]; orcpt?: string }
  content: Uint8Array | AsyncIterable<Uint8Array>
}

/** What became of one recipient: the complete 2yz reply to the dot, or why not. */
export type Verdict = Reply | Failure

export function isFailure(value: object): value is Failure {
  return 'stage' in value
}

/** The library's errors, as far as they are looked at here. */
export interface LibraryError extends Error {
  code?: string | undefined
  originalCode?: string | undefined
  command?: string | undefined
  response?: string | undefined
}

/** nodemailer keeps its books on the envelope it was handed, and does not repeat them in every error. */
type Envelope = SMTPEnvelope & Partial<Pick<SMTPConnectionEnvelope, 'rejectedErrors'>>

type Ending = { error: LibraryError } | { response: string }

export class SmtpSession {
  /** What the server offered, by upper-case keyword: `SIZE` → `52428800`. */
  readonly extensions: ReadonlyMap<string, string>
  /** Whether it carried a transaction before. */
  used = false
  /** When it was last given back; kept by the pool. */
  idleSince = 0
  #connection: SMTPConnection
  #open = true
  /** A transaction was refused halfway: RSET is due before the next. */
  #unclean = false
  #broke: ((error: LibraryError) => void) | null = null

  constructor(connection: SMTPConnection, extensions: ReadonlyMap<string, string>) {
    this.#connection = connection
    this.extensions = extensions
    connection.on('error', (error: LibraryError) => this.#end(error))
    connection.on('end', () => this.#end(new Error('the connection was closed')))
  }

  get open(): boolean {
    return this.#open
  }

  /**
   * One transaction: MAIL, RCPT for each, DATA for those accepted. Answers for every recipient; never throws.
   * When `signal` aborts, the connection is destroyed and the verdict is by the stage reached.
   */
  async send(transaction: Transaction, signal: AbortSignal): Promise<Map<string, Verdict>> {
    this.used = true
    const progress: { stage: Stage } = { stage: 'mail' }
    const envelope: Envelope = {
      from: transaction.returnPath,
      to: [...transaction.recipients],
      size: transaction.size,
      use8BitMime: transaction.eightBit,
      ...(transaction.dsn === undefined ? {} : { dsn: transaction.dsn }),
    }
    const source = sourceOf(transaction.content, progress)
    const ending = await this.#until<Ending>(
      signal,
      (error) => ({ error }),
      (done) => {
        this.#connection.send(envelope, source, (error, info) => done(error ? { error } : { response: info!.response }))
      },
    )
    const rest = this.#verdict(ending, progress.stage)
    const verdicts = new Map<string, Verdict>(transaction.recipients.map((recipient) => [recipient, rest]))
    for (const error of envelope.rejectedErrors ?? []) verdicts.set(error.recipient!, refused('rcpt', error.response!))
    return verdicts
  }

  /** The verdict for those whom RCPT did not already refuse. */
  #verdict(ending: Ending, stage: Stage): Verdict {
    if ('response' in ending) {
      const reply = parseReply(ending.response)
      if (reply.code >= 200 && reply.code < 300) return reply
      this.destroy()
      return broken(stage, 'EPROTOCOL', `a reply that cannot be understood: ${ending.response}`)
    }
    const { error } = ending
    // `CONN` marks what the library says of the connection itself; a reply it quotes then may be half of one.
    if (error.response !== undefined && error.command !== 'CONN') {
      if (error.code === 'EENVELOPE') {
        this.#unclean = true
        return refused(error.command === 'DATA' ? 'data' : 'mail', error.response)
      }
      if (error.code === 'EMESSAGE' && error.command === 'DATA') {
        const verdict = refused('dot', error.response)
        if (verdict.reply!.code < 400) this.destroy()
        return verdict
      }
    }
    // Nothing sensible can follow on this connection: half a message may be on it.
    this.destroy()
    if (error.code === 'ESTREAM') return broken(stage, 'ECONTENT', 'our own content broke off')
    return broken(stage, codeOf(error), error.message)
  }

  /** Makes ready for the next transaction; false when it cannot be used again. */
  async reset(): Promise<boolean> {
    if (!this.#open) return false
    if (!this.#unclean) return true
    this.#unclean = false
    const clean = await this.#until<boolean>(
      AbortSignal.timeout(resetTime),
      () => false,
      (done) => this.#connection.reset((error) => done(!error)),
    )
    if (!clean) this.destroy()
    return clean
  }

  /** Runs one exchange to its end: the library's callback, the loss of the connection, or the signal, whichever is first. */
  #until<Result>(
    signal: AbortSignal,
    broke: (error: LibraryError) => Result,
    exchange: (done: (result: Result) => void) => void,
  ): Promise<Result> {
    return new Promise((resolve) => {
      const done = (result: Result) => {
        signal.removeEventListener('abort', abort)
        this.#broke = null
        resolve(result)
      }
      const abort = () => {
        done(broke(aborted()))
        this.destroy()
      }
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
      this.#broke = (error) => done(broke(error))
      exchange(done)
    })
  }

  /** Says QUIT and closes, without waiting longer than a second for the answer. */
  quit(): void {
    if (!this.#open) return
    this.#open = false
    this.#connection.quit()
    setTimeout(() => this.#connection.close(), 1_000).unref()
  }

  /** Closes at once, in the middle of whatever was going on. */
  destroy(): void {
    this.#open = false
    this.#connection.close()
  }

  #end(error: LibraryError): void {
    this.#open = false
    const broke = this.#broke
    // The library completes an exchange with its own error in this same turn; only where it does not, we do.
    if (broke) queueMicrotask(() => this.#broke === broke && broke(error))
  }
}

/** The content as nodemailer wants it, telling when it is asked for (`body`) and when it may have left whole (`dot`). */
function sourceOf(content: Transaction['content'], progress: { stage: Stage }): Readable {
  if (content instanceof Uint8Array) return new Whole(content, progress)
  async function* pieces() {
    for await (const piece of content as AsyncIterable<Uint8Array>) yield piece
    progress.stage = 'dot'
  }
  const source = Readable.from(pieces(), { objectMode: false })
  const pipe = source.pipe.bind(source)
  source.pipe = (destination, options) => {
    progress.stage = 'body'
    return pipe(destination, options)
  }
  return source
}

/** Content in one piece: handed over whole at the moment it is asked for. */
class Whole extends Readable {
  #content: Uint8Array
  #progress: { stage: Stage }

  constructor(content: Uint8Array, progress: { stage: Stage }) {
    super()
    this.#content = content
    this.#progress = progress
  }

  override pipe<Destination extends NodeJS.WritableStream>(destination: Destination): Destination {
    this.#progress.stage = 'dot'
    destination.end(this.#content)
    return destination
  }
}

/** A complete reply that says no. */
export function refused(stage: Stage, response: string): Failure & { reply: Reply } {
  const reply = parseReply(response)
  return reply.code === 0
    ? { stage, reply, code: 'EPROTOCOL', reason: `a reply that cannot be understood: ${response}` }
    : { stage, reply, code: String(reply.code), reason: reply.text }
}

/** No complete reply came. */
export function broken(stage: Stage, code: string, reason: string): Failure {
  return { stage, code, reason }
}

export function aborted(): LibraryError {
  return Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })
}

/** The system's own name for what went wrong where there is one. */
export function codeOf(error: LibraryError): string {
  return error.originalCode ?? error.code ?? 'ECONNECTION'
}
