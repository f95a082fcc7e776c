/** A backlog: it does not look again and again while it waits, and comes back the oldest first within a priority, at the pace of the limit. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { createGateway } from '../../src/gateway.ts'
import { Hosts } from '../../src/hosts.ts'
import type { Priority } from '../../src/mail/message.ts'
import { diagnostic, forAll, type Outcome } from '../../src/mail/outcome.ts'
import type { Provider } from '../../src/mail/provider.ts'
import { Moves } from '../../src/moves.ts'
import { Poison } from '../../src/queue/poison.ts'
import { uniform } from '../../src/route/chance.ts'
import type { Carriers } from '../../src/send/attempt.ts'
import { MemoryQueue } from '../../src/simulate/queue.ts'
import type { LearntParts } from '../../src/standing/learnt.ts'
import { Standings } from '../../src/standing/standing.ts'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import { arrival, start } from '../store/mail.ts'
import { message, provider } from '../support/examples.ts'
import { newFolder, remove } from '../support/waypost.ts'

const hour = 3_600_000
const never = () => assert.fail('nothing is sent so')

/** A gateway with one provider, of which a test moves the clock and claims what is due. */
async function gatewayTo(
  only: Provider,
  store: Parameters<typeof createGateway>[0]['store'] & Parameters<typeof Poison.open>[0] & LearntParts['store'],
  clock: () => number,
  dice = () => 0.5,
  send: Carriers['http']['send'] = never,
) {
  const text = 'providers: { only: { adapter: inbox } }\nroutes: [{ name: default, use: only }]'
  const load = async () => only.adapter
  const parsed = await parseConfig(text, { file: 'test', env: {}, adapters: new Map([['inbox', load]]) })
  assert.ok('config' in parsed, JSON.stringify(parsed))
  const { config } = parsed
  const turned = (_: string, what: string) => void (what === 'closed' && gateway.hasten())
  const standings = await Standings.open(
    { store, clock, dice, hosts: new Hosts(async () => null, clock), turned, regex: () => () => false },
    [only],
  )
  const gateway = createGateway({
    store,
    standings,
    moves: await Moves.open({ store, clock, turned() {} }, config.policy),
    poison: await Poison.open(store, { left: () => [], set() {}, wipe() {} }),
    carriers: { http: { send, reconcile: never }, smtp: { deliver: never }, mx: { deliver: never } },
    clock,
    dice,
    settled() {},
    attempted() {},
    perhapsTwice() {},
    stranded() {},
    bug: (error) => assert.fail(String(error)),
    config: () => config,
    regex: never,
    hostOf: async () => null,
    wake() {},
  })
  return { gateway, standings }
}

test('two thousand wait for a provider that takes fifty a second', async () => {
  const folder = newFolder()
  const store = await openSqlite({ path: `${folder}/waypost.db` })
  let now = start
  const limits = { perSecond: 50, perMinute: null, perHour: null, perDay: null, perMonth: null, inFlight: 150 }
  const { gateway, standings } = await gatewayTo(provider('only', { limits }), store, () => now)
  /** Does what is due, as the pump would, and moves the clock on to what is due next. */
  let claimed = 0
  async function advance(until: number): Promise<void> {
    while (now < until) {
      const claims = await store.claim({ now, leaseUntil: now + 60_000, limit: 200, priority: 'low' })
      claimed += claims.length
      await Promise.all(claims.map((claim) => gateway.run(claim)))
      if (claims.length > 0) continue
      const due = await store.nextDue()
      now = Math.min(until, Math.max(now + 1, due ?? until))
      if (due === null) return
    }
  }
  try {
    // Everything is down, and the mail of a minute waits.
    await standings.drain('only', true)
    const accepted = new Map<string, number>()
    const priorities = new Map<string, Priority>()
    for (let step = 0; step < 20; step++) {
      const mails = Array.from({ length: 100 }, (_, count) => {
        const priority: Priority = count % 20 === 0 ? 'high' : 'normal'
        const acceptedAt = now + count
        return arrival({ message: { acceptedAt, expireAt: now + 86_400_000, priority } })
      })
      for (const { message } of mails) {
        accepted.set(message.id, message.acceptedAt)
        priorities.set(message.id, message.priority)
      }
      await Promise.all(mails.map((mail) => store.accept(mail)))
      await advance(now + 3_000)
    }
    const began = now
    claimed = 0
    await standings.drain('only', false)
    await gateway.resume('only')
    await new Promise((resolve) => setTimeout(resolve, 100))
    await advance(now + 90_000)
    assert.equal(await store.nextDue(), null)

    const went: { id: string; at: number }[] = []
    for (const id of accepted.keys()) {
      const view = (await store.message(id, 'acme'))!
      assert.equal(view.attempts.length, 1)
      went.push({ id, at: view.attempts[0]!.at })
    }
    went.sort((a, b) => a.at - b.at)
    for (const [place, { at }] of went.entries()) {
      const next = went[place + 50]
      assert.ok(!next || next.at >= at + 1_000, `more than 50 in the second from ${at - began}`)
    }
    const took = went.at(-1)!.at - began
    assert.ok(took >= 39_000 && took <= 60_000, `all went in ${took} ms`)
    // Neither are they looked at again and again while they wait.
    assert.ok(claimed < 5 * went.length, `${claimed} claims`)
    for (const priority of ['high', 'normal'] as const) {
      const ages = went.filter(({ id }) => priorities.get(id) === priority).map(({ id }) => accepted.get(id)!)
      const inOrder = ages.toSorted((a, b) => a - b)
      const late = ages.map((age, place) => place - inOrder.indexOf(age))
      assert.ok(Math.max(...late) <= 100, `one was overtaken by ${Math.max(...late)} of its priority`)
    }
  } finally {
    standings.close()
    await store.close()
    remove(folder)
  }
})

test('a hundred wait three hours for a provider that is down: a few look each time, and all are told that it is well', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: start })
  let down = true
  let calls = 0
  const sent: string[] = []
  const fault: Outcome = { kind: 'deferred', cause: 'provider', diagnostic: diagnostic('503', 'down') }
  const send: Carriers['http']['send'] = async (_, { message, recipients }) => {
    const emails = recipients.map(({ email }) => email)
    calls++
    if (down) return forAll(emails, fault)
    sent.push(message.id)
    return forAll(emails, { kind: 'accepted', providerMessageId: message.id })
  }
  let thrown = 0
  const only = provider('only')
  only.adapter.send = { kind: 'http', request: never, outcomes: never }
  const store = new MemoryQueue({ recorded() {}, waits() {} })
  const { gateway, standings } = await gatewayTo(only, store, Date.now, () => uniform(++thrown), send)
  let claimed = 0
  async function advance(until: number): Promise<void> {
    while (Date.now() < until) {
      const now = Date.now()
      const claims = await store.claim({ now, leaseUntil: now + 60_000, limit: 200, priority: 'low' })
      claimed += claims.length
      await Promise.all(claims.map((claim) => gateway.run(claim)))
      if (claims.length === 0) mock.timers.tick(Math.max(1, Math.min(until, (await store.nextDue()) ?? until) - now))
    }
  }
  try {
    for (let count = 0; count < 100; count++) {
      const expireAt = start + 24 * hour
      store.accept(message({ id: `msg_${count}`, acceptedAt: Date.now(), expireAt }), ['ann@example.org'], null)
      await advance(Date.now() + 1_000)
    }
    await advance(start + 3 * hour)
    // Each time that it may be probed, it is.
    assert.ok(calls > (0.8 * 3 * hour) / only.breaker.open, `${calls} calls`)
    // All would look every time, or twice.
    assert.ok(claimed < 40 * calls, `${claimed} claims, ${calls} calls`)
    down = false
    await advance(Date.now() + 1.2 * only.breaker.open + 1)
    // All but those whose own try failed of late, which come by their schedule.
    assert.ok(sent.length > 50, `${sent.length} went`)
    await advance(Date.now() + 2 * hour)
    assert.equal(new Set(sent).size, 100)
    assert.equal(sent.length, 100)
  } finally {
    standings.close()
    mock.timers.reset()
  }
})
