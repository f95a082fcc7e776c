import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Priority } from '../../src/mail/message.ts'
import { Line, type Place } from '../../src/queue/line.ts'
import { Room } from '../../src/queue/room.ts'

let now = 10_000
/** Mail that came just now, unless another time is said. */
const mail = (id: string, priority: Priority, acceptedAt = now) => ({ id, priority, acceptedAt, sendAt: null })
const clock = () => now
const room = (more: Partial<ConstructorParameters<typeof Room>[0]> = {}) =>
  new Room({ inFlight: 4, connections: Number.POSITIVE_INFINITY, byHost: false, clock, ...more })

test('so many under way and no more, and a place is free when one has ended', async () => {
  const there = room()
  const leave = []
  for (let count = 0; count < 4; count++) leave.push(await there.enter('normal', 'a.test', null))
  // They may end at any moment, and that is waited for; and no longer where none has ended for a while.
  assert.equal(there.crowded(mail('msg_x', 'normal'), now), null)
  const next = there.enter('normal', 'a.test', null)
  leave[0]!()
  assert.notEqual(await next, null)
  assert.equal(await there.enter('high', 'a.test', 1), null)
  now += 250
  assert.equal(await there.enter('high', 'a.test', null), null)
  assert.match(there.crowded(mail('msg_x', 'normal'), now)!.reason, /has as many calls under way/)
  leave[1]!()
  assert.equal(there.crowded(mail('msg_x', 'normal'), now), null)
  assert.notEqual(await there.enter('normal', 'a.test', null), null)
})

test('the last places are for the highest priority', async () => {
  const there = room({ inFlight: 20 })
  const enter = async (priority: Priority) => (await there.enter(priority, 'a.test', 1)) !== null
  for (let count = 0; count < 18; count++) assert.ok(await enter(count % 2 === 0 ? 'low' : 'normal'))
  assert.deepEqual([await enter('normal'), await enter('low')], [false, false])
  assert.deepEqual([await enter('high'), await enter('high'), await enter('high')], [true, true, false])
})

test('the longer they hang, the longer the wait, within bounds', async () => {
  const there = room({ inFlight: 1 })
  await there.enter('normal', 'a.test', null)
  const waits = [50, 250, 1_000, 90_000].map((hung) => {
    const until = there.crowded(mail('msg_x', 'normal'), now + hung)?.until
    return until === undefined ? null : until - now - hung
  })
  assert.deepEqual(waits, [null, 250, 1_000, 5_000])
})

test('one host that hangs has a quarter', async () => {
  const there = room({ inFlight: 8, byHost: true })
  for (const more of [true, true, false]) assert.equal((await there.enter('low', 'dead.test', null)) !== null, more)
  assert.notEqual(await there.enter('low', 'alive.test', null), null)
})

test('for a connection the higher priority goes first, and who may not wait so long does not', async () => {
  const there = room({ connections: 1 })
  const first = (await there.enter('low', 'a.test', null))!
  const order: string[] = []
  const wait = (priority: 'low' | 'high') =>
    there.enter(priority, 'a.test', null).then((leave) => {
      order.push(priority)
      leave!()
    })
  const waiting = [wait('low'), wait('high')]
  assert.equal(await there.enter('high', 'a.test', 1), null)
  first()
  await Promise.all(waiting)
  assert.deepEqual(order, ['high', 'low'])
  const again = (await there.enter('low', 'a.test', null))!
  again()
  assert.equal(there.crowded(mail('msg_x', 'low'), now), null)
})

test('five codes behind many mails at a relay of two connections have the next five that are free', async () => {
  const there = room({ inFlight: 150, connections: 2 })
  const order: Priority[] = []
  const calls: (() => void)[] = []
  const enter = (priority: Priority) =>
    there.enter(priority, 'relay.test', null).then((leave) => {
      order.push(priority)
      calls.push(leave!)
    })
  for (let mails = 0; mails < 135; mails++) void enter('normal')
  await new Promise(setImmediate)
  assert.equal(calls.length, 2)
  for (let code = 0; code < 5; code++) {
    assert.equal(there.crowded(mail('msg_code', 'high'), now), null, 'nothing keeps a code from coming here')
    void enter('high')
  }
  await new Promise(setImmediate)
  // A call takes a second; more mail waits for a place by then, and is not let in before them either.
  assert.notEqual(there.crowded(mail('msg_mail', 'normal'), now + 1_000), null)
  for (let ended = 0; ended < 7; ended++) {
    now += 500
    calls.shift()!()
    await new Promise(setImmediate)
  }
  assert.deepEqual(order, ['normal', 'normal', ...Array(5).fill('high'), 'normal', 'normal'])
})

test('a line: first come, first served; higher before lower; and never long', () => {
  const line = new Line()
  let ids = 0
  const join = (priority: Priority, more: Partial<Place> = {}) =>
    line.join({
      ...{ messageId: `msg_${ids++}`, priority, recipients: 1, openAt: 1_000, pace: 20, now: 900 },
      ...more,
    })
  assert.deepEqual([join('normal'), join('normal', { recipients: 2 }), join('normal')], [1_000, 1_020, 1_060])
  // Fresh mail goes behind them, each of them at its turn, a lower priority after them and a higher at once.
  const before = [
    line.before(mail('fresh', 'normal'), 1_010),
    line.before(mail('msg_0', 'normal'), 1_010),
    line.before(mail('msg_1', 'normal'), 1_010),
    line.before(mail('fresh', 'low'), 1_010),
    line.before(mail('fresh', 'high'), 1_010),
    line.before(mail('fresh', 'normal'), 1_080),
  ]
  assert.deepEqual(before, [1_080, null, 1_020, 1_080, null, null])
  assert.equal(join('low', { messageId: 'low' }), 1_080)
  // Made to look early, it keeps its place.
  assert.equal(join('normal', { messageId: 'msg_2', now: 1_010 }), 1_060)
  // Whose turn came in vain goes before those whose turn comes, who then come after it.
  assert.equal(join('normal', { messageId: 'msg_0', openAt: 1_040, now: 1_020 }), 1_040)
  assert.equal(line.before(mail('msg_1', 'normal'), 1_045), 1_060)
  assert.equal(line.before(mail('msg_0', 'normal'), 1_045), null)
  assert.equal(join('normal', { messageId: 'msg_1', openAt: 1_040, now: 1_045 }), 1_060)
  for (let count = 0; count < 100; count++) join('low', { recipients: 1_000, pace: 100, openAt: 0, now: 0 })
  assert.equal(join('low', { openAt: 0, now: 0 }), 600_000)
})

test('who came before there was a line stands behind nobody of its priority, or a backlog would join it whole', () => {
  const line = new Line()
  const place = { messageId: 'msg_0', recipients: 1, openAt: 1_000, pace: 100, now: 900 }
  line.join({ ...place, priority: 'normal' })
  assert.equal(line.before(mail('fresh', 'normal', 900), 950), 1_100)
  assert.equal(line.before(mail('old', 'normal', 899), 950), null)
  assert.equal(
    line.before({ ...mail('later', 'normal', 0), sendAt: 905 }, 950),
    1_100,
    'it counts from when it was due',
  )
  // While it lasts, whoever joins makes it no younger.
  line.join({ ...place, messageId: 'msg_1', priority: 'high', now: 940 })
  assert.equal(line.before(mail('fresh', 'normal', 930), 950), 1_100)
  assert.equal(line.before(mail('old', 'normal', 899), 950), 1_100, 'a higher priority goes first all the same')
})
