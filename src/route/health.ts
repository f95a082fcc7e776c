/** How well a provider has done of late: moving averages, so that one number per provider is enough. */

export interface Health {
  /** 0 to 1; null before the first answer. */
  success: number | null
  latencyMs: number | null
}

export const unmeasured: Health = { success: null, latencyMs: null }

/** The weight of the newest answer: about the last twenty count. */
const newest = 0.1

/** The health after one more answer. `good`: it was not the provider's fault. `latencyMs` is null when no answer came. */
export function observe(health: Health, answer: { good: boolean; latencyMs: number | null }): Health {
  return {
    success: blend(health.success, answer.good ? 1 : 0),
    latencyMs: answer.latencyMs === null ? health.latencyMs : blend(health.latencyMs, answer.latencyMs),
  }
}

function blend(before: number | null, value: number): number {
  return before === null ? value : before + newest * (value - before)
}
