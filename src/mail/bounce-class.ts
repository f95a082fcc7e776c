/** What a bounce says of the mailbox, by numbers that several vendors bring. */
import type { ProviderEvent } from './webhook.ts'

type Bounce = NonNullable<ProviderEvent['bounce']>

/** No such mailbox; no recipient could be made out. */
const hard = new Set(['10', '30'])
/** Refused by rule, or as spam by its sender, its content or what is attached; relaying denied. */
const block = new Set(['25', '50', '51', '52', '53', '54'])

/** By class, as two engines that many vendors run on both count them: SparkPost's `bounce_class`, Mandrill's `bgtools_code`. */
export function bounceByClass(number: string): Bounce {
  if (hard.has(number)) return 'hard'
  return block.has(number) ? 'block' : 'soft'
}

/** By enhanced status (RFC 3463): no such mailbox, no such domain, a null MX; refused by policy. Anything else, or none, may pass. */
export function bounceByStatus(status: string | null): Bounce {
  if (/^5\.1\.(1|2|10)$/.test(status ?? '')) return 'hard'
  return /^5\.7\./.test(status ?? '') ? 'block' : 'soft'
}
