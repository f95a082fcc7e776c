/**
 * One conversation with one SMTP server, used for one transaction after another: the socket, and what ends it.
 *
 * Nothing of a message is written before the server's 354, and its dot is written last, so the stage a broken transaction had
 * reached says what may have been sent: nothing before `dot`; from there on only a complete reply tells.
 */
import type { Socket } from 'node:net'
import { Data } from './smtp-data.ts'
import { Replies } from './smtp-replies.ts'
import { broken, type Verdict } from './smtp-reply.ts'
import { type Envelope, type Extensions, Transaction } from './smtp-transaction.ts'

/** Milliseconds without a byte in either direction: the longest of RFC 5321 section 4.5.3.2. Providers' timeouts are shorter. */
const longestSilence = 600_000
/** Milliseconds for the answer to QUIT. */
const quitTime = 1_000

type Content = Uint8Array | AsyncIterable<Uint8Array>

interface Running {
  transaction: Transaction
  content: Content
  signal: AbortSignal
  done: (verdicts: Map<string, Verdict>) => void
}

export class SmtpSession {
  readonly extensions: Extensions
  /** Whether it carried a transaction before. */
  used = false
  /** When it was last given back; kept by the pool. */
  idleSince = 0
  readonly #socket: Socket
  readonly #replies = new Replies()
  #open = true
  /** The last transaction was refused halfway, and is still open on the server. */
  #unclean = false
  #running: Running | null = null
  readonly #abort = () => this.#lose('ETIMEDOUT', 'no answer in time')

  /** @param early what came from the server already and was not looked at */
  constructor(socket: Socket, extensions: Extensions, early: Buffer) {
    this.#socket = socket
    this.extensions = extensions
    const closed = () => this.#lose('ECONNECTION', 'the connection was closed')
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('end', closed)
    socket.on('close', closed)
    socket.on('error', (error: NodeJS.ErrnoException) => this.#lose(error.code ?? 'ECONNECTION', error.message))
    socket.setTimeout(longestSilence, this.#abort)
    this.#take(early)
  }

  get open(): boolean {
    return this.#open
  }

  /**
   * One transaction: MAIL, RCPT for each, DATA for those accepted. Answers for every recipient; what breaks is in the verdicts.
   * When `signal` aborts, the connection is destroyed and the verdict is by the stage reached.
   * @throws TypeError for an address that would not be one in a command, before anything is written
   */
  send(envelope: Envelope, content: Content, signal: AbortSignal): Promise<Map<string, Verdict>> {
    const transaction = new Transaction(envelope, this.extensions, this.#unclean)
    this.used = true
    return new Promise((done) => {
      this.#running = { transaction, content, signal, done }
      signal.addEventListener('abort', this.#abort)
      if (signal.aborted) this.#abort()
      else if (!this.#open) this.#lose('ECONNECTION', 'the connection was closed')
      else this.#socket.write(transaction.begin())
    })
  }

  #take(bytes: Buffer): void {
    this.#replies.add(bytes)
    try {
      for (let raw = this.#replies.next(); raw !== null && this.#open; raw = this.#replies.next()) this.#answer(raw)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#lose('EPROTOCOL', error.message)
    }
  }

  #answer(raw: string): void {
    // Nobody asked: it is going (421), or out of step with us.
    if (!this.#running) return this.destroy()
    const { transaction } = this.#running
    const write = transaction.take(raw)
    if (write === null) this.#over(this.#running)
    else if (transaction.stage === 'body') this.#write(this.#running)
    else if (write !== '') this.#socket.write(write)
  }

  #write(running: Running): void {
    const { transaction, content } = running
    if (!(content instanceof Uint8Array)) return void this.#stream(running, content)
    const data = new Data()
    transaction.stage = 'dot'
    this.#socket.write(data.take(content) + data.end(), 'latin1')
  }

  async #stream(running: Running, content: AsyncIterable<Uint8Array>): Promise<void> {
    const data = new Data()
    try {
      for await (const piece of content) {
        if (this.#running !== running) return
        const text = data.take(piece)
        await new Promise((written) => this.#socket.write(text, 'latin1', written))
      }
    } catch {
      if (this.#running === running) this.#lose('ECONTENT', 'our own content broke off')
    }
    if (this.#running !== running) return
    running.transaction.stage = 'dot'
    this.#socket.write(data.end(), 'latin1')
  }

  #lose(code: string, reason: string): void {
    this.destroy()
    if (!this.#running) return
    const { transaction } = this.#running
    transaction.fail(broken(transaction.stage, code, reason))
    this.#over(this.#running)
  }

  #over({ transaction, signal, done }: Running): void {
    signal.removeEventListener('abort', this.#abort)
    this.#running = null
    this.#unclean = transaction.leaves === 'open'
    if (transaction.leaves === 'broken') this.destroy()
    done(transaction.verdicts)
  }

  /** Says QUIT and closes, without waiting longer than a second for the answer. */
  quit(): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.end('QUIT\r\n')
    setTimeout(() => this.destroy(), quitTime).unref()
  }

  /** Closes at once, in the middle of whatever was going on. */
  destroy(): void {
    this.#open = false
    this.#socket.destroy()
  }
}
