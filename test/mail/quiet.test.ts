import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isZone, quietUntil } from '../../src/mail/quiet.ts'

const at = (text: string) => Date.parse(text)
const until = (quiet: { from: string; to: string; zone: string }, now: string) => {
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
  const found = quietUntil({ from: minutes(quiet.from), to: minutes(quiet.to), zones: [quiet.zone] }, {}, at(now))
  return found === null ? null : new Date(found).toISOString()
}
const night = { from: '22:00', to: '07:00', zone: 'Europe/Berlin' }

test('over midnight, by the clock of the place', () => {
  assert.equal(until(night, '2026-11-26T20:59:59.999Z'), null)
  assert.equal(until(night, '2026-11-26T21:00:00Z'), '2026-11-27T06:00:00.000Z')
  assert.equal(until(night, '2026-11-27T05:59:59.999Z'), '2026-11-27T06:00:00.000Z')
  assert.equal(until(night, '2026-11-27T06:00:00Z'), null)
})

test('within a day', () => {
  const noon = { from: '12:00', to: '13:30', zone: 'UTC' }
  assert.equal(until(noon, '2026-11-26T12:10:20Z'), '2026-11-26T13:30:00.000Z')
  assert.equal(until(noon, '2026-11-26T13:30:00Z'), null)
})

test('the night in which the clock goes forward is an hour shorter, the other an hour longer', () => {
  assert.equal(until(night, '2026-03-28T21:00:00Z'), '2026-03-29T05:00:00.000Z')
  assert.equal(until(night, '2026-10-24T20:00:00Z'), '2026-10-25T06:00:00.000Z')
})

test('hours that end at a time that is skipped end when the clock has skipped it', () => {
  assert.equal(until({ ...night, to: '02:30' }, '2026-03-28T23:00:00Z'), '2026-03-29T01:00:00.000Z')
})

test('what was found once holds for the same hours only', () => {
  const quiet = { from: 22 * 60, to: 7 * 60, zones: ['UTC'] }
  const first = quietUntil(quiet, {}, at('2026-11-26T22:00:00Z'))
  assert.equal(quietUntil(quiet, {}, at('2026-11-27T06:59:00Z')), first)
  assert.equal(quietUntil(quiet, {}, at('2026-11-27T07:00:00Z')), null)
  assert.equal(quietUntil(quiet, {}, at('2026-11-27T23:00:00Z')), at('2026-11-28T07:00:00Z'))
})

test('by the clock of the zone that the mail names, else by the next in the list, else by UTC', () => {
  const quiet = { from: 22 * 60, to: 7 * 60, zones: ['metadata.zone', 'Asia/Tokyo'] }
  const ends = (metadata: Record<string, string>, zones = quiet.zones) => {
    const until = quietUntil({ ...quiet, zones }, metadata, at('2026-11-26T21:30:00Z'))
    return until && new Date(until).toISOString()
  }
  assert.equal(ends({ zone: 'Europe/Berlin' }), '2026-11-27T06:00:00.000Z')
  assert.equal(ends({ zone: 'America/New_York' }), null)
  assert.equal(ends({}), '2026-11-26T22:00:00.000Z')
  assert.equal(ends({ zone: 'Mars/Olympus' }), '2026-11-26T22:00:00.000Z')
  assert.equal(ends({}, ['metadata.zone']), null)
  const cached = ['Europe/Berlin', 'Asia/Tokyo', 'Europe/Berlin'].map((zone) =>
    quietUntil(quiet, { zone }, at('2026-11-26T21:30:00Z')),
  )
  assert.deepEqual(cached, [at('2026-11-27T06:00:00Z'), at('2026-11-26T22:00:00Z'), at('2026-11-27T06:00:00Z')])
})

test('zones are those that exist', () => {
  assert.deepEqual(['Europe/Berlin', 'UTC', 'Mars', ''].map(isZone), [true, true, false, false])
})
