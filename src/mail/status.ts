/** Enhanced status codes (RFC 3463): the part of an SMTP reply that means the same everywhere. */

/** At the start of the text, with or without the reply code before it; never the beginning of a longer number (`5.1.1.1` is an IP). */
const leading = /^\s*(?:\d{3}[ -]\s*)?([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)/
/** qmail and its descendants write it at the end of the sentence. */
const trailing = /\(#([245]\.\d{1,3}\.\d{1,3})\)/

/**
 * The enhanced status of a reply: `5.1.1` of `5.1.1 <x> unknown`, `550 5.1.1 unknown` or `no such mailbox (#5.1.1)`.
 * @param text a reply's text, hostile and of any length, with or without its three-digit code
 * @returns null when there is none, or only part of one (`5.1`, `5.`)
 */
export function enhancedStatus(text: string): string | null {
  return (leading.exec(text) ?? trailing.exec(text))?.[1] ?? null
}
