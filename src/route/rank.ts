/** The order in which a rule's tree of providers is tried, and why. */
import { draw as drawArms } from './adaptive.ts'
import { drawn, hashed, uniform } from './chance.ts'
import { decimal } from './decimals.ts'
import { compare, type Figures, isGreater, type Measured, measure } from './measure.ts'
import { type Moving, notMoving } from './move.ts'
import type { Best, Move, Use } from './policy.ts'

type Split = Extract<Use, { split: unknown }>['split']
type Adaptive = Extract<Use, { adaptive: unknown }>['adaptive']

export interface Candidate {
  provider: string
  /** What ranked it: cost per thousand, milliseconds, a share, a balance, a draw, or its place; the reasons say which. */
  score: number
  reasons: string[]
}

export interface RankFacts {
  messageId: string
  recipient: string
  /** This mail may be used to find out which provider is best. */
  mayExplore: boolean
  figures: (provider: string) => Figures
  /** How far the rule's move is; absent: it has not begun. */
  moving?: Moving | undefined
}

/** Providers in the order in which they are to be tried; a provider named twice keeps its first place. */
export function rank(use: Use, facts: RankFacts): Candidate[] {
  const candidates: Candidate[] = []
  order(use, facts, candidates)
  // The providers of a tree are always the same: whether one comes twice is found once.
  let repeats = repeating.get(use)
  if (repeats === undefined) {
    repeats = new Set(candidates.map(({ provider }) => provider)).size < candidates.length
    repeating.set(use, repeats)
  }
  if (!repeats) return candidates
  const seen = new Set<string>()
  return candidates.filter(({ provider }) => !seen.has(provider) && seen.add(provider))
}

const repeating = new WeakMap<Use, boolean>()

function leaf(provider: string): Candidate {
  return { provider, score: 0, reasons: none }
}

/** Shared by all that nothing has ranked yet. */
const none: string[] = []

/**
 * Puts the candidates of `use` after those that are there. They are this call's own: what ranks them is written into them, for
 * this runs for every message, and copies cost more than all the rest.
 */
function order(use: Use, facts: RankFacts, into: Candidate[]): void {
  const start = into.length
  if ('provider' in use) {
    into.push(leaf(use.provider))
  } else if ('first' in use) {
    for (const part of use.first) order(part, facts, into)
    for (let at = start; at < into.length; at++) ranked(into[at]!, at - start + 1, `number ${at - start + 1} of first`)
  } else if ('best' in use) {
    const { of, by, within } = use.best
    if (by === 'balanced' || by === 'deliverability' || within !== undefined) return beside(use.best, facts, into)
    for (const part of of) {
      const head = into.length
      order(part, facts, into)
      const first = into[head]
      const { score, reason } = measure(by, first ? facts.figures(first.provider) : null)
      for (let at = head; at < into.length; at++) ranked(into[at]!, score, reason)
    }
    // The candidates of a part share its score, so parts stay whole.
    arrange(into, start, isGreater(by) ? -1 : 1)
  } else if ('split' in use) draw(use.split, facts, into)
  else if ('move' in use) move(use.move, facts, into)
  else adapt(use.adaptive, facts, into)
}

/** Each part by itself. What is known of a part is what is known of its first. */
function parts(of: readonly Use[], facts: RankFacts): Candidate[][] {
  return of.map((part) => {
    if ('provider' in part) return [leaf(part.provider)]
    const candidates: Candidate[] = []
    order(part, facts, candidates)
    return candidates
  })
}

/** Ranks what needs all of them beside each other; those that the guard puts behind stay behind, in their order by the same figure. */
function beside(best: Best, facts: RankFacts, into: Candidate[]): void {
  const sign = isGreater(best.by) ? -1 : 1
  const all = parts(best.of, facts)
  const figures = all.map(([head]) => (head ? facts.figures(head.provider) : null))
  const compared = compare(best, figures)
  const start = into.length
  for (let place = 0; place < all.length; place++)
    if (!compared[place]!.behind) put(all[place]!, compared[place]!, into)
  arrange(into, start, sign)
  const others = into.length
  for (let place = 0; place < all.length; place++) if (compared[place]!.behind) put(all[place]!, compared[place]!, into)
  arrange(into, others, sign)
}

function put(candidates: Candidate[], { score, reasons }: Measured, into: Candidate[]): void {
  for (const candidate of candidates) {
    candidate.score = score
    candidate.reasons = candidate.reasons.length === 0 ? reasons : [...candidate.reasons, ...reasons]
    into.push(candidate)
  }
}

function adapt({ of, explore }: Adaptive, facts: RankFacts, into: Candidate[]): void {
  const { messageId, mayExplore } = facts
  const all = parts(of, facts)
  const arms = all.map(([head]) => ({
    name: head?.provider ?? '',
    told: (head && facts.figures(head.provider).delivered) ?? null,
  }))
  const { order, drawn } = drawArms(arms, { messageId, explore, mayExplore })
  for (const place of order) {
    const { score, reason } = drawn[place]!
    for (const candidate of all[place]!) {
      ranked(candidate, score, reason)
      into.push(candidate)
    }
  }
}

/**
 * Sorts what stands from `start` on: the least score first, with -1 the greatest; those that share one stay in their order. By
 * insertion, for the lists are short, and `sort` spends longer on its copies than this on all of it.
 */
function arrange(candidates: Candidate[], start: number, sign: 1 | -1): void {
  for (let at = start + 1; at < candidates.length; at++) {
    const candidate = candidates[at]!
    let place = at
    while (place > start && sign * (candidates[place - 1]!.score - candidate.score) > 0) {
      candidates[place] = candidates[place - 1]!
      place--
    }
    candidates[place] = candidate
  }
}

function draw({ weights, sticky }: Split, facts: RankFacts, into: Candidate[]): void {
  const seed = hashed(`${sticky === 'recipient' ? facts.recipient : facts.messageId}\n`)
  const names = Object.keys(weights)
  let total = 0
  for (const name of names) total += weights[name]!
  const drawn = names.map((provider): Candidate => {
    const weight = weights[provider]!
    const share = `a split with ${weight} of ${total}, the same for this ${sticky}`
    return { provider, score: rendezvous(hashed(provider, seed), weight), reasons: [share] }
  })
  drawn.sort((a, b) => b.score - a.score)
  for (const [place, candidate] of drawn.entries()) {
    candidate.reasons[0] = `${place === 0 ? 'drawn from' : 'next in'} ${candidate.reasons[0]}`
    into.push(candidate)
  }
}

/** Who has moved is who drew less than the share: as it grows, others join them, and nobody goes back and forth. */
function move({ from, to, sticky }: Move, facts: RankFacts, into: Candidate[]): void {
  const { share, words } = facts.moving ?? notMoving
  const drew = drawn(sticky === 'recipient' ? facts.recipient : facts.messageId, 'moves over')
  const moved = drew < share
  const start = into.length
  order(moved ? to : from, facts, into)
  const others = into.length
  order(moved ? from : to, facts, into)
  const which = share === 0 || share === 1 ? '' : moved ? `, and this ${sticky}` : `, not this ${sticky} yet`
  const chance = `(drew ${decimal(drew, 4)})`
  for (let at = start; at < into.length; at++) {
    const why = at < others ? `${words}${which} ${chance}` : `behind the ${moved ? 'new' : 'old'} way ${chance}`
    ranked(into[at]!, drew, why)
  }
}

function ranked(candidate: Candidate, score: number, reason: string): void {
  candidate.score = score
  // An array made whole is a tenth of the size of one that is pushed to.
  candidate.reasons = candidate.reasons.length === 0 ? [reason] : [...candidate.reasons, reason]
}

/**
 * Weighted rendezvous hashing: the largest draw wins. The same seed gives the same order, shares follow the weights, and taking a
 * provider away moves only those it had (Thaler and Ravishankar 1998; weights by -w / ln u, Schindelhauer and Schomaker 2005).
 */
function rendezvous(hash: number, weight: number): number {
  return -weight / Math.log(uniform(hash))
}
