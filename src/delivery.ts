/**
 * One claimed delivery, from plan to settled outcome: the middle of the story that `gateway.ts` tells. What is decided here is
 * committed before anything else happens, so that a crash at any line leaves a state that explains itself.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Content, formFor, type Handoff, withTags } from './mail/adapter.ts'
import { newId } from './mail/id.ts'
import type { Form, Message, Recipient } from './mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from './mail/outcome.ts'
import type { Provider } from './mail/provider.ts'
import type { Poison } from './queue/poison.ts'
import type { Planned } from './route/plan.ts'
import type { Candidate } from './route/rank.ts'
import { attempt, type Carriers } from './send/attempt.ts'
import { idempotencyKey } from './send/key.ts'
import { apart, giveBack, together } from './standing/calls.ts'
import { type Entered, enter } from './standing/entry.ts'
import type { Standings } from './standing/standing.ts'
import {
  type AttemptEnd,
  type Claim,
  type Count,
  type NewEvent,
  type Store,
  type StoredPlan,
  StoreFull,
} from './store/store.ts'
import { type Call, Changes, type Contract } from './track/changes.ts'
import { quietHours, timeOver, timeToTake } from './track/owed.ts'
import { attemptEnd, longestWait, ofTheFirst } from './track/settle.ts'

export interface DeliveryParts {
  store: Pick<Store, 'record' | 'settle'>
  standings: Standings
  carriers: Carriers
  clock: () => number
  /** In [0, 1). */
  dice: () => number
  poison: Pick<Poison, 'call'>
  /** Told of every event once it is committed. */
  settled: (message: Message, events: readonly NewEvent[]) => void
  /** Told of every attempt's end. @param paid money, in millionths */
  attempted: (provider: string, outcomes: Outcomes, latencyMs: number, paid: number) => void
  /** Told when mail goes on that a provider may have taken. */
  perhapsTwice: (provider: string) => void
  /** Told when mail waits because nobody can take it, why, until when, and which mail. */
  stranded: (why: string, until: number, mail: { message: Message; recipients: number; plan: StoredPlan }) => void
  /** Something will be due that the pump does not know of. */
  wake: () => void
  /** Told of a bug in an adapter or a carrier. */
  bug: (error: unknown, message: Message, provider: string) => void
}

interface Made {
  outcomes: Outcomes
  end: AttemptEnd
  /** What is counted with its end. */
  counts: readonly Count[]
}

/** A key is trusted for this share of the time a vendor says it remembers it: older, it would be a fresh sending. */
const keyTrust = 0.8
/** A settlement that found no room is tried again after this. */
const settleAgain = 1_000
/** Of mail that its breaker did not let go after all. */
const opened = diagnostic('breaker', 'it was closed to mail before anything was sent')
/** What the lease allows beyond the attempt itself, for its commits. */
const leaseMargin = 60_000

export class Delivery {
  readonly #parts: DeliveryParts
  readonly #contract: Contract
  readonly #claim: Claim
  readonly #content: (form: Form) => Promise<Content>
  #leasedUntil: number
  /** Nobody but a provider that is shut or sick is left, see the plan. */
  #lastResort = false

  constructor(parts: DeliveryParts, contract: Contract, claim: Claim, content: (form: Form) => Promise<Content>) {
    this.#parts = parts
    this.#contract = contract
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
    const later = [...planned.later]

    for (const [place, candidate] of candidates.entries()) {
      const provider = standings.provider(candidate.provider)
      if (!provider) {
        // A reload took it away since the plan was made: a fresh plan, at once.
        plan.rejected.push({ provider: candidate.provider, reason: 'is not in the config any more' })
        openAt ??= clock()
        continue
      }
      const parts = rest.length === 1 ? null : apart(standings, this.#message, provider, rest, clock())
      if (parts) return this.split(parts, avoid)
      const content = await this.#prepare(provider, plan)
      if (!content) continue
      const next = candidates[place + 1]?.provider ?? null
      const offeredAt = place === 0 ? this.#claim.dueAt : clock()
      const within = () => timeToTake(this.#contract, offeredAt, next, clock())
      const entered = await this.#enter(provider, rest, within())
      if (typeof entered === 'string') {
        plan.rejected.push({ provider: candidate.provider, reason: entered })
        later.push(candidate.provider)
        openAt ??= clock()
        continue
      }
      // It may have waited long before it came here.
      const late = this.#tooLate(rest, avoid)
      if (late) {
        entered.charge.undo()
        entered.leave()
        await this.#commit(late)
        return
      }
      const timeout = within() ?? provider.timeout
      const made = await this.#recorded(provider, rest, content, plan, entered, timeout).finally(entered.leave)
      if (!made) return
      last = made.outcomes
      const changes = this.#changes()
      const culprits = [...made.outcomes.values()].some(({ kind }) => kind === 'rejected')
      const call = { ...this.#call(candidate.provider, made.end.id, rest, next, avoid), culprits }
      for (const recipient of rest) changes.apply(recipient, made.outcomes.get(recipient.email)!, call)
      if (next === null && changes.keep.length > 0) {
        changes.wait(changes.keep, { retryAfter: longestWait(made.outcomes), avoid, outcomes: made.outcomes })
        changes.keep = []
      }
      rest = changes.keep
      if (!(await this.#commit(changes, made.end, made.counts)) || rest.length === 0) return
    }
    await this.#nobody(rest, plan, { last, openAt, later, avoid })
  }

  /** What becomes of recipients whose time is over or who are not to be sent at this hour; null when they may go. */
  #tooLate(recipients: Recipient[], avoid: string[]): Changes | null {
    const now = this.#parts.clock()
    if (now >= this.#message.expireAt) {
      const changes = this.#changes()
      changes.close(recipients, 'expired', timeOver({ unknown: this.#claim.unknown, avoid }))
      return changes
    }
    const quiet = quietHours(this.#contract, this.#message, now)
    if (quiet === null) return null
    const changes = this.#changes()
    changes.rest(recipients, quiet.until, avoid, quiet.why)
    return changes
  }

  /** In quiet hours, waits until they end, and answers true; so it does when their time is over by now. */
  rests(recipients: Recipient[]): boolean | Promise<boolean> {
    const late = this.#tooLate(recipients, this.#claim.avoid)
    return late !== null && this.#commit(late).then(() => true)
  }

  /** Taken and not delivered in time: on to another provider, once. False: the claim is no longer ours. */
  async undelivered(recipients: Recipient[]): Promise<boolean> {
    // Told when it was due for the first time; since then it waits for somebody who can take it.
    if (this.#claim.tries > 0 || this.#claim.waits > 0) return true
    const changes = this.#changes()
    changes.undelivered(recipients)
    return this.#commit(changes)
  }

  /** Nothing more is to be done about any of them. */
  async done(): Promise<void> {
    await this.#commit(this.#changes())
  }

  #enter({ name }: Provider, recipients: readonly Recipient[], within: number | null, again = false) {
    const lastResort = this.#lastResort
    return enter(
      this.#parts.standings,
      name,
      { message: this.#message, recipients, within, again, lastResort },
      this.#parts.clock,
    )
  }

  /** No candidate is left: wait for the schedule or the next opening, or give up where no provider could ever take it. */
  async #nobody(
    rest: Recipient[],
    plan: StoredPlan,
    { last, openAt, later, avoid }: { last: Outcomes | null; openAt: number | null; later: string[]; avoid: string[] },
  ): Promise<void> {
    const changes = this.#changes()
    const why = plan.rejected.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ')
    if (last) changes.wait(rest, { retryAfter: 0, avoid, outcomes: last })
    else if (openAt !== null) {
      const { standings, dice, stranded } = this.#parts
      const to = rest.map(({ email }) => email)
      const waiter = { message: this.#message, to, providers: later, waits: this.#claim.waits, openAt }
      stranded(why, openAt, { message: this.#message, recipients: rest.length, plan })
      changes.waitUntil(rest, standings.wait(waiter, dice()), avoid, `nobody can take it now: ${why}`)
    } else changes.close(rest, 'failed', `no provider can carry it: ${why || 'no rule names one'}`)
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

  /** Records the attempt, makes it, and answers with its end; null when the claim is no longer ours, and then nothing was sent. */
  async #recorded(
    provider: Provider,
    recipients: Recipient[],
    content: Content,
    plan: StoredPlan,
    entered: Entered,
    within: number,
  ): Promise<Made | null> {
    const { store, standings, carriers, clock, poison } = this.#parts
    const timeout = Math.min(provider.timeout, within)
    const { name } = provider
    const emails = recipients.map(({ email }) => email)
    const at = clock()
    const id = newId('att', at)
    const leaseUntil = at + timeout + leaseMargin
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
      counts: together(entered.counts, entered.charge.counts),
    })
    if (!ours) {
      entered.charge.undo()
      return null
    }
    this.#leasedUntil = Math.max(this.#leasedUntil, leaseUntil)
    const offer = Object.assign(this.#handoff(provider, recipients, timeout), { content })
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
    const outcomes = called ?? forAll(emails, { kind: 'deferred', cause: 'provider', diagnostic: opened })
    const endedAt = clock()
    const { charge } = entered
    const counts = together(charge.ended(outcomes), giveBack(entered, outcomes))
    const latencyMs = endedAt - at
    this.#parts.attempted(name, outcomes, latencyMs, charge.paid)
    standings.stats.attempted(name, this.#message, outcomes, { latencyMs, paid: charge.paid, now: endedAt })
    return { outcomes, end: attemptEnd(id, endedAt, recipients, outcomes), counts }
  }

  #handoff(
    provider: Provider,
    recipients: Recipient[],
    timeout = provider.timeout,
  ): Omit<Handoff, 'content' | 'signal'> {
    const message = this.#message
    return {
      message: withTags(message, provider.adapter.features),
      recipients,
      get idempotencyKey() {
        return idempotencyKey(message, provider.name, recipients)
      },
      timeout,
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

    let made: { outcomes: Outcomes | null; end?: AttemptEnd; counts?: readonly Count[] } = { outcomes: null }
    let absent = false
    if (provider && window !== null && clock() - unknown.since < window * keyTrust) {
      const content = await this.#prepare(provider, plan)
      const entered = content && (await this.#enter(provider, recipients, null, true))
      if (content && typeof entered === 'object' && entered !== null) {
        const again = await this.#recorded(provider, recipients, content, plan, entered, provider.timeout).finally(
          entered.leave,
        )
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
    await this.#commit(changes, made.end, made.counts)
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
  async split(groups: Recipient[][], avoid = this.#claim.avoid): Promise<void> {
    const changes = this.#changes()
    for (const group of groups) changes.requeue(group, { avoid })
    await this.#commit(changes)
  }

  #changes(): Changes {
    return new Changes(this.#claim, this.#contract, this.#parts.clock(), this.#parts.dice)
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
    const tells = this.#parts.standings.tells(provider)
    const alone = recipients.length === 1
    return { provider, attempt, alone, culprits: false, next, askable, absent: false, believed, tells, avoid }
  }

  /** Commits; false when the claim is no longer ours. What became of mail is not forgotten for want of room: it waits for some. */
  async #commit(changes: Changes, attempt?: AttemptEnd, counts?: readonly Count[]): Promise<boolean> {
    const { store, clock, settled, wake } = this.#parts
    const settlement = changes.settlement(attempt, counts)
    for (;;) {
      try {
        const ours = await store.settle(settlement)
        if (ours) settled(this.#message, changes.events)
        if (ours) for (const provider of changes.twice) this.#parts.perhapsTwice(provider)
        if (ours && settlement.next.add.length > 0) wake()
        return ours
      } catch (error) {
        if (!(error instanceof StoreFull) || clock() + settleAgain > this.#leasedUntil) throw error
        await pause(settleAgain)
      }
    }
  }
}
