/** The order in which a rule's tree of providers is tried, and why. */
import type { Use } from './policy.ts'

type Split = Extract<Use, { split: unknown }>['split']

export interface Candidate {
  provider: string
  /** What ranked it: cost per thousand, milliseconds, share of success, or its place; the reasons say which. */
  score: number
  reasons: string[]
}

/** What ranking may know of a provider. Numbers that nobody has measured yet are null. */
export interface Figures {
  costPerThousand: number
  latencyMs: number | null
  /** Share of recent answers that were not the provider's fault, 0 to 1; at the recipient's host where enough is known of it. */
  success: number | null
  /** That host, when it is its answers that speak. */
  at?: string
}

export interface RankFacts {
  messageId: string
  recipient: string
  figures: (provider: string) => Figures
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
    const { of, by } = use.best
    for (const part of of) {
      const head = into.length
      order(part, facts, into)
      const first = into[head]
      const { score, reason } = measure(by, first ? facts.figures(first.provider) : null)
      for (let at = head; at < into.length; at++) ranked(into[at]!, score, reason)
    }
    // The candidates of a part share its score, so parts stay whole.
    arrange(into, start, by === 'health' ? -1 : 1)
  } else draw(use.split, facts, into)
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

function ranked(candidate: Candidate, score: number, reason: string): void {
  candidate.score = score
  // An array made whole is a tenth of the size of one that is pushed to.
  candidate.reasons = candidate.reasons.length === 0 ? [reason] : [...candidate.reasons, reason]
}

/** A provider's score and the words for it. Nobody measured yet comes first: that is how it gets measured. */
function measure(by: 'cost' | 'latency' | 'health', figures: Figures | null) {
  if (by === 'cost') {
    const cost = figures?.costPerThousand ?? 0
    return { score: cost, reason: `costs ${cost} per 1,000` }
  }
  if (by === 'latency') {
    const latency = figures?.latencyMs ?? null
    if (latency === null) return { score: 0, reason: 'latency not measured yet' }
    return { score: latency, reason: `answers in ${Math.round(latency)} ms` }
  }
  // Rounded to a hundredth, so that noise does not swap two good ones at every message.
  const success = Math.round((figures?.success ?? 1) * 100) / 100
  const where = figures?.at === undefined ? '' : ` at ${figures.at}`
  const reason =
    figures?.success == null ? 'no failure seen yet' : `${Math.round(success * 100)} % of recent answers good${where}`
  return { score: success, reason }
}

/**
 * Weighted rendezvous hashing: the largest draw wins. The same seed gives the same order, shares follow the weights, and taking a
 * provider away moves only those it had (Thaler and Ravishankar 1998; weights by -w / ln u, Schindelhauer and Schomaker 2005).
 */
function rendezvous(hash: number, weight: number): number {
  return -weight / Math.log(uniform(hash))
}

/** A number in (0, 1) for a message at a provider, always the same: whether it is in the share that goes there. */
export function drawn(messageId: string, provider: string): number {
  return uniform(hashed(`${provider}\n${messageId}`))
}

/** From a hash, a number in (0, 1). */
function uniform(hash: number): number {
  // The finalizer of MurmurHash3: FNV alone leaves the high bits of short strings too alike to draw from.
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  return ((hash >>> 0) + 0.5) / 2 ** 32
}

/** FNV-1a, which goes on from the hash of what came before. */
function hashed(text: string, hash = 0x811c9dc5): number {
  for (let place = 0; place < text.length; place++) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193)
  return hash
}
