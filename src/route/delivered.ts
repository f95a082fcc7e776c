/**
 * What becomes of the mail that one provider accepted: how much of it was delivered in time, how much was complained of; altogether and
 * at each mailbox host that we know by name. Counts that fade, so that what is said is of the last hour or so. Pure: times are handed in.
 */
import type { Outcome } from '../mail/outcome.ts'
import type { ProviderEvent, ProviderEventType } from '../mail/webhook.ts'
import { isKnown } from './cells.ts'

/** Counts that fade. */
export interface Told {
  /** Delivered in time, and not complained of. */
  good: number
  /** Not delivered, or not in time, or complained of. */
  bad: number
  /** Those of the bad that were complaints. */
  complaints: number
  /** The mailbox host, when it is its mail that speaks. */
  at?: string
}

interface Counts extends Told {
  since: number
}

/** How a mail ended at its provider. `nobody`: as the recipient's own matter, such as a mailbox that does not exist. */
export type Ended = 'delivered' | 'lost' | 'nobody'

/** What is kept over a restart. */
export interface SavedDelivered {
  tells: boolean
  total: Counts
  hosts: [host: string, counts: Counts][]
}

const halfLife = 60 * 60_000
/** Mail that nothing good was told of until then is not delivered in time. */
const inTime = 15 * 60_000
/** A complaint weighs as much as this many mails that were lost: hosts begin to block at three in a thousand. */
const complaintWeight = 10
/** It takes this many to say anything of a provider, or of a host without the help of what is known elsewhere. */
const enough = 30
/** Mail that is waited for; from half of that on it is a sample, spread over the time. */
const mostOpen = 4_000
/** Told of before the call that sent it had ended; kept for when it has. */
const mostEarly = 1_000
/** The weight of the newest mail in the share that is in the sample. */
const newest = 0.01
const saveEvery = 60_000

/** Delivered of all, from 0 to 1, complaints held against it; null where too few were told of. */
export function deliveredShare(told: Told | null | undefined): number | null {
  // What is filled up comes to just that, but for how numbers are kept.
  if (!told || told.good + told.bad < enough - 1e-6) return null
  const { good, bad, complaints } = told
  return good / (good + bad + (complaintWeight - 1) * complaints)
}

export class Delivered {
  readonly #save: (saved: SavedDelivered) => void
  readonly #hosts: Map<string, Counts>
  readonly #open = new Map<string, { at: number; host: string }>()
  readonly #early = new Map<string, Ended>()
  #total: Counts
  #tells: boolean
  /** When the oldest that is waited for was accepted. */
  #oldest = Number.POSITIVE_INFINITY
  #takenAt = Number.NEGATIVE_INFINITY
  #savedAt = Number.NEGATIVE_INFINITY
  /** The share of mail that is in the sample. */
  #sampled = 1

  /** @param save told once a minute of what is worth keeping */
  constructor(saved: SavedDelivered | null = null, save: (saved: SavedDelivered) => void = () => {}) {
    this.#save = save
    this.#total = saved?.total ?? none
    this.#tells = saved?.tells ?? false
    this.#hosts = new Map(saved?.hosts)
  }

  /** What its call said of one recipient. What the recipient's host said to it counts as what it tells later does. */
  answered(key: string, host: string, outcome: Outcome, at: number): void {
    const ofHost = 'cause' in outcome && outcome.cause === 'host'
    if (outcome.kind !== 'accepted' && outcome.kind !== 'delivered' && !ofHost) return
    this.accepted(key, host, at)
    if (outcome.kind === 'delivered') this.ended(key, 'delivered', at)
    else if (outcome.kind === 'rejected') this.ended(key, 'lost', at)
  }

  /** What it told of a mail later. */
  heard(
    key: string,
    host: string,
    { type, bounce }: Pick<ProviderEvent, 'type'> & { bounce: string | null },
    at: number,
  ): void {
    if (type === 'complained') this.complained(host, at)
    const how = type === 'bounced' && bounce === 'hard' ? 'nobody' : ends[type]
    if (how) this.ended(key, how, at)
  }

  /** The provider took a mail for this host, or goes on trying. */
  accepted(key: string, host: string, at: number): void {
    this.#look(at)
    const early = this.#early.get(key)
    if (this.#open.has(key)) return
    const taken = early !== undefined || this.#open.size < mostOpen / 2 || at - this.#takenAt >= (2 * inTime) / mostOpen
    this.#sampled += newest * ((taken ? 1 : 0) - this.#sampled)
    if (!taken) return
    this.#takenAt = at
    this.#open.set(key, { at, host })
    this.#oldest = Math.min(this.#oldest, at)
    if (early !== undefined) this.ended(key, early, at)
  }

  /** It told how a mail ended. */
  ended(key: string, how: Ended, at: number): void {
    this.#look(at)
    if (how === 'delivered') this.#tells = true
    const mail = this.#open.get(key)
    if (!mail) {
      this.#early.set(key, how)
      if (this.#early.size > mostEarly) this.#early.delete(this.#early.keys().next().value!)
      return
    }
    this.#open.delete(key)
    this.#early.delete(key)
    if (how !== 'nobody') this.#count(mail.host, how === 'delivered' ? { good: 1 } : { bad: 1 }, at)
  }

  /** Somebody complained of a mail; it had been counted as delivered, if it was in the sample. */
  complained(host: string, at: number): void {
    const one = this.#sampled
    this.#count(host, { good: -one, bad: one, complaints: one }, at)
  }

  /** What is known by now of mail to a host; null where nothing is, as of a provider that tells nothing. */
  at(host: string, now: number): Told | null {
    this.#look(now)
    if (!this.#tells || this.#total.since === 0) return null
    const total = faded(this.#total, now)
    if (!isKnown(host)) return bare(total)
    const there = this.#hosts.get(host)
    const own = there ? faded(there, now) : none
    // What a host lacks of its own is filled up with what is known elsewhere: trouble at one is none at another.
    const elsewhere = less(total, own)
    const lacks = Math.max(enough - own.good - own.bad, 0)
    const part = Math.min(1, lacks / Math.max(elsewhere.good + elsewhere.bad, 1))
    return {
      good: own.good + part * elsewhere.good,
      bad: own.bad + part * elsewhere.bad,
      complaints: own.complaints + part * elsewhere.complaints,
      ...(own.good + own.bad >= enough ? { at: host } : {}),
    }
  }

  saved(): SavedDelivered {
    return { tells: this.#tells, total: this.#total, hosts: [...this.#hosts] }
  }

  /** Who is late by now is lost, if it is one that would have told. */
  #look(now: number): void {
    if (now - this.#oldest < inTime) return
    this.#oldest = Number.POSITIVE_INFINITY
    for (const [key, { at, host }] of this.#open) {
      if (now - at < inTime) {
        this.#oldest = at
        return
      }
      this.#open.delete(key)
      if (this.#tells) this.#count(host, { bad: 1 }, now)
    }
  }

  #count(host: string, more: Partial<Told>, now: number): void {
    this.#total = counted(this.#total, more, now)
    if (isKnown(host)) this.#hosts.set(host, counted(this.#hosts.get(host) ?? none, more, now))
    if (now - this.#savedAt < saveEvery) return
    this.#savedAt = now
    this.#save(this.saved())
  }
}

const ends: Partial<Record<ProviderEventType, Ended>> = {
  delivered: 'delivered',
  bounced: 'lost',
  rejected: 'lost',
  suppressed: 'nobody',
}

const none: Counts = { good: 0, bad: 0, complaints: 0, since: 0 }

function faded({ good, bad, complaints, since }: Counts, now: number): Counts {
  const left = 2 ** (-Math.max(now - since, 0) / halfLife)
  return { good: good * left, bad: bad * left, complaints: complaints * left, since: Math.max(now, since) }
}

function counted(counts: Counts, { good = 0, bad = 0, complaints = 0 }: Partial<Told>, now: number): Counts {
  const before = faded(counts, now)
  return {
    good: Math.max(before.good + good, 0),
    bad: before.bad + bad,
    complaints: before.complaints + complaints,
    since: before.since,
  }
}

function less(all: Counts, some: Counts): Told {
  return {
    good: Math.max(all.good - some.good, 0),
    bad: Math.max(all.bad - some.bad, 0),
    complaints: Math.max(all.complaints - some.complaints, 0),
  }
}

function bare({ good, bad, complaints }: Counts): Told {
  return { good, bad, complaints }
}
