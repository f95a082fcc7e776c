/** A backlog that comes back: the oldest first within a priority, never more than the provider may be given, and no stampede. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { createGateway } from '../../src/gateway.ts'
import { Hosts } from '../../src/hosts.ts'
import type { Priority } from '../../src/mail/message.ts'
import { Moves } from '../../src/moves.ts'
import { Poison } from '../../src/queue/poison.ts'
import { Standings } from '../../src/standing.ts'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import { arrival, start } from '../store/mail.ts'
import { provider } from '../support/examples.ts'
import { newFolder, remove } from '../support/waypost.ts'

test('two thousand wait for a provider that takes fifty a second', async () => {
  const folder = newFolder()
  const store = await openSqlite({ path: `${folder}/waypost.db` })
  let now = start
  const clock = () => now
  const limits = { perSecond: 50, perMinute: null, perHour: null, perDay: null, perMonth: null, inFlight: 150 }
  const only = provider('only', { limits })
  const text = 'providers: { only: { adapter: inbox } }\nroutes: [{ name: default, use: only }]'
  const load = async () => only.adapter
  const parsed = await parseConfig(text, { file: 'test', env: {}, adapters: new Map([['inbox', load]]) })
  assert.ok('config' in parsed, JSON.stringify(parsed))
  const standings = await Standings.open(
    { store, clock, dice: () => 0.5, hosts: new Hosts(async () => null, clock), turned() {}, regex: () => () => false },
    [only],
  )
  const poison = await Poison.open(store, { left: () => [], set() {}, wipe() {} })
  const never = () => assert.fail('nothing is sent so')
  const gateway = createGateway({
    store,
    standings,
    moves: await Moves.open({ store, clock, turned() {} }, parsed.config.policy),
    poison,
    carriers: { http: { send: never, reconcile: never }, smtp: { deliver: never }, mx: { deliver: never } },
    clock,
    dice: () => 0.5,
    settled() {},
    attempted() {},
    perhapsTwice() {},
    stranded() {},
    bug: (error) => assert.fail(String(error)),
    config: () => parsed.config,
    regex: never,
    hostOf: async () => null,
    wake() {},
  })
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
