/**
 * Addresses: one parser and one canonical form for the whole house. Whatever compares, routes, suppresses or sends uses what
 * `canonical` gave, so that no second spelling can walk around a rule.
 */
import type { Mailbox } from './message.ts'

/** Why an address was refused, in words for the person who sent it. */
export class AddressError extends Error {
  override name = 'AddressError'
}

/**
 * The canonical form of an addr-spec: domain as lower-case A-labels (UTS #46, non-transitional), local part as written.
 * @param text an addr-spec, nothing around it: `Ann@Exämple.test`
 * @returns `Ann@xn--exmple-cua.test`
 * @throws AddressError for anything RFC 5321 does not allow in a mailbox, and for what we refuse by choice: quoted local parts,
 *   address literals and numeric hosts, single-label and special-use domains, source routes, comments, groups, control characters
 */
export function canonical(text: string): string {
  throw new AddressError(`not written yet: ${text}`)
}

/** The key under which an address is suppressed: canonical, local part lower-case and NFC. Idempotent. */
export function suppressionKey(email: string): string {
  return email
}

/** The domain of a canonical address; `''` for the null reverse-path. */
export function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1)
}

/** Whether an address needs SMTPUTF8 (RFC 6531): its local part has characters beyond ASCII. */
export function needsSmtpUtf8(email: string): boolean {
  return /[^\u0000-\u007f]/.test(email)
}

/**
 * Exactly one mailbox: `Ann <ann@example.com>`, `"Ann, B." <ann@example.com>` or a bare addr-spec.
 * @throws AddressError
 */
export function parseMailbox(text: string): Mailbox {
  return { email: canonical(text) }
}

/** A mailbox for a header or for a vendor that takes `Name <a@b>` strings: the name quoted where RFC 5322 says so. */
export function formatMailbox(mailbox: Mailbox): string {
  return mailbox.name ? `"${mailbox.name.replace(/["\\]/g, '\\$&')}" <${mailbox.email}>` : mailbox.email
}
