/**
 * Load over SMTP (RFC 5321) that costs the machine little: the commands of a message leave in one write where the server offers
 * PIPELINING (RFC 2920), and its bytes are made once.
 */
import { connect, type Socket } from 'node:net'
import { type Answer, failure, hungUp, type Load } from './tally.ts'

export interface SmtpTarget {
  host: string
  port: number
  /** Logs in with AUTH PLAIN (RFC 4616), in clear. */
  password?: string | undefined
  /** A connection for each message instead of one for all of a lane's. */
  reconnect: boolean
  from: string
  to: string
  /** The whole mail, in CRLF lines. */
  mail: string
}

/** Sends the mail so often; resolves when all were answered. What the server says is told by `answered`, never thrown. */
export async function smtpLoad(target: SmtpTarget, { messages, connections, signal, answered }: Load): Promise<void> {
  const stuffed = target.mail.replace(/^\./gm, '..')
  const data = Buffer.from(`${stuffed}${stuffed.endsWith('\r\n') ? '' : '\r\n'}.\r\n`)
  let left = messages
  const lane = async () => {
    let session: Session | null = null
    while (left-- > 0 && !signal?.aborted) {
      const began = performance.now()
      let answer: Pick<Answer, 'accepted' | 'code' | 'said'>
      try {
        session ??= await Session.open(target, signal)
        answer = await session.send(target, data)
      } catch (error) {
        answer = error instanceof Reply ? error : failure(error)
      }
      if (signal?.aborted) break
      answered({
        accepted: answer.accepted,
        code: answer.code,
        said: answer.said,
        milliseconds: performance.now() - began,
      })
      // After a refusal the state of the conversation is anybody's guess; a new one has none.
      if (target.reconnect || !answer.accepted) {
        session?.end()
        session = null
      }
    }
    session?.end()
  }
  await Promise.all(Array.from({ length: Math.min(connections, messages) }, lane))
}

/** A reply that was not the one hoped for. */
class Reply extends Error {
  readonly accepted = false
  readonly code: string
  readonly said: string

  constructor(line: string) {
    super(line)
    this.code = /^\d{3}(?: \d\.\d{1,3}\.\d{1,3})?/.exec(line)?.[0] ?? 'nonsense'
    this.said = line.slice(this.code.length).trim()
  }
}

class Session {
  readonly #socket: Socket
  #pipelining = false
  #rest = ''
  /** Whole replies that nobody has asked for yet: the last line of each, and of EHLO's all. */
  readonly #replies: string[] = []
  #lines = ''
  #waiting: PromiseWithResolvers<string> | null = null
  #ended: Error | null = null

  private constructor({ host, port }: SmtpTarget, signal: AbortSignal | undefined) {
    this.#socket = connect({ host, port, noDelay: true, ...(signal ? { signal } : {}) })
    this.#socket
      .setEncoding('latin1')
      .on('data', (text: string) => this.#read(text))
      .on('error', (error) => this.#end(error))
      .on('close', () => this.#end(hungUp()))
  }

  /** Connects, says EHLO and logs in. @throws Reply, or the system's error */
  static async open(target: SmtpTarget, signal: AbortSignal | undefined): Promise<Session> {
    const session = new Session(target, signal)
    try {
      await session.#expect('220')
      session.#socket.write('EHLO bench.example\r\n')
      session.#pipelining = /^250[- ]PIPELINING\b/im.test(await session.#expect('250'))
      if (target.password !== undefined) {
        session.#socket.write(`AUTH PLAIN ${Buffer.from(`\0waypost\0${target.password}`).toString('base64')}\r\n`)
        await session.#expect('235')
      }
      return session
    } catch (error) {
      session.#socket.destroy()
      throw error
    }
  }

  /** @throws Reply when it is refused at any step, or the system's error */
  async send({ from, to }: SmtpTarget, data: Buffer): Promise<Pick<Answer, 'accepted' | 'code' | 'said'>> {
    const steps = [
      [`MAIL FROM:<${from}>\r\n`, '250'],
      [`RCPT TO:<${to}>\r\n`, '250'],
      ['DATA\r\n', '354'],
    ] as const
    if (this.#pipelining) this.#socket.write(steps.map(([command]) => command).join(''))
    for (const [command, code] of steps) {
      if (!this.#pipelining) this.#socket.write(command)
      await this.#expect(code)
    }
    this.#socket.write(data)
    await this.#expect('250')
    return { accepted: true, code: '250', said: '' }
  }

  end(): void {
    this.#socket.end('QUIT\r\n')
  }

  async #expect(code: string): Promise<string> {
    const reply = this.#replies.shift() ?? (await this.#next())
    if (!reply.startsWith(code)) throw new Reply(reply)
    return reply
  }

  #next(): Promise<string> {
    if (this.#ended) return Promise.reject(this.#ended)
    this.#waiting = Promise.withResolvers()
    return this.#waiting.promise
  }

  #read(text: string): void {
    this.#rest += text
    for (let end = this.#rest.indexOf('\r\n'); end >= 0; end = this.#rest.indexOf('\r\n')) {
      const line = this.#rest.slice(0, end)
      this.#rest = this.#rest.slice(end + 2)
      this.#lines = this.#lines === '' ? line : `${this.#lines}\n${line}`
      if (line[3] === '-') continue
      const reply = this.#lines
      this.#lines = ''
      const waiting = this.#waiting
      this.#waiting = null
      if (waiting) waiting.resolve(reply)
      else this.#replies.push(reply)
    }
  }

  #end(error: Error): void {
    this.#ended ??= error
    this.#waiting?.reject(this.#ended)
    this.#waiting = null
  }
}
