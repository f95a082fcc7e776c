/**
 * A breaker around one provider (opossum). It moves only for what is the provider's fault: a bad recipient, a bad message, or our
 * own network never move one.
 *
 * opossum keeps the states and the time. What it is not asked to do, and why: its `timeout` does not stop a call, so the deadline
 * is the carrier's; its failure rate divides by calls begun and refused, so that 200 in flight would hide 100 failures, so we count
 * those that ended; and in half-open it takes any call's end for the probe's, so it is not told of calls that began before it opened.
 *
 * Closed is not at once as before: mail returns in steps, of which `share` tells, and a fault in one of them opens it again.
 */
import CircuitBreaker from 'opossum'
import { cutShort, type Outcome, type Outcomes } from '../mail/outcome.ts'
import type { Provider } from '../mail/provider.ts'
import { isRepeat, shutFor } from '../mail/retry.ts'
import { counted, empty } from '../mail/tally.ts'

/** What one call said about the provider, whatever it said about the mail. */
export type Verdict =
  /** It did its work (which includes a well-founded no). */
  | { kind: 'good' }
  /**
   * We were in a hurry and did not wait as long as it may take: nothing is known, unless it happens time after time. `counts` where it was the provider,
   * and no recipient's host, that took so long.
   */
  | { kind: 'cut'; counts: boolean; reason: string }
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

const weight = { good: 0, cut: 1, throttled: 2, network: 3, fault: 4, account: 5 } as const

function judgeOne(outcome: Outcome): Verdict {
  if (outcome.kind === 'accepted' || outcome.kind === 'delivered') return { kind: 'good' }
  const { code, reason } = outcome.diagnostic
  const said = `${code} ${reason}`.trim()
  // A bug of ours, perhaps met by one odd message, is not the provider's fault.
  if (code === 'bug') return { kind: 'good' }
  if (code === cutShort) {
    return { kind: 'cut', counts: outcome.kind === 'unknown' || outcome.cause === 'provider', reason: said }
  }
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
  /** How many openings came soon after a closing, one after the other. Absent in what older processes saved. */
  repeats?: number
  /** When its probes had succeeded; absent while they have not. */
  closedAt?: number
}

interface Called {
  outcomes: Outcomes
  verdict: Verdict
}

export interface Breaker {
  /** With `observe`, what it would be. */
  state(): 'closed' | 'open' | 'half-open'
  /** While open: when a probe may go. */
  openUntil(): number | null
  /** Why it opened, until all mail has returned. */
  reason(): string | null
  /** When closed, the part of mail that may go there: 1 for all of it, less while it comes back. */
  share(): number
  /** Openings that came soon after a closing: each doubles the time it stays open. Forgotten after a long good time. */
  repeats(): number
  /** Whether a call may go now: yes when closed; one at a time while half-open or still proving itself; no when open. */
  allows(): boolean
  /**
   * Makes the call and learns from its verdict; null, and no call, when it allows none.
   * @param more `judge`: who says what the outcomes mean; `despite`: makes the call all the same, and learns nothing from it
   */
  call(
    action: () => Promise<Outcomes>,
    more?: { judge?: (outcomes: Outcomes) => Verdict; despite?: boolean },
  ): Promise<Called | null>
  close(): void
}

/** The parts of mail that return, one after the other; then all. */
const steps = [0.1, 0.25, 0.5]
/** The failure rate is that of about the last minute. */
const rateHalfLife = 30_000

/** How much of the mail has returned so long after the probes succeeded: a step lasts a quarter of `open`, a second at least. */
function returned(closedFor: number, open: number): number {
  return steps[Math.floor(Math.max(closedFor, 0) / Math.max(open / 4, 1_000))] ?? 1
}

/**
 * @param settings `failures` faults in a row open it (so do twice as many calls cut short, and faults in more than half of the last minute's answers), for `open`
 *   milliseconds, twice as long with each repeat, and a fifth more or less; `probes` good answers, one call at a time, close it
 *   again. With `observe` it does all that and refuses nothing
 * @param saved what an earlier process left; an open breaker stays open for the rest of its time
 * @param changed called with what to save, whenever it opens or closes
 * @param dice in [0, 1)
 */
export function createBreaker(
  settings: Provider['breaker'],
  clock: () => number,
  saved: SavedBreaker | null,
  changed: (saved: SavedBreaker) => void,
  dice: () => number,
): Breaker {
  const circuit = new CircuitBreaker((action: () => Promise<void>) => action(), {
    timeout: false,
    // It opens when we say so.
    volumeThreshold: Number.MAX_SAFE_INTEGER,
    rollingCountTimeout: 60_000,
    rollingCountBuckets: 6,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
  })
  /** opossum reads it each time it opens. */
  const { options } = circuit as unknown as { options: { resetTimeout: number } }
  const enough = Math.max(20, settings.failures * 2)
  /** In a row, and of late, since it opened last. */
  let faults = 0
  /** Calls cut short with no good answer between them: one says nothing, but mail that is always in a hurry has to leave too. */
  let cuts = 0
  let tally = empty
  /** Counts openings: a call that began before the last one says nothing about what came after. */
  let era = 0
  /** Calls of this era under way. */
  let inFlight = 0
  /** Good answers still wanted before mail returns. */
  let toProve = 0
  let last: SavedBreaker | null = saved

  function shut(milliseconds: number) {
    era++
    inFlight = 0
    faults = 0
    cuts = 0
    tally = empty
    toProve = settings.probes
    options.resetTimeout = milliseconds
    circuit.open()
  }

  function open(reason: string, atLeast = 0) {
    let repeats = last?.repeats ?? 0
    if (last?.closedAt !== undefined) repeats = repeat() ? repeats + 1 : 0
    const milliseconds = Math.max(atLeast, shutFor(settings.open, repeats, dice()))
    last = { openUntil: clock() + milliseconds, reason, repeats }
    shut(milliseconds)
    changed(last)
  }

  /** Whether it closed so short a time ago that an opening would be a repeat. */
  function repeat(): boolean {
    return last?.closedAt !== undefined && isRepeat(clock() - last.closedAt, settings.open, last.repeats ?? 0)
  }

  /** False: this failed a probe, or opened it. */
  function learn(verdict: Verdict): boolean {
    if (verdict.kind === 'good' || verdict.kind === 'throttled') {
      faults = 0
      cuts = 0
      tally = counted(tally, { good: 1 }, clock(), rateHalfLife)
      if (toProve > 0 && --toProve === 0) {
        last = { ...last!, closedAt: clock() }
        changed(last)
      }
      return true
    }
    if (verdict.kind === 'network' || verdict.kind === 'cut') {
      // A probe that met our own dead network, or was not waited for, has proved nothing: half-open goes back to open.
      if (toProve > 0) open(last!.reason)
      else if (verdict.kind === 'cut' && verdict.counts && ++cuts >= settings.failures * 2) open(verdict.reason)
      return !circuit.opened
    }
    faults++
    tally = counted(tally, { bad: 1 }, clock(), rateHalfLife)
    const often = tally.good + tally.bad >= enough && tally.bad > tally.good
    if (verdict.kind === 'account') open(verdict.reason, accountOpenFor)
    else if (faults >= settings.failures || often || toProve > 0 || share() < 1) open(verdict.reason)
    return false
  }

  function share(): number {
    return last?.closedAt === undefined ? 1 : returned(clock() - last.closedAt, settings.open)
  }

  function allows(): boolean {
    return !circuit.opened && (toProve === 0 || inFlight === 0)
  }

  function state() {
    return circuit.opened ? 'open' : circuit.halfOpen || toProve > 0 ? 'half-open' : 'closed'
  }

  if (saved && saved.closedAt === undefined) {
    if (saved.openUntil > clock()) shut(saved.openUntil - clock())
    // Its time ran out while nobody was there to send a probe.
    else last = { ...saved, closedAt: saved.openUntil }
  }

  return {
    state,
    openUntil: () => (circuit.opened ? last!.openUntil : null),
    reason: () => (state() !== 'closed' || share() < 1 ? last!.reason : null),
    share,
    repeats: () => (last?.closedAt === undefined || repeat() ? (last?.repeats ?? 0) : 0),
    allows: () => settings.observe || allows(),
    async call(action, { judge: read = judge, despite = false } = {}) {
      const ended = async (): Promise<Called> => {
        const outcomes = await action()
        return { outcomes, verdict: read(outcomes) }
      }
      if (circuit.isShutdown) return null
      if (!allows()) return despite || settings.observe ? ended() : null
      const began = era
      inFlight++
      return new Promise((resolve, reject) => {
        const told = circuit.fire(
          () =>
            new Promise<void>((good, bad) => {
              ended().then(
                (called) => {
                  // opossum never hears of it, which costs it nothing: it waits for nobody.
                  if (began !== era) return resolve(called)
                  inFlight--
                  const settled = () => resolve(called)
                  told.then(settled, settled)
                  if (learn(called.verdict)) good()
                  else bad(new Error('fault'))
                },
                (error) => {
                  reject(error)
                  if (began !== era) return
                  inFlight--
                  if (toProve > 0) open(last!.reason)
                  bad(error)
                },
              )
            }),
        )
        told.catch(() => {})
      })
    },
    close() {
      era++
      circuit.shutdown()
    },
  }
}
