/** Webhooks told over real sockets, by a real store, with a clock that is handed in. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { newId } from '../../src/mail/id.ts'
import { base64 } from '../../src/mail/signature.ts'
import { guardedHttp } from '../../src/send/guarded-http.ts'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import type { NewEvent, Store, Webhook } from '../../src/store/store.ts'
import { startNotifier } from '../../src/track/notify.ts'
import { temporary } from '../store/contract.ts'
import { accepted, claimOne, event, settlement } from '../store/mail.ts'
import { eventually } from '../support/waypost.ts'
import { type Posted, status, verified, type WebhookTarget, webhookTarget } from '../support/webhook-target.ts'

const secret = `whsec_${base64(new Uint8Array(32).fill(7))}`
const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** A notifier over a store, with a clock that stands still. */
async function telling(test: TestContext, directory?: string) {
  const folder = directory ?? (await temporary(test))
  const store = await openSqlite({ path: join(folder, 'waypost.db') })
  const time = { now: Date.now() }
  const log: string[] = []
  const counts: Record<string, number> = {}
  const write = (details: object, message: string) => void log.push(`${message} ${JSON.stringify(details)}`)
  const http = guardedHttp({ allowPrivate: () => true })
  const asked = { times: 0 }
  const notifier = startNotifier({
    store: {
      ...store,
      claimNotices(want) {
        asked.times++
        return store.claimNotices(want)
      },
    },
    clock: () => time.now,
    dice: () => 0.5,
    post: http.post,
    counted: (result, count) => {
      counts[result] = (counts[result] ?? 0) + count
    },
    log: { info: write, warn: write, error: write },
  })
  let stopped: Promise<void> | undefined
  const stop = (limit = 0) => {
    stopped ??= notifier.stop(limit).then(async () => {
      http.close()
      await store.close()
    })
    return stopped
  }
  test.after(() => stop())
  return {
    folder,
    store,
    log,
    counts,
    asked,
    notifier,
    stop,
    time,
    /** Time passes, and the notifier looks at it. */
    pass(milliseconds: number) {
      time.now += milliseconds
      notifier.changed()
    },
    async hook(url: string, more: Partial<Webhook> = {}): Promise<string> {
      const id = newId('whk', time.now)
      const none = { types: null, description: null, dialect: null, disabledAt: null }
      await store.addWebhook({ id, tenant: 'acme', url, createdAt: time.now, ...none, ...more }, secret, 20)
      notifier.changed()
      return id
    },
    /** So many messages are accepted: an event each. */
    async mail(count = 1): Promise<void> {
      const all = Array.from({ length: count }, () => accepted(store, { message: { acceptedAt: time.now } }))
      await Promise.all(all)
      notifier.changed()
    },
  }
}

async function target(test: TestContext, answer?: WebhookTarget['answer']): Promise<WebhookTarget> {
  const one = await webhookTarget(answer)
  test.after(() => one.close())
  return one
}

const posts = ({ posted }: WebhookTarget, count: number) =>
  eventually(() => posted.length >= count && posted, `${count} posts`)
const results = (counts: Record<string, number>, result: string, count: number) =>
  eventually(() => counts[result] === count, `${count} ${result}, of ${JSON.stringify(counts)}`)
const idOf = ({ headers }: Posted) => headers['webhook-id']

/** Nothing more comes of itself: the notifier has asked again, and the store had nothing. */
async function quiet({ asked, notifier }: Awaited<ReturnType<typeof telling>>): Promise<void> {
  const before = asked.times
  notifier.changed()
  await eventually(() => asked.times > before, 'another look')
  await new Promise((resolve) => setImmediate(resolve))
}

async function eventsOf(store: Store): Promise<NewEvent[]> {
  return (await store.events({ tenant: 'acme', limit: 100 })).rows
}

describe('an event', () => {
  it('is posted signed, as /v1/events shows it', async (test) => {
    const { store, hook, mail, counts, notifier, time } = await telling(test)
    const there = await target(test)
    await hook(`${there.url}in?x=1`)
    await mail()
    const claim = await claimOne(store, time.now)
    const sent = {
      ...event('sent', 'ann@example.org', time.now),
      provider: 'relay',
      providerMessageId: 'p1',
      detail: 'ok',
    }
    await store.settle(settlement(claim, 'sent', { events: [sent] }))
    notifier.wake('acme')
    const posted = await posts(there, 2)
    await results(counts, 'taken', 2)
    const events = await eventsOf(store)
    const told = posted.map((one) => verified(one, secret) as { type: string; data: { id: string } })
    assert.deepEqual(
      told.toSorted((a, b) => (a.data.id < b.data.id ? 1 : -1)),
      events
        .map((one) => {
          const at = new Date(one.at).toISOString()
          return { type: one.type, timestamp: at, data: { ...one, at } }
        })
        .toSorted((a, b) => ((a.data as never as { id: string }).id < (b.data as never as { id: string }).id ? 1 : -1)),
    )
    assert.deepEqual(
      posted.map(idOf),
      told.map(({ data }) => data.id),
    )
    assert.equal(posted[0]!.path, '/in?x=1')
    assert.equal(posted[0]!.headers['content-type'], 'application/json')
    assert.equal(posted[0]!.headers['user-agent'], 'waypost')
  })

  it('that is not taken is posted again by the schedule, the same but for its time and signature', async (test) => {
    const at = await telling(test)
    const there = await target(test, status(500))
    await at.hook(there.url)
    await at.mail()
    const waits = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
    for (const [tries, wait] of waits.entries()) {
      await results(at.counts, 'failed', tries + 1)
      at.pass(wait - 1)
      await quiet(at)
      assert.equal(there.posted.length, tries + 1)
      at.pass(1)
      // After five failures the webhook waits besides, but never longer than an hour.
      at.pass(0)
      await posts(there, tries + 2)
    }
    await results(at.counts, 'given_up', 1)
    at.pass(5 * day)
    await quiet(at)
    assert.equal(there.posted.length, 10)
    assert.equal(new Set(there.posted.map(idOf)).size, 1)
    assert.equal(new Set(there.posted.map(({ body }) => body)).size, 1)
    assert.equal(new Set(there.posted.map(({ headers }) => headers['webhook-signature'])).size, 10)
    assert.ok(at.log.some((line) => /not told again.*"status":500,"tries":10/.test(line)))
  })

  it('is done with any 2xx, and redirects are not followed', async (test) => {
    const at = await telling(test)
    const elsewhere = await target(test)
    const there = await target(test, status(302, { location: elsewhere.url }))
    await at.hook(there.url)
    await at.mail()
    await results(at.counts, 'failed', 1)
    there.answer = status(299)
    at.pass(5 * second)
    await results(at.counts, 'taken', 1)
    assert.equal(elsewhere.posted.length, 0)
  })

  it('is not told before the target wants to hear again, within an hour, nor is any other', async (test) => {
    const at = await telling(test)
    const there = await target(test, status(503, { 'retry-after': '86400' }))
    await at.hook(there.url)
    await at.mail()
    await results(at.counts, 'failed', 1)
    there.answer = status(200)
    await at.mail()
    at.pass(hour - 1)
    await quiet(at)
    assert.equal(there.posted.length, 1)
    at.pass(1)
    await results(at.counts, 'taken', 2)
  })

  it('is told again after a restart, also one that was under way', async (test) => {
    const before = await telling(test)
    const there = await target(test, () => {})
    const id = await before.hook(there.url)
    await before.mail(2)
    await posts(there, 2)
    await before.stop()
    assert.deepEqual(before.counts, {})
    there.answer = status(200)
    const { counts } = await telling(test, before.folder)
    await results(counts, 'taken', 2)
    const [one, two, ...again] = there.posted.map(idOf)
    assert.deepEqual(again.sort(), [one, two].sort())
    assert.ok(before.log.every((line) => !line.includes(id)))
  })

  it('waits five days for a webhook that waits, and is dropped then', async (test) => {
    const at = await telling(test)
    const there = await target(test, status(500))
    await at.hook(there.url)
    await at.mail(20)
    await eventually(() => at.log.some((line) => line.includes('it waits')), 'the webhook waits')
    await eventually(() => there.posted.length === at.counts.failed, 'all calls have ended')
    there.answer = status(200)
    const { length } = there.posted
    at.time.now += 5 * day + 1
    at.notifier.changed()
    // Who comes first, the telling or the dropping, is open, and what is under way may be both; most are dropped, for the webhook is
    // tried by one call.
    const { counts } = at
    await eventually(() => (counts.dropped ?? 0) + (counts.taken ?? 0) >= 20, 'all are dropped or told')
    assert.ok(counts.dropped! <= 20)
    assert.ok(counts.dropped! >= 10)
    assert.ok(at.log.some((line) => line.includes('within five days')))
    assert.ok(there.posted.length <= length + 4)
  })
})

describe('a webhook', () => {
  it('that is dead harms no other: it waits as a whole, and is tried by one call', async (test) => {
    const at = await telling(test)
    const [live, dead] = [await target(test), await target(test, (response) => response.destroy())]
    await at.hook(dead.url)
    await at.hook(live.url)
    await at.mail(100)
    await results(at.counts, 'taken', 100)
    await eventually(() => at.log.some((line) => line.includes('it waits')), 'the webhook waits')
    await eventually(() => dead.posted.length === at.counts.failed, 'all calls have ended')
    await quiet(at)
    const before = dead.posted.length
    assert.ok(before >= 5 && before <= 8, `${before} calls`)
    // Once a wait, each twice as long.
    for (let failures = before; failures < before + 4; failures++) {
      const wait = 5 * second * 2 ** (failures - 5)
      at.pass(wait - 1)
      await quiet(at)
      assert.equal(dead.posted.length, failures)
      at.pass(1)
      await results(at.counts, 'failed', failures + 1)
      await quiet(at)
    }
    assert.equal(dead.posted.length, before + 4)
    // Well again: everything is told.
    dead.answer = status(200)
    at.pass(hour)
    await results(at.counts, 'taken', 200)
    assert.ok(at.log.some((line) => line.includes('takes events again')))
  })

  it('that never answers holds four calls, and others go on', async (test) => {
    const at = await telling(test)
    const [live, silent] = [await target(test), await target(test, () => {})]
    await at.hook(silent.url)
    await at.hook(live.url)
    await at.mail(50)
    await results(at.counts, 'taken', 50)
    await quiet(at)
    assert.equal(silent.posted.length, 4)
  })

  it('holds four of 32 calls at once', async (test) => {
    const at = await telling(test)
    const silent = await Promise.all(Array.from({ length: 10 }, () => target(test, () => {})))
    for (const { url } of silent) await at.hook(url)
    await at.mail(10)
    const all = () => silent.reduce((sum, { posted }) => sum + posted.length, 0)
    await eventually(() => all() === 32, '32 calls')
    at.notifier.changed()
    for (let turn = 0; turn < 3; turn++) await at.store.webhookTenants()
    assert.equal(all(), 32)
    assert.ok(silent.every(({ posted }) => posted.length <= 4))
  })

  it('that says it is gone is disabled', async (test) => {
    const at = await telling(test)
    const there = await target(test, status(410))
    const id = await at.hook(there.url)
    await at.mail()
    await results(at.counts, 'gone', 1)
    await eventually(async () => (await at.store.webhook(id, 'acme'))!.disabledAt === at.time.now, 'it is disabled')
    await at.mail(3)
    at.pass(hour)
    await quietly(at)
    assert.equal(there.posted.length, 1)
    assert.ok(at.log.some((line) => line.includes('disabled') && line.includes(id)))
    assert.deepEqual(await at.store.webhookTenants(), [])
  })

  it('that is deleted is told nothing that waited', async (test) => {
    const at = await telling(test)
    const there = await target(test, status(500))
    const id = await at.hook(there.url)
    await at.mail()
    await results(at.counts, 'failed', 1)
    there.answer = status(200)
    await at.store.removeWebhook(id, 'acme')
    const other = await target(test)
    await at.hook(other.url)
    await at.mail()
    await results(at.counts, 'taken', 1)
    at.pass(hour)
    await quiet(at)
    assert.deepEqual([there.posted.length, other.posted.length], [1, 1])
  })

  it('of another tenant hears nothing, and without any nothing is asked', async (test) => {
    const at = await telling(test)
    await at.mail()
    at.notifier.wake('acme')
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(at.asked.times, 0)
    const [mine, other] = [await target(test), await target(test)]
    await at.hook(other.url, { tenant: 'bolt' })
    await at.hook(mine.url, { types: ['accepted'] })
    await at.mail(3)
    await results(at.counts, 'taken', 3)
    assert.deepEqual([mine.posted.length, other.posted.length], [3, 0])
  })
})

/** The same, where nobody is left to be told: two tidy rounds of the store have passed. */
async function quietly({ store }: Awaited<ReturnType<typeof telling>>): Promise<void> {
  for (let round = 0; round < 2; round++) await store.webhookTenants()
}
