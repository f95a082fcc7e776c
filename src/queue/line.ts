/**
 * When mail that nobody can take now is to be looked at again: one after the other, the first to ask first. All at the same moment
 * would be a stampede, of which most come to wait again.
 */
import type { Message, Priority } from '../mail/message.ts'

/** Mail, as far as a line looks at it. */
export type Comer = Pick<Message, 'id' | 'priority' | 'acceptedAt' | 'sendAt'>

export interface Place {
  /** Whose it is. */
  messageId: string
  priority: Priority
  recipients: number
  /** When somebody may be taken, as far as is known. */
  openAt: number
  /** Milliseconds a recipient. */
  pace: number
  now: number
}

/** However long the line, nobody waits longer in it: it is only a guess. */
const longest = 10 * 60_000
/** Whose turn came this long ago has gone, or stands in line as if it came fresh. */
const remembered = 60_000
const order: readonly Priority[] = ['high', 'normal', 'low']

/** Whose turn came in vain stands in the second line, which goes before the first. */
type Which = 'first' | 'second'

export class Line {
  readonly #ends: Record<Which, Record<Priority, number>> = {
    first: { high: 0, normal: 0, low: 0 },
    second: { high: 0, normal: 0, low: 0 },
  }
  /** When the line began that stands now. */
  #since = 0
  /** Whose turn comes when, roughly in that order. */
  readonly #turns = new Map<string, { which: Which; turn: number }>()

  /** @returns when it is due again, which is not before `openAt` */
  join({ messageId, priority, recipients, openAt, pace, now }: Place): number {
    this.#forget(now)
    const known = this.#turns.get(messageId)
    // It was made to look before its turn.
    if (known && known.turn > now) return Math.max(openAt, known.turn)
    const which = known ? 'second' : 'first'
    const ends = this.#ends[which]
    if (this.#last() <= now) this.#since = now
    const after = Math.max(openAt, ends[priority], this.#higher(priority))
    const turn = Math.ceil(Math.min(after, openAt + longest))
    ends[priority] = turn + recipients * pace
    this.#turns.delete(messageId)
    this.#turns.set(messageId, { which, turn })
    return turn
  }

  /**
   * Until when others go first; null when it is its turn. What came before there was a line stands behind nobody of its priority:
   * after a restart a backlog is due long before the first of a line is, and would otherwise join it whole before that one is claimed.
   */
  before({ id, priority, acceptedAt, sendAt }: Comer, now: number): number | null {
    const known = this.#turns.get(id)
    const { first, second } = this.#ends
    const fresh = (sendAt ?? acceptedAt) >= this.#since ? Math.max(first[priority], second[priority]) : 0
    const own = known?.which === 'second' ? 0 : known ? second[priority] : fresh
    const until = Math.max(this.#higher(priority), own, known?.turn ?? 0)
    return until > now ? Math.ceil(until) : null
  }

  /** When the last of all has gone. */
  #last(): number {
    const { first, second } = this.#ends
    return Math.max(...order.flatMap((one) => [first[one], second[one]]))
  }

  /** Until when those of a higher priority go. */
  #higher(priority: Priority): number {
    const ahead = order.slice(0, order.indexOf(priority))
    return Math.max(0, ...ahead.flatMap((one) => [this.#ends.first[one], this.#ends.second[one]]))
  }

  #forget(now: number): void {
    for (const [id, { turn }] of this.#turns) {
      if (turn > now - remembered) return
      this.#turns.delete(id)
    }
  }
}
