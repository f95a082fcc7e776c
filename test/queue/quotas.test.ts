/** How mail waits for limits that only some mail meets, and what is learnt while a provider warms up; time is fed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hosts } from '../../src/hosts.ts'
import type { Limits, Provider } from '../../src/mail/provider.ts'
import { Standings } from '../../src/standing/standing.ts'
import type { Store } from '../../src/store/store.ts'
import { message, provider } from '../support/examples.ts'

const none: Limits = { perSecond: null, perMinute: null, perHour: null, perDay: null, perMonth: null }
const noon = Date.UTC(2026, 10, 25, 12)

async function stand(providers: Provider[], types: Record<string, { limits: Limits | null }> = {}) {
  let now = noon
  const clock = () => now
  const store = {
    ...{ state: async () => null, setState: async () => {} },
    ...{ usage: async () => ({}), minutesSince: async () => [] },
  } as unknown as Store
  const hosts = new Hosts(async () => null, clock)
  const parts = { store, clock, dice: () => 0.5, hosts, regex: () => () => false, turned() {} }
  const standings = await Standings.open(parts, providers, { types, tenants: {} })
  const to = ['p@gmail.com']
  const mail = (id: string, type: string) => message({ id, type, acceptedAt: now })
  return {
    standings,
    closed: (id: string, type: string) => standings.forMessage(mail(id, type), to[0]!, now).get('a')!.closed?.reason,
    take(type = 'transactional') {
      const taken = standings.take('a', { type, tenant: 'acme', to }, now)
      return typeof taken === 'string' ? taken : null
    },
    wait: (id: string, type: string) =>
      standings.wait({ message: mail(id, type), to, providers: ['a'], waits: 0, openAt: now }, 0.5),
    pass: (milliseconds: number) => (now += milliseconds),
  }
}

const perSecond = (limit: number): Limits => ({ ...none, perSecond: limit })

for (const [what, providers, types, reason] of [
  ['a type', [provider('a')], { news: { limits: perSecond(10) } }, 'type news is at its limit of 10 a second'],
  [
    'a provider at a host',
    [provider('a', { limits: { ...none, inFlight: 150, hosts: { gmail: perSecond(10) } } })],
    {},
    'at its limit of 10 a second at gmail',
  ],
] as const) {
  test(`who waits for the limit of ${what} stands in line at its pace, and fresh mail behind`, async () => {
    const { closed, take, wait, pass, standings } = await stand([...providers], types)
    for (let mail = 0; mail < 10; mail++) assert.equal(take('news'), null)
    assert.equal(take('news'), reason)
    assert.equal(closed('msg_0', 'news'), reason)
    const turns = Array.from({ length: 50 }, (_, count) => wait(`msg_${count}`, 'news') - noon)
    assert.ok(
      turns.every((turn, place) => place === 0 || turn - turns[place - 1]! >= 100),
      `${turns}`,
    )
    assert.ok(turns.at(-1)! < 7_000, `${turns}`)
    pass(turns[0]!)
    assert.equal(closed('msg_0', 'news'), undefined, 'its turn has come')
    assert.match(closed('msg_fresh', 'news')!, /^others wait for .* and go first$/)
    if (what === 'a type') assert.equal(closed('msg_other', 'transactional'), undefined)
    standings.close()
  })
}

test('complaints that a vendor tells of keep a warm-up from growing', async () => {
  const webhook = { secrets: [], setup: '', verify: () => true, events: () => [] }
  const a = provider('a', { warmup: { start: 100, growth: 0.4, per: 'host', until: 1_000 } })
  const telling = { ...a, adapter: { ...a.adapter, webhook } } as unknown as Provider
  const { standings, take, pass } = await stand([telling])
  assert.equal(take(), null)
  const complain = (id: string) =>
    standings.heard('a', {
      ...{ messageId: id, recipient: 'p@gmail.com', mailType: 'news', type: 'complained', bounce: null },
      ...{ tenant: '', words: null },
    })
  complain('msg_1')
  complain('msg_2')
  const view = () => standings.views()[0]!.warmup[0]!
  assert.equal(view().paused, true)
  pass(86_400_000)
  assert.deepEqual([view().day, view().limit], [1, 100])
  standings.close()
})
