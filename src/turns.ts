/** What happens to a provider or a move that people want to hear of, and what the log says of it. */
import type { Logger } from 'pino'
import type { MoveTurn } from './moves.ts'

/** What happened to a provider that people want to hear of. */
type Turned =
  | 'open'
  | 'closed'
  | 'would open'
  | 'would close'
  | 'sick'
  | 'well'
  | 'slowed'
  | 'suspended'
  | 'drained'
  | 'resumed'
  | 'doubted'
  | 'believed'
  | 'verified'
  | 'not verified'

/** Told when a provider goes out of use or comes back, altogether or at one mailbox host. */
export type Turn = (provider: string, what: Turned, detail: { reason: string; until: number | null } | null) => void

const words: Record<Turned, string> = {
  open: 'out of use: its breaker opened',
  closed: 'back in use: its breaker closed, and mail returns in steps',
  'would open': 'would be out of use now: its breaker only observes',
  'would close': 'would be back in use now: its breaker only observes',
  sick: 'passed over at one mailbox host',
  well: 'used again at one mailbox host',
  slowed: 'slowed at one mailbox host by a shaping rule',
  suspended: 'suspended by a shaping rule',
  drained: 'drained by an operator',
  resumed: 'resumed by an operator',
  doubted: 'refuses one recipient after the other: its word about recipients is not believed until it takes somebody',
  verified: 'may send for a From domain',
  'not verified': 'may not send for a From domain: it is not ready there',
  believed: 'takes mail again: its word about recipients is believed',
}
const worrying: ReadonlySet<Turned> = new Set([
  'open',
  'would open',
  'sick',
  'slowed',
  'suspended',
  'doubted',
  'not verified',
])

export function turnsIn(log: Logger): Turn {
  return (provider, what, about) => {
    const detail = about && { ...about, until: about.until === null ? null : new Date(about.until).toISOString() }
    log[worrying.has(what) ? 'warn' : 'info']({ provider, ...detail }, `provider ${words[what]}`)
  }
}

const moved: Record<MoveTurn['what'], string> = {
  begins: 'begins',
  steps: 'goes on to its next step',
  held: 'is held at its share',
  'goes on': 'goes on: it is held no longer',
  reverted: 'went back: all mail goes the old way until an operator restarts it',
  done: 'is done: all mail goes the new way',
  restarted: 'restarted by an operator',
}

/** Tells of moves in the log, and then the alarm. */
export function movesIn(log: Logger, alarm: { moved(turn: MoveTurn): void }): (turn: MoveTurn) => void {
  return (turn) => {
    const { rule, what, share, detail } = turn
    log[what === 'held' || what === 'reverted' ? 'warn' : 'info']({ rule, share, detail }, `move ${moved[what]}`)
    alarm.moved(turn)
  }
}
