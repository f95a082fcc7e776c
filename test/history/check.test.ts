/** The checker itself: it sees what is wrong, and only that. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { newFolder, remove } from '../support/waypost.ts'
import { check, holds } from './check.ts'
import { newSeed } from './dice.ts'
import { History, type Line } from './history.ts'

const handedIn = (key: string, unknown: 'failover' | 'reconcile' | 'hold' = 'failover'): Line[] => [
  { what: 'invoke', key, unknown },
  { what: 'ok', key, id: `msg_${key}` },
]
const arrived = (key: string, honoursKeys = false): Line => ({ what: 'delivered', key, sink: 'sink', honoursKeys })
const told = (key: string, status: string, unknowns = 0): Line => ({ what: 'told', key, status, unknowns })
const kill: Line = { what: 'kill' }
const up: Line = { what: 'up' }

test('what was acknowledged and arrived is all there is to say', () => {
  const verdict = check([...handedIn('a'), arrived('a'), kill, up, ...handedIn('b'), arrived('b')])
  assert.deepEqual(verdict, {
    acknowledged: 2,
    delivered: 2,
    lost: [],
    doubled: [],
    unexcused: [],
    phantom: [],
    pastHandOver: 0,
    kills: 1,
  })
  assert.ok(holds(verdict))
})

test('lost: acknowledged, never arrived, and nobody was told of an end', () => {
  for (const [unknown, ends] of [
    ['failover', [told('a', 'sent')]],
    ['failover', [told('a', 'queued')]],
    ['failover', [told('a', 'held', 1)]],
    ['hold', []],
  ] as const) {
    const verdict = check([...handedIn('a', unknown), ...ends])
    assert.deepEqual(verdict.lost, ['a'])
    assert.ok(!holds(verdict))
  }
  for (const end of [told('a', 'bounced'), told('a', 'expired'), told('a', 'held')]) {
    assert.deepEqual(check([...handedIn('a', 'hold'), end]).lost, [])
  }
})

test('what was not acknowledged may arrive or not', () => {
  const unanswered: Line[] = [
    { what: 'invoke', key: 'a', unknown: 'hold' },
    { what: 'info', key: 'a', why: 'reset' },
  ]
  assert.ok(holds(check(unanswered)))
  assert.ok(holds(check([...unanswered, arrived('a')])))
})

test('doubled: excused only where all of it fits', () => {
  const twice = (unknown: 'failover' | 'reconcile' | 'hold', between: Line[], unknowns: number, honoursKeys = false) =>
    check([
      ...handedIn('a', unknown),
      arrived('a', honoursKeys),
      ...between,
      arrived('a', honoursKeys),
      told('a', 'sent', unknowns),
    ])
  for (const verdict of [
    twice('hold', [kill, up], 1),
    twice('reconcile', [kill, up], 1),
    twice('failover', [], 1),
    twice('failover', [kill, up], 0),
    twice('failover', [kill, up], 1, true),
  ]) {
    assert.deepEqual([verdict.doubled, verdict.unexcused], [['a'], ['a']])
    assert.ok(!holds(verdict))
  }
  const excused = twice('failover', [kill, up], 1)
  assert.deepEqual([excused.doubled, excused.unexcused, excused.pastHandOver], [['a'], [], 1])
  assert.ok(holds(excused))
})

test('a kill excuses what arrived while it went on, and nothing before or after', () => {
  const mail = handedIn('a')
  const end = told('a', 'sent', 1)
  assert.ok(holds(check([...mail, kill, arrived('a'), arrived('a'), up, end])))
  assert.ok(!holds(check([...mail, arrived('a'), arrived('a'), kill, up, end])))
  assert.ok(!holds(check([kill, up, ...mail, arrived('a'), arrived('a'), end])))
})

test('where far ends fail too, an answer that was kept back excuses a copy, and a key is worth one copy', () => {
  const copies = (first: object, second: object, unknowns = 1) => [
    ...handedIn('a'),
    { ...arrived('a'), ...first } as Line,
    { ...arrived('a'), ...second } as Line,
    told('a', 'sent', unknowns),
  ]
  const faults = true
  assert.ok(holds(check(copies({ unheard: true }, { sink: 'other' }), { faults })))
  assert.ok(holds(check(copies({ unheard: true, honoursKeys: true }, { sink: 'other' }), { faults })))
  for (const lines of [
    copies({}, { sink: 'other' }),
    copies({ unheard: true }, { sink: 'other' }, 0),
    copies({ unheard: true, honoursKeys: true }, { honoursKeys: true }),
  ]) {
    assert.deepEqual(check(lines, { faults }).unexcused, ['a'])
  }
  assert.deepEqual(check(copies({ unheard: true }, { sink: 'other' })).unexcused, ['a'])
})

test('phantom: nobody handed it in, or whoever did heard no', () => {
  assert.deepEqual(check([arrived('a')]).phantom, ['a'])
  const refused: Line[] = [
    { what: 'invoke', key: 'a', unknown: 'hold' },
    { what: 'fail', key: 'a', why: '503' },
  ]
  assert.deepEqual(check([...refused, arrived('a')]).phantom, ['a'])
  assert.ok(holds(check(refused)))
})

test('past hand-over: held though it arrived, recognised by its key, or sent again', () => {
  const lines = [...handedIn('a', 'hold'), arrived('a'), told('a', 'held', 1), ...handedIn('b'), arrived('b', true)]
  assert.equal(check([...lines, { what: 'recognised', key: 'b', sink: 'sink' }]).pastHandOver, 2)
})

test('any good history with one line taken out or put in twice is found out', (t) => {
  const seed = newSeed()
  t.diagnostic(`seed ${seed}`)
  const count = fc.integer({ min: 1, max: 50 })
  const place = fc.nat()
  fc.assert(
    fc.property(count, place, fc.boolean(), (messages, at, again) => {
      const keys = Array.from({ length: messages }, (_, number) => `p${number}`)
      const good = [...keys.flatMap((key) => handedIn(key)), kill, up, ...keys.map((key) => arrived(key))]
      const wrong = keys[at % messages]!
      const bad = again
        ? [...good, arrived(wrong)]
        : good.filter((line) => line.what !== 'delivered' || line.key !== wrong)
      assert.ok(holds(check(good)))
      assert.deepEqual(again ? check(bad).unexcused : check(bad).lost, [wrong])
    }),
    { seed },
  )
})

test('a history is read back as it was written', () => {
  const folder = newFolder()
  try {
    const history = new History(join(folder, 'history'))
    const lines = [...handedIn('a'), kill, up, arrived('a'), told('a', 'sent')]
    for (const line of lines) history.write(line)
    assert.deepEqual(history.lines(), lines)
  } finally {
    remove(folder)
  }
})
