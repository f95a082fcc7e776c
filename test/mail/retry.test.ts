import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { backoff } from '../../src/mail/retry.ts'

const schedule = { first: 60_000, max: 3_600_000 }
const even = 0.5

describe('backoff', () => {
  it('doubles from the first wait to the longest', () => {
    const waits = [1, 2, 3, 6, 7, 8, 1000].map((tries) => backoff(schedule, tries, even))
    assert.deepEqual(waits, [60_000, 120_000, 240_000, 1_920_000, 3_600_000, 3_600_000, 3_600_000])
  })

  it('takes off or puts on up to a fifth', () => {
    assert.equal(backoff(schedule, 1, 0), 48_000)
    assert.equal(backoff(schedule, 1, 0.999_999), 72_000)
  })

  it('waits at least as long as it is asked to, up to an hour', () => {
    assert.equal(backoff(schedule, 1, even, 90_000), 90_000)
    assert.equal(backoff(schedule, 1, even, 10), 60_000)
    assert.equal(backoff(schedule, 1, even, -1), 60_000)
    assert.equal(backoff(schedule, 1, even, 86_400_000), 3_600_000)
  })

  it('is a whole number of milliseconds within bounds, always', () => {
    const dice = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        dice,
        fc.integer({ min: 0, max: 1e9 }),
        (tries, dice, retryAfter) => {
          const wait = backoff(schedule, tries, dice, retryAfter)
          assert.ok(Number.isInteger(wait) && wait >= 48_000 && wait <= 1.2 * 3_600_000)
        },
      ),
    )
  })
})
