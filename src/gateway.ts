/** Where the stages meet: the story of a message, from the door to the settled outcome. Knows no runtime, driver or vendor. */

import type { Submission } from './accept/submit.ts'
import type { Plan } from './route/plan.ts'

/** What operators see of a provider. */
export interface ProviderView {
  name: string
  adapter: string
  /** `ready`; `draining`: takes nothing new; `open`: its breaker is open; `probing`: half-open; `limited`: at its limit. */
  state: 'ready' | 'draining' | 'open' | 'probing' | 'limited'
  /** When an open breaker lets a probe through. */
  openUntil: number | null
  /** Why it opened, in the vendor's words. */
  reason: string | null
  labels: string[]
  costPerThousand: number
  /** Recipients handed to it today (UTC), and its limits. */
  sentToday: number
  perDay: number | null
  perSecond: number | null
  /** Recent answers: share that were not its fault, and the usual latency. Null before the first. */
  success: number | null
  latencyMs: number | null
  inFlight: number
}

/** Which providers for which recipients, and why: what `POST /v1/explain` answers and what a send would do. */
export interface Explanation {
  plans: (Plan & { recipients: string[] })[]
}

/** What the HTTP API and the dashboard may ask of the running gateway. */
export interface Operations {
  explain(submission: Submission): Promise<Explanation>
  providers(): ProviderView[]
  /** False for no such provider. */
  drain(name: string): Promise<boolean>
  resume(name: string): Promise<boolean>
  /** Something became due sooner than the pump knows (retry, release, a new message). */
  wake(): void
}
