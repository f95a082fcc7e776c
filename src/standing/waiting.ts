/** When mail that nobody takes now is due again: in line, where it waits for what can be foreseen. */
import { domainOf } from '../mail/address.ts'
import type { Message } from '../mail/message.ts'
import type { Comer, Line } from '../queue/line.ts'
import { closedBy, longest, type Quota } from '../queue/quota.ts'
import { awaitsProbe, closedTo, type Live } from './live.ts'

/** What is to wait, and where. */
export interface Waiter {
  message: Comer & Pick<Message, 'from' | 'type' | 'tenant'>
  /** Its recipients. */
  to: readonly string[]
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
  /** What the mail meets wherever it goes. */
  shared: readonly Quota[]
  /** The mailbox hosts of its recipients, where some limit is kept by them. */
  hosts: readonly string[]
}

/** What mail waits for: until when, and in which line; null for no line. */
interface Opening {
  until: number
  at: { line: Line; pace: number } | null
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
export function dueAgain({ message, to, waits, openAt }: Waiter, providers: readonly Live[], moment: Moment): number {
  const { now, dice, shared } = moment
  let first: Opening | null = longest(shared.flatMap((quota) => openingOf(quota, message, now) ?? []))
  let probed: Live | null = null
  if (first === null) {
    for (const live of providers) {
      const shut = untilOpen(live, message, moment)
      if (shut === null || (first !== null && shut.until >= first.until)) continue
      first = shut
      probed = live
    }
    // Only breakers keep it away, and whoever closes one tells it.
    if (first && probed && moment.networkDownUntil <= now && providers.every(awaitsProbe))
      return probed.room.watch.join(first.until, probed.provider.breaker.open)
  }
  // Drained, or there was no room for a moment, or it is shut to mail from one domain: that stands in nobody's way.
  if (first === null || first.at === null) {
    const pause = Math.min(noRoomPause.first * 2 ** Math.min(waits, 10), noRoomPause.most)
    return Math.max(openAt, now + Math.round(pause * (0.5 + 0.5 * dice)))
  }
  const { until, at } = first
  const pace = Math.max(at.pace * limitPace, backlogPace)
  const { id: messageId, priority } = message
  return at.line.join({ messageId, priority, recipients: to.length, openAt: until, pace, now })
}

/** Until when a provider is shut to this mail. Null: it is not, or nobody knows. */
function untilOpen(live: Live, message: Waiter['message'], { now, networkDownUntil, hosts }: Moment): Opening | null {
  const { from, priority } = message
  const at = { line: live.room.line, pace: live.allowance.pace }
  if (networkDownUntil > now) return { until: networkDownUntil, at }
  const closed = closedTo(live, null, now) ?? live.room.crowded(message, now)
  if (closed) return closed.until === null ? null : { until: closed.until, at }
  const toThis = closedTo(live, domainOf(from.email), now)
  if (toThis?.until) return { until: toThis.until, at: null }
  // Recipients at several hosts go on with the first that opens.
  const { atHosts } = live
  const shut = atHosts
    ? hosts.flatMap((host) => atHosts.at(host, now).flatMap((quota) => openingOf(quota, message, now) ?? []))
    : []
  if (shut.length > 0) return shut.reduce((soonest, one) => (one.until < soonest.until ? one : soonest))
  return live.room.isFull(priority) ? { until: now + fullPause, at } : null
}

function openingOf(quota: Quota, message: Waiter['message'], now: number): Opening | null {
  const closed = closedBy(quota, message, now)
  return closed && { until: closed.until, at: { line: quota.line, pace: quota.allowance.pace } }
}
