/** Whether mail that moves to other providers does badly there: complaints by their share, deferrals beside those of the old way. */
import type { Seen } from '../mail/move.ts'
import { decimal } from './decimals.ts'
import { type Move, providersOf } from './policy.ts'

/** With less mail in a day nothing is said of a way. */
const enough = 30
/** Of fewer bad signs nothing is made, whatever their share: to hold a move, and to send it back at once. */
const fewest = { complained: { hold: 2, far: 5 }, deferred: { hold: 10, far: 20 } }
/** The old way counts as deferred this often at least, or the first deferral would be infinitely more than none. */
const leastUsual = 0.01

/** What is wrong, for people; `far`: by so much that the move goes back at once. */
interface Sign {
  why: string
  far: boolean
}

/**
 * @param seen of the last day, each way
 * @param before the share of mail that was deferred the old way, as it was known last; null: never
 * @returns `sign`: null while all is well, or too little is known; `usual`: that share as it is known now
 */
export function guard(
  move: Move,
  { from, to }: { from: Seen; to: Seen },
  before: number | null,
): { sign: Sign | null; usual: number | null } {
  // Near its end a move leaves little mail to the old way; then what was usual there is still what counts.
  const usual = from.mails >= enough ? from.deferred / from.mails : before
  if (to.mails < enough) return { sign: null, usual }
  const where = `in a day at ${providersOf(move.to).join(', ')}`
  const complaints = signOf(to, 'complained', move.hold.complaints, move.revert.beyond, () => {
    const of = `${to.complained} complaints of ${to.mails} mails (${hundredths(to.complained / to.mails)} %) ${where}`
    return `${of}: more than ${hundredths(move.hold.complaints)} %`
  })
  if (usual === null) return { sign: complaints, usual }
  const limit = move.hold.deferrals * Math.max(usual, leastUsual)
  const deferrals = signOf(to, 'deferred', limit, move.revert.beyond, () => {
    const share = hundredths(to.deferred / to.mails)
    const of = `${to.deferred} of ${to.mails} mails deferred or blocked (${share} %) ${where}`
    return `${of}: more than ${hundredths(limit)} %, ${move.hold.deferrals} times the share at ${providersOf(move.from).join(', ')}`
  })
  return { sign: complaints && !(deferrals?.far && !complaints.far) ? complaints : deferrals, usual }
}

function signOf(
  seen: Seen,
  what: 'complained' | 'deferred',
  limit: number,
  beyond: number,
  why: () => string,
): Sign | null {
  const share = seen[what] / seen.mails
  if (seen[what] < fewest[what].hold || share <= limit) return null
  return { why: why(), far: seen[what] >= fewest[what].far && share > beyond * limit }
}

const hundredths = (share: number) => decimal(100 * share, 2)
