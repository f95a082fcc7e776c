/** The contract over SQLite: every verb as a synchronous step, how a batch of them is committed, and the store over both. */
import type { Database } from './database.ts'
import { type ArrivalHead, accept, drop, firstClaim, keep } from './sqlite-accept.ts'
import { records } from './sqlite-export.ts'
import { attribute, hear, nextParked, parked } from './sqlite-hear.ts'
import { claimNotices, dropNotices, settleNotice } from './sqlite-notices.ts'
import { claim, depth, hasten, nextDue, oldest, record, settle, unknowns, unpacked } from './sqlite-queue.ts'
import { events, message, messages, piece, state } from './sqlite-read.ts'
import { addStats, stats } from './sqlite-stats.ts'
import { reschedule, steer } from './sqlite-steer.ts'
import { suppress, suppressed, suppression, suppressions, unsuppress } from './sqlite-suppress.ts'
import { sweep } from './sqlite-sweep.ts'
import { traffic } from './sqlite-traffic.ts'
import { forgetCounts, minutesSince, usage, writeCounts } from './sqlite-usage.ts'
import { addWebhook, forgetWebhooks, removeWebhook, webhook, webhooks, webhookTenants } from './sqlite-webhooks.ts'
import { type Store, StoreUnavailable } from './store.ts'

function setState(db: Database, key: string, value: string): void {
  db.run(
    'INSERT INTO state (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    key,
    value,
  )
}

/** Those that change something, and must be committed before they are answered. */
const writing = {
  accept,
  keep,
  drop,
  claim,
  record,
  settle,
  steer,
  reschedule,
  hasten,
  suppress,
  unsuppress,
  hear,
  parked,
  setState,
  sweep,
  addWebhook,
  removeWebhook,
  claimNotices,
  settleNotice,
  dropNotices,
  addStats,
}
const reading = {
  nextDue,
  depth,
  oldest,
  unknowns,
  message,
  messages,
  events,
  piece,
  suppressed,
  suppression,
  suppressions,
  attribute,
  nextParked,
  state,
  usage,
  minutesSince,
  webhook,
  webhooks,
  webhookTenants,
  records,
  stats,
  traffic,
}
const verbs = { ...writing, ...reading }

type Verb = keyof typeof verbs
type Rest<Work> = Work extends (db: Database, ...args: infer Args) => unknown ? Args : never
type Args<V extends Verb> = Rest<(typeof verbs)[V]>
type Result<V extends Verb> = ReturnType<(typeof verbs)[V]>

export interface Call {
  verb: Verb
  args: unknown[]
}

export type Answer = { value: unknown } | { error: Error }

/**
 * Runs calls in their order and commits them together. When one of them fails, nothing of that happened, and each is run and
 * committed again by itself: so it fails alone, also where SQLite answers its error by undoing the whole transaction.
 * @returns an answer for each call; whatever is not an error is durable
 */
export function commit(db: Database, calls: readonly Call[]): Answer[] {
  if (!calls.some((call) => call.verb in writing)) return calls.map((call) => attempt(() => run(db, call)))
  try {
    return committed(db, () => calls.map((call) => ({ value: run(db, call) })))
  } catch (error) {
    if (calls.length === 1) return [{ error: error as Error }]
  }
  return calls.map((call) => attempt(() => committed(db, () => run(db, call))))
}

/** What is remembered beside the tables, of webhooks and counts, is as they are: when those go back, it is forgotten. */
function committed<Result>(db: Database, work: () => Result): Result {
  try {
    return db.transaction(() => {
      const result = work()
      writeCounts(db)
      return result
    })
  } catch (error) {
    forgetWebhooks(db)
    forgetCounts(db)
    throw error
  }
}

function attempt(work: () => unknown): Answer {
  try {
    return { value: work() }
  } catch (error) {
    return { error: error as Error }
  }
}

function run(db: Database, { verb, args }: Call): unknown {
  return (verbs[verb] as (db: Database, ...args: unknown[]) => unknown)(db, ...args)
}

/**
 * Carries calls to wherever the database is. Arguments are JSON, but for a text that stands last and bytes before it or in its place;
 * results too, or parcels.
 */
export interface Caller {
  call<V extends Verb>(verb: V, ...args: Args<V>): Promise<Result<V>>
  close(): Promise<void>
}

export function storeOver({ call, close }: Caller): Store {
  return {
    async accept(arrival, leaseUntil) {
      const { content, message, ...rest } = arrival
      const { id, tenant, type, acceptedAt, sendAt, priority, tags } = message
      const whole = content instanceof Uint8Array ? content : null
      const head: ArrivalHead = {
        ...rest,
        message: { id, tenant, type, acceptedAt, sendAt, priority, tags },
        spool: content instanceof Uint8Array ? null : content.spool,
        leaseUntil: leaseUntil ?? null,
      }
      const answer = await call('accept', head, whole, JSON.stringify(message))
      if (answer.kind !== 'accepted') return answer
      const { leased, ...accepted } = answer
      return {
        ...accepted,
        claim: leased && firstClaim(arrival, accepted.suppressed, { ...leased, until: leaseUntil! }),
      }
    },
    keep: (spool, piece) => call('keep', spool, piece),
    drop: (spool) => call('drop', spool),
    claim: async (want) => unpacked(await call('claim', want)),
    record: (attempt) => call('record', attempt),
    settle: (settlement) => call('settle', settlement),
    hasten: (which, now, step) => call('hasten', which, now, step),
    unknowns: () => call('unknowns'),
    nextDue: () => call('nextDue'),
    depth: () => call('depth'),
    oldest: () => call('oldest'),
    message: (id, tenant) => call('message', id, tenant),
    messages: (query) => call('messages', query),
    events: (query) => call('events', query),
    async *content(messageId) {
      let count = 1
      for (let which = 0; which < count; which++) {
        const { rest, bytes } = await call('piece', messageId, which)
        if (rest < count && which > 0)
          throw new StoreUnavailable(`the content of ${messageId} was swept while it was read`)
        count = rest
        yield* bytes
      }
    },
    steer: (id, tenant, what, now) => call('steer', id, tenant, what, now),
    reschedule: (id, tenant, sendAt, now) => call('reschedule', id, tenant, sendAt, now),
    suppressed: async (tenant, emails, type) => new Set(await call('suppressed', tenant, emails, type)),
    suppression: (tenant, key) => call('suppression', tenant, key),
    suppressions: (query) => call('suppressions', query),
    suppress: (suppressions) => call('suppress', suppressions),
    unsuppress: (tenant, keys, only) => call('unsuppress', tenant, keys, only ?? {}),
    attribute: (provider, references) => call('attribute', provider, references),
    hear: (told) => call('hear', told),
    parked: (now, limit) => call('parked', now, limit),
    nextParked: () => call('nextParked'),
    state: (key) => call('state', key),
    setState: (key, value) => call('setState', key, JSON.stringify(value ?? null)),
    usage: (span) => call('usage', span),
    minutesSince: (minute) => call('minutesSince', minute),
    addStats: (stats) => call('addStats', stats),
    stats: (query) => call('stats', query),
    sweep: (before) => call('sweep', before),
    addWebhook: (webhook, secret, most) => call('addWebhook', webhook, secret, most),
    webhooks: (tenant) => call('webhooks', tenant),
    webhook: (id, tenant) => call('webhook', id, tenant),
    removeWebhook: (id, tenant) => call('removeWebhook', id, tenant),
    webhookTenants: () => call('webhookTenants'),
    claimNotices: (want) => call('claimNotices', want),
    settleNotice: (settlement) => call('settleNotice', settlement),
    dropNotices: (want) => call('dropNotices', want),
    records: (query) => call('records', query),
    traffic: (query) => call('traffic', query),
    close,
  }
}
