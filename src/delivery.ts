/**
 * One claimed delivery, from plan to settled outcome: the middle of the story that `gateway.ts` tells. What is decided here is
 * committed before anything else happens, so that a crash at any line leaves a state that explains itself.
 */
import { createHash } from 'node:crypto'
import type { MailType } from './config.ts'
import type { Content, Handoff } from './mail/adapter.ts'
import { formFor } from './mail/adapter.ts'
import { newId } from './mail/id.ts'
import type { Form, Message, Recipient, RecipientStatus } from './mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from './mail/outcome.ts'
import { backoff } from './mail/retry.ts'
import type { Candidate, Planned } from './route/plan.ts'
import { attempt, type Carriers } from './send/attempt.ts'
import type { Standings } from './standing.ts'
import type {
  AttemptEnd,
  Claim,
  DeliveryPlan,
  NewEvent,
  Settlement,
  Store,
  StoredPlan,
  Suppression,
} from './store/store.ts'
import { attemptEnd, endEvent, eventOf, fate, said, suppressionOf } from './track/settle.ts'

export interface DeliveryParts {
  store: Store
  standings: Standings
  carriers: Carriers
  clock: () => number
  /** In [0, 1). */
  dice: () => number
  type: MailType
  /** Told of every event once it is committed. */
  settled: (message: Message, events: readonly NewEvent[]) => void
  /** Told of every attempt's end. */
  attempted: (provider: string, outcomes: Outcomes, latencyMs: number) => void
  /** Told of a bug in an adapter or a carrier. */
  bug: (error: unknown, message: Message, provider: string) => void
}

/** When to look again at an unknown, in milliseconds after the look before. */
const looks = [5_000, 30_000, 120_000, 600_000, 3_600_000]
/** A key is trusted for this share of the time a vendor says it remembers it: older, it would be a fresh sending. */
const keyTrust = 0.8
/** What the lease allows beyond the attempt itself, for its commits. */
const leaseMargin = 60_000

/** The changes of one commit, gathered. */
interface Draft {
  recipients: Settlement['recipients']
  events: NewEvent[]
  suppress: Suppression[]
  keep: Recipient[]
  add: DeliveryPlan[]
}

/** The call that an outcome came from. */
interface Call {
  provider: string
  /** It had one recipient only. */
  alone: boolean
  /** Who is tried next; null when nobody is left. */
  next: string | null
  attempt: string
  /** Grows by providers that may have taken the mail and must not get it again. */
  avoid: string[]
}

const draft = (): Draft => ({ recipients: [], events: [], suppress: [], keep: [], add: [] })

export class Delivery {
  readonly #parts: DeliveryParts
  readonly #claim: Claim
  readonly #content: (form: Form) => Promise<Content>

  constructor(parts: DeliveryParts, claim: Claim, content: (form: Form) => Promise<Content>) {
    this.#parts = parts
    this.#claim = claim
    this.#content = content
  }

  get #message(): Message {
    return this.#claim.message
  }

  /** The recipients that this delivery still carries. */
  recipients(): Recipient[] {
    return this.#claim.recipients.map((index) => this.#claim.all.find((recipient) => recipient.index === index)!)
  }

  /**
   * Tries the plan's candidates in order until every recipient has ended, waits, or is unknown.
   * All recipients must share the plan.
   */
  async send(recipients: Recipient[], planned: Planned): Promise<void> {
    const plan = storedPlan(planned)
    let rest = recipients
    let last: Outcomes | null = null
    let retryAfter = 0
    const avoid = [...this.#claim.avoid]
    const candidates = [...planned.candidates]

    for (let candidate = candidates.shift(); candidate && rest.length > 0; candidate = candidates.shift()) {
      const content = await this.#prepare(candidate, plan)
      if (!content) continue
      if (!this.#parts.standings.take(candidate.provider, rest.length, this.#parts.clock())) {
        plan.rejected.push({ provider: candidate.provider, reason: 'had no room when its turn came' })
        planned.waitUntil ??= this.#parts.clock() + 1_000
        continue
      }
      const made = await this.#attempt(candidate.provider, rest, content, plan)
      if (!made) return
      last = made.outcomes
      const next = candidates[0]?.provider ?? null
      const changes = draft()
      for (const recipient of rest) {
        const outcome = made.outcomes.get(recipient.email)!
        if ('retryAfter' in outcome) retryAfter = Math.max(retryAfter, outcome.retryAfter ?? 0)
        this.#apply(changes, recipient, outcome, {
          provider: candidate.provider,
          alone: rest.length === 1,
          next,
          attempt: made.end.id,
          avoid,
        })
      }
      rest = changes.keep
      if (next === null) {
        this.#wait(changes, rest, { retryAfter, avoid, outcomes: made.outcomes })
        changes.keep = rest = []
      }
      if (!(await this.#commit(changes, made.end))) return
    }
    if (rest.length > 0) await this.#nobody(rest, planned, plan, { outcomes: last, avoid })
  }

  /** Writes what follows from one outcome into the changes; who may go on elsewhere is kept. */
  #apply(changes: Draft, recipient: Recipient, outcome: Outcome, call: Call): void {
    const now = this.#parts.clock()
    const { provider, next } = call
    const what = fate(outcome, call.alone)
    switch (what.kind) {
      case 'ended':
        return this.#end(changes, recipient, what.status, provider, outcome, what.suppress)
      case 'elsewhere':
        if (what.refusal && next === null) return this.#end(changes, recipient, 'bounced', provider, outcome, false)
        changes.keep.push(recipient)
        if (next !== null) {
          const detail = `on to ${next}: ${said(outcome)}`
          changes.events.push(eventOf('failover', now, recipient, { provider, detail }))
        }
        return
      case 'singly':
        changes.add.push(this.#plan([recipient], now, { tries: this.#claim.tries, avoid: this.#claim.avoid }))
        changes.recipients.push({ index: recipient.index, status: 'queued' })
        return
      case 'later':
        return this.#wait(changes, [recipient], {
          retryAfter: what.retryAfter,
          avoid: this.#claim.avoid,
          outcomes: new Map([[recipient.email, outcome]]),
        })
      case 'unknown':
        return this.#unknown(changes, recipient, outcome, call)
    }
  }

  #end(
    changes: Draft,
    recipient: Recipient,
    status: RecipientStatus,
    provider: string,
    outcome: Outcome,
    suppress: boolean,
  ): void {
    const now = this.#parts.clock()
    changes.recipients.push({
      index: recipient.index,
      status,
      provider,
      ...(outcome.kind === 'accepted' ? { providerMessageId: outcome.providerMessageId } : {}),
    })
    changes.events.push(endEvent(status, now, recipient, provider, outcome))
    if (suppress) {
      changes.suppress.push(suppressionOf(this.#message, recipient, provider, now))
      changes.events.push(eventOf('suppressed', now, recipient, { provider, detail: said(outcome) }))
    }
  }

  /** Mail left and no answer came: ask the vendor with the same key, fail over, or hold, as vendor and type allow. */
  #unknown(changes: Draft, recipient: Recipient, outcome: Outcome, { provider, next, attempt, avoid }: Call): void {
    const now = this.#parts.clock()
    const { adapter } = this.#parts.standings.provider(provider) ?? {}
    const since = this.#claim.unknown?.provider === provider ? this.#claim.unknown.since : now
    const asked = this.#claim.unknown !== null
    const mayAsk =
      adapter !== undefined && (adapter.features.idempotencyWindow !== null || adapter.reconcile !== undefined)
    const failsOver = this.#parts.type.onUnknown === 'failover'

    if (failsOver && (asked || adapter?.features.idempotencyWindow == null)) {
      if (!avoid.includes(provider)) avoid.push(provider)
      changes.keep.push(recipient)
      const detail = `no answer from ${provider} (${said(outcome)}); type ${this.#message.type} would rather be sent twice than late`
      changes.events.push(
        eventOf('failover', now, recipient, { provider, detail: next === null ? detail : `${detail}: on to ${next}` }),
      )
      return
    }
    const expired = now >= since + this.#parts.type.reconcileFor
    const look = asked ? now + (looks[this.#claim.tries] ?? looks.at(-1)!) : now
    const dueAt = mayAsk && !expired ? Math.min(look, since + this.#parts.type.reconcileFor) : this.#message.expireAt
    const travelling = changes.add.find((plan) => plan.unknown !== null)
    // One call made all its recipients unknown together, and its key stands for just these: they stay together.
    if (travelling) travelling.recipients.push(recipient.index)
    else {
      changes.add.push({
        ...this.#plan([recipient], dueAt, { phase: 'held', tries: asked ? this.#claim.tries + 1 : 0 }),
        unknown: { attempt, provider, since },
      })
    }
    changes.recipients.push({ index: recipient.index, status: 'held', provider })
    if (!asked || expired) {
      const detail = `${provider} may have taken it: ${said(outcome)}. ${dueAt < this.#message.expireAt ? 'Asking it again.' : 'Held until known, released or expired.'}`
      changes.events.push(eventOf('held', now, recipient, { provider, detail }))
    }
  }

  /** No candidate is left: wait for the next opening, or give up where no provider could ever take it. */
  async #nobody(
    rest: Recipient[],
    planned: Planned,
    plan: StoredPlan,
    { outcomes, avoid }: { outcomes: Outcomes | null; avoid: string[] },
  ): Promise<void> {
    const changes = draft()
    const why =
      plan.rejected.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ') || 'no rule names a provider'
    if (outcomes) {
      this.#wait(changes, rest, { retryAfter: 0, avoid, outcomes })
    } else if (planned.waitUntil !== null) {
      const now = this.#parts.clock()
      // A little later than the earliest opening, and not all at the same moment.
      const dueAt = planned.waitUntil + Math.round(this.#parts.dice() * 1_000)
      for (const recipient of rest) {
        changes.recipients.push({ index: recipient.index, status: 'deferred' })
        changes.events.push(eventOf('deferred', now, recipient, { detail: `nobody can take it now: ${why}` }))
      }
      changes.add.push(this.#plan(rest, dueAt, { tries: this.#claim.tries, avoid }))
    } else {
      for (const recipient of rest) {
        changes.recipients.push({ index: recipient.index, status: 'failed' })
        changes.events.push(
          eventOf('rejected', this.#parts.clock(), recipient, { detail: `no provider can carry it: ${why}` }),
        )
      }
    }
    await this.#commit(changes)
  }

  /** Recipients that are tried again later, by the schedule of their type. */
  #wait(
    changes: Draft,
    recipients: Recipient[],
    { retryAfter, avoid, outcomes }: { retryAfter: number; avoid: string[]; outcomes: Outcomes },
  ): void {
    if (recipients.length === 0) return
    const now = this.#parts.clock()
    const tries = this.#claim.tries + 1
    const dueAt = now + backoff(this.#parts.type.retry, tries, this.#parts.dice(), retryAfter)
    const until = `next try ${new Date(Math.min(dueAt, this.#message.expireAt)).toISOString()}`
    for (const recipient of recipients) {
      const outcome = outcomes.get(recipient.email)
      const detail = [outcome && said(outcome), until].filter(Boolean).join('; ')
      changes.recipients.push({ index: recipient.index, status: 'deferred' })
      changes.events.push(eventOf('deferred', now, recipient, { detail }))
    }
    changes.add.push(this.#plan(recipients, dueAt, { tries, avoid }))
  }

  #plan(recipients: Recipient[], dueAt: number, more: Partial<DeliveryPlan>): DeliveryPlan {
    return {
      recipients: recipients.map(({ index }) => index),
      phase: 'send',
      // A deadline is kept by the clock: what is due after it is due at it.
      dueAt: Math.min(dueAt, this.#message.expireAt),
      tries: 0,
      avoid: [],
      unknown: null,
      ...more,
    }
  }

  /** The content in the form the candidate takes; null (and the reason in the plan) when it cannot be brought into it. */
  async #prepare(candidate: Candidate, plan: StoredPlan): Promise<Content | null> {
    const provider = this.#parts.standings.provider(candidate.provider)
    if (!provider) return null
    try {
      return await this.#content(formFor(this.#message, provider.adapter.features))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      plan.rejected.push({
        provider: candidate.provider,
        reason: `the message cannot be put into the form it takes: ${reason}`,
      })
      return null
    }
  }

  /** Records the attempt, makes it, and answers with its end; null when the claim is no longer ours, and then nothing was sent. */
  async #attempt(name: string, recipients: Recipient[], content: Content, plan: StoredPlan) {
    const { store, standings, carriers, clock } = this.#parts
    const provider = standings.provider(name)!
    const at = clock()
    const id = newId('att', at)
    const indices = recipients.map(({ index }) => index)
    const ours = await store.record({
      id,
      delivery: this.#claim.id,
      claims: this.#claim.claims,
      messageId: this.#message.id,
      provider: name,
      at,
      recipients: indices,
      plan,
      leaseUntil: at + provider.timeout + leaseMargin,
    })
    if (!ours) return null
    const handoff: Handoff = {
      message: this.#message,
      recipients,
      content,
      idempotencyKey: idempotencyKey(this.#message, name, recipients),
      signal: AbortSignal.timeout(provider.timeout),
      timeout: provider.timeout,
    }
    const emails = recipients.map(({ email }) => email)
    const called = await standings.call(name, this.#message, async () => {
      try {
        return await attempt(provider, handoff, carriers)
      } catch (error) {
        this.#parts.bug(error, this.#message, name)
        const reason = 'an error of our own ended the attempt; see the log'
        return forAll(emails, { kind: 'unknown', diagnostic: diagnostic('bug', reason) })
      }
    })
    const opened = diagnostic('breaker', 'its breaker opened before anything was sent')
    const outcomes = called ?? forAll(emails, { kind: 'deferred', cause: 'provider', diagnostic: opened })
    const endedAt = clock()
    this.#parts.attempted(name, outcomes, endedAt - at)
    return { outcomes, end: attemptEnd(id, endedAt, recipients, outcomes) }
  }

  /** Asks about an unknown: by sending again under the same key where the vendor honours it, else by its own question. */
  async ask(): Promise<void> {
    const { standings, clock } = this.#parts
    const unknown = this.#claim.unknown!
    const recipients = this.recipients()
    const provider = standings.provider(unknown.provider)
    const window = provider?.adapter.features.idempotencyWindow ?? null
    const plan = {
      route: 'reconcile',
      policy: '',
      candidates: [{ provider: unknown.provider, score: 0, reasons: ['it may have taken this already'] }],
      rejected: [],
    }

    let outcomes: Outcomes | null = null
    let end: AttemptEnd | undefined
    if (provider && window !== null && clock() - unknown.since < window * keyTrust) {
      const content = await this.#prepare(plan.candidates[0]!, plan)
      if (content && standings.take(provider.name, recipients.length, clock())) {
        const made = await this.#attempt(provider.name, recipients, content, plan)
        if (!made) return
        outcomes = made.outcomes
        end = made.end
      }
    } else if (provider?.adapter.reconcile) {
      outcomes = await provider.adapter.reconcile(
        {
          message: this.#message,
          recipients,
          idempotencyKey: idempotencyKey(this.#message, provider.name, recipients),
          signal: AbortSignal.timeout(provider.timeout),
          timeout: provider.timeout,
        },
        provider.options,
      )
    }
    const still: Outcome = { kind: 'unknown', diagnostic: diagnostic('unknown', 'it could not tell') }
    const changes = draft()
    const avoid: string[] = []
    for (const recipient of recipients) {
      this.#apply(changes, recipient, outcomes?.get(recipient.email) ?? still, {
        provider: unknown.provider,
        alone: recipients.length === 1,
        next: null,
        attempt: end?.id ?? unknown.attempt,
        avoid,
      })
    }
    // It did not take them, or the type fails over: on the road again at once, by a fresh plan.
    if (changes.keep.length > 0) {
      for (const { index } of changes.keep) changes.recipients.push({ index, status: 'queued' })
      changes.add.push(this.#plan(changes.keep, clock(), { tries: this.#claim.tries, avoid }))
    }
    changes.keep = []
    await this.#commit(changes, end)
  }

  /** Attempts whose process died under them: what they sent is unknown. Answers the recipients that may go on now. */
  async lost(): Promise<Recipient[] | null> {
    let rest = this.recipients()
    for (const open of this.#claim.open) {
      const outcome: Outcome = {
        kind: 'unknown',
        diagnostic: diagnostic('died', 'the process ended before the answer came'),
      }
      const affected = rest.filter(({ index }) => open.recipients.includes(index))
      const outcomes: Outcomes = new Map(affected.map(({ email }) => [email, outcome]))
      const end = attemptEnd(open.id, this.#parts.clock(), affected, outcomes)
      const changes = draft()
      for (const recipient of affected) {
        const { avoid } = this.#claim
        this.#apply(changes, recipient, outcome, {
          provider: open.provider,
          alone: true,
          next: null,
          attempt: open.id,
          avoid,
        })
      }
      rest = rest.filter((recipient) => !affected.includes(recipient) || changes.keep.includes(recipient))
      if (!(await this.#commit({ ...changes, keep: rest }, end))) return null
    }
    return rest
  }

  /** Ends recipients, or sets them aside, without an attempt. */
  async close(recipients: Recipient[], status: 'expired' | 'suppressed' | 'held', detail: string): Promise<boolean> {
    const changes = draft()
    const now = this.#parts.clock()
    for (const recipient of recipients) {
      changes.recipients.push({ index: recipient.index, status })
      changes.events.push(eventOf(status, now, recipient, { detail }))
    }
    if (status === 'held')
      changes.add.push(this.#plan(recipients, this.#message.expireAt, { phase: 'held', unknown: this.#claim.unknown }))
    const rest = this.recipients().filter((recipient) => !recipients.includes(recipient))
    return this.#commit({ ...changes, keep: rest })
  }

  /** Parts company: each group becomes a delivery of its own, due now. */
  async split(groups: Recipient[][]): Promise<void> {
    const now = this.#parts.clock()
    const { tries, avoid } = this.#claim
    await this.#commit({ ...draft(), add: groups.map((group) => this.#plan(group, now, { tries, avoid })) })
  }

  /** Commits; false when the claim is no longer ours. */
  async #commit(changes: Draft, attempt?: AttemptEnd): Promise<boolean> {
    const { keep, add, recipients, events, suppress } = changes
    const settled = await this.#parts.store.settle({
      delivery: this.#claim.id,
      claims: this.#claim.claims,
      messageId: this.#message.id,
      ...(attempt ? { attempt } : {}),
      recipients,
      events,
      suppress,
      next: { keep: keep.map(({ index }) => index), add },
    })
    if (settled) this.#parts.settled(this.#message, events)
    return settled
  }
}

function storedPlan({ route, policy, candidates, rejected }: Planned): StoredPlan {
  return { route, policy, candidates, rejected: [...rejected] }
}

/** The same for every attempt of the same recipients at the same provider, and for no other. */
function idempotencyKey(message: Message, provider: string, recipients: readonly Recipient[]): string {
  const emails = recipients.map(({ email }) => email).sort()
  return createHash('sha256')
    .update([message.id, provider, ...emails].join('\n'))
    .digest('hex')
}
