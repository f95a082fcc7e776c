/**
 * The changes of one commit, gathered: outcomes turned into statuses, events, suppressions and what is due next. Pure but for what
 * it gathers: the clock and the dice are handed in.
 */
import type { EventType } from '../mail/event.ts'
import type { Recipient, RecipientStatus } from '../mail/message.ts'
import type { Outcome, Outcomes } from '../mail/outcome.ts'
import { backoff, type RetrySchedule } from '../mail/retry.ts'
import type { AttemptEnd, Claim, DeliveryPlan, NewEvent, Settlement, Suppression } from '../store/store.ts'
import { endEvent, eventOf, fate, said, suppressionOf } from './settle.ts'

/** What a type of mail is owed when things go wrong. */
export interface Contract {
  onUnknown: 'reconcile' | 'hold' | 'failover'
  reconcileFor: number
  retry: RetrySchedule
}

/** The call that an outcome came from. */
export interface Call {
  provider: string
  attempt: string
  /** It had one recipient only. */
  alone: boolean
  /** It was refused for the sake of recipients that were named: without those the others may go together. */
  culprits: boolean
  /** Who is tried next; null when nobody is left. */
  next: string | null
  /** How the provider can be asked what became of an unknown: by the same key, by a question of its own, or not at all. */
  askable: 'key' | 'question' | null
  /** The provider was asked, and knows nothing of it. */
  absent: boolean
  /** Whether its word that a mailbox does not exist is believed. */
  believed: boolean
  /** Grows by providers that may have taken the mail and must not get it again. */
  avoid: string[]
}

/** When to look again at an unknown, in milliseconds after the look before. */
const looks = [5_000, 30_000, 120_000, 600_000, 3_600_000]

export class Changes {
  /** Recipients that go on with this delivery, at another provider. */
  keep: Recipient[] = []
  readonly events: NewEvent[] = []
  readonly #recipients: Settlement['recipients'] = []
  readonly #suppress: Suppression[] = []
  readonly #add: DeliveryPlan[] = []
  /** The delivery of those whose call was refused for another's sake. */
  #again: DeliveryPlan | null = null
  readonly #claim: Claim
  readonly #contract: Contract
  readonly #now: number
  readonly #dice: () => number

  constructor(claim: Claim, contract: Contract, now: number, dice: () => number) {
    this.#claim = claim
    this.#contract = contract
    this.#now = now
    this.#dice = dice
  }

  /** Writes down what follows from one outcome; who may go on elsewhere is kept. */
  apply(recipient: Recipient, outcome: Outcome, call: Call): void {
    const { provider, next } = call
    const what = fate(outcome, call.alone)
    switch (what.kind) {
      case 'ended':
        return this.#end(recipient, what.status, provider, outcome, what.suppress && call.believed)
      case 'elsewhere':
        if (what.refusal && next === null) return this.#end(recipient, 'bounced', provider, outcome, false)
        this.keep.push(recipient)
        if (next !== null) this.#event('failover', recipient, { provider, detail: `on to ${next}: ${said(outcome)}` })
        return
      case 'again':
        if (!call.culprits || this.#again === null) {
          this.requeue([recipient], { avoid: this.#claim.avoid })
          this.#again = this.#add.at(-1)!
        } else {
          this.#again.recipients.push(recipient.index)
          this.#recipients.push({ index: recipient.index, status: 'queued' })
        }
        return
      case 'later':
        return this.wait([recipient], {
          retryAfter: what.retryAfter,
          avoid: this.#claim.avoid,
          outcomes: new Map([[recipient.email, outcome]]),
        })
      case 'unknown':
        return this.#unknown(recipient, outcome, call)
    }
  }

  #end(recipient: Recipient, status: RecipientStatus, provider: string, outcome: Outcome, suppress: boolean): void {
    const taken = outcome.kind === 'accepted' ? { providerMessageId: outcome.providerMessageId } : {}
    this.#recipients.push({ index: recipient.index, status, provider, ...taken })
    this.events.push(endEvent(status, this.#now, recipient, provider, outcome))
    if (suppress) {
      this.#suppress.push(suppressionOf(this.#claim.message, recipient, provider, this.#now))
      this.#event('suppressed', recipient, { provider, detail: said(outcome) })
    }
  }

  /** Mail left and no answer came: ask with the same key, fail over, or hold, as vendor and type allow. */
  #unknown(recipient: Recipient, outcome: Outcome, call: Call): void {
    const { provider, next, attempt, askable, avoid } = call
    const { message, unknown } = this.#claim
    const asked = unknown !== null
    const since = unknown?.provider === provider ? unknown.since : this.#now

    if (this.#contract.onUnknown === 'failover' && (asked || askable !== 'key')) {
      if (!avoid.includes(provider)) avoid.push(provider)
      this.keep.push(recipient)
      const why = `no answer from ${provider} (${said(outcome)}); type ${message.type} would rather be sent twice than late`
      this.#event('failover', recipient, { provider, detail: next === null ? why : `${why}: on to ${next}` })
      return
    }
    const until = since + this.#contract.reconcileFor
    // Its index has had all the time it was given: what it does not know by now, it never took.
    if (this.#contract.onUnknown === 'reconcile' && call.absent && this.#now >= until) {
      this.keep.push(recipient)
      this.#event('failover', recipient, { provider, detail: `${provider} was asked and never took it` })
      return
    }
    const tries = asked ? this.#claim.tries + 1 : 0
    const look = asked ? this.#now + (looks[this.#claim.tries] ?? looks.at(-1)!) : this.#now
    const asking = askable !== null && this.#now < until
    // One call made all its recipients unknown together, and its key stands for just these: they stay together.
    const together = this.#add.find((plan) => plan.unknown !== null)
    if (together) together.recipients.push(recipient.index)
    else {
      const dueAt = asking ? Math.min(look, until) : message.expireAt
      this.#deliver([recipient], dueAt, { phase: 'held', tries, unknown: { attempt, provider, since } })
    }
    this.#recipients.push({ index: recipient.index, status: 'held', provider })
    if (!asked || !asking) {
      const then = asking ? 'Asking it again.' : 'Held until known, released or expired.'
      this.#event('held', recipient, { provider, detail: `${provider} may have taken it: ${said(outcome)}. ${then}` })
    }
  }

  /** Recipients that are tried again later, by the schedule of their type. */
  wait(
    recipients: readonly Recipient[],
    { retryAfter, avoid, outcomes }: { retryAfter: number; avoid: string[]; outcomes: Outcomes },
  ): void {
    if (recipients.length === 0) return
    const tries = this.#claim.tries + 1
    const dueAt = this.#now + backoff(this.#contract.retry, tries, this.#dice(), retryAfter)
    const then = `next try ${new Date(Math.min(dueAt, this.#claim.message.expireAt)).toISOString()}`
    for (const recipient of recipients) {
      const outcome = outcomes.get(recipient.email)
      this.#recipients.push({ index: recipient.index, status: 'deferred' })
      this.#event('deferred', recipient, { detail: [outcome && said(outcome), then].filter(Boolean).join('; ') })
    }
    this.#deliver(recipients, dueAt, { tries, avoid })
  }

  /** Nobody can take them now; somebody may at `openAt`, and then not all at the same moment. */
  waitForOpening(recipients: readonly Recipient[], openAt: number, avoid: string[], why: string): void {
    for (const recipient of recipients) {
      this.#recipients.push({ index: recipient.index, status: 'deferred' })
      this.#event('deferred', recipient, { detail: `nobody can take it now: ${why}` })
    }
    this.#deliver(recipients, openAt + Math.round(this.#dice() * 1_000), { tries: this.#claim.tries, avoid })
  }

  /** On the road again at once, as a delivery of their own. */
  requeue(recipients: readonly Recipient[], { avoid }: { avoid: string[] }): void {
    for (const { index } of recipients) this.#recipients.push({ index, status: 'queued' })
    this.#deliver(recipients, this.#now, { tries: this.#claim.tries, avoid })
  }

  /** Over, or set aside, without an attempt. */
  close(recipients: readonly Recipient[], status: 'expired' | 'suppressed' | 'failed' | 'held', detail: string): void {
    for (const recipient of recipients) {
      this.#recipients.push({ index: recipient.index, status })
      this.#event(status === 'failed' ? 'rejected' : status, recipient, { detail })
    }
    if (status === 'held') {
      this.#deliver(recipients, this.#claim.message.expireAt, { phase: 'held', unknown: this.#claim.unknown })
    }
  }

  #deliver(recipients: readonly Recipient[], dueAt: number, more: Partial<DeliveryPlan>): void {
    this.#add.push({
      recipients: recipients.map(({ index }) => index),
      phase: 'send',
      // A deadline is kept by the clock: what would be due after it is due at it.
      dueAt: Math.min(dueAt, this.#claim.message.expireAt),
      tries: 0,
      avoid: [],
      unknown: null,
      ...more,
    })
  }

  #event(type: EventType, recipient: Recipient, more: { provider?: string; detail: string | null }): void {
    this.events.push(eventOf(type, this.#now, recipient, more))
  }

  /** All of it, for one commit. */
  settlement(attempt?: AttemptEnd): Settlement {
    return {
      delivery: this.#claim.id,
      claims: this.#claim.claims,
      messageId: this.#claim.message.id,
      ...(attempt ? { attempt } : {}),
      recipients: this.#recipients,
      events: this.events,
      suppress: this.#suppress,
      next: { keep: this.keep.map(({ index }) => index), add: this.#add },
    }
  }
}
