/**
 * Whether a provider's *no* to recipients can be believed. A vendor that is in trouble (a blocked account, a broken check) refuses
 * everybody: three recipients refused in a row within five minutes, with nobody taken in between, are the provider's fault and not
 * theirs. Pure: the time is handed in.
 */
import { diagnostic, type Outcome, type Outcomes } from '../mail/outcome.ts'

/** Refused in a row before a provider is doubted. */
const believed = 2
/** What it refused longer ago says nothing about how it is now. */
const memory = 5 * 60_000

export interface Refused {
  tenant: string
  email: string
}

export class Rejections {
  #inARow: (Refused & { at: number })[] = []

  /** Too many were refused in a row: nobody is suppressed on this provider's word until it takes somebody. */
  get doubted(): boolean {
    return this.#inARow.length > believed
  }

  /**
   * The outcomes of a call as they are to be understood: its refusals of recipients held against the provider once it is doubted.
   * @returns with it those refused before whose suppression, on this provider's word, is to be lifted
   */
  read(tenant: string, outcomes: Outcomes, now: number): { outcomes: Outcomes; absolved: Refused[] } {
    // Once it is doubted, only whoever it takes ends that.
    const before = this.doubted ? this.#inARow : this.#inARow.filter(({ at }) => at > now - memory)
    if ([...outcomes.values()].some(({ kind }) => kind === 'accepted' || kind === 'delivered')) {
      this.#inARow = []
      return { outcomes, absolved: [] }
    }
    const refused = [...outcomes]
      .filter(([, outcome]) => isRefusal(outcome))
      .map(([email]) => ({ tenant, email, at: now }))
    // The same address again is no news about the provider.
    const fresh = refused.filter(({ email }) => !before.some((one) => one.email === email))
    const wasDoubted = this.doubted
    this.#inARow = wasDoubted ? before : [...before, ...fresh]
    if (!this.doubted) return { outcomes, absolved: [] }
    return {
      outcomes: new Map([...outcomes].map(([email, outcome]) => [email, heldAgainstIt(outcome)])),
      absolved: wasDoubted ? [] : before.map(({ tenant, email }) => ({ tenant, email })),
    }
  }
}

function isRefusal(outcome: Outcome): outcome is Extract<Outcome, { kind: 'rejected' }> {
  return outcome.kind === 'rejected' && outcome.cause === 'recipient'
}

function heldAgainstIt(outcome: Outcome): Outcome {
  if (!isRefusal(outcome)) return outcome
  const { code, reason, status } = outcome.diagnostic
  const doubt =
    'it refuses one recipient after the other and takes nobody, which is held against it and not against them'
  return { kind: 'deferred', cause: 'provider', diagnostic: diagnostic(code, `${doubt}: ${reason}`, status) }
}
