/** The breaker against a small reference: whatever calls, in whatever order, both say the same. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import fc from 'fast-check'
import { cutShort, diagnostic, forAll, type Outcome, type Outcomes } from '../../src/mail/outcome.ts'
import { type Breaker, createBreaker } from '../../src/send/breaker.ts'

const settings = { failures: 3, open: 8_000, probes: 2, observe: false }
const said = diagnostic('500', 'no')

/** What a call can end in, and what that means to a breaker. */
const ends = {
  accepted: { kind: 'accepted', providerMessageId: 'x' },
  recipient: { kind: 'rejected', cause: 'recipient', diagnostic: said },
  host: { kind: 'deferred', cause: 'host', diagnostic: said },
  throttled: { kind: 'deferred', cause: 'provider', diagnostic: diagnostic('429', 'slow down') },
  network: { kind: 'deferred', cause: 'network', diagnostic: said },
  fault: { kind: 'deferred', cause: 'provider', diagnostic: said },
  unknown: { kind: 'unknown', diagnostic: said },
  account: { kind: 'rejected', cause: 'account', diagnostic: said },
  cut: { kind: 'unknown', diagnostic: diagnostic(cutShort, 'too late') },
  hostCut: { kind: 'deferred', cause: 'host', diagnostic: diagnostic(cutShort, 'too late') },
} satisfies Record<string, Outcome>
type End = keyof typeof ends
const meaning: Record<End, 'good' | 'fault' | 'network' | 'account' | 'cut'> = {
  ...{ accepted: 'good', recipient: 'good', host: 'good', throttled: 'good' },
  ...{ network: 'network', fault: 'fault', unknown: 'fault', account: 'account', cut: 'cut', hostCut: 'network' },
}

/** The reference: everything kept as it happened, nothing summed up. */
class Model {
  now = 1_000_000
  phase: 'closed' | 'open' | 'proving' = 'closed'
  openUntil = 0
  openings = 0
  repeats = 0
  proven = 0
  closedAt: number | null = null
  /** Answers since the last opening. */
  answers: { at: number; good: boolean }[] = []
  /** Calls cut short since a good answer, or the last opening. */
  cuts = 0
  /** Calls under way, by the number of openings when they began. */
  pending: number[] = []

  state() {
    if (this.phase === 'open') return this.now < this.openUntil ? 'open' : 'half-open'
    return this.phase === 'proving' ? 'half-open' : 'closed'
  }
  share() {
    if (this.phase !== 'closed' || this.closedAt === null) return 1
    return [0.1, 0.25, 0.5][Math.floor((this.now - this.closedAt) / 2_000)] ?? 1
  }
  soon() {
    if (this.closedAt === null) return false
    return this.now - this.closedAt < Math.max(600_000, 10 * Math.min(8_000 * 2 ** this.repeats, 600_000))
  }
  allows() {
    if (this.state() === 'closed') return true
    return this.state() === 'half-open' && !this.pending.includes(this.openings)
  }
  open(atLeast: number) {
    if (this.phase === 'closed') this.repeats = this.soon() ? this.repeats + 1 : 0
    this.openUntil = this.now + Math.max(atLeast, Math.min(8_000 * 2 ** this.repeats, 600_000))
    Object.assign(this, { phase: 'open', openings: this.openings + 1, proven: 0, answers: [], cuts: 0 })
  }
  learn(began: number, end: End) {
    if (began !== this.openings) return
    const half = this.state() === 'half-open'
    const means = meaning[end]
    if (means === 'network' || means === 'cut') {
      if (means === 'cut') this.cuts++
      if (half || this.cuts === settings.failures * 2) this.open(0)
      return
    }
    this.answers.push({ at: this.now, good: means === 'good' })
    if (means === 'good') {
      this.cuts = 0
      if (!half) return
      this.phase = 'proving'
      if (++this.proven === settings.probes) Object.assign(this, { phase: 'closed', closedAt: this.now })
      return
    }
    const run = this.answers.slice(-settings.failures)
    const weigh = (good: boolean) =>
      this.answers.filter((one) => one.good === good).reduce((sum, { at }) => sum + 2 ** ((at - this.now) / 30_000), 0)
    const often = weigh(false) > weigh(true) && weigh(false) + weigh(true) >= 20
    const inARow = run.length === settings.failures && run.every(({ good }) => !good)
    if (means === 'account') this.open(60_000)
    else if (half || this.share() < 1 || inARow || often) this.open(0)
  }
}

interface Real {
  it: Breaker
  calls: number
  pending: { end: (outcomes: Outcomes) => void; ended: Promise<unknown> }[]
}
type Command = fc.AsyncCommand<Model, Real>

function same(model: Model, { it }: Real) {
  const seen = { state: it.state(), allows: it.allows(), share: it.share() }
  assert.deepEqual(seen, { state: model.state(), allows: model.allows(), share: model.share() })
  assert.equal(it.openUntil(), model.state() === 'open' ? model.openUntil : null)
  if (model.state() !== 'closed') assert.equal(it.repeats(), model.repeats)
}

class Call implements Command {
  readonly end: End
  constructor(end: End) {
    this.end = end
  }
  check = () => true
  async run(model: Model, real: Real) {
    const allowed = model.allows()
    const before = real.calls
    const called = await real.it.call(async () => {
      real.calls++
      return forAll(['a@example.org'], ends[this.end])
    })
    assert.equal(called !== null, allowed)
    assert.equal(real.calls - before, allowed ? 1 : 0, 'a call that is refused is not made')
    if (allowed) model.learn(model.openings, this.end)
    same(model, real)
  }
  toString = () => `call: ${this.end}`
}

/** A run of calls that never has enough faults in a row: only their share can open it. */
class Many implements Command {
  readonly pattern: End[]
  constructor(pattern: End[]) {
    this.pattern = pattern
  }
  check = () => true
  async run(model: Model, real: Real) {
    for (let round = 0; round < 12; round++) for (const end of this.pattern) await new Call(end).run(model, real)
  }
  toString = () => `12 times: ${this.pattern}`
}

class Begin implements Command {
  check = (model: Model) => model.pending.length < 12
  async run(model: Model, real: Real) {
    const { promise, resolve } = Promise.withResolvers<Outcomes>()
    let begun = false
    const ended = real.it.call(() => {
      begun = true
      return promise
    })
    assert.equal(begun, model.allows())
    if (!begun) return assert.equal(await ended, null)
    model.pending.push(model.openings)
    real.pending.push({ end: resolve, ended })
    same(model, real)
  }
  toString = () => 'begin'
}

class Ends implements Command {
  readonly end: End
  readonly which: number
  constructor(end: End, which: number) {
    this.end = end
    this.which = which
  }
  check = (model: Model) => model.pending.length > 0
  async run(model: Model, real: Real) {
    const at = this.which % model.pending.length
    const [began] = model.pending.splice(at, 1)
    const [call] = real.pending.splice(at, 1)
    call!.end(forAll(['a@example.org'], ends[this.end]))
    assert.notEqual(await call!.ended, null)
    model.learn(began!, this.end)
    same(model, real)
  }
  toString = () => `end ${this.which}: ${this.end}`
}

class Pass implements Command {
  readonly milliseconds: number
  constructor(milliseconds: number) {
    this.milliseconds = milliseconds
  }
  check = () => true
  async run(model: Model, real: Real) {
    mock.timers.tick(this.milliseconds)
    model.now += this.milliseconds
    same(model, real)
  }
  toString = () => `pass ${this.milliseconds}`
}

test('it does what the reference does, and always comes back', async () => {
  const end = fc.constantFrom(
    ...(Object.keys(ends) as End[]),
    ...Array<End>(4).fill('fault'),
    ...Array<End>(4).fill('accepted'),
  )
  const commands = fc.commands(
    [
      end.map((one) => new Call(one)),
      fc.constantFrom<End[]>(['fault', 'accepted', 'fault'], ['fault', 'accepted']).map((ones) => new Many(ones)),
      fc.constant(new Begin()),
      fc.tuple(end, fc.nat(20)).map(([one, which]) => new Ends(one, which)),
      fc.oneof(fc.integer({ min: 1, max: 9_000 }), fc.constantFrom(8_000, 60_000, 700_000)).map((ms) => new Pass(ms)),
    ],
    { size: 'large', maxCommands: 120 },
  )
  await fc.assert(
    fc.asyncProperty(commands, async (story) => {
      mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 })
      const it = createBreaker(
        settings,
        Date.now,
        null,
        () => {},
        () => 0.5,
      )
      try {
        const model = new Model()
        const real: Real = { it, calls: 0, pending: [] }
        await fc.asyncModelRun(() => ({ model, real }), story)
        // Whatever was: when those under way have ended and all goes well, mail returns.
        for (const { end, ended } of real.pending) {
          end(forAll(['a@example.org'], ends.accepted))
          await ended
        }
        mock.timers.tick(600_000)
        for (let probe = 0; probe < settings.probes; probe++) await it.call(async () => forAll(['a'], ends.accepted))
        mock.timers.tick(8_000)
        assert.deepEqual([it.state(), it.share(), it.allows()], ['closed', 1, true])
      } finally {
        it.close()
        mock.timers.reset()
      }
    }),
    { numRuns: 400 },
  )
})
