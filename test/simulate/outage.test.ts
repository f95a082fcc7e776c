/** Outages as they are asked for. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { placed, readOutage } from '../../src/simulate/outage.ts'

const begins = Date.UTC(2026, 10, 1)
const hour = 3_600_000

describe('an outage', () => {
  it('is at a time, or so long after the beginning', () => {
    const wanted = { provider: 'relay-eu', trouble: 'down', from: begins + 34 * hour, until: begins + 38 * hour }
    assert.deepEqual(placed(readOutage('relay-eu@34h+4h'), begins), wanted)
    assert.deepEqual(placed(readOutage('relay-eu@2026-11-02T10:00+4h'), begins), wanted)
    assert.deepEqual(placed(readOutage('relay-eu@2026-11-02T10:00:00Z+240m down'), begins), wanted)
    assert.equal(placed(readOutage('a@b@2026-11-02+1d slow'), begins).provider, 'a@b')
    assert.equal(placed(readOutage('relay@2026-11-02+1d slow'), begins).trouble, 'slow')
  })

  it('says what is wrong with it', () => {
    for (const [text, why] of [
      ['relay', /expected <provider>@<start>\+<duration>/],
      ['relay@3d', /expected <provider>@<start>\+<duration>/],
      ['relay@3d+4h broken', /there is no trouble "broken"; there are down, slow, silent, limited/],
      ['relay@3d+4', /"4" is no duration/],
      ['relay@3d+0h', /"0h" is no duration/],
      ['relay@soon+4h', /"soon" is no start/],
      ['relay@2026-13-02T10:00+4h', /is no start/],
    ] as const) {
      assert.throws(() => readOutage(text), { name: 'RangeError', message: why }, text)
    }
  })
})
