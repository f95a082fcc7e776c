/**
 * A move from some providers to others, step by step: how far it is, when it goes on, when it is held and when it goes back. A step
 * lasts its part of the whole time; time in which the move is held does not count. Pure: time and figures are handed in.
 */
import type { MoveState, Seen } from '../mail/move.ts'
import { percent } from './decimals.ts'
import { guard } from './guard.ts'
import type { Move } from './policy.ts'

/** How far a move is, as planning may know it. */
export interface Moving {
  /** The part of mail that goes the new way. */
  share: number
  /** For reasons: `25 % has moved since 2026-12-05`. */
  words: string
}

/** What is known of a move; plain data, for the store. */
export interface Progress {
  state: MoveState
  share: number
  /** Since when the share is that; null before the start. */
  since: number | null
  /** Milliseconds of that in which the move was held, the present hold aside. */
  heldFor: number
  /** Why it is held or went back, and since when. */
  trouble: { since: number; why: string } | null
  /** The share of mail that was deferred the old way, as far as it was known last. */
  usual: number | null
}

export const atStart: Progress = {
  ...{ state: 'waiting', share: 0, since: null, heldFor: 0, trouble: null, usual: null },
}

/** A hold lasts this long at least, so that a figure at its limit does not turn the move on and off. */
const leastHold = 3_600_000

/**
 * Where a move is now. However long nobody looked, it goes on by one step at most.
 * @param seen of the last 24 hours, each way
 * @returns the same object where nothing changed
 */
export function advance(progress: Progress, move: Move, seen: { from: Seen; to: Seen }, now: number): Progress {
  const { state, share, since, heldFor, trouble } = progress
  if (state === 'done' || state === 'reverted') return progress
  if (since === null) {
    if (now < (move.start ?? now)) return progress
    return { ...progress, state: 'moving', share: move.steps[0]!, since: now }
  }
  const { usual, sign } = guard(move, seen, progress.usual)
  const known = usual === progress.usual ? progress : { ...progress, usual }
  if (sign?.far) return revert(known, sign.why, now)
  if (trouble) {
    const held = now - trouble.since
    if (!sign && held >= leastHold) return { ...known, state: 'moving', heldFor: heldFor + held, trouble: null }
    if (held >= move.revert.after) return revert(known, `held for too long: ${trouble.why}`, now)
    return sign ? { ...known, trouble: { since: trouble.since, why: sign.why } } : known
  }
  if (sign) return { ...known, state: 'held', trouble: { since: now, why: sign.why } }
  if (now < since + heldFor + stepTime(move)) return known
  const next = nextStep(move, share)
  if (next === null) return { ...known, state: 'done' }
  return { ...known, share: next, since: now, heldFor: 0 }
}

function revert(progress: Progress, why: string, now: number): Progress {
  return { ...progress, state: 'reverted', share: 0, since: now, heldFor: 0, trouble: { since: now, why } }
}

/** The share after this one; null after the last. It goes by shares, so that other steps can take over in the middle. */
function nextStep({ steps }: Move, share: number): number | null {
  return steps.find((step) => step > share) ?? null
}

function stepTime({ over, steps }: Move): number {
  return over / steps.length
}

/** What comes next and when; null when that is nothing, or not for the clock to say. */
export function nextOf({ state, share, since, heldFor }: Progress, move: Move): { share: number; at: number } | null {
  if (state === 'waiting') return move.start === null ? null : { share: move.steps[0]!, at: move.start }
  const next = state === 'moving' ? nextStep(move, share) : null
  return next === null ? null : { share: next, at: since! + heldFor + stepTime(move) }
}

/** As planning may know it. */
export function movingOf({ state, share, since, trouble }: Progress): Moving {
  if (state === 'waiting') return notMoving
  if (state === 'reverted') return { share, words: `nothing moves: all went back on ${day(since!)}` }
  const held = trouble === null ? '' : `, held since ${day(trouble.since)}`
  const part = share === 1 ? 'all' : `${percent(share)} %`
  return { share, words: `${part} has moved since ${day(since!)}${held}` }
}

/** Of a move that has not begun. */
export const notMoving: Moving = { share: 0, words: 'nothing has moved yet' }

const day = (at: number) => new Date(at).toISOString().slice(0, 10)
