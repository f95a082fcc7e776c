import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subscriptionCall } from '../support/topics.ts'
import scaleway, { topic } from './scaleway-tem.ts'

test('reads every page of the addresses that it mails no more, of every domain', async (t) => {
  const vendor = await scaleway.vendor()
  t.after(() => vendor.close())
  const options = scaleway.adapter.options.parse(scaleway.options(vendor.url))
  const listed = []
  for await (const entry of scaleway.adapter.suppressions!(options, fetch)) listed.push(entry)
  const at = Date.UTC(2026, 10, 25, 12)
  assert.equal(listed.length, 101)
  assert.deepEqual(listed[0], { email: 'gone0@example.com', reason: 'bounce', at })
  assert.deepEqual(listed.at(-1), { email: 'left@example.com', reason: 'manual', at })
  vendor.next({ reply: { status: 500, body: 'oops' } })
  await assert.rejects(async () => {
    for await (const _ of scaleway.adapter.suppressions!(options, fetch));
  }, /answered 500/)
})

test('confirms the subscription of a topic that it knows', async () => {
  const hook = scaleway.adapter.webhook!
  const options = scaleway.adapter.options.parse({
    ...scaleway.options('https://api.example.com'),
    ...scaleway.hooks.options,
  })
  const call = subscriptionCall(topic)
  assert.equal(await hook.verify(call, options, scaleway.hooks.fetch!), true)
  assert.deepEqual(await hook.answer!(call, options, async () => new Response()), { status: 200 })
  const elsewhere = subscriptionCall(topic, { SubscribeURL: 'https://sns.mnq.evil.example/' })
  assert.equal((await hook.answer!(elsewhere, options, async () => new Response()))?.status, 400)
})
