import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suppressionChecks } from '../support/vendor-checks/questions.ts'
import elasticemail, { elasticLists } from './elasticemail.ts'
import { hookSecret, jsonCall } from './fixture.ts'

const at = Date.UTC(2026, 0, 23, 4, 56, 7)

suppressionChecks(elasticemail, [
  ...elasticLists.bounces!.map(({ Email }) => ({ email: Email, reason: 'bounce' as const, at })),
  { email: 'cross@example.com', reason: 'complaint', at: null },
  { email: 'leaver@example.com', reason: 'unsubscribe', at },
])

test('elasticemail that tries the address is answered 200, and events are read', () => {
  const { webhook } = elasticemail.adapter
  const options = elasticemail.adapter.options.parse(elasticemail.options('https://api.example.com'))
  const call = (query: string) => ({ ...jsonCall('', {}, `?secret=${hookSecret}${query}`), method: 'GET' as const })
  assert.deepEqual(webhook?.answer?.(call(''), options, fetch), { status: 200 })
  assert.equal(webhook?.answer?.(call('&status=Sent'), options, fetch), null)
})
