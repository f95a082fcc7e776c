/** What a contract says of a round that has ended, without a store. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnostic, type Outcome } from '../../src/mail/outcome.ts'
import type { Claim } from '../../src/store/store.ts'
import { type Call, Changes, type Contract } from '../../src/track/changes.ts'
import { quietHours, timeOver, timeToTake } from '../../src/track/owed.ts'
import { arrival, start } from '../store/mail.ts'

const { message, recipients } = arrival()
const [ann] = recipients.map((one) => ({ ...one, status: 'sending' as const, provider: null, providerMessageId: null }))

const claim = (more: Partial<Claim> = {}): Claim => ({
  ...{
    id: 1,
    claims: 1,
    leasedUntil: start,
    message,
    all: [ann!],
    recipients: [0],
    suppressed: [],
    content: null,
    open: [],
  },
  ...{ phase: 'send', dueAt: start, tries: 0, waits: 0, avoid: [], unknown: null },
  ...more,
})
const contract = (more: Partial<Contract> = {}): Contract => ({
  ...{ onUnknown: 'failover', reconcileFor: 900_000, retry: { first: 1_000, max: 8_000 } },
  ...{ deadline: { taken: null, delivered: null }, attempts: null, quiet: null },
  ...more,
})
const call = (more: Partial<Call> = {}): Call => ({
  ...{ provider: 'a', attempt: 'att_1', alone: true, culprits: false, next: null, askable: null },
  ...{ absent: false, believed: true, tells: true, avoid: [] },
  ...more,
})
const changes = (one: Partial<Claim>, owed: Partial<Contract>) =>
  new Changes(claim(one), contract(owed), start, () => 0.5)
const deferred = (cause: 'provider' | 'network', code = '503'): Outcome => ({
  kind: 'deferred',
  cause,
  diagnostic: diagnostic(code, 'not now'),
})
const ended = (one: Partial<Claim>, attempts: number, outcome: Outcome) => {
  const made = changes(one, { attempts })
  made.wait([ann!], { retryAfter: 0, avoid: [], outcomes: new Map([[ann!.email, outcome]]) })
  const { recipients, next } = made.settlement()
  return [recipients[0]!.status, next.add[0]?.tries]
}

test('so many rounds; what never left this house is none', () => {
  assert.deepEqual(ended({ tries: 1 }, 3, deferred('provider')), ['deferred', 2])
  assert.deepEqual(ended({ tries: 2 }, 3, deferred('provider')), ['failed', undefined])
  assert.deepEqual(ended({ tries: 2 }, 3, deferred('network')), ['deferred', 2])
  assert.deepEqual(ended({ tries: 2 }, 3, deferred('provider', 'breaker')), ['deferred', 2])
})

test('what is to be delivered by a time is looked at then, where silence says something and twice is allowed', () => {
  const watched = (one: Partial<Claim>, owed: Partial<Contract>, by: Partial<Call>) => {
    const made = changes(one, { deadline: { taken: null, delivered: 60_000 }, ...owed })
    made.apply(ann!, { kind: 'accepted', providerMessageId: 'v' }, call(by))
    return made.settlement().next.add.map(({ phase, dueAt, avoid }) => [phase, dueAt - start, avoid])
  }
  assert.deepEqual(watched({}, {}, {}), [['sent', 60_000, ['a']]])
  assert.deepEqual(watched({}, {}, { tells: false }), [])
  assert.deepEqual(watched({}, { onUnknown: 'hold' }, {}), [])
  assert.deepEqual(watched({}, {}, { avoid: ['b'] }), [])
  assert.deepEqual(watched({ phase: 'sent' }, {}, {}), [])
  assert.deepEqual(watched({ message: { ...message, provider: 'a' } }, {}, {}), [])
  assert.deepEqual(watched({ message: { ...message, expireAt: start + 60_000 } }, {}, {}), [])
})

test('what was taken stays so, whatever becomes of sending it once more', () => {
  const again = changes({ phase: 'sent', avoid: ['a'] }, {})
  again.wait([ann!], { retryAfter: 0, avoid: ['a'], outcomes: new Map([[ann!.email, deferred('provider')]]) })
  const waits = again.settlement()
  assert.deepEqual([waits.recipients, waits.next.add[0]!.phase], [[], 'sent'])
  const over = changes({ phase: 'sent', avoid: ['a'] }, {})
  over.close([ann!], 'failed', 'nobody else is left')
  assert.deepEqual(over.settlement().recipients, [])
  assert.deepEqual(
    over.events.map(({ type, detail }) => [type, detail]),
    [['failover', 'not sent once more: nobody else is left']],
  )
})

test('an unknown that goes on is a possible duplicate', () => {
  const made = changes({}, {})
  made.apply(ann!, { kind: 'unknown', diagnostic: diagnostic('timeout', 'no answer') }, call({ next: 'b' }))
  assert.deepEqual(made.twice, ['a'])
})

test('waiting in line is told at first, and ever more rarely', () => {
  const told = [0, 1, 2, 3, 4, 5, 7, 8].filter((waits) => {
    const made = changes({ waits }, {})
    made.waitUntil([ann!], start + 1_000, [], 'nobody can take it now')
    assert.equal(made.settlement().next.add[0]!.waits, waits + 1)
    return made.events.length > 0
  })
  assert.deepEqual(told, [0, 1, 2, 4, 8])
})

test('the time to take it: what is left of it, a third at least, and all of it for the last', () => {
  const owed = contract({ deadline: { taken: 3_000, delivered: null } })
  assert.deepEqual(
    [0, 500, 2_900, 60_000].map((passed) => timeToTake(owed, start, 'b', start + passed)),
    [3_000, 2_500, 1_000, 1_000],
  )
  assert.equal(timeToTake(owed, start, null, start), null)
  assert.equal(timeToTake(contract(), start, 'b', start), null)
})

test('in words', () => {
  assert.equal(timeOver({ unknown: null, avoid: [] }), 'its time is over')
  assert.match(timeOver({ unknown: null, avoid: ['a'] }), /its fate was never known/)
  const quiet = { from: 0, to: 23 * 60, zones: ['UTC'] }
  const { until, why } = quietHours(contract({ quiet }), { ...message, type: 'news' }, start)!
  assert.equal(why, `type news is not sent at this hour: waits until ${new Date(until).toISOString()}`)
  assert.equal(quietHours(contract(), { ...message, type: 'news' }, start), null)
})
