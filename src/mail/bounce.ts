/**
 * How final a bounce is. One rule for all vendors: only a mailbox that does not exist is hard; a policy, a reputation, the content
 * and the sender block; whatever else it was may be better another day.
 */
import { enhancedStatus } from './status.ts'

/** `hard`: there is no such mailbox. `block`: the mail, its sender or who sent it was refused. `soft`: anything else. */
export type Bounce = 'hard' | 'soft' | 'block'

/** In the midst of a text, where a vendor put its own words before the reply; never a piece of a longer number, such as an IP address. */
const within = /(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)/

/** Mailbox, system or syntax of the address is bad; it moved, and nobody knows where to; the domain takes no mail (RFC 7505). */
const noMailbox = /^5\.1\.(?:1|2|3|6|10)$/
/** The sender's address, too large, the content, a policy. */
const refused = /^5\.(?:1\.[78]|2\.3|3\.4|6\.\d+|7\.\d+)$/
/** Not for good; a mailbox that is there, its system, its network. */
const passing = /^(?:4|5\.[234])\./

/**
 * By the enhanced status (RFC 3463) in what the recipient's server said, which comes before the vendor's own class: its `hard` may
 * only be its word for "refused".
 * @param said a status, or a reply with one in it
 * @param otherwise the vendor's own class, where there is no status, or one that leaves it open (5.0.0, and 5.5.0, which some say to unknown users)
 */
export function bounceOf(said: string | null, otherwise: Bounce = 'soft'): Bounce {
  const status = enhancedStatus(said ?? '') ?? within.exec(said ?? '')?.[0] ?? ''
  if (noMailbox.test(status)) return 'hard'
  if (refused.test(status)) return 'block'
  return passing.test(status) ? 'soft' : otherwise
}

/** No such mailbox; no recipient could be made out. */
const hard = new Set(['10', '30'])
/** Refused by rule, or as spam by its sender, its content or what is attached; relaying denied. */
const block = new Set(['25', '50', '51', '52', '53', '54'])

/** By class, as two engines that many vendors run on both count them: SparkPost's `bounce_class`, Mandrill's `bgtools_code`. */
export function bounceByClass(number: string): Bounce {
  if (hard.has(number)) return 'hard'
  return block.has(number) ? 'block' : 'soft'
}
