import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Suppression, SuppressionQuery } from '../../src/store/store.ts'
import type { Fresh } from './contract.ts'
import { pages } from './contract-read.ts'
import { start } from './mail.ts'

const entry = { tenant: 'acme', key: 'ann@example.org', type: '', reason: 'manual', source: 'api', at: start } as const

function entries(...keys: string[]): Suppression[] {
  return keys.map((key) => ({ ...entry, key }))
}

export function suppressContract(fresh: Fresh): void {
  describe('suppressions', () => {
    it('are the tenant’s own, and the newest reason counts', async (test) => {
      const store = await fresh(test)
      const bounce = { ...entry, reason: 'bounce', source: 'relay', at: start + 1 } as const
      assert.equal(await store.suppress([entry, bounce]), 1)
      const many = Array.from({ length: 500 }, (_, at) => `no${at}@example.org`)
      assert.deepEqual(
        await store.suppressed('acme', [...many, 'ann@example.org'], 'otp'),
        new Set(['ann@example.org']),
      )
      assert.deepEqual(await store.suppressed('', ['ann@example.org'], 'otp'), new Set())
      assert.deepEqual(await store.suppressed('acme', [], 'otp'), new Set())
      assert.deepEqual(await store.suppression('acme', 'ann@example.org'), [bounce])
      assert.deepEqual(await store.suppression('acme', 'bob@example.org'), [])
      assert.deepEqual(await store.suppression('', 'ann@example.org'), [])
      assert.deepEqual((await store.suppressions({ tenant: '', limit: 10 })).rows, [])
    })

    it('know every case of an address', async (test) => {
      const store = await fresh(test)
      await store.suppress([entry])
      assert.deepEqual(
        await store.suppressed('acme', ['ANN@example.org', 'Ann@example.org', 'a.nn@example.org'], 'otp'),
        new Set(['ANN@example.org', 'Ann@example.org']),
      )
    })

    it('end for those named, and for no other tenant', async (test) => {
      const store = await fresh(test)
      assert.equal(await store.suppress([...entries('a@y.test', 'b@y.test', 'c@y.test')]), 3)
      assert.equal(await store.suppress([{ ...entry, tenant: 'bolt', key: 'a@y.test' }, ...entries('c@y.test')]), 1)
      assert.equal(await store.unsuppress('acme', ['a@y.test', 'b@y.test', 'b@y.test', 'x@y.test', '%']), 2)
      assert.equal(await store.unsuppress('acme', ['a@y.test']), 0)
      assert.equal(await store.unsuppress('acme', []), 0)
      assert.deepEqual(await store.suppressed('acme', ['a@y.test', 'c@y.test'], 'otp'), new Set(['c@y.test']))
      assert.deepEqual(await store.suppressed('bolt', ['a@y.test'], 'otp'), new Set(['a@y.test']))
    })

    it('may hold for one type of mail alone', async (test) => {
      const store = await fresh(test)
      const news = { ...entry, type: 'news', reason: 'unsubscribe', source: 'ses' } as const
      assert.equal(await store.suppress([news]), 1)
      const suppressed = async (type: string) => [...(await store.suppressed('acme', ['Ann@example.org'], type))]
      assert.deepEqual([await suppressed('news'), await suppressed('otp')], [['Ann@example.org'], []])
      assert.equal(await store.suppress([entry]), 1)
      assert.deepEqual(await suppressed('otp'), ['Ann@example.org'])
      assert.deepEqual(await store.suppression('acme', entry.key), [entry, news])
      assert.equal(await store.unsuppress('acme', [entry.key], { type: 'otp' }), 0)
      assert.equal(await store.unsuppress('acme', [entry.key], { source: 'postmark' }), 0)
      assert.equal(await store.unsuppress('acme', [entry.key], { type: '' }), 1)
      assert.deepEqual([await suppressed('news'), await suppressed('otp')], [['Ann@example.org'], []])
      const read = await pages(async (cursor) => {
        await store.suppress([entry])
        return store.suppressions({ tenant: 'acme', limit: 1, ...(cursor === undefined ? {} : { cursor }) })
      })
      assert.deepEqual(read.flat(), [entry, news])
    })

    it('are read page by page, each once, also while they change', async (test) => {
      const store = await fresh(test)
      await store.suppress([...entries('d@y.test', 'é+x/=?@y.test', 'b@y.test', 'a@y.test'), { ...entry, tenant: '' }])
      await store.suppress([{ ...entry, key: 'c@y.test', reason: 'bounce' }])
      const read = async (more: Partial<SuppressionQuery> = {}) => {
        const found = await pages(async (cursor) => {
          const page = await store.suppressions({
            tenant: 'acme',
            limit: 2,
            ...more,
            ...(cursor === undefined ? {} : { cursor }),
          })
          // Renewed between two pages: still met, and once.
          await store.suppress(entries('a@y.test', 'd@y.test'))
          return page
        })
        return found.map((page) => page.map(({ key }) => key))
      }
      assert.deepEqual(await read(), [['a@y.test', 'b@y.test'], ['c@y.test', 'd@y.test'], ['é+x/=?@y.test']])
      assert.deepEqual(await read({ reason: 'bounce' }), [['c@y.test']])
      assert.deepEqual(await read({ reason: 'manual' }), [
        ['a@y.test', 'b@y.test'],
        ['d@y.test', 'é+x/=?@y.test'],
      ])
      assert.deepEqual(await read({ reason: 'complaint' }), [[]])
    })

    it('are found by address, time and number, and end for one reason alone', async (test) => {
      const store = await fresh(test)
      const late = { ...entry, key: 'c@y.test', reason: 'bounce', at: start + 5 } as const
      await store.suppress([...entries('a@y.test', 'b@y.test'), late])
      const keys = async (query: Partial<SuppressionQuery>) =>
        (await store.suppressions({ tenant: 'acme', limit: 2, ...query })).rows.map(({ key }) => key)
      assert.deepEqual(await keys({ key: 'b@y.test' }), ['b@y.test'])
      assert.deepEqual(await keys({ skip: 1 }), ['b@y.test', 'c@y.test'])
      assert.deepEqual(await keys({ skip: 3 }), [])
      assert.deepEqual(await keys({ since: start + 5 }), ['c@y.test'])
      assert.deepEqual(await keys({ until: start }), ['a@y.test', 'b@y.test'])
      assert.equal(await store.unsuppress('acme', ['a@y.test', 'c@y.test'], { reason: 'bounce' }), 1)
      assert.deepEqual(await keys({}), ['a@y.test', 'b@y.test'])
    })

    it('refuse a cursor that was made up', async (test) => {
      const store = await fresh(test)
      await store.suppress(entries('a@y.test', 'b@y.test', 'c@y.test'))
      const { next } = await store.suppressions({ tenant: 'acme', limit: 1 })
      const made = ['', 'x', '%', 'ü', btoa('a'), btoa('1.2'), `${next}=`, ` ${next}`, btoa('A@y.test'), btoa('\xff@y')]
      for (const cursor of made) {
        await assert.rejects(store.suppressions({ tenant: 'acme', limit: 1, cursor }), RangeError, cursor)
      }
      await assert.rejects(store.messages({ tenant: 'acme', limit: 1, cursor: next! }), RangeError)
    })
  })
}
