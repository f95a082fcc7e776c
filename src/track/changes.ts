/**
 * The changes of one commit, gathered: outcomes turned into statuses, events, suppressions and what is due next. Pure but for what
 * it gathers: the clock and the dice are handed in.
 */
import type { EventType } from '../mail/event.ts'
import type { Recipient, RecipientStatus } from '../mail/message.ts'
import type { Outcome, Outcomes } from '../mail/outcome.ts'
import type { Quiet } from '../mail/quiet.ts'
import { backoff, type RetrySchedule } from '../mail/retry.ts'
import type { AttemptEnd, Claim, Count, DeliveryPlan, NewEvent, Settlement, Suppression } from '../store/store.ts'
import { endEvent, eventOf, fate, said, suppressionOf } from './settle.ts'

/** What a type of mail is owed when things go wrong. */
export interface Contract {
  onUnknown: 'reconcile' | 'hold' | 'failover'
  reconcileFor: number
  retry: RetrySchedule
  deadline: { taken: number | null; delivered: number | null }
  attempts: number | null
  quiet: Quiet | null
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
  /** Its vendor tells us what was delivered. */
  tells: boolean
  /** Grows by providers that may have taken the mail and must not get it again. */
  avoid: string[]
}

/** When to look again at an unknown, in milliseconds after the look before. */
const looks = [5_000, 30_000, 120_000, 600_000, 3_600_000]

/** Nothing left this house: our own network was down, or the breaker opened before. */
function wasNoTry(outcome: Outcome): boolean {
  if (outcome.kind !== 'deferred' && outcome.kind !== 'rejected') return false
  return outcome.cause === 'network' || outcome.diagnostic.code === 'breaker'
}

export class Changes {
  /** Recipients that go on with this delivery, at another provider. */
  keep: Recipient[] = []
  readonly events: NewEvent[] = []
  /** Providers that may have taken what is sent again elsewhere, once a recipient. */
  readonly twice: string[] = []
  readonly #recipients: Settlement['recipients'] = []
  readonly #suppress: Suppression[] = []
  readonly #add: DeliveryPlan[] = []
  /** The delivery of those whose call was refused for another's sake. */
  #again: DeliveryPlan | null = null
  /** The delivery of those that were taken and are not delivered yet. */
  #watched: DeliveryPlan | null = null
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
        this.#end(recipient, what.status, provider, outcome, what.suppress && call.believed)
        if (what.status === 'sent') this.#watch(recipient, call)
        return
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
          this.#becomes(recipient, 'queued')
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
    this.#becomes(recipient, status, {
      provider,
      ...(outcome.kind === 'accepted' ? { providerMessageId: outcome.providerMessageId } : {}),
    })
    this.events.push(endEvent(status, this.#now, recipient, provider, outcome))
    if (suppress) {
      this.#suppress.push(suppressionOf(this.#claim.message, recipient, provider, this.#now))
      this.#event('suppressed', recipient, { provider, detail: said(outcome) })
    }
  }

  /** It was taken, and must be delivered by a time; where that may have been sent twice already, that is enough. */
  #watch(recipient: Recipient, { provider, tells, avoid }: Call): void {
    const { deadline, onUnknown } = this.#contract
    const { message, phase } = this.#claim
    if (deadline.delivered === null || onUnknown !== 'failover' || !tells || message.provider !== null) return
    const dueAt = this.#now + deadline.delivered
    if (phase === 'sent' || avoid.length > 0 || dueAt >= message.expireAt) return
    if (this.#watched) this.#watched.recipients.push(recipient.index)
    else {
      this.#deliver([recipient], dueAt, { phase: 'sent', avoid: [provider] })
      this.#watched = this.#add.at(-1)!
    }
  }

  /** They were taken and not delivered in time: on to another provider. */
  undelivered(recipients: readonly Recipient[]): void {
    for (const recipient of recipients) {
      const taker = recipient.provider ?? ''
      const within = `${(this.#contract.deadline.delivered ?? 0) / 1000} s`
      const detail = `${taker} took it and did not tell of a delivery within ${within}: to be sent once more, by another provider`
      this.twice.push(taker)
      this.#event('failover', recipient, { provider: taker, detail })
    }
    this.keep.push(...recipients)
  }

  /** Mail left and no answer came: ask with the same key, fail over, or hold, as vendor and type allow. */
  #unknown(recipient: Recipient, outcome: Outcome, call: Call): void {
    const { provider, next, attempt, askable, avoid } = call
    const { message, unknown } = this.#claim
    const asked = unknown !== null
    const since = unknown?.provider === provider ? unknown.since : this.#now

    if (this.#contract.onUnknown === 'failover' && (asked || askable !== 'key' || this.#claim.phase === 'sent')) {
      this.twice.push(provider)
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
    this.#becomes(recipient, 'held', { provider })
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
    const round = this.#round + 1
    const tries = [...outcomes.values()].every(wasNoTry) ? this.#round : round
    const { attempts } = this.#contract
    if (attempts !== null && tries >= attempts) {
      for (const recipient of recipients) {
        const outcome = outcomes.get(recipient.email)
        const over = `tried ${tries} times, as often as type ${this.#claim.message.type} may be`
        this.close([recipient], 'failed', [over, outcome && said(outcome)].filter(Boolean).join(': '))
      }
      return
    }
    const dueAt = this.#now + backoff(this.#contract.retry, round, this.#dice(), retryAfter)
    const then = `next try ${new Date(Math.min(dueAt, this.#claim.message.expireAt)).toISOString()}`
    for (const recipient of recipients) {
      const outcome = outcomes.get(recipient.email)
      this.#becomes(recipient, 'deferred')
      this.#event('deferred', recipient, { detail: [outcome && said(outcome), then].filter(Boolean).join('; ') })
    }
    this.#deliver(recipients, dueAt, { tries, avoid })
  }

  /** Nobody can take them now: they look again at `dueAt`. No try is counted. */
  waitUntil(recipients: readonly Recipient[], dueAt: number, avoid: string[], why: string): void {
    const { waits } = this.#claim
    // Who waits in line comes to see that it is still so many times; that is told ever more rarely.
    const told = waits === 0 || Math.log2(waits) % 1 === 0
    for (const recipient of recipients) {
      this.#becomes(recipient, 'deferred')
      if (told) this.#event('deferred', recipient, { detail: why })
    }
    this.#deliver(recipients, dueAt, { tries: this.#round, waits: waits + 1, avoid })
  }

  /** The hours are quiet until then. */
  rest(recipients: readonly Recipient[], until: number, avoid: string[], why: string): void {
    for (const recipient of recipients) {
      this.#becomes(recipient, 'deferred')
      this.#event('deferred', recipient, { detail: why })
    }
    this.#deliver(recipients, until, { tries: this.#round, avoid })
  }

  /** On the road again at once, as a delivery of their own. */
  requeue(recipients: readonly Recipient[], { avoid }: { avoid: string[] }): void {
    for (const recipient of recipients) this.#becomes(recipient, 'queued')
    // That it was not delivered has been told.
    const waits = this.#claim.phase === 'sent' ? Math.max(1, this.#claim.waits) : this.#claim.waits
    this.#deliver(recipients, this.#now, { tries: this.#round, waits, avoid })
  }

  /** Over, or set aside, without an attempt. */
  close(recipients: readonly Recipient[], status: 'expired' | 'suppressed' | 'failed' | 'held', detail: string): void {
    for (const recipient of recipients) {
      this.#becomes(recipient, status)
      const taken = this.#claim.phase === 'sent'
      this.#event(taken ? 'failover' : status === 'failed' ? 'rejected' : status, recipient, {
        detail: taken ? `not sent once more: ${detail}` : detail,
      })
    }
    if (status === 'held' && this.#claim.phase !== 'sent') {
      this.#deliver(recipients, this.#claim.message.expireAt, { phase: 'held', unknown: this.#claim.unknown })
    }
  }

  /** Rounds made so far; of an unknown the one that made it, for there the delivery counts its looks. */
  get #round(): number {
    return this.#claim.unknown ? 1 : this.#claim.tries
  }

  /** A recipient's new status. What was taken once stays so, until somebody else has taken it. */
  #becomes(
    { index }: Recipient,
    status: RecipientStatus,
    more: { provider?: string; providerMessageId?: string } = {},
  ): void {
    if (this.#claim.phase === 'sent' && status !== 'sent' && status !== 'delivered') return
    this.#recipients.push({ index, status, ...more })
  }

  #deliver(recipients: readonly Recipient[], dueAt: number, more: Partial<DeliveryPlan>): void {
    this.#add.push({
      recipients: recipients.map(({ index }) => index),
      phase: this.#claim.phase === 'sent' ? 'sent' : 'send',
      // A deadline is kept by the clock: what would be due after it is due at it.
      dueAt: Math.min(dueAt, this.#claim.message.expireAt),
      tries: 0,
      waits: 0,
      avoid: [],
      unknown: null,
      ...more,
    })
  }

  #event(type: EventType, recipient: Recipient, more: { provider?: string; detail: string | null }): void {
    this.events.push(eventOf(type, this.#now, recipient, more))
  }

  /** All of it, for one commit. */
  /** @param counts what is counted with it */
  settlement(attempt?: AttemptEnd, counts: readonly Count[] = []): Settlement {
    return {
      delivery: this.#claim.id,
      claims: this.#claim.claims,
      messageId: this.#claim.message.id,
      ...(attempt ? { attempt } : {}),
      recipients: this.#recipients,
      events: this.events,
      suppress: this.#suppress,
      ...(counts.length > 0 ? { counts } : {}),
      next: { keep: this.keep.map(({ index }) => index), add: this.#add },
    }
  }
}
