import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { diagnostic, forAll, type Outcome } from '../../src/mail/outcome.ts'
import type { Provider } from '../../src/mail/provider.ts'
import { createBreaker, judge, type SavedBreaker } from '../../src/send/breaker.ts'

const said = diagnostic('500', 'no')
const good: Outcome = { kind: 'accepted', providerMessageId: 'x' }
const fault: Outcome = { kind: 'deferred', cause: 'provider', diagnostic: said }
const outcomes = (outcome: Outcome) => forAll(['a@example.org'], outcome)

function breaker(settings: Partial<Provider['breaker']> = {}, saved: SavedBreaker | null = null, die = 0.5) {
  const changes: SavedBreaker[] = []
  const all = { failures: 3, open: 10_000, probes: 1, observe: false, ...settings }
  // Dice in the middle: it stays open for exactly as long as it is told to.
  const it = createBreaker(
    all,
    Date.now,
    saved,
    (state) => changes.push(state),
    () => die,
  )
  const call = (outcome: Outcome) => it.call(async () => outcomes(outcome))
  return { it, call, changes }
}

/** Fake time, so that nothing here waits and nothing depends on how fast the machine is. */
async function frozen(story: (pass: (milliseconds: number) => void) => Promise<void>) {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 })
  try {
    await story((milliseconds) => mock.timers.tick(milliseconds))
  } finally {
    mock.timers.reset()
  }
}

test('what the provider is not to blame for never moves it', () =>
  frozen(async () => {
    const { it, call } = breaker()
    for (const outcome of [
      { kind: 'rejected', cause: 'recipient', diagnostic: said },
      { kind: 'rejected', cause: 'message', diagnostic: said },
      { kind: 'deferred', cause: 'identity', diagnostic: said },
      { kind: 'deferred', cause: 'host', diagnostic: said },
      { kind: 'deferred', cause: 'network', diagnostic: said },
      { kind: 'deferred', cause: 'provider', retryAfter: 5_000, diagnostic: diagnostic('429', 'slow down') },
    ] as Outcome[]) {
      for (let count = 0; count < 50; count++) await call(outcome)
    }
    assert.equal(it.state(), 'closed')
  }))

test('a run of faults opens it; what answers in between starts the run anew', () =>
  frozen(async () => {
    const { it, call, changes } = breaker()
    await call(fault)
    await call(fault)
    await call(good)
    await call(fault)
    await call(fault)
    assert.equal(it.state(), 'closed')
    await call({ kind: 'unknown', diagnostic: diagnostic('timeout', 'no answer') })
    assert.equal(it.state(), 'open')
    assert.equal(it.openUntil(), 1_010_000)
    assert.equal(it.allows(), false)
    assert.deepEqual(changes, [{ openUntil: 1_010_000, reason: 'timeout no answer', repeats: 0 }])
  }))

test('faults that come back together open it although many calls are still under way', () =>
  frozen(async () => {
    const { it } = breaker()
    const never = new Promise<never>(() => {})
    for (let count = 0; count < 200; count++) void it.call(() => never)
    for (let count = 0; count < 3; count++) await it.call(async () => outcomes(fault))
    assert.equal(it.state(), 'open')
  }))

test('an unusable account opens it at once, for a minute at least', () =>
  frozen(async () => {
    const { it, call } = breaker()
    await call({ kind: 'deferred', cause: 'account', diagnostic: diagnostic('401', 'bad key') })
    assert.equal(it.state(), 'open')
    assert.equal(it.openUntil(), 1_060_000)
    assert.equal(it.reason(), '401 bad key')
  }))

test('half-open lets one probe through; a good one closes it, a bad one opens it for its usual time', () =>
  frozen(async (pass) => {
    const { it, call, changes } = breaker()
    for (let count = 0; count < 3; count++) await call(fault)
    pass(10_000)
    assert.equal(it.state(), 'half-open')
    assert.equal(it.allows(), true)
    const { promise, resolve } = Promise.withResolvers<void>()
    const probe = it.call(async () => {
      await promise
      return outcomes(fault)
    })
    assert.equal(it.allows(), false)
    assert.equal(await it.call(async () => outcomes(good)), null, 'a second call is not made')
    resolve()
    await probe
    assert.equal(it.state(), 'open')
    assert.equal(it.openUntil(), 1_020_000)
    pass(10_000)
    await call(good)
    assert.equal(it.state(), 'closed')
    assert.deepEqual(changes.at(-1), { openUntil: 1_020_000, reason: '500 no', repeats: 0, closedAt: 1_020_000 })
  }))

test('a call that began before it opened proves nothing when it goes well at last', () =>
  frozen(async (pass) => {
    const { it, call, changes } = breaker()
    const slow = Promise.withResolvers<ReturnType<typeof outcomes>>()
    const before = it.call(() => slow.promise)
    for (let count = 0; count < 3; count++) await call(fault)
    slow.resolve(outcomes(good))
    await before
    assert.equal(it.state(), 'open')
    assert.equal(it.openUntil(), 1_010_000)
    assert.equal(changes.length, 1)
    pass(10_000)
    assert.equal(it.state(), 'half-open')
  }))

test('several probes, where asked for, one at a time, before full traffic returns', () =>
  frozen(async (pass) => {
    const { it, call } = breaker({ probes: 3 })
    for (let count = 0; count < 3; count++) await call(fault)
    pass(10_000)
    await call(good)
    assert.equal(it.state(), 'half-open')
    await call(good)
    await call(fault)
    assert.equal(it.state(), 'open')
    pass(10_000)
    for (let count = 0; count < 3; count++) await call(good)
    assert.equal(it.state(), 'closed')
  }))

test('refused calls do not dilute the failure rate: it opens again as quickly as the first time', () =>
  frozen(async (pass) => {
    const { it, call } = breaker()
    for (let count = 0; count < 3; count++) await call(fault)
    for (let count = 0; count < 100; count++) assert.equal(await call(good), null)
    pass(10_000)
    await call(good)
    for (let count = 0; count < 3; count++) await call(fault)
    assert.equal(it.state(), 'open')
  }))

test('an open breaker outlives the process for the rest of its time', () =>
  frozen(async (pass) => {
    const { it } = breaker({}, { openUntil: 1_004_000, reason: '500 no' })
    assert.equal(it.state(), 'open')
    assert.equal(it.openUntil(), 1_004_000)
    pass(4_000)
    assert.equal(it.state(), 'half-open')
    assert.equal(breaker({}, { openUntil: 999_000, reason: 'long ago' }).it.state(), 'closed')
  }))

test('our own dead network proves nothing about a provider that is being probed', () =>
  frozen(async (pass) => {
    const { it, call } = breaker()
    for (let count = 0; count < 3; count++) await call(fault)
    pass(10_000)
    await call({ kind: 'deferred', cause: 'network', diagnostic: diagnostic('EAI_AGAIN', 'no DNS') })
    assert.equal(it.state(), 'open')
  }))

test('of several recipients the worst word about the provider counts', () => {
  const mixed = new Map<string, Outcome>([
    ['a@example.org', good],
    ['b@example.org', { kind: 'rejected', cause: 'recipient', diagnostic: said }],
    ['c@example.org', fault],
  ])
  assert.deepEqual(judge(mixed), { kind: 'fault', reason: '500 no' })
})

test('a bug of ours is not the provider’s fault', () => {
  assert.equal(judge(outcomes({ kind: 'unknown', diagnostic: diagnostic('bug', 'oops') })).kind, 'good')
})

/** A breaker that has just opened by three faults. */
async function opened(settings: Partial<Provider['breaker']> = {}, die?: number) {
  const all = breaker(settings, null, die)
  for (let count = 0; count < 3; count++) await all.call(fault)
  assert.equal(all.it.state(), 'open')
  return all
}

/** What once went wrong in opossum must not go wrong here: its issues by number. */
const onceWrong: Record<string, (pass: (milliseconds: number) => void) => Promise<void>> = {
  '#57: called while the probe is under way, it is not stuck half-open': async (pass) => {
    const { it, call } = await opened()
    pass(10_000)
    const { promise, resolve } = Promise.withResolvers<void>()
    const probe = it.call(() => promise.then(() => outcomes(fault)))
    for (let count = 0; count < 10; count++) assert.equal(await call(good), null)
    resolve()
    await probe
    pass(10_000)
    await call(good)
    assert.equal(it.state(), 'closed')
  },
  '#119: half-open is no flood-gate, and a failed probe opens it whatever the rate was': async (pass) => {
    const { it, call } = breaker()
    for (let count = 0; count < 1000; count++) await call(good)
    for (let count = 0; count < 3; count++) await call(fault)
    pass(10_000)
    let made = 0
    const { promise, resolve } = Promise.withResolvers<void>()
    const probe = () => {
      made++
      return promise.then(() => outcomes(fault))
    }
    const calls = Array.from({ length: 50 }, () => it.call(probe))
    resolve()
    await Promise.all(calls)
    assert.deepEqual([made, it.state()], [1, 'open'])
  },
  '#276: a probe that throws leaves it open for its time, not half-open for ever': async (pass) => {
    const { it, call } = await opened()
    pass(10_000)
    await assert.rejects(
      it.call(() => Promise.reject(new Error('a bug'))),
      /a bug/,
    )
    assert.deepEqual([it.state(), it.openUntil()], ['open', 1_020_000])
    pass(10_000)
    await call(good)
    assert.equal(it.state(), 'closed')
  },
  '#385: faults that end together do not leave it open for ever': async (pass) => {
    const { it } = breaker()
    const { promise, resolve } = Promise.withResolvers<void>()
    const calls = Array.from({ length: 20 }, () => it.call(() => promise.then(() => outcomes(fault))))
    resolve()
    await Promise.all(calls)
    assert.deepEqual([it.state(), it.openUntil()], ['open', 1_010_000])
    pass(10_000)
    assert.equal(it.state(), 'half-open')
  },
  '#484: closed after a probe it stays closed, also for calls that come together': async (pass) => {
    const { it, call } = await opened()
    pass(10_000)
    await call(good)
    assert.ok((await Promise.all(Array.from({ length: 50 }, () => call(good)))).every((called) => called !== null))
    assert.equal(it.state(), 'closed')
  },
  'a call from before it opened neither closes it nor opens it again': async (pass) => {
    const { it, call } = breaker()
    const late = Array.from({ length: 2 }, () => Promise.withResolvers<Outcome>())
    const ended = late.map(({ promise }) => it.call(async () => outcomes(await promise)))
    for (let count = 0; count < 3; count++) await call(fault)
    pass(10_000)
    late[0]!.resolve(good)
    await ended[0]
    assert.equal(it.state(), 'half-open')
    await call(good)
    late[1]!.resolve(fault)
    await ended[1]
    assert.equal(it.state(), 'closed')
  },
}
for (const [name, story] of Object.entries(onceWrong)) test(name, () => frozen(story))

test('mail returns in steps, each for a quarter of its time, and a fault in one of them opens it again', () =>
  frozen(async (pass) => {
    const { it, call } = await opened()
    pass(10_000)
    await call(good)
    const shares: number[] = []
    for (let step = 0; step < 4; step++) {
      shares.push(it.share())
      if (step < 3) assert.equal(it.reason(), '500 no')
      pass(2_500)
    }
    assert.deepEqual(shares, [0.1, 0.25, 0.5, 1])
    assert.equal(it.reason(), null)
    await call(fault)
    assert.equal(it.state(), 'closed', 'one fault is nothing once all of it is back')
    for (let count = 0; count < 2; count++) await call(fault)
    pass(20_000)
    await call(good)
    await call(fault)
    assert.equal(it.state(), 'open', 'one fault is enough while it comes back')
  }))

test('it stays open twice as long with each repeat, ten minutes at most, and forgets after a long good time', () =>
  frozen(async (pass) => {
    const { it, call, changes } = await opened()
    const lengths: number[] = []
    for (let repeat = 0; repeat < 8; repeat++) {
      const length = it.openUntil()! - Date.now()
      lengths.push(length / 1000)
      assert.equal(it.repeats(), repeat)
      pass(length)
      await call(good)
      await call(fault)
    }
    assert.deepEqual(lengths, [10, 20, 40, 80, 160, 320, 600, 600])
    pass(600_000)
    await call(good)
    const { closedAt, repeats } = changes.at(-1)!
    assert.deepEqual([closedAt, repeats], [Date.now(), 8])
    pass(5_999_000)
    assert.equal(it.repeats(), 8)
    pass(1_000)
    assert.equal(it.repeats(), 0)
    for (let count = 0; count < 3; count++) await call(fault)
    assert.equal(it.openUntil()! - Date.now(), 10_000)
  }))

test('how long it stays open is a fifth more or less, so that not all come back at once', () =>
  frozen(async () => {
    assert.equal((await opened({}, 0)).it.openUntil(), 1_008_000)
    assert.equal((await opened({}, 0.999)).it.openUntil(), 1_011_996)
  }))

test('a provider that is good for a second and bad for a second is hardly tried', () =>
  frozen(async (pass) => {
    const { it, call } = breaker()
    let made = 0
    for (let tenth = 0; tenth < 36_000; tenth++) {
      const inShare = tenth % Math.round(1 / it.share()) === 0
      if (inShare && (await call(Math.floor(tenth / 10) % 2 === 0 ? good : fault)) !== null) made++
      pass(100)
    }
    assert.ok(made < 500, `${made} of 36,000 calls that could have been made in an hour`)
  }))

test('one that only observes refuses nothing and tells when it would', () =>
  frozen(async (pass) => {
    const { it, call, changes } = await opened({ observe: true })
    assert.equal(it.allows(), true)
    for (let count = 0; count < 5; count++) assert.notEqual(await call(fault), null)
    assert.deepEqual(changes, [{ openUntil: 1_010_000, reason: '500 no', repeats: 0 }])
    pass(10_000)
    assert.equal(it.state(), 'half-open')
    await call(good)
    assert.equal(it.state(), 'closed')
  }))

test('a call in spite of it is made, and neither closes it nor opens it again', () =>
  frozen(async (pass) => {
    const { it } = await opened()
    for (const outcome of [good, fault]) {
      const called = await it.call(async () => outcomes(outcome), { despite: true })
      assert.deepEqual(called?.outcomes, outcomes(outcome))
      assert.deepEqual([it.state(), it.openUntil()], ['open', 1_010_000])
    }
    pass(10_000)
    assert.equal(it.state(), 'half-open')
  }))

test('how far mail has returned, and how often it opened again, outlives the process', () =>
  frozen(async (pass) => {
    const { it, call } = breaker({}, { openUntil: 990_000, reason: '500 no', repeats: 2, closedAt: 997_000 })
    assert.deepEqual([it.state(), it.share(), it.repeats()], ['closed', 0.25, 2])
    await call(fault)
    assert.deepEqual([it.openUntil(), it.repeats()], [1_080_000, 3])
    pass(80_000)
    // What an older process left: when its time ran out is when mail began to return.
    assert.equal(breaker({}, { openUntil: 1_079_000, reason: 'old' }).it.share(), 0.1)
  }))
