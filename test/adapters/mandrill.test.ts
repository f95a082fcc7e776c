import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpCarrier } from '../../src/send/http.ts'
import { gathered } from '../support/gathered.ts'
import { reconcileChecks, suppressionChecks } from '../support/vendor-checks/questions.ts'
import { handoff, inWords, jsonCall, message } from './fixture.ts'
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

describe('mandrill, asked', () => {
  reconcileChecks(mandrill)

  const asked = handoff()
  const answered = async (rows: unknown) => {
    const carrier = httpCarrier()
    const vendor = await mandrill.vendor()
    vendor.next({ reply: { status: 200, body: JSON.stringify(rows) } })
    const answer = await carrier.reconcile(
      mandrill.adapter,
      asked,
      mandrill.adapter.options.parse(mandrill.options(vendor.url)),
    )
    await carrier.close()
    await vendor.close()
    return answer
  }
  const ts = message.acceptedAt / 1000
  const row = (email: string, more: object = {}) => ({
    _id: `id-${email}`,
    email,
    ts,
    state: 'sent',
    metadata: { waypost: message.id },
    ...more,
  })

  test('tells of each recipient by its own mail', async () => {
    const rejected = row('bob@example.com', { state: 'rejected', reject: { reason: 'hard-bounce' } })
    const both = await answered([row('Ann@Example.com'), rejected])
    assert.ok(both instanceof Map)
    assert.equal(inWords(both.get('ann@example.com')), 'accepted id-Ann@Example.com')
    assert.equal(inWords(both.get('bob@example.com')), 'rejected/recipient')
    const one = await answered([row('ann@example.com')])
    assert.ok(one instanceof Map)
    assert.equal(inWords(one.get('bob@example.com')), 'unknown')
  })

  test('cannot tell where mail of the time does not say whose it is, or there is more of it', async () => {
    const others = { metadata: { waypost: 'msg_01jdother' } }
    for (const metadata of [undefined, [], { order: '17' }]) {
      assert.equal(await answered([row('ann@example.com', { metadata })]), null)
      assert.equal(await answered([row('ann@example.com', { metadata, ts: ts - 3600 })]), 'absent')
      assert.equal(await answered([row('cy@example.com', { metadata })]), 'absent')
    }
    assert.equal(await answered([row('ann@example.com', others)]), 'absent')
    assert.equal(await answered(Array(1000).fill(row('ann@example.com', others))), null)
    assert.equal(await answered({}), null)
  })
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
