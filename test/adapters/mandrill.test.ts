import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gathered } from '../support/gathered.ts'
import { suppressionChecks } from '../support/vendor-checks/questions.ts'
import { jsonCall } from './fixture.ts'
import mandrill, { mandrillCall } from './mandrill.ts'

const hook = mandrill.adapter.webhook!
const options = mandrill.adapter.options.parse({ apiKey: 'x', webhookSecret: 'fake-mandrill-hook-key' })

test('mandrill signs the address that was called, where none is configured', async () => {
  const call = mandrillCall([], 'https://mail.example.com/hooks/it')
  assert.equal(await hook.verify(call, options, fetch), true)
  assert.equal(await hook.verify({ ...call, url: 'https://mail.example.com/hooks/other' }, options, fetch), false)
})

test('mandrill is answered when it looks whether anyone is there', async () => {
  const { body: _, ...call } = jsonCall('')
  const head = { ...call, method: 'HEAD' as const, body: new Uint8Array() }
  assert.equal(await hook.verify(head, options, fetch), true)
  assert.deepEqual(await hook.answer!(head, options, fetch), { status: 200 })
  assert.deepEqual(hook.read(head, options), [])
  const made = mandrillCall('[]', 'https://mail.example.com/hooks/it', 'test-webhook')
  assert.equal(await hook.verify(made, options, fetch), true)
  assert.equal(await hook.answer!(made, options, fetch), null)
  assert.deepEqual(hook.read(made, options), [])
})

const at = Date.UTC(2026, 10, 1, 10)

// But for those of some days.
suppressionChecks(mandrill, [
  { email: 'a@example.com', reason: 'bounce', at },
  { email: 'b@example.com', reason: 'complaint', at },
  { email: 'c@example.com', reason: 'unsubscribe', at },
  { email: 'd@example.com', reason: 'manual', at },
])

test('mandrill that has more suppressions than it tells of is not taken for one that told all', async () => {
  const vendor = await mandrill.vendor()
  const entry = { email: 'a@example.com', reason: 'spam', created_at: '2026-11-01 10:00:00' }
  vendor.next({ reply: { status: 200, body: JSON.stringify(Array(1000).fill(entry)) } })
  const some = mandrill.adapter.suppressions!(mandrill.adapter.options.parse(mandrill.options(vendor.url)), fetch)
  await assert.rejects(gathered(some), /1,000 suppressions at most/)
  await vendor.close()
})
