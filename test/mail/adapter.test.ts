import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withTags } from '../../src/mail/adapter.ts'
import { message } from '../support/examples.ts'

test('a message is handed over with as many tags as the adapter carries', () => {
  const tagged = message({ tags: ['a', 'b', 'c'] })
  assert.deepEqual(withTags(tagged, { maxTags: 2 }), { ...tagged, tags: ['a', 'b'] })
  assert.deepEqual(withTags(tagged, { maxTags: 0 }).tags, [])
  for (const maxTags of [3, Number.POSITIVE_INFINITY]) assert.equal(withTags(tagged, { maxTags }), tagged)
})
