import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cells } from '../../src/route/cells.ts'

const minute = 60_000
/** Cells with a clock that is fed, and dice in the middle: two minutes are two minutes. */
function cells(saved?: ConstructorParameters<typeof Cells>[0]) {
  const it = new Cells(saved)
  let now = 1_000_000
  return {
    it,
    at: (host: string) => it.at(host, now),
    pass(milliseconds: number) {
      now += milliseconds
    },
    note: (host: string, what: 'good' | 'bad' | 'undone', times = 1, type = 'transactional') => {
      let turn = null
      for (let count = 0; count < times; count++) turn = it.note(host, type, what, { now, die: 0.5 }) ?? turn
      return turn
    },
    goes: (host: string) => it.goes(host, now, now + 2 * minute),
    success: (host: string, parent: number | null, type = 'transactional') => it.success(host, type, parent, now),
    sick: () => it.sick(now),
    now: () => now,
  }
}

test('ten answers, half of them bad, make a host sick, and no other host', () => {
  const { note, at, now } = cells()
  assert.equal(note('outlook', 'bad', 9), null)
  assert.equal(note('gmail', 'bad', 3), null)
  assert.equal(at('outlook'), null)
  assert.equal(note('outlook', 'bad'), 'sick')
  const words = 'sick at outlook: 10 of 10 deferred or blocked of late'
  assert.deepEqual(at('outlook'), { say: 'shut', until: now() + 2 * minute, words })
  assert.equal(at('gmail'), null)
})

test('a few bad ones among many good ones are nothing, and what is long ago counts no more', () => {
  const { note, at, pass } = cells()
  note('outlook', 'good', 15)
  assert.equal(note('outlook', 'bad', 14), null)
  pass(60 * minute)
  assert.equal(note('outlook', 'bad', 9), null)
  assert.equal(at('outlook'), null)
})

test('what was deferred first and delivered then is not held against it', () => {
  const { note, at } = cells()
  for (let mail = 0; mail < 50; mail++) {
    note('outlook', 'bad')
    note('outlook', 'undone')
  }
  assert.equal(at('outlook'), null)
})

test('after its time one mail probes: well again, or sick for as long again', () => {
  const { note, at, pass, goes, now } = cells()
  note('outlook', 'bad', 10)
  pass(2 * minute)
  assert.equal(at('outlook')?.say, 'probe')
  goes('outlook')
  assert.equal(at('outlook')?.say, 'shut', 'one at a time')
  assert.match(at('outlook')!.words, /a probe is under way/)
  assert.equal(note('outlook', 'bad'), 'sick')
  assert.equal(at('outlook')?.until, now() + 2 * minute)
  pass(2 * minute)
  goes('outlook')
  assert.equal(note('outlook', 'good'), 'well')
  assert.equal(at('outlook'), null)
  assert.equal(note('outlook', 'bad', 9), null, 'it starts anew')
})

test('a probe that never tells does not shut it for ever', () => {
  const { note, at, pass, goes } = cells()
  note('outlook', 'bad', 10)
  pass(2 * minute)
  goes('outlook')
  pass(2 * minute)
  assert.equal(at('outlook')?.say, 'probe')
})

test('what was on its way before says nothing while it is passed over', () => {
  const { note, at } = cells()
  note('outlook', 'bad', 10)
  assert.equal(note('outlook', 'good', 30), null)
  assert.equal(note('outlook', 'bad', 30), null)
  assert.equal(at('outlook')?.say, 'shut')
})

test('it is passed over for twice as long with each repeat, half an hour at most', () => {
  const { note, at, pass, now } = cells()
  const minutes: number[] = []
  for (let repeat = 0; repeat < 6; repeat++) {
    note('outlook', 'bad', 10)
    minutes.push((at('outlook')!.until - now()) / minute)
    pass(30 * minute)
    note('outlook', 'good')
  }
  assert.deepEqual(minutes, [2, 4, 8, 16, 30, 30])
  pass(6 * 60 * minute)
  note('outlook', 'bad', 10)
  assert.equal(at('outlook')!.until - now(), 2 * minute)
})

test('a thin cell leans on its parents: type at the host, host, provider', () => {
  const { note, success } = cells()
  assert.deepEqual(success('outlook', null), { success: null })
  assert.deepEqual(success('outlook', 0.9), { success: 0.9 })
  note('outlook', 'good', 1)
  assert.deepEqual(success('outlook', null), { success: 1 })
  note('outlook', 'bad', 3, 'marketing')
  const thin = success('outlook', 1, 'otp').success!
  assert.ok(thin > 0.7 && thin < 0.8, `${thin}: eleven good of fourteen`)
  note('outlook', 'good', 1_000, 'otp')
  note('outlook', 'bad', 900, 'marketing')
  assert.ok(success('outlook', 1, 'otp').success! > 0.98)
  assert.ok(success('outlook', 1, 'marketing').success! < 0.02)
  const other = success('outlook', 1, 'never-seen')
  assert.ok(other.success! > 0.5 && other.success! < 0.55)
  assert.equal(other.at, 'outlook')
})

test('domains of their own are kept only once they did harm, and not more than 300 hosts, the sick last to go', () => {
  const { note, it, at } = cells()
  note('small.example', 'good', 50)
  assert.equal(note('small.example', 'bad', 9), null)
  assert.equal(note('small.example', 'bad'), 'sick')
  assert.equal(it.anySick, false, 'nobody shares it')
  for (let number = 0; number < 1_000; number++) note(`d${number}.example`, 'bad')
  assert.equal(at('small.example')?.say, 'shut')
  assert.equal(note('d999.example', 'bad', 9), 'sick')
  assert.equal(note('d1.example', 'bad', 9), null, 'forgotten meanwhile')
  note('outlook', 'bad', 10)
  assert.equal(it.anySick, true)
})

test('the sick outlive the process', () => {
  const before = cells()
  before.note('outlook', 'bad', 12)
  before.note('gmail', 'bad', 3)
  const saved = JSON.parse(JSON.stringify(before.it.saved()))
  assert.equal(saved.length, 1)
  const after = cells(saved)
  assert.deepEqual(after.at('outlook'), before.at('outlook'))
  const [shown] = after.sick()
  assert.deepEqual(shown, {
    host: 'outlook',
    state: 'shut',
    until: before.now() + 2 * minute,
    bad: 10,
    of: 10,
    success: 0,
    repeats: 0,
  })
})
