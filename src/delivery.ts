/**
 * One claimed delivery, from plan to settled outcome: the middle of the story that `gateway.ts` tells. What is decided here is
 * committed before anything else happens, so that a crash at any line leaves a state that explains itself.
 */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { addressingFor, type Content, formFor, type Handoff, withTags } from './mail/adapter.ts'
import { newId } from './mail/id.ts'
import type { Form, Message, Recipient } from './mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from './mail/outcome.ts'
import type { Provider } from './mail/provider.ts'
import type { Poison } from './queue/poison.ts'
import type { Planned } from './route/plan.ts'
import type { Candidate } from './route/rank.ts'
import { attempt, type Carriers } from './send/attempt.ts'
import type { Standings } from './standing.ts'
import { type AttemptEnd, type Claim, type NewEvent, type Store, type StoredPlan, StoreFull } from './store/store.ts'
import { type Call, Changes, type Contract } from './track/changes.ts'
import { attemptEnd } from './track/settle.ts'

export interface DeliveryParts {
  store: Store
  standings: Standings
  carriers: Carriers
  clock: () => number
  /** In [0, 1). */
  dice: () => number
  contract: Contract
  poison: Poison
  /** Told of every event once it is committed. */
  settled: (message: Message, events: readonly NewEvent[]) => void
  /** Told of every attempt's end. */
  attempted: (provider: string, outcomes: Outcomes, latencyMs: number) => void
  /** Something will be due that the pump does not know of. */
  wake: () => void
  /** Told of a bug in an adapter or a carrier. */
  bug: (error: unknown, message: Message, provider: string) => void
}

interface Made {
  outcomes: Outcomes
  end: AttemptEnd
}

/** A key is trusted for this share of the time a vendor says it remembers it: older, it would be a fresh sending. */
const keyTrust = 0.8
/** A settlement that found no room is tried again after this. */
const settleAgain = 1_000
/** What the lease allows beyond the attempt itself, for its commits. */
const leaseMargin = 60_000

export class Delivery {
  readonly #parts: DeliveryParts
  readonly #claim: Claim
  readonly #content: (form: Form) => Promise<Content>
  #leasedUntil: number
  /** Nobody but a provider that is shut or sick is left, see the plan. */
  #lastResort = false

  constructor(parts: DeliveryParts, claim: Claim, content: (form: Form) => Promise<Content>) {
    this.#parts = parts
    this.#claim = claim
    this.#content = content
    this.#leasedUntil = claim.leasedUntil
  }

  get #message(): Message {
    return this.#claim.message
  }

  /** The recipients that this delivery carries. */
  recipients(): Recipient[] {
    return this.#claim.recipients.map((index) => this.#claim.all.find((recipient) => recipient.index === index)!)
  }

  /**
   * Tries the plan's candidates in order until every recipient has ended, waits, or is unknown.
   * All recipients must share the plan.
   */
  async send(recipients: Recipient[], planned: Planned): Promise<void> {
    const { standings, clock } = this.#parts
    const { route, policy, candidates, lastResort } = planned
    this.#lastResort = lastResort
    const plan: StoredPlan = { route, policy, candidates, rejected: [...planned.rejected] }
    const avoid = [...this.#claim.avoid]
    let rest = recipients
    let last: Outcomes | null = null
    let openAt = planned.waitUntil

    for (const [place, candidate] of candidates.entries()) {
      const provider = standings.provider(candidate.provider)
      if (!provider) {
        // A reload took it away since the plan was made: a fresh plan, at once.
        plan.rejected.push({ provider: candidate.provider, reason: 'is not in the config any more' })
        openAt ??= clock()
        continue
      }
      if (this.#exposes(provider, rest)) {
        const changes = this.#changes()
        for (const recipient of rest) changes.requeue([recipient], { avoid })
        await this.#commit(changes)
        return
      }
      const content = await this.#prepare(provider, plan)
      if (!content) continue
      const to = rest.map(({ email }) => email)
      if (!standings.take(candidate.provider, rest.length, clock(), { to, lastResort })) {
        plan.rejected.push({ provider: candidate.provider, reason: 'had no room when its turn came' })
        openAt ??= clock()
        continue
      }
      const made = await this.#attempt(provider, rest, content, plan)
      if (!made) return
      last = made.outcomes
      const next = candidates[place + 1]?.provider ?? null
      const changes = this.#changes()
      const culprits = [...made.outcomes.values()].some(({ kind }) => kind === 'rejected')
      const call = { ...this.#call(candidate.provider, made.end.id, rest, next, avoid), culprits }
      for (const recipient of rest) changes.apply(recipient, made.outcomes.get(recipient.email)!, call)
      if (next === null) {
        changes.wait(changes.keep, { retryAfter: longestWait(made.outcomes), avoid, outcomes: made.outcomes })
        changes.keep = []
      }
      rest = changes.keep
      if (!(await this.#commit(changes, made.end)) || rest.length === 0) return
    }
    await this.#nobody(rest, plan, { last, openAt, avoid })
  }

  /**
   * Whether a call would show bcc recipients to one another: those who are visible are no longer among them, and this vendor mails
   * everyone in its headers. They then travel alone.
   */
  #exposes({ adapter: { features } }: Provider, recipients: readonly Recipient[]): boolean {
    const { hidden } = this.#message
    const byHeaders = addressingFor(features, formFor(this.#message, features)) === 'headers'
    return byHeaders && recipients.length > 1 && recipients.every(({ index }) => hidden.includes(index))
  }

  /** No candidate is left: wait for the schedule or the next opening, or give up where no provider could ever take it. */
  async #nobody(
    rest: Recipient[],
    plan: StoredPlan,
    { last, openAt, avoid }: { last: Outcomes | null; openAt: number | null; avoid: string[] },
  ): Promise<void> {
    const changes = this.#changes()
    const why = plan.rejected.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ')
    if (last) changes.wait(rest, { retryAfter: 0, avoid, outcomes: last })
    else if (openAt !== null) changes.waitForOpening(rest, openAt, avoid, why)
    else changes.close(rest, 'failed', `no provider can carry it: ${why || 'no rule names one'}`)
    await this.#commit(changes)
  }

  /** The content in the form the candidate takes; null (and the reason in the plan) when it cannot be brought into it. */
  async #prepare(provider: Provider, plan: StoredPlan): Promise<Content | null> {
    try {
      return await this.#content(formFor(this.#message, provider.adapter.features))
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error)
      const reason = `the message cannot be put into the form it takes: ${what}`
      plan.rejected.push({ provider: provider.name, reason })
      return null
    }
  }

  /** Waits for room at the provider and makes the attempt; null when the claim is no longer ours, and then nothing was sent. */
  async #attempt(
    provider: Provider,
    recipients: Recipient[],
    content: Content,
    plan: StoredPlan,
  ): Promise<Made | null> {
    const leave = await this.#parts.standings.enter(provider.name)
    try {
      return await this.#recorded(provider, recipients, content, plan)
    } finally {
      leave()
    }
  }

  /** Records the attempt, makes it, and answers with its end. */
  async #recorded(
    provider: Provider,
    recipients: Recipient[],
    content: Content,
    plan: StoredPlan,
  ): Promise<Made | null> {
    const { store, standings, carriers, clock, poison } = this.#parts
    const { name } = provider
    const emails = recipients.map(({ email }) => email)
    const at = clock()
    const id = newId('att', at)
    const leaseUntil = at + provider.timeout + leaseMargin
    const ours = await store.record({
      id,
      delivery: this.#claim.id,
      claims: this.#claim.claims,
      messageId: this.#message.id,
      provider: name,
      at,
      recipients: recipients.map(({ index }) => index),
      plan,
      leaseUntil,
    })
    if (!ours) return null
    this.#leasedUntil = Math.max(this.#leasedUntil, leaseUntil)
    const offer = Object.assign(this.#handoff(provider, recipients), { content })
    const make = async () => {
      try {
        return await attempt(provider, offer, carriers, (call) => poison.call(this.#message.id, call))
      } catch (error) {
        this.#parts.bug(error, this.#message, name)
        const reason = 'an error of our own ended the attempt; see the log'
        return forAll(emails, { kind: 'unknown', diagnostic: diagnostic('bug', reason) })
      }
    }
    const called = await standings.call(name, this.#message, make, { lastResort: this.#lastResort })
    const opened = diagnostic('breaker', 'it was closed to mail before anything was sent')
    const outcomes = called ?? forAll(emails, { kind: 'deferred', cause: 'provider', diagnostic: opened })
    const endedAt = clock()
    this.#parts.attempted(name, outcomes, endedAt - at)
    return { outcomes, end: attemptEnd(id, endedAt, recipients, outcomes) }
  }

  #handoff(provider: Provider, recipients: Recipient[]): Omit<Handoff, 'content' | 'signal'> {
    const message = this.#message
    return {
      message: withTags(message, provider.adapter.features),
      recipients,
      get idempotencyKey() {
        return idempotencyKey(message, provider.name, recipients)
      },
      timeout: provider.timeout,
    }
  }

  /** Asks about an unknown: by sending again under the same key where the vendor honours it, else by its own question. */
  async ask(): Promise<void> {
    const { standings, clock } = this.#parts
    const unknown = this.#claim.unknown!
    const recipients = this.recipients()
    const provider = standings.provider(unknown.provider)
    const window = provider?.adapter.features.idempotency?.window ?? null
    const candidate: Candidate = { provider: unknown.provider, score: 0, reasons: ['it may have taken this already'] }
    const plan: StoredPlan = { route: 'reconcile', policy: '', candidates: [candidate], rejected: [] }

    let made: { outcomes: Outcomes | null; end?: AttemptEnd } = { outcomes: null }
    let absent = false
    if (provider && window !== null && clock() - unknown.since < window * keyTrust) {
      const content = await this.#prepare(provider, plan)
      if (content && standings.take(provider.name, recipients.length, clock())) {
        const again = await this.#attempt(provider, recipients, content, plan)
        if (!again) return
        made = again
      }
    } else if (provider?.adapter.reconcile) {
      const signal = AbortSignal.timeout(provider.timeout)
      const handoff = Object.assign(this.#handoff(provider, recipients), { signal })
      const answer = await this.#parts.carriers.http.reconcile(provider.adapter, handoff, provider.options)
      absent = answer === 'absent'
      if (answer !== 'absent') made.outcomes = answer
    }
    const still: Outcome = { kind: 'unknown', diagnostic: diagnostic('unknown', 'it could not tell') }
    const changes = this.#changes()
    const avoid: string[] = []
    const call = { ...this.#call(unknown.provider, made.end?.id ?? unknown.attempt, recipients, null, avoid), absent }
    for (const recipient of recipients) {
      const answer = made.outcomes?.get(recipient.email) ?? still
      changes.apply(recipient, ofTheFirst(answer), call)
    }
    // It did not take them, or the type fails over: on the road again at once, by a fresh plan.
    if (changes.keep.length > 0) changes.requeue(changes.keep, { avoid })
    changes.keep = []
    await this.#commit(changes, made.end)
  }

  /** Attempts whose process died under them: what they sent is unknown. Answers who may go on now; null: not ours any more. */
  async lost(): Promise<Recipient[] | null> {
    let rest = this.recipients()
    for (const { id, provider, recipients } of this.#claim.open) {
      const outcome: Outcome = {
        kind: 'unknown',
        diagnostic: diagnostic('died', 'the process ended before the answer came'),
      }
      const affected = rest.filter(({ index }) => recipients.includes(index))
      const outcomes: Outcomes = new Map(affected.map(({ email }) => [email, outcome]))
      const changes = this.#changes()
      const call = this.#call(provider, id, affected, null, this.#claim.avoid)
      for (const recipient of affected) changes.apply(recipient, outcome, call)
      rest = rest.filter((recipient) => !affected.includes(recipient) || changes.keep.includes(recipient))
      changes.keep = rest
      if (!(await this.#commit(changes, attemptEnd(id, this.#parts.clock(), affected, outcomes)))) return null
    }
    return rest
  }

  /** Ends some recipients, or sets them aside, without an attempt; the others stay with the delivery. */
  async close(recipients: Recipient[], status: 'expired' | 'suppressed' | 'held', detail: string): Promise<boolean> {
    const changes = this.#changes()
    changes.close(recipients, status, detail)
    changes.keep = this.recipients().filter((recipient) => !recipients.includes(recipient))
    return this.#commit(changes)
  }

  /** Parts company: each group becomes a delivery of its own, due now. */
  async split(groups: Recipient[][]): Promise<void> {
    const changes = this.#changes()
    for (const group of groups) changes.requeue(group, { avoid: this.#claim.avoid })
    await this.#commit(changes)
  }

  #changes(): Changes {
    return new Changes(this.#claim, this.#parts.contract, this.#parts.clock(), this.#parts.dice)
  }

  #call(
    provider: string,
    attempt: string,
    recipients: readonly Recipient[],
    next: string | null,
    avoid: string[],
  ): Call {
    const adapter = this.#parts.standings.provider(provider)?.adapter
    const askable = adapter?.features.idempotency ? 'key' : adapter?.reconcile ? 'question' : null
    const believed = this.#parts.standings.believes(provider)
    const alone = recipients.length === 1
    return { provider, attempt, alone, culprits: false, next, askable, absent: false, believed, avoid }
  }

  /** Commits; false when the claim is no longer ours. What became of mail is not forgotten for want of room: it waits for some. */
  async #commit(changes: Changes, attempt?: AttemptEnd): Promise<boolean> {
    const { store, clock, settled, wake } = this.#parts
    const settlement = changes.settlement(attempt)
    for (;;) {
      try {
        const ours = await store.settle(settlement)
        if (ours) settled(this.#message, changes.events)
        if (ours && settlement.next.add.length > 0) wake()
        return ours
      } catch (error) {
        if (!(error instanceof StoreFull) || clock() + settleAgain > this.#leasedUntil) throw error
        await pause(settleAgain)
      }
    }
  }
}

/**
 * What an answer to a second call under the same key tells of the first. That it was taken, or refused for the mail's or the
 * recipient's sake, holds for both; too many calls, a wrong key or a fault is about the second alone.
 */
function ofTheFirst(answer: Outcome): Outcome {
  if (!('cause' in answer) || answer.cause === 'recipient' || answer.cause === 'message') return answer
  return { kind: 'unknown', diagnostic: answer.diagnostic }
}

/** The longest that any of the answers asked us to wait. */
function longestWait(outcomes: Outcomes): number {
  return Math.max(
    0,
    ...[...outcomes.values()].map((outcome) => ('retryAfter' in outcome ? (outcome.retryAfter ?? 0) : 0)),
  )
}

/** The same for every attempt of the same recipients at the same provider, and for no other. */
function idempotencyKey(message: Message, provider: string, recipients: readonly Recipient[]): string {
  const emails = recipients.map(({ email }) => email).sort()
  return createHash('sha256')
    .update([message.id, provider, ...emails].join('\n'))
    .digest('hex')
}
