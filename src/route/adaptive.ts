/**
 * Which of several providers delivers best, found out while sending: Thompson sampling over counts that fade (Chapelle and Li 2011;
 * discounted for what changes, Raj and Kalyani 2017). Each arm draws from what its own mail says it may be, and the best draw wins, so
 * that an arm is tried as often as it may be the best. What is told late only leaves it wide for longer. The draw follows from the
 * message's id: the same figures and message give the same order.
 */
import { beta, drawn } from './chance.ts'
import { decimal, percent } from './decimals.ts'
import type { Told } from './delivered.ts'

export interface Arm {
  name: string
  /** Null where nothing is known. */
  told: Told | null
}

interface Drawn {
  /** What it drew, from 0 to 1. */
  score: number
  reason: string
}

interface Draw {
  messageId: string
  /** The share of mail that goes to any arm alike, so that every arm goes on being seen. */
  explore: number
  /** This type of mail may be used to find out; else the best by its figures is taken. */
  mayExplore: boolean
}

/** It takes this much mail, fading, to take part in the draw. */
const enough = 1

/** @returns for each arm what it drew, and `order`: the arms as they are to be tried, by their place */
export function draw(
  arms: readonly Arm[],
  { messageId, explore, mayExplore }: Draw,
): { order: number[]; drawn: Drawn[] } {
  const known = arms.map(({ told }) => told !== null && told.good + told.bad >= enough)
  const blank = !known.includes(true)
  const scores = arms.map(({ name, told }, place) => {
    const { good, bad } = told ?? nothing
    if (!mayExplore) return known[place] ? (1 + good) / (2 + good + bad) : 0
    // Where something is known of others, one of which nothing is has only the share of exploring: so a new one begins small.
    if (!known[place]) return blank ? drawn(messageId, name) : 0
    return beta(1 + good, 1 + bad, `${name}\n${messageId}\nadaptive`)
  })
  const order = arms.map((_, place) => place).sort((a, b) => scores[b]! - scores[a]!)
  // Salted by the arms, so that one `adaptive` in another draws anew.
  const salt = `adaptive ${arms.map(({ name }) => name).join()}`
  const explores = mayExplore && drawn(messageId, `${salt} explores`) < explore
  if (explores) {
    const lucky = Math.floor(drawn(messageId, `${salt} where`) * arms.length)
    order.splice(0, 0, ...order.splice(order.indexOf(lucky), 1))
  }
  const drawings = arms.map((arm, place): Drawn => {
    const nth = order.indexOf(place) + 1
    const chance = explores && nth === 1 ? ` by chance, as ${percent(explore)} % of mail` : ''
    const how = mayExplore ? '' : '; this type of mail does not explore'
    const score = scores[place]!
    const reason = `${mark}number ${nth} of ${arms.length}${chance}, ${figure(arm, score, mayExplore)}${how}`
    return { score, reason }
  })
  return { order, drawn: drawings }
}

const nothing = { good: 0, bad: 0 }

/** How its reasons begin. */
const mark = 'adaptive: '

/** Whether this is what an arm drew, which is told even of those that cannot be tried. */
export function isDraw(reason: string): boolean {
  return reason.startsWith(mark)
}

/** `drew 0.9812 (412.3 of 420.1 delivered in time without complaint)` */
function figure({ told }: Arm, score: number, mayExplore: boolean): string {
  const { good, bad } = told ?? nothing
  const where = told?.at === undefined ? '' : ` at ${told.at}`
  const what =
    good + bad < enough
      ? 'nothing known yet'
      : `${decimal(good, 1)} of ${decimal(good + bad, 1)} delivered in time without complaint${where}`
  return `${mayExplore ? 'drew' : 'has'} ${decimal(score, 4)} (${what})`
}
