import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StoreUnavailable } from '../../src/store/store.ts'
import { type Open, temporary } from './contract.ts'
import { accepted, arrival, attempt, bytes, claimAll, claimOne, contentOf, minute, start, statuses } from './mail.ts'

export function restartContract(open: Open): void {
  describe('close', () => {
    it('answers what was asked before, and refuses what comes after', async (test) => {
      const store = await open(await temporary(test))
      const last = store.accept(arrival())
      const closed = store.close()
      await assert.rejects(store.accept(arrival()), StoreUnavailable)
      assert.equal((await last).kind, 'accepted')
      await closed
      await store.close()
      await assert.rejects(store.nextDue(), StoreUnavailable)
      await assert.rejects(contentOf(store, 'msg_1'), StoreUnavailable)
    })
  })

  describe('opened again', () => {
    it('finds everything, with the leases of the dead void and their attempts open', async (test) => {
      const directory = await temporary(test)
      const before = await open(directory)
      const id = await accepted(before, { content: bytes('hello') })
      const later = await accepted(before, { dueAt: start + minute })
      const claim = await claimOne(before)
      const made = attempt(claim)
      await before.record(made)
      await before.setState('drained', ['ses-eu'])
      await before.keep('orphan', bytes('piece'))
      await before.close()

      const store = await open(directory)
      test.after(() => store.close())
      assert.deepEqual(await statuses(store, id), ['sending'])
      assert.equal(await store.steer(id, 'acme', 'cancel', start), 0)
      const again = await claimOne(store)
      assert.equal(again.id, claim.id)
      assert.equal(again.claims, 2)
      assert.deepEqual(
        again.open.map((one) => one.id),
        [made.id],
      )
      assert.deepEqual(await contentOf(store, id), [bytes('hello')])
      assert.deepEqual(await store.state('drained'), ['ses-eu'])
      assert.deepEqual(await store.usage('2026-11-25'), { 'postmark-main': 1 })
      await assert.rejects(store.accept(arrival({ content: { spool: 'orphan' } })), /no spool/)
      assert.deepEqual(
        (await claimAll(store, start + minute - 1)).map((one) => one.message.id),
        [],
      )
      assert.deepEqual(await statuses(store, later), ['queued'])
    })
  })
}
