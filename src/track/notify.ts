/**
 * Tells webhooks what happened, as Standard Webhooks have it (https://www.standardwebhooks.com): claims notices that are due, posts
 * them signed, and settles what became of them. A target that fails gets its own waits, and is in nobody's way meanwhile.
 */
import { retryAfter } from '../mail/answer.ts'
import type { Told } from '../mail/dialect.ts'
import { atMost, Nap } from '../mail/nap.ts'
import { backoff } from '../mail/retry.ts'
import { base64, hmac, standardSecret } from '../mail/signature.ts'
import type { Notice, NoticeSettlement, Store } from '../store/store.ts'

/** What was answered, or why nothing was. */
type Said = { status: number; headers: Record<string, string> } | { problem: string }

/** `taken`: 2xx. `failed`: to be told again. `given_up`: never taken. `gone`: 410. `dropped`: too old before it was told. */
type NoticeResult = 'taken' | 'failed' | 'given_up' | 'gone' | 'dropped'

export interface NotifierParts {
  store: Pick<Store, 'claimNotices' | 'settleNotice' | 'dropNotices' | 'webhookTenants'>
  clock: () => number
  /** Numbers in [0, 1). */
  dice: () => number
  /** Makes one call, follows no redirect, ends by itself, and never rejects. */
  post: (call: { url: string; headers: Record<string, string>; body: string }) => Promise<Said>
  /** The call that tells a notice in the words of its webhook, without the address; null when those have none for it. Our own: `ownWords`. */
  inWords?: (notice: Notice, now: number) => Promise<Told | null>
  counted: (result: NoticeResult, count: number) => void
  log: Record<'info' | 'warn' | 'error', (details: object, message: string) => void>
}

export interface Notifier {
  /** Something happened to this tenant's mail. Cheap, and nothing at all for a tenant without webhooks. */
  wake(tenant: string): void
  /** Webhooks were added or removed. */
  changed(): void
  /** Tells nothing more and resolves when what is under way has ended, or after `limit` milliseconds; what had not is told again. */
  stop(limit: number): Promise<void>
}

const minute = 60_000
const hour = 60 * minute
/** Milliseconds after each try that failed; after the last of them nobody tries again. The standard's own. */
const schedule = [5_000, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
/** However long its webhook waited: an event older than this is told to nobody. */
const oldest = 5 * 24 * hour

const atOnce = 32
const atOnceToOne = 4
/** Longer than any call takes. */
const lease = minute

/** After so many failures in a row a webhook waits as a whole, and then one call finds out whether it is well again. */
const patience = 5
const pause = { first: 5_000, max: hour }

const longestSleep = minute
const afterFailure = 1_000
const tidyEvery = hour
const tidyAtOnce = 500

/** A webhook with calls under way. */
interface Busy {
  calls: number
  failures: number
  waitUntil: number
}

export function startNotifier(parts: NotifierParts): Notifier {
  const { store, clock, dice, post, counted, log } = parts
  let tenants: ReadonlySet<string> = new Set()
  let stale = true
  let tidyAt = 0
  let tidying: Promise<void> | null = null
  const busy = new Map<string, Busy>()
  const nap = new Nap()
  let inFlight = 0
  /** Calls were broken off: what they say is not the webhook's fault. */
  let cut = false
  const idle: (() => void)[] = []

  async function round(): Promise<void> {
    nap.begin()
    if (stale) {
      stale = false
      tidyAt = 0
      tenants = new Set(await store.webhookTenants())
    }
    const now = clock()
    if (now >= tidyAt) {
      tidyAt = now + tidyEvery
      tidying ??= tidy(now).finally(() => {
        tidying = null
      })
    }
    if (tenants.size === 0 || inFlight >= atOnce) return nap.sleep(longestSleep)
    const { notices, next } = await store.claimNotices({
      now,
      leaseUntil: now + lease,
      limit: atOnce - inFlight,
      each: atOnceToOne,
      busy: Object.fromEntries([...busy].map(([id, { calls }]) => [id, calls])),
    })
    for (const notice of notices) void tell(notice)
    const wait = next === null ? longestSleep : Math.min(Math.max(next - clock(), 0), longestSleep)
    // With no place left the end of a call wakes us.
    return nap.sleep(inFlight >= atOnce ? longestSleep : wait)
  }

  /** Forgets what is too old or for nobody, in small steps beside the telling. */
  async function tidy(now: number): Promise<void> {
    try {
      for (let more = true; more && !nap.ended; ) {
        const step = await store.dropNotices({ before: now - oldest, limit: tidyAtOnce })
        more = step.more
        for (const [webhook, events] of Object.entries(step.dropped)) {
          counted('dropped', events)
          log.warn(
            { webhook, events },
            'events were not taken by a webhook within five days, and are not told any more',
          )
        }
      }
    } catch (error) {
      if (!nap.ended) log.error({ err: error }, 'old notices could not be dropped')
    }
  }

  async function tell(notice: Notice): Promise<void> {
    const { webhook } = notice
    const state = busy.get(webhook.id) ?? { calls: 0, failures: webhook.failures, waitUntil: 0 }
    busy.set(webhook.id, state)
    state.calls++
    inFlight++
    try {
      const call = await (parts.inWords ?? ownWords)(notice, clock())
      // What it has no word for it need not be told.
      const none = { status: 204, headers: {} } as const
      const answer = call ? await post({ url: webhook.url, headers: call.headers, body: call.body }) : none
      const said = 'status' in answer && call?.enough?.includes(answer.status) ? none : answer
      if (!cut) await store.settleNotice(settlement(notice, said, state))
    } catch (error) {
      if (!cut) log.error({ err: error, webhook: webhook.id }, 'a notice could not be settled; it is told again')
    } finally {
      state.calls--
      inFlight--
      if (state.calls === 0) busy.delete(webhook.id)
      if (inFlight === 0) for (const resolve of idle.splice(0)) resolve()
      nap.wake()
    }
  }

  /** What follows from an answer, for the notice and for its webhook. */
  function settlement({ id, claims, tries, webhook, event }: Notice, said: Said, state: Busy): NoticeSettlement {
    const now = clock()
    const about = { webhook: webhook.id, tenant: webhook.tenant }
    const status = 'status' in said ? said.status : null
    if (status !== null && status >= 200 && status < 300) {
      if (state.failures >= patience) log.info(about, 'webhook takes events again')
      state.failures = 0
      state.waitUntil = 0
      counted('taken', 1)
      return { id, claims, dueAt: null, webhook: { failures: 0, waitUntil: 0 } }
    }
    const failed = { ...about, event: event.id, ...('status' in said ? { status } : said) }
    if (status === 410) {
      log.warn(failed, 'webhook disabled: its target says that it is gone; delete it, or add it anew')
      counted('gone', 1)
      stale = true
      return { id, claims, dueAt: null, webhook: { failures: state.failures, waitUntil: 0, disabledAt: now } }
    }
    const asked = 'headers' in said ? retryAfter(said.headers) : undefined
    state.failures++
    if (state.failures === patience)
      log.warn(failed, 'webhook does not take events: it waits, and is tried from time to time')
    const rest =
      state.failures >= patience ? backoff(pause, state.failures - patience + 1, dice(), asked) : (asked ?? 0)
    if (rest > 0) state.waitUntil = Math.max(state.waitUntil, now + rest)
    const how = { failures: state.failures, waitUntil: state.waitUntil > now ? state.waitUntil : 0 }
    const dueAt = now + dueIn(tries, dice(), asked)
    if (tries >= schedule.length || dueAt > event.at + oldest) {
      log.warn({ ...failed, tries: tries + 1 }, 'an event was not taken by a webhook, and is not told again')
      counted('given_up', 1)
      return { id, claims, dueAt: null, webhook: how }
    }
    counted('failed', 1)
    return { id, claims, dueAt, webhook: how }
  }

  const loop = (async () => {
    while (!nap.ended) {
      try {
        await round()
      } catch (error) {
        if (!nap.ended) log.error({ err: error }, 'the store could not be asked what webhooks are to be told')
        nap.begin()
        await nap.sleep(afterFailure)
      }
    }
  })()

  return {
    wake(tenant) {
      if (tenants.has(tenant)) nap.wake()
    },
    changed() {
      stale = true
      nap.wake()
    },
    async stop(limit) {
      nap.end()
      const ended = loop
        .then(() => tidying)
        .then(() => new Promise<void>((resolve) => (inFlight === 0 ? resolve() : idle.push(resolve))))
      await atMost(limit, ended)
      cut = true
    },
  }
}

/** Milliseconds until an event is told again that was told `tries` times before this one. */
function dueIn(tries: number, dice: number, asked = 0): number {
  return Math.max(Math.round((schedule[tries] ?? 0) * (0.8 + 0.4 * dice)), asked)
}

/** The call that tells it in our own words: the same id and body at every try, signed with the time of this one. */
export async function ownWords({ event, webhook }: Notice, now: number): Promise<Told> {
  const at = new Date(event.at).toISOString()
  const body = JSON.stringify({ type: event.type, timestamp: at, data: { ...event, at } })
  const seconds = Math.floor(now / 1000)
  const signed = await hmac('SHA-256', standardSecret(webhook.secret)!, `${event.id}.${seconds}.${body}`)
  const headers = {
    'content-type': 'application/json',
    'webhook-id': event.id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${base64(signed)}`,
  }
  return { headers, body }
}
