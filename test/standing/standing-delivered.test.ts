/** That what providers answer and tell becomes figures for routing, and stays over a restart; time is fed. */
import assert from 'node:assert/strict'
import { afterEach, mock, test } from 'node:test'
import { Hosts } from '../../src/hosts.ts'
import { deliveredShare } from '../../src/route/delivered.ts'
import { Standings } from '../../src/standing/standing.ts'
import type { Store } from '../../src/store/store.ts'
import { message, provider } from '../support/examples.ts'

afterEach(() => mock.timers.reset())

async function opened(kept: Map<string, unknown>, names: string[]) {
  const store = {
    state: async (key: string) => kept.get(key) ?? null,
    setState: async (key: string, value: unknown) => void kept.set(key, JSON.parse(JSON.stringify(value))),
    usage: async () => ({}),
  } as unknown as Store
  const parts = { store, clock: Date.now, dice: () => 0.5, hosts: new Hosts(async () => null, Date.now) }
  const standings = await Standings.open(
    { ...parts, turned: () => {}, regex: () => () => false },
    names.map((name) => {
      const told = provider(name)
      const webhook = { tells: ['delivered'], secrets: [], setup: '', verify: () => true, read: () => [] } as const
      return { ...told, adapter: { ...told.adapter, webhook } }
    }),
  )
  return {
    async send(name: string, id: string, email: string) {
      await standings.call(
        name,
        message({ id }),
        async () => new Map([[email, { kind: 'accepted', providerMessageId: id }]]),
      )
    },
    tell(name: string, messageId: string, recipient: string, type: 'delivered' | 'bounced' | 'complained') {
      standings.heard(name, {
        messageId,
        tenant: '',
        recipient,
        mailType: 'marketing',
        type,
        bounce: type === 'bounced' ? 'block' : null,
        words: null,
      })
    },
    share: (name: string, email: string) =>
      deliveredShare(standings.forMessage(message(), email, Date.now()).get(name)!.delivered),
  }
}

test('what is told of accepted mail is the provider’s share, at the host, and over a restart', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 })
  const kept = new Map<string, unknown>()
  const before = await opened(kept, ['a', 'silent'])
  for (let mail = 0; mail < 200; mail++) {
    for (const name of ['a', 'silent']) await before.send(name, `msg_${mail}`, 'p@gmail.com')
    mock.timers.tick(1_000)
    before.tell('a', `msg_${mail}`, 'p@gmail.com', mail % 10 === 0 ? 'bounced' : 'delivered')
  }
  assert.equal(before.share('a', 'p@googlemail.com')!.toFixed(2), '0.90')
  assert.equal(before.share('silent', 'p@gmail.com'), null)
  before.tell('a', 'msg_1', 'p@gmail.com', 'complained')
  assert.ok(before.share('a', 'p@gmail.com')! < 0.87)

  mock.timers.tick(20 * 60_000)
  const after = await opened(kept, ['a', 'silent'])
  assert.equal(after.share('a', 'p@gmail.com')!.toFixed(2), '0.90')
  assert.equal(after.share('silent', 'p@gmail.com'), null)
})
