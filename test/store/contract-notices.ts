import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newId } from '../../src/mail/id.ts'
import type { Notice, NoticeSettlement, Store, Webhook } from '../../src/store/store.ts'
import { type Fresh, type Open, temporary } from './contract.ts'
import { accepted, claimOne, event, minute, settlement, start } from './mail.ts'

const secret = 'whsec_AAAA'

function webhook(more: Partial<Webhook> = {}): Webhook {
  return {
    id: newId('whk', start),
    tenant: 'acme',
    url: 'https://example.com/hook',
    types: null,
    description: null,
    createdAt: start,
    disabledAt: null,
    ...more,
  }
}

async function added(store: Store, more: Partial<Webhook> = {}): Promise<string> {
  const one = webhook(more)
  assert.equal(await store.addWebhook(one, secret, 20), true)
  return one.id
}

type Wanted = Partial<Parameters<Store['claimNotices']>[0]>

function claimed(store: Store, more: Wanted = {}) {
  return store.claimNotices({ now: start, leaseUntil: start + minute, limit: 32, each: 4, busy: {}, ...more })
}

async function told(store: Store, more: Wanted = {}): Promise<Notice[]> {
  return (await claimed(store, more)).notices
}

const well = { failures: 0, waitUntil: 0 }

function settled({ id, claims }: Notice, dueAt: number | null, webhook: NoticeSettlement['webhook'] = well) {
  return { id, claims, dueAt, webhook }
}

const shown = (notices: Notice[]) => notices.map(({ webhook, event }) => [webhook.id, event.type])

export function noticesContract(fresh: Fresh, open: Open): void {
  describe('webhooks', () => {
    it('are the tenant’s own, so many at most, and their secret is not read back', async (test) => {
      const store = await fresh(test)
      const [one, two] = [webhook(), webhook({ types: ['sent'], description: 'two' })]
      assert.equal(await store.addWebhook(one, secret, 2), true)
      assert.equal(await store.addWebhook(two, secret, 2), true)
      assert.equal(await store.addWebhook(webhook(), secret, 2), false)
      assert.equal(await store.addWebhook(webhook({ tenant: '' }), secret, 2), true)
      assert.deepEqual(await store.webhooks('acme'), [one, two])
      assert.deepEqual(await store.webhook(two.id, 'acme'), two)
      assert.equal(await store.webhook(two.id, ''), null)
      assert.equal(await store.removeWebhook(two.id, ''), false)
      assert.deepEqual((await store.webhookTenants()).sort(), ['', 'acme'])
      assert.equal(await store.removeWebhook(two.id, 'acme'), true)
      assert.equal(await store.removeWebhook(two.id, 'acme'), false)
      assert.equal(await store.webhook(two.id, 'acme'), null)
      assert.equal(await store.addWebhook(webhook(), secret, 2), true)
    })
  })

  describe('notices', () => {
    it('are one for each event and webhook that wants it, from when that was added', async (test) => {
      const store = await fresh(test)
      await accepted(store)
      const all = await added(store)
      const some = await added(store, { types: ['sent', 'canceled'] })
      await added(store, { tenant: 'bolt' })
      const id = await accepted(store, { dueAt: start + minute })
      const claim = await claimOne(store)
      await store.settle(settlement(claim, 'sent', { events: [event('sent', 'ann@example.org')] }))
      await store.steer(id, 'acme', 'cancel', start)
      const { notices, next } = await claimed(store)
      assert.deepEqual(
        shown(notices).sort(),
        [
          [all, 'accepted'],
          [all, 'sent'],
          [all, 'canceled'],
          [some, 'sent'],
          [some, 'canceled'],
        ].sort(),
      )
      const { rows } = await store.events({ tenant: 'acme', limit: 2 })
      assert.deepEqual(
        notices.filter(({ webhook }) => webhook.id === some).map((notice) => notice.event),
        rows.reverse(),
      )
      const [first] = notices
      assert.deepEqual(first!.webhook, {
        id: all,
        tenant: 'acme',
        url: 'https://example.com/hook',
        secret,
        failures: 0,
      })
      assert.deepEqual([first!.claims, first!.tries], [1, 0])
      // Leased: nobody else has them until then.
      assert.equal(next, start + minute)
      assert.deepEqual(await told(store), [])
      assert.equal((await told(store, { now: start + minute })).length, 5)
    })

    it('are over, or due again; who comes too late changes nothing', async (test) => {
      const store = await fresh(test)
      await added(store)
      await accepted(store)
      const [notice] = await told(store)
      assert.equal(await store.settleNotice(settled(notice!, start + 5, { failures: 1, waitUntil: 0 })), true)
      assert.deepEqual(await claimed(store, { now: start + 4 }), { notices: [], next: start + 5 })
      const [again] = await told(store, { now: start + 5 })
      assert.deepEqual([again!.tries, again!.claims, again!.webhook.failures], [1, 2, 1])
      assert.deepEqual(again!.event, notice!.event)
      assert.equal(await store.settleNotice(settled(notice!, null)), false)
      assert.equal(await store.settleNotice(settled(again!, null)), true)
      assert.deepEqual(await claimed(store, { now: start + minute }), { notices: [], next: null })
    })

    it('of a webhook that waits wait with it, then one tries; others go on in turns', async (test) => {
      const store = await fresh(test)
      const [dead, live] = [await added(store), await added(store)]
      for (let mail = 0; mail < 6; mail++) await accepted(store)
      assert.deepEqual(
        (await told(store, { limit: 4 })).map(({ webhook }) => webhook.id),
        [dead, dead, dead, dead],
      )
      // Whoever was served is last, and what is under way counts.
      const busy = { [dead]: 4 }
      const [first] = await told(store, { limit: 1, busy })
      assert.equal(first!.webhook.id, live)
      const { notices, next } = await claimed(store, { busy: { [dead]: 3, [live]: 1 } })
      assert.deepEqual(
        notices.map(({ webhook }) => webhook.id),
        [dead, live, live, live],
      )
      assert.equal(next, null)
      await store.settleNotice(settled(notices[0]!, start + minute, { failures: 5, waitUntil: start + 5 }))
      const later = await claimed(store, { now: start + 4, busy: { [live]: 4 } })
      assert.deepEqual(later, { notices: [], next: start + 5 })
      const probe = await told(store, { now: start + 5, busy: { [live]: 4 } })
      assert.deepEqual(
        probe.map(({ webhook }) => [webhook.id, webhook.failures]),
        [[dead, 5]],
      )
      await store.settleNotice(settled(probe[0]!, null))
      assert.equal((await told(store, { now: start + 2 * minute, busy: { [live]: 4 } })).length, 4)
    })

    it('are handed out to webhooks in turns, where not all find room', async (test) => {
      const store = await fresh(test)
      const ids = [await added(store), await added(store), await added(store)]
      for (let mail = 0; mail < 3; mail++) await accepted(store)
      const served: string[] = []
      for (let turn = 0; turn < 9; turn++) served.push((await told(store, { limit: 1 }))[0]!.webhook.id)
      assert.deepEqual(served, [...ids, ...ids, ...ids])
    })

    it('end with their webhook, gone or disabled, and with an age', async (test) => {
      const store = await fresh(test)
      const [removed, disabled, kept] = [await added(store), await added(store), await added(store)]
      for (const at of [start - 2, start - 1, start]) await accepted(store, { message: { acceptedAt: at } })
      await store.removeWebhook(removed, 'acme')
      const notices = await told(store, { each: 1 })
      assert.deepEqual(
        notices.map(({ webhook }) => webhook.id),
        [disabled, kept],
      )
      await store.settleNotice(settled(notices[0]!, null, { ...well, disabledAt: start + 7 }))
      assert.equal((await store.webhook(disabled, 'acme'))!.disabledAt, start + 7)
      await accepted(store)
      assert.deepEqual(new Set((await told(store)).map(({ webhook }) => webhook.id)), new Set([kept]))
      const steps = []
      for (let more = true; more; ) {
        const step = await store.dropNotices({ before: start - 1, limit: 2 })
        more = step.more
        steps.push(step)
      }
      assert.equal(steps.length, 3)
      assert.deepEqual(steps.at(-1), { dropped: { [kept]: 1 }, more: false })
      assert.equal((await told(store, { now: start + minute })).length, 3)
    })

    it('are forgotten with the message', async (test) => {
      const store = await fresh(test)
      await added(store)
      await accepted(store)
      await store.settle(settlement(await claimOne(store), 'sent'))
      await store.sweep({ messages: start + 1, keys: 0, limit: 10 })
      assert.deepEqual(await claimed(store), { notices: [], next: null })
    })

    it('are as durable as their events: nothing is left of a call that failed', async (test) => {
      const store = await fresh(test)
      const id = await added(store)
      const bad = () => store.suppress([{ tenant: 'acme' } as never]).catch(() => 'failed')
      const [, failed] = await Promise.all([accepted(store), bad()])
      assert.equal(failed, 'failed')
      // Nor is anything remembered of it.
      const [notices] = await Promise.all([told(store), bad()])
      assert.deepEqual(shown(notices), [[id, 'accepted']])
      const waits = { failures: 5, waitUntil: start + 5 }
      await Promise.all([store.settleNotice(settled(notices[0]!, start + 1, waits)), bad()])
      assert.deepEqual(await claimed(store, { now: start + 4 }), { notices: [], next: start + 5 })
      assert.equal((await told(store, { now: start + 5 }))[0]!.webhook.failures, 5)
    })

    it('are there after a restart, those under way at once', async (test) => {
      const directory = await temporary(test)
      const before = await open(directory)
      const id = await added(before)
      await accepted(before)
      const [notice] = await told(before)
      await before.close()
      const store = await open(directory)
      test.after(() => store.close())
      const [again] = await told(store, { now: 0 })
      assert.deepEqual([again!.webhook.id, again!.event, again!.claims, again!.tries], [id, notice!.event, 2, 0])
      assert.equal(again!.webhook.secret, secret)
    })
  })
}
