/** What a type's contract says at this moment. Pure: the time is handed in. */
import type { Message } from '../mail/message.ts'
import { quietUntil } from '../mail/quiet.ts'
import type { Claim } from '../store/store.ts'
import type { Contract } from './changes.ts'

/** However long mail was due before its turn came, a provider has this share of the time in which it must take it. */
const leastShare = 1 / 3

/**
 * How much is left of what a provider has to take mail that it was offered then; null for as long as its own timeout allows. The last
 * has that: after it there is nobody to offer it to, and an answer that is not waited for is an unknown.
 */
export function timeToTake(
  { deadline: { taken } }: Pick<Contract, 'deadline'>,
  offeredAt: number,
  next: string | null,
  now: number,
): number | null {
  return taken === null || next === null ? null : Math.max(Math.round(taken * leastShare), offeredAt + taken - now)
}

/** The quiet hours that hold now: until when, and in words; null when it may be sent. */
export function quietHours(
  { quiet }: Pick<Contract, 'quiet'>,
  { type, metadata }: Pick<Message, 'type' | 'metadata'>,
  now: number,
): { until: number; why: string } | null {
  const until = quiet && quietUntil(quiet, metadata, now)
  if (until === null) return null
  return { until, why: `type ${type} is not sent at this hour: waits until ${new Date(until).toISOString()}` }
}

/** Why mail has expired, in words. */
export function timeOver({ unknown, avoid }: Pick<Claim, 'unknown' | 'avoid'>): string {
  return unknown || avoid.length > 0 ? 'its time is over, and its fate was never known' : 'its time is over'
}
