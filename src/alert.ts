/**
 * What an operator must hear of, loudly: in the log, in the figures, and posted to an address of the operator's own. Each thing is
 * said once until it is over, and never more often than every quarter of an hour; nothing of it ever holds mail up.
 */

const alertKinds = [
  'breaker opened',
  'breaker closed',
  'no provider left',
  'unknown growing',
  'credentials refused',
  'move held',
  'move reverted',
  'budget running out',
  'budget spent',
] as const
type AlertKind = (typeof alertKinds)[number]

export interface Alert {
  kind: AlertKind
  /** Absent where it is about no single one. */
  provider?: string
  /** The rule of the policy that it is about. */
  rule?: string
  budget?: string
  /** In words; may hold what a vendor said: hostile text. */
  detail: string
  at: number
}

export interface Alerts {
  /** @param lasts it is over by itself so many milliseconds after it was last said; without it, until `over` */
  alert(alert: Alert, lasts?: number): void
  /** Answers whether it had been told. @param about the provider, the rule or the budget */
  over(kind: AlertKind, about?: string): boolean
  /** Tells what came too soon to be told and still holds. Call it every few seconds. */
  look(now: number): void
}

/** How often the same is told at most. */
const every = 15 * 60_000

interface Kept {
  /** Null when it is over. */
  on: Alert | null
  told: boolean
  toldAt: number
  until: number
}

/** @param tell is called for each that is to be heard */
export function createAlerts(tell: (alert: Alert) => void): Alerts {
  const all = new Map<string, Kept>()
  const keyOf = (kind: AlertKind, about = '') => `${kind}\n${about}`

  const say = (kept: Kept, now: number) => {
    if (kept.on === null || kept.told || now - kept.toldAt < every) return
    kept.told = true
    kept.toldAt = now
    tell(kept.on)
  }
  return {
    alert(alert, lasts) {
      const key = keyOf(alert.kind, alert.provider ?? alert.rule ?? alert.budget)
      const kept = all.get(key) ?? { on: null, told: false, toldAt: Number.NEGATIVE_INFINITY, until: 0 }
      all.set(key, kept)
      kept.on = alert
      kept.until = lasts === undefined ? Number.POSITIVE_INFINITY : alert.at + lasts
      say(kept, alert.at)
    },
    over(kind, about) {
      const kept = all.get(keyOf(kind, about))
      if (!kept) return false
      const told = kept.told
      kept.on = null
      kept.told = false
      return told
    },
    look(now) {
      for (const kept of all.values()) {
        if (now > kept.until) {
          kept.on = null
          kept.told = false
        }
        say(kept, now)
      }
    },
  }
}

/** How long an address has to answer, and the waits before each try. */
const patience = 10_000
const waits = [0, 2_000, 10_000]

/**
 * Posts an alert as JSON. Any answer of 2xx is enough; a redirect is none, for the address is the operator's own.
 * @returns null when it was taken, else why not, without the address, which may hold a secret
 */
export async function postAlert(
  url: string,
  { at, ...alert }: Alert,
  stop: AbortSignal,
  pauses: readonly number[] = waits,
): Promise<string | null> {
  let why = ''
  for (const wait of pauses) {
    if (wait > 0) await pause(wait, stop)
    if (stop.aborted) return 'stopping'
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...alert, at: new Date(at).toISOString() }),
        redirect: 'manual',
        signal: AbortSignal.any([stop, AbortSignal.timeout(patience)]),
      })
      await answer.body?.cancel()
      if (answer.ok) return null
      why = `it answered ${answer.status}`
    } catch (error) {
      const { name, cause } = error as Error & { cause?: { code?: string } }
      why = cause?.code ?? name
    }
  }
  return why
}

function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    stop.addEventListener('abort', end, { once: true })
  })
}
