/** Figures by the hour: what is added adds up, by whatever it is asked for, and is forgotten in its time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stat } from '../../src/store/store.ts'
import type { Fresh } from './contract.ts'

const stat = (given: Partial<Stat>): Stat => ({
  ...{ hour: '2026-11-25T14', tenant: 'acme', provider: 'a', type: 'otp', host: 'gmail' },
  ...{ accepted: 1, deferred: 0, rejected: 0, unknown: 0, delivered: 0, bounced: 0, complained: 0 },
  ...{ answers: 1, latency: 40, money: 1_250, ...given },
})

export function statsContract(fresh: Fresh): void {
  test('figures add up, by the hour and by name, and one tenant sees none of another', async (t) => {
    const store = await fresh(t)
    await store.addStats([stat({}), stat({ host: 'other', latency: 60 }), stat({ tenant: 'globex', provider: 'b' })])
    await store.addStats([
      stat({ accepted: 0, bounced: 1, answers: 0, latency: 0, money: 0 }),
      stat({ hour: '2026-11-25T15' }),
    ])
    const since = '2026-11-25T14'
    const [a, ...more] = await store.stats({ by: 'provider', since, tenant: 'acme' })
    assert.deepEqual(more, [])
    assert.deepEqual([a!.name, a!.accepted, a!.bounced, a!.answers, a!.latency, a!.money], ['a', 3, 1, 3, 140, 3_750])
    const named = async (by: 'provider' | 'type' | 'host', since: string, tenant: string | null) =>
      (await store.stats({ by, since, tenant })).map(({ name, accepted }) => [name, accepted])
    assert.deepEqual(await named('provider', since, null), [
      ['a', 3],
      ['b', 1],
    ])
    assert.deepEqual(await named('host', since, 'acme'), [
      ['gmail', 2],
      ['other', 1],
    ])
    assert.deepEqual(await named('type', '2026-11-25T15', 'acme'), [['otp', 1]])
    assert.deepEqual(await named('type', '2026-11-25T15', 'globex'), [])
  })

  test('figures are forgotten with the messages of their time', async (t) => {
    const store = await fresh(t)
    await store.addStats([stat({}), stat({ hour: '2026-11-25T15' })])
    await store.sweep({ messages: Date.UTC(2026, 10, 25, 15, 30), keys: 0, limit: 10 })
    const rows = await store.stats({ by: 'type', since: '2026-11-01T00', tenant: null })
    assert.deepEqual(
      rows.map(({ accepted }) => accepted),
      [1],
    )
  })
}
