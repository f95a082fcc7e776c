/** What is learnt of providers: from their answers, and from what they tell later of mail that they took. */
import type { Hosts } from '../hosts.ts'
import type { Identities } from '../identity.ts'
import { domainOf } from '../mail/address.ts'
import type { Message } from '../mail/message.ts'
import type { Seen } from '../mail/move.ts'
import { cutShort, type Outcome, type Outcomes } from '../mail/outcome.ts'
import type { Became, SavedCells } from '../route/cells.ts'
import { observe } from '../route/health.ts'
import type { RegexEngine } from '../route/match.ts'
import { judge, type Verdict } from '../send/breaker.ts'
import type { Store } from '../store/store.ts'
import type { News } from '../track/inbound.ts'
import type { Turn } from '../turns.ts'
import { type Live, mayTell } from './live.ts'
import { heardOf, told } from './replies.ts'

/** A vendor's word that a From domain is not verified there holds this long; then it is asked again. */
const identityMemory = 10 * 60_000
/** Mail whose deferral was told, remembered for each provider. */
const mostDeferred = 1_000

export interface LearntParts {
  store: Pick<Store, 'addStats' | 'minutesSince' | 'setState' | 'state' | 'unsuppress' | 'usage'>
  clock: () => number
  /** In [0, 1). */
  dice: () => number
  hosts: Hosts
  /** For shaping rules. */
  regex: RegexEngine
  /** Where somebody looks after From domains. */
  identities?: Identities
  turned: Turn
  /** Told of every mail that a provider took, and of those that were deferred, blocked or complained of. */
  seen?: (provider: string, what: keyof Seen) => void
}

/** What is worth keeping over a restart of how a provider does at hosts. */
export interface SavedHosts {
  /** It has told of deliveries. */
  tells: boolean
  cells: SavedCells
}

/** Where the store keeps it. */
export const hostsKey = (provider: string) => `cells:${provider}`

export class Learnt {
  readonly #parts: LearntParts

  constructor(parts: LearntParts) {
    this.#parts = parts
  }

  /** What a call says that has ended. @param latencyMs how long it took */
  answered(
    live: Live,
    verdict: Verdict,
    message: Pick<Message, 'id' | 'type' | 'from'>,
    outcomes: Outcomes,
    latencyMs: number,
  ): void {
    const now = this.#parts.clock()
    if (verdict.kind === 'throttled') live.throttledUntil = now + verdict.wait
    // Its answers are what is measured here: one that accepts and does not deliver is still better than none.
    const answered = verdict.kind === 'fault' ? judge(outcomes).kind : verdict.kind
    const good = answered === 'good' || answered === 'throttled'
    live.health = observe(live.health, { good, latencyMs: good ? latencyMs : null })
    live.unusable = verdict.kind === 'account' || (live.unusable && !good)
    for (const [email, outcome] of outcomes) {
      if ('diagnostic' in outcome && outcome.diagnostic.code === cutShort) continue
      const key = keyOf(message.id, email)
      if ('cause' in outcome && outcome.cause === 'identity') {
        live.notReady.set(domainOf(message.from.email), now + identityMemory)
        live.identity?.doubt(domainOf(message.from.email))
      }
      if (outcome.kind === 'accepted' && live.provider.adapter.webhook) live.overdue.accepted(key, now)
      if (mayTell(live.provider)) {
        live.delivered.answered(key, this.#parts.hosts.of(email), outcome, now)
      }
      this.#seen(live, key, outcome)
      // A vendor that tells of deliveries says nothing of the host by taking mail.
      if (outcome.kind === 'delivered' || (outcome.kind === 'accepted' && !live.overdue.tells)) {
        this.#delivered(live, key, email, message.type)
      } else if ('cause' in outcome && outcome.cause === 'host') {
        remember(live.deferred, key)
        this.#note(live, email, message.type, 'bad')
      }
    }
  }

  /** A mail counts once, however often it was deferred before it was taken. */
  #seen({ provider, deferred }: Live, key: string, outcome: Outcome): void {
    const taken = outcome.kind === 'accepted' || outcome.kind === 'delivered'
    const bad = 'cause' in outcome && outcome.cause === 'host'
    if ((!taken && !bad) || deferred.has(key)) return
    this.#parts.seen?.(provider.name, 'mails')
    if (bad) this.#parts.seen?.(provider.name, 'deferred')
  }

  /** What a vendor told of mail that it had taken. */
  heard(live: Live, { messageId, tenant, recipient, mailType, type, bounce, words }: News): void {
    if (words !== null) heardOf(live, { type, tenant, email: recipient, reply: words }, this.#parts)
    const { clock, hosts } = this.#parts
    const key = keyOf(messageId, recipient)
    live.delivered.heard(key, hosts.of(recipient), { type, bounce }, clock())
    if (type === 'complained') live.atHosts?.sign(hosts.of(recipient), 'complained')
    // Of one that tells of no deliveries, that it took the mail was counted as good.
    const bad = live.overdue.tells ? 'bad' : 'spoiled'
    if (type === 'deferred') {
      // However often it tries in vain, it is one mail.
      if (live.deferred.has(key)) return
      remember(live.deferred, key)
      this.#parts.seen?.(live.provider.name, 'deferred')
      this.#note(live, recipient, mailType, bad)
      return
    }
    if (type === 'complained') this.#parts.seen?.(live.provider.name, 'complained')
    if (type === 'accepted' || type === 'opened' || type === 'clicked') return
    if (type === 'delivered') this.#delivered(live, key, recipient, mailType)
    else if (!live.deferred.delete(key) && bounce === 'block') {
      this.#parts.seen?.(live.provider.name, 'deferred')
      this.#note(live, recipient, mailType, bad)
    }
    const { tells } = live.overdue
    live.overdue.ended(key, clock(), type === 'delivered')
    if (live.overdue.tells !== tells) this.#save(live)
  }

  /** What was deferred first and then went well, as by greylisting, is not held against anybody. */
  #delivered(live: Live, key: string, recipient: string, type: string): void {
    this.#note(live, recipient, type, live.deferred.delete(key) ? 'undone' : 'good')
  }

  #save({ provider, cells, overdue }: Live): void {
    const state: SavedHosts = { tells: overdue.tells, cells: cells.saved() }
    this.#parts.store.setState(hostsKey(provider.name), state).catch(() => {})
  }

  /** Counts what became of mail at the host of a recipient. Only for bad news is it worth finding out whose the domain is. */
  #note(live: Live, recipient: string, type: string, what: Became): void {
    const { hosts, clock, dice, turned } = this.#parts
    const domain = domainOf(recipient)
    const count = (host: string) => {
      told(live, live.shaping?.note(host, what, clock()) ?? null, this.#parts)
      if (what !== 'good') live.atHosts?.sign(host, what === 'undone' ? 'undone' : 'refused')
      const turn = live.cells.note(host, type, what, { now: clock(), die: dice() })
      if (turn === null) return
      const { name } = live.provider
      const sick = live.cells.at(host, clock())
      turned(name, turn, { reason: sick?.words ?? `well again at ${host}`, until: sick?.until ?? null })
      this.#save(live)
    }
    const known = hosts.known(domain)
    if (known !== null || what === 'good' || what === 'undone') count(known ?? domain)
    else
      hosts.find(domain).then(
        (host) => count(host ?? domain),
        () => {},
      )
  }
}

function remember(deferred: Set<string>, key: string): void {
  deferred.add(key)
  if (deferred.size > mostDeferred) deferred.delete(deferred.values().next().value!)
}

/** One mail to one recipient. */
const keyOf = (messageId: string, recipient: string) => `${messageId} ${recipient}`
