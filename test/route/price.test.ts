/** What a month comes to, and what one message more costs in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Cost } from '../../src/mail/provider.ts'
import { Meter } from '../../src/route/meter.ts'
import { bill, flat, freeLeft, price, step } from '../../src/route/price.ts'

const rest = Number.POSITIVE_INFINITY
const cost = (given: Partial<Cost>): Cost => ({
  ...{ monthly: 0, commitment: 0, tiers: [{ upTo: rest, perThousand: 0 }], perGigabyte: 0, ...given },
})
const month = (recipients: number, bytes = 0) => ({ recipients, bytes })
const november = Date.UTC(2026, 10, 1)
const day = 86_400_000

test('one price for all is one price for each', () => {
  const one = cost({ tiers: [{ upTo: rest, perThousand: 1.25 }], monthly: 10 })
  assert.equal(flat(one), 1.25)
  assert.equal(price(one, month(0), month(1)), 1_250)
  assert.equal(price(one, month(5_000_000), month(3)), 3_750)
  assert.equal(bill(one, month(2_000)), 12.5)
  assert.equal(step(one, month(7)), null)
})

test('an allowance is free to its last recipient, and the next one pays', () => {
  const plan = cost({
    ...{
      monthly: 15,
      tiers: [
        { upTo: 10_000, perThousand: 0 },
        { upTo: rest, perThousand: 1.2 },
      ],
    },
  })
  assert.equal(flat(plan), null)
  assert.equal(price(plan, month(9_999), month(1)), 0)
  assert.equal(price(plan, month(10_000), month(1)), 1_200)
  assert.equal(price(plan, month(9_990), month(15)), 5 * 1_200, 'five of fifteen are beyond it')
  assert.deepEqual(step(plan, month(7_300)), { used: 7_300, of: 10_000, as: 'free' })
  assert.equal(step(plan, month(10_000)), null)
  assert.deepEqual([freeLeft(plan, month(7_300)), freeLeft(plan, month(12_000))], [2_700, 0])
  assert.equal(bill(plan, month(11_000)), 16.2)
})

test('tiers are graduated: each recipient at the price of the tier it falls into', () => {
  const tiers = cost({
    tiers: [
      { upTo: 1_000, perThousand: 2 },
      { upTo: 3_000, perThousand: 1 },
      { upTo: rest, perThousand: 0.5 },
    ],
  })
  assert.equal(price(tiers, month(999), month(1)), 2_000)
  assert.equal(price(tiers, month(1_000), month(1)), 1_000)
  assert.equal(price(tiers, month(3_000), month(1)), 500)
  assert.equal(price(tiers, month(500), month(4_000)), 500 * 2_000 + 2_000 * 1_000 + 1_500 * 500, 'across two edges')
  assert.deepEqual(step(tiers, month(2_000)), { used: 2_000, of: 3_000, as: 'price' })
  assert.equal(freeLeft(tiers, month(0)), null)
})

test('what weighs costs by its bytes, once for each recipient', () => {
  const heavy = cost({ tiers: [{ upTo: rest, perThousand: 0.1 }], perGigabyte: 0.12 })
  assert.equal(price(heavy, month(0), month(1, 1024 ** 3)), 120_100)
  assert.equal(price(heavy, month(100, 1_000), month(2, 2 * 1024 ** 2)), 434)
})

test('within a commitment mail costs nothing more; the message that crosses it pays what is beyond', () => {
  const committed = cost({ commitment: 100, tiers: [{ upTo: rest, perThousand: 1 }] })
  assert.equal(price(committed, month(0), month(100_000)), 0)
  assert.equal(price(committed, month(99_999), month(3)), 2_000)
  assert.deepEqual(step(committed, month(40_000)), { used: 40, of: 100, as: 'commitment' })
  assert.equal(bill(committed, month(0)), 100)
})

test('the prices of messages add up to the bill, in whole millionths, however they are cut', () => {
  const amount = fc.double({ min: 0, max: 20, noNaN: true })
  const lists = fc.record({ first: amount, second: amount, last: amount, perGigabyte: amount, commitment: amount })
  const mails = fc.array(fc.record({ recipients: fc.integer({ min: 1, max: 900 }), size: fc.nat(40_000_000) }))
  fc.assert(
    fc.property(lists, mails, ({ first, second, last, ...more }, mails) => {
      const list = cost({
        ...more,
        tiers: [
          { upTo: 500, perThousand: first },
          { upTo: 1_500, perThousand: second },
          { upTo: rest, perThousand: last },
        ],
      })
      const meter = new Meter(list, month(0), november)
      let sum = 0
      let recipients = 0
      let bytes = 0
      for (const mail of mails) {
        const more = month(mail.recipients, mail.recipients * mail.size)
        const charged = meter.price(more, november)
        assert.ok(Number.isInteger(charged) && charged >= 0)
        sum += charged
        meter.take(more, november)
        recipients += more.recipients
        bytes += more.bytes
      }
      assert.equal(sum, Math.round(bill(list, month(recipients, bytes)) * 1e6) - Math.round(list.commitment * 1e6))
    }),
  )
})

test('a month ends with the month (UTC), and what is given back after that is given back to nobody', () => {
  const meter = new Meter(
    cost({
      tiers: [
        { upTo: 10, perThousand: 0 },
        { upTo: rest, perThousand: 1 },
      ],
    }),
    month(9),
    november,
  )
  const end = Date.UTC(2026, 11, 1)
  const taken = meter.take(month(2), end - 1)
  assert.equal(taken.span, '2026-11')
  assert.deepEqual(meter.figures(1, end - 1), { costPerThousand: 1 })
  meter.giveBack(month(1), taken)
  assert.deepEqual(meter.figures(1, end - 1), { costPerThousand: 1 }, 'ten of ten are used')
  assert.deepEqual(meter.figures(1, end), { costPerThousand: 0, step: { used: 0, of: 10, as: 'free' } })
  meter.giveBack(month(1), taken)
  assert.deepEqual(meter.view(end)?.freeLeft, 10)
})

test('a forecast goes on as the month did, by its price list, and is not ventured on the first day', () => {
  const plan = cost({
    ...{
      monthly: 15,
      tiers: [
        { upTo: 10_000, perThousand: 0 },
        { upTo: rest, perThousand: 1.2 },
      ],
    },
  })
  const meter = new Meter(plan, month(5_000), november)
  assert.equal(meter.view(november + day - 1)?.forecast, null)
  assert.deepEqual(meter.view(november + 10 * day), { spent: 15, forecast: 15 + 5 * 1.2, freeLeft: 5_000 })
  assert.equal(new Meter(cost({}), month(0), november).view(november), null, 'nothing to say of what costs nothing')
})
