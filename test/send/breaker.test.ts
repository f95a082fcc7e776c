import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { diagnostic, forAll, type Outcome } from '../../src/mail/outcome.ts'
import { createBreaker, judge, type SavedBreaker } from '../../src/send/breaker.ts'

const said = diagnostic('500', 'no')
const good: Outcome = { kind: 'accepted', providerMessageId: 'x' }
const fault: Outcome = { kind: 'deferred', cause: 'provider', diagnostic: said }
const outcomes = (outcome: Outcome) => forAll(['a@example.org'], outcome)

function breaker(
  settings: Partial<{ failures: number; open: number; probes: number }> = {},
  saved: SavedBreaker | null = null,
) {
  const changes: (SavedBreaker | null)[] = []
  const it = createBreaker({ failures: 3, open: 10_000, probes: 1, ...settings }, Date.now, saved, (state) =>
    changes.push(state),
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
    assert.deepEqual(changes, [{ openUntil: 1_010_000, reason: 'timeout no answer' }])
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
    assert.equal(changes.at(-1), null)
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
