/** What a draft would do: the gateway's own engine on a clock of its own. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readOutage } from '../../src/simulate/outage.ts'
import type { Figures } from '../../src/simulate/tally.ts'
import { compared, relays } from './simulating.ts'

const of = (runs: Figures[]) => runs[0]!

describe('a simulation', () => {
  it('gives the same figures for the same seed, and others for another', async () => {
    const [one, again, other] = [
      await compared(relays(), relays('best: { of: [dear, cheap], by: cost }')),
      await compared(relays(), relays('best: { of: [dear, cheap], by: cost }')),
      await compared(relays(), relays('best: { of: [dear, cheap], by: cost }'), { seed: 2 }),
    ]
    assert.deepEqual(again, one)
    assert.notDeepEqual(of(other.present).latency, of(one.present).latency)
  })

  it('accounts for every recipient', async () => {
    const { present, draft } = await compared(relays(), relays('first: [cheap]'), {
      outages: [readOutage('cheap@9h+30m')],
    })
    for (const runs of [present, draft]) {
      const { recipients, taken, bounced, suppressed, expired, failed } = of(runs)
      assert.equal(taken + bounced + suppressed + expired + failed, recipients)
    }
    assert.ok(of(draft).expired > 0, 'codes do not wait for half an hour')
    assert.equal(of(present).expired, 0)
    assert.ok(of(draft).waited > 0)
  })

  it('shows what a draft costs beside the present policy', async () => {
    const { present, draft } = await compared(relays(), relays('first: [cheap, dear]'))
    assert.ok(Math.abs(of(present).cost / of(present).taken - 0.002) < 0.0001)
    assert.ok(Math.abs(of(draft).cost / of(draft).taken - 0.001) < 0.0001)
    const { costByStep, cost } = of(draft).providers.cheap!
    assert.ok(Math.abs(costByStep.reduce((sum, step) => sum + step, 0) - cost) < 1e-9)
  })

  it('moves mail to the second while the first is down, and back', async () => {
    const quiet = of((await compared(relays(), relays())).present)
    const { present, draft } = await compared(relays(), relays('first: [cheap, dear]'), {
      outages: [readOutage('dear@8h+4h')],
    })
    const { dear, cheap } = of(present).providers
    assert.ok(dear!.opened > 0)
    assert.ok(of(present).failovers > quiet.failovers + 5)
    const share = (from: number, until: number) => {
      // Sixty steps in a day.
      const taken = (steps: number[]) => steps.slice(from * 2.5, until * 2.5).reduce((sum, step) => sum + step, 0)
      return taken(dear!.takenByStep) / (taken(dear!.takenByStep) + taken(cheap!.takenByStep))
    }
    assert.equal(share(8, 12), 0)
    assert.ok(share(0, 8) > 0.95)
    assert.ok(share(14, 24) > 0.95)
    assert.equal(of(draft).providers.dear!.opened, 0, 'whom nobody calls opens no breaker')
    assert.equal(of(present).expired, 0)
  })

  it('shows what an answer that never comes leaves behind: doubt, for mail that rather goes twice', async () => {
    const { present } = await compared(relays(), relays(), { outages: [readOutage('dear@9h+2h silent')] })
    assert.ok(of(present).providers.dear!.possibleDuplicates > 0)
    assert.equal(of(present).providers.cheap!.possibleDuplicates, 0)
  })

  it('offers codes to the next where the first is slow', async () => {
    const { present } = await compared(relays(), relays(), { outages: [readOutage('dear@0h+24h slow')] })
    assert.ok(of(present).types.otp!.p99! < 10_000, String(of(present).types.otp!.p99))
    assert.ok(of(present).types.transactional!.p50! >= 10_000)
    assert.ok(of(present).providers.cheap!.taken > 0)
  })

  it('counts who met a limit, and what went on for that', async () => {
    const { present, draft } = await compared(relays(), relays('first: [dear, cheap]', ', limits: { perDay: 500 }'))
    // A draft that names routes and providers stands alone.
    assert.equal(of(present).limited, 0)
    const { dear, cheap } = of(draft).providers
    assert.equal(dear!.taken + cheap!.taken, of(draft).taken)
    assert.ok(dear!.taken <= 500 && dear!.taken > 450, String(dear!.taken))
    assert.ok(Math.abs(dear!.limited - cheap!.taken) < 20, `${dear!.limited} at the limit, ${cheap!.taken} elsewhere`)
    assert.equal(of(draft).waited, 0)
  })

  it('lets mail wait at a limit where there is nobody else', async () => {
    const { draft } = await compared(relays(), relays('first: [dear]', ', limits: { perMinute: 4 }'), { messages: 500 })
    assert.ok(of(draft).waited > 0)
    // Who comes later stands behind those, and does not meet the limit itself.
    assert.ok(of(draft).limited > 0)
    assert.ok(of(draft).latency.p99! > 60_000)
  })

  it('owes mail what the draft says of its type', async () => {
    const draft = 'types: { transactional: { expire: 5m } }'
    const { present, draft: changed } = await compared(relays('first: [dear]'), draft, {
      outages: [readOutage('dear@10h+20m')],
    })
    assert.equal(of(present).types.transactional!.expired, 0)
    assert.ok(of(changed).types.transactional!.expired > 0)
  })
})
