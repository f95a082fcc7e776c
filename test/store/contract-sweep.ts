import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fresh } from './contract.ts'
import { accepted, arrival, attempt, bytes, claimAll, contentOf, settlement, start } from './mail.ts'

export function sweepContract(fresh: Fresh): void {
  describe('sweep', () => {
    it('forgets ended messages of that age with all that hangs on them, oldest first, so many at a time', async (test) => {
      const store = await fresh(test)
      await store.keep('spool', bytes('spooled'))
      const old = await accepted(store, {
        message: { acceptedAt: start - 9, tags: ['x'] },
        content: { spool: 'spool' },
      })
      const older = await accepted(store, { message: { acceptedAt: start - 10, tags: ['x'] } })
      const young = await accepted(store)
      for (const claim of await claimAll(store)) {
        await store.record(attempt(claim))
        await store.settle(settlement(claim, 'sent'))
      }
      const waiting = await accepted(store, { message: { acceptedAt: start - 9, tags: ['x'] }, dueAt: start + 1 })
      const before = { messages: start - 5, keys: 0, limit: 1 }
      assert.equal(await store.sweep(before), 1)
      assert.equal(await store.message(older, 'acme'), null)
      assert.equal(await store.sweep(before), 1)
      assert.equal(await store.sweep(before), 0)
      assert.equal(await store.message(old, 'acme'), null)
      assert.deepEqual(await contentOf(store, old), [])
      assert.deepEqual((await store.events({ tenant: 'acme', messageId: old, limit: 10 })).rows, [])
      const left = await store.messages({ tenant: 'acme', limit: 10 })
      assert.deepEqual(
        left.rows.map((row) => row.message.id),
        [young, waiting],
      )
      assert.equal((await store.messages({ tenant: 'acme', tag: 'x', limit: 10 })).rows.length, 1)
      assert.equal((await contentOf(store, young)).length, 1)
    })

    it('forgets idempotency keys of their age, and no younger ones', async (test) => {
      const store = await fresh(test)
      const wanted = (key: string, acceptedAt: number) =>
        arrival({ message: { acceptedAt }, idempotency: { key, digest: 'a' } })
      await store.accept(wanted('old', start - 9))
      await store.accept(wanted('young', start))
      await store.accept(wanted('older', start - 10))
      assert.equal(await store.sweep({ messages: 0, keys: start - 5, limit: 1 }), 1)
      assert.equal(await store.sweep({ messages: 0, keys: start - 5, limit: 10 }), 1)
      assert.equal(await store.sweep({ messages: 0, keys: start - 5, limit: 10 }), 0)
      assert.equal((await store.accept(wanted('old', start))).kind, 'accepted')
      assert.equal((await store.accept(wanted('young', start))).kind, 'replayed')
    })
  })
}
