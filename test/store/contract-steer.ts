import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fresh } from './contract.ts'
import { accepted, claimAll, claimOne, minute, plan, settlement, start, statuses } from './mail.ts'

export function steerContract(fresh: Fresh): void {
  describe('reschedule', () => {
    it('moves what is scheduled, its expiry along with it, and is too late for all else', async (test) => {
      const store = await fresh(test)
      const sendAt = start + 10 * minute
      const message = { sendAt, expireAt: sendAt + minute }
      const id = await accepted(store, { message, dueAt: sendAt })
      assert.equal(await store.reschedule(id, 'acme', start + 5 * minute, start), 1)
      assert.equal(await store.nextDue(), start + 5 * minute)
      const { message: moved } = (await store.message(id, 'acme'))!
      assert.deepEqual([moved.sendAt, moved.expireAt], [start + 5 * minute, start + 6 * minute])
      const { rows } = await store.events({ tenant: 'acme', messageId: id, limit: 1 })
      assert.deepEqual([rows[0]!.type, rows[0]!.detail], ['deferred', 'to be sent at 2026-11-25T21:35:00.000Z instead'])
      assert.equal(await store.reschedule(id, 'bolt', start, start), null)
      assert.equal(await store.reschedule(await accepted(store), 'acme', sendAt, start), 0)
      await claimAll(store, start + 5 * minute)
      assert.equal(await store.reschedule(id, 'acme', sendAt, start + 5 * minute), 0)
    })
  })

  describe('cancel', () => {
    it('cancels what waits, with an event for each recipient', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org'], dueAt: start + minute })
      assert.equal(await store.steer(id, 'acme', 'cancel', start), 2)
      assert.deepEqual(await statuses(store, id), ['canceled', 'canceled'])
      assert.equal((await store.message(id, 'acme'))!.status, 'canceled')
      assert.equal(await store.nextDue(), null)
      const { rows } = await store.events({ tenant: 'acme', messageId: id, limit: 10 })
      assert.deepEqual(
        rows.map((event) => [event.type, event.recipient]),
        [
          ['canceled', 'bob@example.org'],
          ['canceled', 'ann@example.org'],
          ['accepted', null],
        ],
      )
      assert.equal(await store.steer(id, 'acme', 'cancel', start), 0)
    })

    it('is too late for what is being sent or was, and takes the rest', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org'] })
      const claim = await claimOne(store)
      assert.equal(await store.steer(id, 'acme', 'cancel', start), 0)
      const recipients = [
        { index: 0, status: 'sent' as const },
        { index: 1, status: 'deferred' as const },
      ]
      await store.settle(settlement(claim, 'sent', { recipients, add: [plan([1])] }))
      assert.equal(await store.steer(id, 'acme', 'cancel', start), 1)
      assert.deepEqual(await statuses(store, id), ['sent', 'canceled'])
    })
  })

  describe('retry', () => {
    it('makes what waits due now', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store)
      const put = plan([0], { dueAt: start + 30 * minute, tries: 5, avoid: ['ses-eu'] })
      await store.settle(settlement(await claimOne(store), 'deferred', { add: [put] }))
      assert.deepEqual(await claimAll(store, start + 1), [])
      assert.equal(await store.steer(id, 'acme', 'retry', start + 1), 1)
      const claim = await claimOne(store, start + 1)
      assert.deepEqual([claim.tries, claim.avoid], [5, ['ses-eu']])
    })

    it('tries again what ended badly, in one delivery with time of its own', async (test) => {
      const store = await fresh(test)
      const to = ['ann@example.org', 'bob@example.org', 'cy@example.org', 'di@example.org', 'ed@example.org']
      const id = await accepted(store, { to })
      const ends = ['bounced', 'failed', 'expired', 'sent', 'canceled'] as const
      const recipients = ends.map((status, index) => ({ index, status }))
      await store.settle(settlement(await claimOne(store), 'sent', { recipients }))
      const late = start + 600 * minute
      assert.equal(await store.steer(id, 'acme', 'retry', late), 3)
      assert.deepEqual(await statuses(store, id), ['queued', 'queued', 'queued', 'sent', 'canceled'])
      const claim = await claimOne(store, late)
      assert.deepEqual([claim.recipients, claim.tries, claim.avoid, claim.phase], [[0, 1, 2], 0, [], 'send'])
      const { message } = (await store.message(id, 'acme'))!
      assert.equal(message.expireAt, start + 60 * minute)
      assert.equal(claim.message.expireAt, late + 60 * minute)
      // Deliveries that come of this one keep the time it was given.
      const add = [plan(claim.recipients, { dueAt: late })]
      await store.settle(settlement(claim, 'deferred', { add }))
      assert.equal((await claimOne(store, late)).message.expireAt, late + 60 * minute)
      assert.equal(await store.steer(id, 'acme', 'retry', late), 0)
    })
  })

  describe('release', () => {
    it('sends what is held, and nothing else', async (test) => {
      const store = await fresh(test)
      const waiting = await accepted(store, { dueAt: start + minute })
      assert.equal(await store.steer(waiting, 'acme', 'release', start), 0)
      const id = await accepted(store)
      const unknown = { attempt: 'att_1', provider: 'ses-eu', since: start }
      const held = plan([0], { phase: 'held', unknown, avoid: ['ses-eu'] })
      await store.settle(settlement(await claimOne(store), 'held', { add: [held] }))
      assert.equal(await store.steer(id, 'acme', 'release', start), 1)
      assert.deepEqual(await statuses(store, id), ['queued'])
      const claim = await claimOne(store)
      assert.deepEqual([claim.phase, claim.unknown, claim.avoid], ['send', null, ['ses-eu']])
    })
  })

  it('steers nobody else’s message', async (test) => {
    const store = await fresh(test)
    const id = await accepted(store, { message: { tenant: '' } })
    for (const what of ['cancel', 'retry', 'release'] as const) {
      assert.equal(await store.steer(id, 'acme', what, start), null)
      assert.equal(await store.steer('msg_none', '', what, start), null)
    }
    assert.deepEqual(await statuses(store, id, ''), ['queued'])
  })
}
