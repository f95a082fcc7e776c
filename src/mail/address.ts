/**
 * Addresses: one parser and one canonical form for the whole house. Whatever compares, routes, suppresses or sends uses what
 * `canonical` gave, so that no second spelling can walk around a rule.
 */
import type { Mailbox } from './message.ts'

/** Why an address was refused, in words for the person who sent it. */
export class AddressError extends Error {
  override name = 'AddressError'
}

/** RFC 5321 section 4.5.3.1: a path is at most 256 octets, its angle brackets among them. */
const longestAddress = 254
const longestLocalPart = 64
const longestDomain = 253
/** Half a line of RFC 5322, so that the name fits on one however it is quoted. */
const longestMailbox = 500

/** Names that never lead to a mail host on the public net (RFC 6761, 6762, 7686, ICANN's `internal`). */
const specialUse = new Set(['localhost', 'local', 'internal', 'onion'])

/** Controls, lone surrogates, every kind of space, and format characters (zero-width, bidi, BOM): two spellings that look like one. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u
/** What a display name must not hold, for it would end the line or not be text at all. */
const breaking = /[\p{Cc}\p{Cs}\u2028\u2029]/u
/** A dot-atom of RFC 5322 section 3.2.3, with the characters beyond ASCII of RFC 6532. */
const dotAtom = /^[\w!#$%&'*+/=?^`{|}~\u0080-\uffff-]+(?:\.[\w!#$%&'*+/=?^`{|}~\u0080-\uffff-]+)*$/
/** Labels of up to 63 characters with dots between. */
const domainName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/
/** Words that need no quotes around them: atoms with single spaces between. */
const plainName = /^[\w!#$%&'*+/=?^`{|}~\u0080-\uffff-]+(?: [\w!#$%&'*+/=?^`{|}~\u0080-\uffff-]+)*$/
/** A phrase (bare words, dots, quoted strings) and an angle address. Every alternative starts differently, so it is linear. */
const named = /^((?:[^"(),:;<>@[\\\]]|"(?:[^"\\]|\\.)*")*)<([^<>]*)>$/s
const quoted = /"((?:[^"\\]|\\.)*)"/gs

/**
 * The canonical form of an addr-spec: domain as lower-case A-labels (UTS #46, non-transitional), local part as written.
 * @param text an addr-spec, nothing around it: `Ann@Exämple.test`
 * @returns `Ann@xn--exmple-cua.test`
 * @throws AddressError for anything RFC 5321 does not allow in a mailbox, and for what we refuse by choice: quoted local parts,
 *   address literals and numeric hosts, single-label and special-use domains, source routes, comments, groups, control characters
 */
export function canonical(text: string): string {
  const read = readAddress(text)
  if ('problem' in read) throw new AddressError(read.problem)
  return read.email
}

/** The same without an exception, for lists out of raw mail in which hostile entries may come by the thousand. */
export function canonicalOrNull(text: string): string | null {
  const read = readAddress(text)
  return 'problem' in read ? null : read.email
}

/** The same, with what is wrong in a sentence where it is none. */
export function readAddress(text: string): { email: string } | { problem: string } {
  if (text === '') return { problem: 'The address is empty.' }
  // Before anything looks at the text: what comes after may then take its time.
  if (text.length > longestAddress) return { problem: `The address is longer than ${longestAddress} octets.` }
  if (unseen.test(text)) return { problem: 'The address has a space, a control or an invisible character in it.' }
  const at = text.indexOf('@')
  if (at === -1) return { problem: 'The address has no @.' }
  if (text.includes('@', at + 1)) return { problem: 'The address has more than one @.' }
  const local = text.slice(0, at)
  const domain = toAscii(text.slice(at + 1))
  if (domain === null) return { problem: 'The domain is not a valid name.' }
  const problem = localPartProblem(local) ?? domainProblem(domain)
  if (problem !== null) return { problem }
  const email = `${local}@${domain}`
  return octets(email) > longestAddress
    ? { problem: `The address is longer than ${longestAddress} octets.` }
    : { email }
}

function localPartProblem(local: string): string | null {
  if (!dotAtom.test(local)) return 'What stands before the @ is not a plain mailbox name (dot-atom).'
  if (octets(local) > longestLocalPart) return `What stands before the @ is longer than ${longestLocalPart} octets.`
  // These have made sendmail-style programs read a flag, a pipe or a file where a mailbox was meant (CVE-2020-7769 and its kin).
  if (/^[-|/]/.test(local)) return 'The address begins with a character that some mailers obey.'
  return local.includes('=?') ? 'What stands before the @ looks like an encoded word (RFC 2047).' : null
}

/** A domain as lower-case A-labels, by the platform's URL parser: the one UTS #46 that every runtime has. Null when it has none. */
function toAscii(domain: string): string | null {
  if (/[^a-z0-9.\u0080-\uffff-]/i.test(domain)) return null
  if (!/[^\u0000-\u007f]|xn--/i.test(domain)) return domain.toLowerCase()
  // Ideographic full stops mean the same dots, and keep parsers off their all-ASCII short cut, which lets bad punycode through.
  return URL.parse(`http://${domain.replaceAll('.', '。')}`)?.hostname ?? null
}

function domainProblem(domain: string): string | null {
  if (domain.length > longestDomain) return `The domain is longer than ${longestDomain} octets.`
  if (!domainName.test(domain)) return 'The domain is not well formed.'
  const dot = domain.lastIndexOf('.')
  if (dot === -1) return 'The domain has only one label.'
  const top = domain.slice(dot + 1)
  // No top-level domain begins with a digit, and anything that ends in a number is an IPv4 address to a URL parser (0x7f.1).
  if (/^\d/.test(top)) return 'The domain is a number, not a name.'
  return specialUse.has(top) ? `Names under .${top} take no mail from outside.` : null
}

const utf8 = new TextEncoder()
export const beyondAscii = /[^\u0000-\u007f]/

/** Bytes of a text in UTF-8. */
export function octets(text: string): number {
  // Encoding costs more than all else that is done with an address.
  return beyondAscii.test(text) ? utf8.encode(text).length : text.length
}

/**
 * The key under which a canonical address is suppressed: its local part lower-case and NFC, so that spellings that nearly every
 * host takes for one mailbox are one. Idempotent.
 */
export function suppressionKey(email: string): string {
  const at = email.lastIndexOf('@')
  return email.slice(0, Math.max(at, 0)).normalize('NFC').toLowerCase().normalize('NFC') + email.slice(Math.max(at, 0))
}

/** The domain of a canonical address; `''` for the null reverse-path. */
export function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1)
}

/** Whether an address needs SMTPUTF8 (RFC 6531): its local part has characters beyond ASCII. */
export function needsSmtpUtf8(email: string): boolean {
  return beyondAscii.test(email)
}

/**
 * Exactly one mailbox: `Ann <ann@example.com>`, `"Ann, B." <ann@example.com>` or a bare addr-spec. Spaces around it (U+0020)
 * are taken off; comments, groups and lists are refused. Encoded words are not decoded: JSON has no need of them.
 * @throws AddressError
 */
export function parseMailbox(text: string): Mailbox {
  if (text.length > longestMailbox) throw new AddressError(`The mailbox is longer than ${longestMailbox} characters.`)
  if (breaking.test(text)) throw new AddressError('The mailbox has a control character in it.')
  const trimmed = text.replace(/^ +| +$/g, '')
  if (!/[<>"]/.test(trimmed)) return { email: canonical(trimmed) }
  const parts = named.exec(trimmed)
  if (parts === null) throw new AddressError('This is not one mailbox such as `Ann <ann@example.com>`.')
  const name = parts[1]!.replace(quoted, (_, inner: string) => inner.replace(/\\(.)/gs, '$1')).trim()
  const email = canonical(parts[2]!)
  return name === '' ? { email } : { email, name }
}

/**
 * A mailbox for a header or for a vendor that takes `Name <a@b>` strings: the name quoted where RFC 5322 says so, control
 * characters gone. `parseMailbox` gives the mailbox back.
 */
export function formatMailbox({ email, name = '' }: Mailbox): string {
  const words = name.replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, ' ').trim()
  if (words === '') return email
  // Outside quotes a client would decode what looks like an encoded word.
  if (plainName.test(words) && !words.includes('=?')) return `${words} <${email}>`
  return `"${words.replace(/["\\]/g, '\\$&')}" <${email}>`
}

/** Several in one line, as a header has them. */
export function formatMailboxes(mailboxes: readonly Mailbox[]): string {
  return mailboxes.map(formatMailbox).join(', ')
}
