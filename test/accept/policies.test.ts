import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepPolicy } from '../../src/accept/policies.ts'

function state() {
  let value: unknown = null
  return {
    state: async () => value,
    async setState(_: string, next: unknown) {
      value = next
    },
    get: () => value as { version: string; rules: string }[],
  }
}

test('a policy is kept once while it is in force, and the last hundred are', async () => {
  const store = state()
  const keep = (version: string) => keepPolicy(store, { version, at: 0, by: 'waypost.yaml', rules: '' })
  for (const version of ['a', 'a', 'b', 'a']) await keep(version)
  assert.deepEqual(
    store.get().map(({ version }) => version),
    ['a', 'b', 'a'],
  )
  for (let count = 0; count < 120; count++) await keep(String(count))
  assert.deepEqual([store.get().length, store.get()[0]?.version, store.get().at(-1)?.version], [100, '20', '119'])
})

test('long policies are kept for less long, the last one always', async () => {
  const store = state()
  const keep = (version: string, length: number) =>
    keepPolicy(store, { version, at: 0, by: 'waypost.yaml', rules: 'x'.repeat(length) })
  for (const version of ['a', 'b', 'c', 'd', 'e']) await keep(version, 1_500_000)
  assert.deepEqual(
    store.get().map(({ version }) => version),
    ['d', 'e'],
  )
  await keep('f', 5_000_000)
  assert.deepEqual(
    store.get().map(({ version }) => version),
    ['f'],
  )
})
