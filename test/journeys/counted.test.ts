/** What became of mail, by provider, type and mailbox host, with what it cost: over a restart, and to each tenant its own. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { fakeMx } from '../support/fake-mx.ts'
import { newFolder, remove, waypost } from '../support/waypost.ts'

const key = (tenant: string, scopes: string) =>
  `  - { hash: "sha256:${createHash('sha256').update(`wp_live_${tenant}`).digest('hex')}", tenant: ${tenant}, scopes: [${scopes}] }`
const as = (tenant: string) => ({ authorization: `Bearer wp_live_${tenant}` })

test('figures by provider, type and host, and the money', async () => {
  const relay = await fakeMx()
  const folder = newFolder()
  const config = `
keys:
${key('acme', 'send, read, route')}
${key('globex', 'send, read')}
${key('boss', 'send, read, manage')}
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, cost: { included: 2, perThousand: 100 } }
  keep: { adapter: inbox }
budgets: { all: { perMonth: 1 } }
routes: [{ name: default, use: relay }]
`
  const mail = (to: string, more: object = {}) => ({ from: 'ann@example.com', to, subject: 'Hi', text: 'Hi.', ...more })
  let gateway = await waypost(config, folder)
  const until = async (id: string, tenant: string) => {
    const look = async () => (await fetch(`${gateway.url}/v1/messages/${id}`, { headers: as(tenant) })).json()
    while ((await look()).status !== 'sent');
  }
  const stats = async (query: string, tenant: string) => {
    const answer = await fetch(`${gateway.url}/v1/stats?${query}`, { headers: as(tenant) })
    const body = await answer.json()
    return answer.status === 200 ? body.stats : answer.status
  }
  const names = (rows: { name: string; accepted: number; cost: number }[]) =>
    rows.map(({ name, accepted, cost }) => [name, accepted, cost])
  try {
    const sent: [to: string | string[], tenant: string, more?: object][] = [
      [['a@gmail.com', 'b@gmail.com', 'c@example.net'], 'acme'],
      ['d@outlook.com', 'acme', { type: 'otp' }],
      ['e@example.net', 'acme', { provider: 'keep' }],
      ['f@gmail.com', 'globex'],
    ]
    for (const [to, tenant, more] of sent) {
      const id = await gateway.send({ ...mail('x'), to, ...more }, as(tenant))
      await until(id, tenant)
    }
    await gateway.stop()
    gateway = await waypost(config, folder)
    assert.deepEqual(names(await stats('by=provider', 'acme')), [
      ['keep', 1, 0],
      ['relay', 4, 0.2],
    ])
    const [, relayed] = await stats('', 'acme')
    assert.equal(relayed.acceptedShare, 1)
    assert.equal(relayed.deliveredShare, null, 'it tells nothing of deliveries')
    assert.ok(relayed.latencyMs >= 0)
    assert.ok(relayed.month.spent >= 0.2, 'the month of the provider, of all tenants')
    assert.ok('forecast' in relayed.month)
    const hosts = await stats('by=host', 'acme')
    assert.deepEqual(
      names(hosts).map(([name, accepted]) => [name, accepted]),
      [
        ['gmail', 2],
        ['other', 2],
        ['outlook', 1],
      ],
    )
    assert.deepEqual(names(await stats('by=type&since=2026-01-01T00:00:00Z', 'globex')), [['transactional', 1, 0.1]])
    assert.deepEqual(await stats('since=2999-01-01T00:00:00Z', 'acme'), [])
    assert.equal(await stats('tenants=all', 'acme'), 403)
    assert.deepEqual(names(await stats('tenants=all', 'boss')), [
      ['keep', 1, 0],
      ['relay', 5, 0.3],
    ])

    const ask = async (path: string) => (await fetch(`${gateway.url}${path}`, { headers: as('boss') })).json()
    const { providers } = await ask('/v1/providers')
    assert.equal(providers[0].month.spent, 0.3)
    assert.equal(providers[0].month.freeLeft, 0)
    assert.equal(providers[0].costPerThousand, 100)
    assert.equal(providers[1].month, null)
    const { budgets } = await ask('/v1/budgets')
    assert.deepEqual([budgets[0].spent, budgets[0].level], [0.3, 0])
    const figures = await (await fetch(`${gateway.url}/metrics`)).text()
    assert.match(figures, /waypost_spend\{provider="relay"\} 0\.3\n/)
    assert.match(figures, /waypost_budget_used\{budget="all",per="month"\} 0\.3\n/)
  } finally {
    await gateway.stop()
    await relay.close()
    remove(folder)
  }
})
