/** The plan for one recipient. */

export interface Candidate {
  provider: string
  /** What ranked it: cost per thousand, milliseconds, share of success, or its place; see the reasons. */
  score: number
  reasons: string[]
}

export interface Plan {
  /** The rule that matched. */
  route: string
  /** The policy's version. */
  policy: string
  /** In the order in which they will be tried. */
  candidates: Candidate[]
  rejected: { provider: string; reason: string }[]
}
