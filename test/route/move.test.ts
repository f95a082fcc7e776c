/** How a move goes on, is held, goes back and begins anew, by figures and a clock that are fed; and who moves first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Seen } from '../../src/mail/move.ts'
import { LastDay } from '../../src/route/last-day.ts'
import { advance, atStart, movingOf, nextOf, type Progress } from '../../src/route/move.ts'
import type { Move } from '../../src/route/policy.ts'
import { rank } from '../../src/route/rank.ts'

const hour = 3_600_000
const day = 24 * hour
const begin = Date.UTC(2026, 11, 1)
const move: Move = {
  from: { provider: 'a' },
  to: { provider: 'b' },
  over: 8 * day,
  start: null,
  steps: [0.05, 0.25, 0.5, 1],
  sticky: 'recipient',
  hold: { complaints: 0.001, deferrals: 2 },
  revert: { after: 2 * day, beyond: 2 },
}

const seen = (mails = 0, deferred = 0, complained = 0): Seen => ({ mails, deferred, complained })
const well = { from: seen(10_000, 300, 2), to: seen(1_000, 40, 0) }

/** A move under a clock of its own. */
function moving(changes: Partial<Move> = {}) {
  let progress: Progress = atStart
  let now = begin
  return {
    /** Looks at it after so much time. */
    after(time: number, figures = well) {
      now += time
      progress = advance(progress, { ...move, ...changes }, figures, now)
      return `${progress.state} ${progress.share}`
    },
    progress: () => progress,
    words: () => movingOf(progress).words,
    next: () => nextOf(progress, { ...move, ...changes }),
  }
}

test('step by step, each for its part of the time, until all has moved', () => {
  const { after, next, words } = moving()
  assert.equal(after(0), 'moving 0.05')
  assert.deepEqual(next(), { share: 0.25, at: begin + 2 * day })
  assert.equal(after(2 * day - 1), 'moving 0.05')
  assert.equal(after(1), 'moving 0.25')
  assert.equal(words(), '25 % has moved since 2026-12-03')
  assert.equal(after(2 * day), 'moving 0.5')
  assert.equal(after(2 * day), 'moving 1')
  assert.equal(after(2 * day), 'done 1')
  assert.equal(words(), 'all has moved since 2026-12-07')
  assert.equal(after(day, { from: seen(), to: seen(1_000, 900, 100) }), 'done 1', 'it is nothing to go back from')
})

test('nothing moves before its start', () => {
  const { after, next } = moving({ start: begin + day })
  assert.equal(after(0), 'waiting 0')
  assert.deepEqual(next(), { share: 0.05, at: begin + day })
  assert.equal(after(day), 'moving 0.05')
})

test('after a long sleep it goes on by one step, not by all of them', () => {
  const { after } = moving()
  after(0)
  assert.equal(after(30 * day), 'moving 0.25')
  assert.equal(after(hour), 'moving 0.25')
})

test('complaints hold it at its share; held time does not count; it goes on when they are over', () => {
  const { after, next, progress, words } = moving()
  after(0)
  after(2 * day)
  const bad = { ...well, to: seen(1_500, 40, 2) }
  assert.equal(after(day, bad), 'held 0.25')
  assert.equal(progress().trouble?.why, '2 complaints of 1500 mails (0.13 %) in a day at b: more than 0.10 %')
  assert.equal(words(), '25 % has moved since 2026-12-03, held since 2026-12-04')
  assert.equal(next(), null)
  assert.equal(after(hour / 2), 'held 0.25', 'for an hour at least')
  assert.equal(after(hour / 2 + day), 'moving 0.25')
  assert.equal(after(day - 1), 'moving 0.25')
  assert.equal(after(1), 'moving 0.5')
})

test('deferrals hold it when there are twice as many as the old way', () => {
  const { after, progress } = moving()
  after(0)
  assert.equal(after(hour, { from: seen(10_000, 300), to: seen(1_000, 60) }), 'moving 0.05')
  assert.equal(after(hour, { from: seen(10_000, 300), to: seen(1_000, 61) }), 'held 0.05')
  assert.equal(
    progress().trouble?.why,
    '61 of 1000 mails deferred or blocked (6.10 %) in a day at b: more than 6.00 %, 2 times the share at a',
  )
})

test('the old way counts as 1 % at least, and by what was known of it last when it has no mail any more', () => {
  const clean = moving()
  clean.after(0)
  assert.equal(clean.after(hour, { from: seen(10_000, 0), to: seen(1_000, 20) }), 'moving 0.05')
  assert.equal(clean.after(hour, { from: seen(10_000, 0), to: seen(1_000, 21) }), 'held 0.05')
  const last = moving()
  last.after(0)
  last.after(hour, { from: seen(10_000, 1_000), to: seen() })
  assert.equal(last.after(hour, { from: seen(5, 5), to: seen(1_000, 200) }), 'moving 0.05')
  assert.equal(last.after(hour, { from: seen(5, 5), to: seen(1_000, 201) }), 'held 0.05')
  const unknown = moving()
  unknown.after(0)
  assert.equal(unknown.after(hour, { from: seen(), to: seen(1_000, 900) }), 'moving 0.05', 'nothing to compare with')
})

test('with little mail, and for one complaint, it goes on', () => {
  const { after } = moving()
  after(0)
  assert.equal(after(hour, { ...well, to: seen(29, 29, 29) }), 'moving 0.05')
  assert.equal(after(hour, { ...well, to: seen(30, 9, 1) }), 'moving 0.05')
  assert.equal(after(hour, { ...well, to: seen(30, 0, 2) }), 'held 0.05')
})

test('held for too long it goes back, and stays there', () => {
  const { after, progress, words } = moving()
  after(0)
  const bad = { ...well, to: seen(1_500, 40, 2) }
  after(day, bad)
  const since = progress().trouble!.since
  assert.equal(after(2 * day - 1, { ...well, to: seen(2_000, 40, 3) }), 'held 0.05')
  assert.match(progress().trouble!.why, /^3 complaints of 2000/, 'as it is now')
  assert.equal(progress().trouble!.since, since)
  assert.equal(after(1, bad), 'reverted 0')
  assert.match(progress().trouble!.why, /^held for too long: 3 complaints/)
  assert.equal(words(), 'nothing moves: all went back on 2026-12-04')
  assert.equal(after(30 * day), 'reverted 0')
})

test('what is far worse sends it back at once, of complaints and of deferrals, held or not', () => {
  for (const [to, state] of [
    [seen(2_500, 0, 5), 'held'],
    [seen(2_400, 0, 5), 'reverted'],
    [seen(1_000, 0, 4), 'held'],
    [seen(1_000, 120), 'held'],
    [seen(1_000, 121), 'reverted'],
    [seen(1_000, 121, 2), 'reverted'],
  ] as const) {
    const { after } = moving()
    after(0)
    assert.match(after(hour, { from: seen(10_000, 300), to }), new RegExp(`^${state}`), JSON.stringify(to))
  }
  const { after } = moving()
  after(0)
  after(hour, { ...well, to: seen(1_500, 0, 2) })
  assert.equal(after(1, { ...well, to: seen(1_500, 0, 6) }), 'reverted 0')
})

test('with other steps it keeps its share until the next that is more', () => {
  let progress = advance(atStart, move, well, begin)
  progress = advance(progress, move, well, begin + 2 * day)
  assert.equal(progress.share, 0.25)
  progress = advance(progress, { ...move, steps: [0.1, 0.3, 1] }, well, begin + 3 * day)
  assert.equal(progress.share, 0.25)
  progress = advance(progress, { ...move, steps: [0.1, 0.3, 1] }, well, begin + 5 * day)
  assert.equal(progress.share, 0.3)
})

test('counts of the last 24 hours, and none before', () => {
  const one = new LastDay()
  for (let at = 0; at < 48; at++) one.count('mails', begin + at * hour)
  one.count('complained', begin + 47 * hour)
  assert.deepEqual(one.seen(begin + 47 * hour), seen(24, 0, 1))
  assert.deepEqual(new LastDay(one.saved()).seen(begin + 60 * hour), seen(11, 0, 1))
  assert.equal(one.saved().length, 24)
})

const facts = (recipient: string, share: number, messageId = 'msg_1') => ({
  ...{
    messageId,
    recipient,
    mayExplore: true,
    moving: { share, words: `${share * 100} % has moved since 2026-12-05` },
  },
  figures: () => ({ costPerThousand: 0, latencyMs: null, success: null }),
})

test('as the share grows others move over, and nobody goes back', () => {
  const percent = fc.nat(100)
  fc.assert(
    fc.property(fc.emailAddress(), percent, percent, fc.uuid(), fc.uuid(), (to, one, other, first, second) => {
      const order = (share: number, id: string) =>
        rank({ move }, facts(to, share / 100, id)).map(({ provider }) => provider)
      assert.deepEqual(
        [order(0, first), order(100, second)],
        [
          ['a', 'b'],
          ['b', 'a'],
        ],
      )
      const [less, more] = [Math.min(one, other), Math.max(one, other)]
      if (order(less, first)[0] === 'b') assert.equal(order(more, second)[0], 'b')
    }),
    { seed: 20261126, numRuns: 500 },
  )
})

test('so many move as the share says, all mail of one recipient or each message by itself', () => {
  for (const sticky of ['recipient', 'message'] as const) {
    let moved = 0
    for (let number = 0; number < 10_000; number++) {
      const given = facts(sticky === 'recipient' ? `p${number}@example.net` : 'bob@example.net', 0.25, `msg_${number}`)
      if (rank({ move: { ...move, sticky } }, given)[0]!.provider === 'b') moved++
    }
    // Three standard deviations of a binomial draw of 10,000.
    assert.ok(Math.abs(moved - 2_500) < 130, `${moved}`)
  }
})

test('the draw and the share are in the reasons, of those who moved and those who did not', () => {
  const why = (recipient: string) =>
    rank({ move }, facts(recipient, 0.25)).map(({ provider, score, reasons }) => [
      provider,
      score.toFixed(4),
      ...reasons,
    ])
  const drew = (list: string[][]) => list[0]![1]!
  const some = Array.from({ length: 20 }, (_, number) => why(`p${number}@example.net`))
  const one = some.find((list) => list[0]![0] === 'b')!
  assert.deepEqual(one, [
    ['b', drew(one), `25 % has moved since 2026-12-05, and this recipient (drew ${drew(one)})`],
    ['a', drew(one), `behind the new way (drew ${drew(one)})`],
  ])
  const other = some.find((list) => list[0]![0] === 'a')!
  assert.deepEqual(other, [
    ['a', drew(other), `25 % has moved since 2026-12-05, not this recipient yet (drew ${drew(other)})`],
    ['b', drew(other), `behind the old way (drew ${drew(other)})`],
  ])
})

test('trees move as a whole', () => {
  const tree: Move = {
    ...move,
    from: { first: [{ provider: 'a' }, { provider: 'c' }] },
    to: { best: { of: [{ provider: 'b' }, { provider: 'd' }], by: 'cost' } },
  }
  const order = (share: number) => rank({ move: tree }, facts('bob@example.net', share)).map(({ provider }) => provider)
  assert.deepEqual(order(0), ['a', 'c', 'b', 'd'])
  assert.deepEqual(order(1), ['b', 'd', 'a', 'c'])
})
