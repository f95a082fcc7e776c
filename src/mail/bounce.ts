/** How final a bounce is, for vendors that hand on what the recipient's server said. */
import { enhancedStatus } from './status.ts'

export type Bounce = 'hard' | 'soft' | 'block'

/** Enhanced statuses (RFC 3463, RFC 7505) that say there is no such mailbox. */
const noMailbox = /^5\.1\.(?:1|6|10)$/
/** It may take mail another day: a greylisting, a full mailbox, its system, its network. */
const passing = /^(?:4\.|5\.2\.2$|5\.[34]\.)/

/**
 * From the reply, as `550 5.1.1 unknown`, and from the vendor's own class where it has one. The enhanced status comes first: a
 * vendor's `hard` may only be its word for "refused". In doubt it is not hard.
 */
export function bounceOf(reply: string | null, vendor: Bounce | null = null): Bounce {
  const said = (reply ?? '').replace(/^\s*smtp;\s*/i, '')
  const status = enhancedStatus(said)
  if (status !== null) {
    if (noMailbox.test(status)) return 'hard'
    if (/^5\.7\./.test(status)) return 'block'
    if (passing.test(status)) return 'soft'
  }
  if (vendor !== null) return vendor
  return /^\s*5/.test(said) ? 'block' : 'soft'
}
