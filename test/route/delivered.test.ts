/** What a provider's figures say of the mail that it accepted; time is fed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnostic } from '../../src/mail/outcome.ts'
import { Delivered, deliveredShare, type SavedDelivered } from '../../src/route/delivered.ts'

const minute = 60_000

function fed() {
  const delivered = new Delivered()
  let serial = 0
  return {
    delivered,
    /** @param ends what is told a second later; null: nothing */
    mails(count: number, ends: 'delivered' | 'lost' | 'nobody' | null, at: number, host = 'gmail') {
      for (let mail = 0; mail < count; mail++) {
        const key = `msg_${serial++}`
        delivered.accepted(key, host, at)
        if (ends) delivered.ended(key, ends, at + 1_000)
      }
    },
  }
}

const round = (value: number | null) => value && Math.round(value * 1_000) / 1_000

test('the share is of what was told of, and what the recipient alone is to blame for is not counted', () => {
  const { delivered, mails } = fed()
  mails(96, 'delivered', 0)
  mails(4, 'lost', 0)
  mails(50, 'nobody', 0)
  assert.equal(round(deliveredShare(delivered.at('example.org', 1_000))), 0.96)
})

test('a provider that tells of no delivery is unknown, however long it is silent and whatever else it tells', () => {
  const { delivered, mails } = fed()
  mails(50, null, 0)
  mails(5, 'lost', 0)
  assert.equal(delivered.at('gmail', 60 * minute), null)
})

test('fewer than thirty say nothing yet', () => {
  const { delivered, mails } = fed()
  mails(29, 'delivered', 0)
  assert.equal(deliveredShare(delivered.at('gmail', 1_000)), null)
  assert.equal(deliveredShare(null), null)
})

test('what nothing is told of in a quarter of an hour is lost, where deliveries are told of', () => {
  const { delivered, mails } = fed()
  mails(100, 'delivered', 0)
  mails(10, null, 0)
  assert.equal(deliveredShare(delivered.at('gmail', 14 * minute)), 1)
  // The deliveries are a quarter of an hour older by then, and count a little less.
  const told = delivered.at('gmail', 15 * minute)!
  assert.deepEqual(
    [round(told.bad), round(told.good)],
    [10, round(100 * 2 ** (-(15 * minute - 1_000) / (60 * minute)))],
  )
  delivered.ended('msg_100', 'delivered', 16 * minute)
  assert.ok(delivered.at('gmail', 16 * minute)!.good < told.good, 'late is late')
})

test('counts halve in an hour, so that what was does not outlive what is', () => {
  const { delivered, mails } = fed()
  mails(100, 'lost', 0)
  mails(100, 'delivered', 0)
  mails(100, 'delivered', 180 * minute)
  const told = delivered.at('example.org', 180 * minute + 1_000)!
  assert.deepEqual([round(told.bad), round(deliveredShare(told))], [12.5, 0.9])
})

test('a complaint weighs as much as ten that were lost, and none is counted twice', () => {
  const { delivered, mails } = fed()
  mails(1_000, 'delivered', 0)
  for (let complaint = 0; complaint < 3; complaint++) delivered.complained('gmail', 1_000)
  const told = delivered.at('example.org', 1_000)!
  assert.deepEqual([told.good, told.bad, told.complaints], [997, 3, 3])
  assert.equal(round(deliveredShare(told)), round(997 / 1_027))
})

test('what is told before the call ended counts when it has', () => {
  const { delivered, mails } = fed()
  mails(20, 'delivered', 0)
  delivered.ended('quick', 'lost', 1_000)
  delivered.accepted('quick', 'gmail', 1_001)
  assert.equal(round(delivered.at('example.org', 1_001)!.bad), 1)
})

test('a host’s own mail speaks for it, leaning on the provider’s while it is little', () => {
  const { delivered, mails } = fed()
  mails(400, 'delivered', 0, 'gmail')
  mails(40, 'lost', 0, 'outlook')
  mails(10, 'delivered', 0, 'icloud')
  const share = (host: string) => deliveredShare(delivered.at(host, 1_000))!
  assert.deepEqual(
    ['gmail', 'outlook', 'icloud', 'yahoo'].map((host) => round(share(host))),
    [1, 0, round((10 + (20 * 400) / 440) / 30), round(410 / 450)],
  )
  assert.deepEqual(
    ['gmail', 'outlook', 'icloud', 'yahoo', 'example.org'].map((host) => delivered.at(host, 1_000)!.at),
    ['gmail', 'outlook', undefined, undefined, undefined],
  )
})

test('a host that refuses what is sent straight to it counts as a bounce told later does; a deferral may still end well', () => {
  const said = diagnostic('451', 'later')
  const delivered = new Delivered()
  for (let mail = 0; mail < 20; mail++) {
    delivered.answered(`well_${mail}`, 'gmail', { kind: 'delivered', diagnostic: said }, 0)
  }
  delivered.answered('grey', 'gmail', { kind: 'deferred', cause: 'host', diagnostic: said }, 0)
  delivered.answered('never', 'gmail', { kind: 'deferred', cause: 'host', diagnostic: said }, 0)
  delivered.answered('block', 'gmail', { kind: 'rejected', cause: 'host', diagnostic: said }, 0)
  delivered.answered('nobody', 'gmail', { kind: 'rejected', cause: 'recipient', diagnostic: said }, 0)
  delivered.answered('grey', 'gmail', { kind: 'delivered', diagnostic: said }, 5 * minute)
  const soon = delivered.at('example.org', 5 * minute)!
  const late = delivered.at('example.org', 15 * minute)!
  assert.deepEqual([round(soon.bad), round(soon.good)], [round(2 ** (-5 / 60)), round(20 * 2 ** (-5 / 60) + 1)])
  assert.equal(round(late.bad), round(2 ** (-15 / 60) + 1))
})

test('what a vendor tells is counted by whose matter it is', () => {
  const { delivered, mails } = fed()
  mails(20, 'delivered', 0)
  mails(6, null, 0)
  const told: [type: Parameters<Delivered['heard']>[2]['type'], bounce: string | null][] = [
    ['bounced', 'hard'],
    ['bounced', 'soft'],
    ['bounced', 'block'],
    ['rejected', null],
    ['suppressed', null],
    ['opened', null],
  ]
  for (const [place, [type, bounce]] of told.entries()) {
    delivered.heard(`msg_${20 + place}`, 'gmail', { type, bounce }, 1_000)
  }
  const { good, bad } = delivered.at('example.org', 1_000)!
  assert.deepEqual([good, bad], [20, 3])
})

test('figures are kept over a restart, and written down once a minute at most', () => {
  const kept: SavedDelivered[] = []
  const delivered = new Delivered(null, (saved) => kept.push(JSON.parse(JSON.stringify(saved))))
  for (let mail = 0; mail < 600; mail++) {
    delivered.accepted(`${mail}`, 'gmail', mail * 1_000)
    delivered.ended(`${mail}`, mail % 10 === 0 ? 'lost' : 'delivered', mail * 1_000 + 500)
  }
  assert.equal(kept.length, 10)
  const again = new Delivered(kept.at(-1))
  assert.equal(deliveredShare(again.at('gmail', 600_000))!.toFixed(2), '0.90')
})

test('of a flood a sample is kept, which says the same, complaints included', () => {
  const delivered = new Delivered()
  let complaints = 0
  for (let mail = 0; mail < 60_000; mail++) {
    const at = mail * 10
    delivered.accepted(`${mail}`, 'gmail', at)
    // Told of a minute later, so that some thousands are always waited for.
    const told = mail - 6_000
    if (told >= 0) delivered.ended(`${told}`, told % 20 === 0 ? 'lost' : 'delivered', at)
    if (mail % 1_000 === 0 && mail > 20_000) {
      complaints++
      delivered.complained('gmail', at)
    }
  }
  const { good, bad, complaints: counted } = delivered.at('example.org', 600_000)!
  const share = good / (good + bad)
  assert.ok(Math.abs(share - 0.95) < 0.02, `${share}`)
  assert.ok(counted < complaints / 2 && counted > complaints / 6, `${counted} of ${complaints}`)
})
