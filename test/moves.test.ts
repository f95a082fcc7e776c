/** The moves of a policy: what is told of them, what outlives the process and another policy, and beginning anew; time is fed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Moves, type MoveTurn } from '../src/moves.ts'
import type { Move, Rule } from '../src/route/policy.ts'

const day = 86_400_000
const begin = Date.UTC(2026, 11, 1)

function moveTo(to: string, changes: Partial<Move> = {}): Move {
  return {
    ...{ from: { provider: 'a' }, to: { provider: to }, over: 4 * day, start: null, steps: [0.05, 0.25, 0.5, 1] },
    ...{ sticky: 'recipient', hold: { complaints: 0.001, deferrals: 2 }, revert: { after: 2 * day, beyond: 2 } },
    ...changes,
  }
}

const policy = (move: Move | null): { rules: Rule[] } => ({
  rules: [{ name: 'news', when: null, use: move ? { first: [{ move }, { provider: 'z' }] } : { provider: 'a' } }],
})

async function open(given = policy(moveTo('b')), kept = new Map<string, string>(), at = begin) {
  let now = at
  const turns: string[] = []
  const store = {
    state: async (key: string) => JSON.parse(kept.get(key) ?? 'null'),
    setState: async (key: string, value: unknown) => void kept.set(key, JSON.stringify(value)),
  }
  const told = ({ rule, what, share, detail }: MoveTurn) =>
    turns.push([rule, what, share, ...(detail ? [detail] : [])].join(' '))
  const moves = await Moves.open({ store, clock: () => now, turned: told }, given)
  return {
    ...{ moves, turns, kept },
    pass: (time: number) => {
      now += time
      return moves.standing().get('news')?.share
    },
    /** So many mails at b, of which so many were complained of. */
    mails(count: number, complained = 0) {
      for (let mail = 0; mail < count; mail++) moves.note('b', 'mails')
      for (let mail = 0; mail < complained; mail++) moves.note('b', 'complained')
    },
    view: () => moves.views()[0]!,
  }
}

test('each turn is told once, however often somebody asks', async () => {
  const { turns, pass } = await open()
  for (let quarter = 0; quarter < 5 * 96; quarter++) pass(day / 96)
  assert.deepEqual(turns, ['news begins 0.05', 'news steps 0.25', 'news steps 0.5', 'news steps 1', 'news done 1'])
})

test('a bad sign holds it at the next question, and the view says why and until when', async () => {
  const { turns, mails, moves, view } = await open()
  mails(1_000, 1)
  assert.equal(view().state, 'moving')
  assert.deepEqual(view().next, { share: 0.25, at: begin + day })
  mails(0, 1)
  assert.equal(moves.standing().get('news')!.words, '5 % has moved since 2026-12-01, held since 2026-12-01')
  const why = '2 complaints of 1000 mails (0.20 %) in a day at b: more than 0.10 %'
  assert.deepEqual(view(), {
    ...{ rule: 'news', from: ['a'], to: ['b'], state: 'held', share: 0.05, since: begin, next: null },
    ...{ revertsAt: begin + 2 * day, reason: why },
    seen: { from: { mails: 0, deferred: 0, complained: 0 }, to: { mails: 1_000, deferred: 0, complained: 2 } },
  })
  assert.deepEqual(turns.slice(1), [`news held 0.05 ${why}`])
})

test('what is far worse turns it back, which stays so over a restart, until it is restarted', async () => {
  const one = await open()
  one.pass(day)
  one.mails(1_000, 5)
  assert.equal(one.pass(0), 0)
  assert.match(one.turns.at(-1)!, /^news reverted 0 5 complaints of 1000 mails/)
  const other = await open(policy(moveTo('b')), one.kept, begin + 3 * day)
  assert.equal(other.view().state, 'reverted')
  assert.match(other.view().reason!, /^5 complaints of 1000/)
  assert.deepEqual(other.turns, [])
  assert.equal(other.moves.restart('nobody'), false)
  assert.equal(other.moves.restart('news'), true)
  assert.deepEqual(other.turns, ['news restarted 0', 'news begins 0.05'])
  assert.equal(other.pass(day), 0.25)
  assert.equal(other.view().seen.to.complained, 0, 'nothing is held against it any more')
  assert.equal(other.moves.restart('news'), true)
  assert.equal(other.view().share, 0.25, 'one that did not go back stays as it is')
})

test('a move that is restarted before its start waits for it', async () => {
  const one = await open()
  one.mails(100, 5)
  one.pass(0)
  await one.moves.configure(policy(moveTo('b', { start: begin + day })))
  one.moves.restart('news')
  assert.deepEqual([one.view().state, one.pass(0)], ['waiting', 0])
  assert.equal((await open(policy(moveTo('b', { start: begin + day })), one.kept)).view().state, 'waiting')
  assert.equal(one.pass(day), 0.05)
})

test('progress and counts outlive the process', async () => {
  const one = await open()
  one.pass(day)
  one.mails(1_000, 1)
  one.pass(60_000)
  const other = await open(policy(moveTo('b')), one.kept, begin + day + 120_000)
  assert.deepEqual([other.view().state, other.view().share, other.view().seen.to.mails], ['moving', 0.25, 1_000])
  other.mails(0, 1)
  assert.equal(other.view().state, 'held')
})

test('other steps and times keep its share; other providers begin anew; none costs nothing', async () => {
  const { moves, pass, view, turns } = await open()
  pass(day)
  await moves.configure(policy(moveTo('b', { steps: [0.1, 1], over: 20 * day })))
  assert.deepEqual([view().share, view().next], [0.25, { share: 1, at: begin + 11 * day }])
  await moves.configure(policy(moveTo('c')))
  assert.equal(view().share, 0.05)
  await moves.configure(policy(null))
  assert.deepEqual([moves.standing().size, moves.views()], [0, []])
  assert.deepEqual(turns, ['news begins 0.05', 'news steps 0.25', 'news begins 0.05'])
})
