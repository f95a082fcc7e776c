/** What is done about a provider at a mailbox host when its replies say so; time is fed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engine } from '../../src/config/engine.ts'
import type { ShapingRule } from '../../src/mail/provider.ts'
import { Shaping } from '../../src/route/shaping.ts'

const minute = 60_000
const hour = 60 * minute
const start = 1_000_000
const slower: ShapingRule = {
  ...{ name: 'slower', hosts: [], when: { share: 0.2, of: 10 } },
  ...{ does: { slow: 0.5 }, for: 2 * hour },
}
const blocked: ShapingRule = {
  ...{ name: 'blocked', hosts: [], when: { reply: 'S3140|blocked using' } },
  ...{ does: { suspend: ['host', 'tenant'] }, for: 3 * hour },
}
const to = (host: string) => new Set([host])

test('more than its share of deferrals: half of the pace that it had, there, for as long as the rule says', () => {
  let shaping = new Shaping([slower], engine)
  const tell = (bad: number, good: number, at: number) => {
    shaping = new Shaping([slower], engine)
    const news = [...Array(good).fill('good'), ...Array(bad).fill('bad')]
    return news.map((what, place) => shaping.note('outlook', what, at + place * 1_000)).at(-1)!
  }
  assert.equal(tell(2, 8, start), null, 'just the share is not more')
  const began = tell(3, 7, start + minute)
  assert.equal(began?.why, '3 of the last 10 deferred or blocked')
  assert.equal(began?.interval, (9_000 / 10) * 2)

  const now = start + minute + 9_000
  assert.equal(shaping.goes(to('outlook'), 'acme', 1, now), null)
  assert.deepEqual(shaping.closed('outlook', '', now), {
    reason: `slowed at outlook until ${new Date(now + 2 * hour).toISOString()} by the shaping rule slower: 3 of the last 10 deferred or blocked`,
    until: now + 1_800,
  })
  assert.match(shaping.goes(to('outlook'), 'acme', 1, now + 1_799)!, /^slowed at outlook/)
  assert.equal(shaping.goes(to('gmail'), 'acme', 1, now), null)
  let went = 0
  for (let at = now + 1_800; at < now + 1_800 + hour; at += 100)
    if (shaping.goes(to('outlook'), '', 1, at) === null) went++
  assert.equal(went, hour / 1_800)
  assert.equal(shaping.closed('outlook', '', now + 2 * hour), null)
  assert.deepEqual(shaping.view(now + 2 * hour), [])
})

test('a deferral that went well in the end is not held against it, and none is counted twice', () => {
  const shaping = new Shaping([slower], engine)
  for (const what of ['bad', 'bad', 'bad', 'undone', 'good', 'good', 'good', 'good', 'good', 'good', 'good'] as const)
    assert.equal(shaping.note('outlook', what, start), null)
})

test('however slow it was, mail goes on', () => {
  const shaping = new Shaping([slower], engine)
  for (let day = 0; day < 10; day++) shaping.note('outlook', 'bad', start + day * 24 * hour)
  assert.equal(shaping.view(start + 9 * 24 * hour)[0]?.interval, minute)
})

test('a block message suspends it for that host and tenant, for as long as the rule says', () => {
  const shaping = new Shaping([slower, blocked], engine)
  assert.deepEqual(shaping.asked('550 5.1.1 no such user'), [])
  const reply = '550 5.7.1 Unfortunately, messages weren’t sent (S3140)'
  assert.deepEqual(shaping.asked(reply), [blocked])
  assert.ok(shaping.suspend(blocked, { host: 'outlook', tenant: 'acme', reply }, start))
  assert.equal(shaping.suspend(blocked, { host: 'outlook', tenant: 'acme', reply }, start + 1), null)
  assert.match(shaping.closed('outlook', 'acme', start)!.reason, /^suspended at outlook until .* it answered: 550/)
  assert.equal(shaping.closed('outlook', 'acme', start)!.until, start + 3 * hour)
  assert.deepEqual([shaping.closed('outlook', 'other', start), shaping.closed('gmail', 'acme', start)], [null, null])
  assert.equal(shaping.closed('outlook', 'acme', start + 3 * hour), null)
})

test('what is at work goes on after a restart, as long as its rule is there', () => {
  const before = new Shaping([blocked], engine)
  before.suspend(blocked, { host: 'outlook', tenant: '', reply: 'S3140' }, start)
  const saved = JSON.parse(JSON.stringify(before.saved(start + 1)))
  assert.ok(new Shaping([blocked], engine, saved).closed('outlook', '', start + 2))
  assert.equal(new Shaping([slower], engine, saved).closed('outlook', '', start + 2), null)
})
