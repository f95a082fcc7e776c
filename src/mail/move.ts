/** A move of mail from some providers to others, step by step, and how far it is, for those who operate the gateway. */

/**
 * `waiting`: for its start; `moving`: a share goes the new way; `held`: it stays at its share, for something looks bad; `reverted`:
 * all mail goes the old way again, until somebody restarts it; `done`: all goes the new way.
 */
export const moveStates = ['waiting', 'moving', 'held', 'reverted', 'done'] as const
export type MoveState = (typeof moveStates)[number]

/** What was seen of mail that went one way. */
export interface Seen {
  /** One to one recipient each: taken, deferred or blocked. */
  mails: number
  /** Those that the mailbox host deferred or blocked, once each, whatever became of them. */
  deferred: number
  complained: number
}

export interface MoveView {
  /** The rule that moves. */
  rule: string
  /** Providers. */
  from: string[]
  to: string[]
  state: MoveState
  /** The part of mail that goes the new way: 0 to 1. */
  share: number
  /** Since when the share is that; null before its start. */
  since: number | null
  /** The next step; null when there is none, or nobody knows when. */
  next: { share: number; at: number } | null
  /** When it goes back by itself, should it be held until then. */
  revertsAt: number | null
  /** Why it is held or went back. */
  reason: string | null
  /** Of the last 24 hours. */
  seen: { from: Seen; to: Seen }
}
