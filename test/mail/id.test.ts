import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { groupOf, idInGroup, mostInGroup, newId } from '../../src/mail/id.ts'

describe('newId', () => {
  it('is its kind and 26 characters that are safe anywhere', () => {
    for (const kind of ['msg', 'evt', 'att'] as const) {
      assert.match(newId(kind, Date.now()), new RegExp(`^${kind}_[0-9a-hjkmnp-tv-z]{26}$`))
    }
  })

  it('sorts by time', () => {
    const times = [0, 1, 31, 32, 1023, 1024, Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1) + 1, Date.UTC(9999, 0, 1)]
    const ids = times.map((at) => newId('msg', at))
    assert.deepEqual(ids.toSorted(), ids)
  })

  it('is never the same twice', () => {
    const ids = Array.from({ length: 10_000 }, () => newId('msg', 0))
    assert.equal(new Set(ids).size, ids.length)
  })
})

test('ids of a group know it, and are each their own', () => {
  const group = newId('msg', Date.now())
  const ids = Array.from({ length: mostInGroup }, (_, index) => idInGroup(group, index))
  assert.equal(new Set(ids).size, mostInGroup)
  assert.deepEqual(ids.toSorted(), ids)
  assert.deepEqual(new Set(ids.map(groupOf)), new Set([ids[0]]))
  assert.equal(groupOf(group), ids[0])
})
