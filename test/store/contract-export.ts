import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { diagnostic } from '../../src/mail/outcome.ts'
import type { Fresh } from './contract.ts'
import { accepted, attempt, claimOne, event, settlement, start } from './mail.ts'

const types = ['bounced', 'deferred', 'canceled'] as const

export function exportContract(fresh: Fresh): void {
  describe('records', () => {
    it('go on from a place, in order, of all tenants, those of the types that are asked for', async (test) => {
      const store = await fresh(test)
      await accepted(store)
      const { rows: none, last: from, more } = await store.records({ after: null, types, limit: 10 })
      assert.deepEqual([none, more], [[], false])
      await store.steer(await accepted(store, { dueAt: start + 1 }), 'acme', 'cancel', start)
      await store.steer(await accepted(store, { message: { tenant: '' }, dueAt: start + 1 }), '', 'cancel', start + 2)
      const seen: [string, number][] = []
      let place = from
      for (let more = true; more; ) {
        const step = await store.records({ after: place, types, limit: 2 })
        seen.push(...step.rows.map(({ event }): [string, number] => [event.type, event.at]))
        place = step.last
        more = step.more
      }
      assert.deepEqual(seen, [
        ['canceled', start],
        ['canceled', start + 2],
      ])
      assert.deepEqual(await store.records({ after: place, types, limit: 2 }), { rows: [], last: place, more: false })
    })

    it('bring the message, and the attempt that came before, with what it said when they are one', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org'] })
      const claim = await claimOne(store)
      const made = attempt(claim)
      await store.record(made)
      const said = diagnostic('550', 'no such user', '5.1.1')
      await store.settle(
        settlement(claim, 'bounced', {
          attempt: {
            id: made.id,
            endedAt: start + 3,
            outcomes: [{ recipient: 0, outcome: 'rejected', cause: 'recipient', diagnostic: said }],
          },
          events: [
            event('bounced', 'ann@example.org', start + 4),
            event('deferred', 'ann@example.org', start + 5000),
            { ...event('deferred', 'ann@example.org', start + 6000), provider: 'relay' },
            event('bounced', 'bob@example.org', start + 4),
            event('bounced', null, start + 4),
          ],
        }),
      )
      const { rows } = await store.records({ after: 0, types, limit: 10 })
      // A deferral that nobody but ourselves spoke of is none.
      assert.deepEqual(
        rows.map(({ event, attempt }) => [event.recipient, event.at - start, attempt]),
        [
          ['ann@example.org', 4, { at: start, said }],
          ['ann@example.org', 6000, { at: start, said: null }],
          ['bob@example.org', 4, null],
        ],
      )
      assert.deepEqual(rows[0]!.message, { id, acceptedAt: start, returnPath: 'bounces@example.com', size: 12 })
      assert.equal(rows[0]!.event.messageId, id)
    })
  })
}
