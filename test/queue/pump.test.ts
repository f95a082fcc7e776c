import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Priority } from '../../src/mail/message.ts'
import { startPump } from '../../src/queue/pump.ts'
import type { Claim } from '../../src/store/store.ts'

/** A pump of ten over a queue that is filled by hand; what it runs ends when told to. */
function pumping(test: TestContext) {
  const queue: Claim[] = []
  const running: (() => void)[] = []
  const ran: number[] = []
  const looked = { times: 0 }
  const pump = startPump({
    store: {
      async claim({ limit }) {
        looked.times++
        return queue.splice(0, limit)
      },
      nextDue: async () => null,
    },
    clock: () => 1_000,
    run: (claim) => {
      ran.push(claim.id)
      return new Promise((resolve) => void running.push(resolve))
    },
    failed: assert.fail,
    concurrency: 10,
    lease: 500,
  })
  test.after(() => pump.stop(0))
  return { pump, queue, running, ran, looked }
}

const claim = (id: number) => ({ id }) as Claim
/** All that follows by itself has happened. */
const settled = () => new Promise((resolve) => setTimeout(resolve))

describe('the pump', () => {
  it('gives no place away before it has looked at what waits', async (test) => {
    const { pump } = pumping(test)
    assert.equal(pump.slot('high'), null)
    await settled()
    assert.equal(pump.slot('high')!.leaseUntil, 1_500)
    pump.slot('high')!.free()
  })

  it('gives places by priority, so that a flood leaves room for a code', async (test) => {
    const { pump } = pumping(test)
    await settled()
    const fill = (priority: Priority) => {
      let places = 0
      while (pump.slot(priority)) places++
      return places
    }
    assert.deepEqual([fill('low'), fill('normal'), fill('high')], [6, 3, 1])
  })

  it('runs a claim in its place, without looking for another when it ends', async (test) => {
    const { pump, running, ran, looked } = pumping(test)
    await settled()
    const before = looked.times
    pump.slot('normal')!.start(claim(7))
    assert.deepEqual([ran, pump.inFlight()], [[7], 1])
    running[0]!()
    await settled()
    assert.deepEqual([pump.inFlight(), looked.times], [0, before])
  })

  it('gives no place to new mail while some waits, and takes what waits as places are free', async (test) => {
    const { pump, queue, running, ran } = pumping(test)
    await settled()
    queue.push(...Array.from({ length: 12 }, (_, id) => claim(id)))
    pump.wake()
    await settled()
    assert.equal(ran.length, 10)
    assert.equal(pump.slot('high'), null)
    for (const end of running.splice(0)) end()
    await settled()
    assert.equal(ran.length, 12)
    for (const end of running.splice(0)) end()
    await settled()
    assert.notEqual(pump.slot('high'), null)
  })

  it('waits for what is in flight and for what is being accepted, and gives no more places', async (test) => {
    const { pump, running } = pumping(test)
    await settled()
    const place = pump.slot('normal')!
    let stopped = false
    const stopping = pump.stop(60_000).then(() => {
      stopped = true
    })
    assert.equal(pump.slot('high'), null)
    place.start(claim(1))
    await settled()
    assert.equal(stopped, false)
    running[0]!()
    await stopping
  })
})
