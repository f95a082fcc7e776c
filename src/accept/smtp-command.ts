/**
 * EHLO, MAIL and RCPT as RFC 5321 and the extensions that we offer define them, read strictly from the line as it came.
 * `smtp-server` takes parameters it does not know, strips source routes and rewrites domains; so it only gets to see what we
 * make of the line.
 */
import { isAscii } from 'node:buffer'
import { needsSmtpUtf8, readAddress } from '../mail/address.ts'
import type { ReplyStatus } from './refusals.ts'
import { Reply } from './smtp-reply.ts'

export interface MailCommand {
  /** Canonical; `''` is the null reverse-path. */
  returnPath: string
  smtpUtf8: boolean
  dsn: { ret?: 'FULL' | 'HDRS'; envid?: string }
}

export interface RcptCommand {
  /** Canonical. */
  email: string
  dsn: { notify?: string[]; orcpt?: string }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const mailSyntax = /^MAIL FROM: *<([^<>]*)>(.*)$/i
const rcptSyntax = /^RCPT TO: *<([^<>]*)>(.*)$/i
const label = '[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?'
const hostName = new RegExp(`^${label}(?:\\.${label})*\\.?$`)
const addressLiteral = /^\[(?:IPv6:)?[0-9A-Fa-f:.]+\]$/i

/**
 * The argument of EHLO or HELO: a host name (with underscores, as machines are called) or an address literal.
 * @throws Reply
 */
export function parseGreeting(line: Buffer): string {
  const [, argument = '', ...more] = line.toString('latin1').trim().split(/ +/)
  if (more.length > 0 || argument.length > 255 || !(hostName.test(argument) || addressLiteral.test(argument))) {
    throw new Reply('501 5.5.4', 'Syntax: EHLO and the name of your host')
  }
  return argument
}

/** @param line `MAIL FROM:<a@b.test> SIZE=17` @param maxSize bytes @throws Reply */
export function parseMail(line: Buffer, maxSize: number): MailCommand {
  const command = split(line, mailSyntax)
  if (command === null) throw new Reply('501 5.1.7', 'Syntax: MAIL FROM:<address>')
  const parameters = parametersOf(command.rest, ['SIZE', 'BODY', 'SMTPUTF8', 'RET', 'ENVID', 'AUTH'])
  const read: MailCommand = { returnPath: '', smtpUtf8: parameters.has('SMTPUTF8'), dsn: {} }
  for (const [name, value] of parameters) {
    if (name === 'SIZE') checkSize(value, maxSize)
    else if (name === 'BODY') oneOf(name, value, ['7BIT', '8BITMIME'])
    else if (name === 'SMTPUTF8' && value !== null) throw new Reply('501 5.5.4', 'SMTPUTF8 takes no value')
    else if (name === 'RET') read.dsn.ret = oneOf(name, value, ['FULL', 'HDRS'])
    else if (name === 'ENVID') read.dsn.envid = xtext(name, value, 100)
    // RFC 4954 section 5: whom the client vouches for. Nobody here asks, but clients may say it.
    else if (name === 'AUTH' && value !== '<>') xtext(name, value, 500)
  }
  checkAscii(command.address, read.smtpUtf8)
  if (command.address !== '') read.returnPath = checked(command.address, '501 5.1.7', '501 5.1.7')
  return read
}

/** @param line `RCPT TO:<a@b.test> NOTIFY=NEVER` @param smtpUtf8 what MAIL said @throws Reply */
export function parseRcpt(line: Buffer, smtpUtf8: boolean): RcptCommand {
  const command = split(line, rcptSyntax)
  if (command === null) throw new Reply('501 5.1.3', 'Syntax: RCPT TO:<address>')
  const read: RcptCommand = { email: '', dsn: {} }
  for (const [name, value] of parametersOf(command.rest, ['NOTIFY', 'ORCPT'])) {
    if (name === 'NOTIFY') read.dsn.notify = notify(value)
    else read.dsn.orcpt = originalRecipient(value)
  }
  if (command.address.startsWith('@')) throw new Reply('553 5.1.3', 'Source routes are not taken')
  checkAscii(command.address, smtpUtf8)
  read.email = checked(command.address, '501 5.1.3', '550 5.1.2')
  return read
}

function split(line: Buffer, syntax: RegExp): { address: string; rest: string } | null {
  const text = textOf(line)
  if (text === null) return null
  const match = syntax.exec(text)
  return match === null ? null : { address: match[1]!, rest: match[2]! }
}

const none: ReadonlyMap<string, string | null> = new Map()

/** Null where it is not UTF-8. */
function textOf(line: Buffer): string | null {
  if (isAscii(line)) return line.toString('latin1')
  try {
    return utf8.decode(line)
  } catch {
    return null
  }
}

/** @returns upper-case names with their values, null for those without one @throws Reply */
function parametersOf(rest: string, known: readonly string[]): ReadonlyMap<string, string | null> {
  if (rest === '') return none
  const parameters = new Map<string, string | null>()
  if (rest.trim() === '') return parameters
  if (!rest.startsWith(' ')) throw new Reply('501 5.5.4', 'A space belongs between the address and its parameters')
  for (const word of rest.trim().split(/ +/)) {
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\s=\p{Cc}]+))?$/u.exec(word)
    if (match === null) throw new Reply('501 5.5.4', 'A parameter is not well formed')
    const name = match[1]!.toUpperCase()
    if (!known.includes(name)) throw new Reply('555 5.5.4', `The parameter ${name.slice(0, 40)} is not known here`)
    if (parameters.has(name)) throw new Reply('501 5.5.4', `The parameter ${name} is given twice`)
    parameters.set(name, match[2] ?? null)
  }
  return parameters
}

/** RFC 1870 section 3: at most 20 digits. */
function checkSize(value: string | null, maxSize: number): void {
  if (value === null || !/^\d{1,20}$/.test(value)) throw new Reply('501 5.5.4', 'SIZE takes a number of bytes')
  if (Number(value) > maxSize) throw new Reply('552 5.3.4', `The message is larger than ${maxSize} bytes`)
}

function oneOf<Value extends string>(name: string, value: string | null, values: readonly Value[]): Value {
  if (value === null) throw new Reply('501 5.5.4', `${name} takes a value`)
  const found = values.find((candidate) => candidate === value.toUpperCase())
  if (found === undefined) throw new Reply('555 5.5.4', `${name} is one of ${values.join(', ')} here`)
  return found
}

/** Decodes xtext (RFC 3461 section 4). */
function xtext(name: string, value: string | null, longest: number): string {
  if (value === null || value.length > longest || /\+(?![0-9A-F]{2})/.test(value)) {
    throw new Reply('501 5.5.4', `${name} takes xtext of at most ${longest} characters`)
  }
  const text = value.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) throw new Reply('501 5.5.4', `${name} has a control character in it`)
  return text
}

function notify(value: string | null): string[] {
  if (value === null) throw new Reply('501 5.5.4', 'NOTIFY takes a value')
  const words = value.split(',').map((word) => oneOf('NOTIFY', word, ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY']))
  if (words.includes('NEVER') && words.length > 1) throw new Reply('501 5.5.4', 'NOTIFY=NEVER stands alone')
  return words
}

function originalRecipient(value: string | null): string {
  const text = xtext('ORCPT', value, 500)
  if (!/^[A-Za-z0-9-]+;./.test(text))
    throw new Reply('501 5.5.4', 'ORCPT takes an address type and an address: rfc822;a@b.test')
  return text
}

/** RFC 6531 section 3.5: without the SMTPUTF8 parameter addresses are ASCII. */
function checkAscii(address: string, smtpUtf8: boolean): void {
  if (!smtpUtf8 && needsSmtpUtf8(address)) {
    throw new Reply('550 5.6.7', 'An address beyond ASCII needs the SMTPUTF8 parameter of MAIL')
  }
}

/** @param syntax what is answered to a malformed address @param host and to an IP address where the domain belongs */
function checked(address: string, syntax: ReplyStatus, host: ReplyStatus): string {
  const read = readAddress(address)
  if ('email' in read) return read.email
  throw new Reply(/@(?:\[.*|[\d.]+|0x[\da-f.]+)$/i.test(address) ? host : syntax, read.problem)
}
