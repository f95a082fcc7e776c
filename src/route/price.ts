/**
 * What a provider charges, and what one message more costs there. A month's bill follows from the month's volume alone, so the price
 * of a message is the bill with it less the bill without it: tiers, free allowances and commitments need no rules of their own.
 */
import type { Cost } from '../mail/provider.ts'

/** What a provider took in a month. */
export interface Volume {
  recipients: number
  /** The message's bytes, once for each recipient. */
  bytes: number
}

/** Where in a price list a month has come to: of so many recipients, or so much money, this much is used. */
export interface Step {
  used: number
  of: number
  /** What the list has it for: recipients that cost nothing, recipients at this price, or money that is paid in any case. */
  as: 'free' | 'price' | 'commitment'
}

const gigabyte = 1024 ** 3
/** Money is counted in whole millionths of its unit: a message for 0.02 per 1,000 costs twenty of them. */
export const unit = 1_000_000

/** The price per 1,000 where every recipient costs the same, whatever their mail weighs; null where it depends. */
export function flat({ tiers, perGigabyte, commitment }: Cost): number | null {
  return tiers.length === 1 && perGigabyte === 0 && commitment === 0 ? tiers[0]!.perThousand : null
}

/** Whether it ever charges anything for a message. */
export function charges({ tiers, perGigabyte }: Cost): boolean {
  return perGigabyte > 0 || tiers.some(({ perThousand }) => perThousand > 0)
}

/** What a month's mail costs by itself. */
function metered({ tiers, perGigabyte }: Cost, { recipients, bytes }: Volume): number {
  let money = (bytes / gigabyte) * perGigabyte
  let from = 0
  for (const { upTo, perThousand } of tiers) {
    if (recipients <= from) break
    money += ((Math.min(recipients, upTo) - from) * perThousand) / 1_000
    from = upTo
  }
  return money
}

/** What a month costs: the fee, and its mail, or what was committed to where that is more. */
export function bill(cost: Cost, volume: Volume): number {
  return cost.monthly + Math.max(cost.commitment, metered(cost, volume))
}

/** What so much more costs now. @returns money, not rounded; 0 within what is free or paid in any case */
export function marginal(cost: Cost, { recipients, bytes }: Volume, more: Volume): number {
  const after = { recipients: recipients + more.recipients, bytes: bytes + more.bytes }
  return bill(cost, after) - bill(cost, { recipients, bytes })
}

/**
 * The same in whole millionths. Rounded by the whole month's bill, so that prices too small to be one add up to what they come to,
 * and the prices of a month's messages to its bill.
 */
export function price(cost: Cost, { recipients, bytes }: Volume, more: Volume): number {
  const after = { recipients: recipients + more.recipients, bytes: bytes + more.bytes }
  return Math.round(bill(cost, after) * unit) - Math.round(bill(cost, { recipients, bytes }) * unit)
}

/** Where a month has come to in the price list; null where there is nothing to say of it. */
export function step(cost: Cost, volume: Volume): Step | null {
  const spent = metered(cost, volume)
  if (spent < cost.commitment) return { used: spent, of: cost.commitment, as: 'commitment' }
  const { recipients } = volume
  // The next recipient's tier.
  const tier = cost.tiers.find(({ upTo }) => recipients < upTo)!
  if (tier.upTo === Number.POSITIVE_INFINITY) return null
  return { used: recipients, of: tier.upTo, as: tier.perThousand === 0 ? 'free' : 'price' }
}

/** Recipients of this month that still cost nothing by the price list; null where none ever do. */
export function freeLeft({ tiers }: Cost, { recipients }: Volume): number | null {
  const [first] = tiers
  if (first!.perThousand > 0 || first!.upTo === Number.POSITIVE_INFINITY) return null
  return Math.max(0, first!.upTo - recipients)
}

/** How much of a month has to be over before its spend says anything of the rest: its first day. */
const firstDay = 86_400_000

/**
 * What the month comes to if its mail goes on as it did: the bill of a volume that grows with the time.
 * @returns null on the month's first day, when nothing can be told from so little
 */
export function forecast(
  cost: Cost,
  { recipients, bytes }: Volume,
  month: { start: number; end: number },
  now: number,
) {
  const elapsed = now - month.start
  if (elapsed < firstDay) return null
  const times = (month.end - month.start) / elapsed
  return bill(cost, { recipients: recipients * times, bytes: bytes * times })
}
