/** What an explanation says before is what a send then does, and what the message's own explanation says afterwards. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { waypost as command } from '../cli/running.ts'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import type { FakeVendor } from '../support/fake-vendors/vendor.ts'
import { json } from '../support/fake-vendors/vendor.ts'
import { remove, type Waypost, waypost } from '../support/waypost.ts'

interface Plan {
  route: string
  policy: string
  candidates: { provider: string; score: number; reasons: string[] }[]
  rejected: { provider: string; reason: string }[]
}

let relays: Record<string, FakeMx>
let down: FakeVendor
let gateway: Waypost

before(async () => {
  relays = { cheap: await fakeMx(), dear: await fakeMx() }
  down = await fakePostmark()
  down.always({ reply: json(503, { ErrorCode: 100, Message: 'Maintenance' }) })
  const relay = (name: string, cost: number) =>
    `{ adapter: smtp, host: 127.0.0.1, port: ${relays[name]!.port}, tls: none, cost: { perThousand: ${cost} } }`
  gateway = await waypost(`
providers:
  dear: ${relay('dear', 2)}
  cheap: ${relay('cheap', 0.1)}
  down: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${down.url}", breaker: { failures: 1000 } }
types: { split: {}, cost: {}, first: {}, failing: {}, chosen: {} }
routes:
  - { name: split, when: { type: split }, use: { split: { cheap: 70, dear: 30, sticky: recipient } } }
  - { name: cost, when: { type: cost }, use: { best: { of: [dear, cheap], by: cost } } }
  - { name: first, when: { all: [{ type: first }, { recipient.domain: example.org }] }, use: { first: [dear, cheap] } }
  - { name: failing, when: { type: failing }, use: { first: [down, cheap] } }
  - { name: default, use: cheap }
`)
})
after(async () => {
  await gateway.stop()
  remove(gateway.folder)
  await Promise.all([down.close(), ...Object.values(relays).map((relay) => relay.close())])
})

const names = ({ candidates }: Plan) => candidates.map(({ provider }) => provider)

/** Explains over HTTP and on the command line, sends, and compares all that is told with what was done. */
async function explainAndSend(type: string, to: string): Promise<string> {
  const mail = { from: 'ann@example.com', to, subject: 'Hello', text: 'Hi.', type }
  const explained: Plan = (await gateway.post('/v1/explain', mail)).body
  const flags = ['--from', mail.from, '--to', to, '--subject', mail.subject, '--text', mail.text, '--type', type]
  const { code, out } = await command(['explain', '--json', '--url', gateway.url, ...flags])
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(out), explained)

  const id = await gateway.send(mail)
  const [recipient] = (await gateway.until(id, 'sent')).recipients
  const tried = recipient.attempts.map(({ provider }: { provider: string }) => provider)
  assert.deepEqual(tried, names(explained).slice(0, tried.length), `${type} for ${to}`)
  assert.equal(recipient.provider, tried.at(-1))
  const afterwards: Plan = (await gateway.get(`/v1/messages/${id}/explain`)).body
  assert.deepEqual(
    [afterwards.route, afterwards.policy, afterwards.candidates],
    [explained.route, explained.policy, explained.candidates],
  )
  return recipient.provider
}

test('split: each recipient where the explanation said, and the shares are about right', async () => {
  const before = Object.fromEntries(Object.entries(relays).map(([name, { received }]) => [name, received.length]))
  const by: string[] = []
  for (let number = 0; number < 40; number++) by.push(await explainAndSend('split', `p${number}@example.org`))
  const share = by.filter((name) => name === 'cheap').length
  // The draws depend on the addresses alone, which are always the same here.
  assert.ok(share > 20 && share < 38, `${share} of 40 at 70 %`)
  assert.equal(relays.cheap!.received.length - before.cheap!, share)
  assert.equal(await explainAndSend('split', 'p7@example.org'), by[7], 'the same recipient, the same provider')
})

test('best by cost: the cheapest', async () => {
  assert.equal(await explainAndSend('cost', 'bob@example.org'), 'cheap')
})

test('first: in the order of the list; and the rule that matches is the rule that is used', async () => {
  assert.equal(await explainAndSend('first', 'bob@example.org'), 'dear')
  assert.equal(await explainAndSend('first', 'bob@example.net'), 'cheap')
})

test('a provider that fails: the second candidate, as the explanation listed them', async () => {
  assert.equal(await explainAndSend('failing', 'bob@example.org'), 'cheap')
  const plan: Plan = (
    await gateway.post('/v1/explain', { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.', type: 'failing' })
  ).body
  assert.deepEqual(names(plan), ['down', 'cheap'])
})

test('a drained provider is ruled out before and during', async () => {
  await gateway.post('/v1/providers/dear/drain', {})
  try {
    assert.equal(await explainAndSend('first', 'bob@example.org'), 'cheap')
    const plan: Plan = (
      await gateway.post('/v1/explain', { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.', type: 'first' })
    ).body
    assert.deepEqual(plan.rejected, [{ provider: 'dear', reason: 'drained by an operator' }])
  } finally {
    await gateway.post('/v1/providers/dear/resume', {})
  }
})

test('explaining keeps nothing', async () => {
  const before = (await gateway.get('/v1/events?limit=1')).body.events[0].id
  await gateway.post('/v1/explain', { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.' })
  assert.equal((await gateway.get('/v1/events?limit=1')).body.events[0].id, before)
})
