/** Bounces by number, as two engines that many vendors run on both count them: SparkPost's `bounce_class`, Mandrill's `bgtools_code`. */
import type { ProviderEvent } from './webhook.ts'

/** No such mailbox; no recipient could be made out. */
const hard = new Set(['10', '30'])
/** Refused by rule, or as spam by its sender, its content or what is attached; relaying denied. */
const block = new Set(['25', '50', '51', '52', '53', '54'])

/** What a class says of the mailbox; anything unknown may pass. */
export function bounceByClass(number: string): NonNullable<ProviderEvent['bounce']> {
  if (hard.has(number)) return 'hard'
  return block.has(number) ? 'block' : 'soft'
}
