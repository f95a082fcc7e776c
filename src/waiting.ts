/** When mail that nobody takes now is due again: in line, where it waits for what can be foreseen. */
import { closedTo, type Live } from './live.ts'
import { domainOf } from './mail/address.ts'
import type { Message } from './mail/message.ts'

/** What is to wait, and where. */
export interface Waiter {
  message: Pick<Message, 'id' | 'from' | 'priority'>
  recipients: number
  /** Who might have taken it. */
  providers: readonly string[]
  /** How often in a row it waited before. */
  waits: number
  /** When somebody may take it, as far as is known. */
  openAt: number
}

/** How things are at this moment. */
export interface Moment {
  now: number
  /** Until when our own network gets to come back; 0 while it is well. */
  networkDownUntil: number
  /** In [0, 1). */
  dice: number
}

/** Milliseconds between two that wait for the same opening, at least: so fast a backlog comes back. */
const backlogPace = 1
/** Where all places are taken, and calls end. */
const fullPause = 100
/** A little slower than the limit, so that who has waited finds room. */
const limitPace = 1.02
/** While there was no room where none was seen to lack: doubled each time, up to the most. */
const noRoomPause = { first: 250, most: 15_000 }

/** @param providers those that the waiter names, as far as they are still there */
export function dueAgain(
  { message, recipients, waits, openAt }: Waiter,
  providers: readonly Live[],
  moment: Moment,
): number {
  const { now, dice } = moment
  let first: { live: Live; until: number; all: boolean } | null = null
  for (const live of providers) {
    const shut = untilOpen(live, message, moment)
    if (shut && (first === null || shut.until < first.until)) first = { live, ...shut }
  }
  // Drained, or there was no room for a moment, or it is shut to some mail: that stands in nobody's way.
  if (first === null || !first.all) {
    const pause = Math.min(noRoomPause.first * 2 ** Math.min(waits, 10), noRoomPause.most)
    return Math.max(openAt, now + Math.round(pause * (0.5 + 0.5 * dice)))
  }
  const { live, until: opens } = first
  const pace = Math.max(live.allowance.pace * limitPace, backlogPace)
  const { id: messageId, priority } = message
  return live.room.line.join({ messageId, priority, recipients, openAt: opens, pace, now })
}

/** Until when it is shut to this mail, and whether to all mail: only then is there a line before it. Null: it is not, or nobody knows. */
function untilOpen(
  live: Live,
  { id, from, priority }: Waiter['message'],
  { now, networkDownUntil }: Moment,
): { until: number; all: boolean } | null {
  if (networkDownUntil > now) return { until: networkDownUntil, all: true }
  const closed = closedTo(live, null, now) ?? live.room.crowded(id, priority, now)
  if (closed) return closed.until === null ? null : { until: closed.until, all: true }
  const toThis = closedTo(live, domainOf(from.email), now)
  if (toThis?.until) return { until: toThis.until, all: false }
  return live.room.isFull(priority) ? { until: now + fullPause, all: true } : null
}
