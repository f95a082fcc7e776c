/**
 * The store's contract: about a dozen verbs, and one suite (`test/store.test.ts`) that proves every driver.
 *
 * What every driver keeps: a promise that resolves means durable. Verbs called in the same turn may be committed together, and
 * each is all or nothing by itself. A delivery's lease is its due time: `claim` moves it into the future, and a worker that
 * died gives its work back by doing nothing.
 */
import type { EventType, MailEvent } from '../mail/event.ts'
import type { DeliveryRecord } from '../mail/exporter.ts'
import type { Message, MessageStatus, Priority, Recipient, RecipientStatus } from '../mail/message.ts'
import type { Cause, Diagnostic, OutcomeKind } from '../mail/outcome.ts'
import type { Notice, NoticeSettlement, Webhook } from './notice.ts'
import type { Stat, StatCounts, StatQuery } from './stat.ts'
import type { LiftedOnly, Suppression, SuppressionQuery } from './suppression.ts'

export type { Notice, NoticeSettlement, Webhook } from './notice.ts'
export type { Stat, StatCounts } from './stat.ts'
export type { LiftedOnly, Suppression, SuppressionQuery } from './suppression.ts'

import type { ProviderEvent } from '../mail/webhook.ts'

/** The store has no room: answer 452 or 507. */
export class StoreFull extends Error {
  override name = 'StoreFull'
}

/** The store cannot take work now: answer 451 or 503. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable'
}

/** What a fresh delivery of a message starts from, and what `settle` leaves behind for later. */
export interface DeliveryPlan {
  /** Indices of the recipients that still travel together. */
  recipients: number[]
  /**
   * `send`: try to deliver when due. `held`: nothing is sent when due; it is looked at again (reconcile, expiry). `sent`: a provider
   * took it; when due, whoever is not told to be delivered by then is sent it again. Their status stays what it is meanwhile.
   */
  phase: 'send' | 'held' | 'sent'
  dueAt: number
  /** Rounds made so far: what the retry schedule counts. */
  tries: number
  /** How often in a row it waited without being tried, for nobody could take it. */
  waits: number
  /** Providers not to use again for these recipients (an unknown there, under a type that fails over). */
  avoid: string[]
  /** The attempt whose answer never came, while that is unresolved. */
  unknown: { attempt: string; provider: string; since: number } | null
}

/** A delivery as claimed: leased to this worker until `leasedUntil`. */
export interface Claim extends DeliveryPlan {
  id: number
  /** The fencing token: how often this delivery was claimed since it was last settled. 1 when all is well. */
  claims: number
  leasedUntil: number
  /** As accepted, but for `expireAt`: after a `retry` by hand it is when this delivery is given up, later than the message's own. */
  message: Message
  /** All recipients of the message, not only those of this delivery. */
  all: Recipient[]
  /** Those of `recipients` that are suppressed by now. */
  suppressed: number[]
  /** The content, when it is to be sent and small (64 KB): it comes along. Null: ask `content`. */
  content: Uint8Array | null
  /** Attempts that were recorded and never settled: their holder died, so what they sent is unknown. */
  open: { id: string; provider: string; at: number; recipients: number[] }[]
}

/** Everything needed to explain a decision later; stored with the attempt it led to. */
export interface StoredPlan {
  route: string
  policy: string
  candidates: { provider: string; score: number; reasons: string[] }[]
  rejected: { provider: string; reason: string }[]
}

/** So much more of something within a span of time. What is counted under which name is the caller's matter. */
export interface Count {
  /** A UTC month, day or minute: `2026-11`, `2026-11-25`, `2026-11-25T14:03`. Minutes are kept for a day. */
  span: string
  what: string
  /** A whole number; below zero gives back. */
  amount: number
}

export interface AttemptStart {
  /** `att_…` */
  id: string
  delivery: number
  claims: number
  messageId: string
  provider: string
  at: number
  recipients: number[]
  plan: StoredPlan
  /** The lease is moved to here: it must outlive the attempt. */
  leaseUntil: number
  /** What is counted with it, in the same commit. */
  counts: readonly Count[]
}

/** One attempt as read back, one row per recipient and attempt. */
export interface AttemptView {
  id: string
  at: number
  provider: string
  recipient: number
  /** Null while the attempt is under way. */
  outcome: OutcomeKind | null
  cause: Cause | null
  code: string | null
  reason: string | null
  latencyMs: number | null
  plan: StoredPlan
}

export interface AttemptEnd {
  id: string
  endedAt: number
  /** By recipient index. */
  outcomes: { recipient: number; outcome: OutcomeKind; cause: Cause | null; diagnostic: Diagnostic | null }[]
}

export type NewEvent = Pick<MailEvent, 'type' | 'recipient' | 'provider' | 'providerMessageId' | 'detail' | 'at'>

export interface Settlement {
  delivery: number
  /** The claim's token; a settlement whose token is no longer current changes nothing and answers false. */
  claims: number
  messageId: string
  attempt?: AttemptEnd
  recipients: { index: number; status: RecipientStatus; provider?: string; providerMessageId?: string }[]
  events: NewEvent[]
  suppress: Suppression[]
  /** What is counted with it: what an attempt took and did not use is given back. */
  counts?: readonly Count[]
  /**
   * What remains. The recipients in `keep` go on with this delivery, under the same lease and token; when it is empty the delivery
   * is over. `add` are deliveries of their own, for recipients that no longer travel with it.
   */
  next: { keep: number[]; add: DeliveryPlan[] }
}

export interface Arrival {
  message: Message
  /** All that were asked for; who of them is suppressed is looked at in the same commit. */
  recipients: Pick<Recipient, 'index' | 'email' | 'status' | 'dsn'>[]
  /** When all of them are to be sent. */
  dueAt: number
  events: NewEvent[]
  /** The content whole, or the spool whose pieces were kept ahead. */
  content: Uint8Array | { spool: string }
  /** The submitter's key for this message, and a digest of all that was asked. */
  idempotency: { key: string; digest: string } | null
}

export type Accepted =
  /**
   * `id` is the message's. Each event is about a recipient on the suppression list: it was stored as `suppressed`, with the event,
   * and travels in no delivery. `claim` is there when a lease was asked for and somebody is left to be sent to.
   */
  | { kind: 'accepted'; id: string; suppressed: NewEvent[]; claim: Claim | null }
  /** The key was used with the same digest before: nothing was stored, this is the first message. */
  | { kind: 'replayed'; id: string }
  /** The key was used with another digest: nothing was stored. */
  | { kind: 'conflict' }

/** What an event brings along to say whose mail it is about; with a recipient alone, the latest that the provider had for them. */
export interface Reference {
  messageId: string | null
  providerMessageId: string | null
  /** Canonical, as the vendor spells it; null for everyone of that call. */
  recipient: string | null
}

/** The mail that an event is about, and whom of it. */
export interface Place {
  messageId: string
  tenant: string
  type: string
  recipients: Pick<Recipient, 'index' | 'email'>[]
}

/** One event about one recipient, as a provider told it. */
export interface Heard {
  /** What makes it one of a kind, at its provider. */
  key: string
  messageId: string
  tenant: string
  recipient: number
  /** The vendor's, and what followed; `sent` is written down only when it is news. */
  events: NewEvent[]
  /** What the recipient becomes by it, unless it is further already; null for what changes nothing. */
  status: RecipientStatus | null
  suppress: Suppression | null
  /** Answered by the store: another provider took the same mail, so that it was sent twice. Said once a recipient. */
  duplicate?: boolean
}

export interface Parked {
  provider: string
  key: string
  since: number
  event: ProviderEvent
}

export interface Told {
  provider: string
  at: number
  heard: Heard[]
  /** Whose mail is not known (yet). */
  park: { key: string; dueAt: number; event: ProviderEvent }[]
  /** Keys of parked events that need not be kept any longer. */
  unpark: string[]
}

export interface MessageView {
  message: Message
  status: MessageStatus
  recipients: Recipient[]
  attempts: AttemptView[]
}

export interface MessageQuery {
  tenant: string
  status?: MessageStatus
  recipient?: string
  provider?: string
  type?: string
  tag?: string
  since?: number
  until?: number
  limit: number
  /** From `next` of the page before. */
  cursor?: string
}

export interface EventQuery {
  tenant: string
  messageId?: string
  /** Only these types. */
  types?: readonly MailEvent['type'][]
  /** When it happened: from `since` on, and before `until`. */
  since?: number
  until?: number
  /** Canonical address. */
  recipient?: string
  /** A tag of its message. */
  tag?: string
  /** In the order in which they were recorded, instead of the newest first. */
  oldestFirst?: boolean
  limit: number
  cursor?: string
}

export type Page<Row> = { rows: Row[]; next: string | null }

/** What an operator may ask of a message. */
export type Steer = 'cancel' | 'retry' | 'release'

export interface Store {
  /**
   * Commits message, recipients, first delivery, events and content together.
   * @param leaseUntil the delivery, due now, is claimed for the caller in the same commit
   * @throws StoreFull, StoreUnavailable
   */
  accept(arrival: Arrival, leaseUntil?: number): Promise<Accepted>
  /** Keeps a piece of content ahead of its message, under a spool name that the caller made up (an id). Pieces keep their order. */
  keep(spool: string, piece: Uint8Array): Promise<void>
  /** Forgets a spool that no message took. */
  drop(spool: string): Promise<void>
  /**
   * Leases up to `limit` deliveries due at `now`, higher priority first, then the longest due; only those of at least
   * `priority`. Recipients that wait become `sending`.
   */
  claim(want: { now: number; leaseUntil: number; limit: number; priority: Priority }): Promise<Claim[]>
  /** Writes an attempt down before it is made and moves the lease on, never back. False when the claim is no longer ours. */
  record(attempt: AttemptStart): Promise<boolean>
  /** Everything that follows from an attempt or a decision, in one commit. False when the claim is no longer ours. */
  settle(settlement: Settlement): Promise<boolean>
  /**
   * Makes mail that waits due now: `waiting`, for nobody could take it; or what a provider was the last to try. In steps, by the
   * deliveries' order: answers how many, and where to go on (null: nowhere).
   */
  hasten(
    which: { provider: string } | 'waiting',
    now: number,
    step: { after: number; limit: number },
  ): Promise<{ count: number; next: number | null }>
  /** How many deliveries are held because their fate is unknown. */
  unknowns(): Promise<number>
  /** When the next delivery is due, or null when nothing waits. */
  nextDue(): Promise<number | null>
  /** How many deliveries wait or are leased, by priority. */
  depth(): Promise<Record<Priority, number>>
  /** When the oldest message that still waits was accepted; null for none. Held mail and mail with a `sendAt` do not count. */
  oldest(): Promise<number | null>
  message(id: string, tenant: string): Promise<MessageView | null>
  /** Newest first. @throws RangeError for a cursor that is not ours */
  messages(query: MessageQuery): Promise<Page<Omit<MessageView, 'attempts'>>>
  /** Newest first, unless asked otherwise. @throws RangeError for a cursor that is not ours */
  events(query: EventQuery): Promise<Page<MailEvent>>
  /** The content's pieces in order; empty when it was swept or never was. */
  content(messageId: string): AsyncIterable<Uint8Array>
  /**
   * cancel: what waits or is held is canceled. retry: what waits is due now, and what ended badly (bounced, failed, expired)
   * is tried again, with as much time as the message had at first. release: what is held is due now, to be sent. Each changed
   * recipient gets an event: `canceled`, or `deferred` with what was asked as its detail. Answers the number of recipients
   * changed, or null for no such message; 0 means too late.
   */
  steer(id: string, tenant: string, what: Steer, now: number): Promise<number | null>
  /**
   * Moves what is scheduled and has not begun to another time, its expiry along with it; `deferred`, with the time as its detail, is
   * the event of each recipient. Answers as `steer` does.
   */
  reschedule(id: string, tenant: string, sendAt: number, now: number): Promise<number | null>
  /** Which of these canonical addresses are suppressed for this type of mail. */
  suppressed(tenant: string, emails: readonly string[], type: string): Promise<Set<string>>
  /** All that is said of an address, what holds for every type first. */
  suppression(tenant: string, key: string): Promise<Suppression[]>
  /** By key and type, so that paging meets each entry once, whatever changes meanwhile. @throws RangeError for a cursor that is not ours */
  suppressions(query: SuppressionQuery): Promise<Page<Suppression>>
  /** The newest reason for an address and a type is the one kept. Answers how many were not suppressed before. */
  suppress(suppressions: readonly Suppression[]): Promise<number>
  /**
   * Lifts what is said of these addresses: all of it, or what holds for one type (`''`: for every type alike), what one source
   * said, or what was said for one reason. Answers how many of the keys were suppressed.
   */
  unsuppress(tenant: string, keys: readonly string[], only?: LiftedOnly): Promise<number>
  /** Whose mail a provider's events are about: a place for each reference, null where there is no such mail. */
  attribute(provider: string, references: readonly Reference[]): Promise<(Place | null)[]>
  /**
   * Writes down what a provider told, each event once however often it comes, and what follows from it for the recipient; and parks
   * what could not be attributed. Never takes a status back. Answers those that are new.
   */
  hear(told: Told): Promise<Heard[]>
  /** Events whose mail was not known when they came, that are due to be looked at again; each is put off by as long as it has waited. */
  parked(now: number, limit: number): Promise<Parked[]>
  /** When the next of those is due; null when there are none. */
  nextParked(): Promise<number | null>
  /**
   * Adds a webhook: from this commit on, every event of the tenant that it wants becomes a notice, in the commit that writes the
   * event. False, and nothing is added, when the tenant has `most` already.
   * @param secret what its calls are signed with, as its owner has it
   */
  addWebhook(webhook: Webhook, secret: string, most: number): Promise<boolean>
  /** A tenant's, the oldest first. */
  webhooks(tenant: string): Promise<Webhook[]>
  webhook(id: string, tenant: string): Promise<Webhook | null>
  /** Forgets a webhook, and all that it was still to be told. False for no such webhook. */
  removeWebhook(id: string, tenant: string): Promise<boolean>
  /** Those who have a webhook that is not disabled. */
  webhookTenants(): Promise<string[]>
  /**
   * Leases up to `limit` notices due at `now`: at most `each` for one webhook, less those that `busy` says are under way, and none
   * while a webhook waits; webhooks take turns. `next`: when there may be more to claim, a full webhook's aside; null when nothing
   * waits. Notices whose event was swept are forgotten.
   */
  claimNotices(want: {
    now: number
    leaseUntil: number
    limit: number
    each: number
    busy: Readonly<Record<string, number>>
  }): Promise<{ notices: Notice[]; next: number | null }>
  /** What became of a notice, and how its webhook is. False when the claim is no longer ours. */
  settleNotice(settlement: NoticeSettlement): Promise<boolean>
  /**
   * Forgets notices of events before `before`, and what waits for webhooks that are gone or disabled. Works in small steps; call
   * again while there is `more`. `dropped`: how many were too old, by webhook.
   */
  dropNotices(want: { before: number; limit: number }): Promise<{ dropped: Record<string, number>; more: boolean }>
  /**
   * What became of recipients, of all tenants, in the order in which it was written: those of these types among the next `limit`
   * events after the place `after`, and the place where they end. With `after` null none, and the place where all end now.
   */
  records(query: {
    after: number | null
    types: readonly EventType[]
    limit: number
  }): Promise<{ rows: DeliveryRecord[]; last: number; more: boolean }>
  /** Small state that must outlive the process: breakers, drained providers, counters. JSON; null when never set. */
  state(key: string): Promise<unknown>
  setState(key: string, value: unknown): Promise<void>
  /** What `record` and `settle` counted in a span of time, by its name. */
  usage(span: string): Promise<Record<string, number>>
  /** Adds to what is counted by the hour. */
  addStats(stats: readonly Stat[]): Promise<void>
  /** Sums of what was counted, by name. */
  stats(query: StatQuery): Promise<(StatCounts & { name: string })[]>
  /**
   * Deletes content, events and whole messages older than the given times (ended messages only), idempotency keys past theirs,
   * and gives the space back. Answers how many messages or keys went, whichever were more. Works in small steps; call again
   * while it answers `limit`.
   */
  sweep(before: { messages: number; keys: number; limit: number }): Promise<number>
  /** Flushes and closes; later calls throw StoreUnavailable. */
  close(): Promise<void>
}
