import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { openClock } from '../src/clock.ts'

const second = 1000
const hour = 3600 * second
const year = 365 * 24 * hour
const start = Date.UTC(2026, 10, 25)

/** A machine whose time goes on when told to, and its gateway's clock. */
function machine() {
  const time = { wall: start, awake: 50_000, uptime: 60_000 }
  const set: number[] = []
  const sources = { wall: () => time.wall, monotonic: () => time.awake, uptime: () => time.uptime / 1000 }
  const clock = openClock(sources, (by) => void set.push(by))
  return {
    clock,
    /** How often the wall clock was seen to be set, and by how much. */
    set,
    /** Time passes; answers what the clock says then. */
    pass(milliseconds: number) {
      for (const which of ['wall', 'awake', 'uptime'] as const) time[which] += milliseconds
      return clock()
    },
    sleep(milliseconds: number) {
      time.wall += milliseconds
      time.uptime += milliseconds
    },
    setWall(by: number) {
      time.wall += by
    },
    wall: () => time.wall,
  }
}

describe('the clock', () => {
  it('is the wall clock while nobody sets that', () => {
    const { clock, pass, set } = machine()
    assert.equal(clock(), start)
    assert.equal(pass(1234), start + 1234)
    assert.equal(pass(3 * hour), start + 1234 + 3 * hour)
    assert.deepEqual(set, [])
  })

  for (const [what, by] of [
    ['an hour on', hour],
    ['an hour back', -hour],
    ['ten years on', 10 * year],
    ['fifty years back', -50 * year],
  ] as const) {
    it(`goes on as before when the wall clock is set ${what}, and says so once`, () => {
      const { pass, set, setWall } = machine()
      pass(hour)
      setWall(by)
      let before = pass(0)
      assert.equal(before, start + hour)
      for (let minute = 0; minute < 60; minute++) {
        const now = pass(60 * second)
        assert.ok(now - before >= 54 * second && now - before <= 66 * second, `${now - before}`)
        before = now
      }
      assert.deepEqual(set, [by])
    })
  }

  it('meets the wall clock in the end, and stays with it', () => {
    for (const by of [hour, -hour]) {
      const { pass, wall, setWall } = machine()
      setWall(by)
      for (let minute = 0; minute < 599; minute++) pass(60 * second)
      assert.notEqual(pass(0), wall())
      assert.equal(pass(60 * second), wall())
      assert.equal(pass(60 * second), wall())
    }
  })

  it('follows small corrections without a word', () => {
    const { pass, wall, set, setWall } = machine()
    setWall(900)
    pass(10 * second)
    assert.equal(pass(0), wall())
    assert.deepEqual(set, [])
  })

  it('knows sleep, in which time does pass, from a clock that is set', () => {
    const { pass, wall, set, sleep, setWall } = machine()
    pass(hour)
    sleep(8 * hour)
    assert.equal(pass(second), wall())
    assert.deepEqual(set, [])
    const before = pass(0)
    sleep(hour)
    setWall(year)
    assert.equal(pass(0), before + hour * 1.1)
    assert.deepEqual(set, [year])
  })

  it('never goes back, and never strays from the time that has passed by more than a tenth', () => {
    const deed = fc.record({ pass: fc.integer({ min: 0, max: hour }), set: fc.integer({ min: -year, max: year }) })
    fc.assert(
      fc.property(fc.array(deed), (deeds) => {
        const { pass, setWall } = machine()
        let before = pass(0)
        for (const { pass: passed, set } of deeds) {
          setWall(set)
          const now = pass(passed)
          assert.ok(Math.abs(now - before - passed) <= passed / 10 + 1)
          assert.ok(now >= before)
          before = now
        }
      }),
    )
  })
})
