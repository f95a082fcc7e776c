/** The order in which a rule's tree of providers is tried, and why. */
import type { Use } from './policy.ts'

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
  /** Share of recent answers that were not the provider's fault, 0 to 1. */
  success: number | null
}

export interface RankFacts {
  messageId: string
  recipient: string
  figures: (provider: string) => Figures
}

/** Providers in the order in which they are to be tried; a provider named twice keeps its first place. */
export function rank(use: Use, facts: RankFacts): Candidate[] {
  const seen = new Set<string>()
  return order(use, facts).filter(({ provider }) => !seen.has(provider) && seen.add(provider))
}

function order(use: Use, facts: RankFacts): Candidate[] {
  if ('provider' in use) return [{ provider: use.provider, score: 0, reasons: [] }]
  if ('first' in use) {
    return use.first
      .flatMap((part) => order(part, facts))
      .map((candidate, place) => ({
        ...candidate,
        score: place + 1,
        reasons: [...candidate.reasons, `number ${place + 1} of first`],
      }))
  }
  if ('best' in use) {
    const { of, by } = use.best
    return of
      .map((part) => {
        const candidates = order(part, facts)
        const head = candidates[0]
        return { candidates, ...measure(by, head ? facts.figures(head.provider) : null) }
      })
      .sort((a, b) => a.weight - b.weight)
      .flatMap(({ candidates, score, reason }) =>
        candidates.map((candidate) => ({ ...candidate, score, reasons: [...candidate.reasons, reason] })),
      )
  }
  const { weights, sticky } = use.split
  const seed = sticky === 'recipient' ? facts.recipient : facts.messageId
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
  return Object.entries(weights)
    .map(([provider, weight]) => ({ provider, weight, draw: rendezvous(`${seed}\n${provider}`, weight) }))
    .sort((a, b) => b.draw - a.draw)
    .map(({ provider, weight, draw }, place) => ({
      provider,
      score: draw,
      reasons: [
        `${place === 0 ? 'drawn from' : 'next in'} a split with ${weight} of ${total}, the same for this ${sticky}`,
      ],
    }))
}

/** What a provider weighs (less is better), the score shown, and the words for it. Nobody measured yet comes first: that is how it gets measured. */
function measure(by: 'cost' | 'latency' | 'health', figures: Figures | null) {
  if (by === 'cost') {
    const cost = figures?.costPerThousand ?? 0
    return { weight: cost, score: cost, reason: `costs ${cost} per 1,000` }
  }
  if (by === 'latency') {
    const latency = figures?.latencyMs ?? null
    if (latency === null) return { weight: 0, score: 0, reason: 'latency not measured yet' }
    return { weight: latency, score: latency, reason: `answers in ${Math.round(latency)} ms` }
  }
  // Rounded to a hundredth, so that noise does not swap two good ones at every message.
  const success = Math.round((figures?.success ?? 1) * 100) / 100
  const reason =
    figures?.success == null ? 'no failure seen yet' : `${Math.round(success * 100)} % of recent answers good`
  return { weight: -success, score: success, reason }
}

/**
 * Weighted rendezvous hashing: the largest draw wins. The same seed gives the same order, shares follow the weights, and taking a
 * provider away moves only those it had (Thaler and Ravishankar 1998; weights by -w / ln u, Schindelhauer and Schomaker 2005).
 */
function rendezvous(text: string, weight: number): number {
  // FNV-1a, then the finalizer of MurmurHash3: FNV alone leaves the high bits of short strings too alike to draw from.
  let hash = 0x811c9dc5
  for (let place = 0; place < text.length; place++) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  const uniform = ((hash >>> 0) + 0.5) / 2 ** 32
  return -weight / Math.log(uniform)
}
