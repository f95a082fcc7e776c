import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Overdue } from '../../src/route/overdue.ts'

const minute = 60_000

/** One that got `count` mails, ten seconds apart, and told of those that `tells`: delivered within some seconds. */
function learnt(count: number, tells: (mail: number) => boolean = () => true) {
  const it = new Overdue()
  let now = 1_000_000
  for (let mail = 0; mail < count; mail++) {
    it.accepted(`early${mail}`, now)
    if (tells(mail)) it.ended(`early${mail}`, now + 2_000 + (mail % 5) * 1_000, true)
    now += 10_000
    it.fault(now)
  }
  /** More mail, of which nothing is heard. */
  const lost = (mails: number, apart = 10_000) => {
    for (let mail = 0; mail < mails; mail++) {
      it.accepted(`lost${now}`, now)
      now += apart
    }
  }
  return { it, lost, now: () => now, later: (milliseconds: number) => (now += milliseconds) }
}

test('it learns how long deliveries take', () => {
  const usual = learnt(50).it.usual()!
  assert.ok(usual > 5_000 && usual < 9_000, `${usual}`)
  assert.equal(learnt(9).it.usual(), null)
})

test('who accepts mail and delivers none of it is at fault, once that is beyond doubt', () => {
  const { it, lost, later } = learnt(50)
  lost(20)
  assert.equal(it.fault(later(6 * minute)), null, 'the first is ten minutes old in a moment')
  assert.equal(it.fault(later(2 * minute)), null, 'eight are')
  const words =
    /^it accepts mail and does not deliver it: \d\d one after the other are not delivered after 10 minutes, where nearly all took \d s at most$/
  assert.match(it.fault(later(2 * minute))!, words)
  assert.match(it.fault(later(60 * minute))!, words)
})

test('the same with so much mail that only a sample is remembered', () => {
  const { it, lost, later } = learnt(50)
  lost(60_000, 20)
  assert.notEqual(it.fault(later(1 * minute)), null)
})

test('a few that are lost, or bounced, are no fault', () => {
  const { it, now } = learnt(200, (mail) => mail % 3 > 0)
  assert.equal(it.fault(now() + 60 * minute), null)
})

test('of a provider that never tells, or of hardly any mail, silence says nothing', () => {
  const never = learnt(200, () => false)
  assert.equal(never.it.fault(never.later(60 * minute)), null)
  assert.equal(never.it.tells, false)
  const hardly = learnt(200, (mail) => mail % 10 === 0)
  hardly.lost(50)
  assert.equal(hardly.it.fault(hardly.later(60 * minute)), null)
  assert.equal(new Overdue(true).tells, true)
})

test('a long silence does not become what is usual; one delivery ends it', () => {
  const { it, lost, now, later } = learnt(100)
  for (let hour = 0; hour < 5; hour++) {
    lost(300)
    assert.notEqual(it.fault(now()), null)
  }
  it.accepted('probe', later(10_000))
  it.ended('probe', later(3_000), true)
  assert.equal(it.fault(now()), null)
  lost(20)
  assert.notEqual(it.fault(later(60 * minute)), null)
})
