import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MessageQuery, Page, Store } from '../../src/store/store.ts'
import type { Fresh } from './contract.ts'
import { accepted, attempt, claimAll, settlement, start } from './mail.ts'

/** Every row of a list, read page by page. */
export async function pages<Row>(read: (cursor?: string) => Promise<Page<Row>>): Promise<Row[][]> {
  const found: Row[][] = []
  let cursor: string | undefined
  do {
    const page = await read(cursor)
    found.push(page.rows)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return found
}

async function subjects(store: Store, query: Partial<MessageQuery>): Promise<string[]> {
  const { rows } = await store.messages({ tenant: 'acme', limit: 100, ...query })
  return rows.map((row) => row.message.subject)
}

export function readContract(fresh: Fresh): void {
  describe('messages', () => {
    it('come newest first, page by page, each once, also when several are as old', async (test) => {
      const store = await fresh(test)
      const ages = [5, 3, 3, 3, 1, 4, 2]
      for (const [at, age] of ages.entries()) {
        await accepted(store, { message: { acceptedAt: start - age, subject: `${age} ${at}` } })
      }
      const found = await pages((cursor) =>
        store.messages({ tenant: 'acme', limit: 2, ...(cursor === undefined ? {} : { cursor }) }),
      )
      assert.deepEqual(
        found.map((page) => page.map((row) => row.message.subject)),
        [['1 4', '2 6'], ['3 3', '3 2'], ['3 1', '4 5'], ['5 0']],
      )
    })

    it('are filtered literally, by any of it together', async (test) => {
      const store = await fresh(test)
      const to = (email: string) => [email, 'all@example.org']
      await accepted(store, { message: { subject: 'a', type: 'otp', tags: ['x', 'y', 'x'] }, to: to("a'or'1@y.test") })
      await accepted(store, { message: { subject: 'b', acceptedAt: start + 1, tags: ['%'] }, to: to('a"--@y.test') })
      await accepted(store, { message: { subject: 'c', acceptedAt: start + 2, tags: ['x'] }, to: to('c_@y.test') })
      const claims = await claimAll(store, start + 1)
      await store.record(attempt(claims[0]!))
      await store.settle(settlement(claims[0]!, 'sent'))
      assert.deepEqual(await subjects(store, {}), ['c', 'b', 'a'])
      assert.deepEqual(await subjects(store, { recipient: 'all@example.org' }), ['c', 'b', 'a'])
      assert.deepEqual(await subjects(store, { recipient: "a'or'1@y.test" }), ['a'])
      assert.deepEqual(await subjects(store, { recipient: '%' }), [])
      assert.deepEqual(await subjects(store, { tag: 'x' }), ['c', 'a'])
      assert.deepEqual(await subjects(store, { tag: '%' }), ['b'])
      assert.deepEqual(await subjects(store, { type: 'otp' }), ['a'])
      assert.deepEqual(await subjects(store, { status: 'sent' }), ['a'])
      assert.deepEqual(await subjects(store, { status: 'sending' }), ['b'])
      assert.deepEqual(await subjects(store, { provider: 'postmark-main' }), ['a'])
      assert.deepEqual(await subjects(store, { since: start + 1 }), ['c', 'b'])
      assert.deepEqual(await subjects(store, { until: start + 1 }), ['a'])
      const all = { recipient: 'all@example.org', tag: 'x', type: 'otp', provider: 'postmark-main', since: start }
      assert.deepEqual(await subjects(store, { ...all, status: 'sent' }), ['a'])
      assert.deepEqual(await subjects(store, { ...all, status: 'queued' }), [])
    })

    it('are read page by page under every filter', async (test) => {
      const store = await fresh(test)
      for (let at = 0; at < 5; at++) await accepted(store, { message: { subject: `${at}`, tags: ['x'] } })
      const query = { tenant: 'acme', limit: 2, tag: 'x', recipient: 'ann@example.org', status: 'queued' as const }
      const found = await pages((cursor) => store.messages({ ...query, ...(cursor === undefined ? {} : { cursor }) }))
      assert.deepEqual(
        found.map((page) => page.map((row) => row.message.subject)),
        [['4', '3'], ['2', '1'], ['0']],
      )
    })

    it('of another tenant are not there', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { message: { tenant: '', tags: ['x'] } })
      assert.equal(await store.message(id, 'acme'), null)
      for (const more of [{}, { tag: 'x' }, { recipient: 'ann@example.org' }, { status: 'queued' as const }]) {
        assert.deepEqual(await subjects(store, more), [])
        assert.equal((await subjects(store, { ...more, tenant: '' })).length, 1)
      }
      assert.deepEqual((await store.events({ tenant: 'acme', limit: 10 })).rows, [])
      assert.deepEqual((await store.events({ tenant: 'acme', messageId: id, limit: 10 })).rows, [])
      assert.equal((await store.events({ tenant: '', messageId: id, limit: 10 })).rows.length, 1)
    })
  })

  it('events come newest first, page by page', async (test) => {
    const store = await fresh(test)
    const ids: string[] = []
    for (let at = 0; at < 5; at++) ids.unshift(await accepted(store))
    const found = await pages((cursor) =>
      store.events({ tenant: 'acme', limit: 2, ...(cursor === undefined ? {} : { cursor }) }),
    )
    assert.deepEqual(
      found.map((page) => page.map((event) => event.messageId)),
      [ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)],
    )
  })

  it('a cursor that was made up is refused', async (test) => {
    const store = await fresh(test)
    await accepted(store)
    const made = [
      '',
      'x',
      '%',
      'MQ==',
      btoa('1.x'),
      btoa('1.2.3'),
      btoa("1.2' OR 1"),
      btoa('1e3.1'),
      'ü',
      btoa('1.NaN'),
    ]
    for (const cursor of made) {
      await assert.rejects(store.messages({ tenant: 'acme', limit: 2, cursor }), RangeError, cursor)
      await assert.rejects(store.events({ tenant: 'acme', limit: 2, cursor }), RangeError, cursor)
    }
  })

  it('state is kept as JSON', async (test) => {
    const store = await fresh(test)
    assert.equal(await store.state('breaker/ses-eu'), null)
    await store.setState('breaker/ses-eu', { openedAt: start, why: ['a'] })
    await store.setState('breaker/ses-eu', { openedAt: start, why: ['b'] })
    assert.deepEqual(await store.state('breaker/ses-eu'), { openedAt: start, why: ['b'] })
  })
}
