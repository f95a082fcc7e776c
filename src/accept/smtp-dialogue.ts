/** One SMTP session: what we say to each command, and the transaction it builds up. `smtp.ts` lends it to the library. */
import { isIPv6 } from 'node:net'
import { hostname } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { SMTPServerAuthentication, SMTPServerDataStream, SMTPServerEnvelope } from 'smtp-server'
import type { Config } from '../config.ts'
import { needsSmtpUtf8 } from '../mail/address.ts'
import { anyone, authenticate, type Key, maySendFrom, type Sender } from './auth.ts'
import type { FailedLogins } from './failed-logins.ts'
import { checkHeaderFrom } from './header-from.ts'
import { type Arrival, mailDate, takeStream } from './raw-content.ts'
import { Refusal, refusalOf } from './refusals.ts'
import { type MailCommand, parseGreeting, parseMail, parseRcpt, type RcptCommand } from './smtp-command.ts'
import type { Fault, GuardedConnection, LineGuard } from './smtp-guard.ts'
import { Reply, replyTo } from './smtp-reply.ts'
import { type Foreign, type Steering, steering } from './steering.ts'
import type { Door, Receipt, Submission } from './submit.ts'

export interface DialogueParts {
  /** Read again for each session and command, so that a reloaded config takes over; where to listen is read once. */
  config: () => Pick<Config, 'smtp' | 'keys'>
  door: Door
  clock: () => number
  logins: FailedLogins
  /** True once the gateway is stopping. */
  closing: () => boolean
  log: (line: string) => void
  /** The headers of vendors' relays, where mail is read for them. */
  foreign?: Foreign | undefined
}

/** What `session.user` holds: who logged in, by which set of keys. */
interface Login {
  sender: Sender
  keys: readonly Key[]
}

/** A transaction. It is over when the library has put another envelope in the session. */
interface Transaction extends MailCommand {
  envelope: SMTPServerEnvelope
  sender: Sender
  recipients: Map<string, RcptCommand['dsn']>
}

/** Commands that lead nowhere, and errors, until a message is taken (Postfix allows 100 and 20). */
const mostIdle = 100
const mostErrors = 20
/** RFC 5321 section 4.5.3.1.4 asks for 512 octets and what extensions add: ENVID and ORCPT with their long values. */
const longestCommand = 2048
const idle = new Set(['EHLO', 'HELO', 'NOOP', 'RSET', 'HELP', 'VRFY'])
const notOffered = new Set(['EXPN', 'ETRN', 'TURN', 'ATRN', 'BDAT', 'LHLO', 'WIZ', 'SHELL', 'KILL'])
/** Web pages can be made to talk to a mail port (cross-protocol scripting). */
const http = /^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH)(?: \S*)?(?: HTTP\/\S*)?$/i
/** As far as a command word may go. */
const beginning = /^[^ :]{0,16}/
/** What the library needs to see of a command whose address we have read. */
const mailLine = Buffer.from('MAIL')
const rcptLine = Buffer.from('RCPT')
const host = hostname()
const base64 = /^(?:=|[A-Za-z0-9+/]+={0,2})$/

export class Dialogue implements LineGuard {
  /** DATA is going on, up to the reply to its content. */
  inData = false
  /** Bytes of DATA so far, while we wait for the client's next ones; null otherwise. */
  awaited: number | null = null
  /** When the last command was answered, by `performance.now()`. */
  since = performance.now()
  address = ''
  readonly #parts: DialogueParts
  readonly #connection: GuardedConnection
  /** The address of the client, as trace headers have it. */
  readonly #client: string
  #verb = ''
  #idle = 0
  #errors = 0
  #broken = 0
  #mail: MailCommand | null = null
  #rcpt: RcptCommand | null = null
  #transaction: Transaction | null = null

  constructor(parts: DialogueParts, connection: GuardedConnection) {
    this.#parts = parts
    this.#connection = connection
    this.#client = addressLiteral(connection.remoteAddress)
  }

  command(line: Buffer, pipelined: boolean): Buffer | Reply {
    this.since = performance.now()
    const text = line.toString('latin1')
    this.#verb = beginning.exec(text)![0].toUpperCase()
    try {
      return this.#judge(line, text, pipelined)
    } catch (error) {
      return replyTo(error)
    }
  }

  broken(fault: Fault): Reply {
    this.since = performance.now()
    if (fault === 'tls') return new Reply('500 5.5.2', 'TLS begins with STARTTLS here', true)
    if (fault === 'long') return new Reply('500 5.5.6', 'The line is too long', true)
    if (++this.#broken > 1) return new Reply('521 5.5.2', 'Lines end with CRLF, without CR, LF or NUL in them', true)
    return new Reply('500 5.5.2', 'Lines end with CRLF, without CR, LF or NUL in them')
  }

  failed(): void {
    // Recipients that are refused are no errors of the dialogue.
    if (this.#verb !== 'RCPT') this.#errors++
  }

  status(code: number): string | undefined {
    if (code === 421) return this.#parts.closing() ? '4.3.2' : '4.7.0'
    // RFC 4954 section 4: what cannot be decoded.
    return code === 501 && this.#verb === 'AUTH' ? '5.5.2' : undefined
  }

  #judge(line: Buffer, text: string, pipelined: boolean): Buffer {
    const { smtp } = this.#parts.config()
    const { session } = this.#connection
    if (this.#parts.closing()) throw new Refusal('stopping', 'We are stopping.')
    if (http.test(text)) throw new Reply('421 4.7.0', 'This is a mail server')
    if (idle.has(this.#verb) && ++this.#idle > mostIdle) throw new Reply('421 4.7.0', 'Too many commands without mail')
    if (this.#errors >= mostErrors) throw new Reply('421 4.7.0', 'Too many errors')
    if (line.length > longestCommand && this.#verb !== 'AUTH') throw new Reply('500 5.5.6', 'The line is too long')
    if (notOffered.has(this.#verb)) throw new Reply('502 5.5.1', 'That command is not offered here')
    switch (this.#verb) {
      case 'EHLO':
      case 'HELO':
        parseGreeting(line)
        return line
      case 'XCLIENT':
      case 'XFORWARD':
        throw new Reply('550 5.7.1', 'You may not speak for others')
      case 'STARTTLS':
        if (smtp.tls === null) throw new Reply('502 5.5.1', 'TLS is not offered here')
        if (this.#open() !== null) throw new Reply('503 5.5.1', 'Not within a mail transaction')
        return line
      case 'AUTH':
        if (smtp.tls !== null && !session.secure) throw new Reply('538 5.7.11', 'Say STARTTLS first: a key is a secret')
        if (this.#open() !== null) throw new Reply('503 5.5.1', 'Not within a mail transaction')
        if (!authSyntax(line)) throw new Reply('501 5.5.2', 'Syntax: AUTH PLAIN or LOGIN, then base64')
        return line
      case 'MAIL':
        this.#mayTransact()
        this.#mail = parseMail(line, smtp.maxSize)
        this.address = this.#mail.returnPath
        return mailLine
      case 'RCPT':
        this.#mayTransact()
        this.#rcpt = parseRcpt(line, this.#open()?.smtpUtf8 ?? true)
        this.address = this.#rcpt.email
        return rcptLine
      case 'DATA':
        this.#mayTransact()
        if (text.trim().length > 4) throw new Reply('501 5.5.4', 'DATA takes no argument')
        // What comes before our 354 would be run as commands if this were refused on any other ground.
        if (pipelined) throw new Reply('554 5.5.1', 'Wait for the reply to DATA before you send the message', true)
        return line
      case 'RSET':
      case 'NOOP':
      case 'HELP':
      case 'VRFY':
      case 'QUIT':
        return line
    }
    // The library does not get to see it: there, `MA\u0131L` is MAIL.
    throw new Reply('500 5.5.2', 'That is no command')
  }

  #mayTransact(): void {
    if (this.#parts.config().smtp.auth === 'required' && !this.#connection.session.user) {
      throw new Reply('530 5.7.0', 'Log in first: AUTH PLAIN or LOGIN with a key as password')
    }
  }

  /** The library hands over what AUTH PLAIN or LOGIN brought. @returns what becomes `session.user` @throws Reply */
  login(auth: SMTPServerAuthentication): Login {
    const { keys } = this.#parts.config()
    const other = auth.authzid && auth.authcid && auth.authzid !== auth.authcid
    const sender = authenticate(keys, auth.password ?? '')
    if (sender !== null && !other) return { sender, keys }
    if (this.#parts.logins.tooMany(this.#connection.remoteAddress)) {
      throw new Reply('421 4.7.0', 'Too many wrong keys; wait some minutes')
    }
    throw new Reply('535 5.7.8', 'That is not one of our keys')
  }

  /** MAIL passed the library: begins a transaction. @throws Reply or Refusal */
  begin(): void {
    this.#parts.door.ready()
    const mail = this.#mail!
    const sender = this.#sender()
    if (!sender.scopes.includes('send')) throw new Refusal('scope', 'This key may not send.')
    if (!maySendFrom(sender, mail.returnPath)) {
      throw new Refusal('from_not_allowed', `This key may not send from ${mail.returnPath}.`)
    }
    const { envelope } = this.#connection.session
    this.#transaction = { ...mail, envelope, sender, recipients: new Map() }
  }

  /** RCPT passed the library: adds the recipient. @throws Reply or Refusal */
  add(): void {
    const { recipients } = this.#open()!
    const { email, dsn } = this.#rcpt!
    const { maxRecipients } = this.#parts.config().smtp
    if (!recipients.has(email) && recipients.size >= maxRecipients) {
      throw new Refusal('too_many_recipients', `A message has at most ${maxRecipients} recipients.`)
    }
    recipients.set(email, dsn)
  }

  /** DATA: takes the message in and hands it to the door. @returns the text of the 250 @throws Reply or Refusal */
  async data(stream: SMTPServerDataStream): Promise<string> {
    this.inData = true
    try {
      const receipt = await this.#submit(this.#open()!, stream)
      this.#idle = 0
      this.#errors = 0
      return `2.0.0 queued as ${receipt.id}`
    } catch (error) {
      const reply = replyTo(error)
      // A client that left in the middle is no news.
      if (refusalOf(error) === null && stream.readableEnded) {
        this.#parts.log(`smtp ${this.#connection.id}: ${error instanceof Error ? error.message : 'unknown error'}`)
      }
      throw reply
    } finally {
      this.inData = false
      this.awaited = null
      this.since = performance.now()
    }
  }

  async #submit(transaction: Transaction, stream: SMTPServerDataStream): Promise<Receipt> {
    const { door, clock, config, foreign } = this.#parts
    const { session } = this.#connection
    const now = clock()
    const { returnPath, sender, dsn } = transaction
    const recipients = [...transaction.recipients].map(([email, asked]) => ({ email, dsn: asked }))
    let steered: Steering = { tags: [], metadata: {} }
    const arrival: Arrival = {
      door,
      maxSize: config().smtp.maxSize,
      now,
      host,
      returnPath,
      foreign,
      received:
        `from ${session.hostNameAppearsAs} (${this.#client})\r\n\tby ${host} (Waypost)` +
        ` with ${session.transmissionType}\r\n\tid ${session.id}.${session.transaction};\r\n\t${mailDate(now)}`,
      head: (fields) => {
        checkHeaderFrom(sender, fields)
        steered = steering(fields, now, foreign)
        if (steered.idempotencyKey === undefined) return undefined
        return JSON.stringify([returnPath, recipients, dsn, steered])
      },
    }
    // The clock that turns slow clients away rests where we are the slow ones.
    const { content, digest } = await takeStream(stream, arrival, (received) => {
      this.awaited = received
    })
    const submission: Submission = {
      sender,
      via: 'smtp',
      returnPath,
      recipients,
      ...steered,
      smtpUtf8: [returnPath, ...transaction.recipients.keys()].some(needsSmtpUtf8),
      dsn,
      content,
    }
    if (digest !== null) submission.digest = digest
    let receipt: Receipt | null = null
    try {
      receipt = await door.submit(submission)
      return receipt
    } finally {
      // Refused, or answered from an earlier submission: these bytes are nobody's.
      if ((receipt === null || receipt.replayed) && 'spool' in content.bytes) await door.drop(content.bytes.spool)
    }
  }

  #open(): Transaction | null {
    return this.#transaction?.envelope === this.#connection.session.envelope ? this.#transaction : null
  }

  /** Who sends. A login lasts as long as the keys it was made with. */
  #sender(): Sender {
    const { keys } = this.#parts.config()
    const login = this.#connection.session.user as Login | undefined
    if (!login) return keys.length === 0 ? anyone : { tenant: '', scopes: ['send'], from: [] }
    if (login.keys !== keys && !isDeepStrictEqual(login.keys, keys)) {
      throw new Reply('421 4.7.0', 'The keys have changed; connect and log in again')
    }
    return login.sender
  }
}

/** RFC 5321 section 4.1.3. */
function addressLiteral(address: string): string {
  return isIPv6(address) ? `[IPv6:${address}]` : `[${address}]`
}

function authSyntax(line: Buffer): boolean {
  const [, , token, ...more] = line.toString('latin1').trim().split(/ +/)
  return more.length === 0 && (token === undefined || base64.test(token))
}
