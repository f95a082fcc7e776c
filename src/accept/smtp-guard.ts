/**
 * What `smtp-server` alone answers unsafely at command level, closed between the socket and its command handlers: lines that do
 * not end with CRLF or hold stray control characters, and every line that its own parser is too kind to.
 *
 * The only file that knows the library's inside. It relies on: `SMTPServer.connect` makes the connection; `_createParser` makes
 * its parser, again after STARTTLS; `_setListeners` calls back when it listens (after TLS, where that comes first) and a timer then
 * calls `connectionReady`; `_onCommand` runs one line, asking `_isDisabled`, `_getHandler`, and for MAIL and RCPT
 * `_parseAddressCommand`; `_ready`, `_upgrading`, `_nextHandler`, `_resetSession` and `_socket` of the connection; `_dataMode` and
 * `isClosed` of the parser, and that its `_write` in data mode hands content to `_feedDataStream`, and what follows the final dot to
 * `_write` again; `_lastBytes`, `_atDataStart`, `_dataStream` and `_countDataBytes`, by which `_feedDataStream` goes on where it was.
 * `test/accept/smtp-guard.test.ts` fails when one of them goes.
 */
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js'
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js'
import { Reply } from './smtp-reply.ts'

/** What is no command line: too long a one, one with stray CR, LF or NUL, or the beginning of a TLS handshake. */
export type Fault = 'long' | 'stray' | 'tls'

/** Judges the lines of one connection. */
export interface LineGuard {
  /**
   * @param line one command without its CRLF
   * @param pipelined more bytes had come behind it
   * @returns the line to run, or the reply that answers it
   */
  command(line: Buffer, pipelined: boolean): Buffer | Reply
  /** The address in the MAIL or RCPT that is being run, canonical. */
  readonly address: string
  /** The reply to what is no line. The transaction and a login under way are gone. */
  broken(fault: Fault): Reply
  /** The enhanced status code for a reply of the library's own, where the library's is not the right one. */
  status(code: number): string | undefined
  /** An error was answered, by us or by the library. */
  failed(): void
}

const nothing = Buffer.alloc(0)
/** The library's limit, in characters. */
const longestAddress = 253
const crlf = Buffer.from('\r\n')

type Handler = NonNullable<ReturnType<SMTPConnection['_getHandler']>>

/** By their commands. */
const handlers = new Map<string, Handler>()

/** Sockets with replies that are held back. */
let held: Socket[] = []

/**
 * Replies leave when the event loop has read from everyone: those to pipelined commands in one write, and those to all clients one
 * after the other, for the first write wakes a reader on this machine, which costs three times what writing to one awake does.
 */
function hold(socket: Socket): void {
  socket.cork()
  if (held.push(socket) === 1) setImmediate(release)
}

function release(): void {
  const sockets = held
  held = []
  for (const socket of sockets) socket.uncork()
}

/** A server whose connections are guarded. */
export class GuardedServer extends SMTPServer {
  readonly #guard: (connection: GuardedConnection) => LineGuard
  readonly #isStranger: (address: string) => boolean

  /** @param isStranger who waits 100 ms for the greeting: long enough for robots that do not listen to give themselves away */
  constructor(
    options: SMTPServerOptions,
    guard: (connection: GuardedConnection) => LineGuard,
    isStranger: (address: string) => boolean,
  ) {
    super(options)
    this.#guard = guard
    this.#isStranger = isStranger
  }

  override connect(socket: Socket, options?: SMTPConnectionOptions | null): void {
    const connection = new GuardedConnection(this, socket, options ?? {})
    connection.guard = this.#guard(connection)
    connection.atOnce = !this.#isStranger(connection.remoteAddress)
    this.connections.add(connection)
    connection.on('error', (error) => this.emit('error', error))
    connection.init()
  }
}

export class GuardedConnection extends SMTPConnection {
  // Set right after construction; the constructor of the library's class must not find it cleared.
  declare guard: LineGuard
  /** Greets without the wait that is for strangers. */
  declare atOnce: boolean
  #greeted = false

  override _createParser(): SMTPStream {
    return new LineParser(
      (line, pipelined, next) => this.#command(line, pipelined, next),
      (fault, next) => this.#broken(fault, next),
    )
  }

  override _setListeners(listening: () => void): void {
    super._setListeners(() => {
      // Sets the timer; what has already come is read before an immediate runs.
      listening()
      if (this.atOnce) setImmediate(() => this.connectionReady())
    })
  }

  /** Once, by the timer or ahead of it. @param next given where it is no beginning */
  override connectionReady(next?: () => void): void {
    if (next === undefined && this.#greeted) return
    this.#greeted = true
    super.connectionReady(next)
  }

  /** The guard has read the address, and more strictly; what remains is how long the library lets one be. */
  override _parseAddressCommand(): { address: string; args: false } | false {
    const { address } = this.guard
    return address.length <= longestAddress && { address, args: false }
  }

  /** Ours are listed in upper case. */
  override _isDisabled(command: string): boolean {
    return this.session.disabledCommands?.includes(command) ?? super._isDisabled(command)
  }

  /** The library puts a name together to find one; what was found once is the same for all. */
  override _getHandler(command: string): Handler | undefined {
    let handler = handlers.get(command)
    if (handler === undefined) {
      handler = super._getHandler(command)
      if (handler !== undefined) handlers.set(command, handler)
    }
    return handler
  }

  /** Sends a reply; the library's own ones with a fitting enhanced status code. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (code >= 500) this.guard.failed()
    this.#gather(code)
    const complete = typeof data !== 'string' || context === false || /^[245]\.\d{1,3}\.\d{1,3} /.test(data)
    const status = complete ? undefined : this.guard.status(code)
    if (status !== undefined) super.send(code, `${status} ${data}`, false)
    else super.send(code, data, complete ? false : context)
  }

  /** Holds the reply back until all that has come is read. */
  #gather(code: number): void {
    const socket = this._socket
    // The reply to STARTTLS must be out before the TLS layer takes the socket over.
    if (code === 220) socket.uncork()
    else if (socket.writableCorked === 0) hold(socket)
  }

  /** Sends a reply of ours. */
  answer(reply: Reply): void {
    this.send(reply.responseCode, reply.message)
    if (reply.closes) this.close()
  }

  #command(line: Buffer, pipelined: boolean, next: () => void): void {
    // Too early, within a TLS handshake, or the next line of an AUTH exchange: the library knows what to do.
    const verdict = !this._ready || this._upgrading || this._nextHandler ? line : this.guard.command(line, pipelined)
    if (verdict instanceof Reply) {
      this.answer(verdict)
      next()
    } else {
      this._onCommand(verdict, next)
    }
  }

  #broken(fault: Fault, next: () => void): void {
    if (!this._ready || this._upgrading) {
      this._onCommand(nothing, next)
      return
    }
    this._nextHandler = false
    this._resetSession()
    this.answer(this.guard.broken(fault))
    next()
  }
}

/** RFC 4954 section 4 lets AUTH lines be 12,288 octets long. */
const longestLine = 12_288 + 2
const dot = 0x2e
const dotLine = '\n.'
/** Lines run in one go before others get a turn. */
const linesAtOnce = 100

/** The library's parser, but lines end with CRLF only and are whole and clean before anything sees them. */
class LineParser extends SMTPStream {
  readonly #command: (line: Buffer, pipelined: boolean, next: () => void) => void
  readonly #broken: (fault: Fault, next: () => void) => void
  /** What has come and is not run yet. */
  #bytes: Buffer = nothing

  constructor(
    command: (line: Buffer, pipelined: boolean, next: () => void) => void,
    broken: (fault: Fault, next: () => void) => void,
  ) {
    super()
    this.#command = command
    this.#broken = broken
  }

  override _write(chunk: Buffer, encoding: BufferEncoding | 'buffer', next: (error?: Error | null) => void): void {
    if (this._dataMode || this.isClosed) {
      super._write(chunk, encoding, next)
      return
    }
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    this.#run(next)
  }

  /** The library's looks at every byte; where no line begins with a dot there is nothing for it to see. */
  override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
    const bytes = this._lastBytes ? Buffer.concat([this._lastBytes, chunk]) : chunk
    this._lastBytes = false
    const line = bytes.indexOf(dotLine, 0, 'latin1')
    // What may be the beginning of the end stays with the library.
    const plain = line === -1 ? bytes.length - 4 : line - 1
    if (plain <= 0 || (this._atDataStart && bytes[0] === dot)) {
      super._feedDataStream(bytes, done)
      return
    }
    const stream = this._dataStream!
    this._countDataBytes(plain)
    const rest = () => super._feedDataStream(bytes.subarray(plain), done)
    if (!stream.writable || stream.write(bytes.subarray(0, plain)) || stream.destroyed) rest()
    else whenDrained(stream, rest)
  }

  /** Runs line after line: in a loop while commands answer at once, again from the start when one answers later. */
  #run(next: (error?: Error | null) => void): void {
    for (let count = 0; count < linesAtOnce; count++) {
      if (this.isClosed || this._dataMode) {
        const rest = this.#bytes
        this.#bytes = nothing
        super._write(rest, 'buffer', next)
        return
      }
      const end = this.#bytes.indexOf('\n') + 1
      if (end === 0 && this.#bytes.length <= longestLine && !isHandshake(this.#bytes)) {
        next()
        return
      }
      let state: 'running' | 'answered' | 'later' = 'running'
      this.#runLine(end === 0 ? this.#bytes.length : end, () => {
        if (state === 'later') this.#run(next)
        else state = 'answered'
      })
      // Narrowing does not see that the call above may have changed it.
      if ((state as string) === 'running') {
        state = 'later'
        return
      }
    }
    setImmediate(() => this.#run(next))
  }

  #runLine(end: number, next: () => void): void {
    const bytes = this.#bytes.subarray(0, end)
    this.#bytes = this.#bytes.subarray(end)
    const line = bytes.subarray(0, Math.max(end - 2, 0))
    if (isHandshake(bytes)) this.#broken('tls', next)
    else if (end > longestLine) this.#broken('long', next)
    else if (!bytes.subarray(-2).equals(crlf) || line.includes(13) || line.includes(0)) this.#broken('stray', next)
    else this.#command(line, this.#bytes.length > 0, next)
  }
}

/** A stream that is destroyed never drains, it only closes. */
function whenDrained(stream: Writable, next: () => void): void {
  const drained = () => {
    stream.off('drain', drained).off('close', drained)
    next()
  }
  stream.once('drain', drained).once('close', drained)
}

/** A TLS record with a ClientHello, of a client that took this for a port with implicit TLS. */
function isHandshake(bytes: Buffer): boolean {
  return bytes[0] === 0x16 && bytes[1] === 0x03
}
