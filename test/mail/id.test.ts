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
  const call = newId('msg', Date.now())
  const ids = [0, 1, mostInGroup - 1].flatMap((group) =>
    Array.from({ length: mostInGroup }, (_, index) => idInGroup(call, index, group)),
  )
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual(ids.toSorted(), ids)
  for (const id of ids) assert.match(id, /^msg_[0-9a-hjkmnp-tv-z]{26}$/)
  assert.deepEqual(new Set(ids.map((id) => groupOf(id))), new Set([0, 1, 2].map((n) => ids[n * mostInGroup])))
  assert.equal(groupOf(ids[5]!, 7), ids[7])
})
