/**
 * A breaker around one provider (opossum). It moves only for what is the provider's fault: a bad recipient, a bad message, or our
 * own network never move one.
 *
 * What opossum is not asked to do, and why: its `timeout` does not stop a call, so the deadline is the carrier's; it counts
 * refused calls in its denominator, so `allows` is asked first; and under concurrency its failure rate counts calls that have not
 * ended as if they had gone well (200 in flight would hide 100 failures), so a run of faults opens it too.
 */
import CircuitBreaker from 'opossum'
import type { Outcome, Outcomes } from '../mail/outcome.ts'
import type { Provider } from '../mail/provider.ts'

/** What one call said about the provider, whatever it said about the mail. */
export type Verdict =
  /** It did its work (which includes a well-founded no). */
  | { kind: 'good' }
  /** It asked us to slow down: nothing for the breaker, but no call until then (milliseconds from now). */
  | { kind: 'throttled'; wait: number }
  /** Its fault; counts. */
  | { kind: 'fault'; reason: string }
  /** The account is not usable (key, credit, suspension): opens at once. */
  | { kind: 'account'; reason: string }
  /** Our own DNS or link is down: says nothing about the provider. */
  | { kind: 'network'; reason: string }

/** How long to leave a provider alone that says 429 without saying for how long. */
const throttledFor = 1_000
/** A provider is asked at most once a minute whether a bad key or an empty account is good again. */
const accountOpenFor = 60_000

/** Reads the worst that any recipient's outcome says about the provider. */
export function judge(outcomes: Outcomes): Verdict {
  let verdict: Verdict = { kind: 'good' }
  for (const outcome of outcomes.values()) {
    const next = judgeOne(outcome)
    if (weight[next.kind] > weight[verdict.kind]) verdict = next
  }
  return verdict
}

const weight = { good: 0, throttled: 1, network: 2, fault: 3, account: 4 } as const

function judgeOne(outcome: Outcome): Verdict {
  if (outcome.kind === 'accepted' || outcome.kind === 'delivered') return { kind: 'good' }
  const { code, reason } = outcome.diagnostic
  const said = `${code} ${reason}`.trim()
  // A bug of ours, perhaps met by one odd message, is not the provider's fault.
  if (code === 'bug') return { kind: 'good' }
  if (outcome.kind === 'unknown') return { kind: 'fault', reason: said }
  if (outcome.cause === 'account') return { kind: 'account', reason: said }
  if (outcome.cause === 'network') return { kind: 'network', reason: said }
  if (outcome.cause !== 'provider') return { kind: 'good' }
  if (outcome.kind === 'deferred' && code.startsWith('429')) {
    return { kind: 'throttled', wait: Math.min(Math.max(outcome.retryAfter ?? 0, throttledFor), 3_600_000) }
  }
  return { kind: 'fault', reason: said }
}

/** What is worth keeping over a restart. */
export interface SavedBreaker {
  openUntil: number
  reason: string
}

export interface Breaker {
  state(): 'closed' | 'open' | 'half-open'
  /** While open: when a probe may go. */
  openUntil(): number | null
  reason(): string | null
  /** Whether a call may go now: yes when closed; one at a time while half-open or still proving itself; no when open. */
  allows(): boolean
  /** Makes the call and learns from its verdict; null, and no call, when it opened since `allows` was asked. */
  call(action: () => Promise<Outcomes>): Promise<{ outcomes: Outcomes; verdict: Verdict } | null>
  close(): void
}

/** Carries a faulty call's outcomes through opossum, which knows only throwing as failure. */
class Faulty extends Error {
  readonly result: { outcomes: Outcomes; verdict: Verdict }
  constructor(result: { outcomes: Outcomes; verdict: Verdict }) {
    super('fault')
    this.result = result
  }
}

/**
 * @param settings `failures` faults in a row open it (so does a rate above one half over a minute), for `open` milliseconds;
 *   `probes` good answers, one call at a time, close it again
 * @param saved what an earlier process left; an open breaker stays open for the rest of its time
 * @param changed called with what to save whenever it opens, and with null when it has closed
 */
export function createBreaker(
  settings: Provider['breaker'],
  clock: () => number,
  saved: SavedBreaker | null,
  changed: (saved: SavedBreaker | null) => void,
): Breaker {
  const circuit = new CircuitBreaker((action: () => Promise<{ outcomes: Outcomes; verdict: Verdict }>) => action(), {
    timeout: false,
    resetTimeout: settings.open,
    errorThresholdPercentage: 50,
    volumeThreshold: Math.max(20, settings.failures * 2),
    rollingCountTimeout: 60_000,
    rollingCountBuckets: 6,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
  })
  let faults = 0
  let inFlight = 0
  /** Good answers still wanted before full traffic returns. */
  let toProve = 0
  let opened: SavedBreaker | null = null
  let lastReason = ''

  circuit.on('open', () => {
    toProve = settings.probes
    opened = { openUntil: clock() + resetTimeout().get(), reason: lastReason }
    changed(opened)
  })

  /** opossum reads the option each time it opens, which is what lets an account fault wait longer than the others. */
  function resetTimeout() {
    const options = (circuit as unknown as { options: { resetTimeout: number } }).options
    return { get: () => options.resetTimeout, set: (milliseconds: number) => (options.resetTimeout = milliseconds) }
  }

  function open(milliseconds: number, reason: string) {
    lastReason = reason
    resetTimeout().set(milliseconds)
    circuit.open()
  }

  function learn(verdict: Verdict) {
    if (verdict.kind === 'good' || verdict.kind === 'throttled') {
      faults = 0
      // A call that began before it opened may still go well, which proves nothing of what came after.
      if (toProve > 0 && !circuit.opened && --toProve === 0) {
        opened = null
        changed(null)
      }
    } else if (verdict.kind === 'account') {
      open(Math.max(accountOpenFor, settings.open), verdict.reason)
    } else if (verdict.kind === 'fault') {
      lastReason = verdict.reason
      resetTimeout().set(settings.open)
      faults++
      if (!circuit.opened && (faults >= settings.failures || toProve > 0)) open(settings.open, verdict.reason)
    }
  }

  if (saved && saved.openUntil > clock()) open(saved.openUntil - clock(), saved.reason)

  return {
    state: () => (circuit.opened ? 'open' : circuit.halfOpen || toProve > 0 ? 'half-open' : 'closed'),
    openUntil: () => (circuit.opened ? (opened?.openUntil ?? null) : null),
    reason: () => opened?.reason ?? null,
    allows: () => !circuit.opened && (toProve === 0 || inFlight === 0),
    async call(action) {
      inFlight++
      try {
        return await circuit.fire(async () => {
          const outcomes = await action()
          const verdict = judge(outcomes)
          const result = { outcomes, verdict }
          learn(verdict)
          // A probe that met our own dead network has proved nothing: half-open goes back to open.
          const failed = verdict.kind === 'fault' || verdict.kind === 'account'
          if (failed || (verdict.kind === 'network' && toProve > 0)) throw new Faulty(result)
          return result
        })
      } catch (error) {
        if (error instanceof Faulty) return error.result
        if (error instanceof Error && 'code' in error && error.code === 'EOPENBREAKER') return null
        throw error
      } finally {
        inFlight--
      }
    },
    close: () => circuit.shutdown(),
  }
}
