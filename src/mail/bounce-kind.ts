/** What kind of bounce it was, for vendors that tell it only by the far end's reply. */

/** An enhanced status wherever it stands; never a piece of a longer number, such as an IP address. */
const status = /(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)/

/**
 * The kind by the first enhanced status (RFC 3463) in a text, null when there is none. `hard` is only what says that the mailbox
 * or its domain does not exist; a full or closed mailbox and a network's trouble may pass; the rest refuses the mail or its sender.
 */
export function bounceByStatus(text: string | null): 'hard' | 'soft' | 'block' | null {
  const found = status.exec(text ?? '')
  if (found === null) return null
  const [, first, subject, detail] = found
  if (first === '4' || subject === '4') return 'soft'
  if (subject === '1') return noMailbox.has(detail!) ? 'hard' : 'block'
  return subject === '2' && (detail === '1' || detail === '2') ? 'soft' : 'block'
}

/** Bad mailbox, bad system, bad syntax, moved without a new address, and a domain that takes no mail (RFC 7505). */
const noMailbox = new Set(['1', '2', '3', '6', '10'])
