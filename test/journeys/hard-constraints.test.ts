/** What no rule and no pin gets round: mail that must leave through Europe waits, and nobody uses another tenant's account. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { remove, type Waypost, waypost } from '../support/waypost.ts'

const entry = (tenant: string, scopes = 'send, read, route, manage') =>
  `  - { hash: "sha256:${createHash('sha256').update(`wp_live_${tenant}`).digest('hex')}", tenant: ${tenant}, scopes: [${scopes}] }`
const as = (tenant: string) => ({ authorization: `Bearer wp_live_${tenant}` })

let eu: FakeMx
let us: FakeMx
let gateway: Waypost

before(async () => {
  eu = await fakeMx()
  us = await fakeMx()
  gateway = await waypost(`
keys:
${entry('gmbh')}
${entry('inc')}
${entry('reader', 'read')}
providers:
  eu: { adapter: smtp, host: 127.0.0.1, port: ${eu.port}, tls: none, labels: [eu] }
  us: { adapter: smtp, host: 127.0.0.1, port: ${us.port}, tls: none }
  own: { adapter: smtp, host: 127.0.0.1, port: ${us.port}, tls: none, tenants: [inc] }
tenants: { gmbh: { labels: [eu] } }
demands: [{ name: europeans, when: { recipient.domain: { glob: "*.de" } }, labels: [eu] }]
routes: [{ name: default, use: { first: [us, eu] } }]
`)
})
after(async () => {
  await gateway.stop()
  remove(gateway.folder)
  await Promise.all([eu.close(), us.close()])
})

const letter = (more = {}) => ({ from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hi.', ...more })
const explain = async (tenant: string, more = {}) => (await gateway.post('/v1/explain', letter(more), as(tenant))).body
const shown = async (id: string, tenant: string) =>
  (await (await fetch(`${gateway.url}/v1/messages/${id}`, { headers: as(tenant) })).json()) as {
    recipients: { status: string; provider: string | null }[]
  }
async function until(id: string, tenant: string, status: string) {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; ) {
    const { recipients } = await shown(id, tenant)
    if (recipients.every((one) => one.status === status)) return recipients
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${id} does not become ${status}: ${JSON.stringify(await shown(id, tenant))}`)
}

test('mail of a tenant, and mail to whom a demand is about, go through Europe, each saying why', async () => {
  const { candidates, rejected } = await explain('gmbh')
  assert.deepEqual(
    [candidates.map(({ provider }: { provider: string }) => provider), rejected],
    [['eu'], [{ provider: 'us', reason: 'lacks the label eu that tenant gmbh asks for' }]],
  )
  const { plans } = await explain('inc', { to: ['bob@example.org', 'eva@example.de'] })
  assert.deepEqual(
    plans.map(({ recipients, candidates }: { recipients: string[]; candidates: { provider: string }[] }) => [
      recipients,
      candidates.map(({ provider }) => provider),
    ]),
    [
      [['bob@example.org'], ['us', 'eu']],
      [['eva@example.de'], ['eu']],
    ],
  )
  assert.match(JSON.stringify(plans), /lacks the label eu that the demand europeans asks for/)
})

test('while Europe takes nothing it waits, even where the other account is pinned, and leaves there when it can', async () => {
  await gateway.post('/v1/providers/eu/drain', {}, as('gmbh'))
  const id = await gateway.send(letter(), as('gmbh'))
  await until(id, 'gmbh', 'deferred')
  const pinned = await gateway.send(letter({ provider: 'us' }), as('gmbh'))
  await until(pinned, 'gmbh', 'failed')
  assert.equal(us.received.length, 0)
  await gateway.post('/v1/providers/eu/resume', {}, as('gmbh'))
  assert.equal((await until(id, 'gmbh', 'sent'))[0]!.provider, 'eu')
  assert.deepEqual([eu.received.length, us.received.length], [1, 0])
})

test('an account that is a tenant’s own carries that tenant’s mail alone, and is told to nobody who does not manage', async () => {
  assert.equal((await explain('inc', { provider: 'own' })).candidates[0].provider, 'own')
  const { candidates, rejected } = await explain('gmbh', { provider: 'own' })
  assert.deepEqual([candidates, rejected], [[], [{ provider: 'own', reason: "is another tenant's own account" }]])
  const tenantsTold = async (tenant: string) => {
    const answer = await fetch(`${gateway.url}/v1/providers`, { headers: as(tenant) })
    const { providers } = (await answer.json()) as { providers: { name: string; tenants: string[] | null }[] }
    return providers.find(({ name }) => name === 'own')!.tenants
  }
  assert.deepEqual([await tenantsTold('inc'), await tenantsTold('reader')], [['inc'], null])
})
