import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { diagnostic } from '../../src/mail/outcome.ts'
import type { Fresh } from './contract.ts'
import { accepted, attempt, claimOne, settlement, start } from './mail.ts'

export function trafficContract(fresh: Fresh): void {
  describe('traffic', () => {
    it('is mail in the order of its acceptance, of a time, of one tenant or of all, page by page', async (test) => {
      const store = await fresh(test)
      const at = (acceptedAt: number, tenant = 'acme') => accepted(store, { message: { acceptedAt, tenant } })
      const ids = [await at(start + 20), await at(start + 10), await at(start + 10), await at(start + 10, 'other')]
      const all = [ids[1], ids[2], ids[3], ids[0]]
      const read = async (query: Partial<Parameters<typeof store.traffic>[0]>) => {
        const found: string[] = []
        let cursor: string | null | undefined
        while (cursor !== null) {
          const more = cursor === undefined ? {} : { cursor }
          const page = await store.traffic({ tenant: null, limit: 2, ...query, ...more })
          found.push(...page.rows.map(({ message }) => message.id))
          cursor = page.next
        }
        return found
      }
      assert.deepEqual(await read({}), all)
      assert.deepEqual(await read({ tenant: 'acme' }), [ids[1], ids[2], ids[0]])
      assert.deepEqual(await read({ since: start + 11 }), [ids[0]])
      assert.deepEqual(await read({ since: start + 10, until: start + 20 }), [ids[1], ids[2], ids[3]])
      await assert.rejects(store.traffic({ tenant: null, limit: 2, cursor: 'nonsense' }), RangeError)
    })

    it('brings what became of it and what each try was answered, but no try under way', async (test) => {
      const store = await fresh(test)
      await accepted(store, { to: ['ann@example.org', 'bob@example.org'] })
      const claim = await claimOne(store)
      const made = attempt(claim)
      await store.record(made)
      assert.deepEqual((await store.traffic({ tenant: null, limit: 2 })).rows[0]!.attempts, [])
      const outcomes = [
        { recipient: 0, outcome: 'rejected', cause: 'recipient', diagnostic: diagnostic('550', 'no such user') },
        { recipient: 1, outcome: 'accepted', cause: null, diagnostic: null },
      ] as const
      await store.settle(
        settlement(claim, 'bounced', { attempt: { id: made.id, endedAt: made.at + 30, outcomes: [...outcomes] } }),
      )
      const [row] = (await store.traffic({ tenant: null, limit: 2 })).rows
      assert.deepEqual(row!.recipients[0], { email: 'ann@example.org', status: 'bounced' })
      assert.deepEqual(row!.attempts, [
        {
          provider: made.provider,
          at: made.at,
          latencyMs: 30,
          outcomes: [
            { recipient: 0, outcome: 'rejected', cause: 'recipient', code: '550' },
            { recipient: 1, outcome: 'accepted', cause: null, code: null },
          ],
        },
      ])
    })
  })
}
