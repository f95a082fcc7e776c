/** What happens to a provider that people want to hear of, and what the log says of it. */
import type { Logger } from 'pino'

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
  believed: 'takes mail again: its word about recipients is believed',
}
const worrying: ReadonlySet<Turned> = new Set(['open', 'would open', 'sick', 'slowed', 'suspended', 'doubted'])

export function turnsIn(log: Logger): Turn {
  return (provider, what, about) => {
    const detail = about && { ...about, until: about.until === null ? null : new Date(about.until).toISOString() }
    log[worrying.has(what) ? 'warn' : 'info']({ provider, ...detail }, `provider ${words[what]}`)
  }
}
