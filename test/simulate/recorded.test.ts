/** What is on record, read for a simulation. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Recorded } from '../../src/simulate/recorded.ts'
import { mailsIn, under } from '../../src/simulate/traffic.ts'
import type { TrafficRow } from '../../src/store/store.ts'
import { message } from '../support/examples.ts'

type Outcome = TrafficRow['attempts'][number]['outcomes'][number]
const accepted = { recipient: 0, outcome: 'accepted', cause: null, code: null } as const
const fault = { recipient: 0, outcome: 'deferred', cause: 'provider', code: '503' } as const

function row(at: number, outcome: Outcome, more: Partial<TrafficRow> = {}): TrafficRow {
  return {
    message: { ...message(), acceptedAt: at },
    recipients: [{ email: 'bob@example.org', status: 'sent' }],
    attempts: [{ provider: 'relay', at, latencyMs: 10, outcomes: [outcome] }],
    ...more,
  }
}

describe('a record', () => {
  it('has an outage from the first of five faults in a row to the next good answer, which its usual answers do not count', () => {
    const recorded = new Recorded()
    for (let at = 1; at <= 100; at++) recorded.add(row(at, (at > 40 && at <= 60) || at % 10 === 0 ? fault : accepted))
    recorded.end()
    const outages = recorded.outages()
    assert.deepEqual(outages, [{ provider: 'relay', trouble: 'down', from: 40, until: 61 }])
    const { calls, model } = recorded.answers(outages).get('relay')!
    assert.deepEqual([calls, model.fault], [79, 7 / 79])
    assert.deepEqual(new Set(model.latencies), new Set([10]))
  })

  it('goes on with an outage that nothing good ends, and tells one without answers from one with faults', () => {
    const recorded = new Recorded()
    for (let at = 1; at <= 6; at++)
      recorded.add(row(at, { recipient: 0, outcome: 'unknown', cause: null, code: 'timeout' }))
    assert.deepEqual(recorded.outages(), [{ provider: 'relay', trouble: 'silent', from: 1, until: 60_006 }])
  })

  it('keeps who bounced, leaves out who was never sent to, and says whom', () => {
    const recorded = new Recorded()
    const refused = { recipient: 1, outcome: 'rejected', cause: 'recipient', code: '550' } as const
    recorded.add(
      row(5, accepted, {
        message: { ...message(), acceptedAt: 5, hidden: [0, 2] },
        recipients: [
          { email: 'gone@example.org', status: 'suppressed' },
          { email: 'bad@example.org', status: 'bounced' },
          { email: 'bob@example.org', status: 'sent' },
        ],
        attempts: [{ provider: 'relay', at: 5, latencyMs: 10, outcomes: [refused, { ...accepted, recipient: 2 }] }],
      }),
    )
    recorded.end()
    const [mail] = [...mailsIn(recorded.pages)]
    assert.deepEqual(mail!.recipients, [{ email: 'bad@example.org', bounces: true }, { email: 'bob@example.org' }])
    assert.deepEqual(mail!.message.hidden, [1])
    assert.equal(recorded.leftOut, 1)
    assert.deepEqual(recorded.during, { from: 5, until: 5 })
  })
})

describe('a message under another contract', () => {
  const before = { otp: { priority: 'high', expire: 600 } } as const
  const now = { otp: { priority: 'normal', expire: 60 } } as const
  const code = { ...message(), type: 'otp', priority: 'high', acceptedAt: 100, sendAt: null } as const

  it('has what its type is owed, unless its sender had asked for something else', () => {
    const changed = under({ ...code, expireAt: 700 }, before, now)
    assert.deepEqual([changed.expireAt, changed.priority], [160, 'normal'])
    assert.equal(under({ ...code, expireAt: 650 }, before, now).expireAt, 650)
    assert.equal(under({ ...code, type: 'gone', expireAt: 700 }, before, now).expireAt, 700)
  })
})
