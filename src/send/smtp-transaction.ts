/**
 * One mail transaction (RFC 5321 section 3.3) as what is said and what the replies to it mean. No I/O: replies go in, what is to
 * be written comes out. With PIPELINING (RFC 2920) the whole envelope and DATA are written at once, without it one by one; what
 * the replies mean is the same.
 */
import { encodeXText } from 'nodemailer/lib/shared'
import { needsSmtpUtf8 } from '../mail/address.ts'
import type { Message, Recipient } from '../mail/message.ts'
import { broken, type Failure, parseReply, refused, type Stage, type Verdict } from './smtp-reply.ts'

export interface Envelope {
  /** `''` is the null reverse-path. */
  returnPath: string
  recipients: readonly Pick<Recipient, 'email' | 'dsn'>[]
  dsn: Message['dsn']
  /** Bytes of the content. */
  size: number
  eightBit: boolean
}

/** What EHLO was answered, by upper-case keyword: `SIZE` → `52428800`. */
export type Extensions = ReadonlyMap<string, string>

export class Transaction {
  /** How far it has come. `body` is its word that the content is due; whoever writes it moves on to `dot` with the last of it. */
  stage: Stage = 'mail'
  /** For each recipient, once it is over: the complete 2yz reply to the dot, or why not. */
  readonly verdicts = new Map<string, Verdict>()
  /** What it leaves behind: RSET is due before the next when `open`; when `broken` nothing sensible can follow. */
  leaves: 'clean' | 'open' | 'broken' = 'open'
  readonly #recipients: Envelope['recipients']
  readonly #commands: string[]
  readonly #pipelining: boolean
  #resetting: boolean
  #written = 0
  #answered = 0
  #accepted = 0
  #mailRefused: Failure | null = null

  /**
   * @param unclean the transaction before left one open
   * @throws TypeError for an address that would not be one in a command
   */
  constructor(envelope: Envelope, extensions: Extensions, unclean: boolean) {
    this.#recipients = envelope.recipients
    this.#pipelining = extensions.has('PIPELINING')
    this.#resetting = unclean
    this.#commands = commandsOf(envelope, extensions)
    if (unclean) this.#commands.unshift('RSET\r\n')
  }

  /** What to write first. */
  begin(): string {
    return this.#pipelining ? this.#commands.join('') : this.#next()
  }

  /** Takes a reply. @returns what to write now, `''` for nothing; null when it is over */
  take(raw: string): string | null {
    const reply = parseReply(raw)
    const no = Math.floor(reply.code / 100) === yes(this.stage) ? null : refused(this.stage, raw, reply)
    if (no && (reply.code < 400 || reply.code === 421)) return this.fail(no)
    switch (this.stage) {
      case 'mail':
        if (this.#resetting) {
          this.#resetting = false
          return no ? this.fail(broken('mail', 'EPROTOCOL', `RSET was refused: ${raw}`)) : this.#next()
        }
        this.#mailRefused = no
        this.stage = 'rcpt'
        return no && !this.#pipelining ? this.#over(no) : this.#next()
      case 'rcpt': {
        const { email } = this.#recipients[this.#answered++]!
        if (!no) this.#accepted++
        // After a refused MAIL there is nothing but 503 for them.
        else if (!this.#mailRefused) this.verdicts.set(email, no)
        if (this.#answered < this.#recipients.length) return this.#next()
        this.stage = 'data'
        return this.#accepted === 0 && !this.#pipelining ? this.#over(no!) : this.#next()
      }
      case 'data':
        if (no) return this.#over(no)
        // RFC 2920 section 3.1: 354 to nobody is answered with the dot alone.
        if (this.#accepted === 0) {
          this.stage = 'dot'
          return '.\r\n'
        }
        if (this.#mailRefused) return this.fail(this.#mailRefused)
        this.stage = 'body'
        return ''
      case 'body':
        // It has heard enough; its word about the message is as good as after the dot, but half of one is on the connection.
        return this.fail({ ...no!, stage: 'dot' })
      default:
        this.leaves = 'clean'
        return this.#over(no ?? reply)
    }
  }

  /** Ends it: the connection is of no use any more. */
  fail(failure: Failure): null {
    this.leaves = 'broken'
    return this.#over(failure)
  }

  /** Without PIPELINING the next command; else nothing, for all were written. */
  #next(): string {
    return this.#pipelining ? '' : this.#commands[this.#written++]!
  }

  /** @param rest the verdict for those who have none of their own */
  #over(rest: Verdict): null {
    const verdict = this.#mailRefused ?? rest
    for (const { email } of this.#recipients) if (!this.verdicts.has(email)) this.verdicts.set(email, verdict)
    return null
  }
}

/** The first digit of a yes. No reply is due within the body, so there is none. */
function yes(stage: Stage): number {
  return stage === 'data' ? 3 : stage === 'body' ? -1 : 2
}

function commandsOf({ returnPath, recipients, dsn, size, eightBit }: Envelope, extensions: Extensions): string[] {
  const utf8 = needsSmtpUtf8(returnPath) || recipients.some(({ email }) => needsSmtpUtf8(email))
  const offered = (keyword: string, parameter: string) => (extensions.has(keyword) ? parameter : '')
  const mail = [
    utf8 ? offered('SMTPUTF8', ' SMTPUTF8') : '',
    eightBit ? offered('8BITMIME', ' BODY=8BITMIME') : '',
    offered('SIZE', ` SIZE=${size}`),
    offered('DSN', `${parameter('RET', dsn.ret)}${parameter('ENVID', dsn.envid)}`),
  ]
  const rcpt = ({ dsn: { notify, orcpt } }: Envelope['recipients'][number]) =>
    offered('DSN', parameter('NOTIFY', notify?.join()) + parameter('ORCPT', orcpt))
  return [
    `MAIL FROM:${path(returnPath)}${mail.join('')}\r\n`,
    ...recipients.map((recipient) => `RCPT TO:${path(recipient.email)}${rcpt(recipient)}\r\n`),
    'DATA\r\n',
  ]
}

/** A parameter of RFC 3461; xtext cannot end a line. */
function parameter(name: string, value: string | undefined): string {
  return value ? ` ${name}=${encodeXText(value)}` : ''
}

/** Addresses are canonical since the door; this keeps one that is not from being a command of its own. */
function path(address: string): string {
  if (/[\0- <>\x7f]/.test(address)) throw new TypeError('an address that cannot stand in a command')
  return `<${address}>`
}
